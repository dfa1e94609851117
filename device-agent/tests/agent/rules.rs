//! Tests rules in a real agent process, without a connection to the edge.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use pinlatch_protocol::agent::FromAgent;

use crate::edge::{Edge, PATIENCE};
use crate::running::Running;
use crate::test_agent::TestAgent;

/// The number of contacts, each with a lamp and a rule. One rule can run at most 120 times per minute.
const PAIRS: usize = 10;
const ROUNDS: usize = 100;

fn config() -> String {
    let pair = |number: usize| {
        format!(
            "[lines.bell{number}]\nkind = \"contact\"\ndriver = \"sim\"\ndebounce_ms = 0\n\
             [lines.lamp{number}]\nkind = \"switch\"\ndriver = \"sim\"\n\
             [[rules]]\nname = \"rule{number}\"\nper_minute = 120\n\
             when = {{ line = \"bell{number}\", goes = \"on\" }}\n\
             do = {{ line = \"lamp{number}\", action = \"toggle\" }}\n"
        )
    };
    (0..PAIRS).map(pair).collect()
}

/// The time from the signal of a contact until the level of the output has changed. The time includes the simulator's
/// socket and its journal.
#[tokio::test]
async fn a_rule_is_fast_while_the_edge_is_away() {
    let (test_agent, edge) = (TestAgent::of(&config()), Edge::start().await);
    test_agent.enrol(&edge.enrol_string()).await.unwrap();
    drop(edge);
    let running = Running::start(&test_agent);
    let deadline = Instant::now() + PATIENCE;
    let socket = loop {
        match UnixStream::connect(test_agent.socket()) {
            Ok(socket) => break socket,
            Err(error) => assert!(Instant::now() < deadline, "the simulator listens: {error}"),
        }
    };
    let mut answers = BufReader::new(socket.try_clone().unwrap());
    let mut drive = |number: usize, level: bool| {
        writeln!(&socket, "{{\"line\":\"bell{number}\",\"level\":{level}}}").unwrap();
        let mut answer = String::new();
        answers.read_line(&mut answer).unwrap();
        assert_eq!(answer, "{\"ok\":true}\n");
    };
    let journal = test_agent.folder.path().join("sim.jsonl");
    let length = || std::fs::metadata(&journal).map_or(0, |file| file.len());
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        for number in 0..PAIRS {
            let (before, began) = (length(), Instant::now());
            drive(number, true);
            while length() == before {
                assert!(began.elapsed() < PATIENCE, "the rule has not run:\n{}", running.log());
                std::thread::yield_now();
            }
            times.push(began.elapsed());
            drive(number, false);
        }
    }
    times.sort();
    let percentile = |share: usize| times[times.len() * share / 100 - 1];
    println!("contact → rule → line: p50 {:?}, p99 {:?} of {}", percentile(50), percentile(99), times.len());
    // Other tests run at the same time, so the limit of the slowest runs is generous.
    assert!(percentile(50) <= Duration::from_millis(20), "{:?}", percentile(50));
    assert!(percentile(99) <= Duration::from_millis(200), "{:?}", percentile(99));
}

/// Returns the processor time that the agent has used, in ticks of 10 ms.
fn used(running: &Running) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", running.pid())).unwrap();
    // The name of the program, which can contain spaces, ends with the last parenthesis.
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

/// 64 rules that nothing triggers, of all kinds, with the connection to the edge.
#[tokio::test]
async fn idle_rules_use_no_processor_time() {
    let whens = [
        "line = \"bell\", goes = \"on\"",
        "line = \"bell\", is = \"on\", for_ms = 60000",
        "line = \"dial\", above = 0.5, hysteresis = 0.1",
        "link = \"lost\", for_ms = 600000",
    ];
    let rule = |number: usize| {
        format!(
            "[[rules]]\nname = \"rule{number}\"\nwhen = {{ {} }}\n\
             do = {{ line = \"lamp\", action = \"toggle\" }}\n",
            whens[number % whens.len()]
        )
    };
    let lines = "[lines.bell]\nkind = \"contact\"\ndriver = \"sim\"\n\
        [lines.dial]\nkind = \"dimmer\"\ndriver = \"sim\"\n\
        [lines.lamp]\nkind = \"switch\"\ndriver = \"sim\"\n";
    let rules: String = (0..64).map(rule).collect();
    let (test_agent, mut edge) = (TestAgent::of(&format!("{lines}{rules}")), Edge::start().await);
    test_agent.enrol(&edge.enrol_string()).await.unwrap();
    let running = Running::start(&test_agent);
    let (_connection, hello) = edge.welcome().await;
    let FromAgent::Hello { rules: 64, .. } = hello else { panic!("{hello:?}") };
    let (before, began) = (used(&running), tokio::time::Instant::now());
    tokio::time::sleep_until(began + Duration::from_secs(5)).await;
    let ticks = used(&running) - before;
    println!("64 idle rules used {ticks} ticks of 10 ms in 5 s");
    assert!(ticks <= 2, "{ticks} ticks of 10 ms in 5 s");
}
