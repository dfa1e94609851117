//! These tests check sealed tokens, which are signed JWTs inside a JWE. The tests check which sealed tokens can be
//! decrypted, and with which error all other tokens are refused.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed expectation is the point")]

use std::sync::LazyLock;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64ct::{Base64UrlUnpadded, Encoding};
use jwt_simple::prelude::{Claims, Duration, EcdhEsA256KWEncryptionKey, EncryptionOptions};
use p256::pkcs8::{EncodePublicKey, LineEnding};
use pinlatch_token::{EdgeKeys, KeyError, KeySet, MintingKey, Refusal, RsaOperation, SealingKey, is_sealed};
use proptest::prelude::*;
use rsa::rand_core::OsRng;
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use rsa::{Oaep, RsaPrivateKey, sha2::Sha256};
use serde_json::{Value, json};
use sha1::Sha1;

/// A text with the form of a signed JWT. The signature can be invalid, because decrypting a sealed token does not
/// verify the signature inside.
const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl";

const ALGORITHMS: [&str; 3] = ["ECDH-ES+A256KW", "RSA-OAEP", "RSA-OAEP-256"];

static RSA: LazyLock<RsaPrivateKey> = LazyLock::new(|| RsaPrivateKey::new(&mut OsRng, 2048).unwrap());
/// The keys of an edge that has a decryption key for each algorithm.
static EDGE: LazyLock<EdgeKeys> =
    LazyLock::new(|| edge(&[rsa_jwk(&RSA, "RSA-OAEP", "a"), rsa_jwk(&RSA, "RSA-OAEP-256", "b")]).unwrap());

fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

fn decode(text: &str) -> Vec<u8> {
    Base64UrlUnpadded::decode_vec(text).unwrap()
}

fn rsa_jwk(key: &RsaPrivateKey, alg: &str, kid: &str) -> Value {
    let number = |number: &rsa::BigUint| encode(&number.to_bytes_be());
    json!({
        "kty": "RSA", "use": "enc", "alg": alg, "kid": kid, "n": number(key.n()), "e": number(key.e()),
        "d": number(key.d()), "p": number(&key.primes()[0]), "q": number(&key.primes()[1]),
    })
}

/// Creates the keys of an edge, with the given additional keys.
fn edge(further: &[Value]) -> Result<EdgeKeys, KeyError> {
    let mut jwks = private(&EdgeKeys::generate().unwrap());
    jwks["keys"].as_array_mut().unwrap().extend(further.iter().cloned());
    EdgeKeys::from_jwks(&jwks.to_string())
}

fn private(keys: &EdgeKeys) -> Value {
    serde_json::from_str(keys.to_private_jwks().expose()).unwrap()
}

/// Returns the JWK that the edge publishes for encryption with the given algorithm.
fn published(keys: &EdgeKeys, alg: &str) -> Value {
    let jwks = keys.published();
    jwks["keys"].as_array().unwrap().iter().find(|key| key["alg"] == alg).unwrap().clone()
}

fn sealing(jwk: &Value) -> SealingKey {
    SealingKey::read(jwk.to_string().as_bytes()).unwrap()
}

fn sealed(alg: &str) -> String {
    sealing(&published(&EDGE, alg)).seal(JWT).unwrap()
}

/// Returns the token with a changed header. The authentication tag is then also wrong, but an invalid header is refused
/// before the tag is checked.
fn with_header(token: &str, change: impl FnOnce(&mut Value)) -> String {
    let (header, rest) = token.split_once('.').unwrap();
    let mut header: Value = serde_json::from_slice(&decode(header)).unwrap();
    change(&mut header);
    header.as_object_mut().unwrap().retain(|_, value| *value != json!("(none)"));
    format!("{}.{rest}", encode(header.to_string().as_bytes()))
}

/// Returns the token with one part replaced.
fn with_part(token: &str, index: usize, part: &str) -> String {
    let mut parts: Vec<&str> = token.split('.').collect();
    parts[index] = part;
    parts.join(".")
}

