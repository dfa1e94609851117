//! Serves the status of the running agent on a Unix socket. Each connection receives one JSON document.

mod snapshot;
mod socket;
mod text;

use std::path::PathBuf;

use crate::config::Config;
use crate::running::{RUNTIME_DIR, runtime_folder};

pub use snapshot::*;
pub use socket::{SocketError, StatusSocket, ask};

/// The name of the agent's status socket in the runtime folder.
const SOCKET: &str = "agent.sock";

pub fn default_socket() -> PathBuf {
    runtime_folder().unwrap_or_else(|| RUNTIME_DIR.into()).join(SOCKET)
}

/// Returns the path of the agent's status socket. The default path is in systemd's runtime folder. The result is `None`
/// if no path is configured and the runtime folder does not exist.
pub fn socket_of(config: &Config) -> Option<PathBuf> {
    let default = || Some(runtime_folder()?.join(SOCKET));
    config.status_socket.clone().or_else(default)
}
