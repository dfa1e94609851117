//! Tests commands that the agent runs, and commands that the agent refuses because of its configuration.

use pinlatch_protocol::agent::FromAgent;
use pinlatch_protocol::command::CommandStatus;
use pinlatch_protocol::line::Level;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::edge::Edge;
use crate::test_agent::TestAgent;

#[tokio::test]
async fn a_door_pulses_and_everyone_hears_of_it() {
    let (test_agent, mut edge) = (TestAgent::new(), Edge::start().await);
    test_agent
        .with_agent(&mut edge, async |edge| {
            let (mut link, hello) = edge.welcome().await;
            let FromAgent::Hello { lines, outcomes, .. } = hello else { panic!() };
            let reported: Vec<_> = lines.iter().map(|line| (line.name.as_str(), line.level)).collect();
            let off = Some(Level::On(false));
            assert_eq!(reported, [("door", off), ("lamp", off), ("bell", off), ("lost", None)]);
            assert_eq!((lines[0].max_on_ms, lines[1].retain), (Some(5_000), true));
            assert_eq!(outcomes, []);

            let order = link.order("c1", "door", "pulse", json!({ "ms": 30 })).sign();
            let outcome = link.command(order).await;
            assert_eq!((outcome.id.as_str(), outcome.status), ("c1", CommandStatus::Executed));
            assert_eq!((outcome.code, outcome.level), (None, Some(Level::On(true))));
            assert_eq!(link.event("door").await, true);
            assert_eq!(link.event("door").await, false);
            assert_eq!(test_agent.times_on("door"), 1);

            let order = link.order("c2", "lamp", "toggle", json!({})).sign();
            assert_eq!(link.command(order).await.level, Some(Level::On(true)));
            assert_eq!(link.event("lamp").await, true);
        })
        .await;
    assert_eq!(
        test_agent.journal().last(),
        Some(&("lamp".into(), json!(false))),
        "stopping sets the safe level"
    );
}

#[tokio::test]
async fn the_device_refuses_what_its_configuration_does_not_allow() {
    let (test_agent, mut edge) = (TestAgent::new(), Edge::start().await);
    test_agent
        .with_agent(&mut edge, async |edge| {
            let (mut link, _) = edge.welcome().await;
            for (id, line, action, args, code) in [
                ("a", "shed", "pulse", json!({ "ms": 1 }), "refused_unknown_line"),
                ("b", "door", "set", json!({ "value": true }), "refused_action"),
                ("c", "bell", "set", json!({ "value": true }), "refused_action"),
                ("d", "door", "pulse", json!({ "ms": "1" }), "refused_action"),
                ("e", "door", "pulse", json!({ "ms": 5_001 }), "refused_max_on"),
                ("f", "lost", "toggle", json!({}), "refused_driver"),
            ] {
                let order = link.order(id, line, action, args).sign();
                let outcome = link.command(order).await;
                assert_eq!((outcome.id.as_str(), outcome.status), (id, CommandStatus::Refused));
                assert_eq!(outcome.code.as_deref(), Some(code));
            }
            assert_eq!(test_agent.times_on("door"), 0);

            let order = link.order("g", "door", "pulse", json!({ "ms": 5_000 })).sign();
            assert_eq!(link.command(order).await.status, CommandStatus::Executed);
            let order = link.order("h", "door", "pulse", json!({ "ms": 1 })).sign();
            assert_eq!(link.command(order).await.code.as_deref(), Some("refused_busy"));
        })
        .await;
}

#[tokio::test]
async fn a_contact_reports_its_edges() {
    let (test_agent, mut edge) = (TestAgent::new(), Edge::start().await);
    test_agent
        .with_agent(&mut edge, async |edge| {
            let (mut link, _) = edge.welcome().await;
            let mut socket = UnixStream::connect(test_agent.socket()).await.unwrap();
            let mut answers = String::new();
            socket.write_all(b"{\"line\":\"bell\",\"level\":true}\n").await.unwrap();
            assert_eq!(link.event("bell").await, true);
            socket
                .write_all(b"{\"line\":\"bell\",\"level\":false}\n{\"line\":\"door\",\"level\":true}\n")
                .await
                .unwrap();
            assert_eq!(link.event("bell").await, false);
            socket.write_all(&[b'x'; 2_000]).await.unwrap();
            socket.read_to_string(&mut answers).await.unwrap();
            let answers: Vec<&str> = answers.lines().collect();
            assert_eq!(answers[..2], ["{\"ok\":true}", "{\"ok\":true}"]);
            assert!(
                answers[2].contains("no simulated contact or sensor") && answers[3].contains("too long"),
                "{answers:?}"
            );
        })
        .await;
}

#[tokio::test]
async fn a_lost_connection_s_outcomes_are_told_again() {
    let (test_agent, mut edge) = (TestAgent::new(), Edge::start().await);
    test_agent
        .with_agent(&mut edge, async |edge| {
            let (mut link, _) = edge.welcome().await;
            link.silent = true;
            let order = link.order("c1", "lamp", "set", json!({ "value": true })).sign();
            link.command(order).await;
            drop(link);

            let (mut link, hello) = edge.welcome().await;
            let FromAgent::Hello { lines, outcomes, .. } = hello else { panic!() };
            assert_eq!(lines[1].level, Some(Level::On(true)), "a retained line keeps its level");
            assert_eq!(outcomes.len(), 1);
            assert_eq!((outcomes[0].id.as_str(), outcomes[0].status), ("c1", CommandStatus::Executed));
            // When the outcome of c2 arrives, the edge has already sent the pong to the agent's first ping. The pong
            // confirms the outcome of the command c1.
            let order = link.order("c2", "lamp", "set", json!({ "value": false })).sign();
            link.command(order).await;
            link.close(1012).await;

            let (_link, hello) = edge.welcome().await;
            let FromAgent::Hello { outcomes, .. } = hello else { panic!() };
            let ids: Vec<&str> = outcomes.iter().map(|outcome| outcome.id.as_str()).collect();
            assert_eq!(ids, ["c2"], "c1 was confirmed");
        })
        .await;
}