/// Encrypts any content as described in RFC 7516 and RFC 7518, without calling the code under test.
fn forge(header: &Value, content: &[u8]) -> String {
    let (key, nonce) = ([7; 32], [9; 12]);
    let header = encode(header.to_string().as_bytes());
    let wrapped = RSA.to_public_key().encrypt(&mut OsRng, Oaep::new::<Sha256>(), &key).unwrap();
    let payload = Payload { msg: content, aad: header.as_bytes() };
    let content = Aes256Gcm::new(&key.into()).encrypt(&Nonce::from(nonce), payload).unwrap();
    let (content, tag) = content.split_at(content.len() - 16);
    format!("{header}.{}", [&wrapped, &nonce[..], content, tag].map(encode).join("."))
}

fn forged(content: &[u8]) -> Result<String, Refusal> {
    let header = json!({ "alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": "JWT", "kid": "b" });
    open(&EDGE, &forge(&header, content))
}

/// Opens a token as the edge does. The tests do the RSA operation with the crate `rsa`.
fn open(edge: &EdgeKeys, token: &str) -> Result<String, Refusal> {
    let sealed = edge.read_sealed(token)?;
    sealed.open(sealed.rsa().and_then(|operation| decrypt(&operation)).as_deref())
}

/// Decrypts a content key with the private JWK that the edge gives to WebCrypto.
fn decrypt(operation: &RsaOperation<'_>) -> Option<Vec<u8>> {
    let jwk: Value = serde_json::from_str(operation.private_jwk().expose()).unwrap();
    let number = |name: &str| rsa::BigUint::from_bytes_be(&decode(jwk[name].as_str().unwrap()));
    let primes = vec![number("p"), number("q")];
    let key = RsaPrivateKey::from_components(number("n"), number("e"), number("d"), primes).unwrap();
    let padding = if operation.hash == "SHA-1" {
        Oaep::new::<Sha1>()
    } else {
        assert_eq!(operation.hash, "SHA-256");
        Oaep::new::<Sha256>()
    };
    key.decrypt(padding, operation.wrapped_key).ok()
}

fn code(token: &str) -> &'static str {
    open(&EDGE, token).unwrap_err().code()
}

#[test]
fn what_is_sealed_for_the_edge_comes_out_whole() {
    for alg in ALGORITHMS {
        let token = sealed(alg);
        assert!(is_sealed(&token) && !is_sealed(JWT));
        assert_eq!(open(&EDGE, &token).as_deref(), Ok(JWT), "{alg}");
        assert_ne!(token, sealed(alg), "each encryption has a different result");
    }
    assert_eq!(forged(JWT.as_bytes()).as_deref(), Ok(JWT));
}

#[test]
fn a_real_token_passes_the_policy_after_it() {
    let secret: Vec<u8> = (1..=32).collect();
    let jwt = MintingKey::read(&secret, None).unwrap();
    let claims = json!({ "iat": 1_790_000_000, "exp": 1_790_000_060 });
    let jwt = jwt.sign("JWT", None, claims.as_object().unwrap().clone()).unwrap();
    let opened = open(&EDGE, &sealing(&published(&EDGE, "RSA-OAEP")).seal(&jwt).unwrap());
    assert_eq!(opened, Ok(jwt));
}

