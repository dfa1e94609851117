//! Defines the options of a local Worker.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::PathBuf,
};

use anyhow::{Context, Result};
use serde_json::Value;

use super::port::loopback_addresses;
use crate::{build::Mode, paths, tools::Tools};

/// The paths of the programs and builds that run a local Worker.
#[derive(Debug, Clone)]
pub struct EdgeParts {
    pub node: PathBuf,
    /// The JavaScript entry script of wrangler.
    pub wrangler: PathBuf,
    pub edge_dist: PathBuf,
    pub panel_dist: PathBuf,
    /// The command line `pinlatch`, which writes the folder for [`Runner::Workerd`].
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

    /// Returns the paths of the tools and builds of xtask.
    pub fn of(tools: &Tools, mode: Mode) -> Self {
        Self {
            node: tools.node.clone(),
            wrangler: tools.wrangler(),
            edge_dist: mode.edge_dist(),
            panel_dist: mode.panel_dist(),
            pinlatch: paths::target().join("debug/pinlatch"),
        }
    }

    /// Returns the path of the program workerd in the npm package for this platform.
    pub fn workerd(&self) -> Result<PathBuf> {
        let os = if cfg!(target_os = "macos") { "darwin" } else { std::env::consts::OS };
        let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "64" };
        let package = format!("@cloudflare/workerd-{os}-{arch}/bin/workerd");
        // The path of wrangler ends with `node_modules/wrangler/bin/wrangler.js`.
        let modules = self.wrangler.ancestors().find(|folder| folder.ends_with("node_modules"));
        let binary = modules.map(|modules| modules.join(&package)).filter(|binary| binary.is_file());
        binary.with_context(|| format!("cannot find {package} next to {}", self.wrangler.display()))
    }
}

#[derive(Debug, Clone)]
pub struct EdgeOptions {
    pub parts: EdgeParts,
    /// The Worker's folder, which contains the configuration, the secrets, the log and the state of the Durable
    /// Objects.
    pub dir: PathBuf,
    /// The IP address at which the Worker listens. `None` means `localhost`: 127.0.0.1 and, if available, ::1.
    pub ip: Option<IpAddr>,
    /// The preferred port. If this port is in use, another port is used. `None` means any port.
    pub port: Option<u16>,
    /// Variables that override the variables in wrangler.toml, such as `SITES`.
    pub vars: BTreeMap<String, Value>,
    pub secrets: Secrets,
    /// The private key and the certificate (PEM files) for TLS. `None` means that the Worker serves plain HTTP.
    pub https: Option<(PathBuf, PathBuf)>,
    pub runner: Runner,
    /// Whether the Worker can connect to servers on this machine, such as the login providers of tests. wrangler always
    /// allows these connections.
    pub local_servers: bool,
    /// The entry script of a different Worker, which must answer requests for `/healthz`.
    pub other: Option<PathBuf>,
}

/// The program that starts workerd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runner {
    /// The command `wrangler dev`, whose proxy serves the panel's files in the same way as Cloudflare.
    Wrangler,
    /// workerd with the files that `pinlatch self-host` writes, as on a self-hosted server.
    Workerd,
}

#[derive(Clone, Default)]
pub enum Secrets {
    #[default]
    None,
    /// The path of a `.dev.vars` file that `pinlatch init` wrote.
    File(PathBuf),
    /// The values of the secrets, by the name of the secret.
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
    /// Creates options for a test: paths from environment variables, any port and no secrets.
    pub fn new(dir: impl Into<PathBuf>) -> Result<Self> {
        Ok(Self::with(EdgeParts::from_env()?, dir))
    }

    /// Creates options with the given paths, any port and no secrets, for workerd at `localhost`.
    pub fn with(parts: EdgeParts, dir: impl Into<PathBuf>) -> Self {
        let (vars, secrets) = (BTreeMap::new(), Secrets::None);
        let (runner, dir) = (Runner::Workerd, dir.into());
        Self {
            parts,
            dir,
            ip: None,
            port: None,
            vars,
            secrets,
            https: None,
            runner,
            local_servers: false,
            other: None,
        }
    }

    /// Makes the Worker listen only at `::1`. TLS cannot be used, because its certificate is for `localhost`.
    pub fn ipv6(mut self) -> Self {
        self.ip = Some(IpAddr::V6(Ipv6Addr::LOCALHOST));
        self
    }

    /// Returns the IP addresses at which the Worker listens. wrangler can listen at only one IP address.
    pub fn addresses(&self) -> Vec<IpAddr> {
        match self.ip {
            Some(ip) => vec![ip],
            None if self.runner == Runner::Workerd => loopback_addresses(),
            None => vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
        }
    }

    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    pub fn var(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.vars.insert(name.into(), value.into());
        self
    }

    pub fn secrets_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.secrets = Secrets::File(file.into());
        self
    }

    pub fn wrangler(mut self) -> Self {
        self.runner = Runner::Wrangler;
        self
    }

    /// Lets the Worker connect to servers on this machine.
    pub fn local_servers(mut self) -> Self {
        self.local_servers = true;
        self
    }

    /// Runs a different Worker instead of the edge. `entry` is the entry script of this Worker.
    pub fn other(mut self, entry: impl Into<PathBuf>) -> Self {
        self.other = Some(entry.into());
        self
    }

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
