//! Tests the permissions to run actions on GPIO lines and to read GPIO lines.

use super::*;

fn command(principal: Principal, request: CommandRequest) -> Call {
    Call::Command { principal, request }
}

#[test]
fn a_token_counts_until_something_ends_it() {
    let test_site = TestSite::connected();
    let ann = owner();
    let whoami = |principal: &Principal| test_site.call(Call::Whoami { principal: principal.clone() }).0;
    let refused = |principal: Principal| {
        let problem = whoami(&principal).unwrap_err();
        assert_eq!((problem.code.as_str(), problem.status), ("invalid_token", 401));
        let by_socket = test_site.with(|site| site.socket_authority(&principal)).0.unwrap_err();
        assert_eq!(by_socket, problem);
        problem.detail.unwrap()
    };
    assert!(whoami(&ann).is_ok());
    let now_s = START_MS / 1000;
    assert!(whoami(&Principal { exp: now_s - 59, ..ann.clone() }).is_ok(), "within the clock tolerance");
    assert_eq!(refused(Principal { exp: now_s - 60, ..ann.clone() }), "the token has expired");
    assert_eq!(refused(Principal { site: name("lab"), ..ann.clone() }), "the token is for another site");
    assert_eq!(refused(Principal { person: Some(user("eve")), ..ann.clone() }), "the session has ended");
    test_site.add_login("eve", "eve-f");
    let eve = Principal { person: Some(user("eve")), family: Some("eve-f".into()), ..ann.clone() };
    assert_eq!(refused(eve), "the person was removed");
    assert_eq!(refused(Principal { family: Some("none".into()), ..ann.clone() }), "the session has ended");
    for generation in [0, 2, u64::MAX] {
        let outdated = "all older tokens were made invalid; log in again or use a new token";
        assert_eq!(refused(Principal { generation, ..ann.clone() }), outdated);
    }
    assert!(whoami(&Principal { exp: now_s + 600, ..ann }).is_ok());
}

/// A thief of the edge's signing key can sign any token, but has no access to the database of the site.
#[test]
fn a_signed_token_without_a_living_row_is_refused() {
    let test_site = TestSite::connected();
    let refused = |principal: Principal| {
        test_site.call(Call::Whoami { principal }).0.map(drop).unwrap_err().detail.unwrap_or_default()
    };
    let without_login = Principal { family: None, scope: Some("line:*/*:*".parse().unwrap()), ..owner() };
    assert_eq!(refused(without_login.clone()), "the session has ended");
    let nobody = Principal { person: None, sub: "x:y".into(), ..without_login.clone() };
    assert_eq!(refused(nobody), "the site does not know the subject of the token");
    let invented = Principal { issued: true, person: None, sub: "token:x".into(), ..without_login };
    assert_eq!(refused(invented), "this site did not issue the token");
    let long = Principal { exp: START_MS / 1000 + 601, ..owner() };
    assert_eq!(refused(long), "the token of a login is valid for at most ten minutes");
}

#[test]
fn whoami_tells_what_the_token_may_do_within_the_role() {
    let test_site = TestSite::connected();
    let narrow = Principal { scope: Some("line:porch/door:pulse".parse().unwrap()), ..owner() };
    let Ok(Answer::Now(Reply::Whoami(whoami))) = test_site.call(Call::Whoami { principal: narrow }).0 else {
        panic!()
    };
    assert_eq!(whoami.scope.to_string(), "line:porch/door:pulse");
    assert_eq!(whoami.role, Some(pinlatch_protocol::scope::Role::Owner));
    let robot = program("line:porch/door:pulse");
    let Ok(Answer::Now(Reply::Whoami(whoami))) = test_site.call(Call::Whoami { principal: robot }).0 else {
        panic!()
    };
    assert_eq!((whoami.role, whoami.sub.as_str()), (None, "robot"));
}

