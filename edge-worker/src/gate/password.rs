//! Argon2id (RFC 9106), stored as PHC strings. The parameters are one of the sets that OWASP considers equivalent to
//! its minimum. This set is the fastest in wasm, because it uses the least memory bandwidth. The small amount of memory
//! also matters, because an isolate has 128 MB in total.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use pinlatch_protocol::api::Secret;

/// Memory in KiB, number of passes, number of lanes.
const COST: (u32, u32, u32) = (7 * 1024, 5, 1);

fn argon2() -> Result<Argon2<'static>, String> {
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, None).map_err(|error| error.to_string())?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Hashes a password with a new random salt.
pub fn hash(password: &Secret) -> Result<String, String> {
    let hash = argon2()?.hash_password(password.expose().as_bytes()).map_err(|error| error.to_string())?;
    Ok(hash.to_string())
}

/// Verifies a password. If no hash is stored, the same work is done, so that the response time does not reveal whether
/// an account exists.
pub fn verify(password: &Secret, stored: Option<&str>) -> Result<bool, String> {
    let Some(stored) = stored else {
        return hash(password).map(|_| false);
    };
    let stored = PasswordHash::new(stored).map_err(|error| error.to_string())?;
    Ok(argon2()?.verify_password(password.expose().as_bytes(), &stored).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_password_verifies() {
        let stored = hash(&Secret::new("correct horse")).unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=7168,t=5,p=1$"));
        assert_eq!(verify(&Secret::new("correct horse"), Some(&stored)), Ok(true));
        assert_eq!(verify(&Secret::new("correct horsf"), Some(&stored)), Ok(false));
        assert_eq!(verify(&Secret::new("correct horse"), None), Ok(false));
    }
}
