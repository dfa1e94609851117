use pinlatch_protocol::api::MIN_PASSWORD;
use pinlatch_protocol::line::{Level, LineKind, Rgb};
use pinlatch_protocol::panel::LineView;
use pinlatch_protocol::problem::{Code, Problem};

use super::problems::refusal;
use super::*;
use crate::model::{CommandOutcome, Pulse};

#[test]
fn names_read_like_names() {
    assert_eq!(title("front-door_2"), "Front door 2");
    assert_eq!(title("x"), "X");
}

#[test]
fn times_are_told_in_their_largest_unit() {
    for (ms, text) in [
        (0, "just now"),
        (1_999, "just now"),
        (12_000, "12 s ago"),
        (59_999, "59 s ago"),
        (60_000, "1 min ago"),
        (7_200_000, "2 h ago"),
        (86_400_000, "1 day ago"),
        (200_000_000, "2 days ago"),
    ] {
        assert_eq!(ago(ms), text);
    }
    assert_eq!(
        (duration(400), duration(3_000), duration(2_500)),
        ("400 ms".into(), "3 s".into(), "2.5 s".into())
    );
}

#[test]
fn a_level_is_told_in_the_words_of_its_kind() {
    for (kind, given, text) in [
        (LineKind::Switch, Level::On(true), "on"),
        (LineKind::Contact, Level::On(true), "closed"),
        (LineKind::Dimmer, Level::Number(0.4), "40 %"),
        (LineKind::Servo, Level::Number(90.0), "90°"),
        (LineKind::Sensor, Level::Number(21.50), "21.5"),
        (LineKind::Sensor, Level::Number(20.0), "20"),
        (LineKind::Rgb, Level::Colour(Rgb(255, 136, 0)), "#ff8800"),
    ] {
        assert_eq!(level(kind, Some(&given)), text);
        assert_eq!(level(kind, None), "unknown");
    }
    assert_eq!(level_mark(Some(&Level::On(false))), "off");
}

fn sensor(reported: Option<f64>, unit: Option<&str>, precision: Option<u8>) -> LineView {
    serde_json::from_value(serde_json::json!({
        "name": "heat", "kind": "sensor", "actions": [], "reported": reported, "unit": unit,
        "precision": precision, "changed_ms": null,
    }))
    .unwrap()
}

#[test]
fn a_reading_has_its_unit_and_no_more_decimals_than_mean_something() {
    for (number, unit, precision, text) in [
        (21.437, Some("°C"), Some(1), "21.4\u{a0}°C"),
        (21.0, Some("°C"), Some(1), "21.0\u{a0}°C"),
        (-0.04, Some("°C"), Some(1), "0.0\u{a0}°C"),
        (-0.4, None, Some(0), "0"),
        (-7.26, Some("%"), Some(1), "-7.3\u{a0}%"),
        (1_013.0, Some("hPa"), None, "1013\u{a0}hPa"),
        (20.5, None, None, "20.5"),
    ] {
        assert_eq!(reported(&sensor(Some(number), unit, precision)), text);
    }
    let failed = sensor(None, Some("°C"), Some(1));
    assert_eq!(reported(&failed), "no reading");
}

#[test]
fn of_a_pulse_is_told_what_is_left() {
    let left = |ms, gone_ms| pulse_left(&Pulse { ms, gone_ms });
    assert_eq!((left(3_000, 0), left(3_000, 1_200)), ("3 s left".into(), "2 s left".into()));
    assert_eq!((left(3_000, 2_999), left(3_000, 3_000)), ("1 s left".into(), "ending".into()));
    assert_eq!(left(600_000, 1_000), "9 min left");
}

