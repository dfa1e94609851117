//! Runs a Worker in workerd on this machine.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! use xtask::edge::{Edge, EdgeOptions};
//! let mut edge = Edge::start(EdgeOptions::new("/tmp/state")?.secrets_file("/tmp/init/.dev.vars"))?;
//! println!("{}", edge.url());
//! edge.restart()?; // same port, same state
//! # Ok(()) }
//! ```

pub mod config;
mod options;
mod port;
mod programs;

pub use options::{EdgeOptions, EdgeParts, Runner, Secrets};
pub use port::{free_port, is_free};
pub use programs::quiet_wrangler;

use std::{
    fs,
    io::Write,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{guard::Guarded, process};

/// The time limit for the Worker's first response. On a busy machine, wrangler takes up to ten seconds to start.
const READY: Duration = Duration::from_secs(60);
const ANSWER: Duration = Duration::from_secs(30);
/// The interval between two requests to a starting Worker.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The maximum number of attempts to start the Worker. Another program can open the free port first.
const PORT_ATTEMPTS: usize = 3;

/// A running Worker. The Worker ends when this value is dropped.
pub struct Edge {
    options: EdgeOptions,
    port: u16,
    running: Option<Guarded>,
    /// The byte offset in the log file at which the output of the current process begins.
    log_from: usize,
}

impl Edge {
    /// Starts a Worker and waits until the Worker answers a request.
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

    /// Returns the Worker's origin, such as `http://localhost:8787`.
    pub fn url(&self) -> String {
        match (&self.options.https, self.options.ip) {
            (Some(_), _) => format!("https://localhost:{}", self.port),
            (None, None) => format!("http://localhost:{}", self.port),
            (None, Some(ip)) => format!("http://{}", SocketAddr::new(ip, self.port)),
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn log(&self) -> PathBuf {
        self.options.dir.join("edge.log")
    }

    /// Stops the Worker and starts the Worker again, with the same port and the same state.
    pub fn restart(&mut self) -> Result<()> {
        self.stop();
        // The secrets can have changed since the last start.
        self.write_configuration()?;
        self.run()
    }

    /// Sends SIGKILL to workerd and its runner, as in a power failure. [`Edge::restart`] starts the Worker again.
    pub fn kill_hard(&mut self) {
        if let Some(running) = self.running.take() {
            running.kill_hard();
        }
    }

    /// Stops the Worker and waits until all its processes have ended. [`Edge::restart`] starts the Worker again.
    pub fn stop(&mut self) {
        self.running = None;
    }

    /// Returns whether the Worker has ended without a call of [`Edge::stop`].
    pub fn has_ended(&mut self) -> bool {
        self.running.as_mut().is_none_or(Guarded::has_ended)
    }

    fn write_configuration(&self) -> Result<()> {
        let EdgeOptions { parts, dir, vars, secrets, other, .. } = &self.options;
        let file = dir.join("wrangler.json");
        match other {
            None => config::write(&file, &parts.edge_dist, &parts.panel_dist, vars)?,
            Some(entry) => fs::write(&file, config::other(&config::ours()?, entry, vars)?.to_string())?,
        }
        let secrets = match secrets {
            Secrets::None => return Ok(()),
            Secrets::File(file) => {
                fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?
            }
            Secrets::Values(values) => config::dev_vars(values)?,
        };
        write_private(&dir.join(".dev.vars"), &secrets)
    }

    fn command(&self) -> Result<Command> {
        match self.options.runner {
            Runner::Wrangler => programs::wrangler(&self.options, self.port),
            Runner::Workerd => programs::workerd(&self.options, self.port),
        }
    }

    fn run(&mut self) -> Result<()> {
        let log = self.log();
        self.log_from = fs::read(&log).map_or(0, |lines| lines.len());
        let mut guarded = Guarded::spawn(&self.command()?, &log)?;
        let deadline = Instant::now() + READY;
        let tail = || process::tail(&log, 25);
        loop {
            if guarded.has_ended() {
                bail!("workerd ended before it answered:\n{}", tail());
            }
            if self.answers() {
                self.running = Some(guarded);
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("the Worker did not answer within {} s:\n{}", READY.as_secs(), tail());
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn answers(&self) -> bool {
        // Until wrangler prints `Ready on`, wrangler accepts connections but does not answer requests.
        if self.options.runner == Runner::Wrangler && !self.this_runs_log().contains("Ready on ") {
            return false;
        }
        // The request uses the IP address, because some minimal systems have no `localhost` in `/etc/hosts`.
        let address = SocketAddr::new(self.options.ip.unwrap_or(Ipv4Addr::LOCALHOST.into()), self.port);
        if self.options.https.is_some() {
            // The HTTP client of this function has no TLS. Therefore only the TCP connection is checked.
            return TcpStream::connect(address).is_ok();
        }
        let request = ureq::get(format!("http://{address}/healthz"));
        request
            .config()
            .timeout_global(Some(ANSWER))
            .build()
            .call()
            .is_ok_and(|answer| answer.status() == 200)
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

/// Writes a file that only the user who owns the file can read.
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
}
