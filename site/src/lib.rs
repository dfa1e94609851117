//! The state and the rules of one Pinlatch site: its devices, commands, people, logins and audit log.
//!
//! This crate contains no socket, clock, random number generator or cryptographic key. For each
//! event, a Durable Object opens the site with the current time and passes the event to the site.
//! The Durable Object then carries out the [`Effect`]s that the site returns. In tests, the test
//! code takes the place of the Durable Object. A [`Site`] keeps no state in memory between events.
//! All state is in a [`Store`], so hibernation and eviction of the Durable Object lose no data.
//!
//! The site guarantees these invariants:
//! * Each command is stored before the command is sent. Each command is sent once and answered
//!   once. The answer is the device's report. If no report arrives within [`GRACE_MS`] after the
//!   deadline, the answer is `unknown`.
//! * Permissions are computed for each request and event, from the token's scopes and the person's
//!   current rights.
//! * Whether a device is online is computed from the agent's open WebSocket. The database contains
//!   only the value that was last published.
//! * No input from a caller or an agent makes the site fail.

#![warn(missing_docs)]
#![allow(
    clippy::result_large_err,
    reason = "an event returns at most one error, so the size of the error type does not matter"
)]

mod accounts;
mod audit;
mod database;
mod devices;
mod dispatch;
mod interface;
mod memory;
mod panel;
mod publish;
mod report;
mod site;
#[cfg(test)]
mod tests;
mod wake;

pub use crate::accounts::frames::FrameLimits;
pub use crate::accounts::logins::ROTATION_GRACE_MS;
pub use crate::accounts::shares::MAX_IN_FLIGHT;
#[cfg(any(test, feature = "native"))]
pub use crate::database::native;
pub use crate::database::store::{Row, Store, StoreError, Value};
pub use crate::devices::command::{GRACE_MS, KEEP_COMMANDS_MS};
pub use crate::interface::call::{
    Answer, Call, CallResult, LoggedIn, NewLogin, PrincipalCall, Reply, SiteCall, calls,
};
pub use crate::interface::credential::{Credential, Renewed};
pub use crate::interface::event::{
    Audience, CommandOrder, Effect, Event, LineReading, PanelFilter, PanelView, Press, Question, Wanted,
};
pub use crate::interface::links::Links;
pub use crate::interface::principal::Principal;
pub use crate::memory::Memory;
pub use crate::site::{Config, Site};
