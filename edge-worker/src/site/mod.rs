//! The Durable Object of a site. This module provides a database, WebSockets, signatures and an
//! alarm to [`pinlatch_site::Site`]. This module also carries out the effects that the site
//! returns.

mod effects;
mod known_alarm;
mod object;
mod questions;
mod sockets;
mod store;

pub use object::SiteObject;
pub use sockets::AgentSocket;
pub use store::SqlStore;
