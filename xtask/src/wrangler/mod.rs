//! A Worker running for real on this machine: workerd through `wrangler dev`.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! use xtask::wrangler::{Edge, EdgeOptions};
//! let mut edge = Edge::start(EdgeOptions::new("/tmp/state")?.secrets_file("/tmp/init/.dev.vars"))?;
//! println!("{}", edge.url());
//! edge.restart()?; // same port, same state
//! # Ok(()) }
//! ```

pub mod config;

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use serde_json::Value;

use crate::{client::Client, guard::Guarded, paths, process, processes, tools::Tools};

/// How long `wrangler dev` may take to answer; on a busy machine with two cores it takes up to ten seconds.
const READY: Duration = Duration::from_secs(60);
/// How often a free port may be lost to somebody else before we give up.
const PORT_ATTEMPTS: usize = 3;

/// The programs and builds that a local Worker runs from.
#[derive(Debug, Clone)]
pub struct EdgeParts {
    /// Node.
    pub node: PathBuf,
    /// Wrangler's JavaScript entry.
    pub wrangler: PathBuf,
    /// The built Worker.
    pub edge_dist: PathBuf,
    /// The built panel.
    pub panel_dist: PathBuf,
}

impl EdgeParts {
    /// As `cargo xtask test` tells it to test binaries.
    pub fn from_env() -> Result<Self> {
        let get = |name: &str| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .with_context(|| format!("{name} is not set: run this by `cargo xtask test`"))
        };
        Ok(Self {
            node: get("PINLATCH_NODE")?,
            wrangler: get("PINLATCH_WRANGLER")?,
            edge_dist: get("PINLATCH_EDGE_DIST")?,
            panel_dist: get("PINLATCH_PANEL_DIST")?,
        })
    }

    /// As xtask's own setup found it.
    #[must_use]
    pub fn of(tools: &Tools) -> Self {
        Self {
            node: tools.node.clone(),
            wrangler: tools.wrangler(),
            edge_dist: paths::edge_dist(),
            panel_dist: paths::panel_dist(),
        }
    }
}

/// How to start a local Worker.
#[derive(Debug, Clone)]
pub struct EdgeOptions {
    /// Programs and builds.
    pub parts: EdgeParts,
    /// Its own folder: configuration, secrets, log, and the objects' state.
    pub dir: PathBuf,
    /// Wanted port; another is taken where it is busy. `None` takes any.
    pub port: Option<u16>,
    /// Variables over those of wrangler.toml, such as `SITES`.
    pub vars: BTreeMap<String, Value>,
    /// Where the secrets come from.
    pub secrets: Secrets,
    /// Serves TLS with this private key and certificate (PEM files).
    pub https: Option<(PathBuf, PathBuf)>,
    /// The entry of another Worker than ours, with no bindings but its variables. It answers `/healthz` too.
    pub other: Option<PathBuf>,
}

/// A Worker's secrets.
#[derive(Clone, Default)]
pub enum Secrets {
    /// None.
    #[default]
    None,
    /// A `.dev.vars` file, as `pinlatch init` writes it.
    File(PathBuf),
    /// Given one by one.
    Values(BTreeMap<String, String>),
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::Values(values) => write!(f, "Values({:?})", values.keys()),
        }
    }
}

impl EdgeOptions {
    /// Options for a test: parts from the environment, any port, no secrets.
    pub fn new(dir: impl Into<PathBuf>) -> Result<Self> {
        Ok(Self::with(EdgeParts::from_env()?, dir))
    }

    /// Options with given parts.
    #[must_use]
    pub fn with(parts: EdgeParts, dir: impl Into<PathBuf>) -> Self {
        let (vars, secrets) = (BTreeMap::new(), Secrets::None);
        Self { parts, dir: dir.into(), port: None, vars, secrets, https: None, other: None }
    }

    /// Asks for a port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Sets a variable, a text or a table.
    #[must_use]
    pub fn var(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.vars.insert(name.into(), value.into());
        self
    }

