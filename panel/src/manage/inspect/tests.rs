use super::*;
use pinlatch_token::{AccessClaims, AccessGrant, EdgeKeys, MintingKey};
use serde_json::json;

const NOW: u64 = 1_790_000_000;

fn site() -> Name {
    Name::new("home").unwrap()
}

fn access(keys: &EdgeKeys, site: &str, kind: Kind, life: u64) -> String {
    let claims = AccessClaims {
        scope: Some("line:porch/door:pulse".parse().unwrap()),
        generation: 1,
        family: None,
        auth_time: None,
        not_before: None,
    };
    let site = Name::new(site).unwrap();
    let grant = AccessGrant { kind, site: &site, sub: "ann", jti: "id-of-it".into(), now: NOW, life, claims };
    grant.sign(keys).unwrap()
}

fn own(keys: &EdgeKeys) -> Keys {
    Keys::Site(site_keys(&keys.published()).unwrap())
}

fn verdict(token: &str, keys: &Keys) -> Verdict {
    check(token, keys, &Wanted::default(), &site(), NOW).verdict
}

#[test]
fn the_sites_own_tokens_are_judged_as_the_edge_judges_them() {
    let keys = EdgeKeys::generate().unwrap();
    let own_keys = own(&keys);
    assert_eq!(verdict(&access(&keys, "home", Kind::Access, 600), &own_keys), Verdict::Accepted);
    assert_eq!(verdict(&access(&keys, "home", Kind::Guest, 600), &own_keys), Verdict::Accepted);
    let elsewhere =
        check(&access(&keys, "shed", Kind::Access, 600), &own_keys, &Wanted::default(), &site(), NOW);
    assert_eq!(elsewhere.verdict, Verdict::Refused, "another site's audience");
    assert_eq!(elsewhere.kind, Some(Kind::Access));
    assert_eq!(reasons(&elsewhere.explanation).len(), 1);
    let old = access(&keys, "home", Kind::Access, 600);
    assert_eq!(check(&old, &own_keys, &Wanted::default(), &site(), NOW + 600).verdict, Verdict::Refused);
}

#[test]
fn a_strangers_token_is_not_ours() {
    let (keys, other) = (EdgeKeys::generate().unwrap(), EdgeKeys::generate().unwrap());
    assert_eq!(verdict(&access(&other, "home", Kind::Access, 600), &own(&keys)), Verdict::Refused);
    let none = "eyJhbGciOiJub25lIn0.e30.";
    assert_eq!(verdict(none, &own(&keys)), Verdict::Refused);
    assert_eq!(verdict("", &Keys::None(None)), Verdict::Refused);
    assert_eq!(verdict("not a token", &Keys::None(None)), Verdict::Refused);
}

#[test]
fn without_a_key_the_verdict_stays_open() {
    let keys = EdgeKeys::generate().unwrap();
    assert_eq!(verdict(&access(&keys, "home", Kind::Access, 600), &Keys::None(None)), Verdict::Open);
    let sealed = pinlatch_token::SealingKey::read(keys.published().to_string().as_bytes()).unwrap();
    assert_eq!(verdict(&sealed.seal("a.b.c").unwrap(), &own(&keys)), Verdict::Sealed);
}

#[test]
fn a_given_key_checks_what_is_asked_for() {
    let secret: Vec<u8> = (0..32).map(|byte: u8| b'a' + byte % 26).rev().collect();
    let key = MintingKey::read(&secret, None).unwrap();
    let claims = json!({ "iss": "https://a.example", "aud": "lab", "iat": NOW, "exp": NOW + 60 });
    let token = key.sign("JWT", None, claims.as_object().unwrap().clone()).unwrap();
    let given = given_key(std::str::from_utf8(&secret).unwrap()).map(Keys::Given);
    let Ok(given) = given else { panic!("{given:?}") };
    let verdict_of = |issuer: Option<&str>, audience: Option<&str>| {
        let wanted = Wanted { issuer: issuer.map(Into::into), audience: audience.map(Into::into) };
        check(&token, &given, &wanted, &site(), NOW).verdict
    };
    assert_eq!(verdict_of(None, None), Verdict::Verified);
    assert_eq!(verdict_of(Some("https://a.example"), Some("lab")), Verdict::Verified);
    assert_eq!(verdict_of(Some("https://b.example"), None), Verdict::Refused);
    assert_eq!(verdict_of(None, Some("other")), Verdict::Refused);
}

#[test]
fn what_is_pasted_around_a_token_is_taken_off() {
    for pasted in ["a.b.c", "  a.b.c\n", "Bearer a.b.c", "bearer  a.b.c ", "https://x/s/home/#guest=a.b.c"] {
        assert_eq!(token(pasted), "a.b.c", "{pasted}");
    }
    assert_eq!(token("Bearer"), "Bearer");
    assert_eq!(token("ünïcödé"), "ünïcödé");
}

#[test]
fn a_key_that_was_given_and_refused_is_not_called_missing() {
    let keys = EdgeKeys::generate().unwrap();
    let token = access(&keys, "home", Kind::Access, 600);
    let found = check(&token, &Keys::None(Some("too weak")), &Wanted::default(), &site(), NOW);
    let why = found.explanation.checks.iter().filter_map(|check| match check.outcome {
        CheckResult::NotChecked { why } => Some((check.name, why)),
        _ => None,
    });
    assert_eq!(why.collect::<Vec<_>>(), [("key", "too weak"), ("signature", "too weak")]);
}

/// The edge signs no token of the type `JWT`.
#[test]
fn a_type_that_the_edge_never_signs_is_refused_with_the_sites_keys() {
    let keys = EdgeKeys::generate().unwrap();
    let (header, rest) = ("eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9", "eyJpc3MiOiJqb2UifQ.AAAA");
    let found = check(&format!("{header}.{rest}"), &own(&keys), &Wanted::default(), &site(), NOW);
    let typ = found.explanation.checks.iter().find(|check| check.name == "typ").unwrap();
    assert!(matches!(typ.outcome, CheckResult::Refused { code: "wrong_kind", .. }), "{typ:?}");
}
