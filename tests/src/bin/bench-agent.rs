//! `cargo xtask bench agent` runs this program, which measures the agent's memory and processor use, and the latency of
//! setting a GPIO line.
//!
//! The program prints the results as JSON rows for the table of `cargo xtask bench`. The memory and processor use are
//! measured on an agent process that is connected to a real workerd on this host. For the row "frame → line set", the
//! agent's code runs inside the benchmark process, without a socket. The measured time starts with the text of a
//! WebSocket frame and includes the token verification. The measured time ends when the driver of the GPIO line
//! returns. The driver is simulated and writes no journal. The overhead of the real GPIO driver, compared with the
//! system call alone, is measured on an emulated board.

use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use e2e::agent::LINES;
use e2e::emulated::{Board, Guest};
use e2e::measure::Times;
use e2e::stream::unix_ms;
use e2e::{Agent, Deployment, Site};
use pinlatch_agent::calls::{Calls, Owner};
use pinlatch_agent::clock::{EdgeClock, boot_ms};
use pinlatch_agent::commands::Commands;
use pinlatch_agent::config::Config;
use pinlatch_agent::lines::Lines;
use pinlatch_agent::rules::RuleRuns;
use pinlatch_agent::statements::Statements;
use pinlatch_agent::uplink::session::{Frame, parse_frame};
use pinlatch_protocol::agent::ToAgent;
use pinlatch_protocol::command::CommandStatus;
use pinlatch_protocol::name::Name;
use pinlatch_token::call::{CallClaims, call_digest};
use pinlatch_token::command::CommandClaims;
use pinlatch_token::grant::Grant;
use pinlatch_token::revocations::Revocations;
use pinlatch_token::{EdgeKeys, HolderKey, SigningKey};
use serde_json::{Map, json};
use xtask::bench::Row;

const SESSION: &str = "a-session-nonce-of-22-b";
const COMMANDS: usize = 10_000;
/// The number of calls, which is less than the agent remembers of one holder.
const CALLS: usize = 250;
const STARTS: usize = 10;
/// The time for which an idle agent is measured. An idle agent sends two pings in this time.
const IDLE: Duration = Duration::from_secs(30);
/// The time that the agent needs to finish the work that follows a new connection.
const SETTLED: Duration = Duration::from_secs(3);

fn main() {
    let times = frames();
    let mut rows = vec![
        Row::at_most("frame → line set, p50 of 10,000", times.p50() * 1e3, "µs", Some(150.0)),
        Row::at_most("frame → line set, p99 of 10,000", times.p99() * 1e3, "µs", Some(1_000.0)),
    ];
    let holders = [
        ("call with an Ed25519 key → line set, p50", HolderKey::generate(), 300.0),
        ("call with a P-256 key → line set, p50", HolderKey::generate_p256(), 700.0),
    ];
    rows.extend(holders.map(|(name, key, bar)| {
        let times = calls(&key.expect("a key"));
        Row::at_most(name, times.p50() * 1e3, "µs", Some(bar))
    }));
    let edge = Deployment::start(1, None);
    let site = Site::of(&edge, 0);
    let mut agent = Agent::enrol(&site.enrolment("porch"), LINES, &[]);
    let starts: Times = (0..STARTS).map(|_| start(&agent)).collect();
    rows.push(Row::at_most("start → connected, p50 of 10", starts.p50(), "ms", Some(200.0)));
    agent.start();
    site.until_online("porch");
    std::thread::sleep(SETTLED);
    let before = busy(&agent.proc());
    let began = Instant::now();
    std::thread::sleep(IDLE);
    let share = (busy(&agent.proc()) - before).as_secs_f64() / began.elapsed().as_secs_f64();
    rows.push(Row::at_most("idle: processor over 30 s", share * 100.0, "%", Some(0.1)));
    rows.push(Row::at_most("idle: resident", resident(&agent.proc()), "MB", Some(8.0)));
    assert!(site.get("/api/v1/devices/porch").ok()["online"] == true, "the agent was not connected");
    rows.extend(on_a_kernel());
    println!("{}", serde_json::to_string(&rows).expect("JSON"));
}

/// Measures the time to set a GPIO line on an emulated board, both with the agent's driver and with only the system
/// call.
fn on_a_kernel() -> Vec<Row> {
    // The program does not report a skipped measurement, because stdout must contain only the result rows.
    if std::env::var_os("PINLATCH_NO_EMULATOR").is_some() {
        return Vec::new();
    }
    let program = e2e::program("PINLATCH_AGENT_ARM64").with_file_name("bench-gpio");
    let program = fs::read(program).expect("bench-gpio, beside the agent");
    let board = Guest::power_on(Board::Virt, &[("/run-me/bench-gpio", &program)]);
    board.until_ready();
    let said = board.run("chmod 755 /run-me/bench-gpio && /run-me/bench-gpio 9030000.pl061 3 4");
    let times: Vec<f64> = said.split_whitespace().map(|time| time.parse().expect("nanoseconds")).collect();
    let [call, driver] = times.as_slice() else { panic!("bench-gpio said {said}") };
    vec![
        Row::at_most("kernel's call on an emulated board", call / 1e3, "µs", None),
        Row::at_most("agent's driver there, beside the call", driver / call, "×", Some(1.3)),
    ]
}

