//! Creates the commands that run a Worker.

use std::{collections::BTreeMap, fs, net::SocketAddr, process::Command};

use anyhow::{Context, Result, bail};

use super::options::EdgeOptions;
use crate::process;

pub fn wrangler(options: &EdgeOptions, port: u16) -> Result<Command> {
    let EdgeOptions { parts, dir, https, .. } = options;
    let ip = options.addresses().into_iter().next().context("no address to listen at")?;
    let mut command = Command::new(&parts.node);
    command.arg(&parts.wrangler).arg("dev").arg("--config").arg(dir.join("wrangler.json"));
    command.args(["--local", "--ip", &ip.to_string(), "--port", &port.to_string()]);
    command.args(["--inspector-port", "0", "--show-interactive-dev-session=false"]);
    command.arg("--persist-to").arg(dir.join("state"));
    if let Some((key, certificate)) = https {
        command.args(["--local-protocol", "https"]);
        command.arg("--https-key-path").arg(key.canonicalize()?);
        command.arg("--https-cert-path").arg(certificate.canonicalize()?);
    }
    command.current_dir(dir);
    quiet_wrangler(&mut command);
    // In tests, several Workers with the same name run in parallel. A separate registry prevents one Worker from
    // finding another Worker.
    command
        .env("WRANGLER_REGISTRY_PATH", dir.join("registry"))
        .env("WRANGLER_CI_DISABLE_CONFIG_WATCHING", "true");
    Ok(command)
}

/// Creates the command that runs workerd with a new folder from `pinlatch self-host`.
pub fn workerd(options: &EdgeOptions, port: u16) -> Result<Command> {
    let EdgeOptions { parts, dir, https, .. } = options;
    let out = dir.join("self-host");
    let mut write = Command::new(&parts.pinlatch);
    write.arg("self-host").arg("--out").arg(&out);
    write.arg("--config").arg(dir.join("wrangler.json")).arg("--vars").arg(dir.join(".dev.vars"));
    write.arg("--worker").arg(&parts.edge_dist).arg("--panel").arg(&parts.panel_dist);
    for ip in options.addresses() {
        write.arg("--listen").arg(SocketAddr::new(ip, port).to_string());
    }
    if let Some((key, certificate)) = https {
        write.arg("--tls-key").arg(key).arg("--tls-cert").arg(certificate);
    }
    if options.local_servers {
        write.args(["--allow-private-network", "local"]);
    }
    let done = write.output().with_context(|| format!("cannot run {}", parts.pinlatch.display()))?;
    if !done.status.success() {
        bail!("pinlatch self-host: {}", String::from_utf8_lossy(&done.stderr).trim());
    }
    let mut command = Command::new(parts.workerd()?);
    command.arg("serve").arg(out.join("edge.capnp")).current_dir(&out);
    process::clean_cargo_env(&mut command);
    command.envs(environment(&fs::read_to_string(out.join("edge.env"))?));
    Ok(command)
}

/// Parses the lines of the form `NAME='value'` in an environment file.
fn environment(text: &str) -> BTreeMap<&str, &str> {
    let lines = text.lines().filter_map(|line| line.split_once('='));
    lines.map(|(name, value)| (name, value.trim_matches('\''))).collect()
}

/// Disables wrangler's network requests, log files and interactive output.
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
