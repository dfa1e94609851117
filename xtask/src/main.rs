//! `cargo xtask`: arguments and exit codes; the work is in the library.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::{
    bench::{self, Bench},
    build::{self, Mode, Part},
    demo, dist, doctor, fuzz, guard, suite,
    tools::{Setup, cross::Machine},
};

/// Pinlatch's own tools.
#[derive(Parser)]
#[command(name = "cargo xtask", version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Runs everything on this machine, with a simulated device; prints `ready: URL`.
    Demo {
        /// The port to serve at; a free one is taken where it is busy [default: 8787].
        #[arg(long)]
        port: Option<u16>,
        /// Forgets what earlier runs left.
        #[arg(long)]
        fresh: bool,
        /// Builds the wasm parts quickly instead of well.
        #[arg(long)]
        quick: bool,
        /// Installs packages without asking.
        #[arg(long)]
        yes: bool,
    },
    /// Runs every check and test; with FILTER only the tests whose names contain it.
    Test {
        /// Part of the names of tests.
        filter: Option<String>,
        /// Installs packages without asking.
        #[arg(long)]
        yes: bool,
    },
    /// Builds the Worker, the panel, the native programs [default: all], or the agent for a device.
    Build {
        /// What to build.
        parts: Vec<Part>,
        /// Builds the wasm parts and the device's agent quickly instead of well.
        #[arg(long)]
        quick: bool,
        /// The device that `agent` is built for.
        #[arg(long, default_value = "arm64")]
        target: Machine,
        /// Installs packages without asking.
        #[arg(long)]
        yes: bool,
    },
    /// Builds the packages that users install, with checksums, into `target/dist`.
    Dist {
        /// For which machines [default: all].
        #[arg(long = "target")]
        targets: Vec<Machine>,
        /// Builds the programs quickly instead of well.
        #[arg(long)]
        quick: bool,
        /// Installs packages without asking.
        #[arg(long)]
        yes: bool,
    },
    /// Tries the link's failures with many commands under way, and the slow failures too.
    Chaos {
        /// How many commands.
        #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..1 << 24))]
        commands: u32,
        /// Repeats the random choices of a run, which tells its seed.
        #[arg(long)]
        seed: Option<u64>,
        /// Installs packages without asking.
        #[arg(long)]
        yes: bool,
    },
    /// Loses the link again and again, as in a night of a bad network, and looks whether the agent stays as it was.
    Night {
        /// How often.
        #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        reconnects: u32,
        /// Installs packages without asking.
        #[arg(long)]
        yes: bool,
    },
    /// Measures; exits 1 where a bar does not hold.
    Bench {
        /// What to measure.
        name: Bench,
        /// For how long `panel` watches the page (half a minute otherwise).
        #[arg(long)]
        minutes: Option<f64>,
        /// One JSON array instead of a table.
        #[arg(long)]
        json: bool,
        /// Installs packages without asking.
        #[arg(long)]
        yes: bool,
    },
    /// Fuzzes what reads tokens and keys of strangers; exits 1 where an input was found that fails.
    ///
    /// No part of `test`. Needs nightly Rust and cargo-fuzz, and installs them.
    Fuzz {
        /// What to fuzz [default: every target, one after the other].
        target: Option<fuzz::Target>,
        /// How long to fuzz each target.
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
        seconds: u32,
        /// Installs packages without asking.
        #[arg(long)]
        yes: bool,
    },
    /// Tells which tools are there, which are missing, and how to get them.
    Doctor {
        /// One JSON object instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Runs a program that ends, with all it starts, when our standard input closes.
    #[command(hide = true)]
    Guard {
        /// The program and its arguments.
        #[arg(last = true, required = true)]
        program: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<ExitCode> {
    match task {
        Task::Demo { port, fresh, quick, yes } => {
            demo::run(&Setup::new(yes)?, &demo::Options { port, fresh, quick })
        }
        Task::Test { filter, yes } => {
            suite::run(&Setup::new(yes)?, filter.as_deref())?;
            Ok(ExitCode::SUCCESS)
        }
        Task::Build { parts, quick, target, yes } => {
            build::run(&Setup::new(yes)?, &parts, Mode::quick(quick), target)?;
            Ok(ExitCode::SUCCESS)
        }
        Task::Dist { targets, quick, yes } => {
            dist::run(&Setup::new(yes)?, &targets, Mode::quick(quick))?;
            Ok(ExitCode::SUCCESS)
        }
        Task::Chaos { commands, seed, yes } => {
            suite::chaos(&Setup::new(yes)?, commands, seed)?;
            Ok(ExitCode::SUCCESS)
        }
        Task::Night { reconnects, yes } => {
            suite::night(&Setup::new(yes)?, reconnects)?;
            Ok(ExitCode::SUCCESS)
        }
        Task::Bench { name, minutes, json, yes } => {
            Ok(success_if(bench::run(&Setup::new(yes)?, name, minutes, json)?))
        }
        Task::Fuzz { target, seconds, yes } => Ok(success_if(fuzz::run(&Setup::new(yes)?, target, seconds)?)),
        Task::Doctor { json } => Ok(success_if(doctor::run(&Setup::new(false)?, json)?)),
        Task::Guard { program } => guard::run(&program),
    }
}

fn success_if(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
