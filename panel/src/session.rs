//! Whether somebody is logged in or has a guest link open, as the edge says.

use crate::api::{self, Status};
use crate::platform;
use crate::visit::Visitor;

/// What a page with devices on it knows of its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Session {
    /// Not known yet; `trouble` once the edge could not be reached.
    Starting {
        /// Whether to say that it takes long.
        trouble: bool,
    },
    /// Somebody is logged in, or has a guest link open.
    Control,
    /// Nobody is, any more.
    Over {
        /// Whether it ended by itself, and nobody left.
        ended: bool,
    },
}

/// What the edge says about the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionStatus {
    /// It holds, for the site of this page.
    Good,
    /// It does not.
    Gone,
    /// The edge could not be asked.
    Unsure,
}

/// The longest wait before the edge is asked again while a page starts, milliseconds.
pub const RETRY_MOST_MS: u32 = 8_000;

/// Asks about the session, renewing it if it has run out.
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

/// Renews the session. A guest's cannot be renewed: it holds or it does not.
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
