//! Starts deployments of Pinlatch in real workerd processes.
//!
//! Most tests share one deployment with many sites, because a workerd process needs half a gigabyte of memory and some
//! seconds to start. Each test uses a separate site of the shared deployment. A test that restarts workerd or slows
//! workerd down starts a separate deployment.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use pinlatch_token::{EdgeKeys, SigningKey};
use serde_json::Value;
use tempfile::TempDir;
use xtask::edge::{Edge, EdgeOptions, write_private};

use crate::certificates::Certificates;
use crate::http::Http;
use crate::outsiders;
use crate::program::program;

/// The number of sites in the shared deployment. The number must cover one site for each test that uses the shared
/// deployment, plus the sites that are prepared in advance.
const SHARED_SITES: usize = 200;

/// The name of the last site of every deployment. The tokens of external issuers are valid only for the site with this
/// name.
const OUTSIDE: &str = "outside";

static SHARED: LazyLock<Deployment> = LazyLock::new(|| Deployment::start(SHARED_SITES, None));
static NEXT_SITE: AtomicUsize = AtomicUsize::new(0);

/// A running deployment whose sites initially have no owners.
pub struct Deployment {
    edge: Mutex<Edge>,
    folder: TempDir,
    origin: String,
    authority: Option<Vec<u8>>,
    setup_codes: Vec<(String, String)>,
}

impl Deployment {
    /// Returns the shared deployment, and the index of a site that no other test uses.
    pub fn shared() -> (&'static Self, usize) {
        let index = NEXT_SITE.fetch_add(1, Ordering::SeqCst);
        assert!(index < SHARED_SITES, "more tests than sites: raise SHARED_SITES");
        (&SHARED, index)
    }

    /// Returns the shared deployment, and the index of the site for external issuers.
    pub fn outside() -> (&'static Self, usize) {
        (&SHARED, SHARED_SITES)
    }

    /// Starts a separate deployment, which uses TLS if certificates are given. The caller must have
    /// a [`crate::host_lock::HostLock`].
    pub fn start(sites: usize, https: Option<&Certificates>) -> Self {
        let deployment = Self::start_with(sites, |options| match https {
            Some(certificates) => options.https(certificates.key(), certificates.certificate()),
            None => options,
        });
        Self { authority: https.map(|certificates| certificates.authority().to_vec()), ..deployment }
    }

    /// Starts a separate deployment with changed options.
    pub fn start_with(sites: usize, alter: impl FnOnce(EdgeOptions) -> EdgeOptions) -> Self {
        Self::start_named((1..=sites).map(|number| format!("site-{number}")).collect(), alter)
    }

    /// Starts a separate deployment whose sites have the given names.
    pub fn start_named(names: Vec<String>, alter: impl FnOnce(EdgeOptions) -> EdgeOptions) -> Self {
        Self::start_all(names, &[], alter)
    }

    /// Starts a separate deployment with one site and with additional private JWKs in `EDGE_KEYS`.
    pub fn start_with_keys(jwks: &[Value]) -> Self {
        Self::start_all(vec!["site-1".into()], jwks, |options| options)
    }

    fn start_all(
        mut names: Vec<String>,
        jwks: &[Value],
        alter: impl FnOnce(EdgeOptions) -> EdgeOptions,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        names.push(OUTSIDE.into());
        let mut init = Command::new(program("PINLATCH_BIN"));
        init.args(["--json", "init", "--out"]).arg(folder.path());
        init.arg("--root-key").arg(folder.path().join("root.jwk"));
        names.iter().for_each(|name| {
            init.args(["--site", name]);
        });
        let output = init.output().expect("pinlatch init");
        assert!(output.status.success(), "pinlatch init: {}", String::from_utf8_lossy(&output.stderr));
        let made: Value = serde_json::from_slice(&output.stdout).expect("the answer of pinlatch init");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let codes = made["setup"].as_array().expect("setup codes").iter();
        let setup_codes = codes.map(|entry| (text(&entry["site"]), text(&entry["code"]))).collect();

        let secrets = folder.path().join(".dev.vars");
        let written = std::fs::read_to_string(&secrets).expect("the secrets of pinlatch init");
        let written: String = written.lines().map(|line| format!("{}\n", with_keys(line, jwks))).collect();
        write_private(&secrets, &format!("{written}{}", outsiders::secrets())).expect("a file");
        let options = EdgeOptions::new(folder.path().join("edge"))
            .expect("the environment of `cargo xtask test`")
            .local_servers()
            .secrets_file(secrets)
            .var("SITES", names.join(","))
            .var("ISSUERS", outsiders::tables(OUTSIDE));
        let edge = Edge::start(alter(options)).expect("workerd");
        Self { origin: edge.url(), authority: None, edge: Mutex::new(edge), folder, setup_codes }
    }

    /// Returns the deployment for clients that reach it at another origin, through a proxy with a certificate of the
    /// given authority.
    pub fn reached_at(self, origin: &str, authority: &[u8]) -> Self {
        let authority = origin.starts_with("https://").then(|| authority.to_vec());
        Self { origin: origin.to_owned(), authority, ..self }
    }

    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns an HTTP client without credentials.
    pub fn http(&self) -> Http {
        match &self.authority {
            Some(authority) => Http::trusting(&self.origin, authority),
            None => Http::new(&self.origin),
        }
    }

    /// Returns the certificate of the authority that clients must trust, in DER format. Returns `None` if the
    /// deployment does not use TLS.
    pub fn authority(&self) -> Option<&[u8]> {
        self.authority.as_deref()
    }

    /// Returns the name and the setup code of a site.
    pub fn site(&self, index: usize) -> (&str, &str) {
        let (name, code) = &self.setup_codes[index];
        (name, code)
    }

    /// Returns the owner's root key, which `pinlatch init` generated.
    pub fn root_key(&self) -> SigningKey {
        let text = std::fs::read_to_string(self.folder().join("root.jwk")).expect("root.jwk");
        SigningKey::from_jwk(&text).expect("a root key")
    }

    /// Returns the private keys of the edge, which `pinlatch init` generated.
    pub fn edge_keys(&self) -> EdgeKeys {
        let text = std::fs::read_to_string(self.folder().join(".dev.vars")).expect(".dev.vars");
        let line = text.lines().find_map(|line| line.strip_prefix("EDGE_KEYS=")).expect("EDGE_KEYS");
        EdgeKeys::from_jwks(line.trim_matches('\'')).expect("keys")
    }

    /// Returns the workerd process, which a test can stop, kill or restart.
    pub fn edge(&self) -> MutexGuard<'_, Edge> {
        self.edge.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the log of the Worker and its Durable Objects.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.edge().log()).unwrap_or_default()
    }

    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }
}

/// Adds private JWKs to the line of `EDGE_KEYS` in the file `.dev.vars`. Returns any other line unchanged.
fn with_keys(line: &str, jwks: &[Value]) -> String {
    let Some(keys) = line.strip_prefix("EDGE_KEYS=") else { return line.to_owned() };
    let mut keys: Value = serde_json::from_str(keys.trim_matches('\'')).expect("a JWK Set");
    keys["keys"].as_array_mut().expect("keys").extend(jwks.iter().cloned());
    format!("EDGE_KEYS='{keys}'")
}
