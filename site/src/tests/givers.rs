//! Tests that everything a person, a token or an external issuer gave ends with its giver, and that a stolen login
//! cannot make anything that outlives it.

use std::collections::BTreeMap;

use pinlatch_protocol::admin::{
    AdmitRequest, Enrolment, IdentityRule, Invitation, IssueRequest, RightsRequest, Session,
};
use pinlatch_protocol::scope::Role::{Operator, Owner, Viewer};

use super::fixtures::*;
use super::*;

const STALE: &str = "insufficient_user_authentication";

/// Returns the principal after the proof of the login has become too old.
fn stale(principal: &Principal) -> Principal {
    Principal { auth_time: Some(principal.iat - 301), ..principal.clone() }
}

fn admit(by: &Principal, who: &str, role: Option<Role>) -> Call {
    let identity =
        IdentityRule { issuer: "https://id".into(), subject: Some(format!("{who}-sub")), email: None };
    let request = AdmitRequest { identity, role, scope: None };
    Call::Admit { principal: by.clone(), username: user(who), request }
}

fn federated(test_site: &TestSite, who: &str) -> Result<(), String> {
    let new = test_site.new_login(&format!("{who}-{}", test_site.now_ms.get()));
    test_site.pass(1);
    let (issuer, subject) = ("https://id".into(), format!("{who}-sub"));
    test_site
        .call(Call::FederatedLogin { issuer, subject, email: None, new })
        .0
        .map(drop)
        .map_err(|problem| problem.code)
}

fn code_for(by: &Principal, device: &str, code: &str) -> Call {
    Call::CreateEnrolment {
        principal: by.clone(),
        device: name(device),
        code_id: code.into(),
        expires_at: START_MS / 1000 + DAY_S,
    }
}

fn enrol(code: &str) -> Call {
    Call::Enrol {
        code_id: code.into(),
        jwk: json!({}),
        jwk_thumbprint: "thumb".into(),
        cert_jti: format!("cert-{code}"),
        cert_exp: START_MS / 1000 + 365 * DAY_S,
    }
}

fn invitations(test_site: &TestSite) -> Vec<Invitation> {
    match test_site.call(Call::Invitations { principal: owner() }).0 {
        Ok(Answer::Now(Reply::Invitations(invitations))) => invitations,
        other => panic!("{other:?}"),
    }
}

fn enrolments(test_site: &TestSite) -> Vec<Enrolment> {
    match test_site.call(Call::Enrolments { principal: owner() }).0 {
        Ok(Answer::Now(Reply::Enrolments(enrolments))) => enrolments,
        other => panic!("{other:?}"),
    }
}

fn sessions(test_site: &TestSite, by: &Principal, who: &str) -> Result<Vec<Session>, String> {
    match test_site.call(Call::Sessions { principal: by.clone(), username: user(who) }).0 {
        Ok(Answer::Now(Reply::Sessions(sessions))) => Ok(sessions),
        other => Err(other.expect_err("an answer").code),
    }
}

#[test]
fn what_a_removed_owner_gave_is_void() {
    let test_site = TestSite::connected();
    let bob = test_site.join("bob", role(Owner));
    test_site.invite(&bob, "carol", role(Owner), "carol").unwrap();
    test_site.done(code_for(&bob, "shed", "shed")).unwrap();
    test_site.done(admit(&bob, "dave", Some(Operator))).unwrap();
    test_site.done(admit(&bob, "erin", Some(Operator))).unwrap();
    federated(&test_site, "erin").unwrap();
    assert_eq!((invitations(&test_site).len(), enrolments(&test_site).len()), (1, 1));
    test_site.remove(&owner(), "bob").unwrap();
    assert_eq!(test_site.accept("carol"), Err("code_refused".into()));
    assert_eq!(test_site.refusal(enrol("shed")), "code_refused");
    assert_eq!(federated(&test_site, "dave"), Err("not_admitted".into()));
    assert_eq!(federated(&test_site, "erin"), Ok(()), "what was accepted stays");
    // A new person with the same name does not revive the gifts.
    test_site.invite(&owner(), "bob", role(Owner), "again").unwrap();
    test_site.accept("again").unwrap();
    assert_eq!(test_site.accept("carol"), Err("code_refused".into()));
    assert_eq!(test_site.refusal(enrol("shed")), "code_refused");
    assert_eq!(federated(&test_site, "dave"), Err("not_admitted".into()));
    assert_eq!((invitations(&test_site), enrolments(&test_site)), (vec![], vec![]));
}

