//! Tests what happens to the outputs after a crash, with an invalid configuration, and on a damaged disk.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::process::{Output, Stdio};

use pinlatch_agent::credentials::FILE;
use pinlatch_protocol::agent::{FromAgent, ToAgent, warning};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::timeout;
use xtask::simulated_lines;

use crate::edge::{Connection, Edge, PATIENCE};
use crate::running::Running;
use crate::test_agent::TestAgent;

const PUMP: &str = simulated_lines! { "pump": "switch"; "lamp": "switch"; };
/// The owner has moved the pump to another line.
const MOVED: &str = simulated_lines! { "heater": "switch"; "lamp": "switch"; };

async fn enrolled(lines: &str) -> (TestAgent, Edge) {
    let (test_agent, edge) = (TestAgent::of(lines), Edge::start().await);
    test_agent.enrol(&edge.enrol_string()).await.unwrap();
    (test_agent, edge)
}

async fn switch_on(link: &mut Connection, line: &str) {
    let order = link.order(line, line, "set", json!({ "value": true })).sign();
    link.command(order).await;
}

/// Runs `pinlatch-agent safe`, as systemd does after the agent has ended.
async fn safe(test_agent: &TestAgent) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pinlatch-agent"));
    command.arg("safe").arg("--config").arg(test_agent.config_file()).stdin(Stdio::null());
    command.env("RUNTIME_DIRECTORY", test_agent.runtime_dir());
    timeout(PATIENCE, command.output()).await.unwrap().unwrap()
}

fn warnings(hello: &FromAgent) -> Vec<String> {
    let FromAgent::Hello { warnings, .. } = hello else { panic!("{hello:?}") };
    warnings.clone()
}

/// Returns the warnings of the next hello message on a connection.
async fn next_warnings(link: &mut Connection) -> Vec<String> {
    loop {
        let message = link.next().await.unwrap();
        if matches!(message, FromAgent::Hello { .. }) {
            return warnings(&message);
        }
    }
}

#[tokio::test]
async fn after_a_crash_the_outputs_of_the_running_configuration_are_safe() {
    let (test_agent, mut edge) = enrolled(PUMP).await;
    let running = Running::start(&test_agent);
    let (mut link, _) = edge.welcome().await;
    switch_on(&mut link, "pump").await;
    for (file, words) in [(MOVED, ""), ("lines = 1", "the configuration is invalid")] {
        test_agent.device().configure("", file).unwrap();
        let before = test_agent.journal().len();
        let ended = safe(&test_agent).await;
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.success() && said.contains(words), "{said}");
        let journal = test_agent.journal();
        let off: Vec<&str> = journal[before..].iter().map(|(line, _)| line.as_str()).collect();
        let expected: &[&str] =
            if words.is_empty() { &["pump", "lamp", "heater"] } else { &["pump", "lamp"] };
        assert_eq!(off, expected, "each output is set once, and the running configuration comes first");
        assert!(journal[before..].iter().all(|(_, level)| *level == json!(false)));
    }
    running.signal(Signal::KILL);
}

#[tokio::test]
async fn a_start_after_a_crash_leaves_no_output_of_the_earlier_run_on() {
    let (test_agent, mut edge) = enrolled(PUMP).await;
    let running = Running::start(&test_agent);
    let (mut link, _) = edge.welcome().await;
    switch_on(&mut link, "pump").await;
    test_agent.device().configure("", MOVED).unwrap();
    running.signal(Signal::KILL);
    let before = test_agent.journal().len();
    let running = Running::start(&test_agent);
    let (_link, hello) = edge.welcome().await;
    assert_eq!(warnings(&hello), Vec::<String>::new());
    assert_eq!(test_agent.journal()[before], ("pump".into(), json!(false)));
    let log = running.stop().await;
    assert!(log.contains("the line of the previous run is not in the configuration"), "{log}");
}

#[tokio::test]
async fn an_invalid_file_does_not_keep_the_agent_down() {
    let (test_agent, mut edge) = enrolled(PUMP).await;
    let running = Running::start(&test_agent);
    let (link, hello) = edge.welcome().await;
    assert_eq!(warnings(&hello), Vec::<String>::new());
    let good = fs::read_to_string(test_agent.config_file()).unwrap();
    fs::write(test_agent.config_file(), format!("{good}\nbroken = ")).unwrap();
    running.signal(Signal::KILL);
    drop(link);

    let running = Running::start(&test_agent);
    let (mut link, hello) = edge.welcome().await;
    assert_eq!(warnings(&hello), [warning::CONFIG_UNUSABLE]);
    switch_on(&mut link, "pump").await;
    let log = running.until_logged("last good configuration").await;
    assert!(log.contains("config_syntax") && log.contains(warning::CONFIG_UNUSABLE), "{log}");
    fs::write(test_agent.config_file(), good).unwrap();
    running.signal(Signal::HUP);
    assert_eq!(next_warnings(&mut link).await, Vec::<String>::new());
    assert_eq!(test_agent.journal().last(), Some(&("pump".into(), json!(true))), "no line was touched");

    // A reload of an invalid file is reported in the same way.
    fs::write(test_agent.config_file(), "lines = 1").unwrap();
    running.signal(Signal::HUP);
    assert_eq!(next_warnings(&mut link).await, [warning::CONFIG_UNUSABLE]);
    running.stop().await;
}

