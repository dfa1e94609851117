//! The unix socket: the daemon's end and the asking one's.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::UnixListener;
use tokio::time::timeout;

use super::Status;

/// How long who asks may take to read.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long the daemon may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Longer than any document.
const MAX_DOCUMENT: u64 = 1 << 20;

/// Why the status cannot be offered or asked for.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another agent listens there.
    #[error("{0}: another agent is listening there")]
    InUse(PathBuf),
    /// Something else is there.
    #[error("{0}: this is no socket")]
    NoSocket(PathBuf),
    /// Nobody listens there.
    #[error("{0}: no agent is running there")]
    NotRunning(PathBuf),
    /// The system refused.
    #[error("{path}: {error}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// What came is no status.
    #[error("what listens there gives no status: {0}")]
    Answer(#[from] serde_json::Error),
}

impl SocketError {
    /// The stable code.
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

/// The daemon's end; its file goes with it.
pub struct StatusSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl StatusSocket {
    /// Listens. The socket of a daemon that was killed is replaced, that of a living one is not.
    pub fn bind(path: &Path) -> Result<Self, SocketError> {
        if let Ok(found) = fs::symlink_metadata(path) {
            if !found.file_type().is_socket() {
                return Err(SocketError::NoSocket(path.into()));
            }
            match UnixStream::connect(path) {
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    fs::remove_file(path).map_err(SocketError::io(path))?;
                }
                // It gives no sign of being dead.
                _ => return Err(SocketError::InUse(path.into())),
            }
        }
        let listener = UnixListener::bind(path).map_err(SocketError::io(path))?;
        let socket = Self { listener, path: path.into() };
        fs::set_permissions(path, Permissions::from_mode(0o660)).map_err(SocketError::io(path))?;
        Ok(socket)
    }

    /// Answers for ever, one after the other.
    pub async fn serve(&self, status: impl Fn() -> Status) {
        loop {
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::error!(code = "status_socket_failed", %error, "the status is no longer offered");
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
            // Who does not read on has only themselves to blame.
            let _ = timeout(PATIENCE, answer).await;
        }
    }
}

impl Drop for StatusSocket {
    fn drop(&mut self) {
        // Left behind, it would be replaced by the next start.
        let _ = fs::remove_file(&self.path);
    }
}

/// Asks a running agent.
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
        // What a killed process leaves: a socket that nobody listens on.
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
