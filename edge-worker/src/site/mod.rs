//! The site's object: a thin shim that gives [`pinlatch_site::Site`] its database, its sockets, its
//! signatures and its alarm, and carries out what it decides.

mod effects;
mod object;
mod sockets;
mod store;

pub use object::SiteObject;
pub use sockets::AgentSocket;
pub use store::SqlStore;
