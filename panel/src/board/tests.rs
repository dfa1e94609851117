use pinlatch_protocol::api::Whoami;
use pinlatch_protocol::panel::{DeviceView, LineView, ToPanel};
use pinlatch_protocol::scope::Role;

use super::*;
use crate::prefs::moved;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn device(text: &str, lines: &[(&str, LineKind)]) -> DeviceView {
    let line = |(line, kind): &(&str, LineKind)| LineView {
        name: name(line),
        kind: *kind,
        actions: Vec::new(),
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
        name: name(text),
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

fn model() -> Model {
    let whoami = Whoami {
        site: name("home"),
        sub: "ann".into(),
        role: Some(Role::Owner),
        scope: Role::Owner.scopes(),
        jti: "j".into(),
        iss: "i".into(),
        iat: 0,
        exp: 1_000,
        auth_time: None,
        uses_left: None,
    };
    let devices = vec![
        device(
            "porch",
            &[("front-door", LineKind::Momentary), ("lamp", LineKind::Switch), ("bell", LineKind::Contact)],
        ),
        device("shed", &[("pump", LineKind::Switch)]),
        device("attic", &[]),
    ];
    let mut model = Model::default();
    model.apply(ToPanel::Snapshot { seq: 1, now_ms: 0, whoami: Box::new(whoami), devices }, 0);
    model
}

fn laid_out(prefs: &Prefs, search: &str) -> String {
    let plate = |plate: &Plate| format!("{}: {}", plate.id, plate.order().join(" ")).trim_end().to_owned();
    plates(&model(), prefs, search).iter().map(plate).collect::<Vec<_>>().join("; ")
}

#[test]
fn without_preferences_each_device_has_its_lines() {
    let all = "attic:; porch: porch/front-door porch/lamp porch/bell; shed: shed/pump";
    assert_eq!(laid_out(&Prefs::default(), ""), all);
    assert_eq!(laid_out(&Prefs::default(), "  "), all);
}

#[test]
fn a_grouped_line_is_in_its_group_and_nowhere_else() {
    let mut prefs = Prefs::default();
    prefs.put("shed/pump", Some("Garden"));
    prefs.put("porch/lamp", Some(FAVOURITES));
    prefs.put("gone/line", Some("Empty"));
    assert_eq!(
        laid_out(&prefs, ""),
        "@Favourites: porch/lamp; @Garden: shed/pump; attic:; porch: porch/front-door porch/bell; shed:"
    );
    let shed = plates(&model(), &prefs, "").into_iter().find(|plate| plate.id == "shed").unwrap();
    assert!(shed.elsewhere, "its line is in a group");
    let attic = plates(&model(), &prefs, "").into_iter().find(|plate| plate.id == "attic").unwrap();
    assert!(!attic.elsewhere, "it has none");
}

#[test]
fn what_was_arranged_comes_first() {
    let mut prefs = Prefs::default();
    prefs.arrange(OrderKind::Lines, vec!["porch/bell".into(), "porch/front-door".into()]);
    prefs.arrange(OrderKind::Plates, vec!["shed".into(), "porch".into()]);
    assert_eq!(
        laid_out(&prefs, ""),
        "shed: shed/pump; porch: porch/bell porch/front-door porch/lamp; attic:"
    );
    let all: Vec<_> = plates(&model(), &prefs, "").iter().map(|plate| plate.id.clone()).collect();
    prefs.put("porch/lamp", Some(FAVOURITES));
    assert!(laid_out(&prefs, "").starts_with("@Favourites"));
    prefs.arrange(OrderKind::Plates, moved(&[vec!["@Favourites".into()], all].concat(), "@Favourites", 1));
    assert!(
        laid_out(&prefs, "").starts_with("shed: shed/pump; @Favourites: porch/lamp"),
        "it can be moved too"
    );
}

#[test]
fn a_search_finds_names_kinds_and_groups() {
    let mut prefs = Prefs::default();
    prefs.put("shed/pump", Some("Front garden"));
    for (search, found) in [
        ("LAMP", "porch: porch/lamp"),
        ("front door", "porch: porch/front-door"),
        ("porch/", "porch: porch/front-door porch/lamp porch/bell"),
        ("momentary", "porch: porch/front-door"),
        ("garden", "@Front garden: shed/pump"),
        ("shed lamp", ""),
        ("zzz", ""),
    ] {
        assert_eq!(laid_out(&prefs, search), found, "{search}");
    }
}

#[test]
fn a_line_is_dragged_within_a_plate_and_to_a_group() {
    let mut prefs = Prefs::default();
    let key = |device: &str, line: &str| Key { device: name(device), line: name(line) };
    let mut drag = |plate: &str, line: Key, at: Option<&str>| {
        let plate = plates(&model(), &prefs, "").into_iter().find(|own| own.id == plate).unwrap();
        take(&mut prefs, &plate, &line, at);
        laid_out(&prefs, "")
    };
    let lines =
        |laid_out: String| laid_out.split("porch: ").nth(1).unwrap().split(';').next().unwrap().to_owned();
    assert_eq!(
        lines(drag("porch", key("porch", "bell"), Some("porch/front-door"))),
        "porch/bell porch/front-door porch/lamp"
    );
    assert_eq!(
        lines(drag("porch", key("porch", "bell"), Some("porch/lamp"))),
        "porch/front-door porch/lamp porch/bell"
    );
    assert_eq!(
        lines(drag("porch", key("porch", "front-door"), None)),
        "porch/lamp porch/bell porch/front-door"
    );
    let before = drag("porch", key("porch", "lamp"), Some("porch/lamp"));
    assert_eq!(drag("porch", key("shed", "pump"), None), before, "it belongs to another device");
    prefs.put("shed/pump", Some("Garden"));
    let mut drag = |plate: &str, line: Key, at: Option<&str>| {
        let plate = plates(&model(), &prefs, "").into_iter().find(|own| own.id == plate).unwrap();
        take(&mut prefs, &plate, &line, at);
        laid_out(&prefs, "")
    };
    assert!(
        drag("@Garden", key("porch", "lamp"), Some("shed/pump")).contains("@Garden: porch/lamp shed/pump")
    );
    assert!(drag("shed", key("shed", "pump"), None).ends_with("shed: shed/pump"), "back with its device");
}
