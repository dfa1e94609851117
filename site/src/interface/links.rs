//! Defines the interface through which the site asks about open WebSockets.

use crate::memory::Memory;

/// The open WebSockets of agents and panels.
pub trait Links {
    /// Returns the time of the last activity on the agent's WebSocket with this nonce, in milliseconds of Unix time.
    /// Activity is the WebSocket upgrade, a received frame, or a ping that the runtime answered automatically. If no
    /// WebSocket with this nonce is open, the result is `None`.
    fn last_sign_of_life(&self, session: &str) -> Option<u64>;

    /// Returns the number of open panel WebSockets that were accepted with this tag of `Site::panel_tags`.
    fn panels_with(&self, tag: &str) -> u32;

    /// Returns the data that the site keeps only in memory.
    fn memory(&self) -> &Memory;
}