#[test]
fn what_a_demoted_owner_gave_is_void() {
    let test_site = TestSite::connected();
    let bob = test_site.join("bob", role(Owner));
    test_site.invite(&bob, "carol", role(Owner), "carol").unwrap();
    test_site.invite(&bob, "ann", RightsRequest::default(), "reset").unwrap();
    test_site.done(code_for(&bob, "shed", "shed")).unwrap();
    test_site.done(admit(&bob, "dave", Some(Operator))).unwrap();
    test_site.change(&owner(), "bob", scope("line:*/*:* site:users site:tokens site:audit")).unwrap();
    assert_eq!(test_site.accept("carol"), Err("code_refused".into()));
    assert_eq!(test_site.accept("reset"), Err("code_refused".into()));
    assert_eq!(test_site.refusal(enrol("shed")), "code_refused");
    assert_eq!(federated(&test_site, "dave"), Ok(()), "bob may still admit an operator");
}

#[test]
fn what_a_revoked_token_gave_is_void() {
    let test_site = TestSite::connected();
    let script = test_site.issue(&owner(), api("line:*/*:* site:users site:devices"), "script").unwrap();
    test_site.invite(&script, "bob", role(Viewer), "bob").unwrap();
    test_site.invite(&script, "cid", role(Viewer), "cid").unwrap();
    test_site.done(code_for(&script, "shed", "shed")).unwrap();
    assert_eq!(test_site.accept("bob"), Ok(user("bob")));
    test_site.revoke(&owner(), "script", None).unwrap();
    assert_eq!(test_site.accept("cid"), Err("code_refused".into()));
    assert_eq!(test_site.refusal(enrol("shed")), "code_refused");
    let Ok(Answer::Now(Reply::People(people))) = test_site.call(Call::People { principal: owner() }).0 else {
        panic!()
    };
    let added: Vec<_> = people.iter().map(|one| (one.username.as_str(), one.added_by.as_deref())).collect();
    assert_eq!(added, [("ann", None), ("bob", Some("token:script"))]);
}

/// The tokens of an external issuer count only as far as the present scopes of the issuer.
#[test]
fn what_an_issuer_gave_ends_with_its_table() {
    let mut test_site = TestSite::connected();
    let robot = program("line:*/*:* site:users site:tokens");
    let until = |request: IssueRequest| IssueRequest { expires_at: test_site.now_s() + DAY_S, ..request };
    let child = test_site.issue(&robot, until(api("line:porch/*:* site:tokens")), "child").unwrap();
    let link = test_site.issue(&child, until(guest("line:porch/door:pulse")), "link").unwrap();
    test_site.invite(&robot, "bob", role(Viewer), "bob").unwrap();
    let set = |test_site: &mut TestSite, scopes: Option<&str>| {
        let issuer = scopes.map(|scopes| (ISSUER.to_owned(), scopes.parse().unwrap()));
        test_site.config.issuers = Rc::new(issuer.into_iter().collect::<BTreeMap<_, _>>());
    };
    set(&mut test_site, Some("line:porch/*:read site:tokens"));
    assert_eq!(test_site.may(&robot), Ok("line:porch/*:read site:tokens".into()));
    assert_eq!(test_site.may(&link), Ok("line:porch/door:read".into()));
    assert_eq!(test_site.accept("bob"), Err("code_refused".into()));
    set(&mut test_site, None);
    for dead in [&robot, &child, &link] {
        assert_eq!(test_site.may(dead), Err("invalid_token".into()), "{}", dead.jti);
    }
}

