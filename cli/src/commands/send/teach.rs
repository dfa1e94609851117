//! Explains why a command failed: what the line accepts, its limits, and what exists.

use anyhow::Error;
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::line::{Action, LineKind, MAX_PULSE_MS};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::{DeviceView, LineView};
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_protocol::wording::{COLOURS, duration};
use serde_json::{Map, Value};

use crate::commands::suggest;
use crate::edge::api::Api;
use crate::explained::explained;
use crate::states::since;
use crate::terminal::times::now_ms;

/// A command that failed.
pub struct Failed<'a> {
    pub api: &'a Api,
    pub device: &'a Name,
    pub line: &'a Name,
    pub action: &'a str,
    pub arguments: &'a Map<String, Value>,
}

impl Failed<'_> {
    /// Adds an explanation to the error of the command, if there is one. Some explanations need another request to the
    /// edge. If this request fails, the error is returned without an explanation.
    pub fn explain(&self, error: Error) -> Error {
        let Some(problem) = error.downcast_ref::<Problem>().cloned() else { return error };
        match self.explanation(&problem) {
            Some(text) => explained(problem, text),
            None => error,
        }
    }

    fn explanation(&self, problem: &Problem) -> Option<String> {
        let Self { api, device, line, action, arguments } = *self;
        if problem.is(Code::UnknownDevice) {
            return suggest::device(api, device);
        }
        if problem.is(Code::UnknownLine) {
            return suggest::line(api, device, line);
        }
        if problem.is(Code::DeviceOffline) {
            let view: DeviceView = api.call(&Endpoint::ShowDevice { device: device.clone() }).ok()?;
            let since = since(view.last_seen_ms?, now_ms().ok()?);
            return Some(format!(
                "{device} is offline {since}, so the command was not executed. Check its power and network"
            ));
        }
        if problem.is(Code::InvalidArguments) {
            let view = self.line()?;
            // The error can have another reason, such as the deadline.
            Action::parse(view.kind, action, arguments).err()?;
            return takes(view.kind, action).map(|takes| with_limit(takes, action, &view));
        }
        refusal(&problem.code, || self.line()?.max_on_ms)
    }

    fn line(&self) -> Option<LineView> {
        let endpoint = Endpoint::ShowLine { device: self.device.clone(), line: self.line.clone() };
        self.api.call(&endpoint).ok()
    }
}

/// Describes the values that an action accepts, as people write them.
pub fn takes(kind: LineKind, action: &str) -> Option<String> {
    Some(match (action, kind) {
        ("set", LineKind::Switch) => "a switch takes on or off".into(),
        ("set", LineKind::Dimmer) => "a dimmer takes 0 to 1, such as 0.5, or 50%".into(),
        ("set", LineKind::Servo) => "a servo takes an angle from 0 to 180 degrees, such as 90".into(),
        ("set", LineKind::Rgb) => {
            let names: Vec<&str> = COLOURS.iter().map(|(name, _)| *name).collect();
            format!(
                "an rgb line takes a colour: off, {}, or '#ff8800' (in quotes, because a shell ignores the text after #)",
                names.join(", ")
            )
        }
        ("pulse", _) => {
            format!("a pulse lasts from 1 ms to {}, such as 500ms or 3s", duration(MAX_PULSE_MS))
        }
        ("blink", _) => {
            "blink takes a number of times, such as 3, or both arguments, such as '{\"period_ms\":400,\"count\":3}'".into()
        }
        _ => return None,
    })
}

fn with_limit(takes: String, action: &str, line: &LineView) -> String {
    match line.max_on_ms.filter(|_| action == "pulse") {
        Some(most) => format!("{takes}; this line may be on for {} at most (max_on_ms)", duration(most)),
        None => takes,
    }
}

/// Explains the device's code for a refusal. `max_on_ms` returns the limit of the line.
fn refusal(code: &str, max_on_ms: impl FnOnce() -> Option<u32>) -> Option<String> {
    let text = match code {
        "refused_max_on" => {
            return Some(match max_on_ms() {
                Some(most) => format!("this line may be on for {} at most (max_on_ms)", duration(most)),
                None => "the time is longer than this line may be on (max_on_ms)".into(),
            });
        }
        "refused_range" => {
            "the angle is outside the range of this line (range_deg in the device's configuration)"
        }
        "refused_min_interval" => {
            "the previous action on this line was too recent (min_interval_ms). Wait a moment, then try again"
        }
        "refused_busy" => "a pulse is already running on this line. Wait until it has ended, then try again",
        "refused_interlock" => {
            "this line must never be on together with another line, which is on, may be on, or was on a moment ago. Switch off the other line, then try again"
        }
        "refused_driver" => {
            "the device could not operate the hardware of this line. Check the wiring and the agent's log"
        }
        "refused_stopping" => "the agent is stopping or restarting. Try again in a minute",
        "refused_token" => {
            "the device could not verify the token of the command. The agent's log contains the reason"
        }
        "refused_authority" => {
            "only the holder of a key can operate this line. To get a grant of the owner for a key on this machine, run `pinlatch holder init`, then `pinlatch grant request`"
        }
        "refused_challenge" => "the call came too late after the device's challenge. Try again",
        "refused_grant_expired" => {
            "the grant has expired. Ask the owner for a new one with `pinlatch grant request`"
        }
        "refused_grant_early" => {
            "the grant is not valid yet. `pinlatch holder list` shows from when on it is"
        }
        "refused_grant_scope" => {
            "the grant does not contain this action. `pinlatch holder list` shows what it contains"
        }
        "refused_grant" => {
            "the device could not verify the grant: it is of another owner or site. Ask the owner for a new one"
        }
        "refused_call" => "the device could not verify the call. The agent's log contains the reason",
        "refused_revoked" => "the owner has revoked the grant",
        "refused_many_calls" => "the device has just received many calls. Wait a minute, then try again",
        "refused_time_unknown" => {
            "the device does not know the time yet, and the grant does not count without it. Try again in a minute"
        }
        _ => return None,
    };
    Some(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_says_what_it_takes() {
        for kind in LineKind::ALL {
            for action in kind.actions() {
                assert_eq!(takes(*kind, action).is_some(), *action != "toggle", "{kind} {action}");
            }
        }
        assert!(takes(LineKind::Rgb, "set").unwrap().contains("warm white"));
        assert!(takes(LineKind::Momentary, "pulse").unwrap().contains("to 60 s"));
    }

    #[test]
    fn a_refusal_says_the_limit() {
        assert_eq!(
            refusal("refused_max_on", || Some(5_000)).unwrap(),
            "this line may be on for 5 s at most (max_on_ms)"
        );
        assert!(refusal("refused_max_on", || None).is_some());
        assert!(refusal("refused_interlock", || None).unwrap().contains("another line"));
        assert_eq!(refusal("refused_something_new", || None), None);
    }
}
