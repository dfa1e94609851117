//! Serves the status of the running agent on a Unix socket. Each connection receives one JSON document.

mod snapshot;
mod socket;
mod text;

use std::path::{Path, PathBuf};

use crate::config::Config;

pub use snapshot::*;
pub use socket::{SocketError, StatusSocket, ask};

/// The runtime folder, which systemd creates (`RuntimeDirectory=pinlatch`).
const RUNTIME_DIR: &str = "/run/pinlatch";

pub fn default_socket() -> PathBuf {
    Path::new(RUNTIME_DIR).join("agent.sock")
}

/// Returns the path of the agent's status socket. The default path is in systemd's runtime folder. The result is `None`
/// if no path is configured and the runtime folder does not exist.
pub fn socket_of(config: &Config) -> Option<PathBuf> {
    let default = || Path::new(RUNTIME_DIR).is_dir().then(default_socket);
    config.status_socket.clone().or_else(default)
}
