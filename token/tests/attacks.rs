//! Sends every attack of the attack catalogue to every verifier of this crate, and compares the refusal codes.
//!
//! The end-to-end tests send the tokens of the same catalogue to a real Worker.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed expectation is the point"
)]

#[path = "../../tests/src/forge/mod.rs"]
mod forge;

use std::cell::RefCell;

use forge::attacks::Attack;
use forge::{Role, Signer, Subject};
use pinlatch_protocol::command::CommandStatus;
use pinlatch_protocol::line::Level;
use pinlatch_protocol::name::Name;
use pinlatch_token::call::{CallClaims, MAX_CALL};
use pinlatch_token::command::{self, CommandClaims};
use pinlatch_token::device::{self, DeviceCert};
use pinlatch_token::grant::Grant;
use pinlatch_token::identity::{self, DeviceIdentity};
use pinlatch_token::reading::Reading;
use pinlatch_token::receipt::{Receipt, command_digest};
use pinlatch_token::refresh::RefreshClaims;
use pinlatch_token::revocations::Revocations;
use pinlatch_token::statement::{Moment, TimeSource};
use pinlatch_token::{
    AccessClaims, AccessGrant, ChallengeSecret, EDGE, EdgeKeys, HolderKey, HolderPublicKey, Issuers, KeySet,
    Kind, NotAdmitted, ROOT, Refusal, SignatureCache, SigningKey, Terms, Typ, explain, keyset, random_id,
    verify_foreign, welcome,
};
use serde_json::{Value, json};

const NOW: u64 = 1_790_000_000;

