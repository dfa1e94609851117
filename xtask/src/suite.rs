//! `cargo xtask test`: everything that must hold, in one order, stopping at the first that does not.

mod native_tests;

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result};

use crate::{
    build::{self, Mode, device::Program, native},
    edge::quiet_wrangler,
    guard, paths, process,
    tools::{
        Setup, Tools,
        browser::{self, Browser},
        cross::Machine,
        emulator::{self, Emulator},
        nspawn::{self, Nspawn},
        python, shell,
        wasm_target::WASM,
    },
    ui,
};

/// The crates that must also compile for the edge or the browser.
const WASM_CRATES: [&str; 5] =
    ["pinlatch-edge", "pinlatch-panel", "pinlatch-protocol", "pinlatch-token", "pinlatch-site"];

/// Everything whose tests run without a deployment: the Worker's and the panel's own among them.
const NATIVE: [&str; 3] = ["--workspace", "--exclude", "e2e"];

/// How many end-to-end tests run at a time for each core: they wait more than they compute.
const PER_CORE: usize = 4;

/// The same in CI, whose machine may be busy with others: what each test waits for has its deadline.
const PER_CORE_IN_CI: usize = 3;

/// How many at most: so many logins may wait for the gate of a deployment before it refuses one.
const AT_MOST: usize = 8;

/// Runs everything; with a filter only the tests whose names contain it, and what they need built.
pub fn run(setup: &Setup, filter: Option<&str>) -> Result<()> {
    let root = paths::root();
    let began = Instant::now();
    headline("tools");
    let tools = Tools::ensure(setup)?;
    let browser = browser::ensure(setup)?;
    let python = python::ensure(setup)?;
    shell::ensure(setup)?;
    let emulator = Emulated::sought(setup)?;
    let nspawn = find_nspawn(setup)?;

    if filter.is_none() {
        headline("formatting");
        step(process::cargo(&root).args(["fmt", "--all", "--check"]))?;
        headline("clippy");
        let mut clippy = process::cargo(&root);
        clippy.args(["clippy", "--quiet", "--all-targets"]).args(NATIVE).args(["--", "-D", "warnings"]);
        step(&mut clippy)?;
    }
    headline("native tests");
    timed(|| native_tests::run(&root, &NATIVE, filter))?;
    if filter.is_none() {
        headline("clippy for wasm32");
        step(&mut wasm_clippy(&root, &tools))?;
    }
    headline("wasm builds (release)");
    build::edge::build(&tools, Mode::Release)?;
    build::panel::build(&tools, Mode::Release)?;
    if filter.is_none() {
        headline("wrangler deploy --dry-run");
        dry_run(&root, &tools)?;
    }
    headline("native programs");
    let programs = native::build(native::Profile::Dev)?;
    let emulated = Emulated::with_programs(setup, emulator)?;
    let packaged = match nspawn {
        // The one at hand: what the packages do is the same with a static one, which takes minutes to compile.
        Ok(nspawn) => Packaged::Here { nspawn, agent: stripped(&programs.agent)? },
        Err(reason) => Packaged::Missing(reason),
    };

    if filter.is_none() {
        headline("clippy of the end-to-end tests");
        let mut clippy = process::cargo(&root);
        clippy.args(["clippy", "--quiet", "-p", "e2e", "--all-targets", "--", "-D", "warnings"]);
        step(&mut clippy)?;
    }
    headline("end-to-end tests");
    let environment = Environment {
        tools: &tools,
        programs: &programs,
        browser: &browser,
        python: &python,
        emulated: Some(&emulated),
        packaged: Some(&packaged),
    };
    let mut e2e = test(&root, &["-p", "e2e"], filter);
    environment.set(&mut e2e)?;
    if std::env::var_os("RUST_TEST_THREADS").is_none() {
        let per_core = if std::env::var_os("CI").is_some() { PER_CORE_IN_CI } else { PER_CORE };
        e2e.env("RUST_TEST_THREADS", (per_core * cores()).min(AT_MOST).to_string());
    }
    // Before the runner: its own closing lines come last.
    ui::say(&format!("   (all before this took {})", ui::seconds(began.elapsed())));
    process::loudly(&mut e2e)
}

/// How many processors there are; two where nobody says.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get)
}

