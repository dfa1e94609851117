//! Options of a local Worker.

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
    pub node: PathBuf,
    /// Wrangler's JavaScript entry.
    pub wrangler: PathBuf,
    pub edge_dist: PathBuf,
    pub panel_dist: PathBuf,
    /// Our command line, which writes the folder for [`Runner::Workerd`].
    pub pinlatch: PathBuf,
}

impl EdgeParts {
    /// Reads the paths from the environment variables that `cargo xtask test` sets for test programs.
    pub fn from_env() -> Result<Self> {
        let get = |name: &str| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .with_context(|| format!("{name} is not set; run the program with `cargo xtask test`"))
        };
        Ok(Self {
            node: get("PINLATCH_NODE")?,
            wrangler: get("PINLATCH_WRANGLER")?,
            edge_dist: get("PINLATCH_EDGE_DIST")?,
            panel_dist: get("PINLATCH_PANEL_DIST")?,
            pinlatch: get("PINLATCH_BIN")?,
        })
    }

    /// Uses the paths of xtask's tools and builds.
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

    /// The workerd program in the npm package for this platform.
    pub fn workerd(&self) -> Result<PathBuf> {
        let os = if cfg!(target_os = "macos") { "darwin" } else { std::env::consts::OS };
        let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "64" };
        let package = format!("@cloudflare/workerd-{os}-{arch}/bin/workerd");
        // …/node_modules/wrangler/bin/wrangler.js
        let modules = self.wrangler.ancestors().find(|folder| folder.ends_with("node_modules"));
        let binary = modules.map(|modules| modules.join(&package)).filter(|binary| binary.is_file());
        binary.with_context(|| format!("cannot find {package} next to {}", self.wrangler.display()))
    }
}

/// Options of a local Worker.
#[derive(Debug, Clone)]
pub struct EdgeOptions {
    pub parts: EdgeParts,
    /// The Worker's folder, with its configuration, secrets, log, and the state of the Durable Objects.
    pub dir: PathBuf,
    /// The IP address to listen at. `None` means `localhost`: 127.0.0.1 and, if the machine has IPv6, ::1.
    pub ip: Option<IpAddr>,
    /// The preferred port. If it is in use, another port is used. `None` means any port.
    pub port: Option<u16>,
    /// Variables that override the variables of wrangler.toml, such as `SITES`.
    pub vars: BTreeMap<String, Value>,
    pub secrets: Secrets,
    /// Serves TLS with this private key and certificate (PEM files).
    pub https: Option<(PathBuf, PathBuf)>,
    pub runner: Runner,
    /// The entry of a different Worker, whose only bindings are its variables. The Worker must answer `/healthz`.
    pub other: Option<PathBuf>,
}

/// The program that starts workerd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runner {
    /// `wrangler dev`, which developers use. workerd runs behind wrangler's proxy, which serves the panel's files as on
    /// Cloudflare.
    Wrangler,
    /// workerd without wrangler, with the output of `pinlatch self-host`, as on a self-hosted server.
    Workerd,
}

/// A Worker's secrets.
#[derive(Clone, Default)]
pub enum Secrets {
    #[default]
    None,
    /// A `.dev.vars` file from `pinlatch init`.
    File(PathBuf),
    /// Values by name.
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
    /// Options for a test: the parts are read from the environment, any port is used, and there are no secrets.
    pub fn new(dir: impl Into<PathBuf>) -> Result<Self> {
        Ok(Self::with(EdgeParts::from_env()?, dir))
    }

    /// Options with the given parts, any port, no secrets, and workerd without wrangler at `localhost`.
    #[must_use]
    pub fn with(parts: EdgeParts, dir: impl Into<PathBuf>) -> Self {
        let (vars, secrets) = (BTreeMap::new(), Secrets::None);
        let (runner, dir) = (Runner::Workerd, dir.into());
        Self { parts, dir, ip: None, port: None, vars, secrets, https: None, runner, other: None }
    }

    /// Listens only at `::1`. Must not be used with TLS, because the certificate is for `localhost`.
    #[must_use]
    pub fn ipv6(mut self) -> Self {
        self.ip = Some(IpAddr::V6(Ipv6Addr::LOCALHOST));
        self
    }

    /// The IP addresses to listen at. wrangler can listen at only one.
    #[must_use]
    pub fn addresses(&self) -> Vec<IpAddr> {
        match self.ip {
            Some(ip) => vec![ip],
            None if self.runner == Runner::Workerd => loopback_addresses(),
            None => vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
        }
    }

    /// Sets the preferred port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Sets a variable to a text or a table.
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

    /// Uses `wrangler dev` as the runner.
    #[must_use]
    pub fn wrangler(mut self) -> Self {
        self.runner = Runner::Wrangler;
        self
    }

    /// Runs the Worker with this entry instead of the edge.
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
