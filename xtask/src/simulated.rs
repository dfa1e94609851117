//! Describes a device with simulated lines. The demo and the tests use the same description.

use std::{
    fs,
    io::{self, BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// Returns the configuration tables of simulated lines. After the name and the kind of a line, further keys of its
/// table can follow.
#[macro_export]
macro_rules! simulated_lines {
    ($($name:literal: $kind:literal $(, $key:literal)*;)+) => {
        concat!($("\n[lines.", $name, "]\nkind = \"", $kind, "\"\ndriver = \"sim\"\n", $($key, "\n",)*)+)
    };
}

/// The folder of a device with simulated lines.
pub struct SimulatedDevice {
    folder: PathBuf,
}

impl SimulatedDevice {
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Writes the agent's configuration file. The text `keys` contains complete lines with other keys at the top level
    /// of the file.
    pub fn configure(&self, keys: &str, lines: &str) -> io::Result<()> {
        let own = "state_dir = \"state\"\n[simulator]\njournal = \"sim.jsonl\"\nsocket = \"sim.sock\"\n";
        fs::write(self.config_file(), format!("{keys}{own}{lines}"))
    }

    pub fn config_file(&self) -> PathBuf {
        self.folder.join("agent.toml")
    }

    pub fn state_dir(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// Returns the path of the socket on which the simulator accepts the levels of inputs.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("sim.sock")
    }

    /// Returns all changes of the simulated outputs, including the changes before a restart of the agent.
    pub fn journal(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder.join("sim.jsonl")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Sets the level of a simulated input. The value `null` simulates a sensor that cannot be read.
    pub fn drive(&self, line: &str, level: &Value) -> Result<()> {
        let mut socket = UnixStream::connect(self.socket()).context("the simulator's socket")?;
        socket.set_read_timeout(Some(Duration::from_secs(5)))?;
        writeln!(socket, "{}", json!({ "line": line, "level": level }))?;
        let mut answer = String::new();
        BufReader::new(&socket).read_line(&mut answer)?;
        let answer: Value = serde_json::from_str(&answer).context("the simulator's answer")?;
        match answer.get("error") {
            Some(error) => bail!("{error}"),
            None => Ok(()),
        }
    }
}
