//! The Worker that is measured: `tests/bench-verify`, compiled as the edge is, and bundled with jose.

use std::path::PathBuf;

use anyhow::Result;

use crate::{
    build::{
        Mode,
        bundler::{self, Bundler},
        wasm::{self, BENCH_VERIFY},
    },
    paths,
    tools::{
        Setup, Tools,
        rust_target::{self, WASM},
    },
};

/// Builds the Worker and names its entry.
pub(super) fn build(setup: &Setup, tools: &Tools) -> Result<PathBuf> {
    let mode = Mode::Release;
    wasm::compile(rust_target::ensure(setup, WASM)?, mode, &[BENCH_VERIFY])?;
    let bundler = Bundler::new(tools, bundler::compile()?, mode)?;
    let wasm = wasm::compiled(BENCH_VERIFY, mode, "bench_verify");
    let source = paths::root().join("tests/bench-verify/worker.js");
    let out = paths::target().join("test-dist/bench-verify");
    bundler.run("bench-verify", "web-worker", &source, &[&wasm], &out)?;
    Ok(out.join("index.js"))
}
