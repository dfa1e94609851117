//! Invitations: permission to invite, and lifetime of a code.

use pinlatch_protocol::admin::{AdmitRequest, IdentityRule, RightsRequest};
use pinlatch_protocol::scope::Role::{Operator, Owner, Viewer};

use super::fixtures::*;
use super::*;

const ALL: &str = "line:*/*:* site:audit site:devices site:grants site:tokens site:users";

fn sessions(bench: &TestSite, who: &str) -> u32 {
    match bench.call(Call::People { principal: owner() }).0 {
        Ok(Answer::Now(Reply::People(people))) => {
            people.iter().find(|person| person.username == user(who)).unwrap().sessions
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_invitation_is_good_once() {
    let bench = TestSite::connected();
    bench.invite(&owner(), "bob", role(Operator), "code").unwrap();
    assert_eq!(bench.last_logged(), "ann invite bob done");
    let invited = || bench.call(Call::Invited { code_id: "code".into() }).0;
    for _ in 0..2 {
        assert_eq!(
            invited(),
            Ok(Answer::Now(Reply::Invited { username: user("bob") })),
            "the question does not use the code"
        );
    }
    let login = Call::Login {
        username: user("bob"),
        family: "f".into(),
        refresh_jti: "r".into(),
        expires_at: u64::MAX,
    };
    assert_eq!(bench.refusal(login), "login_failed", "the person does not exist before accepting");
    assert_eq!(bench.accept("code"), Ok(user("bob")));
    assert_eq!(bench.last_logged(), "bob accept_invitation bob done");
    assert_eq!(invited().unwrap_err().code, "code_refused");
    assert_eq!(bench.accept("code"), Err("code_refused".into()));
    assert_eq!(bench.accept("other"), Err("code_refused".into()));
    let bob = bench.log_in("bob", "f");
    assert_eq!(bench.may(&bob), Ok("line:*/*:*".into()));
    let setup =
        Call::Enrol { code_id: "code".into(), jwk_thumbprint: "t".into(), cert_jti: "c".into(), cert_exp: 0 };
    assert_eq!(bench.refusal(setup), "code_refused", "an invitation cannot enrol a device");
}

#[test]
fn a_device_code_invites_nobody() {
    let bench = TestSite::connected();
    let (device, expires_at) = (name("shed"), START_MS / 1000 + HOUR_S);
    bench
        .call(Call::CreateEnrolment { principal: owner(), device, code_id: "d".into(), expires_at })
        .0
        .unwrap();
    assert_eq!(bench.refusal(Call::Invited { code_id: "d".into() }), "code_refused");
    assert_eq!(bench.accept("d"), Err("code_refused".into()));
    assert_eq!(bench.accept("setup"), Err("code_refused".into()));
}

#[test]
fn an_invitation_expires_and_is_forgotten() {
    let bench = TestSite::connected();
    for code in ["early", "late"] {
        bench.invite(&owner(), code, role(Viewer), code).unwrap();
    }
    bench.pass(7 * DAY_S * 1000 - 1);
    assert_eq!(bench.accept("early"), Ok(user("early")));
    bench.pass(1);
    assert_eq!(bench.refusal(Call::Invited { code_id: "late".into() }), "code_refused");
    assert_eq!(bench.accept("late"), Err("code_refused".into()));
    bench.pass(2 * HOUR_S * 1000);
    bench.tick();
    let codes = bench.store.run("SELECT count(*) FROM codes WHERE username IS NOT NULL", &[]).unwrap();
    assert_eq!(codes[0].int(0), Ok(0));
}

#[test]
fn whatever_happens_to_the_person_voids_what_is_under_way() {
    let bench = TestSite::connected();
    // A second code for a person who joined with the first code. It must not restore the person after a removal.
    bench.invite(&owner(), "bob", role(Operator), "first").unwrap();
    bench.invite(&owner(), "bob", role(Owner), "second").unwrap();
    bench.accept("first").unwrap();
    let open = "SELECT count(*) FROM codes WHERE username IS NOT NULL AND used_ms IS NULL";
    assert_eq!(bench.store.run(open, &[]).unwrap()[0].int(0), Ok(0));
    bench.remove(&owner(), "bob").unwrap();
    assert_eq!(bench.accept("second"), Err("code_refused".into()));
    // A password reset is invalid if it was created before a change of the person's rights.
    for (n, change) in [Some(Owner), Some(Viewer), None].into_iter().enumerate() {
        let (who, code) = (format!("p{n}"), format!("reset-{n}"));
        let person = bench.join(&who, role(Operator));
        bench.invite(&owner(), &who, RightsRequest::default(), &code).unwrap();
        match change {
            Some(change) => bench.change(&owner(), &who, role(change)).unwrap(),
            None => bench.done(Call::PasswordChanged { principal: person }).unwrap(),
        }
        assert_eq!(bench.accept(&code), Err("code_refused".into()), "{change:?}");
    }
    // The password reset is also invalid for a new person with the same name.
    bench.join("cid", role(Operator));
    bench.invite(&owner(), "cid", RightsRequest::default(), "reset").unwrap();
    bench.remove(&owner(), "cid").unwrap();
    bench.invite(&owner(), "cid", role(Operator), "again").unwrap();
    bench.accept("again").unwrap();
    assert_eq!(bench.accept("reset"), Err("code_refused".into()));
}

/// The edge sets the password between [`Call::Invited`] and [`Call::AcceptInvitation`].
#[test]
fn a_code_sets_no_password_of_who_came_another_way() {
    let bench = TestSite::connected();
    let helper = bench.join("helper", scope("line:porch/door:* site:users"));
    bench.invite(&helper, "bob", scope("line:porch/door:pulse"), "code").unwrap();
    let identity = IdentityRule { issuer: "https://id".into(), subject: Some("b".into()), email: None };
    let admit = |who: &str, role| {
        let request = AdmitRequest { identity: identity.clone(), role, scope: None };
        bench.call(Call::Admit { principal: owner(), username: user(who), request }).0.map_err(|p| p.code)
    };
    admit("bob", Some(Owner)).unwrap();
    assert_eq!(bench.refusal(Call::Invited { code_id: "code".into() }), "code_refused");
    // The result is the same if the code still exists.
    bench
        .store
        .run("INSERT INTO codes VALUES ('late', NULL, 9e15, NULL, 'bob', 'viewer', NULL)", &[])
        .unwrap();
    assert_eq!(bench.refusal(Call::Invited { code_id: "late".into() }), "code_refused");
    // A password of an earlier `bob` that the gate still has must not work either.
    let login = |who: &str| Call::Login {
        username: user(who),
        family: format!("{who}-p"),
        refresh_jti: "r".into(),
        expires_at: u64::MAX,
    };
    assert_eq!(bench.refusal(login("bob")), "login_failed");
    bench.invite(&owner(), "bob", RightsRequest::default(), "chosen").unwrap();
    bench.accept("chosen").unwrap();
    assert!(bench.call(login("bob")).0.is_ok(), "a person with a chosen password may log in");
    // A refused identity does not create a person.
    assert_eq!(admit("eve", Some(Viewer)), Err("identity_taken".into()));
    assert_eq!(bench.remove(&owner(), "eve"), Err("unknown_person".into()));
}

#[test]
fn an_invitation_can_be_withdrawn() {
    let bench = TestSite::connected();
    let helper = bench.join("helper", scope("line:porch/*:* site:users"));
    bench.invite(&owner(), "bob", role(Operator), "code").unwrap();
    assert_eq!(
        bench.remove(&helper, "bob"),
        Err("insufficient_scope".into()),
        "a caller cannot withdraw rights that they lack"
    );
    assert_eq!(bench.remove(&owner(), "bob"), Ok(()));
    assert_eq!(bench.last_logged(), "ann person_removal bob invitation_withdrawn");
    assert_eq!(bench.accept("code"), Err("code_refused".into()));
    assert_eq!(bench.remove(&owner(), "bob"), Err("unknown_person".into()));
    bench.invite(&owner(), "cid", role(Operator), "expired").unwrap();
    bench.pass(8 * DAY_S * 1000);
    assert_eq!(bench.remove(&owner(), "cid"), Err("unknown_person".into()));
}

#[test]
fn nobody_gives_more_than_they_hold() {
    let bench = TestSite::connected();
    let refused = Err("insufficient_scope".to_owned());
    let almost = bench.join("almost", scope(ALL));
    let helper = bench.join("helper", scope("line:porch/door:* site:users"));
    let narrow = Principal { scope: "line:porch/bell:read site:users".parse().unwrap(), ..owner() };
    let script = bench.mint(&owner(), api("line:*/*:* site:*"), "script").unwrap();
    let robot = program("line:*/*:* site:*");
    let operator = bench.join("op", role(Operator));
    for (n, (by, rights, expected)) in [
        (&owner(), role(Owner), Ok(())),
        (&almost, role(Operator), Ok(())),
        (&almost, scope("site:tokens"), Ok(())),
        (&almost, role(Owner), refused.clone()),
        (&almost, scope("site:*"), refused.clone()),
        (&helper, scope("line:porch/door:pulse site:users"), Ok(())),
        (&helper, scope("line:porch/lamp:read"), refused.clone()),
        (&helper, scope("line:porch/*:read"), refused.clone()),
        (&helper, role(Viewer), refused.clone()),
        (&helper, scope("site:audit"), refused.clone()),
        // The token's scopes limit the caller, not only the person's rights.
        (&narrow, scope("line:porch/bell:read"), Ok(())),
        (&narrow, scope("line:porch/bell:*"), refused.clone()),
        (&narrow, role(Owner), refused.clone()),
        // A token that expires cannot create an owner, because the owner does not expire.
        (&script, role(Operator), Ok(())),
        (&script, role(Owner), refused.clone()),
        (&robot, role(Viewer), Ok(())),
        (&robot, role(Owner), refused.clone()),
        (&operator, role(Viewer), refused.clone()),
    ]
    .into_iter()
    .enumerate()
    {
        let (who, code) = (format!("new{n}"), format!("new-{n}"));
        assert_eq!(bench.invite(by, &who, rights.clone(), &code), expected, "{} {rights:?}", by.actor());
        let outcome = if expected.is_ok() { "done" } else { "insufficient_scope" };
        assert_eq!(bench.last_logged(), format!("{} invite {who} {outcome}", by.actor()));
        assert_eq!(bench.accept(&code).is_ok(), expected.is_ok());
    }
}

#[test]
fn the_rights_of_the_inviter_count_when_they_invite() {
    let bench = TestSite::connected();
    let helper = bench.join("helper", scope("line:porch/door:* site:users"));
    bench.invite(&helper, "bob", scope("line:porch/door:pulse"), "code").unwrap();
    bench.change(&owner(), "helper", role(Viewer)).unwrap();
    assert_eq!(
        bench.invite(&helper, "cid", scope("line:porch/door:read"), "x"),
        Err("insufficient_scope".into())
    );
    assert_eq!(bench.accept("code"), Ok(user("bob")));
    assert_eq!(bench.may(&bench.log_in("bob", "f")), Ok("line:porch/door:pulse".into()));
}

#[test]
fn a_new_password_ends_every_login() {
    let bench = TestSite::connected();
    let bob = bench.join("bob", role(Operator));
    let second = bench.log_in("bob", "second");
    assert_eq!(sessions(&bench, "bob"), 2);
    let script = bench.mint(&bench.log_in("ann", "f"), api("line:*/*:*"), "script").unwrap();
    bench.invite(&owner(), "bob", RightsRequest::default(), "reset").unwrap();
    assert!(bench.may(&bob).is_ok(), "an invitation alone ends nothing");
    let (_, effects) = bench.call(Call::AcceptInvitation { code_id: "reset".into() });
    let families = vec![PanelFilter::Family("bob-f".into()), PanelFilter::Family("second".into())];
    assert_eq!(ended(&effects).0, families);
    for dead in [&bob, &second] {
        assert_eq!(bench.may(dead), Err("invalid_token".into()));
    }
    assert_eq!(sessions(&bench, "bob"), 0);
    assert_eq!(bench.may(&bench.log_in("bob", "third")), Ok("line:*/*:*".into()), "with the same rights");
    assert!(bench.may(&script).is_ok(), "other people's tokens stay valid");
}

#[test]
fn a_reset_takes_power_over_the_person() {
    let bench = TestSite::connected();
    let helper = bench.join("helper", scope("line:porch/door:* site:users"));
    let almost = bench.join("almost", scope("line:*/*:* site:*"));
    bench.join("bob", scope("line:porch/door:pulse"));
    bench.join("op", role(Operator));
    bench.join("boss", role(Owner));
    let reset = |by: &Principal, who: &str, code: &str| bench.invite(by, who, RightsRequest::default(), code);
    assert_eq!(reset(&helper, "bob", "1"), Ok(()));
    assert_eq!(reset(&helper, "op", "2"), Err("insufficient_scope".into()));
    assert_eq!(reset(&helper, "ann", "3"), Err("insufficient_scope".into()));
    assert_eq!(reset(&almost, "op", "4"), Ok(()));
    assert_eq!(
        reset(&almost, "boss", "5"),
        Err("insufficient_scope".into()),
        "only an owner can reset an owner's password"
    );
    assert_eq!(reset(&owner(), "boss", "6"), Ok(()));
    assert_eq!(
        reset(&owner(), "nobody", "7"),
        Err("invalid_request".into()),
        "an invitation of a new person needs rights"
    );
    assert_eq!(
        bench.invite(&owner(), "bob", role(Viewer), "8"),
        Err("invalid_request".into()),
        "an existing person's invitation must not contain rights"
    );
}

#[test]
fn rights_are_a_role_or_scopes() {
    let bench = TestSite::connected();
    bench.join("bob", role(Viewer));
    let both = RightsRequest { role: Some(Viewer), ..scope("line:*/*:read") };
    for wrong in [both, RightsRequest::default()] {
        assert_eq!(bench.invite(&owner(), "new", wrong.clone(), "x"), Err("invalid_request".into()));
        assert_eq!(bench.change(&owner(), "bob", wrong), Err("invalid_request".into()));
    }
}

#[test]
fn a_site_has_room_for_so_many() {
    let bench = TestSite::connected();
    for n in 0..998 {
        let sql = "INSERT INTO people (username, role, created_ms) VALUES (?1, 'viewer', 0)";
        bench.store.run(sql, &[format!("p{n}").into()]).unwrap();
    }
    bench.invite(&owner(), "last", role(Viewer), "last").unwrap();
    assert_eq!(bench.invite(&owner(), "more", role(Viewer), "more"), Err("invalid_request".into()));
    assert_eq!(bench.accept("last"), Ok(user("last")));
    assert_eq!(bench.invite(&owner(), "more", role(Viewer), "more"), Err("invalid_request".into()));
    bench.remove(&owner(), "p0").unwrap();
    assert_eq!(bench.invite(&owner(), "more", role(Viewer), "more"), Ok(()));
}
