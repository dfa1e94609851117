//! Runs the device of the demo: a real agent with simulated GPIO lines.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};
use serde_json::json;

use super::state::Layout;
use crate::{guard::Guarded, process, simulated::SimulatedDevice, simulated_lines};

pub const NAME: &str = "porch";

/// The duration for which the demo presses the bell.
const RING: Duration = Duration::from_millis(400);

/// The lines that the README describes.
const LINES: &str = simulated_lines! {
    "door": "momentary", "max_on_ms = 5000";
    "lamp": "switch", "retain = true";
    "bell": "contact";
    "rose": "rgb";
};

/// The rule that the README describes.
const RULES: &str = "[[rules]]\nname = \"bell\"\nwhen = { line = \"bell\", goes = \"on\" }\n\
    do = { line = \"lamp\", action = \"blink\", args = { period_ms = 600, count = 3 } }\n";

/// Enrols the device at the edge. The device's key is created in the device's folder and never leaves this folder.
pub fn enrol(agent: &Path, layout: &Layout, enrolment: &str) -> Result<()> {
    let state = SimulatedDevice::new(&layout.agent).state_dir();
    if state.exists() {
        fs::remove_dir_all(&state).context("cannot clear the device's state")?;
    }
    let mut command = Command::new(agent);
    command.args(["enrol", "-"]).arg("--state").arg(&state);
    // The enrolment string is secret until the string is used. Therefore an error must not contain this string.
    process::output_with_input("pinlatch-agent enrol", &mut command, enrolment).map(drop)
}

pub struct Device {
    running: Guarded,
    dir: PathBuf,
    simulated: SimulatedDevice,
}

impl Device {
    pub fn start(agent: &Path, layout: &Layout) -> Result<Self> {
        let dir = layout.agent.clone();
        let simulated = SimulatedDevice::new(&dir);
        simulated
            .configure(
                "# Written by `cargo xtask demo`.\nstatus_socket = \"agent.sock\"\n",
                &format!("{LINES}{RULES}"),
            )
            .context("cannot write agent.toml")?;
        let log = dir.join("agent.log");
        fs::write(&log, "").context("cannot write agent.log")?;
        let mut command = Command::new(agent);
        command.args(["run", "--config"]).arg(simulated.config_file()).current_dir(&dir);
        Ok(Self { running: Guarded::spawn(&command, &log)?, dir, simulated })
    }

    pub fn has_ended(&mut self) -> bool {
        self.running.has_ended()
    }

    pub fn log_tail(&self) -> String {
        process::tail(&self.dir.join("agent.log"), 15)
    }

    /// Presses the bell and releases the bell.
    pub fn ring(&self) -> Result<()> {
        self.simulated.drive("bell", &json!(true))?;
        std::thread::sleep(RING);
        self.simulated.drive("bell", &json!(false))
    }
}
