//! Runs the tools wasm-bindgen, wasm-opt and esbuild.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

/// The wasm features that rustc enables for the target, and the exception handling that wasm-bindgen adds. No other
/// feature is enabled in wasm-opt, because a runtime might not support the newest features.
const WASM_FEATURES: [&str; 7] = [
    "--enable-bulk-memory",
    "--enable-exception-handling",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A wasm module for workerd. The module instantiates itself, and can be instantiated again after a trap.
    Worker,
    /// A wasm module that a script instantiates.
    Web,
}

/// The paths of the programs from npm.
pub struct Tools<'a> {
    pub esbuild: &'a Path,
    /// The path of wasm-opt. The value is `None` in a quick build, which is not minified either.
    pub wasm_opt: Option<&'a PathBuf>,
}

impl Tools<'_> {
    /// Writes `NAME.js` and `NAME_bg.wasm` into a folder. Returns the path of the wasm file. `level` is the
    /// optimisation level of wasm-opt.
    pub fn bind(&self, target: Target, wasm: &Path, name: &str, out: &Path, level: &str) -> Result<PathBuf> {
        let mut bindgen = Bindgen::new();
        bindgen.input_path(wasm).out_name(name).typescript(false);
        match target {
            Target::Worker => {
                bindgen.module(true)?.reset_state_function(true).force_enable_abort_handler(true);
            }
            Target::Web => {
                bindgen.web(true)?.omit_default_module_path(false);
            }
        }
        bindgen.generate(out).with_context(|| format!("cannot bind {}", wasm.display()))?;
        let bound = out.join(format!("{name}_bg.wasm"));
        if let Some(wasm_opt) = self.wasm_opt {
            let optimised = bound.with_extension("optimised");
            let mut command = Command::new(wasm_opt);
            run(command.arg(&bound).arg("-o").arg(&optimised).arg(level).args(WASM_FEATURES))?;
            fs::rename(optimised, &bound)?;
        }
        Ok(bound)
    }

    /// Bundles a script or a style sheet with esbuild, and returns the content of the bundle.
    pub fn bundle<S: AsRef<OsStr>>(
        &self,
        source: &Path,
        out: &Path,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<Vec<u8>> {
        let mut command = Command::new(self.esbuild);
        command.arg(source).args(arguments).arg("--log-level=warning");
        command.arg(format!("--outfile={}", out.display()));
        if self.wasm_opt.is_some() {
            command.args(["--minify", "--legal-comments=none"]);
        }
        run(&mut command)?;
        fs::read(out).with_context(|| out.display().to_string())
    }
}

fn run(command: &mut Command) -> Result<()> {
    let name = Path::new(command.get_program()).display().to_string();
    let status = command.status().with_context(|| format!("cannot start {name}"))?;
    if !status.success() {
        bail!("{name} ended with {status}");
    }
    Ok(())
}
