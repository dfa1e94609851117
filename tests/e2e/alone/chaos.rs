//! Sends many commands over a connection that fails in many ways.
//!
//! `cargo xtask chaos` runs these tests with many more commands.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64ct::{Base64UrlUnpadded, Encoding};
use e2e::proxy::{Noise, Proxy};
use e2e::stream::{self, Runs, Sent};
use e2e::{Agent, Deployment, HostLock, Site, eventually};
use serde_json::{Value, json};
use xtask::simulated_lines;

/// The number of commands if `PINLATCH_CHAOS_COMMANDS` is not set.
const COMMANDS: u32 = 400;
/// The number of callers per device. Each caller waits for the response to its command before it sends the next
/// command. Therefore the number of pending commands cannot exceed the edge's limit per device.
const CALLERS: u32 = 6;
const DEVICES: [&str; 2] = ["porch", "attic"];
const COLOURS: &str = simulated_lines! {
    "rose": "rgb", r#"on_link_loss = "hold""#;
    "lily": "rgb", r#"on_link_loss = "hold""#;
};
const ROUGH: Noise = Noise { delay: Duration::from_millis(20), duplicated: 10, swapped: 10 };
/// The allowed difference between the expected and the actual time of a level change, in milliseconds.
const EXACTLY: u64 = 100;
const DAY_S: u64 = 86_400;

/// A fault that the test causes in the connection, an agent or the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Cut,
    CutMidFrame,
    Freeze,
    FreezeBeyondDeadlines,
    Down,
    PauseAgent,
    KillAgent,
    ClockAhead,
    ClockBehind,
    RestartEdge,
    KillEdge,
}

const BLOWS: [Fault; 11] = [
    Fault::Cut,
    Fault::CutMidFrame,
    Fault::Freeze,
    Fault::FreezeBeyondDeadlines,
    Fault::Down,
    Fault::PauseAgent,
    Fault::KillAgent,
    Fault::ClockAhead,
    Fault::ClockBehind,
    Fault::RestartEdge,
    Fault::KillEdge,
];

fn of_environment<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// Enrols and starts a device whose connection to the edge goes through a proxy.
fn device(site: &Site<'_>, name: &str, lines: &str, proxy: &Proxy) -> Agent {
    let string = site.enrolment(name).replace(site.deployment.origin(), &proxy.origin());
    assert!(string.starts_with(&proxy.origin()), "the edge named another address");
    let mut agent = Agent::enrol(&string, lines, &[]);
    agent.start();
    site.until_online(name);
    agent
}

/// Sleeps for a time that is part of the test. Never use this function to wait for a condition.
fn elapse(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

/// Sends commands to two devices with two GPIO lines each while faults occur. Frames are delayed, duplicated and
/// reordered. The connection is cut, frozen or down. Agents are suspended, killed, or restarted with a clock that is
/// wrong by a day, and workerd restarts. No command may run twice or after its deadline. Each command must get one
/// response that agrees with the recorded status.
#[test]
fn commands_over_a_link_that_fails_in_every_way() {
    let _host_lock = HostLock::beside_others();
    let seed = of_environment("PINLATCH_CHAOS_SEED").unwrap_or_else(|| fastrand::u64(..));
    // The test runner prints this line only if the test fails.
    println!("again: PINLATCH_CHAOS_SEED={seed}");
    let commands = of_environment("PINLATCH_CHAOS_COMMANDS").unwrap_or(COMMANDS);
    let edge = Deployment::start(1, None);
    let site = Site::of(&edge, 0);
    let proxy = Proxy::start(edge.origin(), seed);
    let mut agents = DEVICES.map(|name| device(&site, name, COLOURS, &proxy));
    proxy.noise(ROUGH);

    let (next, executed) = (AtomicU32::new(1), AtomicUsize::new(0));
    let (sent, faults) = std::thread::scope(|scope| {
        let call = |caller: u32| {
            let mut random = fastrand::Rng::with_seed(seed ^ u64::from(caller));
            let device = DEVICES[caller as usize % DEVICES.len()];
            let mut sent = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::SeqCst);
                if number > commands {
                    return sent;
                }
                let line = if random.bool() { "rose" } else { "lily" };
                let command = stream::send(&site, device, line, number, random.u64(300..1_500));
                executed
                    .fetch_add(usize::from(command.said.as_deref() == Some("executed")), Ordering::SeqCst);
                sent.push(command);
            }
        };
        let callers: Vec<_> = (0..CALLERS * 2).map(|caller| scope.spawn(move || call(caller))).collect();
        let faults = strike(seed, &edge, &proxy, &mut agents, || {
            (next.load(Ordering::SeqCst) <= commands).then(|| executed.load(Ordering::SeqCst))
        });
        let sent: Vec<Sent> =
            callers.into_iter().flat_map(|caller| caller.join().expect("a caller")).collect();
        (sent, faults)
    });
    // After an agent has reconnected, it sends its pending results and repeats results that were lost.
    DEVICES.iter().for_each(|name| site.until_online(name));
    println!(
        "{} commands, {} executed at once, faults: {faults:?}",
        sent.len(),
        executed.load(Ordering::SeqCst)
    );

    let journals: Vec<Value> = agents.iter().flat_map(Agent::journal).collect();
    let runs = Runs::of(&journals);
    let deadlines = deadlines(&proxy.frames_to_agents());
    assert!(deadlines.len() >= executed.load(Ordering::SeqCst), "the proxy read too few commands");
    stream::none_late(&deadlines, &runs);
    for command in &sent {
        stream::check(command, &stream::recorded(&site, command.number), &runs);
    }
    // The agents' logs show whether a command ran twice. The simulator's journal cannot show a repeated command,
    // because setting the same colour again is not a level change.
    for agent in &agents {
        let log = agent.log();
        let done = log.lines().filter(|line| line.contains(" executed "));
        let ids: Vec<&str> =
            done.filter_map(|line| line.split("id=").nth(1)?.split_whitespace().next()).collect();
        assert!(!ids.is_empty(), "the log's form has changed");
        let mut unique = ids.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), ids.len(), "a command ran twice");
    }
    let done = executed.load(Ordering::SeqCst);
    assert!(done * 5 >= sent.len(), "only {done} of {} commands were executed, too few", sent.len());
    assert!(faults.len() >= 3, "too few faults: {faults:?}");
}

