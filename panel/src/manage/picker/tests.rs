use super::*;
use pinlatch_protocol::line::LineKind;
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::LineView;
use pinlatch_protocol::scope::Role;

fn scope(text: &str) -> Scope {
    text.parse().unwrap()
}

fn rights(text: &str) -> Rights {
    Rights { name: "ann".into(), role: None, scope: text.parse().unwrap() }
}

fn device(name: &str, lines: &[(&str, LineKind)]) -> DeviceView {
    let line = |(name, kind): &(&str, LineKind)| LineView {
        name: Name::new(*name).unwrap(),
        kind: *kind,
        actions: vec![],
        reported: None,
        desired: None,
        retain: false,
        max_on_ms: None,
        unit: None,
        precision: None,
        changed_ms: None,
        ends_ms: None,
        blinking: false,
        presses: false,
        authority: Default::default(),
        last: None,
    };
    DeviceView {
        name: Name::new(name).unwrap(),
        online: true,
        last_seen_ms: None,
        version: None,
        booted_ms: None,
        agent_started_ms: None,
        warnings: Vec::new(),
        key: None,
        confirmed: false,
        answering: true,
        clock_ahead_ms: None,
        certificate_exp: None,
        lines: lines.iter().map(line).collect(),
    }
}

#[test]
fn a_wider_scope_takes_the_place_of_narrower_ones() {
    let mut picker = Picker::default();
    picker.toggle(&scope("line:porch/door:pulse"));
    picker.toggle(&scope("line:porch/lamp:read"));
    picker.toggle(&scope("line:shed/door:pulse"));
    assert_eq!(picker.choice(&scope("line:porch/door:read")), Choice::Implied, "who may press may look");
    picker.toggle(&scope("line:porch/*:*"));
    assert_eq!(picker.set().to_string(), "line:porch/*:* line:shed/door:pulse");
    assert_eq!(picker.choice(&scope("line:porch/door:pulse")), Choice::Implied);
    assert_eq!(picker.choice(&scope("line:porch/*:*")), Choice::On);
    picker.toggle(&scope("line:porch/*:*"));
    assert_eq!(picker.choice(&scope("line:porch/door:pulse")), Choice::Off);
}

#[test]
fn what_is_not_held_is_not_offered() {
    let devices = [device("porch", &[("door", LineKind::Momentary), ("lamp", LineKind::Switch)])];
    let texts = |rights: &Rights| -> Vec<String> {
        rows(&devices, rights).iter().flat_map(|row| row.scopes.iter().map(ToString::to_string)).collect()
    };
    assert_eq!(
        texts(&rights("line:porch/door:pulse site:tokens")),
        ["line:porch/door:read", "line:porch/door:pulse"]
    );
    let owner = texts(&Rights { scope: Role::Owner.scopes(), ..Rights::default() });
    assert_eq!(owner[..2], ["line:*/*:read", "line:*/*:*"]);
    assert!(owner.contains(&"line:porch/lamp:toggle".into()) && owner.contains(&"line:porch/lamp:*".into()));
    assert_eq!(site_rights(&rights("site:tokens site:audit")), [scope("site:tokens"), scope("site:audit")]);
}

#[test]
fn what_somebody_has_of_a_device_that_is_gone_is_kept_and_shown() {
    let devices = [device("porch", &[("door", LineKind::Momentary)])];
    let own = rights("line:*/*:* site:*");
    let mut picker = Picker::of(&"line:attic/fan:set line:porch/door:pulse site:audit".parse().unwrap());
    let others = picker.others(&rows(&devices, &own), &site_rights(&own));
    assert_eq!(others, [scope("line:attic/fan:set")]);
    picker.toggle(&others[0]);
    assert_eq!(picker.set().to_string(), "line:porch/door:pulse site:audit");
}

#[test]
fn nothing_and_too_much_are_faults() {
    let mut picker = Picker::default();
    assert_eq!(picker.fault(), Some(Fault::Nothing));
    for index in 0..MAX_SCOPES {
        picker.toggle(&scope(&format!("line:d{index}/a:read")));
    }
    assert_eq!(picker.fault(), None);
    picker.toggle(&scope("site:audit"));
    assert_eq!(picker.fault(), Some(Fault::TooMany));
}