#[test]
fn a_key_is_read_from_each_of_its_forms() {
    let set = EDGE.published();
    let first = SealingKey::read(set.to_string().as_bytes()).unwrap();
    assert!(format!("{first:?}").contains("ECDH-ES+A256KW"), "the edge's own key comes first");
    assert!(open(&EDGE, &first.seal(JWT).unwrap()).is_ok());

    // A key from a PEM file has no `kid`, so exactly one key of the edge must support the algorithm.
    let rsa = RSA.to_public_key();
    for pem in [
        rsa::pkcs8::EncodePublicKey::to_public_key_pem(&rsa, rsa::pkcs8::LineEnding::LF).unwrap(),
        rsa::pkcs1::EncodeRsaPublicKey::to_pkcs1_pem(&rsa, rsa::pkcs8::LineEnding::LF).unwrap(),
    ] {
        let token = SealingKey::read(pem.as_bytes()).unwrap().seal(JWT).unwrap();
        assert_eq!(open(&EDGE, &token).as_deref(), Ok(JWT));
    }
    let ec = published(&EDGE, "ECDH-ES+A256KW");
    let point = [&[4][..], &decode(ec["x"].as_str().unwrap()), &decode(ec["y"].as_str().unwrap())].concat();
    let pem = p256::PublicKey::from_sec1_bytes(&point).unwrap().to_public_key_pem(LineEnding::LF).unwrap();
    let token = SealingKey::read(pem.as_bytes()).unwrap().seal(JWT).unwrap();
    assert_eq!(open(&EDGE, &token).as_deref(), Ok(JWT));

    let code = |jwk: &Value| SealingKey::read(jwk.to_string().as_bytes()).unwrap_err().code();
    let with = |member: &str, value: Value| {
        let mut jwk = ec.clone();
        jwk[member] = value;
        jwk
    };
    assert_eq!(code(&with("use", json!("sig"))), "unfit_key");
    assert_eq!(code(&with("alg", json!("ECDH-ES"))), "unfit_key");
    assert_eq!(code(&with("alg", json!("RSA-OAEP"))), "unfit_key");
    assert_eq!(code(&with("d", json!("AAAA"))), "private_key");
    assert_eq!(code(&with("crv", json!("P-384"))), "key_form");
    assert_eq!(code(&with("y", ec["x"].clone())), "key_form");
    assert_eq!(code(&EdgeKeys::generate().unwrap().public().to_jwks()), "missing_key");
    assert_eq!(SealingKey::read(b"a secret").unwrap_err().code(), "key_form");
}

#[test]
fn a_key_with_another_name_or_purpose_is_not_used() {
    let token = sealed("RSA-OAEP");
    assert_eq!(code(&with_header(&token, |header| header["kid"] = json!("c"))), "unknown_key");
    assert_eq!(code(&with_header(&token, |header| header["kid"] = json!("b"))), "wrong_algorithm");
    assert_eq!(code(&with_header(&token, |header| header["kid"] = json!("../a"))), "unknown_key");
    // The edge in this test has one key for each algorithm, so a token needs no `kid`.
    assert_eq!(code(&with_header(&token, |header| header["kid"] = json!("(none)"))), "not_decrypted");
    let two = edge(&[rsa_jwk(&RSA, "RSA-OAEP", "a"), rsa_jwk(&RSA, "RSA-OAEP", "b")]).unwrap();
    let unnamed = with_header(&token, |header| header["kid"] = json!("(none)"));
    assert_eq!(open(&two, &unnamed).unwrap_err().code(), "unknown_key");
    let only_own = EdgeKeys::generate().unwrap();
    assert_eq!(open(&only_own, &unnamed).unwrap_err().code(), "wrong_algorithm");
}

#[test]
fn keys_without_one_for_sealed_tokens_still_work() {
    let mut jwks = private(&EdgeKeys::generate().unwrap());
    jwks["keys"].as_array_mut().unwrap().retain(|key| key["kty"] != "EC");
    let keys = EdgeKeys::from_jwks(&jwks.to_string()).unwrap();
    assert_eq!(open(&keys, &sealed("RSA-OAEP")), Err(Refusal::NoEncryptionKey));
    assert_eq!(keys.published(), keys.public().to_jwks());
}

#[test]
fn the_public_halves_are_published_and_nothing_else() {
    let shown = EDGE.published();
    let uses: Vec<_> =
        shown["keys"].as_array().unwrap().iter().map(|key| key["use"].as_str().unwrap()).collect();
    assert_eq!(uses, ["sig", "enc", "enc", "enc"]);
    for key in private(&EDGE)["keys"].as_array().unwrap() {
        for secret in ["d", "k", "p", "q"] {
            assert!(key.get(secret).is_none_or(|value| !shown.to_string().contains(value.as_str().unwrap())));
        }
    }
    // Agents use only the signing keys. Other programs ignore keys that do not verify tokens.
    assert_eq!(EDGE.public().to_jwks()["keys"].as_array().unwrap().len(), 1);
    let verifying = KeySet::from_jwks(&shown, &[]).unwrap().to_jwks();
    assert_eq!(verifying["keys"].as_array().unwrap().len(), 1);
    assert!(KeySet::from_own_jwks(&shown).is_err());
    // Exporting the keys to the secret and importing the keys again does not change the keys.
    let again = EdgeKeys::from_jwks(EDGE.to_private_jwks().expose()).unwrap();
    assert_eq!(again.published(), shown);
    for alg in ALGORITHMS {
        assert_eq!(open(&again, &sealed(alg)).as_deref(), Ok(JWT));
    }
}