#[test]
fn the_last_command_of_a_line_says_what_when_and_who() {
    let line = |kind: &str, name: &str| {
        let by = serde_json::json!({ "kind": kind, "name": name });
        let last =
            serde_json::json!({ "by": by, "action": "pulse", "args": { "ms": 3_000 }, "at_ms": 1_000 });
        serde_json::from_value::<LineView>(
            serde_json::json!({ "name": "door", "kind": "momentary", "actions": [],
            "reported": false, "changed_ms": null, "last": last }),
        )
        .unwrap()
    };
    let text = |kind: &str, name: &str| line::last(&line(kind, name), 181_000, "ann").unwrap();
    assert_eq!(text("guest", "Courier on Friday"), "Opened 3 min ago by Courier on Friday");
    assert_eq!(
        (text("person", "ann"), text("person", "bob")),
        ("Opened 3 min ago by you".into(), "Opened 3 min ago by bob".into(),)
    );
    assert_eq!(text("guest", "ann"), "Opened 3 min ago by ann", "a link with the name of the viewer");
    assert_eq!(text("rule", "exit-button"), "Opened 3 min ago by Exit button (rule)");
    assert_eq!(text("site", "site:reconcile"), "Opened again 3 min ago by Pinlatch");
    assert_eq!(line::last(&LineView { last: None, ..line("guest", "x") }, 0, "ann"), None);
}

/// The page `docs/config.md` lists every refusal code of a device.
#[test]
fn every_refusal_of_a_device_has_its_own_words() {
    let page = include_str!("../../../docs/config.md");
    let listed = page.lines().filter_map(|line| line.strip_prefix("| `refused_")?.split('`').next());
    let codes: Vec<String> = listed.map(|name| format!("refused_{name}")).collect();
    assert!(codes.len() >= 10, "{codes:?}");
    for code in codes {
        let invented = code.trim_start_matches("refused_").replace('_', " ");
        assert_ne!(refusal(&code), invented, "{code} has no words of its own");
    }
}

#[test]
fn doors_open_and_bells_are_pressed() {
    assert_eq!((press("front-door"), press("bell")), ("Open", "Press"));
}

#[test]
fn every_ending_has_its_own_sentence() {
    let endings = [
        CommandOutcome::Executed,
        CommandOutcome::Refused("refused_max_on".into()),
        CommandOutcome::Refused("refused_by_the_cat".into()),
        CommandOutcome::Refused("refused".into()),
        CommandOutcome::Expired,
        CommandOutcome::Unknown,
        CommandOutcome::NoAnswer,
        CommandOutcome::NotSent,
        CommandOutcome::NotArrived,
        CommandOutcome::Offline,
        CommandOutcome::Denied(Problem::new(Code::InsufficientScope)),
        CommandOutcome::Denied(Problem::new(Code::Throttled).retry_after(3)),
        CommandOutcome::Denied(Problem::new(Code::Internal)),
        CommandOutcome::Denied(Problem::new(Code::LinkNotValid)),
        CommandOutcome::Denied(Problem::new(Code::UsedUp)),
        CommandOutcome::Denied(Problem::new(Code::UnknownPerson)),
        CommandOutcome::Denied(Problem::new(Code::UnknownToken)),
        CommandOutcome::Denied(Problem::new(Code::LastOwner)),
    ];
    let sentences: std::collections::BTreeSet<_> = endings.iter().map(outcome).collect();
    assert_eq!(sentences.len(), endings.len());
    assert!(
        sentences.contains("The device refused the command: by the cat."),
        "an unknown reason is still shown"
    );
    assert!(sentences.contains("Too many commands were sent. Try again in 3 s."));
}

#[test]
fn every_way_in_which_a_provider_s_login_fails_has_its_own_sentence() {
    let codes = ["login_refused", "not_admitted", "issuer_unavailable", "identity_taken", "internal"];
    let sentences: std::collections::BTreeSet<_> = codes.iter().map(|code| provider_problem(code)).collect();
    assert_eq!(sentences.len(), codes.len());
    assert!(provider_problem("not_admitted").contains("Ask an owner"));
    // Any link can set the page's URL. The URL must not be able to set the text that the page shows.
    for invented in ["", "Call 0900 123", "<b>x</b>"] {
        assert_eq!(provider_problem(invented), provider_problem("login_refused"));
    }
}

#[test]
fn texts_state_the_numbers_of_the_constants() {
    assert!(PASSWORD_HINT.contains(&format!("at least {MIN_PASSWORD} characters")));
}
