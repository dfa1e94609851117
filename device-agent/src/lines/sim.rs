//! Simulated lines, for the demo and the tests: outputs write a journal, contacts listen on a unix
//! socket.
//!
//! Each change of an output appends one line `{"at_ms":…,"line":"door","level":true}` in one write.
//! Each line of JSON `{"line":"bell","level":true}` on the socket moves a contact and is answered with
//! `{"ok":true}` or `{"error":"…"}`.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use pinlatch_protocol::line::{Level, LineKind};
use pinlatch_protocol::name::Name;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};

use super::{Driver, DriverError, Edge};
use crate::clock::WallClock;
use crate::config::{DriverConfig, LineConfig, Simulator};

/// The longest request on the socket, in bytes.
const MAX_REQUEST: usize = 1_024;
/// The most clients at once.
const MAX_CLIENTS: usize = 16;

/// What the simulated lines of one device share.
pub struct Simulation {
    journal: Result<Option<Rc<File>>, DriverError>,
    socket: Result<(), DriverError>,
}

impl Simulation {
    /// Opens the journal, and the socket where there are contacts to move.
    pub fn start(config: Option<&Simulator>, lines: &[LineConfig], edges: &mpsc::Sender<Edge>) -> Self {
        let fault = |path: &Path, error: io::Error| DriverError(format!("{}: {error}", path.display()));
        let journal = match config.and_then(|config| config.journal.as_deref()) {
            None => Ok(None),
            Some(path) => OpenOptions::new()
                .append(true)
                .create(true)
                .open(path)
                .map(|file| Some(Rc::new(file)))
                .map_err(|error| fault(path, error)),
        };
        let contacts: BTreeMap<Name, usize> = lines
            .iter()
            .enumerate()
            .filter(|(_, line)| line.kind == LineKind::Contact && line.driver == DriverConfig::Sim)
            .map(|(index, line)| (line.name.clone(), index))
            .collect();
        let socket = match config.and_then(|config| config.socket.as_deref()) {
            Some(path) if !contacts.is_empty() => {
                listen(path, contacts, edges.clone()).map_err(|error| fault(path, error))
            }
            _ => Ok(()),
        };
        Self { journal, socket }
    }

    /// The driver of an output.
    pub fn output(&self, line: &Name) -> Result<Box<dyn Driver>, DriverError> {
        Ok(Box::new(SimOutput { line: line.clone(), level: None, journal: self.journal.clone()? }))
    }

    /// A contact's level at the start: off. Its edges come from the socket.
    pub fn contact(&self) -> Result<bool, DriverError> {
        self.socket.clone().map(|()| false)
    }
}

struct SimOutput {
    line: Name,
    level: Option<Level>,
    journal: Option<Rc<File>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    at_ms: u128,
    line: &'a Name,
    level: Level,
}

impl Driver for SimOutput {
    fn set(&mut self, level: Level) -> Result<(), DriverError> {
        if self.level == Some(level) {
            return Ok(());
        }
        if let Some(journal) = &self.journal {
            let at_ms = WallClock::default().now().as_millis();
            let entry = serde_json::to_string(&Entry { at_ms, line: &self.line, level });
            let entry = entry.map_err(|error| DriverError(error.to_string()))? + "\n";
            // One write to a file opened for appending: lines of several processes never mix.
            let mut journal: &File = journal;
            journal.write_all(entry.as_bytes()).map_err(|error| DriverError(error.to_string()))?;
        }
        self.level = Some(level);
        Ok(())
    }
}

fn listen(path: &Path, contacts: BTreeMap<Name, usize>, edges: mpsc::Sender<Edge>) -> io::Result<()> {
    // A socket that a killed process left behind; anything else is not ours to remove.
    if std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
    let (contacts, places) = (Arc::new(contacts), Arc::new(Semaphore::new(MAX_CLIENTS)));
    tokio::spawn(async move {
        while let Ok(place) = places.clone().acquire_owned().await {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let (contacts, edges) = (contacts.clone(), edges.clone());
                    tokio::spawn(async move {
                        if let Err(error) = serve(stream, &contacts, &edges).await {
                            tracing::debug!(%error, "a client of the simulator left");
                        }
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::error!(%error, "the simulator's socket failed");
                    return;
                }
            }
        }
    });
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    line: String,
    level: bool,
}

async fn serve(
    mut stream: UnixStream,
    contacts: &BTreeMap<Name, usize>,
    edges: &mpsc::Sender<Edge>,
) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut reader = BufReader::new(reader);
    let mut request = Vec::new();
    loop {
        request.clear();
        let limit = u64::try_from(MAX_REQUEST).unwrap_or(u64::MAX);
        let length = (&mut reader).take(limit).read_until(b'\n', &mut request).await?;
        if length == 0 {
            return Ok(());
        }
        let whole = request.last() == Some(&b'\n') || length < MAX_REQUEST;
        let answer =
            if whole { apply(&request, contacts, edges).await } else { Err("the line is too long".into()) };
        let answer = match answer {
            Ok(()) => serde_json::json!({ "ok": true }),
            Err(error) => serde_json::json!({ "error": error }),
        };
        writer.write_all(format!("{answer}\n").as_bytes()).await?;
        if !whole {
            return Ok(());
        }
    }
}

async fn apply(
    request: &[u8],
    contacts: &BTreeMap<Name, usize>,
    edges: &mpsc::Sender<Edge>,
) -> Result<(), String> {
    let request: Request = serde_json::from_slice(request).map_err(|error| error.to_string())?;
    let found = contacts.iter().find(|(name, _)| name.as_str() == request.line);
    let (_, index) = found.ok_or("there is no simulated contact of that name")?;
    let edge = Edge { line: *index, level: request.level };
    edges.send(edge).await.map_err(|_| "the agent is stopping".into())
}