#[tokio::test]
async fn damaged_credentials_or_certificates_do_not_restart_the_agent() {
    let lines = simulated_lines! { "valve": "switch", "initial = true"; };
    let (test_agent, mut edge) = enrolled(lines).await;
    let file = test_agent.state_dir().join(FILE);
    let good = fs::read(&file).unwrap();
    fs::write(&file, &good[..good.len() / 2]).unwrap();
    let running = Running::start(&test_agent);
    running.until_logged("credentials_damaged").await;
    assert_eq!(test_agent.journal(), [("valve".into(), json!(true))], "one edge, at the start");
    fs::write(&file, &good).unwrap();
    // A reload ends the pause before the next attempt.
    running.signal(Signal::HUP);
    edge.welcome().await;
    running.stop().await;

    let before = test_agent.journal().len();
    test_agent.configure("ca_file = \"ca.pem\"");
    fs::write(test_agent.folder.path().join("ca.pem"), "-----BEGIN CERT").unwrap();
    let running = Running::start(&test_agent);
    let log = running.until_logged("ca_file").await;
    assert!(log.contains("correct or replace the file"), "{log}");
    assert_eq!(test_agent.journal()[before..], [("valve".into(), json!(true))]);
    running.stop().await;
}

#[tokio::test]
async fn an_agent_without_credentials_touches_no_output() {
    let test_agent = TestAgent::of(simulated_lines! { "valve": "switch", "initial = true"; });
    let running = Running::start(&test_agent);
    running.until_logged("enrol this device first").await;
    assert_eq!(test_agent.journal(), Vec::<(String, Value)>::new());
}

#[tokio::test]
async fn new_keys_count_although_the_disk_cannot_be_written() {
    let (test_agent, mut edge) = enrolled(PUMP).await;
    let (file, aside) = (test_agent.state_dir().join(FILE), test_agent.folder.path().join("aside"));
    test_agent
        .with_agent(&mut edge, async |edge| {
            let (mut link, _) = edge.welcome().await;
            // A folder in the place of the file cannot be replaced, also not by root.
            fs::rename(&file, &aside).unwrap();
            fs::DirBuilder::new().mode(0o700).create(&file).unwrap();
            edge.state.lock().unwrap().publish(6);
            link.close(1012).await;
            let (mut link, hello) = edge.welcome().await;
            assert_eq!(warnings(&hello), [warning::STATE_NOT_STORED]);
            switch_on(&mut link, "pump").await;
            // The agent still refuses older keys.
            edge.state.lock().unwrap().publish(5);
            link.close(1012).await;
            let mut old = edge.accept().await;
            old.send_welcome().await;
            assert!(old.next().await.is_err(), "the agent accepted an older key set");
            // The disk works again.
            fs::remove_dir(&file).unwrap();
            fs::rename(&aside, &file).unwrap();
            edge.state.lock().unwrap().publish(6);
            let (_link, hello) = edge.welcome().await;
            assert_eq!(warnings(&hello), Vec::<String>::new());
            assert!(fs::read_to_string(&file).unwrap().contains("\"keyset_number\": 6"));
        })
        .await;
}

#[tokio::test]
async fn no_outcome_of_many_commands_is_lost() {
    const COMMANDS: usize = 200;
    let (test_agent, mut edge) = enrolled(PUMP).await;
    test_agent
        .with_agent(&mut edge, async |edge| {
            let (mut link, _) = edge.welcome().await;
            // The edge's answers to pings are lost, and so are the outcomes.
            link.silent = true;
            for number in 0..COMMANDS {
                let value = json!({ "value": number % 2 == 0 });
                let jwt = link.order(&format!("c{number}"), "pump", "set", value).sign();
                link.say(&ToAgent::Command { jwt, call: None }).await;
                link.outcome().await;
            }
            drop(link);
            let (mut link, hello) = edge.welcome().await;
            let FromAgent::Hello { outcomes, .. } = hello else { panic!() };
            let mut ids: Vec<String> = outcomes.into_iter().map(|outcome| outcome.id).collect();
            while ids.len() < COMMANDS {
                ids.push(link.outcome().await.id);
            }
            let expected: Vec<String> = (0..COMMANDS).map(|number| format!("c{number}")).collect();
            assert_eq!(ids, expected);
        })
        .await;
}
