//! Implements `bench size`, which measures the transfer sizes of files that are compressed as in production.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::row::{Row, deployed};
use crate::{
    build::{Mode, native},
    process,
    tools::{Setup, Tools},
};

/// The maximum size of the Worker's files after gzip compression, in kilobytes. Cloudflare's free plan allows 3 MB
/// after gzip compression.
const EDGE_BAR: f64 = 1_100.0;
/// The maximum size of the login page with all files that the page loads, in kilobytes after brotli compression.
const FIRST_PAGE_BAR: f64 = 115.0;

pub(super) fn measure(setup: &Setup) -> Result<Vec<Row>> {
    let tools = deployed(setup)?;
    let programs = native::build(native::Profile::Release)?;

    let edge = Mode::Release.edge_dist();
    let bundle = gzipped(&edge.join("index.js"))? + gzipped(&edge.join("index_bg.wasm"))?;
    let panel = brotli(&tools, &first_visit(&Mode::Release.panel_dist(), &["boot-", "panel-"])?)?;
    let manage = brotli(&tools, &first_visit(&Mode::Release.panel_dist(), &["boot-", "manage-", "panel-"])?)?;
    let agent = fs::metadata(stripped(&programs.agent)?.path()).context("the agent")?.len();
    let mut rows = vec![Row::at_most("edge bundle, gzip", kb(bundle), "kB", Some(EDGE_BAR))];
    rows.extend(first_page_rows(&tools)?);
    rows.extend([
        Row::at_most("panel, first visit, brotli", kb(panel), "kB", None),
        Row::at_most("panel, straight to administration, brotli", kb(manage), "kB", None),
        Row::at_most("agent binary, stripped", kb(agent), "kB", None),
    ]);
    Ok(rows)
}

/// Returns the sizes of the login page's files, by kind of file.
pub(super) fn first_page_rows(tools: &Tools) -> Result<Vec<Row>> {
    let files = first_page()?;
    let kinds = [("program", ".wasm"), ("scripts", ".js"), ("style", ".css"), ("everything", "")];
    let row = |(kind, ending): (&str, &str)| {
        let is_kind = |file: &&PathBuf| file.to_str().is_some_and(|name| name.ends_with(ending));
        let files: Vec<_> = files.iter().filter(is_kind).cloned().collect();
        let bar = ending.is_empty().then_some(FIRST_PAGE_BAR);
        let title = format!("first usable page, brotli: {kind}");
        Ok(Row::at_most(&title, kb(brotli(tools, &files)?), "kB", bar))
    };
    kinds.into_iter().map(row).collect()
}

/// Returns the login page and our files that the page refers to: scripts, styles, programs and the icon. API calls are
/// not included.
fn first_page() -> Result<Vec<PathBuf>> {
    let dist = Mode::Release.panel_dist();
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

/// Converts a number of bytes to kilobytes of 1,000 bytes.
#[allow(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
fn kb(bytes: u64) -> f64 {
    bytes as f64 / 1e3
}

fn gzipped(file: &Path) -> Result<u64> {
    let bytes = fs::read(file).with_context(|| file.display().to_string())?;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&bytes)?;
    Ok(encoder.finish()?.len() as u64)
}

/// Returns the files that a browser loads for the board or for the administration pages.
fn first_visit(dist: &Path, programs: &[&str]) -> Result<Vec<PathBuf>> {
    let mut files = vec![dist.join("index.html")];
    for entry in fs::read_dir(dist.join("assets")).context("the panel's assets")? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if programs.iter().any(|program| name.starts_with(program)) {
            files.push(entry.path());
        }
    }
    Ok(files)
}

/// Returns the sum of the sizes of the compressed files. Node compresses each file with the highest quality of brotli,
/// as servers do for static files.
fn brotli(tools: &Tools, files: &[PathBuf]) -> Result<u64> {
    let script = "const z=require('zlib'),f=require('fs');\
        console.log(process.argv.slice(1).reduce((n,p)=>n+z.brotliCompressSync(f.readFileSync(p)).length,0))";
    let sum = process::output_of(Command::new(&tools.node).args(["-e", script]).args(files))?;
    sum.parse().context("Node did not print a number")
}

pub(super) fn stripped(program: &Path) -> Result<tempfile::NamedTempFile> {
    let copy = tempfile::NamedTempFile::new()?;
    native::strip(program, copy.path())?;
    Ok(copy)
}