#[test]
fn a_private_key_that_does_not_fit_is_refused_with_its_set() {
    let ec =
        private(&EDGE)["keys"].as_array().unwrap().iter().find(|key| key["kty"] == "EC").unwrap().clone();
    let rsa = rsa_jwk(&RSA, "RSA-OAEP", "a");
    let with = |jwk: &Value, member: &str, value: Value| {
        let mut jwk = jwk.clone();
        jwk[member] = value;
        jwk.as_object_mut().unwrap().retain(|_, value| *value != json!("(none)"));
        jwk
    };
    for (jwk, code) in [
        (with(&ec, "use", json!("sig")), "unfit_key"),
        (with(&ec, "use", json!("(none)")), "unfit_key"),
        (with(&ec, "alg", json!("ECDH-ES")), "unfit_key"),
        (with(&ec, "alg", json!("RSA-OAEP")), "unfit_key"),
        (with(&ec, "crv", json!("P-384")), "key_form"),
        (with(&ec, "d", json!("(none)")), "key_form"),
        (with(&ec, "d", json!(encode(&[0; 32]))), "key_form"),
        (with(&ec, "d", json!(encode(&[1; 32]))), "key_form"),
        (with(&ec, "kid", json!("")), "key_form"),
        (with(&rsa, "alg", json!("RSA1_5")), "unfit_key"),
        (with(&rsa, "d", json!("(none)")), "key_form"),
        (with(&rsa, "d", rsa["p"].clone()), "key_form"),
        (with(&rsa, "p", rsa["q"].clone()), "key_form"),
        (with(&rsa, "p", json!("AQ")), "key_form"),
        (with(&rsa, "p", json!("")), "key_form"),
        (with(&rsa, "e", json!("Aw")), "rsa_exponent"),
        (with(&rsa, "n", rsa["p"].clone()), "rsa_size"),
        (with(&rsa, "oth", json!([])), "unfit_key"),
        (with(&rsa, "kty", json!("AKP")), "unfit_key"),
    ] {
        assert_eq!(edge(std::slice::from_ref(&jwk)).unwrap_err().code(), code, "{jwk}");
    }
    assert_eq!(edge(&[rsa.clone(), rsa]).unwrap_err().code(), "duplicate_kid");
}

#[test]
fn a_header_is_refused_before_any_cryptography() {
    for alg in ALGORITHMS {
        let token = sealed(alg);
        let changed = |member: &'static str, value: Value| {
            code(&with_header(&token, move |header| header[member] = value))
        };
        for other in [
            "dir",
            "A128KW",
            "A256KW",
            "RSA1_5",
            "PBES2-HS256+A128KW",
            "PBES2-HS512+A256KW",
            "A256GCMKW",
            "ECDH-ES",
            "ECDH-ES+A128KW",
            "rsa-oaep",
            "RSA-OAEP-512",
            "none",
            "",
            "HS256",
        ] {
            assert_eq!(changed("alg", json!(other)), "wrong_encryption", "{other}");
        }
        for other in ["A128GCM", "A128CBC-HS256", "A256CBC-HS512", "a256gcm", ""] {
            assert_eq!(changed("enc", json!(other)), "wrong_encryption", "{other}");
        }
        assert_eq!(changed("alg", json!("(none)")), "wrong_encryption");
        assert_eq!(changed("enc", json!("(none)")), "wrong_encryption");
        for member in ["zip", "crit", "b64", "p2s", "p2c"] {
            assert_eq!(changed(member, json!("DEF")), "extension", "{member}");
            assert_eq!(changed(member, json!(null)), "extension", "{member}");
        }
        for member in ["jwk", "jku", "x5u", "x5c"] {
            assert_eq!(changed(member, json!({})), "embedded_key", "{member}");
        }
        for other in ["(none)", "", "at+jwt", "application/json", "text/JWT", "JWE"] {
            assert_eq!(changed("cty", json!(other)), "wrong_content_type", "{other}");
        }
        for member in ["alg", "enc", "cty", "kid", "typ"] {
            assert_eq!(changed(member, json!(7)), "json", "{member}");
        }
    }
}

