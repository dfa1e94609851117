//! Runs a real reverse proxy, nginx or Caddy, that ends TLS in front of a deployment.

use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use xtask::guard::Guarded;

use crate::certificates::Certificates;
use crate::http::Http;
use crate::program::program;
use crate::wait::eventually;

/// The kind of a reverse proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrontKind {
    Nginx,
    Caddy,
    /// nginx without TLS. Only its header says that clients use plain HTTP.
    PlainNginx,
    /// nginx that does not report the scheme of the client.
    WithoutScheme,
    /// nginx that does not pass on WebSocket upgrades.
    WithoutUpgrade,
    /// nginx that closes a WebSocket after three idle seconds.
    Impatient,
}

/// A running reverse proxy. Dropping a `FrontProxy` stops the proxy.
pub struct FrontProxy {
    _running: Guarded,
    _folder: TempDir,
}

/// Returns the reason why this host has no proxies, as found by `cargo xtask test`. Returns `None` if the proxies can
/// be started.
pub fn missing() -> Option<String> {
    let reason = std::env::var("PINLATCH_NO_PROXIES").ok()?;
    println!("skipped: {reason}");
    Some(reason)
}

/// Returns an IP address of this host that is not a loopback address. Through this address, clients are other machines
/// for the edge.
pub fn outer_address() -> IpAddr {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a socket");
    // Connecting a UDP socket sends no packet, but selects the local address. The address belongs to a network for
    // documentation (RFC 5737).
    socket.connect("192.0.2.1:9").expect("a route to other networks");
    socket.local_addr().expect("an address").ip()
}

/// Returns a port that is free now.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a port").local_addr().expect("an address").port()
}

impl FrontProxy {
    /// Starts a proxy at `address` and waits until it answers. The proxy forwards requests to the port `upstream` of
    /// this host.
    pub fn start(
        kind: FrontKind,
        (ip, port): (IpAddr, u16),
        upstream: u16,
        certificates: &Certificates,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path();
        let (key, certificate) = (certificates.key(), certificates.certificate());
        let (name, text) = match kind {
            FrontKind::PlainNginx => ("nginx.conf", nginx(kind, place, port, upstream, None)),
            FrontKind::Caddy => ("Caddyfile", caddy(ip, port, upstream, &key, &certificate)),
            _ => ("nginx.conf", nginx(kind, place, port, upstream, Some((&key, &certificate)))),
        };
        let config = place.join(name);
        std::fs::write(&config, text).expect("a configuration");
        let mut command;
        if kind == FrontKind::Caddy {
            command = Command::new(program("PINLATCH_CADDY"));
            command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&config);
            command.env("HOME", place).env("XDG_DATA_HOME", place).env("XDG_CONFIG_HOME", place);
        } else {
            command = Command::new(program("PINLATCH_NGINX"));
            command.arg("-p").arg(place).arg("-c").arg(&config).args(["-e", "stderr"]);
        }
        let log = place.join("log");
        let running = Guarded::spawn(&command, &log).expect("a proxy");
        let scheme = if kind == FrontKind::PlainNginx { "http" } else { "https" };
        let http = Http::trusting(&format!("{scheme}://{ip}:{port}"), certificates.authority());
        eventually(Duration::from_secs(30), "the proxy answers", || {
            let answer = http.send("GET", "/healthz", None).ok()?;
            (answer.status == 200).then_some(())
        });
        Self { _running: running, _folder: folder }
    }
}

/// Returns the configuration in docs/self-hosting.md, without the parts that are missing in this kind of proxy.
fn nginx(kind: FrontKind, folder: &Path, port: u16, upstream: u16, tls: Option<(&Path, &Path)>) -> String {
    let place = folder.display();
    let listen = match tls {
        None => format!("listen {port};"),
        Some((key, certificate)) => format!(
            "listen {port} ssl; ssl_certificate {}; ssl_certificate_key {};",
            certificate.display(),
            key.display()
        ),
    };
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary = temporary.map(|kind| format!("{kind}_temp_path {place}/{kind};")).join(" ");
    let mut rules = vec![
        format!("proxy_pass http://127.0.0.1:{upstream};"),
        "proxy_http_version 1.1;".into(),
        "proxy_set_header Host $http_host;".into(),
        "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;".into(),
    ];
    if kind != FrontKind::WithoutScheme {
        rules.push("proxy_set_header X-Forwarded-Proto $scheme;".into());
    }
    if kind != FrontKind::WithoutUpgrade {
        rules.push("proxy_set_header Upgrade $http_upgrade;".into());
        rules.push("proxy_set_header Connection \"upgrade\";".into());
    }
    if kind == FrontKind::Impatient {
        rules.push("proxy_read_timeout 3s;".into());
    }
    format!(
        "daemon off; worker_processes 1; pid {place}/pid; events {{}}\n\
        http {{ access_log off; {temporary} server {{ {listen} large_client_header_buffers 4 16k; location / {{ {} }} }} }}\n",
        rules.join(" ")
    )
}

fn caddy(ip: IpAddr, port: u16, upstream: u16, key: &Path, certificate: &Path) -> String {
    format!(
        "{{\n    admin off\n    auto_https off\n}}\nhttps://{ip}:{port} {{\n    tls {} {}\n    reverse_proxy 127.0.0.1:{upstream}\n}}\n",
        certificate.display(),
        key.display()
    )
}
