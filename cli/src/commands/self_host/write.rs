//! Writes the folder of a self-hosted edge.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::deployment::Deployment;
use super::folder::{Folder, READABLE, SECRET, SECRET_OF_SERVICE, belongs_to_root};
use super::{SelfHost, WORKER, capnp, network, service};
use crate::files::read_text;
use crate::terminal::output::{print, warn};

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
    let user = args.service_user.as_deref().map(service::find).transpose()?;
    for warning in network::unreachable(&deployment.vars, &args.allow_private_network) {
        warn(&warning);
    }
    let top = Folder::top(&args.out)?;
    top.replace("worker", |worker| {
        WORKER.iter().try_for_each(|part| worker.copy(&args.worker.join(part), part))
    })?;
    top.replace("panel", |panel| copy_folder(&args.panel, panel))?;
    top.private_folder("state", user)?;
    let tls = match (&args.tls_key, &args.tls_cert) {
        (Some(key), Some(certificate)) => {
            let (mode, group) = user.map_or((SECRET, None), |user| (SECRET_OF_SERVICE, Some(user.gid)));
            top.write("tls-key.pem", read_text(key)?.as_bytes(), mode, group)?;
            top.write("tls-cert.pem", read_text(certificate)?.as_bytes(), READABLE, None)?;
            Some(capnp::Tls { key: "tls-key.pem", certificate: "tls-cert.pem" })
        }
        _ => None,
    };
    top.write("edge.env", deployment.environment()?.as_bytes(), SECRET, None)?;
    let out = args.out.canonicalize().with_context(|| args.out.display().to_string())?;
    let text =
        capnp::config(&deployment, &WORKER, &out, &args.listen, tls.as_ref(), &args.allow_private_network)?;
    top.write("edge.capnp", text.as_bytes(), READABLE, None)?;
    let place = out.display();
    let mut text = format!(
        "The files are in {place}.\nTo start the edge, run: (set -a; . {place}/edge.env; exec workerd serve {place}/edge.capnp)"
    );
    if belongs_to_root(&out.join("state")) {
        text.push_str(
            "\nThe folder state/ belongs to root. If systemd runs the edge as another user, give the name of this user with --service-user.",
        );
    }
    print(json, &json!({ "config": out.join("edge.capnp"), "environment": out.join("edge.env") }), &text)
}

fn copy_folder(from: &Path, to: &Folder) -> Result<()> {
    for entry in std::fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        let name =
            name.to_str().with_context(|| format!("the path {} is not UTF-8", entry.path().display()))?;
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &to.make(name)?)?;
        } else {
            to.copy(&entry.path(), name)?;
        }
    }
    Ok(())
}
