//! Implements `cargo xtask bench NAME`, which prints a table with the name, value, limit and result of each
//! measurement.

mod agent;
mod panel;
mod size;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::{
    build::{self, Mode, native, wasm},
    paths, process,
    suite::needs::{self, Tested, Variables},
    tools::{Setup, Tools, npm},
    ui,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Bench {
    /// Measures the size of the agent and the time until a GPIO line is set.
    Agent,
    /// Measures the size of the panel, the panel's Lighthouse score, and the panel's load with many GPIO lines.
    Panel,
    /// Measures the time of a command from the panel's socket to the device's GPIO line and back.
    Roundtrip,
    /// Measures the sizes of the Worker, the panel and the agent.
    Size,
    /// Measures the time to verify a token in workerd, compared with the npm package `jose`.
    Verify,
}

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

/// Measures and prints the figures of a benchmark. Returns whether all values are within their limits.
pub fn run(setup: &Setup, bench: Bench, minutes: Option<f64>, as_json: bool) -> Result<bool> {
    let rows = match bench {
        Bench::Agent => agent::measure(setup)?,
        Bench::Panel => panel::measure(setup, minutes)?,
        Bench::Roundtrip => of_e2e(setup, &deployed(setup)?, "bench-roundtrip", Vec::new())?,
        Bench::Size => size::measure(setup)?,
        Bench::Verify => verify(setup)?,
    };
    if as_json {
        println!("{}", serde_json::to_string(&rows)?);
    } else {
        print!("{}", table(&rows));
    }
    Ok(rows.iter().all(|row| row.holds))
}

/// Measures the verification of a token in a Worker that also contains the npm package `jose`.
fn verify(setup: &Setup) -> Result<Vec<Row>> {
    setup.ensure_packages("this measurement", &[&npm::PACKAGE])?;
    let web = build::web(setup, Mode::Release, &[])?;
    let entry = web.bench_verify()?.into();
    of_e2e(setup, &web.tools, "bench-verification", vec![("PINLATCH_BENCH_VERIFY", entry)])
}

/// Builds the Worker and the panel in release mode, as for a deployment.
fn deployed(setup: &Setup) -> Result<Tools> {
    setup.ensure_packages("this measurement", &[&npm::PACKAGE])?;
    Ok(build::web(setup, Mode::Release, &[wasm::EDGE, wasm::PANEL])?.tools)
}

/// Runs a benchmark program of the end-to-end crate with release builds. The program prints a JSON array of rows on
/// stdout.
fn of_e2e(setup: &Setup, tools: &Tools, program: &str, more: Variables) -> Result<Vec<Row>> {
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

fn table(rows: &[Row]) -> String {
    let mut cells = vec![["figure".into(), "value".into(), "limit".into(), "passed".into()]];
    cells.extend(rows.iter().map(|row| {
        let sign = if row.least { "≥" } else { "≤" };
        let bar = row.bar.map_or_else(|| "–".into(), |bar| format!("{sign} {} {}", number(bar), row.unit));
        let holds = match (row.bar, row.holds) {
            (None, true) => "–",
            (_, true) => "yes",
            (_, false) => "NO",
        };
        [row.figure.clone(), format!("{} {}", number(row.value), row.unit), bar, holds.into()]
    }));
    ui::table(&cells)
}

/// Formats a number with two decimals. A whole number, or a number of at least 1000, has no decimals.
fn number(value: f64) -> String {
    if value.fract() == 0.0 || value >= 1000.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_know_their_bars() {
        assert!(Row::at_most("a", 1.0, "ms", Some(1.0)).holds);
        assert!(!Row::at_most("a", 1.01, "ms", Some(1.0)).holds);
        assert!(Row::at_most("a", 9.0, "ms", None).holds);
        assert!(Row::at_least("a", 5.0, "×", 5.0).holds);
        assert!(!Row::at_least("a", 4.99, "×", 5.0).holds);
    }

    #[test]
    fn the_table_shows_what_fails() {
        let rows = [
            Row::at_most("p50", 1.25, "ms", Some(2.0)),
            Row::at_most("p99", 9.0, "ms", Some(4.0)),
            Row::at_least("gain", 5.5, "×", 2.0),
        ];
        let text = table(&rows);
        assert_eq!(
            text,
            "figure  value    limit   passed\np50     1.25 ms  ≤ 2 ms  yes\np99     9 ms     ≤ 4 ms  NO\n\
             gain    5.50 ×   ≥ 2 ×   yes\n"
        );
    }

    #[test]
    fn rows_without_a_bar_are_read() {
        let row: Row = serde_json::from_str(r#"{"figure":"p50","value":1.5,"unit":"ms"}"#).unwrap();
        assert_eq!(row, Row::at_most("p50", 1.5, "ms", None));
    }
}
