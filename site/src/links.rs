//! Open sockets, as the shim reports them to the site.

/// The open agent sockets.
pub trait Links {
    /// When the agent socket with this nonce last gave a sign of life, in milliseconds of Unix time. A sign of life is
    /// the upgrade, a frame, or a ping that was answered automatically. `None` if no such socket is open.
    fn last_sign_of_life(&self, session: &str) -> Option<u64>;
}
