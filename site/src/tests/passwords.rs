//! Tests which of the passwords that a gate stores for a person counts.

use pinlatch_protocol::admin::RightsRequest;
use pinlatch_protocol::scope::Role::{Operator, Owner, Viewer};

use super::fixtures::*;
use super::*;

fn accept(test_site: &TestSite, code: &str, password_id: &str) -> Result<(), String> {
    let call = Call::AcceptInvitation { code_id: code.into(), password_id: password_id.into() };
    test_site.call(call).0.map(drop).map_err(|problem| problem.code)
}

fn change(
    test_site: &TestSite,
    person: &Principal,
    verified: &str,
    password_id: &str,
) -> Result<(), Problem> {
    let call = Call::ChangePassword {
        principal: person.clone(),
        verified_ids: vec![verified.into()],
        password_id: password_id.into(),
    };
    test_site.call(call).0.map(drop)
}

/// Logs a person in after the gate has found the passwords with these ids.
fn log_in_with(test_site: &TestSite, who: &str, ids: &[&str]) -> Result<(), String> {
    let call = Call::Login {
        username: user(who),
        password_ids: ids.iter().map(|&id| id.into()).collect(),
        new: NewLogin {
            refresh_jti: "r".into(),
            expires_at: test_site.now_s() + DAY_S,
            ..test_site.new_login(&format!("{who}-{}", ids.join("-")))
        },
    };
    test_site.call(call).0.map(drop).map_err(|problem| problem.code)
}

fn refused() -> Result<(), String> {
    Err("login_failed".into())
}

#[test]
fn only_the_password_of_the_accepted_request_counts() {
    let test_site = TestSite::connected();
    test_site.invite(&owner(), "bob", role(Operator), "code").unwrap();
    assert_eq!(log_in_with(&test_site, "bob", &["first", "second"]), refused(), "nothing is accepted yet");
    assert_eq!(accept(&test_site, "code", "second"), Ok(()));
    assert_eq!(accept(&test_site, "code", "first"), Err("code_refused".into()));
    assert_eq!(log_in_with(&test_site, "bob", &["first"]), refused());
    assert_eq!(log_in_with(&test_site, "bob", &["first", "second"]), Ok(()), "the same password twice");
    assert_eq!(log_in_with(&test_site, "bob", &[]), refused());
    assert_eq!(log_in_with(&test_site, "bob", &[""]), refused());
}

#[test]
fn a_second_setup_sets_no_password() {
    let test_site = TestSite::empty();
    let setup = |password_id: &str| Call::Setup {
        code_id: "s".into(),
        username: user("ann"),
        password_id: password_id.into(),
    };
    test_site.call(setup("first")).0.unwrap();
    assert_eq!(test_site.refusal(setup("second")), "already_set_up");
    assert_eq!(log_in_with(&test_site, "ann", &["second"]), refused());
    assert_eq!(log_in_with(&test_site, "ann", &["first"]), Ok(()));
}

#[test]
fn a_change_replaces_only_the_password_that_was_verified() {
    let test_site = TestSite::connected();
    let bob = test_site.join("bob", role(Viewer));
    assert_eq!(change(&test_site, &bob, PASSWORD_ID, "first"), Ok(()));
    // The gate verified the old password before the first change.
    let late = change(&test_site, &bob, PASSWORD_ID, "second").unwrap_err();
    assert_eq!((late.code.as_str(), late.status), ("login_failed", 401));
    assert!(late.detail.unwrap().contains("in the meantime"));
    assert_eq!(log_in_with(&test_site, "bob", &["second"]), refused());
    assert_eq!(log_in_with(&test_site, "bob", &["first"]), Ok(()));
    let current = Call::CurrentPassword { principal: bob.clone() };
    assert_eq!(test_site.call(current).0, Ok(Answer::Now(Reply::Password(Some("first".into())))));
}

#[test]
fn a_change_cannot_replace_a_reset() {
    let test_site = TestSite::connected();
    let bob = test_site.join("bob", role(Operator));
    // The principal of an API token of the person outlives the reset.
    let script = Principal { family: None, ..bob.clone() };
    test_site.invite(&owner(), "bob", RightsRequest::default(), "reset").unwrap();
    assert_eq!(accept(&test_site, "reset", "new"), Ok(()));
    for thief in [&bob, &script] {
        assert!(change(&test_site, thief, PASSWORD_ID, "stolen").is_err());
    }
    assert_eq!(log_in_with(&test_site, "bob", &[PASSWORD_ID, "stolen"]), refused());
    assert_eq!(log_in_with(&test_site, "bob", &["new"]), Ok(()));
}

#[test]
fn a_change_does_not_void_a_reset() {
    let test_site = TestSite::connected();
    let bob = test_site.join("bob", role(Operator));
    test_site.invite(&owner(), "bob", RightsRequest::default(), "reset").unwrap();
    assert_eq!(change(&test_site, &bob, PASSWORD_ID, "stolen"), Ok(()));
    assert_eq!(accept(&test_site, "reset", "new"), Ok(()));
    assert!(change(&test_site, &bob, "stolen", "again").is_err());
    assert_eq!(log_in_with(&test_site, "bob", &["new"]), Ok(()));
}

#[test]
fn a_new_person_does_not_inherit_a_password() {
    let test_site = TestSite::connected();
    test_site.invite(&owner(), "bob", role(Owner), "code").unwrap();
    accept(&test_site, "code", "old").unwrap();
    test_site.remove(&owner(), "bob").unwrap();
    assert_eq!(log_in_with(&test_site, "bob", &["old"]), refused());
    test_site.invite(&owner(), "bob", role(Viewer), "again").unwrap();
    assert_eq!(log_in_with(&test_site, "bob", &["old"]), refused());
    accept(&test_site, "again", "new").unwrap();
    assert_eq!(log_in_with(&test_site, "bob", &["old"]), refused());
    assert_eq!(log_in_with(&test_site, "bob", &["new"]), Ok(()));
}
