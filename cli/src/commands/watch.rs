//! Implements `pinlatch watch`, which prints the events of a site until the user presses Ctrl-C.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::{Change, DeviceView, LineView, ToPanel};
use pinlatch_protocol::problem::Code;
use pinlatch_protocol::wording;
use serde_json::Value;

use crate::edge::session::{Session, current, is_over, renewed};
use crate::edge::socket::{End, Socket};
use crate::states::{reachable, state};
use crate::terminal::output::{note, print, say_json};
use crate::terminal::text::plain;
use crate::terminal::times::stamp_ms;

/// The longest wait before the next connection attempt, in seconds.
const LONGEST_WAIT: u64 = 30;

/// The minimum duration of a connection after which the count of failures is reset.
const GOOD: Duration = Duration::from_secs(10);

/// The client's action after a connection has ended.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// Wait for the given number of seconds, then connect again.
    Again(u64),
    /// Wait for the given number of seconds, then renew the access token and connect again.
    Renew(u64),
}

/// Prints events until an error occurs that another attempt cannot fix. Ctrl-C ends the program through the default
/// signal handler.
pub fn run(json: bool) -> Result<()> {
    let mut session = current()?;
    let mut failures = 0;
    loop {
        let began = Instant::now();
        let end = watch(&session, json)?;
        if began.elapsed() >= GOOD {
            failures = 0;
        }
        let next = after(&end, failures)?;
        failures += 1;
        let (Next::Again(wait) | Next::Renew(wait)) = next;
        if !matches!(end, End::SessionEnded | End::Gap) || wait > 0 {
            note(&plain(&format!("pinlatch: {end}; reconnecting in {wait} s")));
        }
        std::thread::sleep(Duration::from_secs(wait));
        session = match next {
            Next::Again(_) => current_or_kept(session)?,
            Next::Renew(_) => renew(session)?,
        };
    }
}

/// Returns the client's action after a connection ended with `end`. `failures` is the number of consecutive failures.
/// Returns an error if another attempt cannot succeed.
fn after(end: &End, failures: u32) -> Result<Next> {
    let wait = 1_u64.checked_shl(failures).unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT);
    // An access token expires after ten minutes. The expiry is a failure only if the new access token also expires at
    // once.
    let soon = if failures == 0 { 0 } else { wait };
    match end {
        End::SessionEnded => Ok(Next::Renew(soon)),
        End::Gap => Ok(Next::Again(soon)),
        End::Refused(problem) if problem.is(Code::InvalidToken) && failures == 0 => Ok(Next::Renew(0)),
        End::Refused(problem) if problem.status == 429 || problem.status >= 500 => {
            Ok(Next::Again(wait.max(problem.retry_after.unwrap_or(0).into())))
        }
        End::Refused(problem) => Err(problem.as_ref().clone().into()),
        End::Lost(_) => Ok(Next::Again(wait)),
    }
}

/// Returns the stored session, and renews it first if it is about to expire. If the edge cannot be reached, returns
/// `session` for the next attempt.
fn current_or_kept(session: Session) -> Result<Session> {
    or_kept(current(), session)
}

fn renew(session: Session) -> Result<Session> {
    or_kept(renewed(&session), session)
}

fn or_kept(fresh: Result<Session>, session: Session) -> Result<Session> {
    match fresh {
        Ok(fresh) => Ok(fresh),
        Err(error) if is_over(&error) => Err(error),
        Err(_) => Ok(session),
    }
}

/// Opens one connection, and prints its events until the connection ends. Returns an error only if another attempt
/// cannot succeed.
fn watch(session: &Session, json: bool) -> Result<End> {
    let mut socket = match Socket::open(session)? {
        Ok(socket) => socket,
        Err(end) => return Ok(end),
    };
    let mut last = None;
    let mut blinking = Blinking::default();
    loop {
        let text = match socket.read() {
            Ok(text) => text,
            Err(end) => return Ok(end),
        };
        let Ok(frame) = serde_json::from_str::<Value>(&text) else {
            bail!("the edge's message is not JSON; install the same version of `pinlatch` and the edge");
        };
        let seq = frame.get("seq").and_then(Value::as_u64);
        let is_event = frame.get("type").is_some_and(|kind| kind == "event");
        // The caller is not allowed to see the events between `after` and `seq`.
        let after = frame.get("after").and_then(Value::as_u64);
        let before = after.or(seq.map(|seq| seq.saturating_sub(1)));
        if is_event && last.is_some() && before != last {
            return Ok(End::Gap);
        }
        last = seq.or(last);
        if json {
            say_json(&frame)?;
            continue;
        }
        // A newer edge can send events that this version of `pinlatch` does not know. Unknown events are skipped.
        if let Ok(frame) = serde_json::from_value::<ToPanel>(frame)
            && blinking.is_news(&frame)
        {
            for line in lines(&frame) {
                print(json, &(), &line)?;
            }
        }
    }
}

