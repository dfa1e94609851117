use pinlatch_protocol::command::CommandStatus;
use pinlatch_token::{HolderKey, SigningKey, random_id};
use serde_json::Map;

use super::*;

const NOW_S: u64 = 1_790_000_000;
const BOOT_MS: u64 = 100_000;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

struct Fixture {
    root: SigningKey,
    holder: HolderKey,
    calls: Calls,
}

fn of_root(root: &SigningKey, boot: &str) -> Calls {
    let owner = Owner::new(&root.public(), name("home"), name("porch"));
    Calls::new(owner, boot.into(), Revocations::default(), 0)
}

/// Returns a device, an owner and a holder, whose key has one of the two types.
fn fixture(is_p256: bool) -> Fixture {
    let root = SigningKey::generate();
    let holder = if is_p256 { HolderKey::generate_p256() } else { HolderKey::generate() };
    Fixture { calls: of_root(&root, "boot-1"), holder: holder.unwrap(), root }
}

fn now() -> Times {
    Times { edge: Some((NOW_S * 1_000, NOW_S * 1_000 + 50)), system: None }
}

impl Fixture {
    fn grant(&self) -> Grant {
        let scope = "line:porch/door:pulse".parse().unwrap();
        Grant::new(&name("home"), "Ann", self.holder.public().clone(), scope, NOW_S - 10)
    }

    fn claims(&self) -> CallClaims {
        CallClaims {
            jti: random_id(),
            line: name("door"),
            action: "pulse".into(),
            args: Map::new(),
            challenge: self.calls.challenge(BOOT_MS),
            boot: "boot-1".into(),
            max_age_ms: 5_000,
        }
    }

    fn sign(&self, claims: CallClaims) -> String {
        claims.sign(&self.holder, &name("home"), &name("porch"), NOW_S).unwrap()
    }

    fn verify(&mut self, claims: CallClaims, grant: &Grant) -> Result<Verified, CallRefused> {
        let (call, grant) = (self.sign(claims), grant.sign(&self.root).unwrap());
        self.calls.verify(&call, &grant, now(), BOOT_MS + 1_000)
    }

    /// Returns the code of the refusal.
    fn refusal(&mut self, claims: CallClaims, grant: &Grant) -> &'static str {
        self.verify(claims, grant).unwrap_err().code()
    }
}

#[test]
fn a_holder_with_a_grant_is_accepted() {
    for is_p256 in [false, true] {
        let mut f = fixture(is_p256);
        let (claims, grant) = (f.claims(), f.grant());
        for _ in 0..2 {
            let verified = f.verify(claims.clone(), &grant).unwrap();
            assert_eq!((verified.call, verified.grant), (claims.clone(), grant.clone()));
        }
        assert_eq!(f.calls.floor_s(), grant.issued);
    }
}

#[test]
fn a_challenge_belongs_to_this_run_and_ends() {
    let mut f = fixture(false);
    let grant = f.grant();
    let token = grant.sign(&f.root).unwrap();
    let call = f.sign(f.claims());
    for (after_ms, accepted) in [(0, true), (4_999, true), (5_000, false), (60_000, false)] {
        let result = f.calls.verify(&call, &token, now(), BOOT_MS + after_ms);
        assert_eq!(
            result.map_err(|refused| refused.code()).err(),
            (!accepted).then_some("refused_challenge")
        );
    }
    // Another device, and the next run of the same agent, have other challenges.
    for boot in ["boot-1", "boot-2"] {
        let result = of_root(&f.root, boot).verify(&call, &token, now(), BOOT_MS);
        assert_eq!(result, Err(CallRefused::Challenge));
    }
    let other = CallClaims { boot: "boot-2".into(), ..f.claims() };
    assert_eq!(f.refusal(other, &grant), "refused_challenge");
    let changed = CallClaims { challenge: "AAAA".into(), ..f.claims() };
    assert_eq!(f.refusal(changed, &grant), "refused_challenge");
}

#[test]
fn only_the_holder_and_the_owner_count() {
    let (mut f, thief) = (fixture(false), fixture(true));
    let (claims, grant) = (f.claims(), f.grant());
    let (call, genuine) = (f.sign(claims.clone()), grant.sign(&f.root).unwrap());
    let mut code = |call: &str, grant: &str| {
        f.calls.verify(call, grant, now(), BOOT_MS).map_err(|refused| refused.code()).err()
    };
    assert_eq!(code(&call, &grant.sign(&thief.root).unwrap()), Some("refused_grant"));
    assert_eq!(code(&call, &call), Some("refused_grant"));
    assert_eq!(code(&thief.sign(claims.clone()), &genuine), Some("refused_call"));
    let other_device = claims.clone().sign(&thief.holder, &name("home"), &name("shed"), NOW_S).unwrap();
    assert_eq!(code(&other_device, &genuine), Some("refused_call"));
    for site in ["lab", "home2"] {
        let elsewhere = Grant { site: name(site), ..grant.clone() }.sign(&f.root).unwrap();
        assert_eq!(code(&call, &elsewhere), Some("refused_grant"));
    }
    assert_eq!(code("", &genuine), Some("refused_challenge"));
    assert_eq!(code(&call, ""), Some("refused_grant"));
    assert_eq!(code(&call, &genuine), None);
}

