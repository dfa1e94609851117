//! Compiles the Worker and the panel to wasm.

use std::path::PathBuf;

use anyhow::Result;

use super::mode::Mode;
use crate::{
    paths, process,
    together::both,
    tools::rust_target::{Library, WASM},
};

/// A crate to compile to wasm, with the profile of the crate's release builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crate {
    package: &'static str,
    title: &'static str,
    /// The name of the profile in Cargo.toml.
    profile: &'static str,
    feature: Option<&'static str>,
}

const fn plain(package: &'static str, title: &'static str, profile: &'static str) -> Crate {
    Crate { package, title, profile, feature: None }
}

pub const EDGE: Crate = plain("pinlatch-edge", "the Worker", "edge");
/// The crate `panel`, which contains three programs.
pub const PANEL: Crate = plain("pinlatch-panel", "the panel", "panel");
pub const PANEL_PROGRAMS: [&str; 3] = ["entry", "panel", "manage"];
/// A Worker that panics on request, for the test of the Worker's recovery.
pub const EDGE_WITH_HOOKS: Crate =
    Crate { title: "the Worker with test hooks", feature: Some("pinlatch-edge/test-hooks"), ..EDGE };
/// The Worker that measures the verification of tokens (`cargo xtask bench verify`).
pub const BENCH_VERIFY: Crate = plain("bench-verify", "bench-verify", "edge");

pub fn compiled(of: Crate, mode: Mode, name: &str) -> PathBuf {
    paths::target().join(WASM).join(mode.profile(of.profile)).join(format!("{name}.wasm"))
}

/// Compiles crates to wasm. In [`Mode::Quick`], the Worker and the panel have the same profile and are always compiled
/// together. Each dependency is therefore compiled only once. In
/// [`Mode::Release`], only the given crates are compiled.
pub fn compile(library: Library, mode: Mode, crates: &[Crate]) -> Result<()> {
    match (mode, crates) {
        (Mode::Quick, [one]) if *one == EDGE_WITH_HOOKS => cargo(library, &[*one, PANEL], "quick"),
        (Mode::Quick, _) => cargo(library, &[EDGE, PANEL], "quick"),
        (Mode::Release, [one]) => cargo(library, &[*one], one.profile),
        (Mode::Release, [one, rest @ ..]) => {
            both(|| cargo(library, &[*one], one.profile), || compile(library, mode, rest)).map(drop)
        }
        (Mode::Release, []) => Ok(()),
    }
}

fn cargo(library: Library, crates: &[Crate], profile: &str) -> Result<()> {
    let mut cargo = library.cargo("build", WASM)?;
    cargo.args(["--profile", profile]);
    for one in crates {
        cargo.args(["-p", one.package]);
        one.feature.map(|feature| cargo.args(["--features", feature]));
    }
    // With this variable, the macros of wasm-bindgen use only js-sys for promises, as the crate `worker` expects.
    cargo.env("WASM_BINDGEN_USE_JS_SYS", "1");
    let titles: Vec<_> = crates.iter().map(|one| one.title).collect();
    process::quietly(&format!("compiling {} (profile {profile})", titles.join(" and ")), &mut cargo)
}
