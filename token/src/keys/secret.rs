//! This module refuses shared secrets that are too weak for signatures.
//!
//! An attacker can guess a short secret. RFC 7518 §3.2 therefore requires a secret that is at least as long as the
//! hash's output. An attacker can also know a secret from a tutorial, even if the secret is long.

use crate::keys::alg::Algorithm;
use crate::keys::key_error::KeyError;

/// Published secrets that are long enough for an algorithm. The secrets come from RFCs, jwt.io's editor, tutorials and
/// example projects. The file contains one secret per line. The secrets from RFCs are in base64url, and all other
/// secrets are plain text.
const PUBLISHED: &str = include_str!("published-secrets.txt");

/// The minimum number of different bytes in a secret. A random secret of 32 bytes has about 30 different bytes. A text
/// that a person wrote has about 12 different bytes.
const FEWEST_DIFFERENT: usize = 8;

/// Refuses a secret that is published, is too short for the algorithm, or consists of a few repeated bytes.
pub(crate) fn check(secret: &[u8], algorithm: Algorithm) -> Result<(), KeyError> {
    if looks_like_a_key(secret) {
        return Err(KeyError::Unfit(
            "the shared secret looks like a key in an unsupported format; convert the key to PEM or JWK",
        ));
    }
    let (found, least) = (secret.len(), algorithm.shortest_secret());
    if found < least {
        return Err(KeyError::ShortSecret { algorithm, found, least });
    }
    if is_published(secret) {
        return Err(KeyError::PublishedSecret);
    }
    let mut seen = [false; 256];
    for byte in secret {
        if let Some(seen) = seen.get_mut(usize::from(*byte)) {
            *seen = true;
        }
    }
    if seen.iter().filter(|seen| **seen).count() < FEWEST_DIFFERENT {
        return Err(KeyError::MonotonousSecret);
    }
    Ok(())
}

/// Returns whether the bytes are a key in a form that is not supported as a key file. Examples are DER, OpenSSH, and a
/// PEM block with other text before it. If a public key is used as a secret, everyone who knows the public key can sign
/// tokens (RFC 8725 §3.1).
fn looks_like_a_key(bytes: &[u8]) -> bool {
    let contains = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    let marks: [&[u8]; 3] = [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"];
    let starts: [&[u8]; 4] = [b"ssh-", b"ecdsa-", b"sk-ssh-", b"sk-ecdsa-"];
    contains(b"-----BEGIN")
        || contains(b"\"kty\"")
        || marks.iter().chain(&starts).any(|start| bytes.starts_with(start))
        || is_der_sequence(bytes)
}

/// Returns whether the bytes are exactly one DER SEQUENCE that starts with a SEQUENCE or an INTEGER. Every DER form of
/// a key is a SEQUENCE that starts with a SEQUENCE or an INTEGER. About one in ten million random secrets also looks
/// like a DER form of a key.
fn is_der_sequence(bytes: &[u8]) -> bool {
    let Some((0x30, rest)) = bytes.split_first().map(|(tag, rest)| (*tag, rest)) else { return false };
    let (length, content) = match rest {
        [short @ 0..=0x7f, content @ ..] => (usize::from(*short), content),
        [0x81, length, content @ ..] => (usize::from(*length), content),
        [0x82, high, low, content @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), content),
        _ => return false,
    };
    content.len() == length && matches!(content.first(), Some(0x30 | 0x02))
}

fn is_published(secret: &[u8]) -> bool {
    let lines = PUBLISHED.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.into_iter().any(|line| {
        line.as_bytes() == secret || crate::jwt::b64::decode(line).is_some_and(|bytes| bytes == secret)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_follows_the_hash() {
        let secret: Vec<u8> = (0..64).collect();
        for (algorithm, least) in [(Algorithm::Hs256, 32), (Algorithm::Hs384, 48), (Algorithm::Hs512, 64)] {
            assert_eq!(check(&secret[..least], algorithm), Ok(()));
            let found = least - 1;
            assert_eq!(
                check(&secret[..found], algorithm),
                Err(KeyError::ShortSecret { algorithm, found, least })
            );
        }
    }

    #[test]
    fn a_public_key_is_no_secret() {
        let der = [&[0x30, 0x2a, 0x30, 0x05][..], &[7; 40]].concat();
        let long = [&[0x30, 0x82, 0x01, 0x00, 0x02][..], &[7; 255]].concat();
        for bytes in [
            &der[..],
            &long,
            b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI someone@somewhere",
            b"\xef\xbb\xbf-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n",
            b"Public-Key: (2048 bit)\n-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n",
            b"[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}]",
        ] {
            assert!(matches!(check(bytes, Algorithm::Hs256), Err(KeyError::Unfit(_))), "{bytes:?}");
        }
        let almost = [&der[..], &[1]].concat();
        assert_eq!(
            check(&almost[1..], Algorithm::Hs256).map_err(|error| error.code()),
            Err("monotonous_secret")
        );
    }

    #[test]
    fn published_and_monotonous_secrets_are_refused() {
        for published in [
            "a-string-secret-at-least-256-bits-long",
            "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
        ] {
            assert_eq!(check(published.as_bytes(), Algorithm::Hs256), Err(KeyError::PublishedSecret));
        }
        let rfc_7515 =
            "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
        let bytes = crate::jwt::b64::decode(rfc_7515).unwrap();
        assert_eq!(check(&bytes, Algorithm::Hs256), Err(KeyError::PublishedSecret));
        assert_eq!(check(&[0; 32], Algorithm::Hs256), Err(KeyError::MonotonousSecret));
        assert_eq!(check("passpass".repeat(8).as_bytes(), Algorithm::Hs256), Err(KeyError::MonotonousSecret));
    }
}
