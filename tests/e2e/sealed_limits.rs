//! Tests encrypted tokens that callers without a valid token make. Each such token can cause a private RSA operation in
//! workerd, so their form and their number are limited.
//!
//! workerd accepts the header `X-Forwarded-For` from this machine, as from a reverse proxy. The tests use this header
//! to send requests from many addresses.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64ct::{Base64UrlUnpadded, Encoding};
use e2e::outsiders::Outsider;
use e2e::{Answer, Deployment, HostLock, Http, soon};
use pinlatch_token::SealingKey;
use rsa::{BigUint, Oaep, RsaPublicKey, rand_core::OsRng, sha2::Sha256};
use serde_json::{Value, json};

use crate::interop::{list, script, text};

/// The limits in `edge-worker/src/sealed/budget.rs`.
const ADDRESS_AT_ONCE: f64 = 20.0;
const ADDRESS_PER_S: f64 = 5.0;
const TOGETHER_AT_ONCE: f64 = 20.0;
const TOGETHER_PER_S: f64 = 20.0;

struct RsaEdge {
    deployment: Deployment,
    /// The public JWK of the edge's RSA key.
    jwk: Value,
    key: SealingKey,
    /// A valid token of an external issuer.
    token: String,
    _host_lock: HostLock,
}

impl RsaEdge {
    fn start(library: &str, bits: usize) -> Self {
        let host_lock = HostLock::beside_others();
        let made = script(library, &json!({ "keys": [{ "alg": "RSA-OAEP-256", "bits": bits }] }));
        let made = &list(&made)[0];
        let deployment = Deployment::start_with_keys(std::slice::from_ref(&made["private"]));
        let jwk = made["public"].clone();
        let key = SealingKey::read(jwk.to_string().as_bytes()).expect("a key");
        let token = Outsider::Hs256.token(json!({}));
        Self { deployment, jwk, key, token, _host_lock: host_lock }
    }

    fn from(&self, address: &str) -> Http {
        self.deployment.http().with("x-forwarded-for", address)
    }

    fn sealed(&self) -> String {
        self.key.seal(&self.token).expect("a sealed token")
    }

    /// Returns a token whose content key the edge must try to decrypt.
    fn forged(&self, template: &str, number: usize) -> String {
        let mut wrapped = vec![0x11; self.modulus().len()];
        wrapped[1..9].copy_from_slice(&(number as u64).to_be_bytes());
        with_wrapped(template, &wrapped)
    }

    fn modulus(&self) -> Vec<u8> {
        Base64UrlUnpadded::decode_vec(&text(&self.jwk["n"])).expect("base64url")
    }

    /// Encrypts any content key.
    fn wrap(&self, content_key: &[u8]) -> Vec<u8> {
        let key = RsaPublicKey::new(BigUint::from_bytes_be(&self.modulus()), BigUint::from(65_537_u32));
        key.expect("a key").encrypt(&mut OsRng, Oaep::new::<Sha256>(), content_key).expect("a text")
    }

    fn refusals(&self, code: &str) -> usize {
        self.deployment.log().matches(&format!("token refused: {code}\n")).count()
    }
}

fn with_wrapped(token: &str, wrapped: &[u8]) -> String {
    with_part(token, 1, &Base64UrlUnpadded::encode_string(wrapped))
}

fn with_part(token: &str, index: usize, part: &str) -> String {
    let mut parts: Vec<&str> = token.split('.').collect();
    parts[index] = part;
    parts.join(".")
}

fn whoami(http: &Http, token: &str) -> Answer {
    http.bearer(token).get("/api/v1/whoami")
}

