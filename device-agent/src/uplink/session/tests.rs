use pinlatch_protocol::agent::{MAX_LINES, MachineInfo, warning};
use pinlatch_protocol::command::{CommandStatus, MAX_COMMAND_ID};
use pinlatch_protocol::line::{
    Action, Authority, BLINK_COUNT, BLINK_PERIOD_MS, Level, LineInfo, LineKind, MAX_UNIT,
};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::rule::{RULES_IN_FRAME, RuleInfo, Trigger};

use super::*;

/// Builds a hello message in which every field has the longest value that a configuration allows.
#[test]
fn the_longest_hello_is_one_frame() {
    let line = |number: usize, kind: LineKind| LineInfo {
        name: Name::new(format!("{number:040}")).unwrap(),
        kind,
        level: Some(Level::Number(-1.234_567_890_123_456_7e-300)),
        retain: kind != LineKind::Sensor,
        max_on_ms: (kind != LineKind::Sensor).then_some(86_400_000),
        unit: (kind == LineKind::Sensor).then(|| "𐍈".repeat(MAX_UNIT)),
        precision: (kind == LineKind::Sensor).then_some(6),
        presses: false,
        ends_in_ms: (kind != LineKind::Sensor).then_some(86_400_000),
        blinking: kind != LineKind::Sensor,
        desired: (kind != LineKind::Sensor).then_some(Level::Number(-1.234_567_890_123_456_7e-300)),
        // A line with `holder` has no desired level, which is longer.
        authority: Authority::Edge,
    };
    let outcome = Outcome {
        id: "x".repeat(MAX_COMMAND_ID),
        status: CommandStatus::Refused,
        code: Some("refused_unknown_line".into()),
        level: None,
        ends_in_ms: None,
        blinking: false,
        receipt: None,
    };
    for kind in [LineKind::Sensor, LineKind::Dimmer] {
        let hello = FromAgent::Hello {
            version: env!("CARGO_PKG_VERSION").into(),
            lines: (0..MAX_LINES).map(|number| line(number, kind)).collect(),
            outcomes: vec![outcome.clone(); HELLO_OUTCOMES],
            machine: MachineInfo {
                up_s: Some(u64::MAX),
                clock_ahead_ms: Some(i64::MIN),
                agent_up_s: Some(u64::MAX),
            },
            warnings: vec!["x".repeat(warning::MAX_CODE); warning::MAX_CODES],
            rules: 64,
        };
        let length = serde_json::to_string(&hello).unwrap().len();
        assert!(length <= MAX_FRAME, "{kind}: {length}");
    }
}

/// Builds a message with the longest rules that a configuration allows.
#[test]
fn the_longest_rules_are_one_frame() {
    let name = |number: usize| Name::new(format!("{number:040}")).unwrap();
    let number = -1.234_567_890_123_456_7e-300;
    let longest = Action::Blink { period_ms: *BLINK_PERIOD_MS.end(), count: *BLINK_COUNT.end() };
    let rule = |index: usize| RuleInfo {
        name: name(index),
        when: Trigger::Crosses {
            line: name(index),
            above: false,
            limit: number,
            hysteresis: number,
            for_ms: 86_400_000,
        },
        line: name(index),
        action: longest.name().into(),
        args: longest.args(),
        after_ms: 86_400_000,
    };
    let frame = FromAgent::Rules { first: 32, rules: (0..RULES_IN_FRAME).map(rule).collect() };
    let length = serde_json::to_string(&frame).unwrap().len();
    assert!(length <= MAX_FRAME, "{length}");
}

#[test]
fn frames_are_read_or_passed_over() {
    assert_eq!(parse_frame("pong"), Some(Frame::Pong));
    let command = parse_frame("{\"type\":\"command\",\"jwt\":\"a.b.c\"}");
    assert_eq!(command, Some(Frame::Message(ToAgent::Command { jwt: "a.b.c".into(), call: None })));
    assert_eq!((parse_frame(""), parse_frame("{\"type\":\"song\"}")), (None, None));
}
