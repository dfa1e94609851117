//! How to start a local Worker.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::PathBuf,
};

use anyhow::{Context, Result};
use serde_json::Value;

use super::port::loopback_addresses;
use crate::{build::Mode, paths, tools::Tools};

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
    /// Our command line, which writes what workerd by itself runs on.
    pub pinlatch: PathBuf,
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
            pinlatch: get("PINLATCH_BIN")?,
        })
    }

    /// As xtask's own setup found and built them.
    #[must_use]
    pub fn of(tools: &Tools, mode: Mode) -> Self {
        Self {
            node: tools.node.clone(),
            wrangler: tools.wrangler(),
            edge_dist: mode.edge_dist(),
            panel_dist: mode.panel_dist(),
            pinlatch: paths::target().join("debug/pinlatch"),
        }
    }

    /// workerd itself, of the npm package for this platform.
    pub fn workerd(&self) -> Result<PathBuf> {
        let os = if cfg!(target_os = "macos") { "darwin" } else { std::env::consts::OS };
        let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "64" };
        let package = format!("@cloudflare/workerd-{os}-{arch}/bin/workerd");
        // …/node_modules/wrangler/bin/wrangler.js
        let modules = self.wrangler.ancestors().find(|folder| folder.ends_with("node_modules"));
        let binary = modules.map(|modules| modules.join(&package)).filter(|binary| binary.is_file());
        binary.with_context(|| format!("there is no {package} beside {}", self.wrangler.display()))
    }
}

/// How to start a local Worker.
#[derive(Debug, Clone)]
pub struct EdgeOptions {
    /// Programs and builds.
    pub parts: EdgeParts,
    /// Its own folder: configuration, secrets, log, and the objects' state.
    pub dir: PathBuf,
    /// Where it listens. `None` is `localhost`: on 127.0.0.1 and, where the machine has it, on ::1.
    pub ip: Option<IpAddr>,
    /// Wanted port; another is taken where it is busy. `None` takes any.
    pub port: Option<u16>,
    /// Variables over those of wrangler.toml, such as `SITES`.
    pub vars: BTreeMap<String, Value>,
    /// Where the secrets come from.
    pub secrets: Secrets,
    /// Serves TLS with this private key and certificate (PEM files).
    pub https: Option<(PathBuf, PathBuf)>,
    /// What starts workerd.
    pub runner: Runner,
    /// The entry of another Worker than ours, with no bindings but its variables. It answers `/healthz` too.
    pub other: Option<PathBuf>,
}

/// What starts workerd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runner {
    /// `wrangler dev`, as developers use it: workerd behind a proxy of its own, with the panel's files as on
    /// Cloudflare.
    Wrangler,
    /// workerd by itself on what `pinlatch self-host` wrote, as on somebody's own server.
    Workerd,
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

    /// Options with given parts: any port, no secrets, workerd by itself at `localhost`.
    #[must_use]
    pub fn with(parts: EdgeParts, dir: impl Into<PathBuf>) -> Self {
        let (vars, secrets) = (BTreeMap::new(), Secrets::None);
        let (runner, dir) = (Runner::Workerd, dir.into());
        Self { parts, dir, ip: None, port: None, vars, secrets, https: None, runner, other: None }
    }

    /// Listens at `::1` alone. Not with TLS, which is served at the name `localhost`.
    #[must_use]
    pub fn ipv6(mut self) -> Self {
        self.ip = Some(IpAddr::V6(Ipv6Addr::LOCALHOST));
        self
    }

    /// The addresses to listen at. wrangler listens at one.
    #[must_use]
    pub fn addresses(&self) -> Vec<IpAddr> {
        match self.ip {
            Some(ip) => vec![ip],
            None if self.runner == Runner::Workerd => loopback_addresses(),
            None => vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
        }
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

    /// Runs it through `wrangler dev`.
    #[must_use]
    pub fn wrangler(mut self) -> Self {
        self.runner = Runner::Wrangler;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_hides_secrets() {
        let values = BTreeMap::from([("KEY".to_owned(), "hush".to_owned())]);
        assert_eq!(format!("{:?}", Secrets::Values(values)), "Values([\"KEY\"])");
    }
}
