//! The Worker: compiled by cargo, bundled by worker-build into `edge-worker/build`.

use std::process::Command;

use anyhow::Result;

use super::{Mode, stamp, stamp::Stamp};
use crate::{
    paths, process,
    tools::{Tools, wasm_target::WASM},
};

/// Builds the Worker; bundles only when cargo made a new wasm file.
pub fn build(tools: &Tools, mode: Mode) -> Result<()> {
    let root = paths::root();
    let profile = mode.profile("edge");
    let mut cargo = process::cargo(&root);
    cargo.args(["build", "--lib", "-p", "pinlatch-edge", "--target", WASM, "--profile", profile]);
    compile_as_worker_build_does(tools, &mut cargo)?;
    process::quietly(&format!("compiling the Worker (profile {profile})"), &mut cargo)?;

    let wasm = paths::target().join(WASM).join(profile).join("pinlatch_edge.wasm");
    let manifest = root.join("edge-worker/Cargo.toml");
    let print = stamp::of_files(&[&wasm, &manifest, &tools.worker_build, &tools.wasm_bindgen])?;
    let stamp = Stamp::new("edge", print);
    let dist = paths::edge_dist();
    if stamp.is_fresh(&[dist.join("index.js"), dist.join("index_bg.wasm")]) {
        return Ok(());
    }
    stamp.clear();
    let mut bundle = Command::new(&tools.worker_build);
    bundle.args(["--profile", profile]).current_dir(root.join("edge-worker"));
    if mode == Mode::Quick {
        bundle.arg("--no-opt");
    }
    process::clean_cargo_env(&mut bundle);
    compile_as_worker_build_does(tools, &mut bundle)?;
    // Without these it would download its own.
    bundle
        .env("WASM_BINDGEN_BIN", &tools.wasm_bindgen)
        .env("WASM_OPT_BIN", tools.wasm_opt())
        .env("ESBUILD_BIN", tools.esbuild());
    process::quietly("bundling the Worker (wasm-bindgen, wasm-opt, esbuild)", &mut bundle)?;
    stamp.set()
}

/// All builds must agree in what cargo looks at, or worker-build's would compile everything again.
pub(crate) fn compile_as_worker_build_does(tools: &Tools, command: &mut Command) -> Result<()> {
    tools.wasm.choose(command);
    command.env("WASM_BINDGEN_USE_JS_SYS", "1").env("PATH", tools.path()?);
    Ok(())
}
