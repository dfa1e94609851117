//! Tests that the state of a site survives a restart of workerd, the end of an agent, and the hibernation of a Durable
//! Object. Each of these tests has a separate deployment.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use e2e::site::{OWNER, PASSWORD};
use e2e::stream::{self, Runs, Sent};
use e2e::{Agent, Deployment, HostLock, Site, eventually};
use serde_json::json;

/// Sends many commands while workerd restarts and the agent is killed. Each command id must get one response, which
/// must not change later. No command may change a GPIO line twice or run after its deadline.
#[test]
fn commands_under_fire_end_in_one_answer_each() {
    let _host_lock = HostLock::beside_others();
    let edge = Deployment::start(1, None);
    let site = Site::of(&edge, 0);
    let mut agent = site.device("porch");
    let stop = AtomicBool::new(false);
    let sent: Vec<Sent> = std::thread::scope(|scope| {
        let stream = scope.spawn(|| {
            let going = (1u32..).take_while(|_| !stop.load(Ordering::SeqCst));
            going.map(|number| stream::send(&site, "porch", "rose", number, 1_500)).collect()
        });
        let answered = |agent: &Agent, count: usize| {
            let want = agent.levels("rose").len() + count;
            eventually(Duration::from_secs(60), "commands go through", || {
                (agent.levels("rose").len() >= want).then_some(())
            });
        };
        answered(&agent, 20);
        edge.edge().restart().expect("workerd");
        answered(&agent, 20);
        edge.edge().kill_hard();
        edge.edge().restart().expect("workerd");
        answered(&agent, 20);
        agent.kill();
        agent.start();
        answered(&agent, 20);
        stop.store(true, Ordering::SeqCst);
        stream.join().expect("the stream")
    });

    let mut executed = 0;
    let runs = Runs::of(&agent.journal());
    for command in &sent {
        let recorded = stream::recorded(&site, command.number);
        executed += usize::from(recorded == "executed");
        stream::check(command, &recorded, &runs);
    }
    assert!(executed >= 60, "only {executed} of {} were executed", sent.len());
}

/// A Durable Object without work for 10 seconds is evicted from memory, but its sockets stay open. The next command
/// must start the Durable Object again with unchanged state.
#[test]
fn a_hibernated_site_wakes_for_a_command() {
    let _host_lock = HostLock::beside_others();
    let edge = Deployment::start(1, None);
    let site = Site::of(&edge, 0);
    let agent = site.device("porch");
    let mut panel = site.panel();
    assert_eq!(panel.command("one", "porch", "relay", "set", json!({ "value": true }))["status"], "executed");
    let woken = |log: &str| log.matches("site object starts").count();
    let before = woken(&edge.log());
    // The test must not poll, because requests would keep the Durable Object in memory. The alarm that the previous
    // command has set fires after 8 seconds. workerd evicts the Durable Object 10 seconds after the alarm.
    std::thread::park_timeout(Duration::from_secs(21));
    let began = Instant::now();
    let result = panel.command("two", "porch", "relay", "toggle", json!({}));
    assert_eq!((&result["status"], &result["level"]), (&json!("executed"), &json!(false)), "{result}");
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(woken(&edge.log()) > before, "the object never hibernated, so this proved nothing");
    assert_eq!(agent.levels("relay").last(), Some(&json!(false)));
    let event = panel.until("the event", |frame| frame["line"]["reported"] == false);
    assert_eq!(event["line"]["name"], "relay");
}

/// People, devices, levels and the audit log must survive a restart of workerd.
#[test]
fn a_restart_loses_nothing() {
    let _host_lock = HostLock::beside_others();
    let edge = Deployment::start(1, None);
    let site = Site::of(&edge, 0);
    let _agent = site.device("porch");
    site.post("/api/v1/devices/porch/lines/lamp/set", &json!({ "value": true })).ok();
    let before = site.get("/api/v1/audit").ok();
    edge.edge().restart().expect("workerd");
    site.until_online("porch");
    let lamp = site.line("porch", "lamp");
    assert_eq!((&lamp["reported"], &lamp["desired"]), (&json!(true), &json!(true)));
    let after = site.get("/api/v1/audit").ok();
    let (before, after) = (before["entries"].as_array().unwrap(), after["entries"].as_array().unwrap());
    assert!(before.iter().all(|entry| after.contains(entry)), "an audit entry is missing");
    let login =
        json!({ "grant_type": "password", "site": site.name, "username": OWNER, "password": PASSWORD });
    site.deployment.http().post("/api/v1/token", &login).ok();
}