#[test]
fn a_grant_covers_its_actions_until_its_end() {
    let mut f = fixture(true);
    let grant = f.grant();
    assert_eq!(f.refusal(CallClaims { line: name("lamp"), ..f.claims() }, &grant), "refused_grant_scope");
    assert_eq!(f.refusal(CallClaims { action: "set".into(), ..f.claims() }, &grant), "refused_grant_scope");
    let shed = Grant { scope: "line:shed/door:pulse".parse().unwrap(), ..grant.clone() };
    assert_eq!(f.refusal(f.claims(), &shed), "refused_grant_scope");
    let expired = Grant { not_before: NOW_S - 10, expires: NOW_S, ..grant.clone() };
    assert_eq!(f.refusal(f.claims(), &expired), "refused_grant_expired");
    let early = Grant { not_before: NOW_S + 1, ..grant.clone() };
    assert_eq!(f.refusal(f.claims(), &early), "refused_grant_early");
    let (call, token) = (f.sign(f.claims()), grant.sign(&f.root).unwrap());
    let mut offline = of_root(&f.root, "boot-1");
    offline.challenges = f.calls.challenges.clone();
    assert_eq!(offline.verify(&call, &token, Times::default(), BOOT_MS), Err(CallRefused::TimeUnknown));
}

#[test]
fn a_newer_list_of_revocations_replaces_an_older_one() {
    let mut f = fixture(false);
    let grant = f.grant();
    let list = |number: u64, grants: &[&str]| Revocations {
        number,
        grants: grants.iter().map(|id| (*id).to_owned()).collect(),
        ..Revocations::default()
    };
    let signed = |list: &Revocations, root: &SigningKey| list.sign(root, &name("home")).unwrap();
    let newer = list(NOW_S * 1_000, &[&grant.id]);
    assert!(f.calls.receive(&signed(&newer, &SigningKey::generate())).is_err());
    assert!(f.verify(f.claims(), &grant).is_ok());
    assert_eq!(f.calls.receive(&signed(&newer, &f.root)), Ok(Received::Newer));
    assert_eq!(f.refusal(f.claims(), &grant), "refused_revoked");
    assert_eq!(f.calls.floor_s(), NOW_S);
    assert_eq!(f.calls.receive(&signed(&newer, &f.root)), Ok(Received::Known));
    assert_eq!(f.calls.receive(&signed(&list(NOW_S * 1_000 - 1, &[]), &f.root)), Ok(Received::Known));
    assert_eq!(f.calls.receive(&signed(&list(NOW_S * 1_000, &[]), &f.root)), Ok(Received::Contradiction));
    assert_eq!(f.refusal(f.claims(), &grant), "refused_revoked");
    assert_eq!(f.calls.receive(&signed(&list(NOW_S * 1_000 + 1, &[]), &f.root)), Ok(Received::Newer));
    assert!(f.verify(f.claims(), &grant).is_ok(), "the owner has taken the revocation back");
}

#[tokio::test(start_paused = true)]
async fn invalid_signatures_are_limited_and_do_not_lock_a_holder_out_for_long() {
    let (mut f, thief) = (fixture(false), fixture(false));
    let grant = f.grant();
    let forged = thief.sign(f.claims());
    let token = grant.sign(&f.root).unwrap();
    let mut codes = Vec::new();
    for _ in 0..30 {
        codes.push(f.calls.verify(&forged, &token, now(), BOOT_MS).unwrap_err().code());
    }
    assert_eq!(codes.iter().filter(|code| **code == "refused_call").count(), 20);
    assert_eq!(codes[20..], ["refused_many_calls"; 10]);
    assert_eq!(f.refusal(f.claims(), &grant), "refused_many_calls");
    tokio::time::advance(FAILURES.every).await;
    assert!(f.verify(f.claims(), &grant).is_ok());
    // Without a challenge of this run, no signature is checked, so such calls take nothing from the limit.
    for _ in 0..100 {
        let unfresh = CallClaims { challenge: thief.calls.challenge(BOOT_MS), ..f.claims() };
        assert_eq!(f.refusal(unfresh, &grant), "refused_challenge");
    }
    assert!(f.verify(f.claims(), &grant).is_ok());
}

#[test]
fn a_repeated_call_gets_the_first_outcome_with_a_new_challenge() {
    let mut f = fixture(true);
    let (claims, grant) = (f.claims(), f.grant());
    let first = f.verify(claims.clone(), &grant).unwrap();
    assert_eq!(f.calls.before(&first), Ok(None));
    let outcome = Outcome {
        id: "c1".into(),
        status: CommandStatus::Executed,
        code: None,
        level: None,
        ends_in_ms: None,
        blinking: false,
        receipt: None,
    };
    f.calls.ran(&first, &outcome);
    let retry = CallClaims { challenge: f.calls.challenge(BOOT_MS + 500), ..claims };
    let again = f.verify(retry, &grant).unwrap();
    assert_eq!(f.calls.before(&again), Ok(Some(outcome)));
    let other = f.verify(f.claims(), &grant).unwrap();
    assert_eq!(f.calls.before(&other), Ok(None));
}
