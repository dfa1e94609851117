//! The tools that turn compiled wasm into files to serve: wasm-bindgen (the crate `bindgen`), wasm-opt and esbuild.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::Mode;
use crate::{paths, process, tools::Tools};

/// The wasm features that rustc enables for the target, and the exceptions that wasm-bindgen adds. Not all that
/// wasm-opt knows, because a runtime may lack the newest.
const WASM_FEATURES: [&str; 7] = [
    "--enable-bulk-memory",
    "--enable-exception-handling",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Where a wasm module runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// In workerd, where the module instantiates itself.
    Worker,
    /// In a browser, where a script instantiates it.
    Web,
}

/// The tools, and how thoroughly they work.
#[derive(Debug, Clone)]
pub struct Bundler {
    bindgen: PathBuf,
    wasm_opt: PathBuf,
    esbuild: PathBuf,
    path: std::ffi::OsString,
    mode: Mode,
}

impl Bundler {
    /// `bindgen` is the compiled tool, as [`compile_bindgen`] returns it.
    pub fn new(tools: &Tools, bindgen: PathBuf, mode: Mode) -> Result<Self> {
        let (wasm_opt, esbuild) = (tools.wasm_opt(), tools.esbuild());
        Ok(Self { bindgen, wasm_opt, esbuild, path: tools.path()?, mode })
    }

    /// The files that the result depends on besides its sources.
    #[must_use]
    pub fn programs(&self) -> [&Path; 3] {
        [&self.bindgen, &self.wasm_opt, &self.esbuild]
    }

    /// Writes `NAME.js` and `NAME_bg.wasm` into a folder, from `NAME.wasm`.
    pub fn bind(&self, target: Target, out: &Path, wasm: &Path) -> Result<()> {
        let target = match target {
            Target::Worker => "worker",
            Target::Web => "web",
        };
        let mut bindgen = Command::new(&self.bindgen);
        bindgen.arg(target).arg(out).arg(wasm);
        let name = wasm.file_stem().unwrap_or_default().to_string_lossy();
        process::quietly(&format!("binding {name} to JavaScript"), &mut bindgen)
    }

    /// Optimises a wasm file in place, in a release build; `level` is wasm-opt's.
    pub fn optimise(&self, wasm: &Path, level: &str) -> Result<()> {
        if self.mode == Mode::Quick {
            return Ok(());
        }
        let optimised = wasm.with_extension("optimised");
        let mut wasm_opt = Command::new(&self.wasm_opt);
        wasm_opt.arg(wasm).arg("-o").arg(&optimised).arg(level).args(WASM_FEATURES).env("PATH", &self.path);
        let name = wasm.file_stem().unwrap_or_default().to_string_lossy();
        process::quietly(&format!("optimising {name} (wasm-opt)"), &mut wasm_opt)?;
        fs::rename(optimised, wasm)?;
        Ok(())
    }

    /// Writes a script or style sheet as it is served, minified in a release build.
    pub fn bundle<S: AsRef<std::ffi::OsStr>>(
        &self,
        source: &Path,
        out: &Path,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<Vec<u8>> {
        let mut esbuild = Command::new(&self.esbuild);
        esbuild
            .arg(source)
            .args(arguments)
            .arg("--log-level=warning")
            .arg(format!("--outfile={}", out.display()));
        if self.mode == Mode::Release {
            esbuild.args(["--minify", "--legal-comments=none"]);
        }
        process::quietly("bundling JavaScript (esbuild)", &mut esbuild)?;
        fs::read(out).with_context(|| out.display().to_string())
    }
}

/// Compiles the tool that runs wasm-bindgen; its path.
pub fn compile_bindgen() -> Result<PathBuf> {
    let mut cargo = process::cargo(&paths::root());
    cargo.args(["build", "-p", "pinlatch-bindgen"]);
    process::quietly("compiling wasm-bindgen", &mut cargo)?;
    Ok(paths::target().join("debug/pinlatch-bindgen"))
}
