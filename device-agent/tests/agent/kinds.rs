//! Tests dimmers, sensors, presses of contacts and interlocks with a simulated edge and simulated lines.

use pinlatch_protocol::agent::FromAgent;
use pinlatch_protocol::command::CommandStatus;
use pinlatch_protocol::line::Level;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

use crate::edge::Edge;
use crate::test_agent::TestAgent;
use xtask::simulated_lines;

const LINES: &str = concat!(
    simulated_lines! {
        "lamp": "dimmer";
        "up": "switch";
        "down": "momentary";
        "bell": "contact", "debounce_ms = 0", "presses = true", "long_press_ms = 60_000";
        "heat": "sensor", r#"unit = "\u200e°C""#, "precision = 1";
    },
    r#"
[interlocks.shutter]
lines = ["up", "down"]
dead_time_ms = 0
"#
);

#[tokio::test]
async fn a_fade_goes_through_every_step_and_ends_at_its_level() {
    let (test_agent, mut edge) = (TestAgent::of(LINES), Edge::start().await);
    test_agent
        .with_agent(&mut edge, async |edge| {
            let (mut link, hello) = edge.welcome().await;
            let FromAgent::Hello { lines, .. } = hello else { panic!() };
            assert_eq!(
                (lines[4].unit.as_deref(), lines[4].precision, lines[4].level),
                (Some("°C"), Some(1), None)
            );
            let order = link.order("a", "lamp", "set", json!({ "value": 1, "fade_ms": 1_000 })).sign();
            let outcome = link.command(order).await;
            assert_eq!((outcome.status, outcome.level), (CommandStatus::Executed, Some(Level::Number(0.0))));
            while link.event("lamp").await != 1.0 {}
            let levels: Vec<f64> = test_agent
                .journal()
                .iter()
                .filter(|(line, _)| line == "lamp")
                .filter_map(|(_, level)| level.as_f64())
                .collect();
            assert!(levels.len() > 3 && levels.is_sorted(), "{levels:?}");
        })
        .await;
}

#[tokio::test]
async fn interlocked_lines_refuse_each_other() {
    let (test_agent, mut edge) = (TestAgent::of(LINES), Edge::start().await);
    test_agent
        .with_agent(&mut edge, async |edge| {
            let (mut link, _) = edge.welcome().await;
            for (id, line, action, args, code) in [
                ("a", "up", "set", json!({ "value": true }), None),
                ("b", "down", "pulse", json!({ "ms": 1 }), Some("refused_interlock")),
                ("c", "up", "set", json!({ "value": false }), None),
                ("d", "down", "pulse", json!({ "ms": 5_000 }), None),
                ("e", "up", "toggle", json!({}), Some("refused_interlock")),
            ] {
                let order = link.order(id, line, action, args).sign();
                assert_eq!(link.command(order).await.code.as_deref(), code, "{id}");
            }
        })
        .await;
}

#[tokio::test]
async fn readings_and_presses_are_told() {
    let (test_agent, mut edge) = (TestAgent::of(LINES), Edge::start().await);
    test_agent
        .with_agent(&mut edge, async |edge| {
            let (mut link, _) = edge.welcome().await;
            let mut socket = UnixStream::connect(test_agent.socket()).await.unwrap();
            let mut say = async |line: &str, level: serde_json::Value| {
                let request = json!({ "line": line, "level": level }).to_string() + "\n";
                socket.write_all(request.as_bytes()).await.unwrap();
            };
            say("heat", json!(21.44)).await;
            assert_eq!(link.event("heat").await, 21.4);
            say("heat", json!(null)).await;
            assert_eq!(link.event("heat").await, json!(null), "the sensor fails");
            say("bell", json!(true)).await;
            assert_eq!(link.event("bell").await, true);
            say("bell", json!(false)).await;
            assert_eq!(link.event("bell").await, false);
            let press = link.next().await.unwrap();
            assert!(
                matches!(&press, FromAgent::Press { line, long: false, .. } if line.as_str() == "bell"),
                "{press:?}"
            );
        })
        .await;
}
