//! Defines the arguments and exit codes of `cargo xtask`. The library implements the tasks.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::{
    bench::{self, Bench},
    build::{self, Mode, Part},
    demo, dist, doctor, fuzz, guard, suite,
    tools::{Consent, Setup, cross::Machine},
    ui,
};

/// Build, test and run Pinlatch during development.
#[derive(Parser)]
#[command(name = "cargo xtask", version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
    #[command(flatten)]
    install: Install,
}

/// Determines whether xtask is allowed to install packages. If neither option is given, xtask asks on a terminal.
/// Without a terminal, root needs no permission.
#[derive(clap::Args)]
struct Install {
    /// Installs missing system packages without asking for permission.
    #[arg(long, global = true, conflicts_with = "no_install")]
    yes: bool,
    /// Never installs system packages. If packages are missing, prints the command that installs them, and stops.
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
    /// Runs the Worker, the panel and a simulated device on this machine. Prints `ready: URL` when the demo is ready.
    Demo {
        /// The port at which the demo listens. If this port is in use, the demo uses another port
        /// [default: 8787].
        #[arg(long)]
        port: Option<u16>,
        /// Deletes the state of earlier runs of the demo.
        #[arg(long)]
        fresh: bool,
        /// Builds the Worker and the panel with the settings of a deployment, which takes several minutes longer.
        #[arg(long)]
        release: bool,
    },
    /// Checks the formatting, and runs clippy and the native tests. This task is the fast check during development.
    Check,
    /// Runs every check and test. With FILTER, this task runs only the tests whose names contain FILTER.
    Test {
        /// The text that the names of the tests must contain.
        filter: Option<String>,
        /// Builds the Worker and the panel with the settings of a deployment. In CI, this option is always set.
        #[arg(long)]
        release: bool,
    },
    /// Builds the Worker, the panel and the native programs, or only the given parts. Can also build the agent for a
    /// device.
    Build {
        /// The parts to build [default: all parts except `agent`].
        parts: Vec<Part>,
        /// Compiles the Worker, the panel and the device's agent faster, with less optimisation.
        #[arg(long)]
        quick: bool,
        /// The type of machine for which `agent` is built.
        #[arg(long, default_value = "arm64")]
        target: Machine,
    },
    /// Builds the software packages that users install, with checksums, into `target/dist`.
    Dist {
        /// A type of machine for which packages are built. The option can be given several times
        /// [default: all].
        #[arg(long = "target")]
        targets: Vec<Machine>,
        /// Compiles the programs faster, with less optimisation.
        #[arg(long)]
        quick: bool,
    },
    /// Sends many commands to an agent while the network connection fails in many ways, and checks the results. Some of
    /// these tests are slow.
    Chaos {
        /// The number of commands to send.
        #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..1 << 24))]
        commands: u32,
        /// The seed of an earlier run. With the same seed, the run repeats the random choices of the earlier run.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Interrupts the agent's connection many times, as a bad network does in one night. Checks that the agent's state
    /// does not change.
    Night {
        /// The number of interruptions of the connection.
        #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        reconnects: u32,
    },
    /// Runs a benchmark. The exit code is 1 if a measured value exceeds its limit.
    Bench {
        /// The name of the benchmark.
        name: Bench,
        /// The number of minutes for which the benchmark `panel` measures the page [default: half a minute].
        #[arg(long)]
        minutes: Option<f64>,
        /// Prints the results as one JSON array instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Runs the fuzzer on the parsers of untrusted input. The exit code is 1 if a parser fails on an input.
    ///
    /// The task `test` does not include fuzzing. Fuzzing needs nightly Rust and cargo-fuzz. If these tools are missing,
    /// this task installs them.
    Fuzz {
        /// The fuzz target [default: all fuzz targets, one after the other].
        target: Option<fuzz::Target>,
        /// The number of seconds for which each fuzz target runs.
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
        seconds: u32,
    },
    /// Lists the installed tools and the missing tools. For each missing tool, prints how to install the tool.
    Doctor {
        /// Prints the list as one JSON object instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Runs a program. When stdin of this task closes, ends the program and all its descendant processes.
    #[command(hide = true)]
    Guard {
        /// The program to run, followed by its arguments.
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
            let release = release || ui::is_ci();
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
