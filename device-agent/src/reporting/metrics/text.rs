//! Renders the agent's metrics in Prometheus' text format.

use std::fmt::{Display, Write as _};

use pinlatch_protocol::agent::warning;
use pinlatch_protocol::line::Level;

use crate::reporting::status::{LineStatus, LinkState, Status};
use crate::reporting::telemetry::{Counters, Telemetry};

pub fn of(status: &Status, telemetry: &Telemetry) -> String {
    let mut out = Exposition::default();
    let Counters { connections, executed, expired, refused, link_errors, events, bytes_received, bytes_sent } =
        &status.counters;

    out.family("pinlatch_agent_build_info", "gauge", "Always 1; the label `version` is the agent's version.");
    out.sample("pinlatch_agent_build_info", &[("version", &status.version)], 1);
    out.single(
        "pinlatch_agent_uptime_seconds",
        "gauge",
        "Time since the agent started, in seconds.",
        status.uptime_s,
    );
    if let Some(kib) = status.memory_kib {
        let bytes = kib.saturating_mul(1_024);
        out.single("process_resident_memory_bytes", "gauge", "Resident memory of the agent in bytes.", bytes);
    }
    if let Some(open) = open_files() {
        out.single("process_open_fds", "gauge", "Number of open file descriptors of the agent.", open);
    }

    let connected = u8::from(status.link.state == LinkState::Connected);
    out.single(
        "pinlatch_agent_connected",
        "gauge",
        "1 if the agent is connected to the edge, otherwise 0.",
        connected,
    );
    let help = "Number of established connections to the edge.";
    out.single("pinlatch_agent_connections_total", "counter", help, connections);
    let help = "Number of connections to the edge after the first connection.";
    out.single("pinlatch_agent_reconnects_total", "counter", help, connections.saturating_sub(1));
    let name = "pinlatch_agent_link_errors_total";
    out.family(name, "counter", "Number of lost connections and failed connection attempts, by error code.");
    for (code, count) in link_errors {
        out.sample(name, &[("code", code)], count);
    }
    let name = "pinlatch_agent_warning";
    out.family(name, "gauge", "1 if the agent has a warning with this code, otherwise 0.");
    for code in warning::ALL {
        let is_active = status.warnings.iter().any(|warning| warning.code == code);
        out.sample(name, &[("code", code)], u8::from(is_active));
    }
    if let Some(term) = telemetry.certificate_term() {
        let help = "Time at which the device's certificate expires, in seconds of Unix time.";
        out.single("pinlatch_agent_certificate_expiry_timestamp_seconds", "gauge", help, term.expires());
    }
    if let Some(clock) = &status.clock {
        let help = "Uncertainty of edge time in seconds: the width of the interval in which edge time is.";
        let uncertainty = seconds(i128::from(clock.uncertainty_ms));
        out.single("pinlatch_agent_clock_uncertainty_seconds", "gauge", help, uncertainty);
        let help = "Edge time minus the time of the system's clock, in seconds.";
        out.single("pinlatch_agent_clock_offset_seconds", "gauge", help, seconds(clock.ahead_ms.into()));
    }

    let name = "pinlatch_agent_commands_total";
    out.family(name, "counter", "Number of commands, by outcome; for refused commands also by error code.");
    out.sample(name, &[("outcome", "executed"), ("code", "")], executed);
    out.sample(name, &[("outcome", "expired"), ("code", "")], expired);
    for (code, count) in refused {
        out.sample(name, &[("outcome", "refused"), ("code", code)], count);
    }
    let name = "pinlatch_agent_rule_actions_total";
    out.family(
        name,
        "counter",
        "Number of actions of rules, by outcome; for refused actions also by error code.",
    );
    let actions = &status.rules;
    out.sample(name, &[("outcome", "executed"), ("code", "")], actions.executed);
    for (code, count) in &actions.refused {
        out.sample(name, &[("outcome", "refused"), ("code", code)], count);
    }
    let help = "Number of reports about rules that the edge has not confirmed.";
    out.single("pinlatch_agent_rule_reports_unconfirmed", "gauge", help, actions.unconfirmed);
    out.single("pinlatch_agent_events_total", "counter", "Number of events sent to the edge.", events);
    let help = "Number of bytes received from the edge in text frames.";
    out.single("pinlatch_agent_received_bytes_total", "counter", help, bytes_received);
    let help = "Number of bytes sent to the edge in text frames.";
    out.single("pinlatch_agent_sent_bytes_total", "counter", help, bytes_sent);

    let name = "pinlatch_line_level";
    out.family(
        name,
        "gauge",
        "Level of a line: 0 or 1, a number in the line's unit, or 0 to 255 for each channel of a colour.",
    );
    for line in &status.lines {
        out.level(name, line);
    }
    let name = "pinlatch_line_known";
    out.family(name, "gauge", "1 if the level of the line is known, otherwise 0.");
    for line in &status.lines {
        out.sample(name, &[("line", line.name.as_str())], u8::from(line.level.is_some()));
    }
    out.0
}

/// Converts milliseconds to seconds without rounding.
fn seconds(ms: i128) -> String {
    let (sign, ms) = (if ms < 0 { "-" } else { "" }, ms.unsigned_abs());
    format!("{sign}{}.{:03}", ms / 1_000, ms % 1_000)
}

fn open_files() -> Option<usize> {
    // One of the counted file descriptors belongs to the open folder `/proc/self/fd` and must be subtracted.
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1))
}

#[derive(Default)]
struct Exposition(String);

impl Exposition {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // The result is ignored, because writing to a `String` cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{before}{label}=\"{}\"", escaped(text));
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{end} {value}");
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    fn level(&mut self, name: &str, line: &LineStatus) {
        let (kind, unit) = (line.kind.to_string(), line.unit.as_deref().unwrap_or_default());
        let labels = [("line", line.name.as_str()), ("kind", kind.as_str()), ("unit", unit)];
        let mut sample = |channel: &str, value: &dyn Display| {
            let [line, kind, unit] = labels;
            self.sample(name, &[line, kind, unit, ("channel", channel)], value);
        };
        match line.level {
            None => {}
            Some(Level::On(on)) => sample("", &u8::from(on)),
            Some(Level::Number(number)) => sample("", &number),
            Some(Level::Colour(colour)) => {
                for (channel, value) in [("red", colour.0), ("green", colour.1), ("blue", colour.2)] {
                    sample(channel, &value);
                }
            }
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_exact_and_labels_cannot_end_themselves() {
        assert_eq!(seconds(-1_005), "-1.005");
        assert_eq!([seconds(0), seconds(40), seconds(61_000)], ["0.000", "0.040", "61.000"]);
        let mut out = Exposition::default();
        out.sample("x", &[("unit", "a\"}\n\\")], 1);
        assert_eq!(out.0, "x{unit=\"a\\\"}\\n\\\\\"} 1\n");
    }
}
