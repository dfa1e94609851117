//! Controls QEMU through its QMP socket, on which each JSON message is one line.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::{Value, json};

use crate::soon;

/// The maximum depth of a search in QEMU's object tree.
const DEPTH: usize = 6;

pub struct Qmp {
    stream: BufReader<UnixStream>,
}

impl Qmp {
    /// Connects to QEMU, and negotiates the capabilities of the QMP protocol.
    pub fn connect(socket: &Path) -> Self {
        let stream = soon("QEMU's control socket", || UnixStream::connect(socket).ok());
        let mut qmp = Self { stream: BufReader::new(stream) };
        qmp.until("QMP");
        qmp.execute("qmp_capabilities", &json!({}));
        qmp
    }

    /// Runs a QMP command and returns its result.
    pub fn execute(&mut self, command: &str, arguments: &Value) -> Value {
        let request = json!({ "execute": command, "arguments": arguments });
        writeln!(self.stream.get_mut(), "{request}").expect("QEMU listens");
        self.until("return")
    }

    /// Returns the path of the first device of this type in QEMU's object tree.
    pub fn find(&mut self, kind: &str) -> String {
        let child = format!("child<{kind}>");
        self.find_below("/machine", &child, DEPTH).unwrap_or_else(|| panic!("there is no {kind}"))
    }

    fn find_below(&mut self, path: &str, child: &str, depth: usize) -> Option<String> {
        let listed = self.execute("qom-list", &json!({ "path": path }));
        let mut below = Vec::new();
        for entry in listed.as_array().expect("a list") {
            let (name, kind) =
                (entry["name"].as_str().expect("a name"), entry["type"].as_str().expect("a type"));
            if kind == child {
                return Some(format!("{path}/{name}"));
            }
            // Memory regions and interrupts are skipped, because QEMU has many of them and they have no child devices.
            if kind.starts_with("child<") && !kind.contains("memory-region") && !kind.contains("irq") {
                below.push(format!("{path}/{name}"));
            }
        }
        if depth == 0 {
            return None;
        }
        below.iter().find_map(|path| self.find_below(path, child, depth - 1))
    }

    /// Waits for the next QMP message that contains `member`, and returns the value of this member. Asynchronous QMP
    /// events are ignored.
    fn until(&mut self, member: &str) -> Value {
        loop {
            let mut line = String::new();
            let read = self.stream.read_line(&mut line).expect("QEMU answers");
            assert!(read > 0, "QEMU has ended");
            let mut message: Value = serde_json::from_str(&line).expect("JSON");
            assert!(message.get("error").is_none(), "QEMU refused: {message}");
            if let Some(value) = message.get_mut(member) {
                return value.take();
            }
        }
    }
}
