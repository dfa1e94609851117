//! Formats the agent's status as text for people.

use std::fmt;

use super::snapshot::{LineStatus, LinkState, LinkStatus, Status};
use crate::rules::RuleCounters;

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |f: &mut fmt::Formatter<'_>, name: &str, value: fmt::Arguments<'_>| {
            writeln!(f, "{name:<10}{value}")
        };
        let memory = self.memory_kib.map(|kib| format!(", {kib} KiB")).unwrap_or_default();
        row(f, "agent", format_args!("{}, up {}{memory}", self.version, span(self.uptime_s)))?;
        if let (Some(device), Some(site), Some(edge)) = (&self.device, &self.site, &self.edge) {
            row(f, "device", format_args!("{device} of site {site} at {edge}"))?;
        }
        if let Some(key) = &self.key {
            row(f, "key", format_args!("{key}"))?;
        }
        row(f, "link", format_args!("{}", link(&self.link)))?;
        for warning in &self.warnings {
            row(f, "warning", format_args!("{} ({})", warning.message, warning.code))?;
        }
        if let Some(clock) = &self.clock {
            let (word, by) =
                if clock.ahead_ms < 0 { ("behind", -clock.ahead_ms) } else { ("ahead of", clock.ahead_ms) };
            let within = clock.uncertainty_ms;
            row(
                f,
                "clock",
                format_args!("edge time is {by} ms {word} the system's clock (uncertainty {within} ms)"),
            )?;
        }
        let counters = &self.counters;
        let refused: u64 = counters.refused.values().sum();
        row(
            f,
            "commands",
            format_args!("{} executed, {refused} refused, {} expired", counters.executed, counters.expired),
        )?;
        for (code, number) in &counters.refused {
            row(f, "", format_args!("{code}: {number}"))?;
        }
        let RuleCounters { count, executed, refused, unconfirmed } = &self.rules;
        if *count > 0 {
            let refused: u64 = refused.values().sum();
            row(
                f,
                "rules",
                format_args!(
                    "{count} configured, {executed} actions executed, {refused} refused, {unconfirmed} reports not confirmed by the edge"
                ),
            )?;
            for (code, number) in &self.rules.refused {
                row(f, "", format_args!("{code}: {number}"))?;
            }
        }
        row(
            f,
            "traffic",
            format_args!(
                "{} connections, {} events, {} bytes received, {} bytes sent",
                counters.connections, counters.events, counters.bytes_received, counters.bytes_sent
            ),
        )?;
        let widest = |text: fn(&LineStatus) -> usize| self.lines.iter().map(text).max().unwrap_or(0);
        let (names, drivers) = (widest(|line| line.name.as_str().len()), widest(|line| line.driver.len()));
        for (index, line) in self.lines.iter().enumerate() {
            let mut level = line.level.map_or_else(|| "unknown".into(), |level| level.to_string());
            if let (Some(unit), Some(_)) = (&line.unit, line.level) {
                level.push_str(&format!(" {unit}"));
            }
            let fault = line.fault.as_ref().map(|fault| format!("  {fault}")).unwrap_or_default();
            let head = if index == 0 { "lines" } else { "" };
            row(
                f,
                head,
                format_args!(
                    "{:<names$}  {:<9}  {:<drivers$}  {level}{fault}",
                    line.name.as_str(),
                    line.kind,
                    line.driver
                ),
            )?;
        }
        Ok(())
    }
}

fn link(link: &LinkStatus) -> String {
    let mut text = match link.state {
        LinkState::Connected => format!("connected for {}", span(link.connected_s.unwrap_or(0))),
        LinkState::Connecting => "connecting".into(),
        LinkState::Waiting => format!("not connected, next attempt in {} ms", link.retry_in_ms.unwrap_or(0)),
    };
    if let Some(error) = &link.last_error {
        text.push_str(&format!("; last error: {} ({})", error.message, error.code));
    }
    text
}

fn span(seconds: u64) -> String {
    match seconds {
        0..=59 => format!("{seconds} s"),
        60..=3_599 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..=86_399 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}