#[test]
fn a_content_type_is_known_in_each_spelling() {
    for cty in ["JWT", "jwt", "application/jwt", "Application/JWT"] {
        let header = json!({ "alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": cty, "typ": "JWT" });
        assert_eq!(open(&EDGE, &forge(&header, JWT.as_bytes())).as_deref(), Ok(JWT), "{cty}");
    }
}

#[test]
fn an_ephemeral_key_is_a_bare_public_one() {
    let token = sealed("ECDH-ES+A256KW");
    let changed = |change: fn(&mut Value)| code(&with_header(&token, |header| change(&mut header["epk"])));
    let bad: [fn(&mut Value); 11] = [
        |epk| *epk = json!("(none)"),
        |epk| *epk = json!([]),
        |epk| *epk = json!({}),
        |epk| epk["d"] = json!("AAAA"),
        |epk| epk["k"] = json!("AAAA"),
        |epk| epk["x5u"] = json!("https://keys"),
        |epk| epk["kty"] = json!("OKP"),
        |epk| epk["crv"] = json!("P-384"),
        |epk| epk["x"] = json!("AAAA"),
        |epk| epk["y"] = epk["x"].clone(),
        |epk| (epk["x"], epk["y"]) = (json!(encode(&[0; 32])), json!(encode(&[0; 32]))),
    ];
    for change in bad {
        assert_eq!(changed(change), "bad_epk");
    }
    let padded = |epk: &mut Value| epk["x"] = json!(format!("{}=", epk["x"].as_str().unwrap()));
    assert_eq!(code(&with_header(&token, |header| padded(&mut header["epk"]))), "bad_epk");
    for party in ["apu", "apv"] {
        assert_eq!(code(&with_header(&token, |header| header[party] = json!("=="))), "malformed");
        assert_eq!(code(&with_header(&token, |header| header[party] = json!(7))), "json");
        // `apu` and `apv` are inputs of the key agreement, so changing them changes the content key.
        assert_eq!(code(&with_header(&token, |header| header[party] = json!("QWxpY2U"))), "not_decrypted");
    }
    let epk = json!({ "kty": "EC" });
    assert_eq!(code(&with_header(&sealed("RSA-OAEP"), |header| header["epk"] = epk)), "embedded_key");
}