#[test]
fn a_refusal_tells_no_more_than_the_caller_may_know() {
    let test_site = TestSite::connected();
    let at = |device: &str, line: &str, action: &str| CommandRequest {
        device: name(device),
        ..request("one", line, action, json!({"ms": 500}))
    };
    for (scope, device, line, action, code) in [
        // If the caller has no right on the device, the answer is the same as for a device that does not exist.
        ("line:shed/door:pulse", "porch", "door", "pulse", "unknown_device"),
        ("site:*", "porch", "door", "pulse", "unknown_device"),
        ("line:shed/door:pulse", "attic", "door", "pulse", "unknown_device"),
        // If the caller has a right only on another line of the device, the answer does not reveal whether the
        // requested line exists.
        ("line:porch/door:pulse", "porch", "lamp", "set", "insufficient_scope"),
        ("line:porch/door:pulse", "porch", "gate", "set", "insufficient_scope"),
        // The caller has the right to read the GPIO line, but not the right to run the action.
        ("line:*/*:read", "porch", "door", "pulse", "insufficient_scope"),
        ("line:*/*:read", "porch", "gate", "pulse", "unknown_line"),
        ("line:*/*:read", "attic", "door", "pulse", "unknown_device"),
        ("line:porch/door:pulse", "porch", "door", "set", "insufficient_scope"),
        ("line:shed/door:pulse", "shed", "door", "pulse", "unknown_device"),
        ("line:porch/gate:pulse", "porch", "gate", "pulse", "unknown_line"),
    ] {
        let (answer, effects) = test_site.call(command(program(scope), at(device, line, action)));
        assert_eq!(answer.unwrap_err().code, code, "{scope} {device}/{line}:{action}");
        assert!(effects.is_empty());
    }
    let read = |scope: &str, line: &str| {
        test_site.refusal(Call::Line { principal: program(scope), device: name("porch"), line: name(line) })
    };
    assert_eq!(read("line:shed/*:*", "door"), "unknown_device");
    assert_eq!(read("line:porch/lamp:set", "door"), "insufficient_scope");
    assert_eq!(read("line:porch/lamp:set", "none"), "insufficient_scope");
    let device = Call::Device { principal: program("line:shed/*:*"), device: name("porch") };
    assert_eq!(test_site.refusal(device), "unknown_device");
}

#[test]
fn lacking_rights_are_logged_but_do_not_fill_the_log() {
    let test_site = TestSite::connected();
    let known = test_site.log().len();
    for n in 0..50 {
        let request = request(&format!("n{n}"), "door", "pulse", json!({}));
        assert_eq!(test_site.refusal(command(program("line:*/*:read"), request)), "insufficient_scope");
    }
    assert_eq!(test_site.log().len() - known, 1);
    assert_eq!(
        test_site.last_logged(),
        "https://issuer.test#robot command porch/door:pulse insufficient_scope"
    );
    for n in 0..50 {
        let request = request("one", &format!("n{n}"), "pulse", json!({}));
        assert_eq!(test_site.refusal(command(program("line:porch/a:read"), request)), "insufficient_scope");
    }
    assert_eq!(test_site.log().len() - known, 10, "not even with many different lines");
    test_site.pass(60_001);
    test_site.refusal(command(program("line:*/*:read"), request("one", "door", "pulse", json!({}))));
    assert_eq!(test_site.log().len() - known, 11);
}

#[test]
fn administration_takes_its_right() {
    let test_site = TestSite::connected();
    let weak = || program("line:*/*:* site:grants");
    for (call, logged) in [
        (
            Call::CreateEnrolment {
                principal: weak(),
                device: name("shed"),
                code_id: "x".into(),
                expires_at: u64::MAX,
            },
            "enrolment shed",
        ),
        (Call::RemoveDevice { principal: weak(), device: name("porch") }, "device_removal porch"),
        (Call::Audit { principal: weak(), filter: AuditFilter::default(), limit: 9 }, "audit audit"),
        (Call::RaiseGeneration { principal: weak() }, "generation generation"),
    ] {
        assert_eq!(test_site.refusal(call), "insufficient_scope");
        assert_eq!(test_site.last_logged(), format!("https://issuer.test#robot {logged} insufficient_scope"));
    }
    let enrolled = Call::Enrol {
        code_id: "x".into(),
        jwk: json!({}),
        jwk_thumbprint: "t".into(),
        cert_jti: "c".into(),
        cert_exp: 0,
    };
    assert_eq!(test_site.refusal(enrolled), "code_refused");
}

