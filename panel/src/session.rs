//! Whether somebody is logged in or has a guest link open: starting, logging in, in control, or shut out.

use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use pinlatch_protocol::api::Secret;

use crate::visit::{Brought, Visitor};
use crate::words::guest::Closed;
use crate::{api, platform};

/// Which screen is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// The site's owner is to be made, by a code that may have come in the address.
    SetUp(Option<Secret>),
    /// Somebody who was invited is to choose a password.
    Invited(Secret),
    /// Somebody is logged in, or has a guest link open.
    Control,
    /// Somebody is, and goes where they wanted to.
    Leaving(String),
    /// A guest link does not open anything (any more).
    Shut(Closed),
}

impl Session {
    /// What comes after a login.
    pub fn entered() -> Self {
        platform::take_way().map_or(Self::Control, Self::Leaving)
    }

    /// What an address asks for that brought something.
    pub fn of_brought(brought: Brought) -> Self {
        match brought {
            Brought::Setup(code) => Self::SetUp(code),
            Brought::Invitation(code) => Self::Invited(code),
        }
    }

    /// What comes after a session that is over.
    pub fn after(visitor: Visitor) -> Self {
        match visitor {
            Visitor::Person => Self::LogIn { ended: true },
            Visitor::Guest => Self::Shut(Closed::Ended),
        }
    }

    /// What comes after a session that was left.
    pub fn left(visitor: Visitor) -> Self {
        match visitor {
            Visitor::Person => Self::LogIn { ended: false },
            Visitor::Guest => Self::Shut(Closed::Left),
        }
    }
}

/// From when the guest link is valid that was opened here, seconds of Unix time. A reload no longer knows.
#[derive(Clone, Copy)]
pub struct Opened(pub RwSignal<Option<u64>>);

/// What the edge says about the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It holds, for the site of this page.
    Good,
    /// It does not.
    Gone,
    /// The edge could not be asked.
    Unsure,
}

/// The longest wait before the edge is asked again while the page starts.
const RETRY_MOST_MS: u32 = 8_000;

/// Asks about the session, renewing it if it has run out.
pub async fn resume() -> Standing {
    let visitor = platform::visitor();
    match api::whoami().await {
        Ok(whoami) if Visitor::of_subject(&whoami.sub) == visitor => {
            let here = platform::site().is_none_or(|site| site == whoami.site);
            if here { Standing::Good } else { Standing::Gone }
        }
        Err(failure) if failure.status() != Some(401) => Standing::Unsure,
        // A guest's cookie may have answered in place of the login's that has run out.
        Ok(_) | Err(_) => match visitor {
            Visitor::Person => renew().await,
            Visitor::Guest => Standing::Gone,
        },
    }
}

/// Renews the session. A guest's cannot be renewed: it holds or it does not.
pub async fn refresh() -> Standing {
    match platform::visitor() {
        Visitor::Person => renew().await,
        Visitor::Guest => resume().await,
    }
}

async fn renew() -> Standing {
    match api::refresh().await {
        Ok(own) if platform::site().is_none_or(|site| site == own) => Standing::Good,
        Ok(_) => Standing::Gone,
        Err(failure) if matches!(failure.status(), Some(400 | 401)) => Standing::Gone,
        Err(_) => Standing::Unsure,
    }
}

/// Finds out which screen to show; nothing that closes the door is shown before that is certain. The token of
/// a guest link lives no longer than this call, which is in vain once it is not the `latest` any more.
pub async fn start(
    session: RwSignal<Session>,
    token: Option<Secret>,
    opened: Opened,
    latest: impl Fn() -> bool,
) {
    let mut wait = 500;
    loop {
        let found = match &token {
            Some(token) => open_link(token, opened).await,
            None => match resume().await {
                Standing::Good if platform::visitor() == Visitor::Person => Some(Session::entered()),
                Standing::Good => Some(Session::Control),
                Standing::Gone if platform::visitor() == Visitor::Guest => Some(Session::Shut(Closed::Ended)),
                Standing::Gone => Some(Session::LogIn { ended: false }),
                Standing::Unsure => None,
            },
        };
        if !latest() {
            return;
        }
        match found {
            Some(found) => return session.set(found),
            None => session.set(Session::Starting { trouble: true }),
        }
        TimeoutFuture::new(wait).await;
        wait = RETRY_MOST_MS.min(wait * 2);
    }
}

/// Exchanges a guest link for its cookie; `None` where the edge could not be asked.
async fn open_link(token: &Secret, opened: Opened) -> Option<Session> {
    match api::open_link(token).await {
        Ok((site, from)) => {
            opened.0.set(from);
            platform::show_address(&Visitor::Guest.page(Some(&site)));
            Some(Session::Control)
        }
        Err(api::Failure::Problem(problem)) if !api::is_passing(problem.status) => {
            Some(Session::Shut(Closed::of(problem)))
        }
        Err(_) => None,
    }
}
