//! Sends many commands to a device, and checks that the responses, the recorded statuses and the level changes are
//! consistent.
//!
//! Every command sets a different colour. Therefore the simulator's journal shows which commands ran, how often they
//! ran, and when they ran.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::site::Site;
use crate::wait::eventually;

/// The maximum time between the agent's deadline check and the journal entry of the level change, in milliseconds. The
/// agent first checks the deadline of a command and then sets the GPIO line. A busy host can suspend the agent's
/// process between these two steps.
const WRITTEN_WITHIN: u64 = 20;

/// A command, with the times and the response that the caller observed.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The number of the command. The command's id consists of the letter `c` and this number. The command's colour is
    /// this number in hexadecimal digits.
    pub number: u32,
    /// The time at which the command was sent, in milliseconds since the Unix epoch.
    pub began_ms: u64,
    /// The time at which the response arrived, in milliseconds since the Unix epoch.
    pub ended_ms: u64,
    /// The result `executed`, or the code of a problem document. The value is `None` if the connection failed.
    pub said: Option<String>,
}

/// Sends a command to a GPIO line of kind `rgb`, and waits for the response.
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
        // The edge or the device cannot be reached. The test client pauses before it sends its next command, as usual
        // clients do.
        std::thread::park_timeout(Duration::from_millis(50));
    }
    Sent { number, began_ms, ended_ms: unix_ms(), said }
}

/// Returns the colour that the command with this number sets.
pub fn colour(number: u32) -> String {
    format!("#{number:06x}")
}

/// Returns the final status of a command that the site recorded. Returns `never` if the site does not know the command.
pub fn recorded(site: &Site<'_>, number: u32) -> String {
    eventually(Duration::from_secs(30), "a final status", || {
        let answer = site.get(&format!("/api/v1/commands/c{number}"));
        match answer.status {
            404 => return Some("never".to_owned()),
            // The caller has sent too many requests, and tries again.
            429 => return None,
            _ => {}
        }
        let status = answer.ok()["status"].as_str().unwrap_or_default().to_owned();
        (!["accepted", "delivered"].contains(&status.as_str())).then_some(status)
    })
}

/// The times at which each colour was set, in milliseconds since the Unix epoch.
#[derive(Debug, Default)]
pub struct Runs(HashMap<String, Vec<u64>>);

impl Runs {
    /// Reads the entries of simulator journals.
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

    /// Returns the times at which the command with this number ran.
    pub fn at(&self, number: u32) -> &[u64] {
        self.0.get(&colour(number)).map_or(&[], Vec::as_slice)
    }
}

/// Checks that the response to a command, its recorded status and the simulator's journal are consistent.
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
        // The edge sends the code `outcome_unknown` one second after the command's deadline. If the command ran, it ran
        // before the deadline, even if the agent's report was lost.
        (Some("outcome_unknown"), "executed" | "unknown") => {
            let last = command.ended_ms + WRITTEN_WITHIN;
            assert!(ran.is_none_or(|at| *at + 1_000 <= last), "{command:?} ran at {ran:?}");
            assert!(recorded == "unknown" || ran.is_some(), "{command:?}");
        }
        // The response was lost because the connection failed. The caller can read the recorded status instead.
        (None, "executed") => assert!(ran.is_some(), "{command:?}"),
        (None, "unknown") => {}
        // A stopping agent refuses commands, because it has already set its outputs to their safe levels. The agent's
        // report of the refusal can be lost.
        (None | Some("outcome_unknown"), "refused") => {
            assert!(ran.is_none(), "{command:?} was refused, and ran")
        }
        (said, last) => panic!("{command:?}: said {said:?}, recorded {last}, ran {ran:?}"),
    }
}

/// Checks that no command ran after the deadline in its token. Deadlines are in the edge's time, which in these tests
/// is the time of the host's clock.
pub fn none_late(deadlines: &HashMap<u32, u64>, runs: &Runs) {
    for (number, deadline) in deadlines {
        for at in runs.at(*number) {
            assert!(*at < deadline + WRITTEN_WITHIN, "c{number} ran at {at}, after its deadline {deadline}");
        }
    }
}

/// Returns the time of the host's clock, in milliseconds since the Unix epoch.
pub fn unix_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
    u64::try_from(now.as_millis()).expect("a time")
}
