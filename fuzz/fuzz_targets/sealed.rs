//! Arbitrary sealed tokens: only tokens that were encrypted with the edge's key can be decrypted, and nothing panics.
//!
//! The input is tried unchanged as a token and as a key. Then the input is split into up to five lines, which become
//! the parts of a JWE, so that the input reaches the code after the base64url decoder. A second JWE has a nonce and a
//! tag of the right lengths, so that decryption is reached. A token that the target itself encrypts must be decrypted
//! unchanged.
#![no_main]

use std::sync::LazyLock;

use base64ct::{Base64UrlUnpadded, Encoding};
use libfuzzer_sys::fuzz_target;
use pinlatch_token::{EdgeKeys, Refusal, SealingKey, Terms, Typ, explain, is_sealed};

static EDGE: LazyLock<EdgeKeys> = LazyLock::new(|| EdgeKeys::generate().expect("keys"));
static KEY: LazyLock<SealingKey> =
    LazyLock::new(|| SealingKey::read(EDGE.published().to_string().as_bytes()).expect("a key"));

fuzz_target!(|bytes: &[u8]| {
    let read = SealingKey::read(bytes);
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    refuse(text);
    for key in read.iter().chain([&*KEY]) {
        if let Ok(token) = key.seal(text) {
            assert!(is_sealed(&token) && text.split('.').count() == 3);
        }
    }
    if let Ok(token) = KEY.seal(text) {
        assert_eq!(open(&token).as_deref(), Ok(text));
    }

    let mut lines = bytes.splitn(5, |byte| *byte == b'\n');
    let mut next = || lines.next().unwrap_or_default().to_vec();
    let (header, wrapped, mut nonce, content, mut tag) = (next(), next(), next(), next(), next());
    refuse(&jwe([&header, &wrapped, &nonce, &content, &tag]));
    nonce.resize(12, 0);
    tag.resize(16, 0);
    refuse(&jwe([&header, &wrapped, &nonce, &content, &tag]));
});

fn jwe(parts: [&[u8]; 5]) -> String {
    parts.map(Base64UrlUnpadded::encode_string).join(".")
}

fn open(token: &str) -> Result<String, Refusal> {
    EDGE.read_sealed(token).and_then(|sealed| sealed.open(None))
}

fn refuse(token: &str) {
    assert!(open(token).is_err(), "the edge decrypted a token that was not encrypted for it");
    let terms =
        Terms { typ: Typ::Usual, issuer: None, audiences: None, now: None, leeway: 0, max_life: None };
    assert_ne!(explain(token, None, &terms).accepted, Some(true));
}