    /// Takes the secrets from a `.dev.vars` file.
    #[must_use]
    pub fn secrets_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.secrets = Secrets::File(file.into());
        self
    }

    /// Runs another Worker in place of ours.
    #[must_use]
    pub fn other(mut self, entry: impl Into<PathBuf>) -> Self {
        self.other = Some(entry.into());
        self
    }

    /// Serves TLS.
    #[must_use]
    pub fn https(mut self, key: impl Into<PathBuf>, certificate: impl Into<PathBuf>) -> Self {
        self.https = Some((key.into(), certificate.into()));
        self
    }
}

/// A running Worker; it ends with this value.
pub struct Edge {
    options: EdgeOptions,
    port: u16,
    running: Option<Guarded>,
    /// Where the present run's lines begin in the log, which restarts append to.
    log_from: usize,
}

impl Edge {
    /// Starts a Worker and waits until it answers.
    pub fn start(options: EdgeOptions) -> Result<Self> {
        fs::create_dir_all(&options.dir).with_context(|| options.dir.display().to_string())?;
        let dir = options.dir.canonicalize()?;
        let mut edge = Self { options: EdgeOptions { dir, ..options }, port: 0, running: None, log_from: 0 };
        fs::write(edge.log(), "").with_context(|| edge.log().display().to_string())?;
        edge.write_configuration()?;
        let mut attempt = 1;
        loop {
            edge.port = match edge.options.port {
                Some(port) if is_free(port) => port,
                _ => free_port()?,
            };
            match edge.run() {
                Err(error) if attempt < PORT_ATTEMPTS && edge.lost_its_port() => {
                    attempt += 1;
                    drop(error);
                }
                Err(error) => return Err(error),
                Ok(()) => return Ok(edge),
            }
        }
    }

    /// Its origin, such as `http://127.0.0.1:8787` (`https://localhost:…` with TLS).
    #[must_use]
    pub fn url(&self) -> String {
        match self.options.https {
            Some(_) => format!("https://localhost:{}", self.port),
            None => format!("http://127.0.0.1:{}", self.port),
        }
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What wrangler and the Worker printed.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.options.dir.join("wrangler.log")
    }

    /// Ends it in good order and starts it again: same port, same state.
    pub fn restart(&mut self) -> Result<()> {
        self.stop();
        // The secrets may be others now.
        self.write_configuration()?;
        self.run()
    }

    /// SIGKILL to wrangler and workerd, as in a power cut. [`Edge::restart`] brings it back.
    pub fn kill_hard(&mut self) {
        if let Some(running) = self.running.take() {
            running.kill_hard();
        }
    }

    /// SIGKILL to workerd alone. Wrangler does not notice: requests hang until [`Edge::kill_hard`] or
    /// [`Edge::restart`].
    pub fn kill_workerd(&self) {
        if let Some(running) = &self.running {
            processes::signal_all(
                &processes::descendants_named(running.guard_pid(), "workerd"),
                Signal::KILL,
            );
        }
    }

    /// Ends it and waits until all of its processes are gone. [`Edge::restart`] brings it back.
    pub fn stop(&mut self) {
        self.running = None;
    }

