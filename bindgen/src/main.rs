//! `pinlatch-bindgen TARGET OUT_DIR NAME.wasm`: writes the JavaScript bindings of a compiled program, `NAME.js` and
//! `NAME_bg.wasm`.
//!
//! A crate separate from xtask, because compiling it takes longer than compiling xtask and only builds need it.
//! `cargo xtask` runs it.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

const USAGE: &str = "usage: pinlatch-bindgen worker|web OUT_DIR NAME.wasm";

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
    let [target, out, program] = arguments else { bail!("{USAGE}") };
    let mut bindgen = Bindgen::new();
    bindgen.input_path(Path::new(program)).typescript(false);
    match target.as_str() {
        // The module instantiates itself, and can be instantiated again after a trap.
        "worker" => {
            bindgen.module(true)?.reset_state_function(true).force_enable_abort_handler(true);
        }
        "web" => {
            bindgen.web(true)?.omit_default_module_path(false);
        }
        other => bail!("{other:?} is not a target; {USAGE}"),
    }
    bindgen.generate(out).with_context(|| format!("cannot bind {program}"))
}
