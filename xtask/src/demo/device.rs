//! Runs the device of the demo: a real agent with simulated GPIO lines.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::state::Layout;
use crate::{guard::Guarded, process};

pub const NAME: &str = "porch";

/// The duration for which the demo presses the bell.
const RING: Duration = Duration::from_millis(400);

/// The agent's configuration, with the lines that the README describes.
const CONFIG: &str = r#"# Written by `cargo xtask demo`.
state_dir = "state"

[simulator]
journal = "sim.jsonl"
socket = "sim.sock"

[lines.door]
kind = "momentary"
driver = "sim"
max_on_ms = 5000

[lines.lamp]
kind = "switch"
driver = "sim"
retain = true

[lines.bell]
kind = "contact"
driver = "sim"

[lines.rose]
kind = "rgb"
driver = "sim"
"#;

/// Enrols the device at the edge. The device's key is created in the device's folder and never leaves this folder.
pub fn enrol(agent: &Path, layout: &Layout, enrolment: &str) -> Result<()> {
    let state = layout.agent.join("state");
    if state.exists() {
        fs::remove_dir_all(&state).context("cannot clear the device's state")?;
    }
    let mut command = Command::new(agent);
    command.arg("enrol").arg(enrolment).arg("--state").arg(&state);
    // The enrolment string is secret until the string is used. Therefore an error must not contain this string.
    process::output_as("pinlatch-agent enrol", &mut command).map(drop)
}

pub struct Device {
    running: Guarded,
    dir: PathBuf,
}

impl Device {
    pub fn start(agent: &Path, layout: &Layout) -> Result<Self> {
        let dir = layout.agent.clone();
        fs::write(dir.join("agent.toml"), CONFIG).context("cannot write agent.toml")?;
        let log = dir.join("agent.log");
        fs::write(&log, "").context("cannot write agent.log")?;
        let mut command = Command::new(agent);
        command.args(["run", "--config"]).arg(dir.join("agent.toml")).current_dir(&dir);
        Ok(Self { running: Guarded::spawn(&command, &log)?, dir })
    }

    pub fn has_ended(&mut self) -> bool {
        self.running.has_ended()
    }

    pub fn log_tail(&self) -> String {
        process::tail(&self.dir.join("agent.log"), 15)
    }

    /// Presses the bell and releases the bell.
    pub fn ring(&self) -> Result<()> {
        self.drive("bell", true)?;
        std::thread::sleep(RING);
        self.drive("bell", false)
    }

    fn drive(&self, line: &str, level: bool) -> Result<()> {
        let mut socket = UnixStream::connect(self.dir.join("sim.sock")).context("the simulator's socket")?;
        socket.set_read_timeout(Some(Duration::from_secs(5)))?;
        writeln!(socket, "{}", json!({ "line": line, "level": level }))?;
        let mut answer = String::new();
        BufReader::new(&socket).read_line(&mut answer)?;
        let answer: Value = serde_json::from_str(&answer).context("the simulator's answer")?;
        if let Some(error) = answer.get("error") {
            bail!("{error}");
        }
        Ok(())
    }
}