/// Causes faults until all commands are sent. Before each fault, the function waits until more commands have been
/// executed.
fn strike(
    seed: u64,
    edge: &Deployment,
    proxy: &Proxy,
    agents: &mut [Agent],
    executed: impl Fn() -> Option<usize>,
) -> Vec<Fault> {
    let mut random = fastrand::Rng::with_seed(!seed);
    let (mut faults, mut left) = (Vec::new(), Vec::new());
    while let Some(before) = executed() {
        let enough = before + 20;
        eventually(Duration::from_secs(60), "commands go through", || {
            executed().is_none_or(|count| count >= enough).then_some(())
        });
        if executed().is_none() {
            break;
        }
        if left.is_empty() {
            left = BLOWS.to_vec();
            random.shuffle(&mut left);
        }
        let fault = left.pop().expect("one");
        let agent = &mut agents[random.usize(0..DEVICES.len())];
        match fault {
            Fault::Cut => proxy.cut(),
            Fault::CutMidFrame => proxy.cut_mid_frame(),
            Fault::Freeze | Fault::FreezeBeyondDeadlines => {
                proxy.freeze();
                elapse(if fault == Fault::Freeze { random.u64(50..300) } else { random.u64(1_500..2_600) });
                proxy.thaw();
            }
            Fault::Down => {
                proxy.down();
                elapse(random.u64(50..500));
                proxy.up();
            }
            Fault::PauseAgent => {
                agent.pause();
                elapse(random.u64(300..2_000));
                agent.resume();
            }
            Fault::KillAgent => {
                agent.kill();
                agent.start();
            }
            Fault::ClockAhead | Fault::ClockBehind => {
                let now = stream::unix_ms() / 1_000;
                let other = if fault == Fault::ClockAhead { now + DAY_S } else { now - DAY_S };
                agent.stop();
                agent.set_arguments(&["--assume-time", &other.to_string()]);
                agent.start();
            }
            Fault::RestartEdge => edge.edge().restart().expect("workerd"),
            Fault::KillEdge => {
                edge.edge().kill_hard();
                edge.edge().restart().expect("workerd");
            }
        }
        faults.push(fault);
    }
    faults
}

/// Returns the deadlines of all commands that the edge sent, read from the tokens of the commands. The key of the map
/// is the command's number, which is also the command's colour.
fn deadlines(frames: &[String]) -> HashMap<u32, u64> {
    let commands = frames.iter().filter_map(|frame| {
        let frame: Value = serde_json::from_str(frame).ok()?;
        let payload = Base64UrlUnpadded::decode_vec(frame["jwt"].as_str()?.split('.').nth(1)?).ok()?;
        let claims: Value = serde_json::from_slice(&payload).ok()?;
        let number = u32::from_str_radix(claims["args"]["value"].as_str()?.strip_prefix('#')?, 16).ok()?;
        Some((number, claims["deadline"].as_u64()?))
    });
    commands.collect()
}

const SAFETY: &str = simulated_lines! {
    "lamp": "switch", "on_link_loss = { safe_after_s = 1 }";
    "fan": "switch", "on_link_loss = { safe_after_s = 2 }";
    "keeper": "switch", r#"on_link_loss = "hold""#;
    "heater": "switch", r#"on_link_loss = "hold""#, "max_on_ms = 1500";
    "door": "momentary", "max_on_ms = 5000";
};

