//! The Worker that is measured: `tests/bench-verify`, compiled as the edge is, and bundled with jose.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::{
    build::{
        Mode,
        bundler::{Bundler, Target, compile_bindgen},
        stamp::{self, Stamp},
        wasm::{self, BENCH_VERIFY},
    },
    paths,
    tools::{Setup, Tools, wasm_target},
};

/// Builds the Worker and names its entry.
pub(super) fn build(setup: &Setup, tools: &Tools) -> Result<PathBuf> {
    wasm::compile(&wasm_target::ensure(setup)?, Mode::Release, &[BENCH_VERIFY])?;
    let bundler = Bundler::new(tools, compile_bindgen()?, Mode::Release)?;
    let wasm = wasm::compiled(BENCH_VERIFY, Mode::Release, "bench_verify");
    let source = paths::root().join("tests/bench-verify/worker.js");
    let jose = tools.node_modules.join("jose/package.json");
    let [bindgen, wasm_opt, esbuild] = bundler.programs();
    let inputs = [&*wasm, &*source, &*jose, bindgen, wasm_opt, esbuild];
    let stamp = Stamp::new("bench-verify", stamp::of_files(&inputs)?);
    let work = paths::target().join("xtask/bench-verify");
    let (entry, bound) = (work.join("worker.js"), work.join("glue_bg.wasm"));
    if stamp.is_fresh(&[entry.clone(), bound.clone()]) {
        return Ok(entry);
    }
    stamp.clear();
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work).with_context(|| work.display().to_string())?;
    let module = work.join("glue.wasm");
    fs::copy(&wasm, &module).with_context(|| wasm.display().to_string())?;
    bundler.bind(Target::Web, &work, &module)?;
    bundler.optimise(&bound, "-O")?;
    bundle(&bundler, &source, &work.join("glue.js"), &entry)?;
    stamp.set()?;
    Ok(entry)
}

/// The wasm stays a file of its own beside the entry, as workerd wants it.
fn bundle(bundler: &Bundler, source: &Path, glue: &Path, entry: &Path) -> Result<()> {
    let glue = format!("--alias:glue={}", glue.display());
    let how = ["--bundle", "--format=esm", "--target=esnext", "--external:*.wasm", &glue];
    bundler.bundle(source, entry, how).map(drop)
}
