//! The Worker that is measured: `tests/bench-verify`, compiled as the edge is, and bundled with jose.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{
    build::{
        edge::compile_as_worker_build_does,
        stamp::{self, Stamp},
    },
    paths, process,
    tools::{Tools, wasm_target::WASM},
};

const PROFILE: &str = "edge";
/// What worker-build tells wasm-opt.
const WASM_OPT: [&str; 8] = [
    "-O",
    "--enable-mutable-globals",
    "--enable-sign-ext",
    "--enable-nontrapping-float-to-int",
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-reference-types",
    "--enable-exception-handling",
];

/// Builds the Worker and names its entry.
pub(super) fn build(tools: &Tools) -> Result<PathBuf> {
    let root = paths::root();
    let mut cargo = process::cargo(&root);
    cargo.args(["build", "--lib", "-p", "bench-verify", "--target", WASM, "--profile", PROFILE]);
    compile_as_worker_build_does(tools, &mut cargo)?;
    process::quietly(&format!("compiling bench-verify (profile {PROFILE})"), &mut cargo)?;

    let wasm = paths::target().join(WASM).join(PROFILE).join("bench_verify.wasm");
    let source = root.join("tests/bench-verify/worker.js");
    let jose = tools.node_modules.join("jose/package.json");
    let inputs = [&wasm, &source, &jose, &tools.wasm_bindgen, &tools.wasm_opt(), &tools.esbuild()];
    let stamp = Stamp::new("bench-verify", stamp::of_files(&inputs.map(PathBuf::as_path))?);
    let work = paths::target().join("xtask/bench-verify");
    let (entry, bound) = (work.join("worker.js"), work.join("glue_bg.wasm"));
    if stamp.is_fresh(&[entry.clone(), bound.clone()]) {
        return Ok(entry);
    }
    stamp.clear();
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work).with_context(|| work.display().to_string())?;
    let mut bindgen = Command::new(&tools.wasm_bindgen);
    bindgen.args(["--target", "web", "--no-typescript", "--out-name", "glue", "--out-dir"]);
    process::quietly("binding bench-verify (wasm-bindgen)", bindgen.arg(&work).arg(wasm))?;
    optimise(tools, &bound)?;
    bundle(tools, &source, &work.join("glue.js"), &entry)?;
    stamp.set()?;
    Ok(entry)
}

fn optimise(tools: &Tools, wasm: &Path) -> Result<()> {
    let optimised = wasm.with_extension("optimised");
    let mut wasm_opt = Command::new(tools.wasm_opt());
    wasm_opt.arg(wasm).arg("-o").arg(&optimised).args(WASM_OPT).env("PATH", tools.path()?);
    process::quietly("optimising bench-verify (wasm-opt)", &mut wasm_opt)?;
    fs::rename(optimised, wasm)?;
    Ok(())
}

/// The wasm stays a file of its own beside the entry, as workerd wants it.
fn bundle(tools: &Tools, source: &Path, glue: &Path, entry: &Path) -> Result<()> {
    let mut esbuild = Command::new(tools.esbuild());
    esbuild.arg(source).args(["--bundle", "--format=esm", "--target=esnext", "--external:*.wasm"]);
    esbuild.arg(format!("--alias:glue={}", glue.display())).arg("--log-level=warning");
    esbuild.arg(format!("--outfile={}", entry.display()));
    process::quietly("bundling bench-verify (esbuild)", &mut esbuild)
}
