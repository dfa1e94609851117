//! Defines the rows of a result, and reads them from other programs.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::{
    build::{self, Mode, native, wasm},
    paths, process,
    suite::needs::{self, Tested, Variables},
    tools::{Setup, Tools, npm},
};

/// One measured figure. The benchmark programs of the end-to-end crate print a JSON array of rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub figure: String,
    pub value: f64,
    pub unit: String,
    /// The limit of the value, if any. If `least` is true, the limit is a minimum. Otherwise, the limit is a maximum.
    #[serde(default)]
    pub bar: Option<f64>,
    /// True if the limit `bar` is a minimum.
    #[serde(default)]
    pub least: bool,
    /// True if the value is within the limit, or if there is no limit.
    #[serde(default = "always")]
    pub holds: bool,
}

fn always() -> bool {
    true
}

impl Row {
    /// Creates a figure whose value has the maximum `bar`, if `bar` is given.
    pub fn at_most(figure: &str, value: f64, unit: &str, bar: Option<f64>) -> Self {
        let holds = bar.is_none_or(|bar| value <= bar);
        Self { figure: figure.into(), value, unit: unit.into(), bar, least: false, holds }
    }

    /// Creates a figure whose value has the minimum `bar`.
    pub fn at_least(figure: &str, value: f64, unit: &str, bar: f64) -> Self {
        Self {
            figure: figure.into(),
            value,
            unit: unit.into(),
            bar: Some(bar),
            least: true,
            holds: value >= bar,
        }
    }
}

/// Builds the Worker and the panel in release mode, as for a deployment.
pub fn deployed(setup: &Setup) -> Result<Tools> {
    setup.ensure_packages("this measurement", &[&npm::PACKAGE])?;
    Ok(build::web(setup, Mode::Release, &[wasm::EDGE, wasm::PANEL])?.tools)
}

/// Runs a benchmark program of the end-to-end crate with release builds. The program prints a JSON array of rows on
/// stdout.
pub fn of_e2e(setup: &Setup, tools: &Tools, program: &str, more: Variables) -> Result<Vec<Row>> {
    needs::ensure_packages(setup)?;
    let downloads = needs::download(setup)?;
    let programs = native::build(native::Profile::Release)?;
    let mut compile = process::cargo();
    compile.args(["build", "--release", "-p", "e2e", "--bin", program]);
    process::quietly(&format!("building {program}"), &mut compile)?;
    let mut command = std::process::Command::new(paths::target().join("release").join(program));
    let tested = Tested { tools, mode: Mode::Release, programs: &programs };
    command.envs(needs::variables(tested, &downloads)?).envs(more);
    let output = process::output_of(&mut command)?;
    serde_json::from_str(&output).with_context(|| format!("{program} did not print rows"))
}
