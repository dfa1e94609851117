//! `cargo xtask`: arguments and exit codes; the work is in the library.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::{
    bench::{self, Bench},
    build::{self, Mode, Part},
    demo, dist, doctor, fuzz, guard, suite,
    tools::{Setup, cross::Machine, system::Consent},
};

/// Pinlatch's own tools.
#[derive(Parser)]
#[command(name = "cargo xtask", version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
    #[command(flatten)]
    install: Install,
}

/// What may be installed. Without either option, a terminal is asked; without a terminal, root needs no permission.
#[derive(clap::Args)]
struct Install {
    /// Installs missing packages without asking.
    #[arg(long, global = true, conflicts_with = "no_install")]
    yes: bool,
    /// Never changes the system: prints the commands that install what is missing, and stops.
    #[arg(long, global = true)]
    no_install: bool,
}

impl Install {
    fn setup(&self) -> Result<Setup> {
        Setup::new(match (self.yes, self.no_install) {
            (true, _) => Consent::Given,
            (false, false) => Consent::Ask,
            (false, true) => Consent::Refused,
        })
    }
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
        /// Builds the Worker and the panel as they are deployed, which takes several minutes longer.
        #[arg(long)]
        release: bool,
    },
    /// Checks the formatting, runs clippy and the native tests: the quick loop while you work.
    Check,
    /// Runs every check and test; with FILTER only the tests whose names contain it.
    Test {
        /// Part of the names of tests.
        filter: Option<String>,
        /// Runs the end-to-end tests with the Worker and the panel as they are deployed (always so in CI).
        #[arg(long)]
        release: bool,
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
    },
    /// Builds the packages that users install, with checksums, into `target/dist`.
    Dist {
        /// For which machines [default: all].
        #[arg(long = "target")]
        targets: Vec<Machine>,
        /// Builds the programs quickly instead of well.
        #[arg(long)]
        quick: bool,
    },
    /// Tries the link's failures with many commands under way, and the slow failures too.
    Chaos {
        /// How many commands.
        #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..1 << 24))]
        commands: u32,
        /// Repeats the random choices of a run, which tells its seed.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Loses the link again and again, as in a night of a bad network, and looks whether the agent stays as it was.
    Night {
        /// How often.
        #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        reconnects: u32,
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
    let Arguments { command, install } = Arguments::parse();
    match run(command, &install) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task, install: &Install) -> Result<ExitCode> {
    match task {
        Task::Demo { port, fresh, release } => {
            demo::run(&install.setup()?, &demo::Options { port, fresh, mode: Mode::release(release) })
        }
        Task::Check => done(suite::check(&install.setup()?)),
        Task::Test { filter, release } => {
            let release = release || std::env::var_os("CI").is_some();
            done(suite::run(&install.setup()?, Mode::release(release), filter.as_deref()))
        }
        Task::Build { parts, quick, target } => {
            done(build::run(&install.setup()?, &parts, Mode::release(!quick), target))
        }
        Task::Dist { targets, quick } => done(dist::run(&install.setup()?, &targets, Mode::release(!quick))),
        Task::Chaos { commands, seed } => done(suite::chaos(&install.setup()?, commands, seed)),
        Task::Night { reconnects } => done(suite::night(&install.setup()?, reconnects)),
        Task::Bench { name, minutes, json } => {
            Ok(success_if(bench::run(&install.setup()?, name, minutes, json)?))
        }
        Task::Fuzz { target, seconds } => Ok(success_if(fuzz::run(&install.setup()?, target, seconds)?)),
        Task::Doctor { json } => Ok(success_if(doctor::run(&Setup::new(Consent::Refused)?, json)?)),
        Task::Guard { program } => guard::run(&program),
    }
}

fn done(result: Result<()>) -> Result<ExitCode> {
    result.map(|()| ExitCode::SUCCESS)
}

fn success_if(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
