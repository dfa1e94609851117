//! Simulates a night with a bad network: the link is lost many times, and sometimes the edge restarts. The agent must
//! reconnect each time, and its memory and open files must not grow.
//!
//! `cargo xtask night` runs this test with many more losses.

use std::time::{Duration, Instant};

use e2e::proxy::Proxy;
use e2e::{Agent, Deployment, HostLock, Site, eventually};
use serde_json::json;

/// Number of losses, unless `PINLATCH_NIGHT_RECONNECTS` is set.
const LOSSES: usize = 10;
/// Of this many losses, one is a restart of the edge. The other losses cut the link.
const RESTART_EVERY: usize = 20;
/// Number of losses after which all one-time allocations have been made.
const WARM: usize = 4;
/// Allowed growth of an agent's memory, in KiB. A leak of one page for each of 200 connections would be 800 KiB.
const GROWTH_KIB: u64 = 384;
/// Longest time between the edge's return and the agent's reconnection.
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
    let (files, kib) = warm.expect("a look in between");
    site.until_online("porch");
    site.post("/api/v1/devices/porch/lines/lamp/set", &json!({ "value": true })).ok();
    let (files_now, kib_now) = (settled(&agent), agent.resident_kib());
    println!(
        "{losses} losses ({restarts} restarts of the edge) in {:.0} s: back after at most {:.2} s; \
         resident {kib} KiB, then {kib_now}; files {files}, then {files_now}",
        began.elapsed().as_secs_f64(),
        slowest.as_secs_f64()
    );
    assert_eq!(agent.connections(), losses + 1, "it was lost more often than it should");
    assert_eq!(files_now, files, "open files");
    assert!(kib_now <= kib + GROWTH_KIB, "it grew from {kib} to {kib_now} KiB");
    // With the default number of losses, other tests run on the host at the same time.
    let bound = if losses > LOSSES { SOON } else { 3 * SOON };
    assert!(slowest <= bound, "the agent was away for {slowest:?}");
}

/// Number of open files, after the files of the last attempt are closed. A link needs one file, which can be closed
/// with a delay.
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

/// The edge is away for a long time. After the edge returns, the agent reconnects within two seconds. This test also
/// covers IPv6.
#[test]
fn an_edge_that_was_away_for_long_is_found_soon() {
    let host_lock = HostLock::beside_others();
    let edge = Deployment::start_with(1, |options| options.ipv6());
    assert!(edge.origin().starts_with("http://[::1]:"), "{}", edge.origin());
    let site = Site::of(&edge, 0);
    let agent = site.device("porch");
    edge.edge().stop();
    // Retries need little processor time, so other tests can run in the meantime.
    drop(host_lock);
    // After this number of attempts, the pauses between attempts have reached their maximum.
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
