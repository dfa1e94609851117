//! What the end-to-end tests need besides cargo's builds: packages, downloads, agents for emulated devices.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::{
    build::{
        Mode,
        device::{self, Program},
        native::{self, Native},
    },
    guard,
    together::both,
    tools::{
        Setup, Tools,
        browser::{self, Browser},
        cross::Machine,
        emulator::{self, Emulator},
        npm,
        nspawn::{self, Nspawn},
        python, shell,
    },
    ui,
};

/// The machines that tests emulate.
const EMULATED: [Machine; 2] = [Machine::Arm64, Machine::Armhf];

/// Installs the packages that are missing, in one go.
pub fn ensure_packages(setup: &Setup) -> Result<()> {
    let compilers = EMULATED.map(Machine::package);
    let mut packages = vec![&npm::PACKAGE, &browser::PACKAGE, &python::PACKAGE];
    packages.extend(&shell::PACKAGES);
    match emulator::wanted() {
        Ok(()) => packages.extend(emulator::PACKAGES.iter().chain(&compilers)),
        Err(reason) => ui::say(&format!("NOTE: tests on emulated machines are left out: {reason}")),
    }
    match nspawn::wanted() {
        Ok(()) => packages.push(&nspawn::PACKAGE),
        Err(reason) => ui::say(&format!("NOTE: tests of the packages are left out: {reason}")),
    }
    setup.ensure_packages("cargo xtask test", &packages)
}

/// What is fetched, or the reason why there is none.
pub struct Downloads {
    browser: Browser,
    python: PathBuf,
    emulator: Result<Emulator, String>,
    nspawn: Result<Nspawn, String>,
}

/// Fetches what is missing. The packages are installed.
pub fn download(setup: &Setup) -> Result<Downloads> {
    let emulator = || match emulator::wanted() {
        Ok(()) => emulator::ensure(setup).map(Ok),
        Err(reason) => Ok(Err(reason.to_string())),
    };
    let nspawn = || match nspawn::wanted() {
        Ok(()) => nspawn::ensure(setup).map(Ok),
        Err(reason) => Ok(Err(reason.to_string())),
    };
    let (python, (emulator, nspawn)) = both(|| python::ensure(setup), || both(emulator, nspawn))?;
    Ok(Downloads { browser: browser::installed()?, python, emulator, nspawn })
}

/// Agents for the emulated machines, in the order of [`EMULATED`]; none where there are no such machines.
pub fn device_agents(setup: &Setup) -> Result<Option<[PathBuf; 2]>> {
    if emulator::wanted().is_err() {
        return Ok(None);
    }
    let agent = |machine| device::build(setup, Program::Agent, machine, Mode::Quick);
    let [arm64, armhf] = EMULATED.map(agent);
    Ok(Some([arm64?, armhf?]))
}

/// What is tested.
#[derive(Clone, Copy)]
pub struct Tested<'a> {
    /// Node, wrangler.
    pub tools: &'a Tools,
    /// How the Worker and the panel are built.
    pub mode: Mode,
    /// Command line and agent.
    pub programs: &'a Native,
}

/// The variables that test programs read, as they build nothing themselves.
pub struct Environment<'a> {
    tested: Tested<'a>,
    browser: &'a Browser,
    python: &'a Path,
    emulated: Option<Emulated>,
    packaged: Option<Packaged>,
}

/// Whether there are emulated machines.
pub enum Emulated {
    /// There are.
    Here {
        /// QEMU and the machines.
        emulator: Emulator,
        /// The agent for arm64.
        arm64: PathBuf,
        /// The agent for the oldest Raspberry Pi.
        armhf: PathBuf,
    },
    /// There are none, for this reason.
    Missing(String),
}

impl Emulated {
    /// Finds the emulator and builds what runs in it.
    pub fn find(setup: &Setup) -> Result<Self> {
        ensure_packages(setup)?;
        let emulator = download(setup)?.emulator;
        Ok(Self::of(&emulator, device_agents(setup)?))
    }

    fn of(emulator: &Result<Emulator, String>, agents: Option<[PathBuf; 2]>) -> Self {
        match (emulator, agents) {
            (Ok(emulator), Some([arm64, armhf])) => Self::Here { emulator: emulator.clone(), arm64, armhf },
            (Err(reason), _) => Self::Missing(reason.clone()),
            (Ok(_), None) => Self::Missing("there are no agents for them".into()),
        }
    }
}

/// Whether a system with systemd can be booted.
pub enum Packaged {
    /// It can.
    Here {
        /// The system and the program that boots it.
        nspawn: Nspawn,
        /// The agent to package.
        agent: PathBuf,
    },
    /// There is none, for this reason.
    Missing(String),
}

impl<'a> Environment<'a> {
    /// For all tests.
    pub fn new(tested: Tested<'a>, downloads: &'a Downloads, agents: Option<[PathBuf; 2]>) -> Result<Self> {
        let packaged = match &downloads.nspawn {
            // The development build: a static one takes minutes to compile, and the packages behave alike.
            Ok(nspawn) => Packaged::Here { nspawn: nspawn.clone(), agent: stripped(&tested.programs.agent)? },
            Err(reason) => Packaged::Missing(reason.clone()),
        };
        let emulated = Some(Emulated::of(&downloads.emulator, agents));
        Ok(Self { emulated, packaged: Some(packaged), ..Self::without_devices(tested, downloads) })
    }

    /// For tests and measurements that need neither emulated machines nor packages.
    pub fn without_devices(tested: Tested<'a>, downloads: &'a Downloads) -> Self {
        let Downloads { browser, python, .. } = downloads;
        Self { tested, browser, python, emulated: None, packaged: None }
    }

    /// The same with emulated machines.
    pub fn with_emulated(self, emulated: Option<Emulated>) -> Self {
        Self { emulated, ..self }
    }

    /// Sets the variables of a command.
    pub fn set(&self, command: &mut Command) -> Result<()> {
        let Tested { tools, mode, programs } = self.tested;
        let variables: [(&str, PathBuf); 10] = [
            ("PINLATCH_BIN", programs.pinlatch.clone()),
            ("PINLATCH_AGENT_BIN", programs.agent.clone()),
            ("PINLATCH_XTASK", guard::guard_binary()?),
            ("PINLATCH_EDGE_DIST", mode.edge_dist()),
            ("PINLATCH_PANEL_DIST", mode.panel_dist()),
            ("PINLATCH_NODE", tools.node.clone()),
            ("PINLATCH_WRANGLER", tools.wrangler()),
            ("PINLATCH_CHROMIUM", self.browser.chromium.clone()),
            ("PINLATCH_CHROMEDRIVER", self.browser.driver.clone()),
            ("PINLATCH_PYTHON", self.python.to_owned()),
        ];
        command.envs(variables).env("PATH", tools.path()?);
        match &self.emulated {
            Some(Emulated::Here { emulator, arm64, armhf }) => {
                command.env("PINLATCH_QEMU", &emulator.qemu).env("PINLATCH_GUESTS", &emulator.guests);
                command.env("PINLATCH_AGENT_ARM64", arm64).env("PINLATCH_AGENT_ARMHF", armhf);
            }
            Some(Emulated::Missing(reason)) => drop(command.env("PINLATCH_NO_EMULATOR", reason)),
            None => {}
        }
        match &self.packaged {
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

/// A copy of a program without debug information, in the same folder.
fn stripped(program: &Path) -> Result<PathBuf> {
    let stripped = program.with_extension("stripped");
    native::strip(program, &stripped)?;
    Ok(stripped)
}