/// The lines that are blinking. Each change of a blinking line's level is an event, but only the first one is printed.
#[derive(Default)]
struct Blinking(BTreeSet<(Name, Name)>);

impl Blinking {
    fn is_news(&mut self, frame: &ToPanel) -> bool {
        let ToPanel::Event { change: Change::Line { device, line }, .. } = frame else { return true };
        let place = (device.clone(), line.name.clone());
        if line.blinking {
            return self.0.insert(place);
        }
        self.0.remove(&place);
        true
    }
}

/// Formats a message from the edge as text, with one line per event.
fn lines(frame: &ToPanel) -> Vec<String> {
    match frame {
        ToPanel::Snapshot { now_ms, devices, .. } => {
            devices.iter().flat_map(|device| of_device(*now_ms, device)).collect()
        }
        ToPanel::Event { at_ms, change, .. } => match change {
            Change::Device { device } => of_device(*at_ms, device),
            Change::Removed { device } => vec![line(*at_ms, device.as_str(), "removed")],
            Change::Presence { device, online, answering, .. } => {
                vec![line(*at_ms, device.as_str(), &reachable(*online, *answering))]
            }
            Change::Line { device, line: view } => {
                let by = by(*at_ms, view).map_or_else(String::new, |by| format!(" ({by})"));
                vec![of_line(*at_ms, device.as_str(), view) + &by]
            }
            Change::Hidden => Vec::new(),
        },
        ToPanel::Press { at_ms, device, line: contact, long } => {
            let what = if *long { "long press" } else { "press" };
            vec![line(*at_ms, &format!("{device}/{contact}"), what)]
        }
        // A signed reading is for programs that read the JSON lines. Its level was shown with the line's event.
        ToPanel::Reading { .. } | ToPanel::Uses { .. } | ToPanel::Result { .. } | ToPanel::Problem { .. } => {
            Vec::new()
        }
    }
}

/// Describes the command that caused an event, and its sender. Returns `None` if no command caused the event: the event
/// of a command has the time of the command.
fn by(at_ms: u64, view: &LineView) -> Option<String> {
    let last = view.last.as_ref().filter(|last| last.at_ms == at_ms)?;
    wording::last_by(view, last).map(|by| plain(&by))
}

fn of_device(at_ms: u64, device: &DeviceView) -> Vec<String> {
    let presence = line(at_ms, device.name.as_str(), &reachable(device.online, device.answering));
    let lines = device.lines.iter().map(|view| of_line(at_ms, device.name.as_str(), view));
    std::iter::once(presence).chain(lines).collect()
}

fn of_line(at_ms: u64, device: &str, view: &LineView) -> String {
    line(at_ms, &format!("{device}/{}", view.name), &state(view))
}

