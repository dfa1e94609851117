//! `cargo xtask bench roundtrip` runs this program, which measures the time of a command from the panel socket to the
//! device and back.
//!
//! The program prints the results as JSON rows for the table of `cargo xtask bench`. A command passes through these
//! steps: panel socket → Durable Object → signature → agent socket → verification → simulated GPIO line → result →
//! Durable Object → panel socket.

use std::time::{Duration, Instant};

use e2e::measure::Times;
use e2e::{Deployment, Site};
use serde_json::{Value, json};
use xtask::bench::Row;

/// The median time in milliseconds that a comparable Node server needs, which is printed for comparison. The Node
/// server uses express and ws, and verifies HS256 tokens at both hops.
const NODE_P50: f64 = 1.3;

fn main() {
    let edge = Deployment::start(1, None);
    let site = Site::of(&edge, 0);
    let _agent = site.device("porch");
    let mut panel = site.panel();
    let mut toggle = |name: &str, index: usize| {
        let result = panel.command(&format!("{name}-{index}"), "porch", "relay", "toggle", json!({}));
        assert_eq!(result["status"], "executed", "{result}");
    };
    (0..200).for_each(|index| toggle("warm", index));
    let socket = Times::of(1_000, |index| toggle("socket", index));
    let path = "/api/v1/devices/porch/lines/relay/toggle";
    let http = Times::of(300, |_| {
        site.post(path, &json!({})).ok();
    });
    // Commands and questions alternate, so that other work on the host slows both. The edge allows 300 questions at
    // once.
    let question = "/api/v1/devices/porch/lines/relay/reading?nonce=0123456789abcdef";
    let timed = |act: &dyn Fn()| {
        let began = Instant::now();
        act();
        began.elapsed()
    };
    let pairs: Vec<(Duration, Duration)> = (0..250)
        .map(|_| {
            let command = timed(&|| drop(site.post(path, &json!({})).ok()));
            (command, timed(&|| drop(site.get(question).ok())))
        })
        .collect();
    let commands: Times = pairs.iter().map(|(command, _)| *command).collect();
    let readings: Times = pairs.iter().map(|(_, reading)| *reading).collect();
    let row = |figure: &str, value: f64| json!({ "figure": figure, "value": value, "unit": "ms" });
    let rows: Vec<Value> = vec![
        row("panel socket → line → answer, p50 of 1,000", socket.p50()),
        row("panel socket → line → answer, p99 of 1,000", socket.p99()),
        row("the same from a Node server, p50 (for comparison)", NODE_P50),
        row("HTTP call → line → answer, p50 of 300", http.p50()),
        row("HTTP call → line → answer, p99 of 300", http.p99()),
        row("HTTP question → device → signed reading, p50 of 250", readings.p50()),
        json!(Row::at_most(
            "the same, compared with a command in the same run",
            readings.p50() / commands.p50(),
            "×",
            Some(1.5)
        )),
    ];
    println!("{}", Value::Array(rows));
}
