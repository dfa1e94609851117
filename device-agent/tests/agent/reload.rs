//! Tests that SIGHUP reloads the configuration while the agent runs.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use pinlatch_protocol::agent::FromAgent;
use pinlatch_protocol::command::CommandStatus;
use pinlatch_protocol::line::Level;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::edge::{Connection, Edge, PATIENCE};
use crate::running::Running;
use crate::test_agent::TestAgent;

const DOOR: &str = "[lines.door]\nkind = \"momentary\"\ndriver = \"sim\"\nmax_on_ms = 4_000\n";
const LAMP: &str = "[lines.lamp]\nkind = \"switch\"\ndriver = \"sim\"\n";
const FAN: &str = "[lines.fan]\nkind = \"switch\"\ndriver = \"sim\"\n";
const PUMP: &str = "[lines.pump]\nkind = \"switch\"\ndriver = \"sim\"\n";
const BELL: &str = "[lines.bell]\nkind = \"contact\"\ndriver = \"sim\"\ndebounce_ms = 0\n";

async fn set(link: &mut Connection, line: &str) {
    let order = link.order(line, line, "set", json!({ "value": true })).sign();
    assert_eq!(link.command(order).await.status, CommandStatus::Executed);
}

/// Returns the names and the levels of the lines in the agent's next hello message. The function skips events.
async fn hello(link: &mut Connection) -> Vec<(String, Option<Level>)> {
    loop {
        if let FromAgent::Hello { lines, .. } = link.next().await.unwrap() {
            return lines.into_iter().map(|line| (line.name.to_string(), line.level)).collect();
        }
    }
}

fn write(test_agent: &TestAgent, lines: &[&str]) {
    test_agent.device().configure("", &lines.concat()).unwrap();
}

/// Returns the changes of the simulated lines after the first `entries` entries of the journal file.
fn since(test_agent: &TestAgent, entries: usize) -> Vec<(String, Value)> {
    test_agent.journal().split_off(entries)
}

#[tokio::test]
async fn what_has_not_changed_is_not_touched_and_the_rest_follows() {
    let (test_agent, mut edge) = (TestAgent::of(""), Edge::start().await);
    write(&test_agent, &[DOOR, LAMP, FAN, BELL]);
    test_agent.enrol(&edge.enrol_string()).await.unwrap();
    let running = Running::start(&test_agent);
    let (mut link, _) = edge.welcome().await;
    set(&mut link, "lamp").await;
    set(&mut link, "fan").await;
    let order = link.order("p", "door", "pulse", json!({ "ms": 1_500 })).sign();
    link.command(order).await;
    let pulsed = tokio::time::Instant::now();

    // The new configuration removes the fan, adds a pump, retains the other lines, and changes their order.
    let before = test_agent.journal().len();
    write(&test_agent, &[BELL, PUMP, LAMP, DOOR]);
    running.signal(Signal::HUP);
    let on = |on| Some(Level::On(on));
    let expected = [("bell", on(false)), ("pump", on(false)), ("lamp", on(true)), ("door", on(true))];
    assert_eq!(hello(&mut link).await, expected.map(|(line, level)| (line.to_owned(), level)));
    assert_eq!(since(&test_agent, before), [("fan".into(), json!(false)), ("pump".into(), json!(false))]);

    // After the reload the connection is still open. The pulse ends at its original time, the contact reports level
    // changes, and the new line runs commands.
    assert_eq!(link.event("door").await, false);
    let took = pulsed.elapsed();
    assert!((Duration::from_millis(1_400)..Duration::from_millis(2_500)).contains(&took), "{took:?}");
    let mut simulator = tokio::net::UnixStream::connect(test_agent.socket()).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut simulator, b"{\"line\":\"bell\",\"level\":true}\n")
        .await
        .unwrap();
    assert_eq!(link.event("bell").await, true);
    set(&mut link, "pump").await;
    let gone = link.order("f", "fan", "toggle", json!({})).sign();
    assert_eq!(link.command(gone).await.code.as_deref(), Some("refused_unknown_line"));

    // A line with a changed configuration first goes to its safe level, and then follows the new configuration.
    let before = test_agent.journal().len();
    let limited = PUMP.replace("driver", "max_on_ms = 1_000\ndriver");
    write(&test_agent, &[BELL, &limited, LAMP, DOOR]);
    running.signal(Signal::HUP);
    let lines = hello(&mut link).await;
    assert_eq!(lines[1..3], [("pump".to_owned(), on(false)), ("lamp".to_owned(), on(true))]);
    let changes = since(&test_agent, before);
    assert!(changes.iter().all(|(line, level)| line == "pump" && *level == json!(false)), "{changes:?}");
    let blink = link.order("b", "pump", "blink", json!({ "period_ms": 60_000, "count": 1 })).sign();
    assert_eq!(link.command(blink).await.code.as_deref(), Some("refused_max_on"));
    drop(link);
    let log = running.stop().await;
    assert_eq!(log.matches("connected edge=").count(), 1, "{log}");
}

