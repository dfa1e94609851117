//! What travels over the wire, in the form in which it does.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::Row;
use crate::{
    build::{self, Mode, native},
    paths, process,
    tools::{Setup, Tools},
};

/// Cloudflare's free plan takes a script of 3 MB, gzipped.
const EDGE_BAR_KIB: f64 = 3.0 * 1024.0;

pub(super) fn measure(setup: &Setup) -> Result<Vec<Row>> {
    let tools = Tools::ensure(setup)?;
    build::edge::build(&tools, Mode::Release)?;
    build::panel::build(&tools, Mode::Release)?;
    let programs = native::build(native::Profile::Release)?;

    let edge = paths::edge_dist();
    let bundle = gzipped(&edge.join("index.js"))? + gzipped(&edge.join("index_bg.wasm"))?;
    let panel = brotli(&tools, &first_visit(&paths::panel_dist(), &["boot-", "panel-"])?)?;
    let manage = brotli(&tools, &first_visit(&paths::panel_dist(), &["boot-", "manage-", "panel-"])?)?;
    let agent = fs::metadata(stripped(&programs.agent)?.path()).context("the agent")?.len();
    Ok(vec![
        Row::at_most("edge bundle, gzip", kib(bundle), "KiB", Some(EDGE_BAR_KIB)),
        Row::at_most("panel, first visit, brotli", kib(panel), "KiB", None),
        Row::at_most("panel, straight to administration, brotli", kib(manage), "KiB", None),
        Row::at_most("agent binary, stripped", kib(agent), "KiB", None),
    ])
}

#[allow(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
fn kib(bytes: u64) -> f64 {
    (bytes as f64 / 1024.0 * 10.0).round() / 10.0
}

fn gzipped(file: &Path) -> Result<u64> {
    let bytes = fs::read(file).with_context(|| file.display().to_string())?;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&bytes)?;
    Ok(encoder.finish()?.len() as u64)
}

/// The page and all that it loads at once, for the board of devices or for administration.
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

/// Summed sizes at the quality that servers use for files they keep; Node has the encoder.
pub(super) fn brotli(tools: &Tools, files: &[PathBuf]) -> Result<u64> {
    let script = "const z=require('zlib'),f=require('fs');\
        console.log(process.argv.slice(1).reduce((n,p)=>n+z.brotliCompressSync(f.readFileSync(p)).length,0))";
    let sum = process::output_of(Command::new(&tools.node).args(["-e", script]).args(files))?;
    sum.parse().context("node printed no number")
}

pub(super) fn stripped(program: &Path) -> Result<tempfile::NamedTempFile> {
    let copy = tempfile::NamedTempFile::new()?;
    native::strip(program, copy.path())?;
    Ok(copy)
}