#[test]
fn everyone_sees_their_own_part() {
    let test_site = TestSite::connected();
    test_site.enrol("shed", "cert-2");
    let guest = program("line:porch/door:pulse line:porch/bell:read");
    let (snapshot, _) = test_site.with(|site| site.panel_connected(&guest));
    let ToPanel::Snapshot { seq, devices, whoami, now_ms } = snapshot.unwrap() else { panic!() };
    assert_eq!((seq, now_ms), (test_site.published.borrow().last().unwrap().seq, START_MS));
    assert_eq!(Some(whoami.scope), guest.scope);
    assert_eq!(devices.len(), 1);
    let lines: Vec<(&str, usize)> =
        devices[0].lines.iter().map(|l| (l.name.as_str(), l.actions.len())).collect();
    assert_eq!(lines, [("door", 1), ("bell", 0)]);
    let Ok(Answer::Now(Reply::Devices(listed))) =
        test_site.call(Call::Devices { principal: guest.clone() }).0
    else {
        panic!()
    };
    assert_eq!(listed, devices);

    let see = |principal: &Principal, effects: &[Effect]| {
        let Effect::Publish(event) = &effects[0] else { panic!("{effects:?}") };
        test_site.with(|site| site.view_for(&principal.jti, principal, event)).0
    };
    let bell = test_site.handle_agent_message(
        "porch",
        "s1",
        FromAgent::Event {
            line: name("bell"),
            level: Some(Level::On(true)),
            at_ms: 0,
            ends_in_ms: None,
            blinking: false,
            reading: None,
        },
    );
    assert!(matches!(see(&guest, &bell), PanelView::Now(ToPanel::Event { change: Change::Line { .. }, .. })));
    let lamp = test_site.handle_agent_message(
        "porch",
        "s1",
        FromAgent::Event {
            line: name("lamp"),
            level: Some(Level::On(true)),
            at_ms: 0,
            ends_in_ms: None,
            blinking: false,
            reading: None,
        },
    );
    assert_eq!(see(&guest, &lamp), PanelView::Later);
    assert!(matches!(see(&owner(), &lamp), PanelView::Now(_)));
    assert_eq!(
        see(&Principal { exp: 0, ..owner() }, &lamp),
        PanelView::Ended,
        "an invalid token sees nothing"
    );
    let hello = test_site.hello("porch", "s1", &porch_lines(), &[]);
    let PanelView::Now(ToPanel::Event { change: Change::Device { device }, .. }) = see(&guest, &hello) else {
        panic!()
    };
    assert_eq!(device.lines.iter().map(|l| l.name.as_str()).collect::<Vec<_>>(), ["door", "bell"]);
    let gone = test_site.close("porch", "s1");
    assert!(matches!(see(&guest, &gone), PanelView::Now(_)));
    assert_eq!(see(&program("line:shed/*:*"), &gone), PanelView::Later);
}

#[test]
fn a_viewer_cannot_act_whatever_the_token_says() {
    let test_site = TestSite::connected();
    test_site
        .store
        .run("INSERT INTO people (username, role, created_ms) VALUES ('vic', 'viewer', 0)", &[])
        .unwrap();
    test_site.add_login("vic", "vic-f");
    let vic = Principal {
        person: Some(user("vic")),
        sub: "vic".into(),
        jti: "vic-token".into(),
        family: Some("vic-f".into()),
        ..owner()
    };
    assert_eq!(test_site.refusal(command(vic.clone(), pulse("one"))), "insufficient_scope");
    test_site.store.run("UPDATE people SET role = 'operator' WHERE username = 'vic'", &[]).unwrap();
    assert!(
        test_site.call(command(vic.clone(), pulse("one"))).0.is_ok(),
        "a new role is effective immediately"
    );
    test_site.store.run("DELETE FROM people WHERE username = 'vic'", &[]).unwrap();
    let effects = test_site.panel("p1", &vic, pulse("two"));
    assert!(
        matches!(&frames(&effects)[..], [(_, ToPanel::Problem { problem, .. })] if problem.status == 401)
    );
    let ended =
        Effect::ClosePanels { whose: PanelFilter::Panel("p1".into()), code: 4401, reason: "session_ended" };
    assert_eq!(effects.last(), Some(&ended), "the socket of an invalid token is closed");
}
