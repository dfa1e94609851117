//! Defines the calls from the Worker to a gate.

use pinlatch_protocol::api::Secret;
use pinlatch_protocol::name::{Name, UserName};
use serde::{Deserialize, Serialize};

use super::client::Attempt;

/// A call from the Worker to a gate's Durable Object.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateCall {
    /// Verifies a person's password.
    Verify { attempt: Attempt, password: Secret },
    /// Sets a person's password.
    Set { site: Name, username: UserName, password: Secret },
}