/// Runs the tests of a link that fails, with so many commands.
pub fn chaos(setup: &Setup, commands: u32, seed: Option<u64>) -> Result<()> {
    let mut variables = vec![("PINLATCH_CHAOS_COMMANDS", commands.to_string())];
    variables.extend(seed.map(|seed| ("PINLATCH_CHAOS_SEED", seed.to_string())));
    long(setup, "chaos::", &variables)
}

/// Runs the test of a link that is lost again and again, so many times.
pub fn night(setup: &Setup, reconnects: u32) -> Result<()> {
    long(setup, "night::", &[("PINLATCH_NIGHT_RECONNECTS", reconnects.to_string())])
}

/// Runs tests in their long form, and shows what they tell.
fn long(setup: &Setup, filter: &str, variables: &[(&str, String)]) -> Result<()> {
    let tools = Tools::ensure(setup)?;
    let browser = browser::ensure(setup)?;
    let python = python::ensure(setup)?;
    build::edge::build(&tools, Mode::Release)?;
    build::panel::build(&tools, Mode::Release)?;
    let programs = native::build(native::Profile::Dev)?;
    let mut e2e = test(&paths::root(), &["-p", "e2e", "--test", "e2e"], Some(filter));
    e2e.arg("--nocapture").envs(variables.iter().map(|(name, value)| (name, value)));
    Environment {
        tools: &tools,
        programs: &programs,
        browser: &browser,
        python: &python,
        emulated: None,
        packaged: None,
    }
    .set(&mut e2e)?;
    process::loudly(&mut e2e)
}

/// A program without what only debuggers read, beside the program.
fn stripped(program: &Path) -> Result<PathBuf> {
    let stripped = program.with_extension("stripped");
    native::strip(program, &stripped)?;
    Ok(stripped)
}

/// What test binaries are told, as they cannot build anything themselves.
pub struct Environment<'a> {
    /// Node, wrangler.
    pub tools: &'a Tools,
    /// Command line and agent.
    pub programs: &'a native::Native,
    /// Chromium and its driver.
    pub browser: &'a Browser,
    /// Python with PyJWT.
    pub python: &'a Path,
    /// What emulated machines need; only where there are tests on them.
    pub emulated: Option<&'a Emulated>,
    /// What the tests of the packages need.
    pub packaged: Option<&'a Packaged>,
}

/// Whether a system with systemd can be booted.
pub enum Packaged {
    /// It can, and the agent to package for it.
    Here {
        /// The system and what boots it.
        nspawn: Nspawn,
        /// The agent for this machine, static.
        agent: PathBuf,
    },
    /// It cannot, for this reason.
    Missing(String),
}

/// Whether there are emulated machines.
pub enum Emulated {
    /// There are, and the agent to run on them.
    Here {
        /// QEMU and the machines.
        emulator: Emulator,
        /// The agent for arm64.
        arm64: PathBuf,
        /// The agent for the oldest Raspberry Pi.
        armhf: PathBuf,
    },
    /// This system has no packages for them, for this reason.
    Missing(String),
}

impl Emulated {
    /// Finds the emulator and builds what runs in it.
    pub fn find(setup: &Setup) -> Result<Self> {
        Self::with_programs(setup, Self::sought(setup)?)
    }

    /// The emulator, or why there can be none on this system: what needs it is then left out, which is said.
    fn sought(setup: &Setup) -> Result<Result<Emulator, String>> {
        if let Err(reason) = emulator::wanted() {
            ui::say(&format!("   NOTE: what runs on emulated machines is left out: {reason}"));
            return Ok(Err(reason.to_string()));
        }
        emulator::ensure(setup).map(Ok)
    }

    fn with_programs(setup: &Setup, emulator: Result<Emulator, String>) -> Result<Self> {
        Ok(match emulator {
            Ok(emulator) => {
                let agent = |machine| build::device::build(setup, Program::Agent, machine, Mode::Quick);
                Self::Here { emulator, arm64: agent(Machine::Arm64)?, armhf: agent(Machine::Armhf)? }
            }
            Err(reason) => Self::Missing(reason),
        })
    }
}

