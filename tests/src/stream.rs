//! Commands in a stream, and whether what was said, what is recorded and what the line did fit together.
//!
//! Every command sets a colour of its own, so the simulator's journal tells which ran, how often and when.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::{Site, eventually};

/// How much later than it was done something may be written down, in milliseconds: the agent checks the
/// deadline, acts, and then a busy machine may let it wait.
const WRITTEN_WITHIN: u64 = 20;

/// One command as its caller saw it.
#[derive(Debug, Clone)]
pub struct Sent {
    /// What names it: its id is `c` and this number, its colour the same in hexadecimal.
    pub number: u32,
    /// When it was sent, in milliseconds of Unix time.
    pub began_ms: u64,
    /// When the answer was there.
    pub ended_ms: u64,
    /// `executed`, a problem's code, or nothing where the connection broke.
    pub said: Option<String>,
}

/// Sends a command to a line of kind `rgb` and waits for what is said of it.
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
        // Nobody is there: as any client, this one does not knock without pause.
        std::thread::park_timeout(Duration::from_millis(50));
    }
    Sent { number, began_ms, ended_ms: unix_ms(), said }
}

/// The colour that a command sets.
pub fn colour(number: u32) -> String {
    format!("#{number:06x}")
}

/// The final status that the site keeps, or `never` if it knows no such command.
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

/// When each colour was set.
#[derive(Debug, Default)]
pub struct Runs(HashMap<String, Vec<u64>>);

impl Runs {
    /// Reads simulators' journals.
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

    /// When a command ran.
    pub fn at(&self, number: u32) -> &[u64] {
        self.0.get(&colour(number)).map_or(&[], Vec::as_slice)
    }
}

/// What was said, what is recorded and what the line did fit together.
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
        // Said one second after its deadline: it ran before that, if at all, even if its report was lost.
        (Some("outcome_unknown"), "executed" | "unknown") => {
            let last = command.ended_ms + WRITTEN_WITHIN;
            assert!(ran.is_none_or(|at| *at + 1_000 <= last), "{command:?} ran at {ran:?}");
            assert!(recorded == "unknown" || ran.is_some(), "{command:?}");
        }
        // The answer was lost with the connection; the record is there to ask.
        (None, "executed") => assert!(ran.is_some(), "{command:?}"),
        (None, "unknown") => {}
        // An agent that is stopping has its outputs safe already, whether or not its answer arrives.
        (None | Some("outcome_unknown"), "refused") => {
            assert!(ran.is_none(), "{command:?} was refused, and ran")
        }
        (said, last) => panic!("{command:?}: said {said:?}, recorded {last}, ran {ran:?}"),
    }
}

/// No command ran after its deadline, which is a claim of its token, in edge time: the machine's own here.
pub fn none_late(deadlines: &HashMap<u32, u64>, runs: &Runs) {
    for (number, deadline) in deadlines {
        for at in runs.at(*number) {
            assert!(*at < deadline + WRITTEN_WITHIN, "c{number} ran at {at}, after its deadline {deadline}");
        }
    }
}

/// The machine's clock, in milliseconds of Unix time.
pub fn unix_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
    u64::try_from(now.as_millis()).expect("a time")
}
