//! Bundles a Worker for workerd and Cloudflare. The result is one script, which contains the entry script and the
//! bindings, and one wasm module.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::tools::{Target, Tools};

/// Bundles a Worker in the work folder and returns the folder of the result. The entry script imports the bindings
/// under the name `bindings`.
pub fn bundle(tools: &Tools, target: Target, entry: &Path, wasm: &Path, work: &Path) -> Result<PathBuf> {
    let bound = tools.bind(target, wasm, "index", work, "-O")?;
    let bindings = format!("--alias:bindings={}", work.join("index.js").display());
    let how = [
        "--bundle",
        "--format=esm",
        "--target=esnext",
        "--external:cloudflare:*",
        "--external:*.wasm",
        &bindings,
    ];
    let script = tools.bundle(entry, &work.join("bundle.js"), how)?;
    let script = String::from_utf8(script).context("esbuild wrote invalid UTF-8")?;
    let made = work.join("made");
    fs::create_dir_all(&made)?;
    fs::write(made.join("index.js"), without_source_phase(&script))?;
    fs::rename(bound, made.join("index_bg.wasm"))?;
    Ok(made)
}

/// Replaces `import source` with `import`. workerd imports wasm as a module, and cannot parse `import source`.
fn without_source_phase(script: &str) -> String {
    script.replace("import source ", "import ")
}