#[test]
fn open_codes_are_listed_and_can_be_withdrawn() {
    let test_site = TestSite::connected();
    test_site.invite(&owner(), "bob", role(Viewer), "bob").unwrap();
    test_site.done(code_for(&owner(), "shed", "shed")).unwrap();
    let open = invitations(&test_site);
    assert_eq!((open[0].id.as_str(), open[0].creator.as_str(), open[0].role), ("bob", "ann", Some(Viewer)));
    let codes = enrolments(&test_site);
    assert_eq!((codes[0].device.as_str(), codes[0].replaces), ("shed", false));
    let viewer = test_site.join("viewer", role(Viewer));
    let withdraw = |by: &Principal, id: &str| {
        let (principal, id) = (by.clone(), id.to_owned());
        test_site.done(Call::WithdrawInvitation { principal, id })
    };
    assert_eq!(withdraw(&viewer, "bob"), Err("insufficient_scope".into()));
    assert_eq!(withdraw(&owner(), "none"), Err("unknown_code".into()));
    assert_eq!(withdraw(&owner(), "shed"), Err("unknown_code".into()), "an enrolment code is no invitation");
    assert_eq!(withdraw(&owner(), "bob"), Ok(()));
    assert_eq!(test_site.accept("bob"), Err("code_refused".into()));
    test_site.done(Call::WithdrawEnrolment { principal: owner(), id: "shed".into() }).unwrap();
    assert_eq!(test_site.refusal(enrol("shed")), "code_refused");
}

/// A thief has a stolen login, but not the password.
#[test]
fn a_stolen_login_makes_nothing_that_outlives_it() {
    let test_site = TestSite::connected();
    let bob = test_site.join("bob", role(Owner));
    test_site.join("low", role(Viewer));
    let day_and_more = IssueRequest { expires_at: test_site.now_s() + DAY_S + 1, ..api("site:audit") };
    let calls = |by: &Principal| {
        let principal = by.clone();
        let change = |who: &str, rights| Call::ChangePerson {
            principal: principal.clone(),
            username: user(who),
            rights,
        };
        let invite = |who: &str, rights, code: &str| Call::Invite {
            principal: principal.clone(),
            username: user(who),
            rights,
            code_id: code.into(),
            expires_at: START_MS / 1000 + DAY_S,
        };
        [
            ("an identity", admit(by, "bob", None)),
            ("an identity of a new person", admit(by, "new", Some(Viewer))),
            ("an owner", invite("carol", role(Owner), "c1")),
            ("a person with site scopes", invite("dave", scope("site:users"), "c2")),
            ("the password of an owner", invite("ann", RightsRequest::default(), "c3")),
            ("a new owner", change("low", role(Owner))),
            (
                "a token",
                Call::Issue { principal: principal.clone(), request: day_and_more.clone(), jti: "t".into() },
            ),
            ("a shorter retention", Call::Retain { principal: principal.clone(), days: 1 }),
            ("a code for an existing device", code_for(by, "porch", "p")),
            (
                "the removal of a device",
                Call::RemoveDevice { principal: principal.clone(), device: name("porch") },
            ),
            (
                "the removal of a person",
                Call::RemovePerson { principal: principal.clone(), username: user("low") },
            ),
            ("identities", Call::ForgetIdentities { principal: principal.clone(), username: user("ann") }),
            (
                "a secured account",
                Call::SecureAccount { principal: principal.clone(), password_id: "x".into() },
            ),
            ("the generation", Call::RaiseGeneration { principal }),
        ]
    };
    for (what, call) in calls(&stale(&bob)) {
        let problem = test_site.call(call).0.map(drop).unwrap_err();
        assert_eq!(
            (problem.code.as_str(), problem.status, problem.max_age),
            (STALE, 401, Some(300)),
            "{what}"
        );
    }
    let script = test_site.issue(&owner(), api("line:*/*:* site:*"), "script").unwrap();
    for by in [&script, &program("line:*/*:* site:*")] {
        for (what, call) in calls(by) {
            // Only an owner can change an owner. A program that covers a whole device can remove it.
            let expected = match what {
                "the removal of a device" => continue,
                "an identity" | "an owner" | "the password of an owner" | "a new owner" => {
                    "insufficient_scope"
                }
                "a shorter retention" | "identities" | "the generation" => "insufficient_scope",
                _ => "person_required",
            };
            assert_eq!(test_site.refusal(call), expected, "{what}");
        }
    }
    // Without administrative rights, the changes need no proof.
    let old = stale(&bob);
    assert_eq!(test_site.invite(&old, "guest", role(Operator), "g"), Ok(()));
    assert_eq!(test_site.change(&old, "low", role(Operator)), Ok(()));
    assert!(test_site.issue(&old, api("line:*/*:*"), "door").is_ok());
    assert_eq!(test_site.done(Call::Retain { principal: old.clone(), days: 100 }), Ok(()));
    assert_eq!(test_site.done(code_for(&old, "shed", "new")), Ok(()));
    // A new proof allows all of them.
    for (what, call) in calls(&bob) {
        if what == "a secured account" {
            continue;
        }
        assert!(test_site.call(call).0.is_ok(), "{what}");
    }
}

