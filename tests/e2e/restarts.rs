//! State that survives a restart of workerd, the end of the agent, and hibernation of the Durable Object. Each test has
//! a separate deployment.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use e2e::site::{OWNER, PASSWORD};
use e2e::stream::{self, Runs, Sent};
use e2e::{Agent, Deployment, HostLock, Site, eventually};
use serde_json::json;

/// Sends a stream of commands while workerd restarts and the agent is killed. Each command id gets one answer that does
/// not change. No command changes a line twice, and no command runs after its deadline.
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

/// After 10 s without work, the Durable Object is evicted from memory, but its sockets stay open. The next command
/// wakes it, and its state is unchanged.
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
    // The Durable Object must be idle, and polling would keep it awake. The fallback alarm of the command above fires
    // after 8 s. 10 s later workerd evicts the Durable Object.
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

/// People, devices, levels and the audit log survive a restart of workerd.
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
    assert!(before.iter().all(|entry| after.contains(entry)), "the log forgot something");
    let login =
        json!({ "grant_type": "password", "site": site.name, "username": OWNER, "password": PASSWORD });
    site.deployment.http().post("/api/v1/token", &login).ok();
}