    /// Whether wrangler has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.running.as_mut().is_none_or(Guarded::has_ended)
    }

    fn write_configuration(&self) -> Result<()> {
        let EdgeOptions { parts, dir, vars, secrets, other, .. } = &self.options;
        let file = paths::root().join("wrangler.toml");
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let config = match other {
            None => config::derive(&text, &parts.edge_dist, &parts.panel_dist, vars)?,
            Some(entry) => config::other(&text, entry, vars)?,
        };
        fs::write(dir.join("wrangler.json"), serde_json::to_string_pretty(&config)?)?;
        let secrets = match secrets {
            Secrets::None => return Ok(()),
            Secrets::File(file) => {
                fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?
            }
            Secrets::Values(values) => config::dev_vars(values)?,
        };
        write_private(&dir.join(".dev.vars"), &secrets)
    }

    fn run(&mut self) -> Result<()> {
        let log = self.log();
        self.log_from = fs::read(&log).map_or(0, |lines| lines.len());
        let mut guarded = Guarded::spawn(&self.command()?, &log)?;
        let deadline = Instant::now() + READY;
        let tail = || process::tail(&log, 25);
        loop {
            if guarded.has_ended() {
                bail!("wrangler dev ended before it answered:\n{}", tail());
            }
            if self.answers() {
                self.running = Some(guarded);
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("the Worker did not answer within {} s:\n{}", READY.as_secs(), tail());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn command(&self) -> Result<Command> {
        let EdgeOptions { parts, dir, https, .. } = &self.options;
        let mut command = Command::new(&parts.node);
        command.arg(&parts.wrangler).arg("dev").arg("--config").arg(dir.join("wrangler.json"));
        command.args(["--local", "--ip", "127.0.0.1", "--port", &self.port.to_string()]);
        command.args(["--inspector-port", "0", "--show-interactive-dev-session=false"]);
        command.arg("--persist-to").arg(dir.join("state"));
        if let Some((key, certificate)) = https {
            command.args(["--local-protocol", "https"]);
            command.arg("--https-key-path").arg(key.canonicalize()?);
            command.arg("--https-cert-path").arg(certificate.canonicalize()?);
        }
        command.current_dir(dir);
        quiet_wrangler(&mut command);
        // Several Workers of one name run side by side in tests: none may look for another.
        command
            .env("WRANGLER_REGISTRY_PATH", dir.join("registry"))
            .env("WRANGLER_CI_DISABLE_CONFIG_WATCHING", "true");
        Ok(command)
    }

    fn answers(&self) -> bool {
        // Until wrangler says so, a connection would only wait in its queue.
        if !self.this_runs_log().contains("Ready on ") {
            return false;
        }
        match self.options.https {
            None => Client::new(&self.url()).status("/healthz").is_ok_and(|status| status == 200),
            // We speak no TLS; that the port is open and wrangler is ready must do.
            Some(_) => TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok(),
        }
    }

    fn this_runs_log(&self) -> String {
        let bytes = fs::read(self.log()).unwrap_or_default();
        String::from_utf8_lossy(bytes.get(self.log_from..).unwrap_or_default()).into_owned()
    }

    fn lost_its_port(&self) -> bool {
        let log = self.this_runs_log();
        log.contains("EADDRINUSE") || log.contains("ddress already in use")
    }
}

/// Keeps wrangler off the network and off the terminal.
pub fn quiet_wrangler(command: &mut Command) {
    command
        .env("CI", "1")
        .env("NO_COLOR", "1")
        .env("CLOUDFLARE_CF_FETCH_ENABLED", "false")
        .env("WRANGLER_SEND_METRICS", "false")
        .env("WRANGLER_SEND_ERROR_REPORTS", "false")
        .env("WRANGLER_HIDE_BANNER", "true")
        .env("WRANGLER_WRITE_LOGS", "false");
}

/// Writes a file that only we may read.
pub fn write_private(file: &Path, text: &str) -> Result<()> {
    let _ = fs::remove_file(file);
    let mut out = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .with_context(|| format!("cannot write {}", file.display()))?;
    out.write_all(text.as_bytes())?;
    Ok(())
}

/// A port of the loopback interface that nobody listens on now.
pub fn free_port() -> Result<u16> {
    let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    Ok(probe.local_addr()?.port())
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn secrets_are_for_us_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(".dev.vars");
        write_private(&file, "A='1'\n").unwrap();
        write_private(&file, "A='2'\n").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(&file).unwrap(), "A='2'\n");
    }

    #[test]
    fn debug_output_hides_secrets() {
        let values = BTreeMap::from([("KEY".to_owned(), "hush".to_owned())]);
        assert_eq!(format!("{:?}", Secrets::Values(values)), "Values([\"KEY\"])");
    }

    #[test]
    fn a_taken_port_is_not_free() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert!(!is_free(taken.local_addr().unwrap().port()));
    }
}
