//! Sets up a device in a temporary folder and enrols the device at a simulated edge.

use std::path::PathBuf;

use pinlatch_agent::clock::WallClock;
use pinlatch_agent::config::Config;
use pinlatch_agent::credentials::Credentials;
use pinlatch_agent::reload::Source;
use pinlatch_agent::running::RunningConfig;
use pinlatch_agent::uplink::tls;
use pinlatch_agent::{agent, enrol};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};
use xtask::simulated::SimulatedDevice;
use xtask::simulated_lines;

use crate::edge::Edge;

/// The lines of the device. The line `lost` has no hardware.
const LINES: &str = concat!(
    simulated_lines! {
        "door": "momentary";
        "lamp": "switch", "retain = true";
        "bell": "contact", "debounce_ms = 0";
    },
    "[lines.lost]\nkind = \"switch\"\ndriver = \"gpio\"\ngpio = \"NO_SUCH_LINE\"\n"
);

/// The temporary folder and the settings of one device.
pub struct TestAgent {
    pub folder: TempDir,
    ca: Option<PathBuf>,
    clock: WallClock,
}

impl TestAgent {
    pub fn new() -> Self {
        Self::with(None, WallClock::default())
    }

    /// Sets up a device whose configuration contains `lines` instead of the default lines.
    pub fn of(lines: &str) -> Self {
        let test_agent = Self::new();
        test_agent.device().configure("", lines).unwrap();
        test_agent
    }

    pub fn with(ca_pem: Option<&str>, clock: WallClock) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut keys = "status_socket = \"agent.sock\"\n".to_owned();
        let ca = ca_pem.map(|pem| {
            keys.push_str("ca_file = \"ca.pem\"\n");
            let file = folder.path().join("ca.pem");
            std::fs::write(&file, pem).unwrap();
            file
        });
        SimulatedDevice::new(folder.path()).configure(&keys, LINES).unwrap();
        Self { folder, ca, clock }
    }

    /// Adds top-level keys at the start of the configuration file.
    pub fn configure(&self, keys: &str) {
        let before = std::fs::read_to_string(self.config_file()).unwrap();
        std::fs::write(self.config_file(), format!("{keys}\n{before}")).unwrap();
    }

    pub fn device(&self) -> SimulatedDevice {
        SimulatedDevice::new(self.folder.path())
    }

    pub fn config_file(&self) -> PathBuf {
        self.device().config_file()
    }

    pub fn state_dir(&self) -> PathBuf {
        self.device().state_dir()
    }

    /// Returns the runtime folder of the agent's process.
    pub fn runtime_dir(&self) -> PathBuf {
        let folder = self.folder.path().join("run");
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    pub fn socket(&self) -> PathBuf {
        self.device().socket()
    }

    /// Returns all changes of the simulated outputs until now as pairs `(line, level)`.
    pub fn journal(&self) -> Vec<(String, Value)> {
        let entry = |entry: Value| (entry["line"].as_str().unwrap().to_owned(), entry["level"].clone());
        self.device().journal().into_iter().map(entry).collect()
    }

    /// Returns the number of times that a line was switched on.
    pub fn times_on(&self, line: &str) -> usize {
        self.journal().iter().filter(|(name, level)| name == line && *level == Value::Bool(true)).count()
    }

    pub async fn enrol(&self, string: &str) -> Result<Credentials, enrol::EnrolError> {
        let tls = tls::connector(self.ca.as_deref(), self.clock).unwrap();
        let config = Config::load(&self.config_file()).ok();
        let (proxy, owner) = config.map(|config| (config.proxy, config.owner)).unwrap_or_default();
        let options = enrol::Options { state_dir: self.state_dir(), allow_plaintext: false, proxy, owner };
        enrol::enrol(&string.parse()?, &options, &tls).await
    }

    /// Enrols the device, runs the agent during `test`, and stops the agent afterwards.
    pub async fn with_agent<T>(&self, edge: &mut Edge, test: impl AsyncFnOnce(&mut Edge) -> T) -> T {
        self.enrol(&edge.enrol_string()).await.unwrap();
        let running = RunningConfig::of(&self.config_file(), None);
        let start = running.start().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let (_never, asked) = mpsc::channel(1);
        let source = Source { file: self.config_file(), running, asked };
        let agent = agent::run(start, source, self.clock, async { stopped.await.unwrap_or_default() });
        tokio::pin!(agent);
        let value = tokio::select! {
            ended = &mut agent => panic!("the agent ended by itself: {ended:?}"),
            value = test(edge) => value,
        };
        stop.send(()).unwrap();
        agent.await.unwrap();
        value
    }
}