/// The system with systemd, or why there can be none: the tests of the packages are then left out, which is said.
fn find_nspawn(setup: &Setup) -> Result<Result<Nspawn, String>> {
    if let Err(reason) = nspawn::wanted() {
        ui::say(&format!("   NOTE: the tests of the packages are left out: {reason}"));
        return Ok(Err(reason.to_string()));
    }
    nspawn::ensure(setup).map(Ok)
}

impl Environment<'_> {
    /// Sets the variables of a command.
    pub fn set(&self, command: &mut Command) -> Result<()> {
        let variables: [(&str, PathBuf); 10] = [
            ("PINLATCH_BIN", self.programs.pinlatch.clone()),
            ("PINLATCH_AGENT_BIN", self.programs.agent.clone()),
            ("PINLATCH_XTASK", guard::guard_binary()?),
            ("PINLATCH_EDGE_DIST", paths::edge_dist()),
            ("PINLATCH_PANEL_DIST", paths::panel_dist()),
            ("PINLATCH_NODE", self.tools.node.clone()),
            ("PINLATCH_WRANGLER", self.tools.wrangler()),
            ("PINLATCH_CHROMIUM", self.browser.chromium.clone()),
            ("PINLATCH_CHROMEDRIVER", self.browser.driver.clone()),
            ("PINLATCH_PYTHON", self.python.to_owned()),
        ];
        command.envs(variables).env("PATH", self.tools.path()?);
        match self.emulated {
            Some(Emulated::Here { emulator, arm64, armhf }) => {
                command.env("PINLATCH_QEMU", &emulator.qemu).env("PINLATCH_GUESTS", &emulator.guests);
                command.env("PINLATCH_AGENT_ARM64", arm64).env("PINLATCH_AGENT_ARMHF", armhf);
            }
            Some(Emulated::Missing(reason)) => drop(command.env("PINLATCH_NO_EMULATOR", reason)),
            None => {}
        }
        match self.packaged {
            Some(Packaged::Here { nspawn, agent }) => {
                command.env("PINLATCH_NSPAWN", &nspawn.program).env("PINLATCH_SYSTEMD_ROOT", &nspawn.root);
                command
                    .env("PINLATCH_NSPAWN_LIBRARIES", &nspawn.libraries)
                    .env("PINLATCH_AGENT_PACKAGED", agent);
            }
            Some(Packaged::Missing(reason)) => drop(command.env("PINLATCH_NO_SYSTEMD", reason)),
            None => {}
        }
        Ok(())
    }
}

fn headline(title: &str) {
    ui::say(&format!("── {title}"));
}

fn step(command: &mut Command) -> Result<()> {
    timed(|| process::loudly(command))
}

/// Does something and tells how long it took.
fn timed(work: impl FnOnce() -> Result<()>) -> Result<()> {
    let began = Instant::now();
    work()?;
    ui::say(&format!("   {}", ui::seconds(began.elapsed())));
    Ok(())
}

fn test(root: &Path, selection: &[&str], filter: Option<&str>) -> Command {
    let mut cargo = process::cargo(root);
    cargo.args(["test", "--quiet"]).args(selection);
    if let Some(filter) = filter {
        cargo.arg("--").arg(filter);
    }
    cargo
}

fn wasm_clippy(root: &Path, tools: &Tools) -> Command {
    let mut clippy = process::cargo(root);
    clippy.args(["clippy", "--quiet", "--target", WASM, "--profile", "quick"]);
    for name in WASM_CRATES {
        clippy.args(["-p", name]);
    }
    clippy.args(["--", "-D", "warnings"]).env("WASM_BINDGEN_USE_JS_SYS", "1");
    tools.wasm.choose(&mut clippy);
    clippy
}

/// What a deployment would do up to the network, `[build]` of wrangler.toml included.
fn dry_run(root: &Path, tools: &Tools) -> Result<()> {
    let out = tempfile::tempdir().context("no folder for the bundle")?;
    let mut wrangler = Command::new(&tools.node);
    wrangler.arg(tools.wrangler()).args(["deploy", "--dry-run", "--outdir"]).arg(out.path());
    wrangler.current_dir(root).env("PATH", tools.path()?);
    process::clean_cargo_env(&mut wrangler);
    quiet_wrangler(&mut wrangler);
    process::quietly("wrangler deploy --dry-run", &mut wrangler)
}
