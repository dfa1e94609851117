//! Tests logins with an identity at a login provider.

use pinlatch_protocol::admin::{AdmitRequest, IdentityRule};
use pinlatch_protocol::scope::Role;

use super::*;

const ISSUER: &str = "https://id.test/";

fn rule(subject: Option<&str>, email: Option<&str>) -> IdentityRule {
    let text = |text: Option<&str>| text.map(str::to_owned);
    IdentityRule { issuer: ISSUER.into(), subject: text(subject), email: text(email) }
}

fn admit(
    test_site: &TestSite,
    username: &str,
    identity: IdentityRule,
    role: Option<Role>,
) -> Result<Answer, Problem> {
    let request = AdmitRequest { identity, role, scope: None };
    test_site.call(Call::Admit { principal: owner(), username: user(username), request }).0
}

fn log_in(test_site: &TestSite, issuer: &str, subject: &str, email: Option<&str>) -> Result<String, String> {
    let family = format!("f{}", test_site.now_ms.get());
    test_site.pass(1);
    let call = Call::FederatedLogin {
        issuer: issuer.into(),
        subject: subject.into(),
        email: email.map(str::to_owned),
        new: test_site.new_login(&family),
    };
    match test_site.call(call).0 {
        Ok(Answer::Now(Reply::LoggedIn(login))) => Ok(login.username.to_string()),
        Ok(other) => panic!("{other:?}"),
        Err(problem) => Err(problem.code),
    }
}

#[test]
fn a_stranger_is_refused_and_written_down() {
    let test_site = TestSite::new();
    assert_eq!(log_in(&test_site, ISSUER, "u1", Some("ann@example.org")), Err("not_admitted".into()));
    assert_eq!(test_site.last_logged(), "https://id.test/#u1 login https://id.test/ not_admitted");
}

#[test]
fn a_subject_opens_what_its_person_may() {
    let test_site = TestSite::new();
    admit(&test_site, "kim", rule(Some("u1"), None), Some(Role::Viewer)).unwrap();
    assert_eq!(log_in(&test_site, ISSUER, "u1", None), Ok("kim".into()));
    assert_eq!(log_in(&test_site, "https://other.test/", "u1", None), Err("not_admitted".into()));
    assert_eq!(log_in(&test_site, ISSUER, "U1", None), Err("not_admitted".into()));
    let twice = admit(&test_site, "ann", rule(Some("u1"), None), None).unwrap_err();
    assert_eq!(twice.code, "identity_taken");
    test_site.call(Call::RemovePerson { principal: owner(), username: user("kim") }).0.unwrap();
    assert_eq!(log_in(&test_site, ISSUER, "u1", None), Err("not_admitted".into()));
    admit(&test_site, "ann", rule(Some("u1"), None), None).unwrap();
    assert_eq!(log_in(&test_site, ISSUER, "u1", None), Ok("ann".into()));
}

#[test]
fn an_address_counts_until_it_is_bound_to_a_subject() {
    let test_site = TestSite::new();
    admit(&test_site, "kim", rule(None, Some("Kim@Example.org")), Some(Role::Operator)).unwrap();
    assert_eq!(log_in(&test_site, ISSUER, "u1", None), Err("not_admitted".into()), "it is not verified");
    assert_eq!(log_in(&test_site, ISSUER, "u1", Some("kim@example.org")), Ok("kim".into()));
    assert_eq!(log_in(&test_site, ISSUER, "u1", None), Ok("kim".into()), "bound");
    assert_eq!(log_in(&test_site, ISSUER, "u2", Some("kim@example.org")), Err("not_admitted".into()));
    let taken = admit(&test_site, "ann", rule(Some("u1"), None), None).unwrap_err();
    assert_eq!(taken.code, "identity_taken");
    test_site.call(Call::ForgetIdentities { principal: owner(), username: user("kim") }).0.unwrap();
    assert_eq!(log_in(&test_site, ISSUER, "u1", Some("kim@example.org")), Err("not_admitted".into()));
}

#[test]
fn what_is_no_identity_is_refused() {
    let test_site = TestSite::new();
    let long = "x".repeat(256);
    for identity in [
        rule(None, None),
        rule(Some("u1"), Some("a@b")),
        rule(Some(""), None),
        rule(Some(&long), None),
        rule(None, Some("no address")),
        rule(Some("a\nb"), None),
    ] {
        assert_eq!(
            admit(&test_site, "kim", identity, Some(Role::Viewer)).unwrap_err().code,
            "invalid_request"
        );
    }
    assert_eq!(admit(&test_site, "kim", rule(Some("u1"), None), None).unwrap_err().code, "invalid_request");
    let owner_by_weak = AdmitRequest { identity: rule(Some("u9"), None), role: None, scope: None };
    let call =
        Call::Admit { principal: program("site:users"), username: user("ann"), request: owner_by_weak };
    assert_eq!(
        test_site.call(call).0.unwrap_err().code,
        "insufficient_scope",
        "only an owner can change an owner's identities"
    );
}
