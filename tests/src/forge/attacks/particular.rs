//! Attacks on claims that only tokens of one role have.

use serde_json::{Value, json};

use crate::forge::subject::refused;
use crate::forge::{Attempt, Object, Role, Signer, Subject, encode};

fn only(s: &Subject, role: Role, attempts: impl FnOnce() -> Vec<Attempt>) -> Vec<Attempt> {
    if s.role == role { attempts() } else { vec![] }
}

/// Makes access tokens whose scope is invalid, or whose generation is missing or is not an unsigned integer.
pub fn an_access_token_of_odd_scope(s: &Subject) -> Vec<Attempt> {
    let guest = s.role == Role::Guest;
    only(s, if guest { Role::Guest } else { Role::Access }, || {
        let mut all = Vec::new();
        for scope in
            [json!(null), json!(7), json!(["site:*"]), json!("root"), json!("line:*"), json!("site:* sudo")]
        {
            all.extend(refused("json", [s.claim("scope", scope)]));
        }
        for generation in [json!(null), json!("1"), json!(-1), json!(1.5)] {
            all.extend(refused("json", [s.claim("gen", generation)]));
        }
        all.extend(refused("json", [s.without_claim("gen")]));
        all.extend(refused("missing_claim", [s.without_claim("scope")]));
        all
    })
}

/// Makes device certificates with no key, with a private key, or with a key of another type.
pub fn a_credential_of_an_odd_key(s: &Subject) -> Vec<Attempt> {
    only(s, Role::Cert, || {
        let own = &s.claims["cnf"]["jwk"];
        let with = |member: &str, value: Value| {
            let mut jwk = own.clone();
            jwk[member] = value;
            json!({ "jwk": jwk })
        };
        let rsa = Signer::rs256().public_jwk();
        let mut all = refused(
            "json",
            [s.without_claim("cnf"), s.claim("cnf", json!({})), s.claim("cnf", json!("key"))],
        );
        for cnf in [
            json!({ "jwk": null }),
            json!({ "jwk": {} }),
            json!({ "jwk": rsa }),
            json!({ "jwk": { "kty": "oct", "k": encode([7; 32]) } }),
            with("d", json!(encode([7; 32]))),
            with("crv", json!("X25519")),
            with("x", json!("")),
            with("kid", json!("another")),
        ] {
            all.extend(refused("bad_claim", [s.claim("cnf", cnf)]));
        }
        all
    })
}

/// Makes device certificates whose device name is a path, is blank or is otherwise invalid.
pub fn a_credential_of_an_odd_device(s: &Subject) -> Vec<Attempt> {
    only(s, Role::Cert, || {
        refused(
            "bad_claim",
            ["../porch", "Porch", "porch/door", "*", " ", "пorch"].map(|name| s.claim("sub", name)),
        )
    })
}

/// Makes device proofs for an old, altered or invented challenge.
pub fn a_proof_of_another_challenge(s: &Subject) -> Vec<Attempt> {
    only(s, Role::Proof, || {
        let own = s.text("challenge").to_owned();
        let mut altered = crate::forge::decode(&own);
        altered[7] ^= 1;
        let odd = [
            String::new(),
            "AAAA".into(),
            encode([0; 40]),
            encode(&altered),
            format!("{own}AAAA"),
            own[1..].into(),
        ];
        let mut all = refused("bad_seal", odd.map(|challenge| s.claim("challenge", challenge)));
        all.extend(refused("json", [s.without_claim("challenge"), s.claim("challenge", json!([own]))]));
        let iat = s.claims["iat"].as_u64().expect("a time");
        let earlier =
            Object::from_iter([("iat".into(), (iat - 1).into()), ("exp".into(), (iat + 30).into())]);
        all.extend(refused("bad_claim", [s.with_claims(&earlier)]));
        all
    })
}

/// Makes device proofs from another device, or with an invalid connection nonce.
pub fn a_proof_of_another_device_or_session(s: &Subject) -> Vec<Attempt> {
    only(s, Role::Proof, || {
        let mut all = refused("wrong_issuer", [s.claim("iss", "shed"), s.claim("iss", "urn:pinlatch:edge")]);
        let odd = ["", "short", &"x".repeat(65), "has space has space", "../../../../etc/passwd"]
            .map(str::to_owned);
        all.extend(refused("bad_claim", odd.map(|session| s.claim("session", session))));
        all.extend(refused("json", [s.without_claim("session"), s.claim("session", 7)]));
        all
    })
}

