//! What the site must know about open sockets, which only the shim around it can see.

/// The open agent sockets.
pub trait Links {
    /// When an open agent socket of this session nonce last gave a sign of life (its upgrade, a frame or
    /// an automatically answered ping), in milliseconds of Unix time; `None` if no such socket is open.
    fn last_sign_of_life(&self, session: &str) -> Option<u64>;
}
