//! Implements `cargo xtask check` and `cargo xtask test`, which run checks and tests and stop at the first failure.
//!
//! Independent steps run in parallel. These steps are cargo's builds for this machine, cargo's builds for wasm and
//! devices, and downloads.

mod cargo_tests;
mod cores;
pub mod needs;

use std::{collections::BTreeMap, process::Command, time::Duration};

use anyhow::{Context, Result};

use self::{
    cargo_tests::Compiled,
    cores::{AT_MOST, PER_CORE, PER_CORE_IN_CI, cores},
    needs::Tested,
};
use crate::{
    build::{self, Mode, bundler, native, wasm},
    edge::{config, quiet_wrangler},
    paths, process,
    together::both,
    tools::{
        Setup, Tools,
        rust_target::{self, WASM},
    },
    ui,
};

/// The crates that must also compile to wasm, for the edge or the browser.
const WASM_CRATES: [&str; 5] =
    ["pinlatch-edge", "pinlatch-panel", "pinlatch-protocol", "pinlatch-token", "pinlatch-site"];

/// Implements `cargo xtask check`: checks the formatting, and runs clippy and the native tests.
pub fn check(setup: &Setup) -> Result<()> {
    format()?;
    let native = || {
        clippy()?;
        cargo_tests::compile()
    };
    let (compiled, ()) = both(native, || wasm_clippy(setup))?;
    cargo_tests::run_native(compiled.native, None)
}

/// Implements `cargo xtask test`, which runs all checks and tests. With a filter, only the tests whose names contain
/// the filter are built and run.
pub fn run(setup: &Setup, mode: Mode, filter: Option<&str>) -> Result<()> {
    let whole = filter.is_none();
    needs::ensure_packages(setup)?;
    if whole {
        format()?;
    }
    let native = || {
        // The bundler is compiled first, because the other thread needs the bundler and the compilation of the tests
        // takes long.
        bundler::compile()?;
        if whole {
            clippy()?;
        }
        cargo_tests::compile()
    };
    let cross = || {
        if whole {
            wasm_clippy(setup)?;
        }
        // The last crates of an agent compile one after another. For this reason, the agents are compiled before the
        // web builds, while the native builds use the other processors. At most two cargo processes compile at a time.
        let agents = if whole { needs::device_agents(setup)? } else { None };
        let web = build::web(setup, mode, &[wasm::EDGE, wasm::PANEL])?;
        let hooks = web.edge_with_hooks()?;
        anyhow::Ok((web.tools, hooks, agents))
    };
    let (Compiled { native, programs }, ((tools, hooks, agents), downloads)) =
        both(native, || both(cross, || needs::download(setup)))?;
    cargo_tests::run_native(native, filter)?;
    if whole {
        dry_run(&tools, mode)?;
    }
    let tested = Tested { tools: &tools, mode, programs: &programs };
    // These agents take minutes to compile, so a filter that selects no test with them does not compile them.
    let agents = match filter {
        Some(filter) if needs::uses_machines(&cargo_tests::names(filter)?) => needs::device_agents(setup)?,
        _ => agents,
    };
    let mut e2e = cargo_tests::end_to_end(filter);
    e2e.envs(needs::variables(tested, &downloads)?);
    e2e.envs(needs::machine_variables(&downloads, agents));
    e2e.envs(needs::proxy_variables(&downloads));
    e2e.envs(needs::package_variables(&downloads, &programs)?);
    e2e.env("PINLATCH_EDGE_WITH_HOOKS_DIST", hooks);
    if std::env::var_os("RUST_TEST_THREADS").is_none() {
        let per_core = if ui::is_ci() { PER_CORE_IN_CI } else { PER_CORE };
        e2e.env("RUST_TEST_THREADS", (per_core * cores()).min(AT_MOST).to_string());
    }
    // The table is printed before the test runner starts, because the result of the test runner must be the last
    // output.
    ui::say(&ui::time_table(Duration::ZERO));
    ui::say(&format!("End-to-end tests, with {} builds of the Worker and the panel:", mode.name()));
    process::loudly(&mut e2e)
}

pub fn chaos(setup: &Setup, commands: u32, seed: Option<u64>) -> Result<()> {
    let mut variables = vec![("PINLATCH_CHAOS_COMMANDS", commands.to_string())];
    variables.extend(seed.map(|seed| ("PINLATCH_CHAOS_SEED", seed.to_string())));
    long(setup, "chaos::", &variables)
}

/// Runs the test that interrupts the agent's network connection many times.
pub fn night(setup: &Setup, reconnects: u32) -> Result<()> {
    long(setup, "night::", &[("PINLATCH_NIGHT_RECONNECTS", reconnects.to_string())])
}

/// Runs long tests with release builds, and shows the output of these tests.
fn long(setup: &Setup, filter: &str, variables: &[(&str, String)]) -> Result<()> {
    needs::ensure_packages(setup)?;
    let (web, downloads) =
        both(|| build::web(setup, Mode::Release, &[wasm::EDGE, wasm::PANEL]), || needs::download(setup))?;
    let programs = cargo_tests::compile()?.programs;
    let tested = Tested { tools: &web.tools, mode: Mode::Release, programs: &programs };
    let mut e2e = cargo_tests::end_to_end(Some(filter));
    e2e.arg("--nocapture").envs(variables.iter().map(|(name, value)| (name, value)));
    e2e.envs(needs::variables(tested, &downloads)?);
    process::loudly(&mut e2e)
}

fn format() -> Result<()> {
    process::quietly("checking the formatting", process::cargo().args(["fmt", "--all", "--check"]))
}

/// Runs clippy on all crates together, so that clippy checks each dependency only once.
fn clippy() -> Result<()> {
    let mut clippy = process::cargo();
    clippy.args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]);
    native::cargo("clippy", &mut clippy)
}

fn wasm_clippy(setup: &Setup) -> Result<()> {
    let mut clippy = rust_target::ensure(setup, WASM)?.cargo("clippy", WASM)?;
    clippy.args(["--profile", "quick"]);
    for name in WASM_CRATES {
        clippy.args(["-p", name]);
    }
    clippy.args(["--", "-D", "warnings"]).env("WASM_BINDGEN_USE_JS_SYS", "1");
    process::quietly("clippy for wasm32", &mut clippy)
}

/// Runs a deployment without the upload. In release mode, this function runs the same steps as `npx wrangler deploy`,
/// including `[build]` of wrangler.toml. In quick mode, the deployment uses the quick builds with the same
/// configuration.
fn dry_run(tools: &Tools, mode: Mode) -> Result<()> {
    let out = tempfile::tempdir().context("cannot create a folder for the bundle")?;
    let mut wrangler = Command::new(&tools.node);
    wrangler.arg(tools.wrangler()).args(["deploy", "--dry-run", "--outdir"]).arg(out.path().join("bundle"));
    if mode == Mode::Quick {
        let file = out.path().join("wrangler.json");
        config::write(&file, &mode.edge_dist(), &mode.panel_dist(), &BTreeMap::new())?;
        wrangler.arg("--config").arg(file);
    }
    wrangler.current_dir(paths::root()).env("PATH", tools.path()?);
    process::clean_cargo_env(&mut wrangler);
    quiet_wrangler(&mut wrangler);
    process::quietly("wrangler deploy --dry-run", &mut wrangler)
}
