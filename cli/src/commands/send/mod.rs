//! Implements `pinlatch send`, which sends one command and prints the command's result.

use anyhow::{Result, bail};
use pinlatch_protocol::command::CommandResult;
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::name::Name;
use serde_json::{Map, Value, json};

use crate::edge::session::api;
use crate::terminal::output::print;

#[derive(clap::Args)]
pub struct Send {
    /// The device and the GPIO line, written as DEVICE/LINE.
    #[arg(value_name = "DEVICE/LINE", value_parser = place)]
    pub place: (Name, Name),
    /// The action to run: set, toggle, pulse or blink.
    pub action: String,
    /// The argument of the action: `on`, `off`, a number, a colour as `#rrggbb`, or a JSON object with all arguments.
    pub value: Option<String>,
    /// The time limit for the execution of the command, in milliseconds.
    #[arg(long, value_name = "MS")]
    pub deadline_ms: Option<u64>,
    /// The id of the command. If the edge has already received a command with this id, the edge only returns the result
    /// of the first command. [default: a random id]
    #[arg(long, allow_hyphen_values = true)]
    pub id: Option<String>,
}

fn place(text: &str) -> Result<(Name, Name), String> {
    let (device, line) = text.split_once('/').ok_or("write the device and the line as DEVICE/LINE")?;
    let name = |text: &str| Name::new(text).map_err(|error| format!("{text:?}: {error}"));
    Ok((name(device)?, name(line)?))
}

pub fn run(send: &Send, json: bool) -> Result<()> {
    let (device, line) = &send.place;
    let args = arguments(&send.action, send.value.as_deref())?;
    require_action(&send.action)?;
    let endpoint =
        Endpoint::RunAction { device: device.clone(), line: line.clone(), action: send.action.clone() };
    let query = send.deadline_ms.map(|deadline| format!("deadline_ms={deadline}")).unwrap_or_default();
    let headers: Vec<(&str, &str)> = send.id.iter().map(|id| ("Idempotency-Key", id.as_str())).collect();
    let result: CommandResult = api()?.send_with(&endpoint, &query, &headers, &args)?;
    let level = result.level.map(|level| format!(", now {level}")).unwrap_or_default();
    let text = format!("{device}/{line} {}: {}{level}", send.action, result.status.as_str());
    print(json, &result, &text)
}

/// Returns an error if the text has not the form of an action's name.
fn require_action(action: &str) -> Result<()> {
    if action.is_empty() || !action.bytes().all(|byte| byte.is_ascii_lowercase()) {
        bail!("{action:?} is not an action; use set, toggle, pulse or blink");
    }
    Ok(())
}

/// Converts the text that a person typed into the arguments of an action. Examples of the text are `on`, `0.5`,
/// `#ff8800`, `3000` and a JSON object.
fn arguments(action: &str, value: Option<&str>) -> Result<Map<String, Value>> {
    let Some(text) = value else {
        return Ok(if action == "pulse" { object(json!({ "ms": 3000 })) } else { Map::new() });
    };
    if text.starts_with('{') {
        return Ok(serde_json::from_str(text)?);
    }
    let value = match text {
        "on" | "true" => json!(true),
        "off" | "false" => json!(false),
        text => match serde_json::from_str::<serde_json::Number>(text) {
            Ok(number) => Value::Number(number),
            Err(_) => json!(text),
        },
    };
    let name = if action == "pulse" { "ms" } else { "value" };
    Ok(Map::from_iter([(name.to_owned(), value)]))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_device_and_a_line() {
        assert!(place("porch/door").is_ok());
        for wrong in ["porch", "porch/", "/door", "porch/door/x", "Porch/door"] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_people_type_becomes_arguments() {
        let of = |action, value| Value::Object(arguments(action, value).unwrap());
        assert_eq!(of("set", Some("on")), json!({ "value": true }));
        assert_eq!(of("set", Some("0.5")), json!({ "value": 0.5 }));
        assert_eq!(of("set", Some("#ff8800")), json!({ "value": "#ff8800" }));
        assert_eq!(of("pulse", Some("250")), json!({ "ms": 250 }));
        assert_eq!(of("pulse", None), json!({ "ms": 3000 }));
        assert_eq!(of("toggle", None), json!({}));
        assert_eq!(
            of("blink", Some(r#"{"period_ms":200,"count":3}"#)),
            json!({ "period_ms": 200, "count": 3 })
        );
        assert!(arguments("set", Some("{")).is_err());
    }
}
