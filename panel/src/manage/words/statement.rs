//! Texts about statements: device identities, readings and receipts.

use pinlatch_protocol::command::CommandStatus;
use pinlatch_token::Refusal;
use pinlatch_token::reading::Reading;
use pinlatch_token::receipt::Receipt;
use pinlatch_token::statement::{Moment, TimeSource};

use crate::manage::inspect::statement::{Contents, Missing};
use crate::words::duration;

pub const ROOT: &str = "The owner's public root key";
pub const ROOT_HINT: &str = "Paste the JWK that the command pinlatch root show --public prints on the owner's computer. The file root.jwk is private: never paste it here. Leave the field empty to only read the token.";
/// This text is shown after a private key was pasted. The field is then empty.
pub const ROOT_PRIVATE: &str = "That is a private key. It was removed from this page and not used. Never paste a private key into a web page. If you do not trust this page or this computer, make a new root key (docs/keys-and-backups.md). The public key has no member “d”.";
pub const IDENTITY: &str = "The device's identity";
pub const IDENTITY_HINT: &str = "Paste the text that the command pinlatch device identity prints. With this text, the owner's root key confirms the key of the device.";
pub const NONCE: &str = "Expected nonce";
pub const NONCE_HINT: &str =
    "The random text of the question. Leave empty to accept a reading for any question.";
pub const CONTENTS: &str = "Verified contents";

/// The reasons why the signature of a statement was not checked.
pub const NO_ROOT: &str = "no root key was given";
pub const NO_IDENTITY: &str = "no device identity was given";
pub const ROOT_UNUSABLE: &str = "the root key cannot be used";
pub const IDENTITY_REFUSED: &str = "the device identity is refused";

/// Explains why the text in the field for the identity is refused.
pub fn bad_identity(refusal: &Refusal) -> String {
    format!("This identity is refused: {refusal} ({}).", refusal.code())
}

/// Explains why a statement is refused whose device's identity is refused.
pub fn identity_refused(refusal: &Refusal) -> String {
    format!("{IDENTITY_REFUSED}: {refusal}")
}

/// Explains the next step if a statement could not be verified.
pub fn missing(missing: Missing) -> &'static str {
    match missing {
        Missing::Root => {
            "No check failed. To verify this statement, enter the owner's public root key. For a reading or a receipt, also enter the device's identity."
        }
        Missing::RootUnusable => "No check failed, but the root key that you entered cannot be used.",
        Missing::Identity => {
            "No check failed. To verify this statement, also enter the identity of the device that signed it."
        }
    }
}

/// Returns why the signature was not checked.
pub fn not_checked(missing: Missing) -> &'static str {
    match missing {
        Missing::Root => NO_ROOT,
        Missing::RootUnusable => ROOT_UNUSABLE,
        Missing::Identity => NO_IDENTITY,
    }
}

/// Explains a verified statement. The last sentence of a text says what the statement does not prove.
pub fn proven(contents: &Contents) -> &'static str {
    match contents {
        Contents::Identity(_) => {
            "The root key that you entered signed this identity. The identity states that the key below is the key of this device."
        }
        Contents::Reading(..) => {
            "The root key that you entered confirms the key of the device, and the device signed this reading. The reading does not show whether the sensor measures correctly."
        }
        Contents::Receipt(..) => {
            "The root key that you entered confirms the key of the device, and the device signed this receipt. The receipt does not show the effect of the hardware, for example whether a door moved."
        }
    }
}

/// Returns the contents of a verified statement, with their names. `time` formats milliseconds of Unix time.
pub fn facts(contents: &Contents, time: impl Fn(u64) -> String) -> Vec<(&'static str, String)> {
    match contents {
        Contents::Identity(identity) => vec![
            ("Site", identity.site.to_string()),
            ("Device", identity.device.to_string()),
            ("Thumbprint of the device's key", identity.key.thumbprint().into()),
            ("Confirmed by the owner", time(identity.iat.saturating_mul(1_000))),
        ],
        Contents::Reading(device, reading) => {
            let mut facts = vec![
                ("Site", device.site.to_string()),
                ("Device", device.device.to_string()),
                ("Line", reading.line.to_string()),
                ("Level", level(reading)),
                ("Measured", time(reading.measured_ms)),
            ];
            facts.extend(moment(&reading.moment, &time));
            facts.extend(reading.nonce.clone().map(|nonce| ("Nonce of the question", nonce)));
            facts
        }
        Contents::Receipt(device, receipt) => {
            let mut facts = vec![
                ("Site", device.site.to_string()),
                ("Device", device.device.to_string()),
                ("Line", receipt.line.to_string()),
                ("Command", action(receipt)),
                ("Outcome", outcome(receipt)),
            ];
            facts.extend(receipt.level.map(|level| ("Level after the command", level.to_string())));
            facts.extend(moment(&receipt.moment, &time));
            facts.push(("Id of the command", receipt.command.clone()));
            facts
        }
    }
}

fn moment(moment: &Moment, time: impl Fn(u64) -> String) -> [(&'static str, String); 4] {
    [
        ("Signed", time(moment.at_ms)),
        ("Source of the time", clock(moment)),
        ("Start of the agent (boot)", moment.boot.clone()),
        ("Number since this start (n)", moment.n.to_string()),
    ]
}

/// Describes the source of the time in a statement, and its uncertainty.
pub fn clock(moment: &Moment) -> String {
    let source = match moment.source {
        TimeSource::Edge => "the server's signed time",
        TimeSource::System => "the device's own synchronised clock",
        TimeSource::None => {
            return "unknown: the device did not know the time, so the time can be wrong".into();
        }
    };
    match moment.uncertainty_ms {
        Some(ms) => {
            let span = duration(u32::try_from(ms).unwrap_or(u32::MAX));
            format!("{source}, uncertain by {span}")
        }
        None => format!("{source}, uncertainty unknown"),
    }
}

/// Formats the level in a reading with its unit. The kind of the line is not known here.
pub fn level(reading: &Reading) -> String {
    match &reading.unit {
        Some(unit) => format!("{}\u{a0}{unit}", reading.level),
        None => reading.level.to_string(),
    }
}

/// Formats the action of a command with its arguments.
fn action(receipt: &Receipt) -> String {
    if receipt.args.is_empty() {
        return receipt.action.clone();
    }
    format!("{} {}", receipt.action, serde_json::Value::Object(receipt.args.clone()))
}

fn outcome(receipt: &Receipt) -> String {
    let words = match receipt.status {
        CommandStatus::Executed => "executed",
        CommandStatus::Refused => "refused",
        CommandStatus::Expired => "not executed, because the deadline had passed",
        // A receipt contains no other status.
        _ => "unknown",
    };
    receipt.code.as_ref().map_or_else(|| words.into(), |code| format!("{words} ({code})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_told_with_its_source_and_uncertainty() {
        let of = |source, uncertainty_ms| {
            clock(&Moment { at_ms: 0, source, uncertainty_ms, boot: String::new(), n: 1 })
        };
        assert_eq!(of(TimeSource::Edge, Some(80)), "the server's signed time, uncertain by 80 ms");
        assert_eq!(
            of(TimeSource::System, Some(u64::MAX)),
            "the device's own synchronised clock, uncertain by 4294967.3 s"
        );
        assert!(of(TimeSource::System, None).ends_with("uncertainty unknown"));
        assert!(of(TimeSource::None, None).starts_with("unknown"));
    }
}
