//! Prepares everything that the end-to-end tests need in addition to cargo's builds: system packages, downloads, and
//! agents for emulated devices.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
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
        cross::{self, Machine},
        emulator::{self, Emulator},
        npm,
        nspawn::{self, Nspawn},
        proxies::{self, Proxies},
        python, shell,
    },
    ui,
};

const EMULATED: [Machine; 2] = [Machine::Arm64, Machine::Armhf];

/// Installs all missing system packages at once.
pub fn ensure_packages(setup: &Setup) -> Result<()> {
    let compilers = EMULATED.map(Machine::package);
    let mut packages = vec![&npm::PACKAGE, &browser::PACKAGE, &browser::LOCALHOST, &python::PACKAGE];
    packages.extend(&shell::PACKAGES);
    match emulator::wanted() {
        Ok(()) => packages.extend(emulator::PACKAGES.iter().chain(&compilers)),
        Err(reason) => ui::say(&format!("NOTE: tests on emulated machines are skipped: {reason}")),
    }
    match nspawn::wanted() {
        Ok(()) => packages.push(&nspawn::PACKAGE),
        Err(reason) => ui::say(&format!("NOTE: tests of the packages are skipped: {reason}")),
    }
    setup.ensure_packages("cargo xtask test", &packages)
}

/// The downloaded tools. If a tool is unavailable, the field contains the reason.
pub struct Downloads {
    browser: Browser,
    python: PathBuf,
    emulator: Result<Emulator, String>,
    nspawn: Result<Nspawn, String>,
    proxies: Result<Proxies, String>,
}

/// Downloads missing tools. [`ensure_packages`] must run before this function.
pub fn download(setup: &Setup) -> Result<Downloads> {
    let emulator = || if_wanted(emulator::wanted(), || emulator::ensure(setup));
    let nspawn = || if_wanted(nspawn::wanted(), || nspawn::ensure(setup));
    let proxies = || if_wanted(proxies::wanted(), || proxies::ensure(setup));
    // The compilers are downloaded here, in parallel with other builds, and not before the agents.
    let compilers = || {
        if_wanted(emulator::wanted(), || {
            EMULATED.iter().try_for_each(|machine| cross::ensure(setup, *machine).map(drop))
        })
    };
    let machines = || both(compilers, emulator).map(|(_, emulator)| emulator);
    let others = || both(|| python::ensure(setup), proxies);
    let ((python, proxies), (emulator, nspawn)) = both(others, || both(machines, nspawn))?;
    Ok(Downloads { browser: browser::installed()?, python, emulator, nspawn, proxies })
}

fn if_wanted<T>(wanted: Result<()>, get: impl FnOnce() -> Result<T>) -> Result<Result<T, String>> {
    match wanted {
        Ok(()) => get().map(Ok),
        Err(reason) => Ok(Err(reason.to_string())),
    }
}

/// The beginnings of the names of the tests that run agents on emulated machines.
const MACHINE_TESTS: [&str; 3] = ["alone::pi", "alone::rules", "alone::virt"];

/// Returns whether a test with one of these names runs an agent on an emulated machine.
pub fn uses_machines(names: &[String]) -> bool {
    names.iter().any(|name| MACHINE_TESTS.iter().any(|begin| name.starts_with(begin)))
}

/// Builds the agents for the emulated machines, in the order of [`EMULATED`]. Returns `None` if this system cannot
/// emulate these machines.
pub fn device_agents(setup: &Setup) -> Result<Option<[PathBuf; 2]>> {
    if emulator::wanted().is_err() {
        return Ok(None);
    }
    let agent = |machine| device::build(setup, Program::Agent, machine, Mode::Quick);
    let [arm64, armhf] = EMULATED.map(agent);
    Ok(Some([arm64?, armhf?]))
}

/// The builds that the tests run.
#[derive(Clone, Copy)]
pub struct Tested<'a> {
    pub tools: &'a Tools,
    pub mode: Mode,
    pub programs: &'a Native,
}

/// Environment variables with the paths of programs and files. Test programs need these paths, because test programs
/// build nothing themselves.
pub type Variables = Vec<(&'static str, OsString)>;

/// Returns the variables for all tests and benchmarks.
pub fn variables(tested: Tested<'_>, downloads: &Downloads) -> Result<Variables> {
    let Tested { tools, mode, programs } = tested;
    Ok(vec![
        ("PINLATCH_BIN", programs.pinlatch.clone().into()),
        ("PINLATCH_AGENT_BIN", programs.agent.clone().into()),
        ("PINLATCH_XTASK", guard::guard_binary()?.into()),
        ("PINLATCH_EDGE_DIST", mode.edge_dist().into()),
        ("PINLATCH_PANEL_DIST", mode.panel_dist().into()),
        ("PINLATCH_NODE", tools.node.clone().into()),
        ("PINLATCH_WRANGLER", tools.wrangler().into()),
        ("PINLATCH_CHROMIUM", downloads.browser.chromium.clone().into()),
        ("PINLATCH_CHROMEDRIVER", downloads.browser.driver.clone().into()),
        ("PINLATCH_PYTHON", downloads.python.clone().into()),
        ("PATH", tools.path()?),
    ])
}

/// Returns the variables for emulated machines with the given agents. If the emulated machines are unavailable, a
/// variable contains the reason.
pub fn machine_variables(downloads: &Downloads, agents: Option<[PathBuf; 2]>) -> Variables {
    match (&downloads.emulator, agents) {
        (Ok(emulator), Some([arm64, armhf])) => vec![
            ("PINLATCH_QEMU", emulator.qemu.clone().into()),
            ("PINLATCH_GUESTS", emulator.guests.clone().into()),
            ("PINLATCH_AGENT_ARM64", arm64.into()),
            ("PINLATCH_AGENT_ARMHF", armhf.into()),
        ],
        (Ok(_), None) => vec![("PINLATCH_NO_EMULATOR", "no agents were built for these machines".into())],
        (Err(reason), _) => vec![("PINLATCH_NO_EMULATOR", reason.into())],
    }
}

/// Returns the variables for the tests with reverse proxies. If the proxies are unavailable, a variable contains the
/// reason.
pub fn proxy_variables(downloads: &Downloads) -> Variables {
    match &downloads.proxies {
        Ok(Proxies { nginx, caddy }) => {
            vec![("PINLATCH_NGINX", nginx.into()), ("PINLATCH_CADDY", caddy.into())]
        }
        Err(reason) => vec![("PINLATCH_NO_PROXIES", reason.into())],
    }
}

/// Returns the variables for a system with systemd and for the agent in the package. If this system is unavailable, a
/// variable contains the reason.
pub fn package_variables(downloads: &Downloads, programs: &Native) -> Result<Variables> {
    Ok(match &downloads.nspawn {
        Ok(nspawn) => vec![
            ("PINLATCH_NSPAWN", nspawn.program.clone().into()),
            ("PINLATCH_SYSTEMD_ROOT", nspawn.root.clone().into()),
            ("PINLATCH_NSPAWN_LIBRARIES", nspawn.libraries.clone().into()),
            // The package contains the development build of the agent, because a static build takes minutes. The
            // behaviour of the package is the same with both builds.
            ("PINLATCH_AGENT_PACKAGED", stripped(&programs.agent)?.into()),
        ],
        Err(reason) => vec![("PINLATCH_NO_SYSTEMD", reason.into())],
    })
}

/// Writes a copy of a program without debug information into the same folder. Returns the path of the copy.
fn stripped(program: &Path) -> Result<PathBuf> {
    let stripped = program.with_extension("stripped");
    native::strip(program, &stripped)?;
    Ok(stripped)
}
