//! The gates verify passwords and limit the rate of logins. Each gate is a Durable Object that is separate from the
//! sites. A flood of logins with wrong passwords therefore never reaches a site's Durable Object.

mod acceptable;
mod accounts;
mod call;
mod client;
mod failures;
mod new_password;
mod object;
mod password;
mod reports;
mod slots;

pub use acceptable::require_acceptable;
pub use call::Source;
pub use client::Client;
pub use new_password::NewPassword;
pub use object::GateObject;

use pinlatch_protocol::api::{MAX_PASSWORD, Secret};
use pinlatch_protocol::name::{Name, UserName};
use pinlatch_protocol::problem::{Code, Problem};
use worker::Stub;

use self::call::GateCall;
use self::client::Attempt;
use crate::incoming::{Incoming, object_fault};
use crate::objects::ask;

/// Verifies a person's password at the gate, and returns the ids of the stored passwords that are equal to it. The
/// caller must check that the site accepts one of the ids. For a wrong password, this function returns 401
/// `login_failed`. After too many wrong passwords, or during too many simultaneous logins, this function returns 429
/// `throttled`.
pub async fn verify(
    incoming: &Incoming,
    site: &Name,
    username: &UserName,
    password: Secret,
    client: Client,
) -> Result<Vec<String>, Problem> {
    if password.expose().len() > MAX_PASSWORD {
        return Err(Code::LoginFailed.into());
    }
    let attempt = Attempt { site: site.clone(), username: username.clone(), client };
    send(incoming, username, &GateCall::Verify { attempt, password }).await
}

/// Sends a call to the gate of a user name, and returns the password ids of the reply.
async fn send(incoming: &Incoming, username: &UserName, call: &GateCall) -> Result<Vec<String>, Problem> {
    ask::<_, Result<Vec<String>, Problem>>(&stub(incoming, username)?, None, call).await?
}

/// The number of gates. The number of gates must never change, because a hash of the user name selects the gate that
/// stores the password.
const SHARDS: u32 = 64;

/// Returns the gate for a user name. The number of gates is fixed, so logins with invented user names create no new
/// Durable Objects.
fn stub(incoming: &Incoming, username: &UserName) -> Result<Stub, Problem> {
    let namespace = incoming.env.durable_object("GATE").map_err(object_fault)?;
    let name = format!("gate-{}", shard(username));
    namespace.id_from_name(&name).and_then(|id| id.get_stub()).map_err(object_fault)
}

/// Returns the number of the gate for a user name, computed with the FNV-1a hash. The hash algorithm must never change,
/// because a user name must always select the same gate.
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
    fn the_documentation_has_the_limits() {
        use super::failures::{FREE_FAILURES, LONGEST_WAIT_MS};
        use super::slots::*;
        let docs = include_str!("../../../docs/edge.md");
        let (longest, pace) = (LONGEST_WAIT_MS / 1_000, ACCOUNT_PACE_MS / 1_000);
        let (address, account) = (ADDRESS_PERIOD_MS / 60_000, ACCOUNT_PERIOD_MS / 60_000);
        assert_eq!(account, 1, "the documentation says `every minute`");
        for sentence in [
            format!("after {FREE_FAILURES} failed logins, each further"),
            format!("at most {longest} s. A successful login"),
            format!("after {FREE_ADDRESS_FAILURES} failed logins, the same waiting times"),
            format!("decreases by one every {address} minutes"),
            format!("after {FREE_ACCOUNT_FAILURES} failed logins, the password"),
            format!("at most once every {pace} s"),
            format!("expires {} days after", pinlatch_token::client::LIFE / 86_400),
        ] {
            assert!(docs.contains(&sentence), "{sentence}");
        }
    }

    #[test]
    fn a_name_keeps_its_gate() {
        let shard_of = |name: &str| shard(&UserName::new(name).unwrap());
        assert_eq!((shard_of("owner"), shard_of("ann")), (shard_of("OWNER"), shard_of("ann")));
        let used: std::collections::HashSet<u32> = (0..1000).map(|n| shard_of(&format!("u{n}"))).collect();
        assert_eq!(used.len() as u32, SHARDS, "all gates are used");
    }
}
