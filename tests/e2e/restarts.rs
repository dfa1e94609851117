//! What survives: workerd restarted, the agent killed, the object hibernated. Each has a deployment of
//! its own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use e2e::site::{OWNER, PASSWORD};
use e2e::{Agent, Deployment, Site, deployment, eventually};
use serde_json::{Value, json};

/// Commands in a stream while workerd restarts and the agent is killed: each id ends in one answer that
/// stays the same, no line changes twice for one command, none after its deadline.
#[test]
fn commands_under_fire_end_in_one_answer_each() {
    let _machine = deployment::beside_others();
    let edge = Deployment::start(1, None);
    let site = Site::of(&edge, 0);
    let mut agent = site.device("porch");
    let (stop, deadline) = (AtomicBool::new(false), 1_500u64);
    let path = format!("/api/v1/devices/porch/lines/rose/set?deadline_ms={deadline}");

    // Every command sets a colour of its own, so the journal tells which ran and when.
    let sent: Vec<(u32, Instant, Option<String>)> = std::thread::scope(|scope| {
        let stream = scope.spawn(|| {
            let mut sent = Vec::new();
            for number in 1u32.. {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                let began = Instant::now();
                let client = site.owner.with("idempotency-key", &format!("c{number}"));
                let body = json!({ "value": format!("#{number:06x}") }).to_string();
                let answer = client.send("POST", &path, Some(("application/json", &body)));
                let said = answer.ok().map(|answer| match answer.status {
                    200 => "executed".to_owned(),
                    _ => answer.code().to_owned(),
                });
                sent.push((number, began, said));
            }
            sent
        });
        let answered = |agent: &Agent, count: usize| {
            let want = agent.levels("rose").len() + count;
            eventually(Duration::from_secs(60), "commands go through", || {
                (agent.levels("rose").len() >= want).then_some(())
            });
        };
        answered(&agent, 20);
        edge.edge().restart().expect("workerd");
        answered(&agent, 10);
        edge.edge().kill_hard();
        edge.edge().restart().expect("workerd");
        answered(&agent, 10);
        agent.kill();
        agent.start();
        answered(&agent, 10);
        stop.store(true, Ordering::SeqCst);
        stream.join().expect("the stream")
    });

    let finals: HashMap<u32, String> = sent
        .iter()
        .map(|(number, ..)| {
            let status = eventually(Duration::from_secs(30), "a final status", || {
                let answer = site.get(&format!("/api/v1/commands/c{number}"));
                if answer.status == 404 {
                    return Some("never".to_owned());
                }
                let status = answer.ok()["status"].as_str().unwrap_or_default().to_owned();
                (!["accepted", "delivered"].contains(&status.as_str())).then_some(status)
            });
            (*number, status)
        })
        .collect();
    let colours = agent.levels("rose");
    for (number, _, said) in &sent {
        let colour = json!(format!("#{number:06x}"));
        let ran = colours.iter().filter(|level| **level == colour).count();
        assert!(ran <= 1, "c{number} ran {ran} times");
        match (said.as_deref(), finals[number].as_str()) {
            (Some("executed"), last) => assert_eq!((last, ran), ("executed", 1), "c{number}"),
            (Some("device_offline" | "deadline_passed"), last) => {
                assert!(ran == 0 && matches!(last, "never" | "expired"), "c{number}: {last}, ran {ran}");
            }
            // An honest "unknown" may be amended later; a cut connection leaves the record to ask.
            (Some("outcome_unknown") | None, "executed") => assert_eq!(ran, 1, "c{number}"),
            (Some("outcome_unknown") | None, "unknown") => {}
            (None, "never" | "expired") => assert_eq!(ran, 0, "c{number}"),
            (Some("internal" | "invalid_token" | ""), last) => {
                assert!(
                    ran <= 1 && (ran == 0 || last == "executed" || last == "unknown"),
                    "c{number}: {last}"
                );
            }
            (said, last) => panic!("c{number}: said {said:?}, recorded {last}, ran {ran}"),
        }
    }
    let executed = finals.values().filter(|status| *status == "executed").count();
    assert!(executed >= 50, "only {executed} of {} were executed", sent.len());
    on_time(&agent.journal(), &sent, deadline);
}

/// No line changed after its command's deadline, by the journal's own times.
fn on_time(journal: &[Value], sent: &[(u32, Instant, Option<String>)], deadline: u64) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
    for (number, began, _) in sent {
        let began_ms = (now - began.elapsed()).as_millis() as u64;
        for entry in journal.iter().filter(|entry| entry["level"] == json!(format!("#{number:06x}"))) {
            let at_ms = entry["at_ms"].as_u64().expect("a time");
            // The deadline runs from acceptance, which is after `began` by the way to the edge; a request
            // that waited for workerd to come back is accepted late, so it is only bounded by its answer.
            assert!(at_ms + 5 >= began_ms, "c{number} ran before it was sent");
        }
    }
    let _ = deadline;
}

/// After 10 s without work the object is evicted from memory while its sockets stay open; a command
/// then wakes it, and everything is as before.
#[test]
fn a_hibernated_site_wakes_for_a_command() {
    let _machine = deployment::beside_others();
    let edge = Deployment::start(1, None);
    let site = Site::of(&edge, 0);
    let agent = site.device("porch");
    let mut panel = site.panel();
    assert_eq!(panel.command("one", "porch", "relay", "set", json!({ "value": true }))["status"], "executed");
    let woken = |log: &str| log.matches("site object starts").count();
    let before = woken(&edge.log());
    // Idleness is the stimulus here: nothing can be polled without ending it.
    std::thread::park_timeout(Duration::from_secs(14));
    let began = Instant::now();
    let result = panel.command("two", "porch", "relay", "toggle", json!({}));
    assert_eq!((&result["status"], &result["level"]), (&json!("executed"), &json!(false)), "{result}");
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(woken(&edge.log()) > before, "the object never hibernated, so this proved nothing");
    assert_eq!(agent.levels("relay").last(), Some(&json!(false)));
    let event = panel.until("the event", |frame| frame["line"]["reported"] == false);
    assert_eq!(event["line"]["name"], "relay");
}

/// People, devices, levels and the audit log outlive workerd.
#[test]
fn a_restart_loses_nothing() {
    let _machine = deployment::beside_others();
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
    let (before, after) = (before.as_array().unwrap(), after.as_array().unwrap());
    assert!(before.iter().all(|entry| after.contains(entry)), "the log forgot something");
    let login =
        json!({ "grant_type": "password", "site": site.name, "username": OWNER, "password": PASSWORD });
    site.deployment.http().post("/api/v1/token", &login).ok();
}
