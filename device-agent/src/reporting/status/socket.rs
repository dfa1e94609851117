//! Transfers the status of the agent over a Unix socket. The running agent is the server, and the command
//! `pinlatch-agent status` is the client.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::UnixListener;
use tokio::time::timeout;

use super::snapshot::Status;

/// The time limit for a client to read the status document.
const PATIENCE: Duration = Duration::from_secs(1);
/// The time limit for the agent's answer to a client.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// The maximum number of bytes that the client reads. Every status document is shorter than this limit of 1 MiB.
const MAX_DOCUMENT: u64 = 1 << 20;

#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    #[error(
        "{0}: another agent already listens on this socket: stop the other agent, or set another `status_socket`"
    )]
    InUse(PathBuf),
    /// The path of the status socket is occupied by a file that is not a socket.
    #[error("{0}: this file is not a socket: remove the file, or set another `status_socket`")]
    NoSocket(PathBuf),
    #[error("{0}: no agent listens on this socket: start the agent, or check `status_socket`")]
    NotRunning(PathBuf),
    #[error("{path}: {error}")]
    Io { path: PathBuf, error: io::Error },
    /// The agent's answer is not a valid status document.
    #[error("the agent's answer is not a valid status document: {0}")]
    Answer(#[from] serde_json::Error),
}

impl SocketError {
    /// Returns the stable error code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InUse(_) => "status_socket_in_use",
            Self::NoSocket(_) => "status_socket_occupied",
            Self::NotRunning(_) => "agent_not_running",
            Self::Io { .. } => "status_socket_failed",
            Self::Answer(_) => "status_unreadable",
        }
    }

    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Io { path: path.into(), error }
    }
}

/// The socket on which the agent serves its status. Dropping a `StatusSocket` removes the socket file.
pub struct StatusSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl StatusSocket {
    /// Listens on a socket with the given path. If a killed agent has left a socket file, the function replaces the old
    /// socket file. The socket of a running agent is not replaced.
    pub fn bind(path: &Path) -> Result<Self, SocketError> {
        if let Ok(found) = fs::symlink_metadata(path) {
            if !found.file_type().is_socket() {
                return Err(SocketError::NoSocket(path.into()));
            }
            match UnixStream::connect(path) {
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    fs::remove_file(path).map_err(SocketError::io(path))?;
                }
                // Unless the connection was refused, the function assumes that another agent is running.
                _ => return Err(SocketError::InUse(path.into())),
            }
        }
        let listener = UnixListener::bind(path).map_err(SocketError::io(path))?;
        let socket = Self { listener, path: path.into() };
        fs::set_permissions(path, Permissions::from_mode(0o660)).map_err(SocketError::io(path))?;
        Ok(socket)
    }

    /// Answers one client after the other. This function never returns.
    pub async fn serve(&self, status: impl Fn() -> Status) {
        loop {
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::error!(code = "status_socket_failed", %error, "the status socket failed; restart the agent to serve the status again");
                    return std::future::pending().await;
                }
            };
            let Ok(document) = serde_json::to_string(&status()) else { continue };
            let mut stream = stream;
            let answer = async {
                stream.write_all(document.as_bytes()).await?;
                stream.write_all(b"\n").await?;
                stream.shutdown().await
            };
            // If the client does not read the status document in time, the connection is closed.
            let _ = timeout(PATIENCE, answer).await;
        }
    }
}

impl Drop for StatusSocket {
    fn drop(&mut self) {
        // An error is ignored, because the next start of the agent replaces a remaining socket file.
        let _ = fs::remove_file(&self.path);
    }
}

/// Requests the status from a running agent.
pub fn ask(path: &Path) -> Result<Status, SocketError> {
    let mut stream = UnixStream::connect(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => SocketError::NotRunning(path.into()),
        _ => SocketError::Io { path: path.into(), error },
    })?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT)).map_err(SocketError::io(path))?;
    let mut document = Vec::new();
    (&mut stream).take(MAX_DOCUMENT).read_to_end(&mut document).map_err(SocketError::io(path))?;
    Ok(serde_json::from_slice(&document)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_dead_daemons_socket_is_replaced_and_a_living_ones_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.sock");
        // A killed process leaves a socket file without a listener.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let living = StatusSocket::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        assert_eq!(StatusSocket::bind(&path).map(drop).unwrap_err().code(), "status_socket_in_use");
        drop(living);
        assert!(!path.exists());
        fs::write(&path, "mine").unwrap();
        assert_eq!(StatusSocket::bind(&path).map(drop).unwrap_err().code(), "status_socket_occupied");
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }

    #[test]
    fn what_is_wrong_with_asking_has_codes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.sock");
        assert_eq!(ask(&path).unwrap_err().code(), "agent_not_running");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let other = std::thread::spawn(move || drop(listener.accept()));
        assert_eq!(ask(&path).unwrap_err().code(), "status_unreadable");
        other.join().unwrap();
        assert_eq!(ask(&path).unwrap_err().code(), "agent_not_running");
    }
}
