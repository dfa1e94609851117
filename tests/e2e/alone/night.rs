//! Simulates a night with a bad network. The connection is lost many times, and sometimes the edge restarts. The agent
//! must reconnect after each loss, and its memory and its number of open files must not grow.
//!
//! `cargo xtask night` runs this test with many more losses of the connection.

use std::time::{Duration, Instant};

use e2e::proxy::Proxy;
use e2e::{Agent, Deployment, HostLock, Site, eventually};
use serde_json::json;

/// The number of connection losses if `PINLATCH_NIGHT_RECONNECTS` is not set.
const LOSSES: usize = 10;
/// One of `RESTART_EVERY` losses is a restart of the edge. For each other loss, the proxy cuts the connection.
const RESTART_EVERY: usize = 20;
/// The number of losses after which the agent has made all its one-time allocations.
const WARM: usize = 4;
/// The allowed growth of the agent's resident memory, in KiB. A leak of one memory page for each of 200 connections
/// would be 800 KiB.
const GROWTH_KIB: u64 = 384;
/// The maximum time between the edge's return and the agent's reconnection.
const SOON: Duration = Duration::from_secs(2);

const LINES: &str = "[lines.lamp]\nkind = \"switch\"\ndriver = \"sim\"\nretain = true\n";

fn losses() -> usize {
    let text = std::env::var("PINLATCH_NIGHT_RECONNECTS").ok();
    text.map_or(LOSSES, |text| text.parse().unwrap_or_else(|_| panic!("this is no number: {text}")))
}

#[test]
fn a_night_of_losses_leaves_the_agent_as_it_was() {
    let _host_lock = HostLock::beside_others();
    let edge = Deployment::start(1, None);
    let site = Site::of(&edge, 0);
    let proxy = Proxy::start(edge.origin(), 0);
    let string = site.enrolment("porch").replace(edge.origin(), &proxy.origin());
    let mut agent = Agent::enrol(&string, LINES, &[]);
    agent.start();
    site.until_online("porch");
    let (losses, began) = (losses(), Instant::now());
    let (mut restarts, mut slowest, mut warm) = (0, Duration::ZERO, None);
    for loss in 1..=losses {
        let connections = agent.connections();
        if loss % RESTART_EVERY == WARM {
            edge.edge().restart().expect("workerd");
            restarts += 1;
        } else {
            proxy.cut();
        }
        let back = Instant::now();
        eventually(Duration::from_secs(20), "the agent is back", || {
            (agent.connections() > connections).then_some(())
        });
        slowest = slowest.max(back.elapsed());
        if loss == WARM.min(losses) {
            warm = Some((settled(&agent), agent.resident_kib()));
        }
    }
    let (files, kib) = warm.expect("a measurement after some losses");
    site.until_online("porch");
    site.post("/api/v1/devices/porch/lines/lamp/set", &json!({ "value": true })).ok();
    let (files_now, kib_now) = (settled(&agent), agent.resident_kib());
    println!(
        "{losses} losses ({restarts} restarts of the edge) in {:.0} s: back after at most {:.2} s; \
         resident {kib} KiB, then {kib_now}; files {files}, then {files_now}",
        began.elapsed().as_secs_f64(),
        slowest.as_secs_f64()
    );
    assert_eq!(agent.connections(), losses + 1, "the connection was lost too often");
    assert_eq!(files_now, files, "open files");
    assert!(kib_now <= kib + GROWTH_KIB, "the memory grew from {kib} to {kib_now} KiB");
    // With the default number of losses, other tests run on the host at the same time, so the agent may take longer.
    let bound = if losses > LOSSES { SOON } else { 3 * SOON };
    assert!(slowest <= bound, "the agent was away for {slowest:?}");
}

/// Returns the number of open files after the agent has closed the files of its last connection attempt. A connection
/// uses one file, which the agent can close with a delay.
fn settled(agent: &Agent) -> usize {
    let mut last = agent.open_files();
    let mut since = Instant::now();
    eventually(Duration::from_secs(10), "its files to be the same for a moment", || {
        let now = agent.open_files();
        if now != last {
            (last, since) = (now, Instant::now());
        }
        (since.elapsed() > Duration::from_millis(300)).then_some(now)
    })
}

/// The edge is stopped for a long time. After the edge returns, the agent must reconnect within two seconds. This test
/// also covers a connection over IPv6.
#[test]
fn an_edge_that_was_away_for_long_is_found_soon() {
    let host_lock = HostLock::beside_others();
    let edge = Deployment::start_with(1, |options| options.ipv6());
    assert!(edge.origin().starts_with("http://[::1]:"), "{}", edge.origin());
    let site = Site::of(&edge, 0);
    let agent = site.device("porch");
    edge.edge().stop();
    // The agent's retries need little processor time, so the lock on the host is released to let other tests run.
    drop(host_lock);
    // After five failed attempts, the pauses between the agent's attempts have reached their maximum.
    eventually(Duration::from_secs(30), "several attempts", || {
        (agent.log().matches("code=\"unreachable\"").count() >= 5).then_some(())
    });
    let _host_lock = HostLock::alone();
    let connections = agent.connections();
    edge.edge().restart().expect("workerd");
    let back = Instant::now();
    eventually(Duration::from_secs(20), "the agent is back", || {
        (agent.connections() > connections).then_some(())
    });
    let took = back.elapsed();
    println!("back after {took:?}");
    assert!(took <= SOON, "back after {took:?}");
    site.until_online("porch");
    site.post("/api/v1/devices/porch/lines/relay/set", &json!({ "value": true })).ok();
}