/// A proof counts for the new tokens only, and a refresh never renews it.
#[test]
fn a_thief_s_copy_stays_without_the_proof() {
    let test_site = TestSite::connected();
    let bob = test_site.join("bob", role(Owner));
    test_site.pass(20 * 60_000);
    let refresh = |jti: &str, next: &str| {
        let call = Call::Refresh {
            family: "bob-f".into(),
            jti: jti.into(),
            next_jti: next.into(),
            expires_at: test_site.now_s() + 30 * DAY_S,
        };
        match test_site.call(call).0 {
            Ok(Answer::Now(Reply::LoggedIn(login))) => Ok(login),
            other => Err(other.expect_err("an answer").code),
        }
    };
    assert_eq!(refresh("bob-f-r0", "r1").unwrap().auth_time, Some(START_MS / 1000), "copied, never renewed");
    let prove = |password: &str, jti: &str| {
        let new = NewLogin { refresh_jti: jti.into(), ..test_site.new_login("unused") };
        let (principal, password_ids) = (stale(&bob), vec![password.into()]);
        match test_site.call(Call::Prove { principal, password_ids, new }).0 {
            Ok(Answer::Now(Reply::LoggedIn(login))) => Ok(login),
            other => Err(other.expect_err("an answer").code),
        }
    };
    assert_eq!(prove("wrong", "r2").unwrap_err(), "login_failed");
    let proved = prove(PASSWORD_ID, "r2").unwrap();
    assert_eq!((proved.family.as_str(), proved.refresh_jti.as_str()), ("bob-f", "r2"));
    assert_eq!(proved.auth_time, Some(test_site.now_s()));
    assert_eq!(
        refresh("r1", "r3").unwrap_err(),
        "invalid_grant",
        "the copy of the old refresh token is dead"
    );
    assert!(test_site.may(&bob).is_ok(), "the login goes on");
    assert_eq!(refresh("r2", "r3").unwrap().auth_time, proved.auth_time);
    assert_eq!(
        test_site.change(&stale(&bob), "ann", role(Owner)),
        Err(STALE.into()),
        "nor the old access token"
    );
    test_site.pass(ROTATION_GRACE_MS + 1);
    assert_eq!(refresh("r1", "r4").unwrap_err(), "invalid_grant");
    assert!(test_site.may(&bob).is_err(), "a late use of the copy ends the login");
}

