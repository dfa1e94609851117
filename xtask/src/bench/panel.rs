//! What the panel weighs for its first usable page, how Lighthouse scores it, and how busy it is with many lines.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};

use super::{Row, of_e2e, size::brotli};
use crate::{
    paths,
    tools::{Setup, Tools, lighthouse},
};

/// In kilobytes of 1,000 bytes.
const FIRST_PAGE_BAR: f64 = 150.0;

pub(super) fn measure(setup: &Setup, minutes: Option<f64>) -> Result<Vec<Row>> {
    let program = lighthouse::ensure(setup)?;
    let mut more = vec![("PINLATCH_LIGHTHOUSE", program.display().to_string())];
    more.extend(minutes.map(|minutes| ("PINLATCH_BENCH_MINUTES", minutes.to_string())));
    let measured = of_e2e(setup, "bench-panel", None, &more)?;
    let tools = Tools::ensure(setup)?;
    let mut rows = Vec::new();
    for (what, ending) in [("program", ".wasm"), ("scripts", ".js"), ("style", ".css"), ("everything", "")] {
        let files: Vec<_> = first_page()?.into_iter().filter(|file| ends_with(file, ending)).collect();
        let bar = ending.is_empty().then_some(FIRST_PAGE_BAR);
        #[allow(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
        let kilobytes = brotli(&tools, &files)? as f64 / 1e3;
        rows.push(Row::at_most(&format!("first usable page, brotli: {what}"), kilobytes, "kB", bar));
    }
    rows.extend(measured);
    Ok(rows)
}

fn ends_with(file: &std::path::Path, ending: &str) -> bool {
    file.to_str().is_some_and(|name| name.ends_with(ending))
}

/// The page and all of its own that it names: script, style, program and icon. What it asks the edge is not among it.
fn first_page() -> Result<Vec<PathBuf>> {
    let dist = paths::panel_dist();
    let page = dist.join("index.html");
    let text = fs::read_to_string(&page).with_context(|| page.display().to_string())?;
    let named = text.split('"').filter_map(|part| part.strip_prefix('/'));
    let loaded = named.filter(|path| path.starts_with("assets/") || *path == "favicon.svg");
    let mut files: Vec<_> = loaded.map(|path| dist.join(path)).collect();
    files.sort();
    files.dedup();
    files.push(page);
    Ok(files)
}
