//! What survives: workerd restarted, the agent killed, the object hibernated. Each has a deployment of
//! its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use e2e::site::{OWNER, PASSWORD};
use e2e::{Agent, Deployment, Machine, Site, eventually};
use serde_json::{Value, json};

/// Commands in a stream while workerd restarts and the agent is killed: each id ends in one answer that
/// stays the same, no line changes twice for one command, none after its deadline.
#[test]
fn commands_under_fire_end_in_one_answer_each() {
    let _machine = Machine::beside_others();
    let edge = Deployment::start(1, None);
    let site = Site::of(&edge, 0);
    let mut agent = site.device("porch");
    let stop = AtomicBool::new(false);
    let path = "/api/v1/devices/porch/lines/rose/set?deadline_ms=1500";

    // Every command sets a colour of its own, so the journal tells which ran and when.
    let sent: Vec<Sent> = std::thread::scope(|scope| {
        let stream = scope.spawn(|| {
            let mut sent = Vec::new();
            for number in 1u32.. {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                let began_ms = unix_ms();
                let client = site.owner.with("idempotency-key", &format!("c{number}"));
                let body = json!({ "value": format!("#{number:06x}") }).to_string();
                let answer = client.send("POST", path, Some(("application/json", &body)));
                let said = answer.ok().map(|answer| match answer.status {
                    200 => "executed".to_owned(),
                    _ => answer.code().to_owned(),
                });
                if said.is_none() {
                    // Nobody listens: as any client, this one does not knock without pause.
                    std::thread::park_timeout(Duration::from_millis(50));
                }
                sent.push(Sent { number, began_ms, ended_ms: unix_ms(), said });
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
    let journal = agent.journal();
    for command in &sent {
        let recorded = recorded(&site, command.number);
        executed += usize::from(recorded == "executed");
        check(command, &recorded, &journal);
    }
    assert!(executed >= 60, "only {executed} of {} were executed", sent.len());
}

/// One command as its caller saw it.
#[derive(Debug)]
struct Sent {
    number: u32,
    began_ms: u64,
    ended_ms: u64,
    /// `executed`, a problem's code, or nothing where the connection broke.
    said: Option<String>,
}

/// The final status that the site keeps, or `never` if it knows no such command.
fn recorded(site: &Site<'_>, number: u32) -> String {
    eventually(Duration::from_secs(30), "a final status", || {
        let answer = site.get(&format!("/api/v1/commands/c{number}"));
        if answer.status == 404 {
            return Some("never".to_owned());
        }
        let status = answer.ok()["status"].as_str().unwrap_or_default().to_owned();
        (!["accepted", "delivered"].contains(&status.as_str())).then_some(status)
    })
}

/// What was said, what is recorded and what the line did fit together.
fn check(command: &Sent, recorded: &str, journal: &[Value]) {
    let colour = json!(format!("#{:06x}", command.number));
    let runs: Vec<u64> = journal
        .iter()
        .filter(|entry| entry["level"] == colour)
        .map(|entry| entry["at_ms"].as_u64().expect("a time"))
        .collect();
    assert!(runs.len() <= 1, "{command:?} ran {} times", runs.len());
    let ran = runs.first();
    match (command.said.as_deref(), recorded) {
        (Some("executed"), last) => {
            assert_eq!(last, "executed", "{command:?}");
            let at = *ran.unwrap_or_else(|| panic!("{command:?} did not run"));
            assert!((command.began_ms..=command.ended_ms).contains(&at), "{command:?} ran at {at}");
        }
        (Some("device_offline"), "never")
        | (Some("deadline_passed"), "expired")
        | (None, "never" | "expired") => {
            assert!(ran.is_none(), "{command:?} is {recorded}, and ran");
        }
        // Said one second after its deadline: it ran before that, if at all, even if its report was lost.
        (Some("outcome_unknown"), "executed" | "unknown") => {
            assert!(ran.is_none_or(|at| *at + 1_000 <= command.ended_ms + 20), "{command:?} ran at {ran:?}");
            assert!(recorded == "unknown" || ran.is_some(), "{command:?}");
        }
        // The answer was lost with the connection; the record is there to ask.
        (None, "executed") => assert!(ran.is_some(), "{command:?}"),
        (None, "unknown") => {}
        (said, last) => panic!("{command:?}: said {said:?}, recorded {last}, ran {ran:?}"),
    }
}

fn unix_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
    u64::try_from(now.as_millis()).expect("a time")
}

/// After 10 s without work the object is evicted from memory while its sockets stay open; a command
/// then wakes it, and everything is as before.
#[test]
fn a_hibernated_site_wakes_for_a_command() {
    let _machine = Machine::beside_others();
    let edge = Deployment::start(1, None);
    let site = Site::of(&edge, 0);
    let agent = site.device("porch");
    let mut panel = site.panel();
    assert_eq!(panel.command("one", "porch", "relay", "set", json!({ "value": true }))["status"], "executed");
    let woken = |log: &str| log.matches("site object starts").count();
    let before = woken(&edge.log());
    // Idleness is the stimulus here: nothing can be polled without ending it. The fallback alarm of the
    // command above comes after 8 s; 10 s after that workerd evicts the object.
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

/// People, devices, levels and the audit log outlive workerd.
#[test]
fn a_restart_loses_nothing() {
    let _machine = Machine::beside_others();
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