/// Measures the latency from the text of a WebSocket frame to the new level of a simulated GPIO line.
fn frames() -> Times {
    let name = |text: &str| Name::new(text).expect("a name");
    let keys = EdgeKeys::generate().expect("keys");
    let text = "state_dir = \"s\"\n[simulator]\n[lines.lamp]\nkind = \"switch\"\ndriver = \"sim\"";
    let config = Config::parse(text, Path::new("")).expect("a configuration");
    let (lines, _signals) = Lines::open(&config, RuleRuns::default());
    let (site, device) = (name("home"), name("porch"));
    let statements = Statements::new(SigningKey::generate(), site.clone(), device.clone(), Rc::default());
    let mut commands =
        Commands::new(site, device, SESSION.into(), keys.public().clone(), Rc::new(statements));
    let (now, boot) = (unix_ms(), boot_ms());
    let clock = EdgeClock::new(now, boot, boot);
    (0..COMMANDS)
        .map(|number| {
            let claims = CommandClaims {
                jti: format!("c{number}"),
                sub: "user:ann".into(),
                deadline_ms: unix_ms() + 5_000,
                line: name("lamp"),
                action: "toggle".into(),
                args: Map::new(),
                call: None,
            };
            let jwt = claims.sign(&keys, &name("home"), &name("porch"), SESSION, unix_ms()).expect("a token");
            let frame = json!({ "type": "command", "jwt": jwt }).to_string();
            let began = Instant::now();
            let Some(Frame::Message(ToAgent::Command { jwt, .. })) = parse_frame(&frame) else {
                panic!("a command was not understood")
            };
            let answer = commands.handle(&jwt, None, &lines, &clock, boot_ms);
            let time = began.elapsed();
            assert_eq!(answer.map(|answer| answer.outcome.status), Some(CommandStatus::Executed));
            time
        })
        .collect()
}

/// Measures the latency from the text of a WebSocket frame with a holder's call to the new level of a simulated GPIO line.
/// The agent remembers the signature of the grant.
fn calls(holder: &HolderKey) -> Times {
    let name = |text: &str| Name::new(text).expect("a name");
    let (keys, root) = (EdgeKeys::generate().expect("keys"), SigningKey::generate());
    let text = format!(
        "state_dir = \"s\"\n[simulator]\n[lines.lamp]\nkind = \"switch\"\ndriver = \"sim\"\nauthority = \"holder\"\n\
         [owner]\nroot = \"{}\"\nsite = \"home\"\ndevice = \"porch\"",
        root.kid()
    );
    let config = Config::parse(&text, Path::new("")).expect("a configuration");
    let (lines, _signals) = Lines::open(&config, RuleRuns::default());
    let (site, device) = (name("home"), name("porch"));
    let owner = Owner::new(&root.public(), site.clone(), device.clone());
    let challenges = Rc::new(RefCell::new(Calls::new(owner, "b".into(), Revocations::default(), 0)));
    let run = Rc::default();
    let statements = Rc::new(Statements::new(SigningKey::generate(), site.clone(), device.clone(), run));
    let mut commands =
        Commands::new(site.clone(), device.clone(), SESSION.into(), keys.public().clone(), statements)
            .with_calls(Some(Rc::clone(&challenges)));
    let (now, boot) = (unix_ms(), boot_ms());
    let clock = EdgeClock::new(now, boot, boot);
    let scope = "line:porch/lamp:toggle".parse().expect("a scope");
    let grant = Grant::new(&site, "bench", holder.public().clone(), scope, now / 1_000 - 60);
    let grant = grant.sign(&root).expect("a grant");
    (0..CALLS)
        .map(|number| {
            let call = CallClaims {
                jti: format!("j{number}"),
                line: name("lamp"),
                action: "toggle".into(),
                args: Map::new(),
                challenge: challenges.borrow().challenge(boot_ms()),
                boot: "b".into(),
                max_age_ms: 30_000,
            };
            let call = call.sign(holder, &site, &device, now / 1_000).expect("a call");
            let claims = CommandClaims {
                jti: format!("c{number}"),
                sub: "user:ann".into(),
                deadline_ms: unix_ms() + 5_000,
                line: name("lamp"),
                action: "toggle".into(),
                args: Map::new(),
                call: Some(call_digest(&call)),
            };
            let jwt = claims.sign(&keys, &site, &device, SESSION, unix_ms()).expect("a token");
            let call = json!({ "call": call, "grant": grant });
            let frame = json!({ "type": "command", "jwt": jwt, "call": call }).to_string();
            let began = Instant::now();
            let Some(Frame::Message(ToAgent::Command { jwt, call })) = parse_frame(&frame) else {
                panic!("a command was not understood")
            };
            let answer = commands.handle(&jwt, call.as_ref(), &lines, &clock, boot_ms);
            let time = began.elapsed();
            assert_eq!(answer.map(|answer| answer.outcome.status), Some(CommandStatus::Executed));
            time
        })
        .collect()
}

/// A child process that is killed when this value is dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the agent. Returns the time from the start of the process to the log entry "connected".
fn start(agent: &Agent) -> Duration {
    let began = Instant::now();
    let mut run = agent.command();
    let mut child = Killed(run.stderr(Stdio::piped()).spawn().expect("pinlatch-agent"));
    let log = BufReader::new(child.0.stderr.take().expect("its log"));
    for line in log.lines() {
        if line.expect("a line").contains("connected") {
            return began.elapsed();
        }
    }
    panic!("the agent ended before it was connected");
}

/// Returns the processor time that all threads of a process have used since they started.
fn busy(proc: &Path) -> Duration {
    let threads = fs::read_dir(proc.join("task")).expect("threads");
    let of_one = |thread: fs::DirEntry| -> u64 {
        let text = fs::read_to_string(thread.path().join("schedstat")).expect("schedstat");
        text.split(' ').next().and_then(|nanos| nanos.parse().ok()).expect("nanoseconds")
    };
    Duration::from_nanos(threads.map(|thread| of_one(thread.expect("a thread"))).sum())
}

fn resident(proc: &Path) -> f64 {
    let status = fs::read_to_string(proc.join("status")).expect("status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib * 1024.0 / 1e6
}
