//! Tests changes of a person's rights. A change applies immediately to all WebSockets and tokens of the person, and
//! cannot exceed the rights of the caller.

use pinlatch_protocol::admin::RightsRequest;
use pinlatch_protocol::scope::Role::{self, Operator, Owner, Viewer};

use super::fixtures::*;
use super::*;

const REFUSED: &str = "insufficient_scope";

fn refused() -> Result<(), String> {
    Err(REFUSED.into())
}

fn end_sessions(test_site: &TestSite, by: &Principal, who: &str) -> (Result<Answer, Problem>, Vec<Effect>) {
    test_site.call(Call::EndSessions { principal: by.clone(), username: user(who) })
}

#[test]
fn scopes_of_ones_own_name_devices_and_lines() {
    let test_site = TestSite::connected();
    test_site.enrol("shed", "cert-2");
    let bob = test_site.join("bob", scope("line:porch/door:pulse line:porch/bell:read line:shed/*:read"));
    assert!(test_site.commands(&bob, pulse("one")).is_ok());
    assert_eq!(test_site.commands(&bob, lamp("two", true)), Err(REFUSED.into()));
    let lines = |device: &str| {
        let call = Call::Device { principal: bob.clone(), device: name(device) };
        match test_site.call(call).0 {
            Ok(Answer::Now(Reply::Device(device))) => device.lines.len(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((lines("porch"), lines("shed")), (2, 0));
    let Ok(Answer::Now(Reply::People(people))) = test_site.call(Call::People { principal: owner() }).0 else {
        panic!()
    };
    let listed: Vec<_> =
        people.iter().map(|p| (p.username.as_str(), p.role, p.scope.to_string(), p.sessions)).collect();
    let own = "line:porch/bell:read line:porch/door:pulse line:shed/*:read";
    assert_eq!(
        listed,
        [("ann", Some(Owner), Owner.scopes().to_string(), 1), ("bob", None, own.to_string(), 1),]
    );
    test_site.change(&owner(), "bob", scope("line:porch/bell:read")).unwrap();
    assert_eq!(test_site.last_logged(), "ann rights bob custom");
    assert_eq!(test_site.commands(&bob, pulse("three")), Err(REFUSED.into()));
    test_site.change(&owner(), "bob", RightsRequest { role: None, scope: Some(Default::default()) }).unwrap();
    assert_eq!(test_site.may(&bob), Ok(String::new()), "nothing at all");
    assert_eq!(
        test_site.refusal(Call::Device { principal: bob.clone(), device: name("porch") }),
        "unknown_device"
    );
    assert_eq!(
        test_site.refusal(Call::Line { principal: bob, device: name("porch"), line: name("bell") }),
        "unknown_device"
    );
}

#[test]
fn a_demotion_acts_at_once_everywhere() {
    let test_site = TestSite::connected();
    let bob = test_site.join("bob", role(Owner));
    let script = test_site.issue(&bob, api("line:*/*:* site:tokens"), "script").unwrap();
    let deeper = test_site.issue(&script, api("line:porch/*:*"), "deeper").unwrap();
    let link = test_site.issue(&bob, guest("line:porch/door:pulse"), "link").unwrap();
    for principal in [&bob, &script, &deeper, &link] {
        let id = format!("before-{}", principal.jti);
        assert!(test_site.commands(principal, pulse(&id)).is_ok(), "{id}");
    }
    let (_, effects) = test_site.call(Call::ChangePerson {
        principal: owner(),
        username: user("bob"),
        rights: role(Viewer),
    });
    assert_eq!(ended(&effects), (vec![PanelFilter::Person(user("bob"))], true));
    assert_eq!(test_site.last_logged(), "ann rights bob viewer");
    for principal in [&bob, &script, &deeper, &link] {
        let id = format!("after-{}", principal.jti);
        assert_eq!(test_site.commands(principal, pulse(&id)), Err(REFUSED.into()), "{id}");
        let effects = test_site.panel("p1", principal, pulse(&id));
        assert!(
            matches!(&frames(&effects)[..], [(_, ToPanel::Problem { problem, .. })] if problem.code == REFUSED),
            "an open socket has no more rights: {effects:?}"
        );
        assert!(
            test_site.with(|site| site.socket_authority(principal)).0.is_ok(),
            "reading is still allowed"
        );
    }
    assert_eq!(test_site.may(&link), Ok("line:porch/door:read".into()));
    assert_eq!(
        test_site.issue(&script, api("line:porch/door:read"), "more"),
        Err(REFUSED.into()),
        "it cannot issue tokens either"
    );
    assert_eq!(test_site.issue(&bob, api("line:porch/door:read"), "more"), Err(REFUSED.into()));
    test_site.change(&owner(), "bob", role(Operator)).unwrap();
    for principal in [&bob, &script, &deeper, &link] {
        let id = format!("again-{}", principal.jti);
        assert!(test_site.commands(principal, pulse(&id)).is_ok(), "{id}");
    }
}

#[test]
fn a_site_keeps_an_owner() {
    let test_site = TestSite::connected();
    let ann = test_site.log_in("ann", "f");
    assert_eq!(test_site.remove(&ann, "ann"), Err("last_owner".into()));
    for rights in [role(Operator), role(Viewer), scope("line:*/*:* site:*")] {
        assert_eq!(test_site.change(&ann, "ann", rights), Err("last_owner".into()));
    }
    assert_eq!(test_site.change(&ann, "ann", role(Owner)), Ok(()), "no change");
    test_site.join("bob", role(Owner));
    assert_eq!(test_site.change(&ann, "ann", role(Viewer)), Ok(()));
    assert_eq!(test_site.remove(&ann, "bob"), refused(), "a former owner has no owner rights");
    let bob = test_site.log_in("bob", "b");
    assert_eq!(test_site.remove(&bob, "bob"), Err("last_owner".into()));
    assert_eq!(test_site.remove(&bob, "ann"), Ok(()));
    assert_eq!(test_site.may(&ann), Err("invalid_token".into()));
}

#[test]
fn removal_ends_all_that_a_person_had() {
    let test_site = TestSite::connected();
    let bob = test_site.join("bob", role(Owner));
    let script = test_site.issue(&bob, api("line:*/*:* site:tokens"), "script").unwrap();
    let deeper = test_site.issue(&script, api("line:porch/*:*"), "deeper").unwrap();
    let link = test_site.issue(&bob, guest("line:porch/door:pulse"), "link").unwrap();
    let other = test_site.issue(&test_site.log_in("ann", "f"), api("line:*/*:*"), "other").unwrap();
    let all = [&bob, &script, &deeper, &link];
    for principal in all {
        assert!(test_site.may(principal).is_ok());
    }
    let (_, effects) = test_site.call(Call::RemovePerson { principal: owner(), username: user("bob") });
    assert_eq!(
        ended(&effects),
        (vec![PanelFilter::Family("bob-f".into())], true),
        "every other panel is checked"
    );
    assert_eq!(test_site.last_logged(), "ann person_removal bob done");
    let gone = |when: &str| {
        for principal in all {
            assert_eq!(test_site.may(principal), Err("invalid_token".into()), "{when}: {}", principal.jti);
        }
        assert_eq!(test_site.exchange("link"), Err("link_not_valid".into()), "{when}");
    };
    gone("removed");
    assert!(test_site.may(&other).is_ok());
    assert_eq!(test_site.token("script").revoked_ms, Some(test_site.now_ms.get()));
    let refresh = Call::Refresh {
        family: "bob-f".into(),
        jti: "bob-f-r0".into(),
        next_jti: "r1".into(),
        expires_at: u64::MAX,
    };
    assert_eq!(test_site.refusal(refresh), "invalid_grant");
    test_site.pass(1_000);
    test_site.invite(&owner(), "bob", role(Owner), "another").unwrap();
    test_site.accept("another").unwrap();
    gone("another of the same name");
}

#[test]
fn sessions_are_ended_by_their_person_or_by_who_stands_over_them() {
    let test_site = TestSite::connected();
    let bob = test_site.join("bob", scope("line:porch/door:pulse"));
    let (answer, effects) = end_sessions(&test_site, &bob, "bob");
    assert_eq!(answer, Ok(Answer::Now(Reply::Done)), "a person can end their own logins without any right");
    assert_eq!(ended(&effects).0, [PanelFilter::Family("bob-f".into())]);
    assert_eq!(test_site.last_logged(), "bob end_sessions bob done");
    assert_eq!(test_site.may(&bob), Err("invalid_token".into()), "the caller's own login ends too");
    assert_eq!(end_sessions(&test_site, &bob, "bob").0.unwrap_err().code, "invalid_token");

    let bob = test_site.log_in("bob", "b");
    let helper = test_site.join("helper", scope("line:porch/door:* site:users"));
    let op = test_site.join("op", role(Operator));
    let code = |by: &Principal, who: &str| end_sessions(&test_site, by, who).0.map(drop).map_err(|p| p.code);
    assert_eq!(code(&op, "bob"), refused(), "this requires site:users");
    assert_eq!(test_site.last_logged(), "op end_sessions bob insufficient_scope");
    assert_eq!(code(&op, "nobody"), refused(), "the answer does not show whether the person exists");
    assert_eq!(code(&helper, "op"), refused(), "this also requires the other person's rights");
    assert_eq!(test_site.last_logged(), "helper end_sessions op insufficient_scope");
    assert_eq!(code(&helper, "ann"), refused());
    assert!(test_site.may(&op).is_ok() && test_site.may(&bob).is_ok());
    assert_eq!(code(&helper, "bob"), Ok(()));
    assert_eq!(test_site.may(&bob), Err("invalid_token".into()));
    assert_eq!(code(&owner(), "nobody"), Err("unknown_person".into()));
}

#[test]
fn a_new_password_ends_the_others() {
    let test_site = TestSite::connected();
    let (here, there) = (test_site.log_in("ann", "here"), test_site.log_in("ann", "there"));
    let bob = test_site.join("bob", role(Viewer));
    let (answer, effects) = test_site.call(change_password(here.clone()));
    assert_eq!(answer, Ok(Answer::Now(Reply::Done)));
    let others = [OWNER_LOGIN, "there"].map(|family| PanelFilter::Family(family.into()));
    assert_eq!(ended(&effects).0, others);
    test_site.add_login("ann", OWNER_LOGIN);
    assert_eq!(test_site.last_logged(), "ann password ann done");
    assert!(test_site.may(&here).is_ok() && test_site.may(&bob).is_ok());
    assert_eq!(test_site.may(&there), Err("invalid_token".into()));
    let refresh = |family: &str| Call::Refresh {
        family: family.into(),
        jti: format!("{family}-r0"),
        next_jti: "next".into(),
        expires_at: u64::MAX,
    };
    assert!(test_site.call(refresh("here")).0.is_ok());
    assert_eq!(test_site.refusal(refresh("there")), "invalid_grant");
    assert_eq!(test_site.refusal(change_password(there)), "invalid_token");
    assert_eq!(test_site.refusal(change_password(program("site:*"))), REFUSED);
}

#[test]
fn a_person_has_so_many_logins() {
    let test_site = TestSite::connected();
    let first = test_site.log_in("ann", "f0");
    for n in 1..99 {
        test_site.pass(1_000);
        test_site.log_in("ann", &format!("f{n}"));
    }
    assert!(test_site.may(&first).is_ok());
    test_site.pass(1_000);
    let call = Call::Login {
        username: user("ann"),
        password_ids: vec![PASSWORD_ID.into()],
        new: NewLogin {
            refresh_jti: "r".into(),
            expires_at: test_site.now_s() + 30 * DAY_S,
            ..test_site.new_login("f100")
        },
    };
    let (answer, effects) = test_site.call(call);
    assert!(answer.is_ok());
    assert_eq!(ended(&effects).0, [PanelFilter::Family("f0".into())], "the login that expires first");
    assert_eq!(test_site.may(&first), Err("invalid_token".into()));
    test_site.pass(2 * HOUR_S * 1000);
    test_site.tick();
    let rows = test_site.store.run("SELECT count(*) FROM families", &[]).unwrap();
    assert_eq!(rows[0].int(0), Ok(100), "ended logins are deleted");
}

/// A caller cannot change a person who has more rights than the caller. A caller cannot give a person more rights than
/// the caller has.
#[test]
fn nobody_reaches_beyond_their_own_rights() {
    let test_site = TestSite::connected();
    let helper = test_site.join("helper", scope("line:porch/door:* site:users"));
    let all_but_owner = test_site.join("deputy", scope("line:*/*:* site:*"));
    let script = test_site.issue(&test_site.log_in("ann", "f"), api("line:*/*:* site:*"), "script").unwrap();
    let (robot, narrow) =
        (program("line:*/*:* site:*"), Principal { scope: Some("site:users".parse().unwrap()), ..owner() });
    test_site.join("low", scope("line:porch/door:pulse"));
    test_site.join("op", role(Operator));
    test_site.join("boss", role(Owner));
    let before = people(&test_site);
    for (by, who, rights) in [
        (&helper, "helper", role(Operator)),
        (&helper, "helper", scope("line:porch/*:* site:users")),
        (&helper, "low", role(Viewer)),
        (&helper, "op", scope("line:porch/door:pulse")),
        (&helper, "op", role(Operator)),
        (&helper, "ann", role(Viewer)),
        (&all_but_owner, "boss", role(Viewer)),
        (&all_but_owner, "deputy", role(Owner)),
        (&all_but_owner, "op", role(Owner)),
        (&script, "boss", role(Viewer)),
        (&script, "low", role(Owner)),
        (&robot, "boss", role(Viewer)),
        (&robot, "low", role(Owner)),
        (&narrow, "low", scope("line:porch/door:pulse")),
    ] {
        assert_eq!(test_site.change(by, who, rights.clone()), refused(), "{} {who} {rights:?}", by.actor());
        assert_eq!(test_site.last_logged(), format!("{} rights {who} {REFUSED}", by.actor()));
    }
    for (by, who) in [
        (&helper, "op"),
        (&helper, "ann"),
        (&all_but_owner, "boss"),
        (&script, "boss"),
        (&robot, "boss"),
        (&narrow, "low"),
    ] {
        assert_eq!(test_site.remove(by, who), refused(), "{} {who}", by.actor());
        assert_eq!(test_site.last_logged(), format!("{} person_removal {who} {REFUSED}", by.actor()));
    }
    assert_eq!(people(&test_site), before);
    assert_eq!(test_site.change(&helper, "low", scope("line:porch/door:set site:users")), Ok(()));
    assert_eq!(test_site.remove(&helper, "low"), Ok(()));
    assert_eq!(test_site.remove(&script, "op"), Err("person_required".into()));
    assert_eq!(test_site.change(&owner(), "boss", role(Role::Viewer)), Ok(()));
    assert_eq!(test_site.change(&owner(), "nobody", role(Role::Viewer)), Err("unknown_person".into()));
}

fn people(test_site: &TestSite) -> Vec<(String, String)> {
    match test_site.call(Call::People { principal: owner() }).0 {
        Ok(Answer::Now(Reply::People(people))) => {
            people.iter().map(|person| (person.username.to_string(), person.scope.to_string())).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn effective_scopes_can_be_told_however_many_they_are() {
    let test_site = TestSite::connected();
    let devices: Vec<String> = (0..60).map(|n| format!("line:d{n}/*:*")).collect();
    let lines: Vec<String> = (0..60).map(|n| format!("line:*/l{n}:*")).collect();
    let bob = test_site.join("bob", scope(&format!("{} site:audit", devices.join(" "))));
    test_site.change(&owner(), "bob", scope(&format!("{} site:audit", lines.join(" ")))).unwrap();
    let reported = test_site.may(&bob).unwrap();
    assert!(reported.ends_with("site:audit"), "{reported}");
    let (snapshot, _) = test_site.with(|site| site.panel_connected(&bob));
    let text = serde_json::to_string(&snapshot.unwrap()).unwrap();
    assert!(serde_json::from_str::<ToPanel>(&text).is_ok());
}

#[test]
fn a_login_has_the_persons_rights_and_any_other_token_only_its_scopes() {
    let test_site = TestSite::connected();
    let bob = test_site.join("bob", role(Viewer));
    assert_eq!((&bob.scope, test_site.may(&bob)), (&None, Ok(Viewer.scopes().to_string())));
    test_site.change(&owner(), "bob", role(Operator)).unwrap();
    assert_eq!(test_site.may(&bob), Ok(Operator.scopes().to_string()), "a promotion needs no new token");
    let script = test_site.issue(&owner(), api("line:*/*:*"), "script").unwrap();
    for program in [program("line:*/*:*"), script] {
        assert_eq!(test_site.may(&program), Ok("line:*/*:*".into()));
        assert_eq!(test_site.may(&Principal { scope: None, ..program }), Ok(String::new()));
    }
}
