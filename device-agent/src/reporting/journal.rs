//! Writes log messages with structured fields to systemd's journal. For example, `journalctl LINE=door` finds all
//! messages about the line `door`.
//!
//! Each log message is one datagram of journald's native protocol. A log message that cannot be sent immediately is
//! dropped and counted, because logging must never delay a change of an output. The crate `tracing-journald` is not
//! used, because its writes can block.

use std::fmt::{self, Write as _};
use std::io;
use std::os::unix::net::UnixDatagram;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use pinlatch_protocol::name::Name;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

const SOCKET: &str = "/run/systemd/journal/socket";
/// The maximum length of a field's value, in bytes. A datagram can contain several values of this length.
const MAX_VALUE: usize = 4_096;

static DEVICE: OnceLock<Name> = OnceLock::new();

/// Adds the field `DEVICE` with the device's name to all further log messages.
pub fn name_device(name: &Name) {
    // One agent process serves one device, so the device name that is set first stays until a restart.
    let _ = DEVICE.set(name.clone());
}

/// Returns whether stderr is connected to the journal, according to systemd's environment variable `JOURNAL_STREAM`.
pub fn is_stderr() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    rustix::fs::fstat(io::stderr()).is_ok_and(|stat| stream == format!("{}:{}", stat.st_dev, stat.st_ino))
}

pub struct Journal {
    socket: UnixDatagram,
    dropped: AtomicU64,
}

impl Journal {
    pub fn connect() -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(SOCKET)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, dropped: AtomicU64::new(0) })
    }

    fn send(&self, entry: &Entry) {
        if self.socket.send(&entry.datagram()).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        match self.dropped.swap(0, Ordering::Relaxed) {
            0 => {}
            dropped => {
                let mut note = Entry::new(Level::WARN);
                note.message =
                    format!("{dropped} log messages were dropped because the log was not read in time");
                // If the message about dropped messages cannot be sent either, the number of dropped messages is lost.
                let _ = self.socket.send(&note.datagram());
            }
        }
    }
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut entry = Entry::new(*event.metadata().level());
        event.record(&mut entry);
        self.send(&entry);
    }
}

/// One log message, which consists of a readable sentence and structured fields.
struct Entry {
    priority: u8,
    message: String,
    /// The structured fields as text, which is appended to the readable sentence.
    shown: String,
    fields: Vec<(String, String)>,
}

impl Entry {
    fn new(level: Level) -> Self {
        // The syslog priorities are 3 for errors, 4 for warnings, 6 for information and 7 for debugging.
        let priority = match level {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            _ => 7,
        };
        Self { priority, message: String::new(), shown: String::new(), fields: Vec::new() }
    }

    fn add(&mut self, field: &Field, mut value: String) {
        value.truncate(prefix(&value, MAX_VALUE));
        if field.name() == "message" {
            self.message = value;
            return;
        }
        let _ = write!(self.shown, " {}={value}", field.name());
        self.fields.push((key(field.name()), value));
    }

    fn datagram(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(512);
        put(&mut bytes, "PRIORITY", &self.priority.to_string());
        put(&mut bytes, "SYSLOG_IDENTIFIER", "pinlatch-agent");
        put(&mut bytes, "MESSAGE", &format!("{}{}", self.message, self.shown));
        if let Some(device) = DEVICE.get() {
            put(&mut bytes, "DEVICE", device.as_str());
        }
        // Each field name must appear only once in a journal entry. If `DEVICE` is set, the field `device` of a log
        // message is omitted, because both fields have the same value.
        for (key, value) in self.fields.iter().filter(|(key, _)| key != "DEVICE" || DEVICE.get().is_none()) {
            put(&mut bytes, key, value);
        }
        bytes
    }
}

/// Returns the name of a log field in the journal. The field `id` of a command becomes `COMMAND_ID`, because a journal
/// entry also contains ids of other kinds.
fn key(name: &str) -> String {
    match name {
        "id" => "COMMAND_ID".into(),
        _ => name.to_ascii_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_"),
    }
}

/// Appends a field to a datagram. If the value contains a line break, the length of the value is written before the
/// value (journald's binary form).
fn put(bytes: &mut Vec<u8>, key: &str, value: &str) {
    bytes.extend(key.as_bytes());
    if value.contains('\n') {
        bytes.push(b'\n');
        bytes.extend(u64::try_from(value.len()).unwrap_or(u64::MAX).to_le_bytes());
    } else {
        bytes.push(b'=');
    }
    bytes.extend(value.as_bytes());
    bytes.push(b'\n');
}

/// Returns the length of the longest prefix that has at most `limit` bytes and ends on a character boundary.
fn prefix(text: &str, limit: usize) -> usize {
    (0..=limit.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

impl Visit for Entry {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_break_in_a_value_starts_no_field() {
        let mut bytes = Vec::new();
        put(&mut bytes, "ERROR", "one\nPRIORITY=0");
        put(&mut bytes, "LINE", "door");
        assert_eq!(bytes, b"ERROR\n\x0e\0\0\0\0\0\0\0one\nPRIORITY=0\nLINE=door\n");
    }

    #[test]
    fn fields_have_the_names_that_are_searched_for() {
        let names = ["id", "line", "outcome", "code", "retry_ms", "a.b"].map(key);
        assert_eq!(names, ["COMMAND_ID", "LINE", "OUTCOME", "CODE", "RETRY_MS", "A_B"]);
    }

    #[test]
    fn values_are_cut_between_characters() {
        assert_eq!(prefix("aé", 2), 1);
        assert_eq!(prefix("aé", 9), 3);
    }
}