/// An edge, a device and three external issuers, with a valid token for each kind of verifier.
struct Fixture {
    edge: EdgeKeys,
    root: SigningKey,
    device: SigningKey,
    /// A holder with an Ed25519 key, and a holder with a P-256 key.
    holders: [HolderKey; 2],
    session: String,
    sites: [Name; 2],
    porch: Name,
    issuers: Issuers,
    issuer_keys: Vec<(&'static str, KeySet)>,
    cache: RefCell<SignatureCache>,
    subjects: Vec<Subject>,
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn private(key: &SigningKey) -> Signer {
    Signer::of_private_jwk(&serde_json::from_str(key.to_private_jwk().expose()).unwrap())
}

impl Fixture {
    fn new() -> Self {
        let (hs256, rs256, es256) = (Signer::hs256(), Signer::rs256(), Signer::es256());
        let Signer::Hs256(secret) = hs256.clone() else { panic!("a secret") };
        let mut jwk = rs256.public_jwk().unwrap();
        jwk["kid"] = json!("rs-1");
        let jwks = json!({ "keys": [jwk] });
        let pem = es256.public_pem().unwrap();
        let table = |alg: &str, member: &str, value: &str| {
            json!({ "issuer": issuer(alg), "site": "home", "audience": "bench", "scope": "line:*/*:*",
                    "algorithms": [alg], "max_life": 3600, member: value })
        };
        let tables = json!({
            "hs256": table("HS256", "secret", "SECRET"),
            "rs256": table("RS256", "keys", &jwks.to_string()),
            "es256": table("ES256", "keys", &pem),
        });
        let sites = [name("home"), name("lab")];
        let text = String::from_utf8(secret.clone()).unwrap();
        let issuers = Issuers::read(&tables, &sites, |name| (name == "SECRET").then(|| text.clone()));
        assert!(issuers.faults().is_empty(), "{:?}", issuers.faults());
        let mut world = Self {
            edge: EdgeKeys::generate().unwrap(),
            root: SigningKey::generate(),
            device: SigningKey::generate(),
            holders: [HolderKey::generate().unwrap(), HolderKey::generate_p256().unwrap()],
            session: random_id(),
            sites,
            porch: name("porch"),
            issuers,
            issuer_keys: vec![
                ("HS256", KeySet::from_key_file(&secret, &[]).unwrap()),
                ("RS256", KeySet::from_jwks(&jwks, &[]).unwrap()),
                ("ES256", KeySet::from_key_file(pem.as_bytes(), &[]).unwrap()),
            ],
            cache: RefCell::new(SignatureCache::new(64)),
            subjects: vec![],
        };
        world.subjects = world.make_subjects([hs256, rs256, es256]);
        world
    }

    fn make_subjects(&self, issuers: [Signer; 3]) -> Vec<Subject> {
        let home = &self.sites[0];
        let jwks: Value = serde_json::from_str(self.edge.to_private_jwks().expose()).unwrap();
        let edge = Signer::of_private_jwk(&jwks["keys"][0]);
        let claims = AccessClaims {
            scope: Some("line:*/*:*".parse().unwrap()),
            generation: 1,
            family: None,
            auth_time: None,
            not_before: None,
        };
        let access = AccessGrant {
            kind: Kind::Access,
            site: home,
            sub: "ann",
            jti: random_id(),
            now: NOW,
            life: 600,
            claims,
        };
        let guest = AccessGrant { kind: Kind::Guest, sub: "token:g1", jti: "g1".into(), ..access.clone() };
        let public = self.device.public();
        let cert = device::sign_cert(&self.edge, home, &self.porch, &public, "d1", NOW).unwrap();
        let challenge = self.edge.issue_challenge(NOW);
        let proof = device::sign_proof(&self.device, home, &self.porch, &challenge, &self.session).unwrap();
        let command = CommandClaims {
            jti: "c1".into(),
            sub: "ann".into(),
            deadline_ms: NOW * 1000 + 5_000,
            line: name("door"),
            action: "pulse".into(),
            args: json!({ "ms": 20 }).as_object().unwrap().clone(),
            call: None,
        };
        let command = command.sign(&self.edge, home, &self.porch, &self.session, NOW * 1000).unwrap();
        let welcome = welcome::sign(&self.edge, home, &self.session, NOW * 1000).unwrap();
        let key_set = keyset::sign(&self.root, 7, self.edge.public(), NOW).unwrap();
        let identity = identity::sign(&self.root, home, &self.porch, &public, NOW).unwrap();
        let (reading, receipt) = (self.reading(), self.receipt());
        let mut subjects = vec![
            Subject::of(Role::Access, &edge, &access.sign(&self.edge).unwrap(), NOW),
            Subject::of(Role::Guest, &edge, &guest.sign(&self.edge).unwrap(), NOW),
            Subject::of(Role::Cert, &edge, &cert, NOW),
            Subject::of(Role::Proof, &private(&self.device), &proof, NOW),
            Subject::of(Role::Command, &edge, &command, NOW),
            Subject::of(Role::Welcome, &edge, &welcome, NOW),
            Subject::of(Role::KeySet, &private(&self.root), &key_set, NOW),
            Subject::of(Role::Identity, &private(&self.root), &identity, NOW),
            Subject::of(Role::Reading, &private(&self.device), &reading, NOW),
            Subject::of(Role::Receipt, &private(&self.device), &receipt, NOW),
            Subject::of(Role::Grant, &private(&self.root), &self.grant(&self.holders[0]), NOW),
            Subject::of(Role::Revoked, &private(&self.root), &self.revocations(), NOW),
        ];
        subjects.extend(self.holders.iter().map(|holder| {
            let signer =
                Signer::of_private_jwk(&serde_json::from_str(holder.to_private_jwk().expose()).unwrap());
            Subject::of(Role::Call, &signer, &self.call(holder), NOW)
        }));
        subjects.extend(issuers.map(|signer| {
            let kid = if signer.alg() == "RS256" { json!({ "kid": "rs-1" }) } else { json!({}) };
            let mut header = json!({ "alg": signer.alg(), "typ": "JWT" });
            header.as_object_mut().unwrap().extend(kid.as_object().unwrap().clone());
            let claims = json!({ "iss": issuer(signer.alg()), "aud": "bench", "sub": "cron", "jti": "j1",
                                 "iat": NOW, "exp": NOW + 600 });
            let token = subjects[0].signed_by(&signer, header.to_string(), claims.to_string());
            Subject::of(Role::Issuer, &signer, &token, NOW)
        }));
        let refresh = RefreshClaims {
            site: home.clone(),
            sub: "ann".into(),
            family: random_id(),
            jti: random_id(),
            exp: NOW + 600,
        };
        let mut all: Vec<String> = subjects.iter().map(Subject::honest).collect();
        all.push(refresh.seal(&self.edge, NOW).unwrap());
        subjects.into_iter().map(|subject| subject.beside(&all)).collect()
    }

    fn moment() -> Moment {
        let (source, boot) = (TimeSource::Edge, random_id());
        Moment { at_ms: NOW * 1_000, source, uncertainty_ms: Some(50), boot, n: 1 }
    }

    fn reading(&self) -> String {
        let reading = Reading {
            line: name("heat"),
            level: Level::Number(21.5),
            measured_ms: Self::moment().at_ms - 4_000,
            unit: Some("°C".into()),
            moment: Self::moment(),
            nonce: Some(random_id()),
        };
        reading.sign(&self.device, &self.sites[0], &self.porch).unwrap()
    }

    fn receipt(&self) -> String {
        let receipt = Receipt {
            command: "c1".into(),
            digest: command_digest("a.b.c"),
            line: name("door"),
            action: "pulse".into(),
            args: serde_json::Map::new(),
            status: CommandStatus::Executed,
            code: None,
            level: Some(Level::On(true)),
            moment: Self::moment(),
        };
        receipt.sign(&self.device, &self.sites[0], &self.porch).unwrap()
    }

    fn grant(&self, holder: &HolderKey) -> String {
        let scope = "line:porch/door:pulse".parse().unwrap();
        let grant = Grant::new(&self.sites[0], "Ann's phone", holder.public().clone(), scope, NOW);
        grant.sign(&self.root).unwrap()
    }

    fn revocations(&self) -> String {
        let list = Revocations { number: NOW * 1_000, void_before: NOW - 9, ..Revocations::default() };
        list.sign(&self.root, &self.sites[0]).unwrap()
    }

    fn call(&self, holder: &HolderKey) -> String {
        let call = CallClaims {
            jti: random_id(),
            line: name("door"),
            action: "pulse".into(),
            args: json!({ "ms": 20 }).as_object().unwrap().clone(),
            challenge: ChallengeSecret::generate().issue(1),
            boot: random_id(),
            max_age_ms: 5_000,
        };
        call.sign(holder, &self.sites[0], &self.porch, NOW).unwrap()
    }

    /// Returns the holder whose key signs the tokens of a subject.
    fn holder(&self, subject: &Subject) -> &HolderPublicKey {
        let is_p256 = subject.signer.alg() == "ES256";
        self.holders[usize::from(is_p256)].public()
    }

    fn identity(&self) -> DeviceIdentity {
        let token = self.subjects.iter().find(|other| other.role == Role::Identity).unwrap().honest();
        DeviceIdentity::verify(&token, &self.root.public(), &self.sites[0], Some(NOW)).unwrap()
    }

    /// Verifies a token in the same way as the token's recipient.
    fn check(&self, subject: &Subject, token: &str) -> Result<(), Refusal> {
        let home = &self.sites[0];
        match subject.role {
            // The Worker uses the same condition to recognise a token of an external issuer.
            Role::Access | Role::Issuer if self.issuers.claims_to_know(token) => {
                let admitted = self.issuers.admit(token, NOW, &mut self.cache.borrow_mut());
                admitted.map(drop).map_err(|error| match error {
                    NotAdmitted::Refused(refusal) => refusal,
                    NotAdmitted::Broken(name) => panic!("{name} is broken"),
                })
            }
            Role::Access | Role::Issuer => {
                let cache = &mut self.cache.borrow_mut();
                AccessClaims::verify(token, self.edge.public(), &self.sites, NOW, cache).map(drop)
            }
            Role::Guest => {
                let cache = &mut self.cache.borrow_mut();
                AccessClaims::verify_guest(token, self.edge.public(), &self.sites, Some(NOW), cache).map(drop)
            }
            Role::Cert => DeviceCert::verify(token, self.edge.public(), &self.sites, NOW).map(drop),
            Role::Proof => {
                let cert = self.subjects.iter().find(|other| other.role == Role::Cert).unwrap().honest();
                let cert = DeviceCert::verify(&cert, self.edge.public(), &self.sites, NOW)?;
                cert.verify_proof(token, &self.edge, NOW).map(drop)
            }
            Role::Command => {
                let (device, session) = (&self.porch, self.session.as_str());
                let expect = command::Expect { site: home, device, session, latest_edge_ms: NOW * 1000 };
                command::verify(token, self.edge.public(), &expect).map(drop)
            }
            Role::Welcome => welcome::verify(token, self.edge.public(), &self.session, home).map(drop),
            Role::KeySet => keyset::verify(token, &self.root.public()).map(drop),
            Role::Identity => DeviceIdentity::verify(token, &self.root.public(), home, Some(NOW)).map(drop),
            Role::Reading => Reading::verify(token, &self.identity(), None).map(drop),
            Role::Receipt => Receipt::verify(token, &self.identity()).map(drop),
            Role::Grant => {
                let root = KeySet::from(self.root.public());
                Grant::verify(token, &root, home, Some(&mut self.cache.borrow_mut())).map(drop)
            }
            Role::Revoked => Revocations::verify(token, &KeySet::from(self.root.public()), home).map(drop),
            Role::Call => CallClaims::verify(token, self.holder(subject), home, &self.porch).map(drop),
        }
    }

    /// Checks that the explanation of a token agrees with the policy.
    fn explanation_agrees(&self, subject: &Subject, token: &str) {
        let edge = (self.edge.public().clone(), EDGE);
        let (keys, iss) = match subject.role {
            Role::Access | Role::Guest | Role::Cert | Role::Command | Role::Welcome => edge,
            Role::Proof => (KeySet::from(self.device.public()), "porch"),
            Role::KeySet | Role::Identity | Role::Grant | Role::Revoked => {
                (KeySet::from(self.root.public()), ROOT)
            }
            Role::Call => {
                let mut jwks = json!({ "keys": [self.holder(subject).to_jwk()] });
                jwks["keys"][0]["kid"] = self.holder(subject).thumbprint().into();
                (KeySet::from_jwks(&jwks, &[]).unwrap(), subject.text("iss"))
            }
            Role::Reading | Role::Receipt => {
                (KeySet::from(self.device.public()), "urn:pinlatch:device:home/porch")
            }
            Role::Issuer => {
                let own = self.issuer_keys.iter().find(|(alg, _)| *alg == subject.signer.alg()).unwrap();
                (own.1.clone(), subject.text("iss"))
            }
        };
        let typ = match subject.role {
            Role::Access => Typ::Kind(Kind::Access),
            Role::Guest => Typ::Kind(Kind::Guest),
            Role::Cert => Typ::Kind(Kind::DeviceCert),
            Role::Proof => Typ::Kind(Kind::DeviceProof),
            Role::Command => Typ::Kind(Kind::Command),
            Role::Welcome => Typ::Kind(Kind::Welcome),
            Role::KeySet => Typ::Kind(Kind::KeySet),
            Role::Identity => Typ::Kind(Kind::Device),
            Role::Reading => Typ::Kind(Kind::Reading),
            Role::Receipt => Typ::Kind(Kind::Receipt),
            Role::Grant => Typ::Kind(Kind::Grant),
            Role::Revoked => Typ::Kind(Kind::Revoked),
            Role::Call => Typ::Kind(Kind::Call),
            Role::Issuer => Typ::Usual,
        };
        let audiences = [subject.text("aud").to_owned()];
        let terms = Terms {
            typ,
            issuer: Some(iss),
            audiences: Some(&audiences),
            now: subject.has_clock().then_some(NOW),
            leeway: subject.leeway(),
            max_life: Some(subject.max_life),
        };
        let verdict = verify_foreign(token, &keys, &terms).map(drop);
        let explanation = explain(token, Some(&keys), &terms);
        assert_eq!(
            explanation.accepted,
            Some(verdict.is_ok()),
            "{:?}: {verdict:?}: {token:.300}",
            subject.role
        );
    }
}

fn issuer(alg: &str) -> String {
    format!("https://{}.issuers.example/", alg.to_lowercase())
}

fn is_refused_by_every_verifier(attack: Attack) {
    let world = Fixture::new();
    let mut tried = 0;
    for subject in &world.subjects {
        let honest = subject.honest();
        assert_eq!(world.check(subject, &honest), Ok(()), "{:?}", subject.role);
        for attempt in attack(subject) {
            let code = world.check(subject, &attempt.token).map_err(|refusal| refusal.code());
            // A grant or a call that is too long is not read at all.
            let is_short = matches!(subject.role, Role::Grant | Role::Call);
            let expected =
                if is_short && attempt.token.len() > MAX_CALL { "malformed" } else { attempt.code };
            assert_eq!(
                code,
                Err(expected),
                "{:?} {}: {:.600}",
                subject.role,
                subject.signer.alg(),
                attempt.token
            );
            world.explanation_agrees(subject, &attempt.token);
            tried += 1;
        }
        assert_eq!(world.check(subject, &honest), Ok(()), "{:?} afterwards", subject.role);
        world.explanation_agrees(subject, &honest);
    }
    assert!(tried > 0, "at least one attack was tried");
}

macro_rules! tests {
    ([$($module:ident :: $general:ident,)*] [$($own:ident :: $particular:ident,)*]) => {
        $(#[test]
        fn $general() {
            is_refused_by_every_verifier(forge::attacks::$module::$general);
        })*
        $(#[test]
        fn $particular() {
            is_refused_by_every_verifier(forge::attacks::$own::$particular);
        })*
    };
}

for_each_attack!(tests);
