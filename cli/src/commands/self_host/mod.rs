//! Implements `pinlatch self-host`, which writes a folder from which workerd serves a deployment without a Cloudflare
//! account.

mod capnp;
mod deployment;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::deploy::wrangler::Files;
use crate::files::write_private;
use crate::terminal::output::{say, say_json};
use deployment::Deployment;

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
}

pub fn run(args: &SelfHost, json: bool) -> Result<()> {
    let deployment = Deployment::read(&args.files)?;
    for part in WORKER {
        let file = args.worker.join(part);
        if !file.is_file() {
            bail!("cannot find {}; build the Worker first: `cargo xtask build edge panel`", file.display());
        }
    }
    if !args.panel.join("index.html").is_file() {
        bail!("cannot find the panel in {}; build it first: `cargo xtask build panel`", args.panel.display());
    }
    let worker = args.out.join("worker");
    fs::create_dir_all(&worker).with_context(|| format!("cannot create {}", worker.display()))?;
    for part in WORKER {
        copy(&args.worker.join(part), &worker.join(part))?;
    }
    let panel = args.out.join("panel");
    copy_folder(&args.panel, &panel)?;
    let state = args.out.join("state");
    make_private(&state)?;
    let tls = match (&args.tls_key, &args.tls_cert) {
        (Some(key), Some(certificate)) => {
            let read = |file: &Path| {
                fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
            };
            write_private(&args.out.join("tls-key.pem"), &read(key)?)?;
            write_private(&args.out.join("tls-cert.pem"), &read(certificate)?)?;
            Some(capnp::Tls { key: "tls-key.pem", certificate: "tls-cert.pem" })
        }
        _ => None,
    };
    write_private(&args.out.join("edge.env"), &deployment.environment()?)?;
    let out = args.out.canonicalize().with_context(|| args.out.display().to_string())?;
    let text = capnp::config(&deployment, &WORKER, &out, &args.listen, tls.as_ref())?;
    let config = out.join("edge.capnp");
    fs::write(&config, text).with_context(|| format!("cannot write {}", config.display()))?;
    if json {
        return say_json(&json!({ "config": config, "environment": out.join("edge.env") }));
    }
    let place = out.display();
    say(&format!(
        "The files are in {place}.\nTo start the edge, run: (set -a; . {place}/edge.env; exec workerd serve {place}/edge.capnp)"
    ))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let copied = fs::copy(from, to);
    copied.with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

/// Copies a folder. The target folder is removed first, so that no file of an earlier build remains.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    match fs::remove_dir_all(to) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot replace {}", to.display()));
        }
        _ => {}
    }
    fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() { copy_folder(&entry.path(), &to)? } else { copy(&entry.path(), &to)? }
    }
    Ok(())
}

fn make_private(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    #[cfg(unix)]
    fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .with_context(|| format!("cannot set the permissions of {}", folder.display()))?;
    Ok(())
}
