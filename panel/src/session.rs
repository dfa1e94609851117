//! Whether somebody is logged in: starting, logging in, or in control.

use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;

use crate::{api, platform};

/// Which of the three screens is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Session {
    /// Not known yet; `trouble` once the edge could not be reached.
    Starting {
        /// Whether to say that it takes long.
        trouble: bool,
    },
    /// Nobody is logged in; `ended` where somebody was.
    LogIn {
        /// Whether to say that the session has ended.
        ended: bool,
    },
    /// Somebody is.
    Control,
}

/// What the edge says about the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It holds, for the site of this page.
    Good,
    /// It does not: log in.
    Gone,
    /// The edge could not be asked.
    Unsure,
}

/// The longest wait before the edge is asked again while the page starts.
const RETRY_MOST_MS: u32 = 8_000;

/// Asks about the session, renewing it if it has run out.
pub async fn resume() -> Standing {
    match api::whoami().await {
        Ok(whoami) if platform::site().is_none_or(|site| site == whoami.site) => Standing::Good,
        Ok(_) => Standing::Gone,
        Err(failure) if failure.status() == Some(401) => refresh().await,
        Err(_) => Standing::Unsure,
    }
}

/// Renews the session.
pub async fn refresh() -> Standing {
    match api::refresh().await {
        Ok(reply) if platform::site().is_none_or(|site| site == reply.site) => Standing::Good,
        Ok(_) => Standing::Gone,
        Err(failure) if matches!(failure.status(), Some(400 | 401)) => Standing::Gone,
        Err(_) => Standing::Unsure,
    }
}

/// Finds out which screen to show; the login is not shown before that is certain.
pub async fn start(session: RwSignal<Session>) {
    let mut wait = 500;
    loop {
        match resume().await {
            Standing::Good => return session.set(Session::Control),
            Standing::Gone => return session.set(Session::LogIn { ended: false }),
            Standing::Unsure => session.set(Session::Starting { trouble: true }),
        }
        TimeoutFuture::new(wait).await;
        wait = RETRY_MOST_MS.min(wait * 2);
    }
}
