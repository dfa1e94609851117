//! This module makes and checks the challenges with which a device knows that a call is new. A challenge stores nothing on
//! the device, so no caller can use up the challenges. All challenges end with the process that made them.

use rand::Rng;

use crate::jwt::b64;
use crate::jwt::refusal::Refusal;
use crate::kinds::code::SealingSecret;

/// The secret of one process for its challenges.
#[derive(Clone)]
pub struct ChallengeSecret(SealingSecret);

impl std::fmt::Debug for ChallengeSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChallengeSecret")
    }
}

const LABEL: &str = "pinlatch call challenge";

impl ChallengeSecret {
    /// Generates the secret of a process.
    pub fn generate() -> Self {
        let mut bytes = vec![0; 32];
        rand::rng().fill_bytes(&mut bytes);
        Self(SealingSecret(bytes))
    }

    /// Makes a challenge. `boot_ms` is the time since the machine booted, in milliseconds.
    pub fn issue(&self, boot_ms: u64) -> String {
        let mut nonce = [0; 16];
        rand::rng().fill_bytes(&mut nonce);
        let time = boot_ms.to_be_bytes();
        let seal = self.0.seal(LABEL, &[&time, &nonce]);
        b64::encode(&[&time[..], &nonce, &seal].concat())
    }

    /// Returns the age of a challenge in milliseconds. `boot_ms` is the time since the machine booted, in milliseconds.
    pub fn age_ms(&self, challenge: &str, boot_ms: u64) -> Result<u64, Refusal> {
        let bytes = b64::decode(challenge).ok_or(Refusal::BadSeal)?;
        let (time, rest) = bytes.split_first_chunk::<8>().ok_or(Refusal::BadSeal)?;
        let (nonce, seal) = rest.split_first_chunk::<16>().ok_or(Refusal::BadSeal)?;
        if !self.0.check(LABEL, &[time, nonce], seal) {
            return Err(Refusal::BadSeal);
        }
        // The clock since boot never goes back, so a challenge of the future was made before the machine restarted.
        boot_ms.checked_sub(u64::from_be_bytes(*time)).ok_or(Refusal::BadSeal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_belongs_to_its_process_and_has_an_age() {
        let (own, other) = (ChallengeSecret::generate(), ChallengeSecret::generate());
        let challenge = own.issue(5_000);
        assert_eq!(own.age_ms(&challenge, 5_000), Ok(0));
        assert_eq!(own.age_ms(&challenge, 9_123), Ok(4_123));
        assert_eq!(own.age_ms(&challenge, 4_999), Err(Refusal::BadSeal));
        assert_eq!(other.age_ms(&challenge, 5_000), Err(Refusal::BadSeal));
        assert_ne!(own.issue(5_000), challenge);
        for index in 0..challenge.len() {
            let mut changed = challenge.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(own.age_ms(&changed, 5_000), Err(Refusal::BadSeal), "{index}");
        }
        for wrong in ["", "AAAA", "{}", &challenge[1..]] {
            assert_eq!(own.age_ms(wrong, 5_000), Err(Refusal::BadSeal), "{wrong}");
        }
    }
}