/// Returns the time at which the GPIO line reached `level`, in milliseconds since the Unix epoch. Returns `None` if the
/// last change of the GPIO line was to another level.
fn reached(agent: &Agent, line: &str, level: bool) -> Option<u64> {
    let journal = agent.journal();
    let last = journal.iter().rfind(|entry| entry["line"] == line)?;
    (last["level"] == level).then(|| last["at_ms"].as_u64().expect("a time"))
}

#[track_caller]
fn is_on_time(what: &str, at: u64, wanted: u64) {
    println!("{what}: {} ms off", at.abs_diff(wanted));
    assert!(at.abs_diff(wanted) <= EXACTLY, "{what} at {at} instead of {wanted}");
}

/// After the connection is lost, each GPIO line must change as its configuration says, at the configured time. A pulse
/// that is in progress must also end on time.
#[test]
fn without_a_link_lines_are_safe_on_time() {
    let _host_lock = HostLock::alone();
    let edge = Deployment::start(1, None);
    let site = Site::of(&edge, 0);
    let proxy = Proxy::start(edge.origin(), 0);
    let agent = device(&site, "porch", SAFETY, &proxy);
    let on = |line: &str| drop(site.post(&set(line), &json!({ "value": true })).ok());
    for line in ["lamp", "fan", "keeper", "heater"] {
        on(line);
    }
    site.post("/api/v1/devices/porch/lines/door/pulse", &json!({ "ms": 1_200 })).ok();
    let opened = reached(&agent, "door", true).expect("an open door");
    let heated = reached(&agent, "heater", true).expect("a warm heater");
    proxy.down();
    let lost = stream::unix_ms();
    let off = |line: &str| {
        eventually(Duration::from_secs(10), &format!("{line} is off"), || reached(&agent, line, false))
    };
    is_on_time("the end of the pulse", off("door"), opened + 1_200);
    is_on_time("the end of max_on", off("heater"), heated + 1_500);
    is_on_time("the lamp's safe level", off("lamp"), lost + 1_000);
    is_on_time("the fan's safe level", off("fan"), lost + 2_000);
    assert_eq!(agent.levels("keeper").last(), Some(&json!(true)), "a line with `hold` changed");
    proxy.up();
    site.until_online("porch");
    assert_eq!(agent.levels("keeper").last(), Some(&json!(true)));
    assert_eq!(site.line("porch", "lamp")["reported"], false, "the lamp was switched on again");
}

/// If the connection is restored before the timeout, the GPIO lines must not change. At the next loss of the
/// connection, the timeout must start from zero.
#[test]
fn a_link_that_is_back_in_time_changes_nothing() {
    let _host_lock = HostLock::beside_others();
    let edge = Deployment::start(1, None);
    let site = Site::of(&edge, 0);
    let proxy = Proxy::start(edge.origin(), 0);
    let agent = device(&site, "porch", &SAFETY.replace("safe_after_s = 2", "safe_after_s = 15"), &proxy);
    site.post(&set("fan"), &json!({ "value": true })).ok();
    for _ in 0..3 {
        let connections = agent.log().matches("connected edge=").count();
        proxy.cut();
        eventually(Duration::from_secs(14), "a new connection", || {
            (agent.log().matches("connected edge=").count() > connections).then_some(())
        });
    }
    site.until_online("porch");
    assert_eq!(agent.levels("fan").last(), Some(&json!(true)));
}

/// Neither end closes a half-open connection. The agent must close the half-open connection after the configured time
/// without messages, reconnect, and then execute commands again. The time without messages counts as time without a
/// connection.
#[test]
fn a_half_open_link_is_given_up_in_time() {
    let _host_lock = HostLock::beside_others();
    let edge = Deployment::start(1, None);
    let site = Site::of(&edge, 0);
    let proxy = Proxy::start(edge.origin(), 0);
    let string = site.enrolment("porch").replace(edge.origin(), &proxy.origin());
    let mut agent = Agent::enrol_with(&string, SAFETY, "link_timeout_s = 3\n", &[], &[]);
    agent.start();
    site.until_online("porch");
    site.post(&set("keeper"), &json!({ "value": true })).ok();
    let connections = agent.connections();
    proxy.half_open();
    let silent = Instant::now();
    let code = site.post(&format!("{}?deadline_ms=500", set("keeper")), &json!({ "value": false }));
    assert_eq!(code.code(), "outcome_unknown");
    eventually(Duration::from_secs(20), "a new connection", || {
        (agent.connections() > connections).then_some(())
    });
    // The measured time consists of three seconds without messages, a pause of at most half a second, and the time to
    // connect on a busy host. The three seconds without messages can have begun before the measurement.
    let took = silent.elapsed();
    println!("given up and connected again after {took:?}");
    assert!((Duration::from_secs(1)..Duration::from_secs(6)).contains(&took), "after {took:?}");
    site.until_online("porch");
    assert_eq!(agent.levels("keeper").last(), Some(&json!(true)), "a command of the lost connection ran");
    site.post(&set("keeper"), &json!({ "value": false })).ok();
}

fn set(line: &str) -> String {
    format!("/api/v1/devices/porch/lines/{line}/set")
}
