//! Implements `bench panel`, which measures the size of the panel's first usable page, the Lighthouse score of the
//! panel, and the panel's load with many GPIO lines.

use anyhow::Result;

use super::row::{Row, deployed, of_e2e};
use super::size::first_page_rows;
use crate::tools::{Setup, lighthouse};

pub(super) fn measure(setup: &Setup, minutes: Option<f64>) -> Result<Vec<Row>> {
    let program = lighthouse::ensure(setup)?;
    let mut more = vec![("PINLATCH_LIGHTHOUSE", program.into())];
    more.extend(minutes.map(|minutes| ("PINLATCH_BENCH_MINUTES", minutes.to_string().into())));
    let tools = deployed(setup)?;
    let measured = of_e2e(setup, &tools, "bench-panel", more)?;
    let mut rows = first_page_rows(&tools)?;
    rows.extend(measured);
    Ok(rows)
}
