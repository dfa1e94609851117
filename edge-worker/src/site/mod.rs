//! The Durable Object of a site. It is a thin shim: it provides a database, sockets, signatures and an alarm to
//! [`pinlatch_site::Site`], and carries out the effects that the site returns.

mod effects;
mod object;
mod sockets;
mod store;

pub use object::SiteObject;
pub use sockets::AgentSocket;
pub use store::SqlStore;
