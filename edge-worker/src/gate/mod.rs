//! The gate verifies passwords and limits the rate of logins. The gates are separate from the sites, so that a flood of
//! logins never reaches a site.

mod object;
mod password;
mod slots;

pub use object::GateObject;

use pinlatch_protocol::api::{MAX_PASSWORD, MIN_PASSWORD, Secret};
use pinlatch_protocol::name::{Name, UserName};
use pinlatch_protocol::problem::{Code, Problem};
use serde::{Deserialize, Serialize};
use worker::Stub;

use crate::incoming::{Incoming, object_fault};
use crate::objects::ask;

/// A call from the Worker to a gate.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum GateCall {
    /// Verifies a person's password.
    Verify { site: Name, username: UserName, password: Secret, address: String },
    /// Sets a person's password.
    Set { site: Name, username: UserName, password: Secret },
}

/// Verifies a password. Returns 401 `login_failed` or 429 `throttled` otherwise.
pub async fn verify(
    incoming: &Incoming,
    site: &Name,
    username: &UserName,
    password: Secret,
) -> Result<(), Problem> {
    if password.expose().len() > MAX_PASSWORD {
        return Err(Code::LoginFailed.into());
    }
    let address = incoming.header("CF-Connecting-IP").unwrap_or_default();
    let call = GateCall::Verify { site: site.clone(), username: username.clone(), password, address };
    ask::<_, Result<(), Problem>>(&stub(incoming, username)?, None, &call).await?
}

/// Checks the length of a new password. NIST SP 800-63B requires a minimum length and no other rule.
pub fn require_acceptable(password: &Secret) -> Result<(), Problem> {
    if password.expose().chars().count() >= MIN_PASSWORD && password.expose().len() <= MAX_PASSWORD {
        return Ok(());
    }
    let text =
        format!("`password` must have at least {MIN_PASSWORD} characters and at most {MAX_PASSWORD} bytes");
    Err(Problem::new(Code::InvalidRequest).detail(text))
}

/// Sets a password. The caller must have checked the length.
pub async fn set(
    incoming: &Incoming,
    site: &Name,
    username: &UserName,
    password: Secret,
) -> Result<(), Problem> {
    let call = GateCall::Set { site: site.clone(), username: username.clone(), password };
    ask::<_, Result<(), Problem>>(&stub(incoming, username)?, None, &call).await?
}

/// Number of gates. This number must never change, because each password is stored in the gate that the user name
/// selects.
const SHARDS: u32 = 64;

/// The gate of a user name. The number of gates is fixed, so that logins with invented names create no Durable Objects.
fn stub(incoming: &Incoming, username: &UserName) -> Result<Stub, Problem> {
    let namespace = incoming.env.durable_object("GATE").map_err(object_fault)?;
    let name = format!("gate-{}", shard(username));
    namespace.id_from_name(&name).and_then(|id| id.get_stub()).map_err(object_fault)
}

/// FNV-1a hash. The algorithm is fixed, because the result must stay the same in every version.
fn shard(username: &UserName) -> u32 {
    let hash = username
        .as_str()
        .bytes()
        .fold(0x811c_9dc5u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash % SHARDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_gate() {
        let shard_of = |name: &str| shard(&UserName::new(name).unwrap());
        assert_eq!((shard_of("owner"), shard_of("ann")), (shard_of("OWNER"), shard_of("ann")));
        let used: std::collections::HashSet<u32> = (0..1000).map(|n| shard_of(&format!("u{n}"))).collect();
        assert_eq!(used.len() as u32, SHARDS, "all gates are used");
    }
}
