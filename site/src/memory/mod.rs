//! Defines the data that a site keeps only in memory, between events. The Durable Object stores the [`Memory`]. The
//! loss of this data, for example by an eviction of the Durable Object, never makes a level or a sequence number wrong.

pub(crate) mod hidden_changes;
pub(crate) mod limit;
pub(crate) mod questions;
pub(crate) mod recent_events;

use self::hidden_changes::HiddenChanges;
use self::questions::Questions;
use self::recent_events::RecentEvents;

/// The data that a site keeps only in memory.
#[derive(Default)]
pub struct Memory {
    pub(crate) events: RecentEvents,
    pub(crate) hidden: HiddenChanges,
    pub(crate) questions: Questions,
}
