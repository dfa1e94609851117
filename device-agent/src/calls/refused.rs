//! Defines the reasons why the agent refuses a holder's call.

use pinlatch_token::Refusal;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallRefused {
    /// The line answers to holders, and the command carries no call, or a call for another action.
    #[error("the line needs the call of a holder, and the command carries none for this action")]
    Authority,
    #[error("the challenge in the call is not a challenge of this run of the agent")]
    Challenge,
    #[error("the call came {late_ms} ms too late after its challenge")]
    TooOld { late_ms: u64 },
    /// The agent has just refused many calls with invalid signatures.
    #[error("the device has just received many invalid calls")]
    TooManyFailures,
    /// The memory of the calls is full.
    #[error("the device has just received many calls")]
    MemoryFull,
    #[error("the grant is invalid: {0}")]
    Grant(Refusal),
    #[error("the call is invalid: {0}")]
    Call(Refusal),
    #[error("the owner has revoked the grant")]
    Revoked,
    #[error("the grant has expired")]
    Expired,
    #[error("the grant is not valid yet")]
    NotYetValid,
    #[error("the device does not know the time, and the grant does not count without it")]
    TimeUnknown,
    #[error("the grant does not contain the scope {0}")]
    Scope(String),
}

impl CallRefused {
    /// Returns the stable error code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Authority => "refused_authority",
            Self::Challenge | Self::TooOld { .. } => "refused_challenge",
            Self::TooManyFailures | Self::MemoryFull => "refused_many_calls",
            Self::Grant(_) => "refused_grant",
            Self::Call(_) => "refused_call",
            Self::Revoked => "refused_revoked",
            Self::Expired => "refused_grant_expired",
            Self::NotYetValid => "refused_grant_early",
            Self::TimeUnknown => "refused_time_unknown",
            Self::Scope(_) => "refused_grant_scope",
        }
    }
}
