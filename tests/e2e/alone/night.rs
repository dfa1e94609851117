//! A night of a bad network: the link goes again and again, also because the edge restarts, and the agent is back each
//! time, as small as before.
//!
//! `cargo xtask night` runs this with many more losses.

use std::time::{Duration, Instant};

use e2e::proxy::Proxy;
use e2e::{Agent, Deployment, HostLock, Site, eventually};
use serde_json::json;

/// How often the link is lost, where `PINLATCH_NIGHT_RECONNECTS` does not say.
const LOSSES: usize = 10;
/// Each so many losses the edge restarts; the others are cuts of the link.
const RESTART_EVERY: usize = 20;
/// After how many losses everything that is made once has been made.
const WARM: usize = 4;
/// By how much an agent may grow, in KiB. A leak of a page for each of 200 connections would be 800.
const GROWTH_KIB: u64 = 384;
/// The edge is back, and so is the agent.
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
    // Other tests share the machine in the short form.
    let bound = if losses > LOSSES { SOON } else { 3 * SOON };
    assert!(slowest <= bound, "the agent was away for {slowest:?}");
}

/// How many files are open once those of the last attempt are closed: a link has one, and its end may come late.
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

/// However long the edge was away, the agent is back within two seconds of it; over IPv6, for once.
#[test]
fn an_edge_that_was_away_for_long_is_found_soon() {
    let host_lock = HostLock::beside_others();
    let edge = Deployment::start_with(1, |options| options.ipv6());
    assert!(edge.origin().starts_with("http://[::1]:"), "{}", edge.origin());
    let site = Site::of(&edge, 0);
    let agent = site.device("porch");
    edge.edge().stop();
    // It tries again now and then, which disturbs nobody.
    drop(host_lock);
    // More than it takes for the pauses to grow as long as they get.
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
