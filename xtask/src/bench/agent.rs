//! Implements `bench agent`, which measures the size of the agent's binary and the time until a GPIO line is set.

use std::fs;

use anyhow::{Context, Result};

use super::row::{Row, deployed, of_e2e};
use super::size;
use crate::{
    build::{
        Mode,
        device::{self, Program},
        native::{self, Profile},
    },
    suite::needs,
    tools::{Setup, cross::Machine},
};

/// The maximum size of the agent's binary, in megabytes.
const BINARY_BAR: f64 = 4.8;

pub(super) fn measure(setup: &Setup) -> Result<Vec<Row>> {
    needs::ensure_packages(setup)?;
    let agents = needs::device_agents(setup)?;
    if agents.is_some() {
        // On the emulated machine, the benchmark program runs in addition to the agent.
        device::build(setup, Program::GpioBenchmark, Machine::Arm64, Mode::Quick)?;
    }
    let machines = needs::machine_variables(&needs::download(setup)?, agents);
    let mut rows = of_e2e(setup, &deployed(setup)?, "bench-agent", machines)?;
    let programs = native::build(Profile::Release)?;
    let bytes = fs::metadata(size::stripped(&programs.agent)?.path()).context("the agent")?.len();
    #[allow(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
    let megabytes = bytes as f64 / 1e6;
    rows.insert(0, Row::at_most("binary, stripped", megabytes, "MB", Some(BINARY_BAR)));
    Ok(rows)
}
