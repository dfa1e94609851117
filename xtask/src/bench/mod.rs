//! Implements `cargo xtask bench NAME`, which prints a table with the name, value, limit and result of each
//! measurement.

mod agent;
mod panel;
mod row;
mod size;

use anyhow::Result;

pub use self::row::Row;
use self::row::{deployed, of_e2e};
use crate::{
    build::{self, Mode},
    tools::{Setup, npm},
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
