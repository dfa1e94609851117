//! Tests the exchange of encrypted tokens with the independent libraries `jose` (npm) and `jwcrypto` (PyPI). The
//! libraries encrypt tokens for the published keys of the edge. The libraries also decrypt tokens that `pinlatch token
//! mint --encrypt-to` encrypted for the libraries' keys.

use std::process::Command;

use e2e::outsiders::Outsider;
use e2e::{Deployment, HostLock, Site, program, soon};
use pinlatch_token::{EdgeKeys, MintingKey, Refusal};
use serde_json::{Value, json};
use xtask::edge::write_private;

use crate::interop::{list, run, script, text};

const LIBRARIES: [&str; 2] = ["jose-jwe.mjs", "jwcrypto_jwe.py"];
const ALGORITHMS: [&str; 3] = ["ECDH-ES+A256KW", "RSA-OAEP", "RSA-OAEP-256"];
const SECRET: &[u8] = b"of this test alone: AcTvQ8wYfWkq2nN5xZr7";

/// Returns private RSA keys that the libraries generated. One key has only the members that Pinlatch requires.
fn rsa_keys() -> Vec<Value> {
    let wanted = json!({ "keys": [
        { "alg": "RSA-OAEP" }, { "alg": "RSA-OAEP-256" }, { "alg": "RSA-OAEP-256", "bits": 4096 },
    ] });
    let made = LIBRARIES.map(|library| script(library, &wanted));
    let mut keys: Vec<Value> = made.iter().flat_map(list).map(|key| key["private"].clone()).collect();
    let first = keys[0].as_object_mut().expect("a JWK");
    ["dp", "dq", "qi"].iter().for_each(|name| drop(first.remove(*name)));
    keys
}

/// Decrypts a token for the edge's P-256 key.
fn open(edge: &EdgeKeys, token: &str) -> Result<String, Refusal> {
    edge.read_sealed(token).and_then(|sealed| sealed.open(None))
}

/// Returns the published keys with which other programs encrypt tokens for the edge.
fn offered(edge: &EdgeKeys) -> Vec<Value> {
    let jwks = edge.published();
    list(&jwks["keys"]).iter().filter(|key| key["use"] == "enc").cloned().collect()
}

fn signed() -> String {
    let key = MintingKey::read(SECRET, None).expect("a key");
    let claims =
        json!({ "sub": "nightly", "name": "Zoë 灯", "iat": 1_800_000_000u64, "exp": 1_800_000_600u64 });
    key.sign("JWT", None, claims.as_object().expect("an object").clone()).expect("a token")
}

fn header(key: &Value) -> Value {
    json!({ "alg": key["alg"], "enc": "A256GCM", "cty": "JWT", "kid": key["kid"] })
}

fn seal(library: &str, wanted: &[Value]) -> Vec<String> {
    let sealed = script(library, &json!({ "seal": wanted }));
    list(&sealed).iter().map(text).collect()
}

/// Tests each algorithm in workerd, because the platform's WebCrypto decrypts with the RSA keys.
#[test]
fn what_others_seal_for_the_edge_is_opened_and_verified() {
    let _host_lock = HostLock::beside_others();
    let deployment = Deployment::start_with_keys(&rsa_keys());
    let token = Outsider::Hs256.token(json!({}));
    let plain = deployment.http().bearer(&token).get("/api/v1/whoami").ok();
    let jwks = deployment.http().get("/.well-known/jwks.json").ok();
    let offered: Vec<_> = list(&jwks["keys"]).iter().filter(|key| key["use"] == "enc").collect();
    assert_eq!(offered.len(), 7, "one edge key and three per library");
    for library in LIBRARIES {
        let wanted: Vec<Value> = offered
            .iter()
            .map(|key| json!({ "jwk": key, "header": header(key), "content": token }))
            .collect();
        for (sealed, key) in seal(library, &wanted).iter().zip(&offered) {
            let answer = deployment.http().bearer(sealed).get("/api/v1/whoami");
            assert_eq!(answer.ok(), plain, "{library} {key}");
            assert!(!deployment.log().contains(sealed), "the token is logged");
        }
    }
}

