//! The screens of the entry program.

use pinlatch_protocol::api::Secret;

use crate::platform;
use crate::visit::{Brought, Visitor};
use crate::words::guest::Closed;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Screen {
    /// The state of the session is not known yet.
    Starting {
        /// Whether the edge could not be reached.
        trouble: bool,
    },
    LogIn {
        /// Whether to show that the previous session has ended.
        ended: bool,
    },
    /// The visitor sets up the site, and becomes its owner. The code is present if the URL contained a setup code.
    SetUp(Option<Secret>),
    /// An invited person chooses a password.
    Invited(Secret),
    /// The URL gives no access: a guest link, or a URL that leads to no page.
    Shut(Closed),
    /// The visitor is logged in, so the board is loaded.
    In,
    /// The person is logged in, so the requested page is opened.
    Leaving(String),
}

impl Screen {
    /// Returns the screen after login.
    pub fn entered() -> Self {
        platform::take_way().map_or(Self::In, Self::Leaving)
    }

    /// Returns the screen for a one-time code in the URL.
    pub fn of_brought(brought: Brought) -> Self {
        match brought {
            Brought::Setup(code) => Self::SetUp(code),
            Brought::Invitation(code) => Self::Invited(code),
            Brought::Enrolment => Self::Shut(Closed::Enrolment),
        }
    }

    /// Returns the screen for a visitor without a session. `ended` is the value that the board has stored: `true` for
    /// an expired session, `false` after a logout.
    pub fn without_session(ended: Option<bool>) -> Self {
        match platform::visitor() {
            Visitor::Person => Self::LogIn { ended: ended == Some(true) },
            Visitor::Guest if ended == Some(false) => Self::Shut(Closed::Left),
            Visitor::Guest => Self::Shut(Closed::Ended),
        }
    }
}
