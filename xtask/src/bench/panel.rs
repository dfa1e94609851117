//! What the panel weighs for its first usable page, how Lighthouse scores it, and how busy it is with many lines.

use anyhow::Result;

use super::{Row, of_e2e, size::first_page_rows};
use crate::tools::{Setup, Tools, lighthouse};

pub(super) fn measure(setup: &Setup, minutes: Option<f64>) -> Result<Vec<Row>> {
    let program = lighthouse::ensure(setup)?;
    let mut more = vec![("PINLATCH_LIGHTHOUSE", program.display().to_string())];
    more.extend(minutes.map(|minutes| ("PINLATCH_BENCH_MINUTES", minutes.to_string())));
    let measured = of_e2e(setup, "bench-panel", None, &more)?;
    let mut rows = first_page_rows(&Tools::ensure(setup)?)?;
    rows.extend(measured);
    Ok(rows)
}
