//! Implements `pinlatch self-host`, which writes a folder from which workerd serves a deployment without a Cloudflare
//! account.

mod capnp;
mod deployment;
#[cfg(unix)]
mod folder;
mod network;
#[cfg(unix)]
mod service;
#[cfg(unix)]
mod write;

use std::path::PathBuf;

use self::network::Network;
use crate::deploy::wrangler::Files;

/// The files of the built Worker: the entry script, and the wasm module that the entry script imports.
const WORKER: [&str; 2] = ["index.js", "index_bg.wasm"];

#[derive(clap::Args)]
pub struct SelfHost {
    /// The folder into which the configuration, the secrets, the Worker and the panel are written. workerd stores the
    /// state of the Durable Objects in the same folder.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    files: Files,
    /// The folder that contains the built Worker.
    #[arg(long, value_name = "DIR", default_value = "edge-worker/build")]
    worker: PathBuf,
    /// The folder that contains the built panel.
    #[arg(long, value_name = "DIR", default_value = "target/panel-dist")]
    panel: PathBuf,
    /// The IP address and port, or the Unix socket as `unix:/path`, on which workerd listens. The option can be given
    /// several times.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8787")]
    listen: Vec<String>,
    /// The file with the private key of the TLS certificate, as PEM. Without this option, workerd serves plain HTTP,
    /// for use behind a TLS proxy.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// The file with the TLS certificate and the certificate chain, as PEM.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The user as which systemd runs the edge. The folder with the state belongs to this user, and the user's group can
    /// read the TLS key. All other files belong to the user of this command, which must be root.
    #[arg(long, value_name = "USER")]
    service_user: Option<String>,
    /// Let the edge connect to issuers and login providers in a private network. NETWORK is a network such as
    /// 192.168.1.0/24, an IP address, `local` (the edge's machine) or `private` (all private networks and the edge's
    /// machine). Without a value, NETWORK is `private`. The option can be given several times. [default: only public
    /// addresses]
    #[arg(long, value_name = "NETWORK", num_args = 0..=1, default_missing_value = "private")]
    allow_private_network: Vec<Network>,
}

#[cfg(not(unix))]
pub fn run(_: &SelfHost, _: bool) -> anyhow::Result<()> {
    anyhow::bail!("`pinlatch self-host` needs Linux or macOS; run the command on the server")
}

#[cfg(unix)]
pub use self::write::run;
