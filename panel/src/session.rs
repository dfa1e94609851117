//! The session of the page's visitor, as reported by the edge.

use crate::api::{self, Status};
use crate::platform;
use crate::visit::Visitor;

/// The session from the view of a page with devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Session {
    /// Not known yet.
    Starting {
        /// Whether the edge could not be reached.
        trouble: bool,
    },
    /// A person is signed in, or a guest link is open.
    Control,
    /// The session is over.
    Over {
        /// Whether it ended while the page was open; false after a sign-out, or if there was none.
        ended: bool,
    },
}

/// Result of a session check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionStatus {
    /// Valid, for the site of this page.
    Good,
    /// Not valid, or for another site.
    Gone,
    /// The edge was not reached.
    Unsure,
}

/// The longest wait between two checks while a page starts, milliseconds.
pub const RETRY_MOST_MS: u32 = 8_000;

/// Checks the session, and renews it if it has expired.
pub async fn resume() -> SessionStatus {
    let visitor = platform::visitor();
    match api::status().await {
        Ok(Status::Open(own, sub)) if Visitor::of_subject(&sub) == visitor => {
            let here = platform::site().is_none_or(|site| site == own);
            if here { SessionStatus::Good } else { SessionStatus::Gone }
        }
        Ok(Status::Renewable) => renew().await,
        Ok(Status::Open(..) | Status::None) => SessionStatus::Gone,
        Err(_) => SessionStatus::Unsure,
    }
}

/// Renews the session. A guest's session cannot be renewed, so it is only checked.
pub async fn refresh() -> SessionStatus {
    match platform::visitor() {
        Visitor::Person => renew().await,
        Visitor::Guest => resume().await,
    }
}

async fn renew() -> SessionStatus {
    match api::refresh().await {
        Ok(own) if platform::site().is_none_or(|site| site == own) => SessionStatus::Good,
        Ok(_) => SessionStatus::Gone,
        Err(failure) if matches!(failure.status(), Some(400 | 401)) => SessionStatus::Gone,
        Err(_) => SessionStatus::Unsure,
    }
}
