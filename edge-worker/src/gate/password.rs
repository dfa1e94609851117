//! Hashes and verifies passwords with Argon2id (RFC 9106). Each hash is a PHC string. The parameters are one of the
//! sets that OWASP considers equivalent to its recommended minimum. The chosen set is the fastest in wasm, because this
//! set uses the least memory bandwidth. A small amount of memory is also important, because an isolate has only 128 MB
//! in total.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{CustomizedPasswordHasher, PasswordHasher};
use argon2::{Algorithm, Argon2, Params, Version};
use pinlatch_protocol::api::Secret;

/// The Argon2id parameters: memory in KiB, number of passes, and number of lanes.
const COST: (u32, u32, u32) = (7 * 1024, 5, 1);

fn argon2() -> Result<Argon2<'static>, String> {
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, None).map_err(|error| error.to_string())?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Hashes a password. `other` is another hash of the same account, whose salt is used again. A single Argon2
/// computation therefore compares a password with all hashes of the account.
pub fn hash(password: &Secret, other: Option<&str>) -> Result<String, String> {
    let other = other.and_then(|other| PasswordHash::new(other).ok());
    let password = password.expose().as_bytes();
    let hash = match other.and_then(|other| other.salt) {
        Some(salt) => argon2()?.hash_password_with_salt(password, &salt),
        None => argon2()?.hash_password(password),
    };
    Ok(hash.map_err(text)?.to_string())
}

/// Returns for each hash of an account whether it is a hash of the password. This function makes one Argon2 computation
/// for all hashes with the same salt and parameters. If there is no hash, this function still makes one Argon2
/// computation. The response time therefore does not reveal whether an account exists.
pub fn matches(password: &Secret, hashes: &[String]) -> Result<Vec<bool>, String> {
    if hashes.is_empty() {
        hash(password, None)?;
    }
    let mut computed: Vec<PasswordHash> = Vec::new();
    let compare = |stored: &String| {
        let stored = PasswordHash::new(stored).map_err(text)?;
        let known = computed.iter().find(|known| is_alike(known, &stored)).cloned();
        let own = match known {
            Some(known) => known,
            None => {
                let own = compute(password, &stored)?;
                computed.push(own.clone());
                own
            }
        };
        // This comparison takes the same time for every output.
        Ok(own.hash.is_some() && own.hash == stored.hash)
    };
    hashes.iter().map(compare).collect()
}

/// Returns whether two hashes have the same salt and the same parameters.
fn is_alike(one: &PasswordHash, other: &PasswordHash) -> bool {
    let inputs = |hash: &PasswordHash| (hash.algorithm, hash.version, hash.params.clone(), hash.salt);
    inputs(one) == inputs(other)
}

/// Hashes a password with the salt and the parameters of a stored hash.
fn compute(password: &Secret, stored: &PasswordHash) -> Result<PasswordHash, String> {
    let salt = stored.salt.ok_or("the stored hash has no salt")?;
    let params = Params::try_from(stored).map_err(text)?;
    let algorithm = Some(stored.algorithm.as_str());
    let hash = argon2()?.hash_password_customized(
        password.expose().as_bytes(),
        &salt,
        algorithm,
        stored.version,
        params,
    );
    hash.map_err(text)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Secret {
        Secret::new("correct horse")
    }

    #[test]
    fn only_the_same_password_matches() {
        let stored = hash(&secret(), None).unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=7168,t=5,p=1$"));
        assert_eq!(matches(&secret(), std::slice::from_ref(&stored)), Ok(vec![true]));
        assert_eq!(matches(&Secret::new("correct horsf"), &[stored]), Ok(vec![false]));
        assert_eq!(matches(&secret(), &[]), Ok(vec![]));
    }

    #[test]
    fn hashes_of_an_account_share_a_salt() {
        let first = hash(&secret(), None).unwrap();
        let second = hash(&Secret::new("battery staple"), Some(&first)).unwrap();
        let foreign = hash(&secret(), None).unwrap();
        let salt = |hash: &str| PasswordHash::new(hash).unwrap().salt;
        assert_eq!(salt(&first), salt(&second));
        assert_ne!(salt(&first), salt(&foreign));
        assert_eq!(matches(&secret(), &[first, second, foreign]), Ok(vec![true, false, true]));
    }

    #[test]
    fn a_hash_with_other_parameters_still_matches() {
        let cheap = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(64, 1, 1, None).unwrap());
        let old = cheap.hash_password(b"correct horse").unwrap().to_string();
        let new = hash(&secret(), Some(&old)).unwrap();
        assert!(new.contains("m=7168"), "a new hash has the present cost");
        assert_eq!(matches(&secret(), &[old, new]), Ok(vec![true, true]));
    }
}
