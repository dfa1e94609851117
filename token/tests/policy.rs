//! These tests check the policy through the public functions of the crate, with accepted and refused tokens of each
//! kind.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a failed expectation is the point"
)]

use pinlatch_protocol::name::{Name, UserName};
use pinlatch_token::client::{self, ClientClaims};
use pinlatch_token::command::{self, CommandClaims};
use pinlatch_token::device::{self, DeviceCert};
use pinlatch_token::refresh::RefreshClaims;
use pinlatch_token::{
    AccessClaims, AccessGrant, EdgeKeys, KeySet, Kind, Refusal, SignatureCache, SigningKey, keyset,
    random_id, welcome,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const NOW: u64 = 1_790_000_000;

struct Fixture {
    keys: EdgeKeys,
    site: Name,
    door: Name,
    session: String,
}

fn world() -> Fixture {
    Fixture {
        keys: EdgeKeys::generate().unwrap(),
        site: name("home"),
        door: name("porch"),
        session: random_id(),
    }
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

impl Fixture {
    fn access(&self, site: &str) -> String {
        let claims = AccessClaims {
            scope: Some("line:porch/door:pulse".parse().unwrap()),
            generation: 1,
            family: None,
            auth_time: None,
            not_before: None,
        };
        AccessGrant {
            kind: Kind::Access,
            site: &name(site),
            sub: "ann",
            jti: random_id(),
            now: NOW,
            life: 600,
            claims,
        }
        .sign(&self.keys)
        .unwrap()
    }
    fn verify_access(&self, token: &str, now: u64) -> Result<String, Refusal> {
        let sites = [name("home")];
        AccessClaims::verify(token, self.keys.public(), &sites, now, &mut SignatureCache::new(0))
            .map(|(_, v)| v.registered.sub)
    }
    fn command(&self, deadline_ms: u64) -> String {
        let claims = CommandClaims {
            jti: "c1".into(),
            sub: "ann".into(),
            deadline_ms,
            line: name("door"),
            action: "pulse".into(),
            args: Map::from_iter([("ms".into(), json!(3000))]),
            call: None,
        };
        claims.sign(&self.keys, &self.site, &self.door, &self.session, NOW * 1000).unwrap()
    }
    fn verify_command(&self, token: &str, latest_edge_ms: u64) -> Result<CommandClaims, Refusal> {
        let expect =
            command::Expect { site: &self.site, device: &self.door, session: &self.session, latest_edge_ms };
        command::verify(token, self.keys.public(), &expect)
    }
}

#[test]
fn an_access_token_is_good_until_its_last_second_on_its_own_site() {
    let w = world();
    let token = w.access("home");
    assert_eq!(w.verify_access(&token, NOW + 599), Ok("ann".into()));
    assert_eq!(w.verify_access(&token, NOW + 600), Err(Refusal::Expired(0)));
    assert_eq!(
        w.verify_access(&token, NOW - 60),
        Ok("ann".into()),
        "the verifier's clock can be a minute behind"
    );
    assert_eq!(w.verify_access(&token, NOW - 61), Err(Refusal::NotYetValid(61)));
    assert!(matches!(w.verify_access(&w.access("lab"), NOW), Err(Refusal::WrongAudience { .. })));
    assert!(matches!(w.verify_access(&world().access("home"), NOW), Err(Refusal::UnknownKey(_))));
}

#[test]
fn a_command_is_for_one_device_one_connection_and_not_after_its_deadline() {
    let w = world();
    let deadline = NOW * 1000 + 5_000;
    let token = w.command(deadline);
    assert_eq!(w.verify_command(&token, deadline - 1).unwrap().action, "pulse");
    assert_eq!(w.verify_command(&token, deadline), Err(Refusal::DeadlinePassed(0)));
    let expect = |site: &str, device: &str, session: &str| {
        let (site, device) = (name(site), name(device));
        let expect = command::Expect { site: &site, device: &device, session, latest_edge_ms: NOW * 1000 };
        command::verify(&token, w.keys.public(), &expect)
    };
    assert!(matches!(expect("home", "shed", &w.session), Err(Refusal::WrongAudience { .. })));
    assert!(matches!(expect("lab", "porch", &w.session), Err(Refusal::WrongAudience { .. })));
    assert_eq!(expect("home", "porch", &random_id()), Err(Refusal::WrongSession));
}

#[test]
fn a_token_of_one_kind_is_never_another() {
    let w = world();
    let device_key = SigningKey::generate();
    let cert = device::sign_cert(&w.keys, &w.site, &w.door, &device_key.public(), "d1", NOW).unwrap();
    let welcome = welcome::sign(&w.keys, &w.site, &w.session, NOW * 1000).unwrap();
    let tokens = [w.access("home"), w.command(NOW * 1000 + 5_000), cert, welcome];
    let sites = [name("home")];
    for (index, token) in tokens.iter().enumerate() {
        let outcomes = [
            AccessClaims::verify(token, w.keys.public(), &sites, NOW, &mut SignatureCache::new(0))
                .map(|_| ()),
            w.verify_command(token, NOW * 1000).map(|_| ()),
            DeviceCert::verify(token, w.keys.public(), &sites, NOW).map(|_| ()),
            welcome::verify(token, w.keys.public(), &w.session, &w.site).map(|_| ()),
        ];
        for (place, outcome) in outcomes.into_iter().enumerate() {
            match (place == index, outcome) {
                (true, outcome) => assert_eq!(outcome, Ok(())),
                (false, outcome) => {
                    assert!(matches!(outcome, Err(Refusal::WrongKind { .. })), "{index} as {place}")
                }
            }
        }
        assert!(RefreshClaims::open(token, &w.keys, NOW).is_err());
    }
}

#[test]
fn a_device_proves_its_key_once_per_challenge() {
    let w = world();
    let key = SigningKey::generate();
    let token = device::sign_cert(&w.keys, &w.site, &w.door, &key.public(), "d1", NOW).unwrap();
    let cert = DeviceCert::verify(&token, w.keys.public(), std::slice::from_ref(&w.site), NOW).unwrap();
    assert_eq!((cert.device.as_str(), cert.jti.as_str()), ("porch", "d1"));
    let challenge = w.keys.issue_challenge(NOW);
    let proof = device::sign_proof(&key, &w.site, &w.door, &challenge, &w.session).unwrap();
    assert_eq!(cert.verify_proof(&proof, &w.keys, NOW + 59), Ok(w.session.clone()));
    assert!(matches!(cert.verify_proof(&proof, &w.keys, NOW + 60), Err(Refusal::Expired(_))));
    let stolen =
        device::sign_proof(&SigningKey::generate(), &w.site, &w.door, &challenge, &w.session).unwrap();
    assert!(matches!(cert.verify_proof(&stolen, &w.keys, NOW), Err(Refusal::UnknownKey(_))));
    let foreign = EdgeKeys::generate().unwrap().issue_challenge(NOW);
    let guessed = device::sign_proof(&key, &w.site, &w.door, &foreign, &w.session).unwrap();
    assert_eq!(cert.verify_proof(&guessed, &w.keys, NOW), Err(Refusal::BadSeal));
    let short = device::sign_proof(&key, &w.site, &w.door, &challenge, "short").unwrap();
    assert!(matches!(cert.verify_proof(&short, &w.keys, NOW), Err(Refusal::BadClaim("session", _))));
}

#[test]
fn a_key_set_is_followed_only_under_the_pinned_root() {
    let (w, root) = (world(), SigningKey::generate());
    let token = keyset::sign(&root, 7, w.keys.public(), NOW).unwrap();
    let followed = keyset::verify(&token, &root.public()).unwrap();
    assert_eq!(followed.number, 7);
    let expect =
        command::Expect { site: &w.site, device: &w.door, session: &w.session, latest_edge_ms: NOW * 1000 };
    assert!(command::verify(&w.command(NOW * 1000 + 1_000), &followed.keys, &expect).is_ok());
    assert!(keyset::verify(&token, &SigningKey::generate().public()).is_err());
    let by_edge = welcome::sign(&w.keys, &w.site, &w.session, NOW * 1000).unwrap();
    assert!(keyset::verify(&by_edge, &root.public()).is_err(), "an edge key cannot sign a key set");
}

#[test]
fn a_refresh_token_opens_only_where_it_was_sealed() {
    let w = world();
    let claims = RefreshClaims {
        site: w.site.clone(),
        sub: "ann".into(),
        family: random_id(),
        jti: random_id(),
        exp: NOW + 10,
    };
    let token = claims.seal(&w.keys, NOW).unwrap();
    assert_eq!(RefreshClaims::open(&token, &w.keys, NOW + 9), Ok(claims));
    assert_eq!(RefreshClaims::open(&token, &w.keys, NOW + 10), Err(Refusal::Expired(0)));
    assert_eq!(RefreshClaims::open(&token, &EdgeKeys::generate().unwrap(), NOW), Err(Refusal::BadSeal));
}

#[test]
fn a_client_token_names_its_people_and_is_no_refresh_token() {
    let w = world();
    let user = |name: &str| UserName::new(name).unwrap();
    let mut claims = ClientClaims { site: w.site.clone(), people: Vec::new(), id: random_id() };
    ["ann", "ben", "cem", "dee", "ben", "eve"].iter().for_each(|name| claims.add(user(name)));
    let token = claims.seal(&w.keys, NOW).unwrap();
    let opened = ClientClaims::open(&token, &w.keys, NOW + client::LIFE - 1).unwrap();
    assert_eq!(opened, claims);
    let known = |name: &str| opened.knows(&w.site, &user(name));
    assert_eq!(["ann", "ben", "cem", "dee", "eve"].map(known), [false, true, true, true, true]);
    assert!(!opened.knows(&name("other"), &user("ben")));
    assert_eq!(ClientClaims::open(&token, &w.keys, NOW + client::LIFE), Err(Refusal::Expired(0)));
    assert!(RefreshClaims::open(&token, &w.keys, NOW).is_err());
    let refresh = RefreshClaims {
        site: w.site.clone(),
        sub: "ann".into(),
        family: random_id(),
        jti: random_id(),
        exp: NOW + 10,
    };
    assert!(ClientClaims::open(&refresh.seal(&w.keys, NOW).unwrap(), &w.keys, NOW).is_err());
}

/// Signs the given header and payload with the edge's own key, so that only the policy can refuse the token.
fn forge(keys: &EdgeKeys, header: &str, payload: &str) -> String {
    use base64ct::{Base64UrlUnpadded, Encoding};
    use jwt_simple::reexports::ct_codecs::{Base64UrlSafeNoPadding, Decoder};
    let jwks: Value = serde_json::from_str(keys.to_private_jwks().expose()).unwrap();
    let seed = Base64UrlSafeNoPadding::decode_to_vec(jwks["keys"][0]["d"].as_str().unwrap(), None).unwrap();
    let pair = ed25519_compact::KeyPair::from_seed(ed25519_compact::Seed::from_slice(&seed).unwrap());
    let encode = |bytes: &[u8]| Base64UrlUnpadded::encode_string(bytes);
    let signed = format!("{}.{}", encode(header.as_bytes()), encode(payload.as_bytes()));
    let signature = pair.sk.sign(&signed, None);
    format!("{signed}.{}", encode(&signature[..]))
}

fn kid(keys: &EdgeKeys) -> String {
    keys.public().to_jwks()["keys"][0]["kid"].as_str().unwrap().to_owned()
}

fn claims() -> Map<String, Value> {
    let claims = json!({
        "iss": "urn:pinlatch:edge", "sub": "ann", "aud": "urn:pinlatch:site:home", "jti": "t1",
        "iat": NOW, "exp": NOW + 600, "scope": "line:porch/door:pulse", "gen": 1,
    });
    claims.as_object().unwrap().clone()
}

#[test]
fn gaps_of_the_library_are_closed() {
    let w = world();
    let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": kid(&w.keys) });
    let with = |member: &str, value: Value| {
        let mut claims = claims();
        claims.insert(member.into(), value);
        forge(&w.keys, &header.to_string(), &Value::Object(claims).to_string())
    };
    let without = |member: &str| {
        let mut claims = claims();
        claims.remove(member);
        forge(&w.keys, &header.to_string(), &Value::Object(claims).to_string())
    };
    assert_eq!(w.verify_access(&with("extra", json!("ignored")), NOW), Ok("ann".into()));
    for member in ["exp", "iat", "iss", "sub", "aud", "jti"] {
        assert_eq!(w.verify_access(&without(member), NOW), Err(Refusal::MissingClaim(member)), "{member}");
    }
    for member in ["exp", "iat", "nbf"] {
        for value in [
            json!("1790000600"),
            json!(1.5e9),
            json!(-1),
            json!(1e300),
            json!(u64::MAX),
            json!(null),
            json!(true),
        ] {
            let outcome = w.verify_access(&with(member, value.clone()), NOW);
            assert!(matches!(outcome, Err(Refusal::BadClaim(..))), "{member} = {value}: {outcome:?}");
        }
    }
    assert!(matches!(w.verify_access(&with("nbf", json!(NOW + 61)), NOW), Err(Refusal::NotYetValid(_))));
    for aud in
        [json!([]), json!(""), json!({}), json!("urn:pinlatch:site:hom"), json!("urn:pinlatch:site:home2")]
    {
        assert!(w.verify_access(&with("aud", aud.clone()), NOW).is_err(), "{aud}");
    }
    assert!(w.verify_access(&with("aud", json!(["x", "urn:pinlatch:site:home"])), NOW).is_ok());
    for iss in ["urn:pinlatch:edg", "urn:pinlatch:edge ", "urn:pinlatch:edgе"] {
        assert!(matches!(w.verify_access(&with("iss", json!(iss)), NOW), Err(Refusal::WrongIssuer { .. })));
    }
    assert!(matches!(w.verify_access(&with("scope", json!("root")), NOW), Err(Refusal::Json(..))));
}

#[test]
fn headers_that_ask_for_more_are_refused() {
    let w = world();
    let good = format!(r#""alg":"EdDSA","typ":"at+jwt","kid":"{}""#, kid(&w.keys));
    let payload = Value::Object(claims()).to_string();
    let outcome = |header: String| w.verify_access(&forge(&w.keys, &header, &payload), NOW);
    assert!(outcome(format!("{{{good}}}")).is_ok());
    for more in [r#""crit":[]"#, r#""crit":null"#, r#""crit":["exp"]"#, r#""b64":false"#] {
        assert!(matches!(outcome(format!("{{{good},{more}}}")), Err(Refusal::Extension(_))), "{more}");
    }
    for more in [r#""jwk":{}"#, r#""jku":"https://x"#, r#""x5u":"https://x"#, r#""x5c":[]"#] {
        let more = if more.matches('"').count() % 2 == 1 { format!("{more}\"") } else { more.to_owned() };
        assert!(matches!(outcome(format!("{{{good},{more}}}")), Err(Refusal::EmbeddedKey(_))), "{more}");
    }
    assert!(matches!(outcome(format!(r#"{{{good},"\u0061lg":"EdDSA"}}"#)), Err(Refusal::Json(..))));
    for alg in ["none", "None", "HS256", "eddsa", "Ed25519", ""] {
        let header = good.replace("\"EdDSA\"", &format!("\"{alg}\""));
        assert!(matches!(outcome(format!("{{{header}}}")), Err(Refusal::WrongAlgorithm { .. })), "{alg}");
    }
    for kid in ["", "../../dev/null", "' OR 1=1 --"] {
        let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": kid });
        assert!(matches!(outcome(header.to_string()), Err(Refusal::UnknownKey(_))));
    }
    assert!(matches!(outcome(r#"{"alg":"EdDSA","typ":"at+jwt"}"#.into()), Err(Refusal::UnknownKey(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// A token in which one bit is changed must be refused.
    #[test]
    fn a_changed_bit_is_refused(position: prop::sample::Index, bit in 0u8..7) {
        let w = world();
        let token = w.access("home");
        let mut bytes = token.clone().into_bytes();
        let index = position.index(bytes.len());
        bytes[index] ^= 1 << bit;
        if let Ok(altered) = String::from_utf8(bytes) {
            prop_assert!(w.verify_access(&altered, NOW).is_err());
        }
    }

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,300}", dots in "[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,80}") {
        let keys = KeySet::from(SigningKey::generate().public());
        let sites = [name("home")];
        prop_assert!(AccessClaims::verify(&text, &keys, &sites, NOW, &mut SignatureCache::new(0)).is_err());
        prop_assert!(AccessClaims::verify(&dots, &keys, &sites, NOW, &mut SignatureCache::new(0)).is_err());
    }
}

#[test]
fn only_a_persons_login_has_no_scopes() {
    let w = world();
    let read = |kind: Kind, change: &[(&str, Value)]| {
        let mut claims = claims();
        claims.remove("scope");
        for (member, value) in change {
            claims.insert((*member).into(), value.clone());
        }
        let header = json!({ "alg": "EdDSA", "typ": kind.typ(), "kid": kid(&w.keys) });
        let token = forge(&w.keys, &header.to_string(), &Value::Object(claims).to_string());
        let (sites, mut cache) = ([w.site.clone()], SignatureCache::new(1));
        let verified = match kind {
            Kind::Guest => AccessClaims::verify_guest(&token, w.keys.public(), &sites, Some(NOW), &mut cache),
            _ => AccessClaims::verify(&token, w.keys.public(), &sites, NOW, &mut cache),
        };
        verified.map(|(_, verified)| verified.custom.scope)
    };
    let (login, missing) = (("family", json!("f")), Err(Refusal::MissingClaim("scope")));
    assert_eq!(read(Kind::Access, std::slice::from_ref(&login)), Ok(None));
    assert_eq!(read(Kind::Access, &[]), missing, "a token without a login");
    assert_eq!(read(Kind::Access, &[login.clone(), ("sub", json!("token:t1"))]), missing, "an API token");
    assert_eq!(read(Kind::Access, &[login.clone(), ("sub", json!("no user name"))]), missing);
    assert_eq!(read(Kind::Guest, &[login.clone(), ("sub", json!("token:t1"))]), missing, "a guest link");
    assert!(matches!(read(Kind::Access, &[login, ("scope", json!(null))]), Err(Refusal::Json(..))));
}
