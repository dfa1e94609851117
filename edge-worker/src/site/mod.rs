//! The site's object: a thin shim that provides a database, sockets, signatures and an alarm to
//! [`pinlatch_site::Site`], and carries out its effects.

mod effects;
mod object;
mod sockets;
mod store;

pub use object::SiteObject;
pub use sockets::AgentSocket;
pub use store::SqlStore;
