//! Simulates lines for the demo and for tests. Simulated outputs write their changes to a journal file. Simulated
//! contacts and sensors receive their levels from a Unix socket.
//!
//! Each change of a simulated output appends one text line to the journal file with a single write. An example of a
//! journal entry is `{"at_ms":…,"line":"door","level":true}`. Each text line on the socket sets the level of one input.
//! The request `{"line":"bell","level":true}` sets a contact, and the request `{"line":"heat","level":21.4}` sets a
//! sensor. The level `null` simulates a fault of a sensor. The simulator answers each request with `{"ok":true}` or
//! `{"error":"…"}`.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pinlatch_protocol::line::{Level, LineKind};
use pinlatch_protocol::name::Name;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

use super::interface::{Driver, DriverError, Input, Signal};
use crate::clock::WallClock;
use crate::config::{Config, DriverConfig, Simulator};

/// The maximum length of a request on the simulator's socket, in bytes.
const MAX_REQUEST: usize = 1_024;
/// The maximum number of simultaneous clients of the simulator's socket.
const MAX_CLIENTS: usize = 16;

/// The number and the kind of each line that the simulator's socket controls.
type Inputs = BTreeMap<Name, (usize, LineKind)>;
type SharedInputs = Arc<Mutex<Inputs>>;

/// The state that all simulated lines of one device share.
pub struct Simulation {
    config: Option<Simulator>,
    journal: Result<Option<Rc<File>>, DriverError>,
    inputs: SharedInputs,
    /// The task that serves the simulator's socket. The value is `None` if the configuration has no simulated inputs.
    socket: Result<Option<JoinHandle<()>>, DriverError>,
}

impl Simulation {
    /// Opens the journal file. If the configuration has simulated inputs, the function also opens the simulator's
    /// socket.
    pub fn start(config: &Config, numbers: &[usize], signals: &mpsc::Sender<Signal>) -> Self {
        let journal = match config.simulator.as_ref().and_then(|config| config.journal.as_deref()) {
            None => Ok(None),
            Some(path) => OpenOptions::new()
                .append(true)
                .create(true)
                .open(path)
                .map(|file| Some(Rc::new(file)))
                .map_err(|error| fault(path, &error)),
        };
        let mut simulation = Self {
            config: config.simulator.clone(),
            journal,
            inputs: SharedInputs::default(),
            socket: Ok(None),
        };
        simulation.listen(config, numbers, signals);
        simulation
    }

    /// Applies a reloaded configuration to the simulator.
    pub fn reconfigured(&mut self, config: &Config, numbers: &[usize], signals: &mpsc::Sender<Signal>) {
        if self.config == config.simulator {
            self.listen(config, numbers, signals);
        } else {
            *self = Self::start(config, numbers, signals);
        }
    }

    fn listen(&mut self, config: &Config, numbers: &[usize], signals: &mpsc::Sender<Signal>) {
        let inputs: Inputs = config
            .lines
            .iter()
            .zip(numbers)
            .filter(|(line, _)| line.safe.is_none() && line.driver == DriverConfig::Sim)
            .map(|(line, number)| (line.name.clone(), (*number, line.kind)))
            .collect();
        let wanted = !inputs.is_empty();
        *lock(&self.inputs) = inputs;
        let path = self.config.as_ref().and_then(|config| config.socket.as_deref());
        if let (Some(path), true, Err(_) | Ok(None)) = (path, wanted, &self.socket) {
            let socket = listen(path, self.inputs.clone(), signals.clone());
            self.socket = socket.map(Some).map_err(|error| fault(path, &error));
        }
    }

    pub fn output(&self, line: &Name) -> Result<Box<dyn Driver>, DriverError> {
        Ok(Box::new(SimOutput { line: line.clone(), level: None, journal: self.journal.clone()? }))
    }

    /// Returns an error if the simulator's socket could not be opened. Simulated contacts are off at the start.
    pub fn input(&self) -> Result<(), DriverError> {
        self.socket.as_ref().map(|_| ()).map_err(Clone::clone)
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        if let Ok(Some(socket)) = &self.socket {
            socket.abort();
        }
    }
}

fn fault(path: &Path, error: &io::Error) -> DriverError {
    DriverError(format!("{}: {error}", path.display()))
}

fn lock(inputs: &SharedInputs) -> MutexGuard<'_, Inputs> {
    inputs.lock().unwrap_or_else(PoisonError::into_inner)
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
            // Each journal entry is written with a single write in append mode, so that the entries of several
            // processes do not mix.
            let mut journal: &File = journal;
            journal.write_all(entry.as_bytes()).map_err(|error| DriverError(error.to_string()))?;
        }
        self.level = Some(level);
        Ok(())
    }
}

fn listen(path: &Path, inputs: SharedInputs, signals: mpsc::Sender<Signal>) -> io::Result<JoinHandle<()>> {
    // The function removes the socket of a killed process, but no other kind of file.
    if std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
    let places = Arc::new(Semaphore::new(MAX_CLIENTS));
    Ok(tokio::spawn(async move {
        while let Ok(place) = places.clone().acquire_owned().await {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let (inputs, signals) = (inputs.clone(), signals.clone());
                    tokio::spawn(async move {
                        if let Err(error) = serve(stream, &inputs, &signals).await {
                            tracing::debug!(%error, "a client of the simulator disconnected");
                        }
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::error!(%error, "the simulator's socket failed, so simulated inputs cannot be set; restart the agent");
                    return;
                }
            }
        }
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    line: String,
    level: Option<Level>,
}

async fn serve(
    mut stream: UnixStream,
    inputs: &SharedInputs,
    signals: &mpsc::Sender<Signal>,
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
        let answer = if whole {
            apply(&request, inputs, signals).await
        } else {
            Err("the request is too long".into())
        };
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

async fn apply(request: &[u8], inputs: &SharedInputs, signals: &mpsc::Sender<Signal>) -> Result<(), String> {
    let request: Request = serde_json::from_slice(request).map_err(|error| error.to_string())?;
    let found = lock(inputs).iter().find(|(name, _)| name.as_str() == request.line).map(|(_, found)| *found);
    let (line, kind) = found.ok_or("no simulated contact or sensor has this name")?;
    let input = match (kind, request.level) {
        (LineKind::Contact, Some(Level::On(on))) => Input::Edge(on),
        (LineKind::Sensor, Some(Level::Number(number))) => Input::Reading(Ok(number)),
        (LineKind::Sensor, None) => Input::Reading(Err(DriverError("a simulated fault".into()))),
        _ => return Err(format!("this level is not valid for {}", kind.described())),
    };
    signals.send(Signal { line, input }).await.map_err(|_| "the agent is stopping".into())
}
