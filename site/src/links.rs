//! Open sockets, as the shim reports them to the site.

/// The open agent sockets.
pub trait Links {
    /// The last sign of life of an open agent socket with this nonce (its upgrade, a frame or an automatically answered
    /// ping), in milliseconds of Unix time; `None` if no such socket is open.
    fn last_sign_of_life(&self, session: &str) -> Option<u64>;
}
