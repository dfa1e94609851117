//! The arguments and exit codes of `cargo xtask`. The library contains the tasks.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::{
    bench::{self, Bench},
    build::{self, Mode, Part},
    demo, dist, doctor, fuzz, guard, process, suite,
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

/// Permission to install packages. Without these options, xtask asks on a terminal. Without a terminal, root needs no
/// permission.
#[derive(clap::Args)]
struct Install {
    /// Installs missing packages without asking.
    #[arg(long, global = true, conflicts_with = "no_install")]
    yes: bool,
    /// Never changes the system. Prints the commands that install missing packages, and stops.
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
    /// Runs the edge, the panel and a simulated device on this machine, and prints `ready: URL`.
    Demo {
        /// The port. If it is in use, another free port is used [default: 8787].
        #[arg(long)]
        port: Option<u16>,
        /// Deletes the state of earlier runs.
        #[arg(long)]
        fresh: bool,
        /// Builds the Worker and the panel as deployed, which takes several minutes longer.
        #[arg(long)]
        release: bool,
    },
    /// Checks the formatting, and runs clippy and the native tests. Use this fast check during development.
    Check,
    /// Runs every check and test. With FILTER, runs only the tests whose names contain FILTER.
    Test {
        /// A part of the names of the tests to run.
        filter: Option<String>,
        /// Runs the end-to-end tests with the Worker and the panel as deployed. Always set in CI.
        #[arg(long)]
        release: bool,
    },
    /// Builds the Worker, the panel, the native programs (by default all three), or the agent for a device.
    Build {
        /// The parts to build.
        parts: Vec<Part>,
        /// Compiles the wasm parts and the device's agent faster, with less optimisation.
        #[arg(long)]
        quick: bool,
        /// The device that `agent` is built for.
        #[arg(long, default_value = "arm64")]
        target: Machine,
    },
    /// Builds the packages that users install, with checksums, into `target/dist`.
    Dist {
        /// The machines to build for [default: all].
        #[arg(long = "target")]
        targets: Vec<Machine>,
        /// Compiles the programs faster, with less optimisation.
        #[arg(long)]
        quick: bool,
    },
    /// Sends many commands while the link fails in many ways, and checks the results. Includes slow tests.
    Chaos {
        /// The number of commands.
        #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..1 << 24))]
        commands: u32,
        /// Repeats the random choices of an earlier run. Each run prints its seed.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Interrupts the link many times, as a bad network does in one night, and checks that the agent's state is
    /// unchanged.
    Night {
        /// The number of interruptions.
        #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        reconnects: u32,
    },
    /// Runs a benchmark. The exit code is 1 if a value exceeds its limit.
    Bench {
        /// The benchmark.
        name: Bench,
        /// How many minutes `panel` measures the page [default: half a minute].
        #[arg(long)]
        minutes: Option<f64>,
        /// Prints one JSON array instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Fuzzes the parsers of untrusted input. The exit code is 1 if an input fails.
    ///
    /// `test` does not include this task. Needs nightly Rust and cargo-fuzz, and installs them.
    Fuzz {
        /// The target [default: every target, one after the other].
        target: Option<fuzz::Target>,
        /// How many seconds each target is fuzzed.
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
        seconds: u32,
    },
    /// Lists installed tools, missing tools, and how to install them.
    Doctor {
        /// Prints one JSON object instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Runs a program. When stdin closes, ends the program and its descendants.
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
            let release = release || process::is_ci();
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