/// All faults must have the same answer, also if WebCrypto reports an error. Only the Worker's log distinguishes the
/// faults that are visible in the token from the faults that need the private key.
#[test]
fn each_fault_of_a_token_for_an_rsa_key_has_the_same_answer() {
    let edge = RsaEdge::start("jose-jwe.mjs", 2048);
    let token = edge.sealed();
    let other = edge.sealed();
    let others: Vec<&str> = other.split('.').collect();
    let cases = [
        ("malformed", with_wrapped(&token, &[0x11; 255])),
        ("malformed", with_wrapped(&token, &[0x11; 512])),
        ("malformed", with_part(&token, 1, &"A".repeat(4_000))),
        ("not_decrypted", edge.forged(&token, 1)),
        ("not_decrypted", with_wrapped(&token, &[0; 256])),
        ("not_decrypted", with_wrapped(&token, &[0xff; 256])),
        ("not_decrypted", with_part(&token, 1, others[1])),
        ("not_decrypted", with_part(&token, 3, others[3])),
        ("not_decrypted", with_wrapped(&token, &edge.wrap(&[7; 32]))),
        ("not_decrypted", with_wrapped(&token, &edge.wrap(&[7; 16]))),
        ("not_decrypted", with_wrapped(&token, &edge.wrap(&[]))),
    ];
    let http = edge.from("198.51.100.1");
    let mut answers = Vec::new();
    for (code, token) in cases {
        let before = edge.refusals(code);
        let answer = whoami(&http, &token);
        answer.is_problem(401, "invalid_token");
        answers.push(answer.body);
        soon(code, || (edge.refusals(code) > before).then_some(()));
        assert!(!edge.deployment.log().contains(&token), "the token is logged");
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    whoami(&http, &token).ok();
}

/// Unknown callers from many addresses must not cause more private operations than the limit. Tokens that were opened
/// before, known addresses and tokens without encryption must not be affected.
#[test]
fn a_flood_of_encrypted_tokens_causes_few_private_operations() {
    let edge = RsaEdge::start("jose-jwe.mjs", 2048);
    let template = edge.sealed();
    let known = edge.from("198.51.100.1");
    let opened = edge.sealed();
    whoami(&known, &opened).ok();
    let fresh: Vec<String> = (0..5).map(|_| edge.sealed()).collect();

    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let flood = || {
        let mut answers = Vec::new();
        while !stop.load(Ordering::SeqCst) {
            let number = next.fetch_add(1, Ordering::SeqCst);
            let http = edge.from(&format!("203.0.{}.{}", number / 250, number % 250));
            answers.push(whoami(&http, &edge.forged(&template, number)));
        }
        answers
    };
    let began = Instant::now();
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(flood)).collect();
        soon("the flood is running", || (next.load(Ordering::SeqCst) > 200).then_some(()));
        for token in &fresh {
            whoami(&known, token).ok();
            whoami(&edge.from("192.0.2.1"), &opened).ok();
            whoami(&edge.from("192.0.2.1"), &edge.token).ok();
        }
        soon("the flood is large", || (next.load(Ordering::SeqCst) > 600).then_some(()));
        stop.store(true, Ordering::SeqCst);
        threads.into_iter().flat_map(|thread| thread.join().expect("a thread")).collect()
    });
    let limit = TOGETHER_AT_ONCE + 1.0 + TOGETHER_PER_S * began.elapsed().as_secs_f64();
    let refused = checked(&answers);
    assert!(refused as f64 <= limit, "{refused} of {} in {:?}", answers.len(), began.elapsed());
    assert!(refused < answers.len(), "the flood was too slow to reach the limit");
    soon("all refusals are in the log", || (edge.refusals("not_decrypted") >= refused).then_some(()));
    assert_eq!(edge.refusals("not_decrypted"), refused, "an operation for a throttled request");
}

#[test]
fn one_address_has_its_own_limit() {
    let edge = RsaEdge::start("jose-jwe.mjs", 2048);
    let template = edge.sealed();
    let http = edge.from("203.0.113.1");
    let began = Instant::now();
    let answers: Vec<Answer> =
        (0..100).map(|number| whoami(&http, &edge.forged(&template, number))).collect();
    let limit = ADDRESS_AT_ONCE + 1.0 + ADDRESS_PER_S * began.elapsed().as_secs_f64();
    let refused = checked(&answers);
    assert!(refused as f64 <= limit, "{refused} in {:?}", began.elapsed());
    assert!(refused < answers.len(), "the requests were too slow to reach the limit");
    whoami(&edge.from("203.0.113.2"), &edge.sealed()).ok();
    // The limit allows a new token after the waiting time.
    let wait = answers.iter().rev().find(|answer| answer.status == 429).expect("throttled");
    assert_eq!(wait.header("retry-after"), "1");
    e2e::eventually(Duration::from_secs(30), "a valid token", || {
        (whoami(&http, &edge.sealed()).status == 200).then_some(())
    });
}

/// Checks that each answer is either 401 or 429, and returns the number of answers with 401.
fn checked(answers: &[Answer]) -> usize {
    let (refused, throttled): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 401);
    refused.iter().for_each(|answer| answer.is_problem(401, "invalid_token"));
    for answer in throttled {
        answer.is_problem(429, "throttled");
        assert_eq!(answer.header("retry-after"), "1");
    }
    refused.len()
}

/// The length of an encrypted key is a number of whole bytes, also if the size of the modulus is not.
#[test]
fn a_modulus_of_an_odd_size_is_accepted() {
    let edge = RsaEdge::start("jwcrypto_jwe.py", 2050);
    assert_eq!(edge.modulus().len(), 257);
    whoami(&edge.from("198.51.100.1"), &edge.sealed()).ok();
}
