//! The Worker as workerd and Cloudflare run it: `index.js`, bundled from `edge-worker/shim.js` and the bindings, and
//! its wasm.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use super::{
    Mode,
    bundler::{Bundler, Target},
    stamp::{self, Stamp},
    wasm::{EDGE, compiled},
};
use crate::paths;

/// Bundles the Worker that was compiled last into a folder, if anything has changed since `step` did so.
pub fn bundle(bundler: &Bundler, mode: Mode, step: &str, dist: &Path) -> Result<()> {
    let shim = paths::root().join("edge-worker/shim.js");
    let wasm = compiled(EDGE, mode, "pinlatch_edge");
    let [bindgen, wasm_opt, esbuild] = bundler.programs();
    let stamp = Stamp::new(mode.named(step), stamp::of_files(&[&wasm, &shim, bindgen, wasm_opt, esbuild])?);
    if stamp.is_fresh(&[dist.join("index.js"), dist.join("index_bg.wasm")]) {
        return Ok(());
    }
    stamp.clear();
    let work = paths::target().join("xtask").join(mode.named(step));
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work)?;
    // The bindings are named after the module.
    let module = work.join("index.wasm");
    fs::copy(&wasm, &module).with_context(|| wasm.display().to_string())?;
    bundler.bind(Target::Worker, &work, &module)?;
    let bound = work.join("index_bg.wasm");
    bundler.optimise(&bound, "-O")?;

    let bindings = format!("--alias:bindings={}", work.join("index.js").display());
    let how = ["--bundle", "--format=esm", "--external:cloudflare:*", "--external:*.wasm", &bindings];
    let script = bundler.bundle(&shim, &work.join("bundle.js"), how)?;
    let script = String::from_utf8(script).context("esbuild wrote invalid UTF-8")?;
    let _ = fs::remove_dir_all(dist);
    fs::create_dir_all(dist).with_context(|| format!("cannot create {}", dist.display()))?;
    fs::write(dist.join("index.js"), without_source_phase(&script))?;
    fs::copy(&bound, dist.join("index_bg.wasm"))?;
    let _ = fs::remove_dir_all(&work);
    stamp.set()
}

/// workerd imports wasm as a module already, and does not parse `import source`.
fn without_source_phase(script: &str) -> String {
    script.replace("import source ", "import ")
}
