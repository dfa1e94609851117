//! Tests the permission to invite people, and the lifetime of an invitation code.

use pinlatch_protocol::admin::{AdmitRequest, IdentityRule, RightsRequest};
use pinlatch_protocol::scope::Role::{Operator, Owner, Viewer};

use super::fixtures::*;
use super::*;

const ALL: &str = "line:*/*:* site:audit site:devices site:grants site:tokens site:users";

fn sessions(test_site: &TestSite, who: &str) -> u32 {
    match test_site.call(Call::People { principal: owner() }).0 {
        Ok(Answer::Now(Reply::People(people))) => {
            people.iter().find(|person| person.username == user(who)).unwrap().sessions
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_invitation_is_good_once() {
    let test_site = TestSite::connected();
    test_site.invite(&owner(), "bob", role(Operator), "code").unwrap();
    assert_eq!(test_site.last_logged(), "ann invite bob done");
    let invited = || test_site.call(Call::Invited { code_id: "code".into() }).0;
    for _ in 0..2 {
        assert_eq!(
            invited(),
            Ok(Answer::Now(Reply::Invited { username: user("bob"), password_id: None })),
            "the question does not use the code"
        );
    }
    let login = Call::Login {
        username: user("bob"),
        password_ids: vec![PASSWORD_ID.into()],
        new: NewLogin { refresh_jti: "r".into(), expires_at: u64::MAX, ..test_site.new_login("f") },
    };
    assert_eq!(test_site.refusal(login), "login_failed", "the person does not exist before accepting");
    assert_eq!(test_site.accept("code"), Ok(user("bob")));
    assert_eq!(test_site.last_logged(), "bob accept_invitation bob done");
    assert_eq!(invited().unwrap_err().code, "code_refused");
    assert_eq!(test_site.accept("code"), Err("code_refused".into()));
    assert_eq!(test_site.accept("other"), Err("code_refused".into()));
    let bob = test_site.log_in("bob", "f");
    assert_eq!(test_site.may(&bob), Ok("line:*/*:*".into()));
    let setup = Call::Enrol {
        code_id: "code".into(),
        jwk: json!({}),
        jwk_thumbprint: "t".into(),
        cert_jti: "c".into(),
        cert_exp: 0,
    };
    assert_eq!(test_site.refusal(setup), "code_refused", "an invitation cannot enrol a device");
}

#[test]
fn a_device_code_invites_nobody() {
    let test_site = TestSite::connected();
    let (device, expires_at) = (name("shed"), START_MS / 1000 + HOUR_S);
    test_site
        .call(Call::CreateEnrolment { principal: owner(), device, code_id: "d".into(), expires_at })
        .0
        .unwrap();
    assert_eq!(test_site.refusal(Call::Invited { code_id: "d".into() }), "code_refused");
    assert_eq!(test_site.accept("d"), Err("code_refused".into()));
    assert_eq!(test_site.accept("setup"), Err("code_refused".into()));
}

#[test]
fn an_invitation_expires_and_is_forgotten() {
    let test_site = TestSite::connected();
    for code in ["early", "late"] {
        test_site.invite(&owner(), code, role(Viewer), code).unwrap();
    }
    test_site.pass(7 * DAY_S * 1000 - 1);
    assert_eq!(test_site.accept("early"), Ok(user("early")));
    test_site.pass(1);
    assert_eq!(test_site.refusal(Call::Invited { code_id: "late".into() }), "code_refused");
    assert_eq!(test_site.accept("late"), Err("code_refused".into()));
    test_site.pass(2 * HOUR_S * 1000);
    test_site.tick();
    let codes = test_site.store.run("SELECT count(*) FROM codes WHERE username IS NOT NULL", &[]).unwrap();
    assert_eq!(codes[0].int(0), Ok(0));
}

#[test]
fn whatever_happens_to_the_person_voids_what_is_under_way() {
    let test_site = TestSite::connected();
    // The second code is for a person who joined with the first code. After the person is removed, the second code must
    // not create the person again.
    test_site.invite(&owner(), "bob", role(Operator), "first").unwrap();
    test_site.invite(&owner(), "bob", role(Owner), "second").unwrap();
    test_site.accept("first").unwrap();
    let open = "SELECT count(*) FROM codes WHERE username IS NOT NULL AND used_ms IS NULL";
    assert_eq!(test_site.store.run(open, &[]).unwrap()[0].int(0), Ok(0));
    test_site.remove(&owner(), "bob").unwrap();
    assert_eq!(test_site.accept("second"), Err("code_refused".into()));
    // A code for a password reset is invalid after a change of the person's rights.
    for (n, change) in [Owner, Viewer].into_iter().enumerate() {
        let (who, code) = (format!("p{n}"), format!("reset-{n}"));
        test_site.join(&who, role(Operator));
        test_site.invite(&owner(), &who, RightsRequest::default(), &code).unwrap();
        test_site.change(&owner(), &who, role(change)).unwrap();
        assert_eq!(test_site.accept(&code), Err("code_refused".into()), "{change:?}");
    }
    // A code for a password reset is also invalid for a new person with the same user name.
    test_site.join("cid", role(Operator));
    test_site.invite(&owner(), "cid", RightsRequest::default(), "reset").unwrap();
    test_site.remove(&owner(), "cid").unwrap();
    test_site.invite(&owner(), "cid", role(Operator), "again").unwrap();
    test_site.accept("again").unwrap();
    assert_eq!(test_site.accept("reset"), Err("code_refused".into()));
}

#[test]
fn a_code_sets_no_password_of_who_came_another_way() {
    let test_site = TestSite::connected();
    let helper = test_site.join("helper", scope("line:porch/door:* site:users"));
    test_site.invite(&helper, "bob", scope("line:porch/door:pulse"), "code").unwrap();
    let identity = IdentityRule { issuer: "https://id".into(), subject: Some("b".into()), email: None };
    let admit = |who: &str, role| {
        let request = AdmitRequest { identity: identity.clone(), role, scope: None };
        test_site.call(Call::Admit { principal: owner(), username: user(who), request }).0.map_err(|p| p.code)
    };
    admit("bob", Some(Owner)).unwrap();
    assert_eq!(test_site.refusal(Call::Invited { code_id: "code".into() }), "code_refused");
    // If the invitation code still exists in the database, the site also refuses the code.
    test_site
        .store
        .run("INSERT INTO codes (id, expires_ms, username, role, person) VALUES ('late', 9e15, 'bob', 'viewer', 'ann')", &[])
        .unwrap();
    assert_eq!(test_site.refusal(Call::Invited { code_id: "late".into() }), "code_refused");
    // The gate can still store the password of an earlier person `bob`. A login with the password of the earlier person
    // must also fail.
    let login = |who: &str| Call::Login {
        username: user(who),
        password_ids: vec![PASSWORD_ID.into()],
        new: NewLogin {
            refresh_jti: "r".into(),
            expires_at: u64::MAX,
            ..test_site.new_login(&format!("{who}-p"))
        },
    };
    assert_eq!(test_site.refusal(login("bob")), "login_failed");
    test_site.invite(&owner(), "bob", RightsRequest::default(), "chosen").unwrap();
    test_site.accept("chosen").unwrap();
    assert!(test_site.call(login("bob")).0.is_ok(), "a person with a chosen password may log in");
    // A refused identity does not create a person.
    assert_eq!(admit("eve", Some(Viewer)), Err("identity_taken".into()));
    assert_eq!(test_site.remove(&owner(), "eve"), Err("unknown_person".into()));
}

#[test]
fn an_invitation_can_be_withdrawn() {
    let test_site = TestSite::connected();
    let helper = test_site.join("helper", scope("line:porch/*:* site:users"));
    test_site.invite(&owner(), "bob", role(Operator), "code").unwrap();
    assert_eq!(
        test_site.remove(&helper, "bob"),
        Err("insufficient_scope".into()),
        "a caller cannot withdraw rights that they lack"
    );
    assert_eq!(test_site.remove(&owner(), "bob"), Ok(()));
    assert_eq!(test_site.last_logged(), "ann person_removal bob invitation_withdrawn");
    assert_eq!(test_site.accept("code"), Err("code_refused".into()));
    assert_eq!(test_site.remove(&owner(), "bob"), Err("unknown_person".into()));
    test_site.invite(&owner(), "cid", role(Operator), "expired").unwrap();
    test_site.pass(8 * DAY_S * 1000);
    assert_eq!(test_site.remove(&owner(), "cid"), Err("unknown_person".into()));
}

#[test]
fn nobody_gives_more_than_they_hold() {
    let test_site = TestSite::connected();
    let refused = Err("insufficient_scope".to_owned());
    let almost = test_site.join("almost", scope(ALL));
    let helper = test_site.join("helper", scope("line:porch/door:* site:users"));
    let narrow = Principal { scope: Some("line:porch/bell:read site:users".parse().unwrap()), ..owner() };
    let script = test_site.issue(&owner(), api("line:*/*:* site:*"), "script").unwrap();
    let robot = program("line:*/*:* site:*");
    let operator = test_site.join("op", role(Operator));
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
        // The scopes of the token limit the caller in addition to the rights of the person.
        (&narrow, scope("line:porch/bell:read"), Ok(())),
        (&narrow, scope("line:porch/bell:*"), refused.clone()),
        (&narrow, role(Owner), refused.clone()),
        // A token that expires must not create an owner, because the new owner does not expire.
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
        assert_eq!(test_site.invite(by, &who, rights.clone(), &code), expected, "{} {rights:?}", by.actor());
        let outcome = if expected.is_ok() { "done" } else { "insufficient_scope" };
        assert_eq!(test_site.last_logged(), format!("{} invite {who} {outcome}", by.actor()));
        assert_eq!(test_site.accept(&code).is_ok(), expected.is_ok());
    }
}

#[test]
fn the_rights_of_the_inviter_count_when_the_invitation_is_used() {
    let test_site = TestSite::connected();
    let helper = test_site.join("helper", scope("line:porch/door:* site:users"));
    test_site.invite(&helper, "bob", scope("line:porch/door:pulse"), "code").unwrap();
    test_site.change(&owner(), "helper", role(Viewer)).unwrap();
    assert_eq!(
        test_site.invite(&helper, "cid", scope("line:porch/door:read"), "x"),
        Err("insufficient_scope".into())
    );
    assert_eq!(test_site.refusal(Call::Invited { code_id: "code".into() }), "code_refused");
    assert_eq!(test_site.accept("code"), Err("code_refused".into()));
    test_site.change(&owner(), "helper", scope("line:porch/door:pulse site:users")).unwrap();
    assert_eq!(test_site.accept("code"), Ok(user("bob")), "the helper may do it again");
    test_site.change(&owner(), "helper", role(Viewer)).unwrap();
    let bob = test_site.log_in("bob", "f");
    assert_eq!(test_site.may(&bob), Ok("line:porch/door:pulse".into()), "what was accepted stays");
}

#[test]
fn a_new_password_ends_every_login() {
    let test_site = TestSite::connected();
    let bob = test_site.join("bob", role(Operator));
    let second = test_site.log_in("bob", "second");
    assert_eq!(sessions(&test_site, "bob"), 2);
    let script = test_site.issue(&test_site.log_in("ann", "f"), api("line:*/*:*"), "script").unwrap();
    test_site.invite(&owner(), "bob", RightsRequest::default(), "reset").unwrap();
    assert!(test_site.may(&bob).is_ok(), "an invitation alone ends nothing");
    let (_, effects) =
        test_site.call(Call::AcceptInvitation { code_id: "reset".into(), password_id: PASSWORD_ID.into() });
    let families = vec![PanelFilter::Family("bob-f".into()), PanelFilter::Family("second".into())];
    assert_eq!(ended(&effects).0, families);
    for dead in [&bob, &second] {
        assert_eq!(test_site.may(dead), Err("invalid_token".into()));
    }
    assert_eq!(sessions(&test_site, "bob"), 0);
    assert_eq!(
        test_site.may(&test_site.log_in("bob", "third")),
        Ok("line:*/*:*".into()),
        "with the same rights"
    );
    assert!(test_site.may(&script).is_ok(), "other people's tokens stay valid");
}

#[test]
fn a_reset_takes_power_over_the_person() {
    let test_site = TestSite::connected();
    let helper = test_site.join("helper", scope("line:porch/door:* site:users"));
    let almost = test_site.join("almost", scope("line:*/*:* site:*"));
    test_site.join("bob", scope("line:porch/door:pulse"));
    test_site.join("op", role(Operator));
    test_site.join("boss", role(Owner));
    let reset =
        |by: &Principal, who: &str, code: &str| test_site.invite(by, who, RightsRequest::default(), code);
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
        test_site.invite(&owner(), "bob", role(Viewer), "8"),
        Err("invalid_request".into()),
        "an existing person's invitation must not contain rights"
    );
}

#[test]
fn rights_are_a_role_or_scopes() {
    let test_site = TestSite::connected();
    test_site.join("bob", role(Viewer));
    let both = RightsRequest { role: Some(Viewer), ..scope("line:*/*:read") };
    for wrong in [both, RightsRequest::default()] {
        assert_eq!(test_site.invite(&owner(), "new", wrong.clone(), "x"), Err("invalid_request".into()));
        assert_eq!(test_site.change(&owner(), "bob", wrong), Err("invalid_request".into()));
    }
}

#[test]
fn a_site_has_room_for_so_many() {
    let test_site = TestSite::connected();
    for n in 0..998 {
        let sql = "INSERT INTO people (username, role, created_ms) VALUES (?1, 'viewer', 0)";
        test_site.store.run(sql, &[format!("p{n}").into()]).unwrap();
    }
    test_site.invite(&owner(), "last", role(Viewer), "last").unwrap();
    assert_eq!(test_site.invite(&owner(), "more", role(Viewer), "more"), Err("invalid_request".into()));
    assert_eq!(test_site.accept("last"), Ok(user("last")));
    assert_eq!(test_site.invite(&owner(), "more", role(Viewer), "more"), Err("invalid_request".into()));
    test_site.remove(&owner(), "p0").unwrap();
    assert_eq!(test_site.invite(&owner(), "more", role(Viewer), "more"), Ok(()));
}