#[test]
fn a_provider_s_round_trip_is_a_proof() {
    let test_site = TestSite::connected();
    test_site.done(admit(&owner(), "bob", Some(Owner))).unwrap();
    let log_in = |renews: Option<&str>, family: &str| {
        let new = NewLogin { renews: renews.map(Into::into), ..test_site.new_login(family) };
        let (issuer, subject) = ("https://id".into(), "bob-sub".into());
        match test_site.call(Call::FederatedLogin { issuer, subject, email: None, new }).0 {
            Ok(Answer::Now(Reply::LoggedIn(login))) => login,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(log_in(None, "f").family, "f");
    test_site.pass(HOUR_S * 1000);
    let again = log_in(Some("f"), "g");
    assert_eq!((again.family.as_str(), again.auth_time), ("f", Some(test_site.now_s())));
    let old = NewLogin { auth_time: START_MS / 1000, renews: Some("f".into()), ..test_site.new_login("x") };
    let call = Call::FederatedLogin {
        issuer: "https://id".into(),
        subject: "bob-sub".into(),
        email: None,
        new: old,
    };
    let Ok(Answer::Now(Reply::LoggedIn(login))) = test_site.call(call).0 else { panic!() };
    assert_eq!(login.auth_time, Some(START_MS / 1000), "the provider asked the person an hour ago");
    assert_eq!(log_in(Some(OWNER_LOGIN), "h").family, "h", "the login of another person is not renewed");
    test_site.done(Call::LogoutFamily { family: "f".into() }).unwrap();
    assert_eq!(log_in(Some("f"), "i").family, "i", "an ended login is not revived");
}

#[test]
fn a_login_has_an_absolute_end() {
    let test_site = TestSite::connected();
    test_site.join("bob", role(Viewer));
    let mut jti = "bob-f-r0".to_owned();
    let mut days = 0;
    loop {
        test_site.pass(10 * DAY_S * 1000);
        days += 10;
        let next = format!("r{days}");
        let call = Call::Refresh {
            family: "bob-f".into(),
            jti: jti.clone(),
            next_jti: next.clone(),
            expires_at: test_site.now_s() + 30 * DAY_S,
        };
        match test_site.call(call).0 {
            Ok(_) => jti = next,
            Err(problem) => break assert_eq!(problem.code, "invalid_grant"),
        }
    }
    assert_eq!(days, 90);
}

#[test]
fn logins_are_listed_and_ended_one_by_one() {
    let test_site = TestSite::connected();
    let bob = test_site.join("bob", role(Viewer));
    test_site.pass(60_000);
    let client = Some(format!("Firefox\n{}", "x".repeat(100)));
    let new = NewLogin { client, ..test_site.new_login("phone") };
    let (username, password_ids) = (user("bob"), vec![PASSWORD_ID.into()]);
    test_site.call(Call::Login { username, password_ids, new }).0.unwrap();
    let list = sessions(&test_site, &bob, "bob").unwrap();
    let ids: Vec<_> = list.iter().map(|one| (one.id.as_str(), one.current)).collect();
    assert_eq!(ids, [("phone", false), ("bob-f", true)]);
    let label = list[0].client.as_deref().unwrap();
    assert!(label.starts_with("Firefoxx") && label.len() == 64, "{label}");
    assert_eq!(list[0].ends_at, test_site.now_s() + 90 * DAY_S);
    assert_eq!(sessions(&test_site, &bob, "ann"), Err("insufficient_scope".into()));
    assert_eq!(sessions(&test_site, &owner(), "bob").unwrap().len(), 2);
    let end = |by: &Principal, who: &str, id: &str| {
        let (principal, username, id) = (by.clone(), user(who), id.to_owned());
        test_site.done(Call::EndSession { principal, username, id })
    };
    assert_eq!(end(&bob, "bob", OWNER_LOGIN), Err("unknown_session".into()), "not a login of bob");
    assert_eq!(end(&bob, "ann", OWNER_LOGIN), Err("insufficient_scope".into()));
    assert_eq!(end(&bob, "bob", "phone"), Ok(()));
    assert_eq!(end(&bob, "bob", "phone"), Err("unknown_session".into()));
    assert_eq!(end(&owner(), "bob", "bob-f"), Ok(()));
    assert_eq!(test_site.may(&bob), Err("invalid_token".into()));
}

#[test]
fn a_secured_account_leaves_nothing_of_a_thief() {
    let test_site = TestSite::connected();
    let bob = test_site.join("bob", role(Owner));
    let thief = test_site.log_in("bob", "thief");
    let script = test_site.issue(&thief, api("line:*/*:*"), "script").unwrap();
    let link = test_site.issue(&thief, guest("line:*/*:*"), "link").unwrap();
    test_site.invite(&thief, "eve", role(Operator), "eve").unwrap();
    test_site.done(code_for(&thief, "shed", "shed")).unwrap();
    test_site.done(admit(&thief, "bob", None)).unwrap();
    federated(&test_site, "bob").unwrap();
    let secure = Call::SecureAccount { principal: bob.clone(), password_id: "new".into() };
    assert_eq!(test_site.done(secure), Ok(()));
    for dead in [&bob, &thief, &script, &link] {
        assert_eq!(test_site.may(dead), Err("invalid_token".into()), "{}", dead.jti);
    }
    assert_eq!(test_site.accept("eve"), Err("code_refused".into()));
    assert_eq!(test_site.refusal(enrol("shed")), "code_refused");
    assert_eq!(federated(&test_site, "bob"), Err("not_admitted".into()));
    let login = |password: &str| Call::Login {
        username: user("bob"),
        password_ids: vec![password.into()],
        new: test_site.new_login(password),
    };
    assert_eq!(test_site.refusal(login(PASSWORD_ID)), "login_failed");
    assert!(test_site.call(login("new")).0.is_ok());
}

/// The smallest administrator can take nothing that exceeds its own rights.
#[test]
fn administration_is_limited_to_the_own_rights() {
    let test_site = TestSite::connected();
    let bell = test_site.issue(&owner(), api("site:tokens line:porch/bell:read"), "bell").unwrap();
    test_site.issue(&owner(), api("line:*/*:*"), "big").unwrap();
    let refused = Err("insufficient_scope".to_owned());
    assert_eq!(test_site.done(Call::RaiseGeneration { principal: bell.clone() }), refused);
    assert_eq!(test_site.revoke(&bell, "big", None), refused);
    assert_eq!(test_site.revoke(&bell, "robots:x", Some(test_site.now_s() + 60)), refused);
    assert_eq!(test_site.revoke(&bell, "a-login", Some(test_site.now_s() + 60)), refused);
    let installer = test_site.issue(&owner(), api("site:devices line:porch/bell:*"), "installer").unwrap();
    let remove = |by: &Principal| Call::RemoveDevice { principal: by.clone(), device: name("porch") };
    assert_eq!(test_site.done(remove(&installer)), refused);
    assert_eq!(test_site.refusal(code_for(&installer, "porch", "x")), "insufficient_scope");
    assert_eq!(test_site.done(code_for(&installer, "shed", "shed")), Ok(()), "a new device has no lines yet");
    let whole = test_site.issue(&owner(), api("site:devices line:porch/*:*"), "whole").unwrap();
    assert_eq!(test_site.done(remove(&whole)), Ok(()), "it covers the whole device");
    // The device was enrolled after the code was made. The code was not made for a replacement.
    test_site.enrol("shed", "cert-9");
    assert_eq!(test_site.refusal(enrol("shed")), "code_refused");
}

#[test]
fn a_caller_has_so_many_open_enrolment_codes() {
    let test_site = TestSite::connected();
    let installer = test_site.issue(&owner(), api("site:devices"), "installer").unwrap();
    for n in 0..100 {
        test_site.done(code_for(&installer, "shed", &format!("c{n}"))).unwrap();
    }
    assert_eq!(test_site.refusal(code_for(&installer, "shed", "more")), "invalid_request");
    assert_eq!(test_site.done(code_for(&owner(), "shed", "more")), Ok(()), "others have their own limit");
}
