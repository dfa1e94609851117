//! Texts of the dialog with a signed reading.

use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::LineView;
use pinlatch_token::reading::Reading;

use super::statement;
use crate::manage::reading::{Fault, identity_file};
use crate::words::{reported, title};

/// The label of the button, and the first part of the title of the dialog.
pub const TITLE: &str = "Signed reading";
pub const ASKING: &str = "Asking the device…";
pub const AGAIN: &str = "Ask again";
pub const NO_RANDOM: &str =
    "This browser offers no secure random numbers, so the device cannot be asked. Use another browser.";
pub const MEASURED: &str = "Measured";
pub const SIGNED: &str = "Signed";
/// The source of the two times.
pub const CLOCK: &str = "Source of the time";
pub const SIGNED_BY: &str =
    "The device signed this reading with its own key. Keep the file if you want to prove the reading later.";
/// The accessible name of the token.
pub const TOKEN: &str = "Signed reading as a token";
/// The accessible name of the command.
pub const COMMAND: &str = "Command that verifies the reading";
pub const HOW_MORE: &str = "The long text after --nonce is the random question of this page. It proves that the reading is not older than the question. On the owner's computer, pinlatch root show --public prints the public root key, and pinlatch device identity prints the identity. docs/guides/readings.md explains the check.";
pub const SAVE_IDENTITY: &str = "Save the device's identity";

/// Formats the signed level of a line with the signed unit. `line` is the line, if the panel still shows it.
pub fn value(line: Option<&LineView>, reading: &Reading) -> String {
    match line {
        Some(line) => reported(&LineView {
            reported: Some(reading.level),
            unit: reading.unit.clone(),
            blinking: false,
            ..line.clone()
        }),
        None => statement::level(reading),
    }
}

/// Explains how to verify the reading without trusting the server, from which this page comes.
pub fn how(device: &Name) -> String {
    format!(
        "This page and the device's key on it come from the server, so the page cannot prove that the server is honest. To check the reading without trusting the server, save it, and run this command next to the device's identity ({}) and the owner's public root key (root-public.jwk). Get the root key from the owner and not from the server.",
        identity_file(device)
    )
}

/// Returns the command that verifies the saved reading.
pub fn command(device: &Name, nonce: &str, file: &str) -> String {
    format!(
        "pinlatch token verify - --root root-public.jwk --device {} --nonce {nonce} < {file}",
        identity_file(device)
    )
}

pub fn not_confirmed(device: &Name) -> String {
    format!(
        "The owner has not confirmed the key of {} yet, so {} does not exist. On the owner's computer, run: pinlatch device confirm {device}",
        title(device.as_str()),
        identity_file(device)
    )
}

/// Explains why an answer does not fit the question.
pub fn fault(fault: &Fault) -> String {
    let why = match fault {
        Fault::NoKey => "the server sent no key of the device".into(),
        Fault::Key(error) => error.to_string(),
        Fault::Refused(refusal) => format!("{refusal} ({})", refusal.code()),
        Fault::OtherLine(line) => format!("the reading is for the line {}", title(line.as_str())),
    };
    format!("The answer does not fit the question, so do not rely on it: {why}. Ask again.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinlatch_protocol::line::Level;
    use pinlatch_token::Refusal;
    use pinlatch_token::statement::{Moment, TimeSource};

    #[test]
    fn a_value_has_the_signed_unit() {
        let reading = Reading {
            line: Name::new("heat").unwrap(),
            level: Level::Number(21.437),
            measured_ms: 0,
            unit: Some("°F".into()),
            moment: Moment {
                at_ms: 0,
                source: TimeSource::None,
                uncertainty_ms: None,
                boot: "b".into(),
                n: 1,
            },
            nonce: None,
        };
        let line: LineView = serde_json::from_value(serde_json::json!({
            "name": "heat", "kind": "sensor", "actions": [], "reported": 3.0, "unit": "°C",
            "precision": 1, "changed_ms": null,
        }))
        .unwrap();
        assert_eq!(value(Some(&line), &reading), "21.4\u{a0}°F");
        assert_eq!(value(None, &reading), "21.437\u{a0}°F");
    }

    #[test]
    fn the_command_reads_the_saved_files() {
        let porch = Name::new("porch").unwrap();
        assert_eq!(
            command(&porch, "n0nce", "porch-heat.jwt"),
            "pinlatch token verify - --root root-public.jwk --device porch.jwt --nonce n0nce < porch-heat.jwt"
        );
        assert!(how(&porch).contains("(porch.jwt)"));
        assert!(fault(&Fault::Refused(Refusal::WrongNonce)).contains("(wrong_nonce)"));
    }
}
