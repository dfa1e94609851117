//! Implements `pinlatch send` and `pinlatch open`, which send one command and print the command's result.

mod calling;
mod teach;
mod value;

use anyhow::Result;
use pinlatch_protocol::command::{CALL_HEADER, CommandResult, GRANT_HEADER, SignedCall};
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::line::{Level, LineKind};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::LineView;
use pinlatch_protocol::problem::Code;
use serde_json::{Map, Value};

use self::calling::Caller;
use self::teach::Failed;
use self::value::{Typed, read};
use crate::edge::api::{Api, has_code};
use crate::edge::session::api;
use crate::states;
use crate::terminal::colour::{Tone, paint};
use crate::terminal::output::print;

#[derive(clap::Args)]
pub struct Send {
    /// The device and the GPIO line, written as DEVICE/LINE.
    #[arg(value_name = "DEVICE/LINE", value_parser = place)]
    pub place: (Name, Name),
    /// The action to run: set, toggle, pulse or blink. Before a level, `set` can be left out: `send porch/lamp on`.
    pub action: String,
    /// The level for `set`: `on`, `off`, 0.5 or 50% for a dimmer, an angle for a servo, a colour such as red or
    /// '#ff8800' for a colour LED. The duration for `pulse`, such as 3s or 500ms (a number without a unit is in
    /// milliseconds) [default: 3s]. The number of times for `blink`. For all actions also a JSON object with all
    /// arguments.
    #[arg(value_name = "VALUE", allow_negative_numbers = true)]
    pub value: Vec<String>,
    #[command(flatten)]
    pub options: Options,
}

#[derive(clap::Args)]
pub struct Open {
    /// The device and the GPIO line, written as DEVICE/LINE.
    #[arg(value_name = "DEVICE/LINE", value_parser = place)]
    pub place: (Name, Name),
    /// The duration of the pulse, such as 3s or 500ms. [default: 3s]
    #[arg(value_name = "DURATION")]
    pub duration: Vec<String>,
    #[command(flatten)]
    pub options: Options,
}

#[derive(clap::Args)]
pub struct Options {
    /// The time limit for the execution of the command, in milliseconds.
    #[arg(long, value_name = "MS")]
    pub deadline_ms: Option<u64>,
    /// The id of the command. If the edge has already received a command with this id, the edge only returns the result
    /// of the first command. [default: a random id]
    #[arg(long, allow_hyphen_values = true)]
    pub id: Option<String>,
}

/// Reads the names of a device and a line. Names contain no upper case, but people write names as the panel shows them.
pub fn place(text: &str) -> Result<(Name, Name), String> {
    let text = text.to_ascii_lowercase();
    let (device, line) = text
        .split_once('/')
        .ok_or("write the device and the line as DEVICE/LINE; `pinlatch device list` shows the names")?;
    let name = |text: &str| Name::new(text).map_err(|error| format!("{text:?}: {error}"));
    Ok((name(device)?, name(line)?))
}

pub fn run(send: &Send, json: bool) -> Result<()> {
    execute(&send.place, &send.action, &send.value, &send.options, json)
}

pub fn open(open: &Open, json: bool) -> Result<()> {
    execute(&open.place, "pulse", &open.duration, &open.options, json)
}

fn execute(
    (device, line): &(Name, Name),
    action: &str,
    words: &[String],
    options: &Options,
    json: bool,
) -> Result<()> {
    let (action, typed) = read(action, words)?;
    let command = Command { api: api()?, device, line, action: &action, options };
    let (kind, result) = command.send(&typed)?;
    // The meaning of a number depends on the kind of the line.
    let kind = match (kind, &result.level) {
        (None, Some(Level::Number(_))) if !json => command.kind().ok(),
        (kind, _) => kind,
    };
    let level = result.level.map(|level| format!(", now {}", shown(kind, &level))).unwrap_or_default();
    let status = paint(Tone::Good, result.status.as_str());
    print(json, &result, &format!("{device}/{line} {action}: {status}{level}"))
}

/// Formats the level after a command. The kind of the line is only known if the value or the level needed it.
fn shown(kind: Option<LineKind>, level: &Level) -> String {
    match (kind, level) {
        (Some(kind), level) => states::level(kind, level),
        (None, Level::Colour(_)) => states::level(LineKind::Rgb, level),
        (None, level) => level.to_string(),
    }
}

struct Command<'a> {
    api: Api,
    device: &'a Name,
    line: &'a Name,
    action: &'a str,
    options: &'a Options,
}

impl Command<'_> {
    /// Sends the command. If the meaning of the value depends on the kind of the line, the line is read first. `on` and
    /// `off` are first sent as for a switch. A line of another kind refuses such a command without an effect.
    fn send(&self, typed: &Typed) -> Result<(Option<LineKind>, CommandResult)> {
        let Some(arguments) = typed.arguments() else {
            let kind = self.kind()?;
            return Ok((Some(kind), self.try_with(&typed.arguments_for(kind)?).map_err(|(error, _)| error)?));
        };
        let (error, refused) = match self.try_with(&arguments) {
            Ok(result) => return Ok((None, result)),
            Err(failed) => failed,
        };
        if matches!(typed, Typed::Switched(_)) && refused {
            let kind = self.kind()?;
            let other = typed.arguments_for(kind)?;
            if other != arguments {
                return Ok((Some(kind), self.try_with(&other).map_err(|(error, _)| error)?));
            }
        }
        Err(error)
    }

    /// Sends the command with the given arguments. The error contains an explanation, and whether the edge refused the
    /// arguments.
    fn try_with(&self, arguments: &Map<String, Value>) -> Result<CommandResult, (anyhow::Error, bool)> {
        let Self { api, device, line, action, options } = self;
        let (device, line, action) = (*device, *line, *action);
        let endpoint =
            Endpoint::RunAction { device: device.clone(), line: line.clone(), action: action.to_owned() };
        let query = options.deadline_ms.map(|deadline| format!("deadline_ms={deadline}")).unwrap_or_default();
        let mut headers: Vec<(&str, &str)> =
            options.id.iter().map(|id| ("Idempotency-Key", id.as_str())).collect();
        let call = self.signed_call(arguments).map_err(|error| (error, false))?;
        if let Some(SignedCall { call, grant }) = &call {
            headers.extend([(CALL_HEADER, call.as_str()), (GRANT_HEADER, grant.as_str())]);
        }
        api.send_with(&endpoint, &query, &headers, arguments).map_err(|error| {
            let refused = has_code(&error, Code::InvalidArguments);
            (Failed { api, device, line, action, arguments }.explain(error), refused)
        })
    }

    /// Signs the call of the holder of this configuration folder, if the line needs one and a grant contains the action.
    fn signed_call(&self, arguments: &Map<String, Value>) -> Result<Option<SignedCall>> {
        let Self { api, device, line, action, .. } = self;
        match Caller::of(device, line, action)? {
            Some(caller) => caller.call(api, (device, line), action, arguments),
            None => Ok(None),
        }
    }

    fn kind(&self) -> Result<LineKind> {
        let endpoint = Endpoint::ShowLine { device: self.device.clone(), line: self.line.clone() };
        let view: LineView = self.api.call(&endpoint).map_err(|error| {
            let (api, arguments) = (&self.api, &Map::new());
            Failed { api, device: self.device, line: self.line, action: self.action, arguments }
                .explain(error)
        })?;
        Ok(view.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_device_and_a_line() {
        assert!(place("porch/door").is_ok());
        assert_eq!(place("Porch/Door"), place("porch/door"));
        for wrong in ["porch", "porch/", "/door", "porch/door/x", "porch/do or"] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }
}
