//! Turns compiled wasm into files that a server can serve. `cargo xtask` runs this program.
//!
//! The bundler is a separate crate from xtask. Only builds need wasm-bindgen, and wasm-bindgen takes longer to compile
//! than xtask.

mod panel;
mod tools;
mod worker;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::tools::{Target, Tools};

const USAGE: &str =
    "usage: pinlatch-bundler worker|web-worker|panel --esbuild FILE [--wasm-opt FILE] --source PATH \
                     --wasm PATH --out DIR

worker      writes index.js and index_bg.wasm of a Worker whose wasm module instantiates itself
web-worker  writes index.js and index_bg.wasm of a Worker whose script instantiates the wasm module
panel       writes the static files of the panel; --source and --wasm are folders

Without --wasm-opt, the files are neither optimised nor minified.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let [what, options @ ..] = arguments else { bail!("{USAGE}") };
    let mut paths = BTreeMap::new();
    for pair in options.chunks(2) {
        match pair {
            [name, value] if name.starts_with("--") => paths.insert(name.as_str(), PathBuf::from(value)),
            _ => bail!("{USAGE}"),
        };
    }
    let path = |name| paths.get(name).with_context(|| format!("{name} is missing\n{USAGE}"));
    let tools = Tools { esbuild: path("--esbuild")?, wasm_opt: paths.get("--wasm-opt") };
    let (source, wasm, out) = (path("--source")?, path("--wasm")?, path("--out")?);
    // The work folder is in the same folder as `out`, so that a rename can move the result to `out`.
    let work = out.with_extension("work");
    let _ = std::fs::remove_dir_all(&work);
    std::fs::create_dir_all(&work).with_context(|| format!("cannot create {}", work.display()))?;
    let made = match what.as_str() {
        "worker" => worker::bundle(&tools, Target::Worker, source, wasm, &work)?,
        "web-worker" => worker::bundle(&tools, Target::Web, source, wasm, &work)?,
        "panel" => panel::bundle(&tools, source, wasm, &work)?,
        other => bail!("{other:?} is unknown\n{USAGE}"),
    };
    // A running server finds no folder for a moment between the removal and the rename. At all other times, the server
    // finds the old folder or the new folder.
    let _ = std::fs::remove_dir_all(out);
    std::fs::rename(&made, out).with_context(|| format!("cannot replace {}", out.display()))?;
    let _ = std::fs::remove_dir_all(work);
    Ok(())
}
