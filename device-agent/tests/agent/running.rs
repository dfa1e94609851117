//! Runs the real agent binary with the configuration of a [`TestAgent`]. The agent's log goes to a file.

use std::fs::File;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::edge::PATIENCE;
use crate::test_agent::TestAgent;

pub struct Running {
    child: Child,
    log: std::path::PathBuf,
}

impl Running {
    pub fn start(test_agent: &TestAgent) -> Self {
        Self::start_with(test_agent, |_| {})
    }

    /// Starts the agent with a command line or an environment that `change` has modified.
    pub fn start_with(test_agent: &TestAgent, change: impl FnOnce(&mut Command)) -> Self {
        let log = test_agent.folder.path().join("agent.log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_pinlatch-agent"));
        command.arg("run").arg("--config").arg(test_agent.config_file()).kill_on_drop(true);
        for variable in ["RUST_LOG", "NOTIFY_SOCKET", "WATCHDOG_USEC", "JOURNAL_STREAM"] {
            command.env_remove(variable);
        }
        command.env("RUNTIME_DIRECTORY", test_agent.runtime_dir());
        let file = File::options().create(true).append(true).open(&log).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
        change(&mut command);
        Self { child: command.spawn().unwrap(), log }
    }

    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id().unwrap()).unwrap()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.pid()).unwrap(), signal).unwrap();
    }

    /// Returns the agent's log, including the log of earlier runs.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until the agent's log contains `words`, and returns the log.
    pub async fn until_logged(&self, words: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            // The agent may still be writing the last line.
            let lines = log.rsplit_once('\n').map_or("", |(lines, _)| lines);
            if lines.contains(words) {
                return lines.to_owned();
            }
            assert!(Instant::now() < deadline, "{words:?} is not in:\n{log}");
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Stops the agent with SIGTERM, and returns the agent's log.
    pub async fn stop(self) -> String {
        self.signal(Signal::TERM);
        self.ended().await
    }

    /// Waits until the agent has ended, and returns the agent's log.
    pub async fn ended(mut self) -> String {
        let ended = timeout(PATIENCE, self.child.wait()).await.expect("the program does not end").unwrap();
        assert_eq!(ended.code(), Some(0), "{}", self.log());
        self.log()
    }
}
