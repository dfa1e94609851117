//! Builds the Worker, the panel and the native programs. A step whose inputs have not changed is skipped.

pub mod bundler;
pub mod device;
mod mode;
pub mod native;
pub mod stamp;
pub mod wasm;

use std::path::{Path, PathBuf};

use anyhow::Result;

pub use self::mode::{Mode, Part};
use self::{
    bundler::Bundler,
    wasm::{BENCH_VERIFY, EDGE, EDGE_WITH_HOOKS, PANEL, compiled},
};
use crate::{
    paths,
    together::both,
    tools::{
        Setup, Tools,
        cross::Machine,
        npm,
        rust_target::{self, Library, WASM},
    },
};

/// The built Worker and panel, with the tools that built both parts.
pub struct Web {
    pub tools: Tools,
    library: Library,
    bundler: Bundler,
}

/// Builds the Worker and the panel, and installs missing tools. npm must be installed.
pub fn web(setup: &Setup, mode: Mode, crates: &[wasm::Crate]) -> Result<Web> {
    let compile = || {
        let library = rust_target::ensure(setup, WASM)?;
        wasm::compile(library, mode, crates)?;
        Ok(library)
    };
    let (library, (tools, program)) = both(compile, || both(|| Tools::ensure(setup), bundler::compile))?;
    let bundler = Bundler::new(&tools, program, mode)?;
    let wants = |one| mode == Mode::Quick || crates.contains(&one);
    let edge = || if wants(EDGE) { bundle_edge(&bundler, "the Worker", &mode.edge_dist()) } else { Ok(()) };
    let panel = || {
        let programs = wasm::PANEL_PROGRAMS.map(|name| compiled(PANEL, mode, name));
        let programs = programs.each_ref().map(PathBuf::as_path);
        bundler.run("the panel", "panel", &paths::root().join("panel"), &programs, &mode.panel_dist())
    };
    both(edge, || if wants(PANEL) { panel() } else { Ok(()) })?;
    Ok(Web { tools, library, bundler })
}

impl Web {
    /// Builds a Worker that panics on request, for a test. Returns the folder of the Worker.
    pub fn edge_with_hooks(&self) -> Result<PathBuf> {
        let dist = paths::target().join("test-dist").join(self.bundler.mode.named("edge-with-hooks"));
        wasm::compile(self.library, self.bundler.mode, &[EDGE_WITH_HOOKS])?;
        // This Worker is not optimised, because the optimisation takes minutes. The test checks only the script around
        // the wasm module.
        let mut bundler = self.bundler.clone();
        bundler.optimize = false;
        bundle_edge(&bundler, "the Worker with test hooks", &dist)?;
        Ok(dist)
    }

    /// Builds the Worker that measures the verification of tokens. Returns the path of the Worker's entry script.
    pub fn bench_verify(&self) -> Result<PathBuf> {
        wasm::compile(self.library, self.bundler.mode, &[BENCH_VERIFY])?;
        let wasm = compiled(BENCH_VERIFY, self.bundler.mode, "bench_verify");
        let source = paths::root().join("tests/bench-verify/worker.js");
        let dist = paths::target().join("test-dist/bench-verify");
        self.bundler.run("bench-verify", "web-worker", &source, &[&wasm], &dist)?;
        Ok(dist.join("index.js"))
    }
}

/// Bundles the variant of the Worker that was compiled last.
fn bundle_edge(bundler: &Bundler, step: &str, dist: &Path) -> Result<()> {
    let wasm = compiled(EDGE, bundler.mode, "pinlatch_edge");
    bundler.run(step, "worker", &paths::root().join("edge-worker/shim.js"), &[&wasm], dist)
}

/// Builds the given parts. If no part is given, all parts except `Agent` are built. Installs the tools that the parts
/// need.
pub fn run(setup: &Setup, parts: &[Part], mode: Mode, device: Machine) -> Result<()> {
    let wants = |part| parts.is_empty() || parts.contains(&Part::All) || parts.contains(&part);
    let web_parts = [(Part::Edge, EDGE), (Part::Panel, PANEL)];
    let crates: Vec<_> = web_parts.into_iter().filter(|(part, _)| wants(*part)).map(|(_, one)| one).collect();
    if !crates.is_empty() {
        setup.ensure_packages("building the Worker and the panel", &[&npm::PACKAGE])?;
    }
    both(
        || if crates.is_empty() { Ok(()) } else { web(setup, mode, &crates).map(drop) },
        || if wants(Part::Native) { native::build(native::Profile::Dev).map(drop) } else { Ok(()) },
    )?;
    if parts.contains(&Part::Agent) {
        println!("{}", device::build(setup, device::Program::Agent, device, mode)?.display());
    }
    Ok(())
}
