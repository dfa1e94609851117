//! The session of the page's visitor, as reported by the edge.

use pinlatch_protocol::problem::Code;

use crate::api::{self, Failure, Status};
use crate::platform;
use crate::refusal::Remedy;
use crate::visit::Visitor;

/// The state of the session, as used by the board and the administration pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Session {
    /// The state of the session is not known yet.
    Starting {
        /// Whether the edge could not be reached.
        trouble: bool,
    },
    /// A person is logged in, or a guest link is open.
    Control,
    /// The session has ended, or there was no session.
    Over {
        /// This value is `true` if the session ended while the page was open. It is `false` after a logout, or if
        /// there was no session.
        ended: bool,
    },
}

/// The result of a check of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionStatus {
    Good,
    Gone,
    /// The site in the page's URL does not exist.
    NoSite,
    /// The edge was not reached, so the session could not be checked.
    Unsure,
}

/// The longest wait between two checks of the session while a page starts, in milliseconds.
pub const RETRY_MOST_MS: u32 = 8_000;

/// Checks the session. If the session has expired, renews the session.
pub async fn resume() -> SessionStatus {
    match api::status().await {
        Ok(Status::Open) => SessionStatus::Good,
        Ok(Status::Renewable) => renew().await,
        Ok(Status::None) => SessionStatus::Gone,
        Err(failure) => failed(&failure),
    }
}

/// Renews the session of a person. The session of a guest is only checked, because it cannot be renewed.
pub async fn refresh() -> SessionStatus {
    match platform::visitor() {
        Visitor::Person => renew().await,
        Visitor::Guest => resume().await,
    }
}

async fn renew() -> SessionStatus {
    match api::refresh().await {
        Ok(()) => SessionStatus::Good,
        // A proof of the person's identity replaces the refresh token. A page that renews the session at the same time
        // is refused, although the browser has received new cookies.
        Err(failure) if failure.status() == Some(400) => match api::status().await {
            Ok(Status::Open) => SessionStatus::Good,
            Ok(_) => SessionStatus::Gone,
            Err(failure) => failed(&failure),
        },
        Err(failure) => failed(&failure),
    }
}

fn failed(failure: &Failure) -> SessionStatus {
    match failure.status() {
        Some(404) if matches!(failure, Failure::Problem(problem) if problem.is(Code::UnknownSite)) => {
            SessionStatus::NoSite
        }
        Some(400 | 404) => SessionStatus::Gone,
        _ if failure.remedy() == Remedy::Renew => SessionStatus::Gone,
        _ => SessionStatus::Unsure,
    }
}
