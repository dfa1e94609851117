//! Runs the program of the crate `bundler`, which turns compiled wasm into files that a server can serve.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

use anyhow::Result;

use super::{
    mode::Mode,
    native,
    stamp::{self, Stamp},
};
use crate::{paths, process, tools::Tools};

/// The compiled bundler and the tools that the bundler runs.
#[derive(Clone)]
pub struct Bundler {
    program: PathBuf,
    wasm_opt: PathBuf,
    esbuild: PathBuf,
    path: std::ffi::OsString,
    /// The mode in which the wasm is compiled.
    pub mode: Mode,
    /// True if the wasm is optimised and the scripts are minified.
    pub optimize: bool,
}

impl Bundler {
    /// Creates a bundler. `program` is the path that [`compile`] returned.
    pub fn new(tools: &Tools, program: PathBuf, mode: Mode) -> Result<Self> {
        let (wasm_opt, esbuild) = (tools.wasm_opt(), tools.esbuild());
        Ok(Self { program, wasm_opt, esbuild, path: tools.path()?, mode, optimize: mode == Mode::Release })
    }

    /// Writes the folder `out`, unless the folder is up to date. `what` is the subcommand of the bundler.
    pub fn run(&self, step: &str, what: &str, source: &Path, wasm: &[&Path], out: &Path) -> Result<()> {
        let Some(from) = (match wasm {
            [one] => Some(*one),
            several => several.first().and_then(|one| one.parent()),
        }) else {
            return Ok(());
        };
        let mut inputs = vec![source, &self.program, &self.wasm_opt, &self.esbuild];
        inputs.extend(wasm);
        let stamp = Stamp::new(self.mode.named(step), stamp::of_files(&inputs)?);
        if stamp.is_fresh(&[out.to_owned()]) {
            return Ok(());
        }
        stamp.clear();
        let mut command = Command::new(&self.program);
        command.arg(what).arg("--esbuild").arg(&self.esbuild).arg("--source").arg(source);
        command.arg("--wasm").arg(from).arg("--out").arg(out).env("PATH", &self.path);
        if self.optimize {
            command.arg("--wasm-opt").arg(&self.wasm_opt);
        }
        process::quietly(&format!("bundling: {step} ({})", self.mode.name()), &mut command)?;
        stamp.set()
    }
}

/// Compiles the bundler and returns the path of the program. Each run of xtask compiles the bundler only once, because
/// cargo might wait for another build.
pub fn compile() -> Result<PathBuf> {
    static COMPILED: Mutex<Option<PathBuf>> = Mutex::new(None);
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(program) = &*compiled {
        return Ok(program.clone());
    }
    let mut cargo = process::cargo();
    cargo.args(["build", "-p", "pinlatch-bundler"]);
    native::cargo("compiling the bundler", &mut cargo)?;
    Ok(compiled.insert(paths::target().join("debug/pinlatch-bundler")).clone())
}
