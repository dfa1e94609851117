//! Hashes and verifies passwords with Argon2id (RFC 9106). Each hash is a PHC string. The parameters are one of the
//! sets that OWASP considers equivalent to its recommended minimum. The chosen set is the fastest in wasm, because this
//! set uses the least memory bandwidth. A small amount of memory is also important, because an isolate has only 128 MB
//! in total.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use pinlatch_protocol::api::Secret;

/// The Argon2id parameters: memory in KiB, number of passes, and number of lanes.
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

/// Verifies a password against the stored hash. If no hash is stored, this function still computes a hash. The response
/// time therefore does not reveal whether an account exists.
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
