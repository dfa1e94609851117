//! A real agent with simulated lines. The simulator writes a journal of the lines' changes.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use xtask::guard::Guarded;

use crate::{program, soon};

/// The lines of a standard test device.
pub const LINES: &str = r#"
[lines.door]
kind = "momentary"
driver = "sim"
max_on_ms = 5000

[lines.lamp]
kind = "switch"
driver = "sim"
retain = true

[lines.relay]
kind = "switch"
driver = "sim"

[lines.bell]
kind = "contact"
driver = "sim"

[lines.rose]
kind = "rgb"
driver = "sim"
"#;

/// The agent's credentials file, relative to its folder.
const CREDENTIALS: &str = "state/credentials.json";

/// Number of log lines that are printed if a test fails.
const SHOWN: usize = 30;

/// An enrolled agent, running or stopped. Dropping this value ends its processes.
pub struct Agent {
    folder: TempDir,
    more: Vec<String>,
    running: Option<Guarded>,
    others: Vec<Guarded>,
}

impl Agent {
    /// Enrols a device. `more` are arguments for both `enrol` and `run`.
    pub fn enrol(enrolment: &str, lines: &str, more: &[&str]) -> Self {
        Self::enrol_with(enrolment, lines, "", &[], more)
    }

    /// Enrols a device. `config` is added to the device's configuration. `once` are arguments for `enrol` only, and
    /// `more` are arguments for both `enrol` and `run`.
    pub fn enrol_with(enrolment: &str, lines: &str, config: &str, once: &[&str], more: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let state = folder.path().join("state");
        let mut enrol = Command::new(program("PINLATCH_AGENT_BIN"));
        enrol.arg("enrol").arg(enrolment).arg("--state").arg(&state).args(once).args(more);
        let output = enrol.output().expect("pinlatch-agent enrol");
        assert!(output.status.success(), "pinlatch-agent enrol: {}", String::from_utf8_lossy(&output.stderr));
        let head = "state_dir = \"state\"\n";
        let simulator = "\n[simulator]\njournal = \"sim.jsonl\"\nsocket = \"sim.sock\"\n";
        std::fs::write(folder.path().join("agent.toml"), format!("{head}{config}{simulator}{lines}"))
            .expect("a configuration");
        Self {
            folder,
            more: more.iter().map(ToString::to_string).collect(),
            running: None,
            others: Vec::new(),
        }
    }

    /// Starts the agent. Does not wait for the connection.
    pub fn start(&mut self) {
        self.running = Some(self.spawn());
    }

    /// Starts a second process with the same credentials while the first one runs.
    pub fn start_another(&mut self) {
        self.others.push(self.spawn());
    }

    /// A copy of the device in another folder, as after a backup is restored. The copy is not started.
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

    /// The stored credentials: the device's key, its certificate and the keys that it trusts.
    pub fn credentials(&self) -> Value {
        let text = std::fs::read_to_string(self.folder.path().join(CREDENTIALS)).expect("credentials");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Replaces the stored credentials.
    pub fn set_credentials(&self, credentials: &Value) {
        std::fs::write(self.folder.path().join(CREDENTIALS), credentials.to_string()).expect("credentials");
    }

    fn spawn(&self) -> Guarded {
        let mut run = self.command();
        run.env("RUST_LOG", "debug");
        Guarded::spawn(&run, &self.log_file()).expect("pinlatch-agent")
    }

    pub fn command(&self) -> Command {
        let mut run = Command::new(program("PINLATCH_AGENT_BIN"));
        run.arg("run").arg("--config").arg(self.folder.path().join("agent.toml")).args(&self.more);
        run
    }

    /// The agent's folder in `/proc`. The agent must be running.
    pub fn proc(&self) -> PathBuf {
        let running = self.running.as_ref().expect("a running agent");
        PathBuf::from(format!("/proc/{}", running.pid().as_raw_pid()))
    }

    /// Sends SIGKILL, as in a power failure.
    pub fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.kill_hard();
        }
    }

    /// Sends SIGHUP. The agent reloads its configuration. If the agent is waiting to reconnect, it retries at once.
    pub fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    /// Number of connections so far, counted in the log.
    pub fn connections(&self) -> usize {
        self.log().matches("connected edge=").count()
    }

    pub fn open_files(&self) -> usize {
        std::fs::read_dir(self.proc().join("fd")).expect("its files").count()
    }

    /// Resident memory, in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(self.proc().join("status")).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Sends SIGSTOP, which suspends the process until [`Agent::resume`].
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

    /// Changes the arguments of `run`. They apply from the next start.
    pub fn set_arguments(&mut self, more: &[&str]) {
        self.more = more.iter().map(ToString::to_string).collect();
    }

    /// Sends SIGTERM.
    pub fn stop(&mut self) {
        self.running = None;
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("agent.log")
    }

    /// All changes of simulated outputs, including the changes before a restart.
    pub fn journal(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join("sim.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("a line of the journal")).collect()
    }

    /// The levels that a line has had, oldest first.
    pub fn levels(&self, line: &str) -> Vec<Value> {
        self.journal()
            .into_iter()
            .filter(|entry| entry["line"] == line)
            .map(|entry| entry["level"].clone())
            .collect()
    }

    /// Sets the input of a simulated contact.
    pub fn drive(&self, line: &str, level: bool) {
        self.drive_to(line, &json!(level));
    }

    /// Sets the input of a simulated contact or sensor. `null` makes a sensor fail.
    pub fn drive_to(&self, line: &str, level: &Value) {
        let socket = self.folder.path().join("sim.sock");
        let mut stream = soon("the simulator listens", || UnixStream::connect(&socket).ok());
        writeln!(stream, "{}", json!({ "line": line, "level": level })).expect("a simulator that reads");
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).expect("a simulator that answers");
        assert_eq!(serde_json::from_str::<Value>(&answer).expect("JSON"), json!({ "ok": true }));
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
