//! Tests the agent's metrics in the text format that Prometheus reads.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Duration, Instant, timeout};

use crate::edge::{Edge, PATIENCE};
use crate::running::Running;
use crate::test_agent::TestAgent;
use xtask::simulated_lines;

/// Reads the address of the metrics server from the agent's log.
async fn address(running: &Running) -> SocketAddr {
    let log = running.until_logged("metrics are served").await;
    let line = log.lines().rfind(|line| line.contains("metrics are served")).unwrap();
    line.rsplit("at=").next().unwrap().trim().parse().unwrap()
}

/// Sends an HTTP request and reads the whole answer.
async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // The result is ignored, because the connection can end with a reset if the server did not read the whole request.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("no end");
    String::from_utf8(answer).unwrap()
}

async fn scrape(address: SocketAddr) -> BTreeMap<String, f64> {
    let answer = ask(address, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let head = head.to_ascii_lowercase();
    assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    read(body)
}

/// Parses Prometheus' text format 0.0.4 strictly. Each sample must follow the HELP and TYPE lines of its metric family.
/// No metric family and no sample is allowed to appear twice. Names and values must have the form that the
/// documentation of the text format defines.
fn read(text: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let mut families: Vec<&str> = Vec::new();
    let mut lines = text.lines().peekable();
    assert!(text.ends_with('\n'));
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').unwrap();
            assert!(!words.is_empty() && !families.contains(&name), "{line}");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{line}");
            let kind = lines.next().unwrap().strip_prefix(&format!("# TYPE {name} ")).unwrap();
            assert!(["gauge", "counter"].contains(&kind), "{kind}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            families.push(name);
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap();
        assert_eq!(families.last(), Some(&name), "{line}");
        assert!(samples.insert(series.to_owned(), value.parse().unwrap()).is_none(), "{line}");
    }
    samples
}

const LINES: &str = simulated_lines! {
    "lamp": "switch";
    "rose": "rgb";
    "heat": "sensor", r#"unit = "°C \"in\" C:\\""#;
};

#[tokio::test]
async fn they_tell_of_link_commands_lines_and_clock() {
    let (test_agent, mut edge) = (TestAgent::of(LINES), Edge::start().await);
    test_agent.configure("metrics = \"127.0.0.1:0\"");
    test_agent.enrol(&edge.enrol_string()).await.unwrap();
    let running = Running::start(&test_agent);
    let (mut link, _) = edge.welcome().await;
    let address = address(&running).await;
    for (id, line, action, args) in [
        ("a", "lamp", "set", json!({ "value": true })),
        ("b", "rose", "set", json!({ "value": "#ff8000" })),
        ("c", "lamp", "pulse", json!({ "ms": 1 })),
        ("d", "shed", "toggle", json!({})),
    ] {
        let order = link.order(id, line, action, args).sign();
        link.command(order).await;
    }
    let output = scrape(address).await;
    for (series, value) in [
        (concat!("pinlatch_agent_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}"), 1.0),
        ("pinlatch_agent_connected", 1.0),
        ("pinlatch_agent_connections_total", 1.0),
        ("pinlatch_agent_reconnects_total", 0.0),
        ("pinlatch_agent_commands_total{outcome=\"executed\",code=\"\"}", 2.0),
        ("pinlatch_agent_commands_total{outcome=\"expired\",code=\"\"}", 0.0),
        ("pinlatch_agent_commands_total{outcome=\"refused\",code=\"refused_action\"}", 1.0),
        ("pinlatch_agent_commands_total{outcome=\"refused\",code=\"refused_unknown_line\"}", 1.0),
        ("pinlatch_line_level{line=\"lamp\",kind=\"switch\",unit=\"\",channel=\"\"}", 1.0),
        ("pinlatch_line_level{line=\"rose\",kind=\"rgb\",unit=\"\",channel=\"green\"}", 128.0),
        ("pinlatch_line_known{line=\"heat\"}", 0.0),
    ] {
        assert_eq!(output.get(series), Some(&value), "{series} of {output:#?}");
    }
    assert!(output["pinlatch_agent_clock_uncertainty_seconds"] < 5.0, "{output:#?}");
    assert!(output["pinlatch_agent_clock_offset_seconds"].abs() < 5.0);
    assert!(output["process_resident_memory_bytes"] > 1e6 && output["process_open_fds"] > 5.0);
    assert!(output["pinlatch_agent_certificate_expiry_timestamp_seconds"] > 1.8e9);

    let mut simulator = tokio::net::UnixStream::connect(test_agent.socket()).await.unwrap();
    simulator.write_all(b"{\"line\":\"heat\",\"level\":-21.4}\n").await.unwrap();
    assert_eq!(link.event("heat").await, -21.4);
    link.close(1012).await;
    let (link, _) = edge.welcome().await;
    let output = scrape(address).await;
    let heat =
        "pinlatch_line_level{line=\"heat\",kind=\"sensor\",unit=\"°C \\\"in\\\" C:\\\\\",channel=\"\"}";
    assert_eq!(output.get(heat), Some(&-21.4), "{output:#?}");
    assert_eq!(output["pinlatch_agent_reconnects_total"], 1.0);
    assert_eq!(output["pinlatch_agent_link_errors_total{code=\"closed\"}"], 1.0);
    drop(link);
    running.stop().await;
}

/// Clients that send invalid or oversized requests cannot delay the agent. Clients that do not read the answer cannot
/// delay the agent either.
#[tokio::test]
async fn strangers_hold_up_nothing() {
    let (test_agent, mut edge) = (TestAgent::new(), Edge::start().await);
    test_agent.configure("metrics = \"127.0.0.1:0\"");
    test_agent.enrol(&edge.enrol_string()).await.unwrap();
    let running = Running::start(&test_agent);
    let (mut link, _) = edge.welcome().await;
    let address = address(&running).await;
    let status =
        async |request: String| ask(address, &request).await.lines().next().unwrap_or_default().to_owned();
    let head = " HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_eq!(status(format!("GET /{head}")).await, "HTTP/1.1 404 Not Found");
    assert_eq!(status(format!("GET /metrics/x{head}")).await, "HTTP/1.1 404 Not Found");
    let posted = ask(address, "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx").await;
    assert!(
        posted.starts_with("HTTP/1.1 405 ") && posted.to_ascii_lowercase().contains("allow: get, head"),
        "{posted}"
    );
    let headed = ask(address, &format!("HEAD /metrics{head}")).await;
    assert!(headed.starts_with("HTTP/1.1 200 OK") && headed.ends_with("\r\n\r\n"), "{headed}");
    let long = status(format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(20_000))).await;
    assert!(long.starts_with("HTTP/1.1 431 ") || long.is_empty(), "{long}");
    assert!(status("\u{0}\u{1}\r\n\r\n".into()).await.starts_with("HTTP/1.1 400 "));

    // The idle clients occupy every client slot of the metrics server. The agent still runs commands, and the client
    // slots are soon free again.
    let mut idle = Vec::new();
    for _ in 0..8 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /metrics HT").await.unwrap();
        idle.push(stream);
    }
    let start = Instant::now();
    for number in 0..20 {
        let order = link.order(&format!("c{number}"), "lamp", "toggle", json!({})).sign();
        link.command(order).await;
    }
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!(scrape(address).await["pinlatch_agent_connected"], 1.0);
    drop((link, idle));
    running.stop().await;
}
