//! Sends a stream of commands, and checks that answers, records and line changes are consistent.
//!
//! Every command sets a different colour, so the simulator's journal shows which commands ran, how often and when.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::{Site, eventually};

/// Longest delay between the check of a command's deadline and the journal entry of the line's change, in milliseconds.
/// The agent checks the deadline and then sets the line. A busy host can delay the process between these steps.
const WRITTEN_WITHIN: u64 = 20;

/// One command, with the times and the answer that its caller observed.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The command's number. The command's id is `c` followed by this number. The command's colour is this number in
    /// hexadecimal digits.
    pub number: u32,
    /// The time of sending, in milliseconds since the Unix epoch.
    pub began_ms: u64,
    /// The time of the answer, in milliseconds since the Unix epoch.
    pub ended_ms: u64,
    /// `executed`, or the code of a problem. `None` if the connection failed.
    pub said: Option<String>,
}

/// Sends a command to a line of kind `rgb`, and waits for the answer.
pub fn send(site: &Site<'_>, device: &str, line: &str, number: u32, deadline_ms: u64) -> Sent {
    let began_ms = unix_ms();
    let client = site.owner.with("idempotency-key", &format!("c{number}"));
    let body = json!({ "value": colour(number) }).to_string();
    let path = format!("/api/v1/devices/{device}/lines/{line}/set?deadline_ms={deadline_ms}");
    let answer = client.send("POST", &path, Some(("application/json", &body)));
    let said = answer.ok().map(|answer| match answer.status {
        200 => "executed".to_owned(),
        _ => answer.code().to_owned(),
    });
    if said.as_deref().is_none_or(|said| said == "device_offline") {
        // The edge cannot be reached. The client pauses before its next command, as normal clients do.
        std::thread::park_timeout(Duration::from_millis(50));
    }
    Sent { number, began_ms, ended_ms: unix_ms(), said }
}

/// The colour that a command with this number sets.
pub fn colour(number: u32) -> String {
    format!("#{number:06x}")
}

/// The final status that the site recorded. `never` if the site does not know the command.
pub fn recorded(site: &Site<'_>, number: u32) -> String {
    eventually(Duration::from_secs(30), "a final status", || {
        let answer = site.get(&format!("/api/v1/commands/c{number}"));
        if answer.status == 404 {
            return Some("never".to_owned());
        }
        let status = answer.ok()["status"].as_str().unwrap_or_default().to_owned();
        (!["accepted", "delivered"].contains(&status.as_str())).then_some(status)
    })
}

/// The times at which each colour was set, in milliseconds since the Unix epoch.
#[derive(Debug, Default)]
pub struct Runs(HashMap<String, Vec<u64>>);

impl Runs {
    /// Reads simulator journals.
    pub fn of<'a>(journal: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut runs: HashMap<_, Vec<_>> = HashMap::new();
        for entry in journal {
            if let Some(colour) = entry["level"].as_str() {
                let at = entry["at_ms"].as_u64().expect("a time");
                runs.entry(colour.to_owned()).or_default().push(at);
            }
        }
        Self(runs)
    }

    /// The times at which a command with this number ran.
    pub fn at(&self, number: u32) -> &[u64] {
        self.0.get(&colour(number)).map_or(&[], Vec::as_slice)
    }
}

/// Checks that the answer, the record and the line's journal are consistent.
pub fn check(command: &Sent, recorded: &str, runs: &Runs) {
    let runs = runs.at(command.number);
    assert!(runs.len() <= 1, "{command:?} ran {} times", runs.len());
    let ran = runs.first();
    match (command.said.as_deref(), recorded) {
        (Some("executed"), last) => {
            assert_eq!(last, "executed", "{command:?}");
            let at = *ran.unwrap_or_else(|| panic!("{command:?} did not run"));
            assert!((command.began_ms..=command.ended_ms).contains(&at), "{command:?} ran at {at}");
        }
        (Some("device_offline"), "never")
        | (Some("refused_stopping"), "refused")
        | (Some("deadline_passed" | "outcome_unknown"), "expired")
        | (None, "never" | "expired") => {
            assert!(ran.is_none(), "{command:?} is {recorded}, and ran");
        }
        // The edge sends this answer one second after the deadline. If the command ran, it ran before the deadline,
        // even if the agent's report was lost.
        (Some("outcome_unknown"), "executed" | "unknown") => {
            let last = command.ended_ms + WRITTEN_WITHIN;
            assert!(ran.is_none_or(|at| *at + 1_000 <= last), "{command:?} ran at {ran:?}");
            assert!(recorded == "unknown" || ran.is_some(), "{command:?}");
        }
        // The answer was lost because the connection failed. The caller can read the record instead.
        (None, "executed") => assert!(ran.is_some(), "{command:?}"),
        (None, "unknown") => {}
        // A stopping agent refuses commands, because it has already set its outputs to their safe levels. Its answer
        // can be lost.
        (None | Some("outcome_unknown"), "refused") => {
            assert!(ran.is_none(), "{command:?} was refused, and ran")
        }
        (said, last) => panic!("{command:?}: said {said:?}, recorded {last}, ran {ran:?}"),
    }
}

/// Checks that no command ran after the deadline in its token. Deadlines use the edge's time. In these tests, this is
/// the host's clock.
pub fn none_late(deadlines: &HashMap<u32, u64>, runs: &Runs) {
    for (number, deadline) in deadlines {
        for at in runs.at(*number) {
            assert!(*at < deadline + WRITTEN_WITHIN, "c{number} ran at {at}, after its deadline {deadline}");
        }
    }
}

/// The host's clock, in milliseconds since the Unix epoch.
pub fn unix_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
    u64::try_from(now.as_millis()).expect("a time")
}