/// The names of the sender and the recipient (`apu`, `apv`) are inputs of the key agreement. The edge must use these
/// names when it decrypts a token.
#[test]
fn parties_that_a_sealer_names_are_heeded() {
    let _host_lock = HostLock::beside_others();
    let edge = EdgeKeys::generate().expect("keys");
    let key = offered(&edge).remove(0);
    let parties = json!({ "apu": "Alice", "apv": "Bob" });
    let wanted = json!({ "jwk": key, "header": header(&key), "content": signed(), "parties": parties });
    let token = seal("jose-jwe.mjs", &[wanted]).remove(0);
    assert_eq!(open(&edge, &token).expect("opened"), signed());
}

/// The edge must refuse each faulty encrypted token with the code of its fault.
#[test]
fn each_fault_of_a_foreign_seal_is_named() {
    let _host_lock = HostLock::beside_others();
    let edge = EdgeKeys::generate().expect("keys");
    let key = offered(&edge).remove(0);
    let secret = json!({ "kty": "oct", "k": "AcTvQ8wYfWkq2nN5xZr7AcTvQ8wYfWkq2nN5xZr7AcQ" });
    let (jwt, twice) = (signed(), seal("jose-jwe.mjs", &[with(&key, &key, json!({}), &signed())]).remove(0));
    let unsigned = format!("{}.", jwt.rsplit_once('.').expect("three parts").0);
    let cases = [
        ("wrong_encryption", with(&key, &key, json!({ "enc": "A128GCM" }), &jwt)),
        ("wrong_encryption", with(&key, &key, json!({ "enc": "A256CBC-HS512" }), &jwt)),
        ("wrong_encryption", with(&key, &key, json!({ "alg": "ECDH-ES" }), &jwt)),
        ("wrong_encryption", with(&key, &key, json!({ "alg": "ECDH-ES+A128KW" }), &jwt)),
        ("wrong_encryption", with(&key, &secret, json!({ "alg": "dir" }), &jwt)),
        ("wrong_encryption", with(&key, &secret, json!({ "alg": "A256KW" }), &jwt)),
        ("extension", with(&key, &secret, json!({ "alg": "PBES2-HS256+A128KW" }), &jwt)),
        ("wrong_content_type", with(&key, &key, json!({ "cty": "text/plain" }), &jwt)),
        ("unknown_key", with(&key, &key, json!({ "kid": "another" }), &jwt)),
        ("bad_content", with(&key, &key, json!({}), &twice)),
        ("bad_content", with(&key, &key, json!({}), &unsigned)),
        ("bad_content", with(&key, &key, json!({}), r#"{"sub":"nightly"}"#)),
    ];
    for library in LIBRARIES {
        let mut cases = cases.to_vec();
        if library.ends_with(".py") {
            cases.push(("extension", with(&key, &key, json!({ "zip": "DEF" }), &jwt)));
        }
        let wanted: Vec<Value> = cases.iter().map(|(_, wanted)| wanted.clone()).collect();
        for ((code, wanted), token) in cases.iter().zip(seal(library, &wanted)) {
            let refusal = open(&edge, &token).expect_err("refused");
            assert_eq!(refusal.code(), *code, "{library} {}: {refusal}", wanted["header"]);
        }
    }
}

/// Returns a request that makes a library encrypt a text for a key, with a changed header.
fn with(named: &Value, jwk: &Value, changes: Value, content: &str) -> Value {
    let mut header = header(named);
    header.as_object_mut().expect("an object").extend(changes.as_object().expect("an object").clone());
    // The member `alg` is removed from the JWK. Otherwise the libraries would refuse another algorithm before
    // Pinlatch's code receives the token.
    let mut jwk = jwk.clone();
    jwk.as_object_mut().expect("a JWK").retain(|name, _| name != "alg");
    json!({ "jwk": jwk, "header": header, "content": content })
}

/// Tests encrypted tokens over HTTP, with the keys that the Worker publishes. An encrypted token must give the same
/// access as the token that it contains. The test encrypts a token of the edge and two tokens of external issuers.
#[test]
fn a_sealed_token_is_as_good_as_what_is_in_it() {
    for (site, token) in [
        (Site::shared(), None),
        (Site::outside(), Some(Outsider::Hs256.token(json!({})))),
        (Site::outside(), Some(Outsider::Rs256.token(json!({})))),
    ] {
        let token = token.unwrap_or_else(|| site.token.clone());
        let plain = site.deployment.http().bearer(&token).get("/api/v1/whoami").ok();
        let jwks = site.deployment.http().get("/.well-known/jwks.json").ok();
        let key = list(&jwks["keys"]).iter().find(|key| key["use"] == "enc").expect("a key").clone();
        for library in LIBRARIES {
            let sealed = seal(library, &[with(&key, &key, json!({}), &token)]).remove(0);
            assert_eq!(site.deployment.http().bearer(&sealed).get("/api/v1/whoami").ok(), plain, "{library}");
        }
    }
}

/// The caller must get the code `invalid_token` for every fault. Only the Worker's log may contain the specific code.
#[test]
fn a_sealed_token_of_no_worth_opens_nothing() {
    let site = Site::shared();
    let jwks = site.deployment.http().get("/.well-known/jwks.json").ok();
    let key = list(&jwks["keys"]).iter().find(|key| key["use"] == "enc").expect("a key").clone();
    let other = offered(&EdgeKeys::generate().expect("keys")).remove(0);
    let sealed = |jwk: &Value, changes: Value, content: &str| with(&key, jwk, changes, content);
    let (signed, _) = site.token.rsplit_once('.').expect("three parts");
    let once = seal(LIBRARIES[0], &[sealed(&key, json!({}), &site.token)]).remove(0);
    for (code, wanted) in [
        ("not_decrypted", sealed(&other, json!({}), &site.token)),
        ("unknown_key", sealed(&other, json!({ "kid": other["kid"] }), &site.token)),
        ("wrong_encryption", sealed(&key, json!({ "enc": "A128GCM" }), &site.token)),
        ("wrong_content_type", sealed(&key, json!({ "cty": "at+jwt" }), &site.token)),
        ("bad_content", sealed(&key, json!({}), &format!("{signed}."))),
        ("bad_content", sealed(&key, json!({}), &once)),
        ("bad_signature", sealed(&key, json!({}), &format!("{signed}.{}", "A".repeat(86)))),
    ] {
        let token = seal(LIBRARIES[0], &[wanted]).remove(0);
        let line = format!("token refused: {code}\n");
        let told = || site.deployment.log().matches(&line).count();
        let before = told();
        let answer = site.deployment.http().bearer(&token).get("/api/v1/whoami");
        answer.is_problem(401, "invalid_token");
        assert!(!answer.body.to_string().contains(code), "{code}");
        soon(code, || (told() > before).then_some(()));
        assert!(!site.deployment.log().contains(&token), "the token is logged");
    }
}

#[test]
fn what_the_command_line_seals_is_opened_everywhere() {
    let _host_lock = HostLock::beside_others();
    for library in LIBRARIES {
        let keys = script(library, &json!({ "keys": ALGORITHMS.map(|alg| json!({ "alg": alg })) }));
        let sealed: Vec<Value> = list(&keys)
            .iter()
            .map(|key| json!({ "jwk": key["private"], "token": minted(&key["public"].to_string()) }))
            .collect();
        let opened = script(library, &json!({ "open": sealed }));
        assert_eq!(list(&opened).len(), ALGORITHMS.len());
        for (opened, key) in list(&opened).iter().zip(list(&keys)) {
            let header = &opened["header"];
            assert_eq!((&header["alg"], &header["kid"]), (&key["alg"], &key["public"]["kid"]), "{library}");
            assert_eq!((&header["enc"], &header["cty"]), (&json!("A256GCM"), &json!("JWT")), "{library}");
            assert_eq!(text(&opened["content"]).split('.').count(), 3, "{library}");
        }
    }
}

fn minted(reader: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, content: &str| {
        write_private(&folder.path().join(name), content).expect("a file");
        folder.path().join(name)
    };
    let mut mint = Command::new(program("PINLATCH_BIN"));
    mint.args(["token", "mint", "--subject", "nightly", "--key"]);
    mint.arg(file("key", &String::from_utf8_lossy(SECRET)));
    mint.arg("--encrypt-to").arg(file("reader.json", reader));
    let (success, output) = run(&mut mint, "");
    assert!(success, "it is minted");
    output.trim().to_owned()
}