fn line(at_ms: u64, place: &str, what: &str) -> String {
    format!("{}  {place:<24}  {what}", stamp_ms(at_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::colour::for_stdout;
    use pinlatch_protocol::problem::Problem;
    use serde_json::json;

    fn refused(code: Code) -> End {
        End::Refused(Box::new(Problem::new(code)))
    }

    #[test]
    fn waits_grow_and_end_somewhere() {
        let lost = End::Lost("gone".into());
        let waits: Vec<Next> = (0..8).map(|failures| after(&lost, failures).unwrap()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30].map(Next::Again));
        assert_eq!(after(&lost, u32::MAX).unwrap(), Next::Again(30));
    }

    #[test]
    fn a_token_that_expired_is_renewed_at_once_and_not_over_and_over() {
        assert_eq!(after(&End::SessionEnded, 0).unwrap(), Next::Renew(0));
        assert_eq!(after(&End::SessionEnded, 3).unwrap(), Next::Renew(8));
        assert_eq!(after(&End::Gap, 0).unwrap(), Next::Again(0));
        assert_eq!(after(&refused(Code::InvalidToken), 0).unwrap(), Next::Renew(0));
        assert!(after(&refused(Code::InvalidToken), 1).is_err());
    }

    #[test]
    fn what_will_not_change_is_an_error() {
        assert!(after(&refused(Code::InsufficientScope), 0).is_err());
        assert!(after(&refused(Code::NotFound), 5).is_err());
        assert_eq!(after(&refused(Code::Misconfigured), 1).unwrap(), Next::Again(2));
        let throttled = Problem::new(Code::Throttled).retry_after(12);
        assert_eq!(after(&End::Refused(Box::new(throttled)), 0).unwrap(), Next::Again(12));
        assert!(is_over(&anyhow::Error::from(Problem::new(Code::InvalidGrant)).context("log in")));
        assert!(!is_over(&anyhow::Error::from(Problem::new(Code::Throttled))));
        assert!(!is_over(&anyhow::anyhow!("no route")));
    }

    #[test]
    fn a_blinking_line_is_printed_when_it_starts_and_when_it_ends() {
        let mut blinking = Blinking::default();
        let mut is_news = |line: &str, level: bool, blinks: bool| {
            let view = json!({
                "name": line, "kind": "switch", "actions": [], "reported": level, "blinking": blinks, "changed_ms": null,
            });
            let frame = json!({
                "type": "event", "seq": 2, "at_ms": 0, "change": "line", "device": "porch", "line": view,
            });
            blinking.is_news(&serde_json::from_value(frame).unwrap())
        };
        assert_eq!([true, false, true].map(|level| is_news("lamp", level, true)), [true, false, false]);
        assert!(is_news("bell", true, true), "another line");
        assert_eq!([false, true].map(|level| is_news("lamp", level, false)), [true, true]);
        assert!(is_news("lamp", true, true), "it blinks again");
    }

    #[test]
    fn frames_become_lines() {
        let lines = |frame: Value| -> Vec<String> {
            lines(&serde_json::from_value(frame).unwrap()).iter().map(|line| for_stdout(line)).collect()
        };
        let view = json!({
            "name": "lamp", "kind": "switch", "actions": [], "reported": false, "desired": true, "retain": true,
            "changed_ms": null,
        });
        let line = json!({
            "type": "event", "seq": 2, "at_ms": 1_782_907_200_000_u64, "change": "line", "device": "porch", "line": view,
        });
        assert_eq!(lines(line), ["2026-07-01T12:00:00Z  porch/lamp                off (asked for: on)"]);
        let press = json!({ "type": "press", "at_ms": 0, "device": "porch", "line": "bell", "long": true });
        assert_eq!(lines(press), ["1970-01-01T00:00:00Z  porch/bell                long press"]);
        let gone = json!({
            "type": "event", "seq": 3, "at_ms": 0, "change": "presence", "device": "porch", "online": false,
            "last_seen_ms": null,
        });
        assert_eq!(lines(gone), ["1970-01-01T00:00:00Z  porch                     offline"]);
        let silent = json!({
            "type": "event", "seq": 4, "at_ms": 0, "change": "presence", "device": "porch", "online": true,
            "answering": false, "last_seen_ms": null,
        });
        assert_eq!(lines(silent), ["1970-01-01T00:00:00Z  porch                     not answering"]);
        let door = |at_ms: u64| {
            let by = json!({ "kind": "guest", "name": "Courier" });
            json!({ "type": "event", "seq": 5, "at_ms": at_ms, "change": "line", "device": "porch", "line": {
                "name": "door", "kind": "momentary", "actions": [], "reported": true, "changed_ms": null,
                "last": { "by": by, "action": "pulse", "args": { "ms": 3_000 }, "at_ms": 0 },
            } })
        };
        let opened = "1970-01-01T00:00:00Z  porch/door                on (opened by Courier (guest link))";
        assert_eq!(lines(door(0)), [opened]);
        assert_eq!(lines(door(3_000)), ["1970-01-01T00:00:03Z  porch/door                on"], "no command");
        assert!(lines(json!({ "type": "event", "seq": 4, "at_ms": 0, "change": "hidden" })).is_empty());
    }
}