#[test]
fn the_form_is_five_canonical_parts_of_8_kib_at_most() {
    let token = sealed("ECDH-ES+A256KW");
    for (text, form) in [
        (String::new(), "malformed"),
        ("....".into(), "json"),
        (JWT.into(), "malformed"),
        (format!("{token}."), "malformed"),
        (token.rsplit_once('.').unwrap().0.into(), "malformed"),
        (format!("{token}="), "malformed"),
        (format!(" {token}"), "malformed"),
        (format!("{token}\n"), "malformed"),
        (with_part(&token, 2, "AAAA"), "malformed"),
        (with_part(&token, 4, "AAAA"), "malformed"),
        (with_part(&token, 4, ""), "malformed"),
        (with_part(&token, 3, &"A".repeat(8 * 1024)), "malformed"),
        (with_part(&token, 0, &encode(b"[]")), "json"),
        (with_part(&token, 0, &encode(br#"{"alg":"RSA-OAEP","alg":"RSA-OAEP"}"#)), "json"),
        (with_part(&token, 0, &encode(br#"{"epk":{"x":1,"x":1}}"#)), "json"),
    ] {
        assert_eq!(code(&text), form, "{text}");
    }
    // The last character of a base64url part can have unused bits. If the unused bits are set, the text is different
    // but decodes to the same bytes.
    let tag = token.rsplit_once('.').unwrap().1;
    let stray = tag.chars().last().map(|last| char::from(last as u8 + 1)).unwrap();
    let stray = format!("{}{stray}", &tag[..tag.len() - 1]);
    assert_eq!(code(&with_part(&token, 4, &stray)), "malformed");
}

#[test]
fn every_failure_to_open_is_the_same() {
    let stranger = edge(&[rsa_jwk(&RSA, "RSA-OAEP", "a")]).unwrap();
    let own = sealed("ECDH-ES+A256KW");
    let mut kid = String::new();
    with_header(&own, |header| kid = header["kid"].as_str().unwrap().to_owned());
    let foreign = sealing(&published(&stranger, "ECDH-ES+A256KW")).seal(JWT).unwrap();
    let mut failures = vec![with_header(&foreign, |header| header["kid"] = json!(kid))];
    for alg in ALGORITHMS {
        let (token, other) = (sealed(alg), sealed(alg));
        let others: Vec<&str> = other.split('.').collect();
        // With RSA, both tokens have the same header.
        let first = usize::from(alg.starts_with("RSA"));
        failures.extend((first..5).map(|index| with_part(&token, index, others[index])));
        let length = decode(others[1]).len();
        for wrapped in [vec![0xa5; length], vec![0; length], vec![0xff; length]] {
            failures.push(with_part(&token, 1, &encode(&wrapped)));
        }
        failures.push(with_part(&token, 3, ""));
    }
    // The following content keys are encrypted correctly, but their length is wrong.
    for length in [0, 16, 31, 33, 64] {
        let wrapped =
            RSA.to_public_key().encrypt(&mut OsRng, Oaep::new::<Sha256>(), &vec![7; length]).unwrap();
        failures.push(with_part(&sealed("RSA-OAEP-256"), 1, &encode(&wrapped)));
    }
    for token in failures {
        assert_eq!(open(&EDGE, &token), Err(Refusal::NotDecrypted), "{token}");
    }
}

/// The right length of an encrypted key is public, so another length needs no cryptography.
#[test]
fn an_encrypted_key_of_another_length_is_refused_before_any_cryptography() {
    for (alg, right) in ALGORITHMS.into_iter().zip([40, 256, 256]) {
        let token = sealed(alg);
        assert_eq!(decode(token.split('.').nth(1).unwrap()).len(), right);
        for length in [0, 1, 8, 32, 39, 40, 41, 48, 255, 256, 257, 512, 513] {
            let token = with_part(&token, 1, &encode(&vec![0xa5; length]));
            let read = EDGE.read_sealed(&token);
            if length == right {
                assert!(read.is_ok(), "{alg} {length}");
            } else {
                assert_eq!(read.unwrap_err().code(), "malformed", "{alg} {length}");
            }
        }
    }
}

#[test]
fn each_part_has_a_limit() {
    let token = sealed("RSA-OAEP-256");
    let header = |length: usize| with_header(&token, |header| header["more"] = json!("A".repeat(length)));
    let fits = (0..2_048).rev().map(header).find(|token| token.split('.').next().unwrap().len() <= 2_048);
    assert!(EDGE.read_sealed(&fits.unwrap()).is_ok());
    for (part, length) in [(1, 513), (1, 4_000), (2, 11), (2, 13), (2, 4_000), (4, 15), (4, 17), (4, 4_000)] {
        let token = with_part(&token, part, &encode(&vec![0; length]));
        assert_eq!(EDGE.read_sealed(&token).unwrap_err().code(), "malformed", "{part} {length}");
    }
    assert_eq!(EDGE.read_sealed(&header(2_048)).unwrap_err().code(), "malformed");
}

#[test]
fn only_rsa_keys_need_an_operation_of_the_platform() {
    for (alg, kid, hash) in [("RSA-OAEP", "a", "SHA-1"), ("RSA-OAEP-256", "b", "SHA-256")] {
        let token = sealed(alg);
        let read = EDGE.read_sealed(&token).unwrap();
        let operation = read.rsa().unwrap();
        assert_eq!((operation.kid, operation.hash, operation.wrapped_key.len()), (kid, hash, 256));
        assert!(format!("{operation:?} {read:?}").len() < 80, "no private key is printed");
        assert_eq!(read.open(None), Err(Refusal::NotDecrypted), "the operation failed");
        assert_eq!(read.open(Some(&[7; 32])), Err(Refusal::NotDecrypted), "another content key");
        assert_eq!(read.open(Some(&[7; 16])), Err(Refusal::NotDecrypted), "a content key of another size");
    }
    let token = sealed("ECDH-ES+A256KW");
    let read = EDGE.read_sealed(&token).unwrap();
    assert!(read.rsa().is_none());
    assert_eq!(read.open(Some(&[7; 32])).as_deref(), Ok(JWT), "an argument for RSA changes nothing");
}

#[test]
fn only_a_signed_token_may_be_inside() {
    let sealed_twice = sealed("RSA-OAEP");
    for content in [
        &b""[..],
        b"\xff\xfe.e30.AAAA",
        b"e30.e30.",
        b"eyJhbGciOiJub25lIn0.e30.",
        b"{\"sub\":\"ann\"}",
        b"e30.e30",
        b"e30.e30.AAAA.AAAA",
        b"e30.e30.AAAA.",
        sealed_twice.as_bytes(),
    ] {
        let refusal = forged(content).unwrap_err();
        assert_eq!(refusal.code(), "bad_content", "{content:?}");
        if let Ok(text) = std::str::from_utf8(content) {
            let refused = sealing(&published(&EDGE, "RSA-OAEP")).seal(text);
            assert_eq!(refused.unwrap_err().code(), "bad_content", "such a token cannot be made either");
        }
    }
    let long = format!("e30.{}.AAAA", "A".repeat(7_000));
    assert_eq!(sealing(&published(&EDGE, "RSA-OAEP")).seal(&long).unwrap_err().code(), "malformed");
    // jwt-simple can encrypt only claims, and not a signed token.
    let jwk = published(&EDGE, "ECDH-ES+A256KW");
    let options = EncryptionOptions { content_type: Some("JWT".into()), ..EncryptionOptions::default() };
    let key = EcdhEsA256KWEncryptionKey::from_jwk(&jwk.to_string()).unwrap();
    let token = key.encrypt_with_options(Claims::create(Duration::from_mins(1)), &options).unwrap();
    assert_eq!(code(&token), "bad_content");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_bit_can_be_changed(alg in 0..3usize, at: prop::sample::Index, bit in 0..7) {
        let mut token = sealed(ALGORITHMS[alg]).into_bytes();
        let at = at.index(token.len());
        token[at] ^= 1_u8 << bit;
        let token = String::from_utf8(token).unwrap();
        prop_assert!(open(&EDGE, &token).is_err());
    }

    #[test]
    fn whatever_a_stranger_writes_is_refused(text in ".{0,300}", bytes: Vec<u8>, parts: [Vec<u8>; 5]) {
        prop_assert!(open(&EDGE, &text).is_err());
        prop_assert!(open(&EDGE, &String::from_utf8_lossy(&bytes)).is_err());
        let parts = parts.map(|part| encode(&part)).join(".");
        prop_assert!(open(&EDGE, &parts).is_err());
        let _ = SealingKey::read(&bytes);
        let _ = is_sealed(&text);
    }

    #[test]
    fn right_headers_with_wrong_parts_are_refused(
        alg in 0..3usize,
        wrapped in prop::collection::vec(any::<u8>(), 256),
        nonce: [u8; 12],
        content: Vec<u8>,
        tag: [u8; 16],
    ) {
        let token = sealed(ALGORITHMS[alg]);
        let header = token.split('.').next().unwrap();
        let wrapped = if alg == 0 { &wrapped[..40] } else { &wrapped };
        let token = [wrapped, &nonce[..], &content, &tag].map(encode).join(".");
        prop_assert_eq!(open(&EDGE, &format!("{header}.{token}")), Err(Refusal::NotDecrypted));
    }
}
