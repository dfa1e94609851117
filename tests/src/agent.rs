//! Runs a real agent with simulated GPIO lines. The agent's simulator writes a journal with every change of these
//! lines.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use xtask::guard::Guarded;
use xtask::process::output_with_input;
use xtask::simulated::SimulatedDevice;
use xtask::simulated_lines;

use crate::program::program;
use crate::wait::soon;

/// The configuration of the GPIO lines of the standard test device.
pub const LINES: &str = simulated_lines! {
    "door": "momentary", "max_on_ms = 5000";
    "lamp": "switch", "retain = true";
    "relay": "switch";
    "bell": "contact";
    "rose": "rgb";
};

/// The path of the agent's credentials file, relative to the agent's folder.
const CREDENTIALS: &str = "state/credentials.json";

/// The maximum number of agent log lines that are printed if a test fails.
const SHOWN: usize = 30;

/// An enrolled agent process, which is either running or stopped. Dropping an `Agent` ends its processes.
pub struct Agent {
    folder: TempDir,
    more: Vec<String>,
    running: Option<Guarded>,
    others: Vec<Guarded>,
}

impl Agent {
    /// Enrols a device. The arguments in `more` are passed to both `pinlatch-agent enrol` and `pinlatch-agent run`.
    pub fn enrol(enrolment: &str, lines: &str, more: &[&str]) -> Self {
        Self::enrol_with(enrolment, lines, "", &[], more)
    }

    /// Enrols a device with additional configuration. The text in `config` is added to the agent's configuration file.
    /// The arguments in `once` are passed only to `pinlatch-agent enrol`. The arguments in `more` are passed to both
    /// `pinlatch-agent enrol` and `pinlatch-agent run`.
    pub fn enrol_with(enrolment: &str, lines: &str, config: &str, once: &[&str], more: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let device = SimulatedDevice::new(folder.path());
        let mut enrol = Command::new(program("PINLATCH_AGENT_BIN"));
        enrol.args(["enrol", "-"]).arg("--state").arg(device.state_dir()).args(once).args(more);
        output_with_input("pinlatch-agent enrol", &mut enrol, enrolment).expect("the device is enrolled");
        device.configure(config, lines).expect("a configuration");
        Self {
            folder,
            more: more.iter().map(ToString::to_string).collect(),
            running: None,
            others: Vec::new(),
        }
    }

    /// Starts the agent without waiting until the agent is connected to the edge.
    pub fn start(&mut self) {
        self.running = Some(self.spawn());
    }

    /// Starts a second agent process with the same credentials while the first process runs.
    pub fn start_another(&mut self) {
        self.others.push(self.spawn());
    }

    /// Copies the device to another folder, as if an owner had restored a backup. The copied agent is not started.
    pub fn twin(&self) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let copy = |name: &str| {
            let (from, to) = (self.folder.path().join(name), folder.path().join(name));
            std::fs::copy(&from, &to).expect("a copy");
        };
        std::fs::create_dir(folder.path().join("state")).expect("a folder");
        copy("agent.toml");
        copy(CREDENTIALS);
        Self { folder, more: self.more.clone(), running: None, others: Vec::new() }
    }

    /// Returns the stored credentials: the device's key, its certificate and the keys that it trusts.
    pub fn credentials(&self) -> Value {
        let text = std::fs::read_to_string(self.folder.path().join(CREDENTIALS)).expect("credentials");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Replaces the content of the agent's credentials file.
    pub fn set_credentials(&self, credentials: &Value) {
        std::fs::write(self.folder.path().join(CREDENTIALS), credentials.to_string()).expect("credentials");
    }

    fn device(&self) -> SimulatedDevice {
        SimulatedDevice::new(self.folder.path())
    }

    /// Returns the path of the agent's configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.device().config_file()
    }

    fn spawn(&self) -> Guarded {
        let mut run = self.command();
        run.env("RUST_LOG", "debug");
        Guarded::spawn(&run, &self.log_file()).expect("pinlatch-agent")
    }

    pub fn command(&self) -> Command {
        let mut run = Command::new(program("PINLATCH_AGENT_BIN"));
        run.arg("run").arg("--config").arg(self.device().config_file()).args(&self.more);
        run
    }

    /// Returns the folder of the agent's process in `/proc`. Panics if the agent is not running.
    pub fn proc(&self) -> PathBuf {
        let running = self.running.as_ref().expect("a running agent");
        PathBuf::from(format!("/proc/{}", running.pid().as_raw_pid()))
    }

    /// Ends the agent with SIGKILL, which simulates a power failure.
    pub fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.kill_hard();
        }
    }

    /// Sends SIGHUP to the agent, which makes the agent reload its configuration. If the agent is waiting to reconnect
    /// to the edge, SIGHUP makes the agent reconnect at once.
    pub fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    /// Returns the number of connections that the agent has made to the edge, counted in the agent's log.
    pub fn connections(&self) -> usize {
        self.log().matches("connected edge=").count()
    }

    pub fn open_files(&self) -> usize {
        std::fs::read_dir(self.proc().join("fd")).expect("its files").count()
    }

    /// Returns the resident memory of the agent's process, in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(self.proc().join("status")).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Sends SIGSTOP, which suspends the agent's process until [`Agent::resume`] is called.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let running = self.running.as_ref().expect("a running agent");
        kill_process(running.pid(), signal).expect("its process");
    }

    /// Changes the arguments of `pinlatch-agent run`. The new arguments apply from the next start of the agent.
    pub fn set_arguments(&mut self, more: &[&str]) {
        self.more = more.iter().map(ToString::to_string).collect();
    }

    /// Stops the agent with SIGTERM.
    pub fn stop(&mut self) {
        self.running = None;
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("agent.log")
    }

    /// Returns all changes of the simulated outputs, including the changes before a restart of the agent.
    pub fn journal(&self) -> Vec<Value> {
        self.device().journal()
    }

    /// Returns all levels that a simulated GPIO line has had, oldest first.
    pub fn levels(&self, line: &str) -> Vec<Value> {
        self.journal()
            .into_iter()
            .filter(|entry| entry["line"] == line)
            .map(|entry| entry["level"].clone())
            .collect()
    }

    /// Returns how often a simulated GPIO line was switched on.
    pub fn times_on(&self, line: &str) -> usize {
        self.levels(line).iter().filter(|level| **level == json!(true)).count()
    }

    /// Sets the input level of a simulated contact.
    pub fn drive(&self, line: &str, level: bool) {
        self.drive_to(line, &json!(level));
    }

    /// Sets the input value of a simulated contact or sensor. The value `null` simulates a sensor that cannot be read.
    pub fn drive_to(&self, line: &str, level: &Value) {
        soon("the simulator listens", || UnixStream::connect(self.device().socket()).ok());
        self.device().drive(line, level).expect("a simulator that answers");
    }
}

impl Drop for Agent {
    /// Prints the last lines of the agent's log if the test fails.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let (_, last) = lines.split_at(lines.len().saturating_sub(SHOWN));
            println!("an agent's last {SHOWN} lines at most:\n{}", last.join("\n"));
        }
    }
}
