//! Sends endless bodies to the calls that need no token. The edge must not store more of a body than its limit.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use e2e::http::local;
use e2e::{Deployment, HostLock};
use pinlatch_protocol::api::SITE_HEADER;
use xtask::processes::descendants_named;

/// The size of each body, in bytes.
const BODY: usize = 1 << 30;

/// The maximum growth of workerd's memory, in KiB.
const GROWTH_KIB: u64 = 4 * 1024;

/// The number of times that each call is made before the memory is measured. The first requests compile code and fill
/// caches. Each later request leaves a few KiB of garbage, whatever the size of its body is.
const WARM_UP: usize = 20;

/// The calls that read a body before they check a token. A form can contain the token itself.
const CALLS: [(&str, &str); 9] = [
    ("/api/v1/token", "application/x-www-form-urlencoded"),
    ("/api/v1/token", "application/json"),
    ("/api/v1/session", "application/json"),
    ("/api/v1/session/refresh", "application/json"),
    ("/api/v1/setup", "application/json"),
    ("/api/v1/users/invited", "application/json"),
    ("/api/v1/users/accept", "application/json"),
    ("/api/v1/enrol", "application/json"),
    ("/api/v1/generation", "application/x-www-form-urlencoded"),
];

#[test]
fn an_endless_body_does_not_fill_the_memory() {
    let _host_lock = HostLock::alone();
    let deployment = Deployment::start(1, None);
    let process = workerd(&deployment);
    for call in CALLS.iter().cycle().take(CALLS.len() * WARM_UP) {
        assert_eq!(send(deployment.origin(), *call, 1 << 20), Some(413), "{call:?}");
    }
    let before = memory_kib(&process, "VmRSS");
    std::fs::write(process.join("clear_refs"), "5").expect("the peak of the memory is reset");
    for call in CALLS {
        assert_eq!(send(deployment.origin(), call, BODY), Some(413), "{call:?}");
    }
    let peak = memory_kib(&process, "VmHWM");
    println!("workerd: {before} KiB before, at most {peak} KiB during {} bodies of 1 GiB", CALLS.len());
    assert!(peak < before + GROWTH_KIB, "workerd grew from {before} to {peak} KiB");
}

/// Sends a chunked body (RFC 9112 §7.1) until it ends or the server closes the connection. Returns the HTTP status.
fn send(origin: &str, (path, media_type): (&str, &str), size: usize) -> Option<u16> {
    let host = origin.strip_prefix("http://").expect("plain http");
    let mut stream = TcpStream::connect(local(host)).expect("workerd");
    stream.set_write_timeout(Some(Duration::from_secs(2))).expect("a timeout");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\n{SITE_HEADER}: site-1\r\n\
        Content-Type: {media_type}\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    let piece = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
    let mut sent = stream.write_all(head.as_bytes());
    for _ in 0..size / 0x10000 {
        if sent.is_err() {
            break;
        }
        sent = stream.write_all(&piece);
    }
    let mut answer = [0; 64];
    let count = stream.read(&mut answer).ok()?;
    String::from_utf8_lossy(answer.get(..count)?).split(' ').nth(1)?.parse().ok()
}

/// Returns the folder in `/proc` of the deployment's workerd.
fn workerd(deployment: &Deployment) -> PathBuf {
    let folder = deployment.folder().display().to_string();
    let own = rustix::process::getpid();
    let processes = descendants_named(own, "workerd").into_iter();
    let folders = processes.map(|pid| PathBuf::from(format!("/proc/{}", pid.as_raw_nonzero())));
    let is_ours = |process: &PathBuf| {
        std::fs::read(process.join("cmdline"))
            .is_ok_and(|line| String::from_utf8_lossy(&line).contains(&folder))
    };
    folders.into_iter().find(is_ours).expect("workerd")
}

fn memory_kib(process: &std::path::Path, name: &str) -> u64 {
    let status = std::fs::read_to_string(process.join("status")).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).expect(name);
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
