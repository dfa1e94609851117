use super::*;

fn line(name: &str, level: Option<bool>) -> LineView {
    LineView {
        name: Name::new(name).unwrap(),
        kind: LineKind::Switch,
        actions: vec![],
        reported: level.map(Level::On),
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
    }
}

fn device(online: bool, lines: Vec<LineView>) -> DeviceView {
    DeviceView {
        name: Name::new("porch").unwrap(),
        online,
        last_seen_ms: None,
        version: Some("1".into()),
        booted_ms: None,
        agent_started_ms: None,
        warnings: Vec::new(),
        key: None,
        confirmed: false,
        answering: true,
        clock_ahead_ms: None,
        certificate_exp: None,
        lines,
    }
}

fn changes(events: &Events) -> Vec<Change> {
    events.iter().map(|event| event.change.clone()).collect()
}

#[test]
fn the_first_picture_is_no_news() {
    let mut events = Events::default();
    let porch = device(true, vec![line("lamp", Some(false))]);
    events.see(&porch, 1);
    events.see(&porch, 2);
    assert!(changes(&events).is_empty());
}

#[test]
fn whatever_differs_is_told_the_newest_first() {
    let mut events = Events::default();
    events.see(&device(true, vec![line("lamp", Some(false)), line("old", None)]), 1);
    events.see(&device(true, vec![line("lamp", Some(true)), line("old", None)]), 2);
    let went = DeviceView {
        version: Some("2".into()),
        ..device(false, vec![line("lamp", Some(true)), line("new", None)])
    };
    events.see(&went, 3);
    let name = |text: &str| Name::new(text).unwrap();
    assert_eq!(
        changes(&events),
        [
            Change::Gone(name("old")),
            Change::New(name("new")),
            Change::Version("2".into()),
            Change::Went,
            Change::Level { line: name("lamp"), view: Box::new(line("lamp", Some(true))) },
        ]
    );
    let mut requested = went.clone();
    requested.online = true;
    requested.lines[0].desired = Some(Level::On(false));
    events.see(&requested, 4);
    let desired =
        Change::Desired { line: name("lamp"), kind: LineKind::Switch, desired: Some(Level::On(false)) };
    assert_eq!(changes(&events)[..2], [desired, Change::Came]);
}

#[test]
fn a_busy_line_fills_no_memory() {
    let mut events = Events::default();
    for index in 0..200 {
        events.see(&device(true, vec![line("lamp", Some(index % 2 == 0))]), index);
    }
    let kept: Vec<_> = events.iter().collect();
    assert_eq!((kept.len(), kept[0].at_ms, kept[0].id), (KEPT, 199, 199));
}

#[test]
fn a_blink_is_one_event_at_its_start_and_one_at_its_end() {
    let blinking = |on| LineView { blinking: true, ..line("lamp", Some(on)) };
    let mut events = Events::default();
    events.see(&device(true, vec![line("lamp", Some(false))]), 1);
    for on in [true, false, true, false] {
        events.see(&device(true, vec![blinking(on)]), 2);
    }
    events.see(&device(true, vec![line("lamp", Some(false))]), 3);
    let lamp = Name::new("lamp").unwrap();
    let level = |view| Change::Level { line: lamp.clone(), view: Box::new(view) };
    assert_eq!(changes(&events), [level(line("lamp", Some(false))), level(blinking(true))]);
}

#[test]
fn a_device_that_stops_answering_is_an_event() {
    let silent = DeviceView { answering: false, ..device(true, vec![]) };
    let mut events = Events::default();
    for device in [&device(true, vec![]), &silent, &device(true, vec![]), &silent, &device(false, vec![])] {
        events.see(device, 1);
    }
    assert_eq!(changes(&events), [Change::Went, Change::Silent, Change::Answers, Change::Silent]);
}
