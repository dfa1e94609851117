use super::*;
use crate::jwt::kind::Kind;
use crate::keys::key::SigningKey;
use crate::kinds::device::{DeviceCert, sign_cert};
use crate::kinds::refresh::RefreshClaims;
use crate::{AccessClaims, AccessGrant, CodePurpose, Refusal, SealingKey, SignatureCache, welcome};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::scope::Role;

const NOW: u64 = 1_800_000_000;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// Performs a step and parses the keys from the resulting secret. The returned keys therefore contain only data that is
/// stored.
fn taken(keys: &EdgeKeys, step: Step, now: u64) -> EdgeKeys {
    let next = keys.step(step, now).unwrap();
    EdgeKeys::from_jwks(next.to_private_jwks().expose()).unwrap()
}

fn access(keys: &EdgeKeys) -> String {
    let claims = AccessClaims {
        scope: Some(Role::Owner.scopes()),
        generation: 1,
        family: None,
        auth_time: None,
        not_before: None,
    };
    let grant = AccessGrant {
        kind: Kind::Access,
        site: &name("home"),
        sub: "ann",
        jti: "access-token-of-ann".into(),
        now: NOW,
        life: 600,
        claims,
    };
    grant.sign(keys).unwrap()
}

fn accepts(keys: &EdgeKeys, token: &str) -> bool {
    let sites = [name("home")];
    AccessClaims::verify(token, keys.public(), &sites, NOW, &mut SignatureCache::new(1)).is_ok()
}

fn roles(keys: &EdgeKeys) -> Vec<KeyRole> {
    keys.list().iter().map(|entry| entry.role).collect()
}

#[test]
fn a_rotation_accepts_old_and_new_at_each_step() {
    use KeyRole::*;
    let old = EdgeKeys::generate_at(NOW).unwrap();
    let published = taken(&old, Step::Publish, NOW + 100);
    let switched = taken(&published, Step::Switch, NOW + 500);
    let done = taken(&switched, Step::Retire, NOW + 2_000);
    assert_eq!(roles(&old), [Signs, Seals, Receives]);
    assert_eq!(roles(&published), [Signs, Published, Seals, SealPublished, Receives, ReceivesLater]);
    assert_eq!(roles(&switched), [Signs, Verifies, Seals, Opens, Receives, ReceivesStill]);
    assert_eq!(roles(&done), [Signs, Seals, Receives, Devices]);
    assert_eq!(published.signer().kid(), old.signer().kid());
    assert_ne!(switched.signer().kid(), old.signer().kid());
    assert_eq!(done.signer().kid(), switched.signer().kid());
    let steps = [&old, &published, &switched, &done];
    assert_eq!(steps.map(EdgeKeys::next_step), [Step::Publish, Step::Switch, Step::Retire, Step::Publish]);
    assert_eq!(
        steps.map(EdgeKeys::last_step_at),
        [None, Some(NOW + 100), Some(NOW + 500), None],
        "the time of the previous step"
    );

    // The running instances (isolates) of the Worker receive a new secret at different times. An instance must
    // therefore accept tokens of the previous step and of the next step.
    assert!(accepts(&published, &access(&switched)), "an isolate with the previous secret knows the new key");
    assert!(accepts(&switched, &access(&old)));
    assert!(!accepts(&done, &access(&old)), "the old key is removed at the end");
    assert!(!accepts(&old, &access(&switched)));
}

#[test]
fn what_was_sealed_opens_until_its_key_is_retired() {
    let old = EdgeKeys::generate_at(NOW).unwrap();
    let published = taken(&old, Step::Publish, NOW);
    let switched = taken(&published, Step::Switch, NOW);
    let done = taken(&switched, Step::Retire, NOW);
    let refresh = |keys: &EdgeKeys| {
        let claims = RefreshClaims {
            site: name("home"),
            sub: "ann".into(),
            family: "f".into(),
            jti: "j".into(),
            exp: NOW + 60,
        };
        claims.seal(keys, NOW).unwrap()
    };
    let (of_old, of_new) = (refresh(&old), refresh(&switched));
    for keys in [&published, &switched] {
        assert!(RefreshClaims::open(&of_old, keys, NOW).is_ok());
        assert!(RefreshClaims::open(&of_new, keys, NOW).is_ok());
    }
    assert!(RefreshClaims::open(&of_old, &done, NOW).is_err());
    assert!(RefreshClaims::open(&of_new, &done, NOW).is_ok());
    let (_, code) = old.issue_code(CodePurpose::Enrol, &name("home"), NOW + 60).unwrap();
    assert!(switched.open_code(CodePurpose::Enrol, code.expose(), NOW).is_ok());
    assert_eq!(done.open_code(CodePurpose::Enrol, code.expose(), NOW), Err(Refusal::BadSeal));
}

fn opened(keys: &EdgeKeys, token: &str) -> Result<String, Refusal> {
    keys.read_sealed(token).and_then(|sealed| sealed.open(None))
}

#[test]
fn what_others_seal_opens_until_the_key_is_retired_and_isolates_that_lag_open_it_too() {
    let old = EdgeKeys::generate_at(NOW).unwrap();
    let published = taken(&old, Step::Publish, NOW);
    let switched = taken(&published, Step::Switch, NOW);
    let done = taken(&switched, Step::Retire, NOW);
    let sealed = |keys: &EdgeKeys| {
        SealingKey::read(keys.published().to_string().as_bytes()).unwrap().seal("a.b.c").unwrap()
    };
    assert!(
        opened(&old, &sealed(&published)).is_ok(),
        "a key that some isolates do not have is not published"
    );
    for keys in [&published, &switched] {
        assert!(opened(keys, &sealed(&old)).is_ok());
        assert!(opened(keys, &sealed(&switched)).is_ok());
    }
    assert_eq!(opened(&done, &sealed(&old)).unwrap_err().code(), "unknown_key");
    assert!(opened(&done, &sealed(&switched)).is_ok());
    assert!(opened(&old.replaced(NOW).unwrap(), &sealed(&old)).is_err());
}