#[tokio::test]
async fn a_broken_file_is_refused_with_its_reasons_and_nothing_happens() {
    let (test_agent, mut edge) = (TestAgent::of(""), Edge::start().await);
    write(&test_agent, &[DOOR, LAMP]);
    test_agent.enrol(&edge.enrol_string()).await.unwrap();
    let running = Running::start(&test_agent);
    let (mut link, _) = edge.welcome().await;
    set(&mut link, "lamp").await;
    let before = test_agent.journal().len();
    let broken = DOOR.replace("4_000", "0");
    write(&test_agent, &[&broken, LAMP, "[lines.lamp2]\nkind = \"switch\"\ndriver = \"pwm\"\n"]);
    running.signal(Signal::HUP);
    let log = running.until_logged("the configuration was not reloaded").await;
    assert!(log.contains("code=\"config_value\"") && log.contains("agent.toml:8:13: "), "{log}");
    assert!(log.contains("code=\"config_driver\""), "every reason: {log}");
    for text in ["not toml", "ca_file = \"nowhere.pem\"\n"] {
        test_agent.device().configure(text, LAMP).unwrap();
        let refused = running.log().matches("the configuration was not reloaded").count();
        running.signal(Signal::HUP);
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while running.log().matches("the configuration was not reloaded").count() == refused {
            assert!(tokio::time::Instant::now() < deadline, "{}", running.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    let order = link.order("p", "door", "pulse", json!({ "ms": 1 })).sign();
    assert_eq!(link.command(order).await.status, CommandStatus::Executed);
    assert_eq!(since(&test_agent, before).first(), Some(&("door".into(), json!(true))));
    drop(link);
    running.stop().await;
}

/// systemd requires a message with a timestamp at the start of a reload, and a second message at the end of the reload.
#[tokio::test]
async fn the_service_manager_is_told() {
    let (test_agent, mut edge) = (TestAgent::new(), Edge::start().await);
    test_agent.enrol(&edge.enrol_string()).await.unwrap();
    let socket = test_agent.folder.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let running = Running::start_with(&test_agent, |command| {
        command.env("NOTIFY_SOCKET", &socket);
    });
    let manager = &manager;
    let until = |words: &str| {
        let mut buffer = [0; 4_096];
        loop {
            let length = manager.recv(&mut buffer).expect("a message");
            let message = String::from_utf8(buffer[..length].to_vec()).unwrap();
            if message.contains(words) {
                return message;
            }
        }
    };
    let (link, _) = edge.welcome().await;
    until("READY=1");
    running.signal(Signal::HUP);
    let message = until("RELOADING=1");
    let usec: u64 =
        message.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).unwrap().parse().unwrap();
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let now_usec =
        u64::try_from(now.tv_sec).unwrap() * 1_000_000 + u64::try_from(now.tv_nsec).unwrap() / 1_000;
    assert!(usec <= now_usec && now_usec - usec < 10_000_000, "{usec} {now_usec}");
    assert_eq!(until("READY=1"), "READY=1");
    drop(link);
    running.stop().await;
}