pub fn a_command_of_another_session(s: &Subject) -> Vec<Attempt> {
    only(s, Role::Command, || {
        let mut all =
            refused("wrong_session", ["", "another-connection-x"].map(|session| s.claim("session", session)));
        all.extend(refused("json", [s.without_claim("session"), s.claim("session", json!(null))]));
        all
    })
}

/// Makes command tokens whose deadline is later than the token's expiry, is missing, or is not an integer.
pub fn a_command_of_an_odd_deadline(s: &Subject) -> Vec<Attempt> {
    only(s, Role::Command, || {
        let deadline = s.claims["deadline"].as_u64().expect("a time");
        let mut all =
            refused("bad_claim", [s.claim("deadline", deadline + 10_000), s.claim("deadline", u64::MAX)]);
        for odd in [json!(deadline.to_string()), json!(-1), json!(1e300), json!(null), json!(0.5)] {
            all.extend(refused("json", [s.claim("deadline", odd)]));
        }
        all.extend(refused("json", [s.without_claim("deadline")]));
        all
    })
}

/// Makes command tokens for another device name or another site.
pub fn a_command_for_another_device(s: &Subject) -> Vec<Attempt> {
    only(s, Role::Command, || {
        let own = s.text("aud");
        let others =
            [own.replace("porch", "shed"), own.replace("home", "lab"), own.replace("device", "site")];
        refused("wrong_audience", others.map(|aud| s.claim("aud", aud)))
    })
}

/// Makes command tokens whose line, action or arguments are missing or have the wrong type.
pub fn a_command_of_odd_parts(s: &Subject) -> Vec<Attempt> {
    only(s, Role::Command, || {
        let mut all = Vec::new();
        for name in ["line", "action", "args"] {
            all.extend(refused(
                "json",
                [s.without_claim(name), s.claim(name, json!(7)), s.claim(name, json!(null))],
            ));
        }
        all.extend(refused("json", ["", "*", "Door", "../door"].map(|line| s.claim("line", line))));
        all
    })
}

/// Makes welcome tokens with another connection nonce, an invalid site, or inconsistent times.
pub fn a_welcome_for_somebody_else(s: &Subject) -> Vec<Attempt> {
    only(s, Role::Welcome, || {
        let now_ms = s.claims["now_ms"].as_u64().expect("a time");
        let mut all =
            refused("wrong_session", [s.claim("session", "another-connection-x"), s.claim("session", "")]);
        all.extend(refused("bad_claim", [s.claim("now_ms", now_ms + 10_000), s.claim("now_ms", 0)]));
        all.extend(refused(
            "json",
            [s.without_claim("now_ms"), s.claim("now_ms", 1.5), s.claim("site", "../x")],
        ));
        all
    })
}

/// Makes key set tokens with no keys, with duplicate keys, with keys that are not edge keys, or with an invalid number.
pub fn a_key_set_of_odd_keys(s: &Subject) -> Vec<Attempt> {
    only(s, Role::KeySet, || {
        let own = &s.claims["jwks"]["keys"][0];
        let mut private = own.clone();
        private["d"] = json!(encode([7; 32]));
        let mut renamed = own.clone();
        renamed["kid"] = json!("another");
        let rsa = Signer::rs256().public_jwk();
        let sets = [
            json!({}),
            json!({ "keys": [] }),
            json!({ "keys": {} }),
            json!({ "keys": [own, own] }),
            json!({ "keys": [private] }),
            json!({ "keys": [renamed] }),
            json!({ "keys": [own, rsa] }),
            json!({ "keys": [{ "kty": "oct", "k": encode([7; 32]) }] }),
        ];
        let mut all = refused("bad_claim", sets.map(|jwks| s.claim("jwks", jwks)));
        for number in [json!(-1), json!("9"), json!(1.5), json!(null)] {
            all.extend(refused("json", [s.with_claims(&Object::from_iter([("number".into(), number)]))]));
        }
        all
    })
}