#[test]
fn keys_of_before_there_were_sealed_tokens_get_one_by_rotation() {
    let mut jwks: serde_json::Value =
        serde_json::from_str(EdgeKeys::generate_at(NOW).unwrap().to_private_jwks().expose()).unwrap();
    jwks["keys"].as_array_mut().unwrap().retain(|key| key["kty"] != "EC");
    let old = EdgeKeys::from_jwks(&jwks.to_string()).unwrap();
    let offered = |keys: &EdgeKeys| {
        keys.published()["keys"].as_array().unwrap().iter().filter(|key| key["use"] == "enc").count()
    };
    let published = taken(&old, Step::Publish, NOW);
    let switched = taken(&published, Step::Switch, NOW);
    let done = taken(&switched, Step::Retire, NOW);
    assert_eq!([&old, &published, &switched, &done].map(offered), [0, 0, 1, 1]);
}

#[test]
fn a_device_that_was_away_through_rotations_and_an_emergency_is_still_known() {
    let first = EdgeKeys::generate_at(NOW).unwrap();
    let (home, porch) = (name("home"), name("porch"));
    let device = SigningKey::generate();
    let cert = sign_cert(&first, &home, &porch, &device.public(), "cert", NOW).unwrap();
    let mut keys = first.clone();
    let mut now = NOW;
    for _ in 0..2 {
        for step in [Step::Publish, Step::Switch, Step::Retire] {
            now += 86_400;
            keys = taken(&keys, step, now);
            let known = DeviceCert::verify(&cert, keys.for_devices(), std::slice::from_ref(&home), now);
            assert_eq!(known.unwrap().device, porch);
        }
    }
    keys = keys.replaced(now).unwrap();
    assert!(DeviceCert::verify(&cert, keys.for_devices(), std::slice::from_ref(&home), now).is_ok());
    assert!(DeviceCert::verify(&cert, keys.public(), std::slice::from_ref(&home), now).is_err());
    assert_eq!(
        roles(&keys),
        [KeyRole::Signs, KeyRole::Seals, KeyRole::Receives]
            .into_iter()
            .chain([KeyRole::Devices; 3])
            .collect::<Vec<_>>()
    );

    // A retired key verifies only device certificates.
    assert!(!accepts(&keys, &access(&first)));
    let welcome = welcome::sign(&first, &home, "session-session-1", NOW * 1_000).unwrap();
    assert!(welcome::verify(&welcome, keys.public(), "session-session-1", &home).is_err());
}

#[test]
fn the_emergency_leaves_nothing_of_the_old_keys() {
    let old = EdgeKeys::generate().unwrap();
    let fresh = old.replaced(NOW).unwrap();
    let (before, after) = (old.to_private_jwks(), fresh.to_private_jwks());
    let before: serde_json::Value = serde_json::from_str(before.expose()).unwrap();
    for key in before["keys"].as_array().unwrap() {
        for secret in ["d", "k"] {
            assert!(key.get(secret).is_none_or(|value| !after.expose().contains(value.as_str().unwrap())));
        }
    }
    assert_eq!(fresh.next_step(), Step::Publish);
}

#[test]
fn steps_are_taken_in_their_order() {
    let old = EdgeKeys::generate().unwrap();
    assert_eq!(old.step(Step::Switch, NOW).unwrap_err(), StepError::NotPublished);
    assert_eq!(old.step(Step::Retire, NOW).unwrap_err(), StepError::NothingOld);
    let published = old.step(Step::Publish, NOW).unwrap();
    assert_eq!(published.step(Step::Publish, NOW).unwrap_err(), StepError::AlreadyPublished);
    assert_eq!(published.step(Step::Retire, NOW).unwrap_err(), StepError::NotSwitched);
    let switched = published.step(Step::Switch, NOW).unwrap();
    assert_eq!(switched.step(Step::Switch, NOW).unwrap_err(), StepError::NotPublished);
    assert!(switched.step(Step::Retire, NOW).is_ok());
}

#[test]
fn a_clock_that_went_back_does_not_confuse_the_steps() {
    let mut keys = EdgeKeys::generate_at(NOW).unwrap();
    for step in [Step::Publish, Step::Switch, Step::Retire, Step::Publish, Step::Switch] {
        assert_eq!(keys.next_step(), step);
        keys = taken(&keys, step, NOW - 1_000_000);
    }
    assert_eq!(roles(&keys)[..2], [KeyRole::Signs, KeyRole::Verifies]);
}

#[test]
fn retired_keys_go_when_the_last_credential_has_expired_and_fit_the_secret() {
    let mut keys = EdgeKeys::generate_at(NOW).unwrap();
    for n in 0..20 {
        keys = keys.replaced(NOW + n).unwrap();
    }
    // Cloudflare accepts secrets of at most 5 KB. The secret is largest during a rotation, because the new keys are
    // added.
    let largest = keys.step(Step::Publish, NOW + 30).unwrap().to_private_jwks();
    assert!(largest.expose().len() < 5_000, "{}", largest.expose().len());
    assert_eq!(keys.replaced(NOW + CERT_LIFE + 20).unwrap().list().len(), 4);
}
