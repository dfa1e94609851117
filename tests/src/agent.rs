//! A real agent with simulated lines, and what the lines did.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use xtask::guard::Guarded;

use crate::{program, soon};

/// The lines of a device in tests.
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

/// Where an agent keeps who it is.
const CREDENTIALS: &str = "state/credentials.json";

/// How many lines of its log are shown where a test fails.
const SHOWN: usize = 30;

/// An enrolled agent, running or not. It ends with this value.
pub struct Agent {
    folder: TempDir,
    more: Vec<String>,
    running: Option<Guarded>,
    others: Vec<Guarded>,
}

impl Agent {
    /// Enrols a device. `more` are arguments of both `enrol` and `run`.
    pub fn enrol(enrolment: &str, lines: &str, more: &[&str]) -> Self {
        Self::enrol_with(enrolment, lines, "", &[], more)
    }

    /// Enrols a device with further configuration and further arguments of `enrol` alone.
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

    /// Starts it; that it is connected is for the caller to wait for.
    pub fn start(&mut self) {
        self.running = Some(self.spawn());
    }

    /// Starts a second process with the same credentials beside the first.
    pub fn start_another(&mut self) {
        self.others.push(self.spawn());
    }

    /// The same device in another folder, as on a restored backup. It does not run yet.
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

    /// What the device has stored: its key, its certificate and whom it believes.
    pub fn credentials(&self) -> Value {
        let text = std::fs::read_to_string(self.folder.path().join(CREDENTIALS)).expect("credentials");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Puts other credentials in their place.
    pub fn set_credentials(&self, credentials: &Value) {
        std::fs::write(self.folder.path().join(CREDENTIALS), credentials.to_string()).expect("credentials");
    }

    fn spawn(&self) -> Guarded {
        let mut run = self.command();
        run.env("RUST_LOG", "debug");
        Guarded::spawn(&run, &self.log_file()).expect("pinlatch-agent")
    }

    /// The command line that runs it.
    pub fn command(&self) -> Command {
        let mut run = Command::new(program("PINLATCH_AGENT_BIN"));
        run.arg("run").arg("--config").arg(self.folder.path().join("agent.toml")).args(&self.more);
        run
    }

    /// Its folder in `/proc`, while it runs.
    pub fn proc(&self) -> PathBuf {
        let running = self.running.as_ref().expect("a running agent");
        PathBuf::from(format!("/proc/{}", running.pid().as_raw_pid()))
    }

    /// SIGKILL, as when power fails.
    pub fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.kill_hard();
        }
    }

    /// Lets it read its configuration again, and try at once where it waits.
    pub fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    /// How often it has connected.
    pub fn connections(&self) -> usize {
        self.log().matches("connected edge=").count()
    }

    /// How many files it has open.
    pub fn open_files(&self) -> usize {
        std::fs::read_dir(self.proc().join("fd")).expect("its files").count()
    }

    /// How much memory it has resident, in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(self.proc().join("status")).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Lets it stand still, as a machine that is suspended, until [`Agent::resume`].
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Ends a pause.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let running = self.running.as_ref().expect("a running agent");
        kill_process(running.pid(), signal).expect("its process");
    }

    /// Other arguments of `run` from its next start on.
    pub fn set_arguments(&mut self, more: &[&str]) {
        self.more = more.iter().map(ToString::to_string).collect();
    }

    /// SIGTERM.
    pub fn stop(&mut self) {
        self.running = None;
    }

    /// What it logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("agent.log")
    }

    /// Every change of a simulated output so far, across restarts.
    pub fn journal(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join("sim.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("a line of the journal")).collect()
    }

    /// The levels that a line went through.
    pub fn levels(&self, line: &str) -> Vec<Value> {
        self.journal()
            .into_iter()
            .filter(|entry| entry["line"] == line)
            .map(|entry| entry["level"].clone())
            .collect()
    }

    /// Drives a simulated contact.
    pub fn drive(&self, line: &str, level: bool) {
        self.drive_to(line, &json!(level));
    }

    /// Drives a simulated contact or sensor; `null` is a sensor that fails.
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
    /// Where a test fails, shows what its agents were about.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let (_, last) = lines.split_at(lines.len().saturating_sub(SHOWN));
            println!("an agent's last {SHOWN} lines at most:\n{}", last.join("\n"));
        }
    }
}
