//! Which shared secrets are too weak to sign anything with.
//!
//! A short secret is found by trying (RFC 7518 §3.2 asks for the length of the hash's output), and a
//! secret from a tutorial is found by looking it up, however long it is.

use crate::alg::Algorithm;
use crate::key_error::KeyError;

/// Secrets long enough to pass, but published: in RFCs, in jwt.io's editor, in tutorials and example
/// projects that are copied as they are. One a line, as text; those of the RFCs in base64url.
const PUBLISHED: &str = include_str!("published-secrets.txt");

/// A random secret of 32 bytes has about 30 different bytes; a text made by a person has a dozen.
const FEWEST_DIFFERENT: usize = 8;

/// Refuses a secret that is too short for an algorithm, well known, or no more than a few repeated bytes.
pub(crate) fn check(secret: &[u8], algorithm: Algorithm) -> Result<(), KeyError> {
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

fn is_published(secret: &[u8]) -> bool {
    let lines = PUBLISHED.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.into_iter().any(|line| {
        line.as_bytes() == secret || crate::b64::decode(line).is_some_and(|bytes| bytes == secret)
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
    fn published_and_monotonous_secrets_are_refused() {
        for published in [
            "a-string-secret-at-least-256-bits-long",
            "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
        ] {
            assert_eq!(check(published.as_bytes(), Algorithm::Hs256), Err(KeyError::PublishedSecret));
        }
        let rfc_7515 =
            "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
        let bytes = crate::b64::decode(rfc_7515).unwrap();
        assert_eq!(check(&bytes, Algorithm::Hs256), Err(KeyError::PublishedSecret));
        assert_eq!(check(&[0; 32], Algorithm::Hs256), Err(KeyError::MonotonousSecret));
        assert_eq!(check("passpass".repeat(8).as_bytes(), Algorithm::Hs256), Err(KeyError::MonotonousSecret));
    }
}
