//! Implements `pinlatch reading`, which asks a device for a signed reading of a line and verifies the reading. The edge
//! only passes the reading on. The command verifies it with the identity that the owner signed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use pinlatch_protocol::api::SignedReading;
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::line::Level;
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::LineView;
use pinlatch_protocol::problem::Code;
use pinlatch_token::identity::DeviceIdentity;
use pinlatch_token::reading::Reading;
use pinlatch_token::statement::{Moment, TimeSource};
use pinlatch_token::{Kind, Refusal, is_nonce, random_id, unverified_kind};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::commands::send::place;
use crate::commands::suggest::{self, suggested};
use crate::edge::api::Api;
use crate::edge::session::api;
use crate::explained::refused;
use crate::files::{root_key_file, write_private};
use crate::identities;
use crate::states;
use crate::terminal::colour::{Tone, paint};
use crate::terminal::output::print;
use crate::terminal::text::plain;
use crate::terminal::times::{now, spoken, stamp_ms};

#[derive(clap::Args)]
pub struct ReadLine {
    /// The device and the GPIO line, written as DEVICE/LINE.
    #[arg(value_name = "DEVICE/LINE", value_parser = place)]
    place: (Name, Name),
    /// The nonce of the question, which the reading repeats: 16 to 64 base64url characters. [default: a random nonce]
    #[arg(long, allow_hyphen_values = true, value_parser = nonce)]
    nonce: Option<String>,
    /// Write the reading to this file, and nothing else. The reading is then not printed.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The file with the owner's root key as a JWK, public or private. [default: root.jwk in the configuration folder]
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
    /// The file with the identity of the device. [default: the identity that `pinlatch device confirm` stored]
    #[arg(long, value_name = "FILE")]
    device: Option<PathBuf>,
}

fn nonce(text: &str) -> Result<String, String> {
    if is_nonce(text) {
        return Ok(text.to_owned());
    }
    Err("the nonce must have 16 to 64 letters, digits, `-` or `_`".into())
}

/// The means to verify a reading.
enum Verifier {
    With {
        identity: Box<DeviceIdentity>,
        file: PathBuf,
    },
    /// The reading cannot be verified, and the text says what the owner must do.
    Without(String),
}

/// The contents of a reading, verified or not.
struct Stated {
    level: Level,
    unit: Option<String>,
    measured_ms: u64,
    moment: Moment,
}

pub fn run(args: &ReadLine, json: bool) -> Result<()> {
    let (device, line) = &args.place;
    let api = api()?;
    let verifier = args.verifier(&api)?;
    let nonce = args.nonce.clone().unwrap_or_else(random_id);
    let endpoint = Endpoint::ReadLine { device: device.clone(), line: line.clone() };
    let answer = api.call_with(&endpoint, &format!("nonce={nonce}"));
    let answer = suggested(answer, Code::UnknownDevice, || suggest::device(&api, device));
    let answer = suggested(answer, Code::UnknownLine, || suggest::line(&api, device, line));
    let SignedReading { reading } = answer?;
    let stated = match &verifier {
        Verifier::With { identity, .. } => verified(&reading, identity, line, &nonce)?,
        Verifier::Without(_) => unverified(&reading, &args.place, &nonce)?,
    };
    if let Some(out) = &args.out {
        write_private(out, &reading)?;
    }
    let document = json!({
        "device": device,
        "line": line,
        "reading": reading,
        "nonce": nonce,
        "verified": matches!(verifier, Verifier::With { .. }),
        "level": stated.level,
        "unit": stated.unit,
        "measured_ms": stated.measured_ms,
        "time_ms": stated.moment.at_ms,
        "time_source": stated.moment.source,
        "time_uncertainty_ms": stated.moment.uncertainty_ms,
        "boot": stated.moment.boot,
        "n": stated.moment.n,
        "out": args.out,
    });
    let text = if json { String::new() } else { args.page(&api, &stated, &verifier, &reading) };
    print(json, &document, &text)
}

impl ReadLine {
    /// Reads the keys before the device is asked. If a file that the user names cannot be used, the command fails.
    fn verifier(&self, api: &Api) -> Result<Verifier> {
        let (device, _) = &self.place;
        let file = match &self.device {
            Some(file) => file.clone(),
            None => identities::file(&identities::site(api)?, device)?,
        };
        if self.device.is_none() && !file.exists() {
            return Ok(Verifier::Without(format!("run `pinlatch device confirm {device}` first")));
        }
        let root_file = root_key_file(self.root.as_deref())?;
        if self.root.is_none() && !root_file.exists() {
            let text = format!(
                "there is no root key at {}; give the owner's public or private root key with --root",
                root_file.display()
            );
            return Ok(Verifier::Without(text));
        }
        let root = identities::root_key(&root_file)?;
        let identity = DeviceIdentity::verify_any_site(&identities::read(&file)?, &root, Some(now()?))
            .map_err(|refusal| {
                let text = format!(
                    "the device identity in {} is refused with the root key in {}: {refusal}",
                    file.display(),
                    root_file.display()
                );
                refused(refusal.code(), text)
            })?;
        if identity.device != *device {
            let text = format!("{} is the identity of the device {}", file.display(), identity.device);
            return Err(refused("other_device", text));
        }
        Ok(Verifier::With { identity: Box::new(identity), file })
    }

    fn page(&self, api: &Api, stated: &Stated, verifier: &Verifier, reading: &str) -> String {
        let (device, line) = &self.place;
        let endpoint = Endpoint::ShowLine { device: device.clone(), line: line.clone() };
        // Only the words for the level depend on the edge, such as the kind of the line.
        let view = api.call(&endpoint).ok();
        let mut page = format!(
            "{device}/{line}: {}\n  measured at {}",
            value(view, stated),
            stamp_ms(stated.measured_ms)
        );
        let age_s = stated.moment.at_ms.saturating_sub(stated.measured_ms) / 1_000;
        if age_s > 0 {
            page.push_str(&format!(", {} before the reading was signed", spoken(age_s)));
        }
        page.push_str(&format!("\n  {}\n  {}\n", time(&stated.moment), provenance(verifier)));
        match &self.out {
            Some(out) => page.push_str(&format!("The signed reading is in {}.", out.display())),
            None => page.push_str(&plain(reading)),
        }
        page
    }
}

/// Verifies a reading with the identity of the device. The reading must answer this question.
fn verified(token: &str, identity: &DeviceIdentity, line: &Name, nonce: &str) -> Result<Stated> {
    let device = &identity.device;
    let reading = Reading::verify(token, identity, Some(nonce)).map_err(|refusal| {
        let advice = match refusal {
            Refusal::UnknownKey(_) | Refusal::BadSignature => format!(
                "The reading is not signed with the key that you confirmed for {device}: either the device was \
                 enrolled again, or the edge sends a reading that is not the device's. Run `pinlatch device confirm \
                 {device}`, and compare the key with the device"
            ),
            Refusal::WrongNonce => "Ask again. If the nonce is wrong again, someone answers with stored readings".into(),
            _ => "docs/tokens.md explains the code. Update the agent on the device and this program".into(),
        };
        refused(refusal.code(), format!("{refusal}. {advice}"))
    })?;
    if reading.line != *line {
        return Err(other_line(&format!("{device}/{}", reading.line)));
    }
    let Reading { level, unit, measured_ms, moment, .. } = reading;
    Ok(Stated { level, unit, measured_ms, moment })
}

fn other_line(found: &str) -> anyhow::Error {
    refused(
        "other_line",
        format!("the edge answered with a reading of {}, which was not asked for", plain(found)),
    )
}

/// The claims of a reading whose signature is not verified.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    senml: Record,
    unit: Option<String>,
    #[serde(flatten)]
    moment: Moment,
    eat_nonce: Option<String>,
}

#[derive(Deserialize)]
struct Record {
    t: f64,
    v: Option<f64>,
    vb: Option<bool>,
    vs: Option<String>,
}

/// Reads a reading without a key. The checks find mistakes, but prove nothing about the sender.
fn unverified(token: &str, (device, line): &(Name, Name), nonce: &str) -> Result<Stated> {
    if unverified_kind(token) != Some(Kind::Reading) {
        return Err(refused("wrong_kind", "the edge's answer is not a signed reading"));
    }
    let claims = Value::Object(identities::unverified_claims(token));
    let malformed = || refused("bad_claim", "the edge's answer is not a complete reading");
    let Claims { sub, senml, unit, moment, eat_nonce } =
        serde_json::from_value(claims).map_err(|_| malformed())?;
    if sub != format!("{device}/{line}") {
        return Err(other_line(&sub));
    }
    if eat_nonce.as_deref() != Some(nonce) {
        let refusal = Refusal::WrongNonce;
        return Err(refused(refusal.code(), refusal.to_string()));
    }
    let level = match (senml.v, senml.vb, senml.vs) {
        (Some(number), None, None) => Some(Level::Number(number)),
        (None, Some(on), None) => Some(Level::On(on)),
        (None, None, Some(text)) => text.try_into().ok().map(Level::Colour),
        _ => None,
    };
    let measured = Duration::try_from_secs_f64(senml.t).ok();
    let measured_ms = measured.and_then(|time| u64::try_from(time.as_millis()).ok()).ok_or_else(malformed)?;
    Ok(Stated { level: level.ok_or_else(malformed)?, unit, measured_ms, moment })
}

/// Formats the level in the words of the line. If the line is unknown or has another kind, the level has no words.
fn value(view: Option<LineView>, stated: &Stated) -> String {
    match view.filter(|view| view.kind.admits(&stated.level)) {
        Some(view) => states::reported(&LineView {
            reported: Some(stated.level),
            unit: stated.unit.clone(),
            blinking: false,
            ..view
        }),
        None => {
            let unit = stated.unit.as_ref().map(|unit| format!(" {unit}")).unwrap_or_default();
            plain(&format!("{}{unit}", stated.level))
        }
    }
}

fn time(moment: &Moment) -> String {
    let within = moment.uncertainty_ms.map(|ms| format!(", uncertain by up to {ms} ms")).unwrap_or_default();
    match moment.source {
        TimeSource::Edge => format!("the time comes from the edge{within}"),
        TimeSource::System => format!("the time comes from the device's synchronised clock{within}"),
        TimeSource::None => "the device does not know the time, so its clock can be wrong".into(),
    }
}

fn provenance(verifier: &Verifier) -> String {
    match verifier {
        Verifier::With { file, .. } => {
            format!("{}; verified with {}", paint(Tone::Good, "signed by the device"), shown(file))
        }
        Verifier::Without(advice) => {
            format!("{}: {}", paint(Tone::Warning, "signed, not verified"), plain(advice))
        }
    }
}

fn shown(file: &Path) -> String {
    plain(&file.display().to_string())
}

#[cfg(test)]
mod tests {
    use pinlatch_token::{SigningKey, identity};

    use super::*;
    use crate::explained::Refused;
    use crate::terminal::colour::for_stdout;

    const NONCE: &str = "0123456789abcdef";
    const NOON: u64 = 1_782_907_200_000;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    struct Device {
        key: SigningKey,
        identity: DeviceIdentity,
    }

    fn device() -> Device {
        let (root, key) = (SigningKey::generate(), SigningKey::generate());
        let signed = identity::sign(&root, &name("home"), &name("porch"), &key.public(), 1_000).unwrap();
        let identity = DeviceIdentity::verify(&signed, &root.public(), &name("home"), None).unwrap();
        Device { key, identity }
    }

    fn sign(key: &SigningKey, line: &str, level: Level) -> String {
        let moment = Moment {
            at_ms: NOON + 3_000,
            source: TimeSource::Edge,
            uncertainty_ms: Some(40),
            boot: "boot".into(),
            n: 7,
        };
        let unit = matches!(level, Level::Number(_)).then(|| "°C".to_owned());
        let reading =
            Reading { line: name(line), level, measured_ms: NOON, unit, moment, nonce: Some(NONCE.into()) };
        reading.sign(key, &name("home"), &name("porch")).unwrap()
    }

    fn code(result: Result<Stated>) -> &'static str {
        result.err().and_then(|error| error.downcast::<Refused>().ok()).unwrap().code
    }

    #[test]
    fn a_reading_answers_its_question_and_comes_from_the_device() {
        let Device { key, identity } = device();
        let token = sign(&key, "heat", Level::Number(21.5));
        let stated = verified(&token, &identity, &name("heat"), NONCE).unwrap();
        assert_eq!((stated.level, stated.measured_ms, stated.moment.n), (Level::Number(21.5), NOON, 7));
        assert_eq!(code(verified(&token, &identity, &name("heat"), "another-nonce-000")), "wrong_nonce");
        assert_eq!(code(verified(&token, &identity, &name("door"), NONCE)), "other_line");
        let forged = sign(&SigningKey::generate(), "heat", Level::Number(21.5));
        let error = verified(&forged, &identity, &name("heat"), NONCE).err().unwrap();
        assert!(error.to_string().contains("pinlatch device confirm porch"), "{error}");
        assert_eq!(code(Err(error)), "unknown_key");
    }

    #[test]
    fn a_reading_without_an_identity_is_read_but_not_believed() {
        let key = SigningKey::generate();
        let place = (name("porch"), name("heat"));
        for level in [
            Level::Number(-3.25),
            Level::On(true),
            "#ff8800".to_owned().try_into().map(Level::Colour).unwrap(),
        ] {
            let stated = unverified(&sign(&key, "heat", level), &place, NONCE).unwrap();
            assert_eq!((stated.level, stated.measured_ms), (level, NOON));
        }
        let token = sign(&key, "heat", Level::On(true));
        assert_eq!(code(unverified(&token, &place, "another-nonce-000")), "wrong_nonce");
        assert_eq!(code(unverified(&token, &(name("porch"), name("door")), NONCE)), "other_line");
        for wrong in ["", "a.b.c", "x\u{1b}[2J"] {
            assert_eq!(code(unverified(wrong, &place, NONCE)), "wrong_kind", "{wrong}");
        }
    }

    #[test]
    fn a_value_has_the_words_of_its_line() {
        let view = |kind: &str| -> Option<LineView> {
            let view = json!({ "name": "heat", "kind": kind, "actions": [], "reported": null, "changed_ms": null,
                "precision": 1 });
            serde_json::from_value(view).ok()
        };
        let moment =
            Moment { at_ms: NOON, source: TimeSource::None, uncertainty_ms: None, boot: "b".into(), n: 1 };
        let stated = |level, unit: Option<&str>| Stated {
            level,
            unit: unit.map(Into::into),
            measured_ms: NOON,
            moment: moment.clone(),
        };
        let shown = |view, stated| for_stdout(&value(view, &stated));
        assert_eq!(shown(view("sensor"), stated(Level::Number(21.54), Some("°C"))), "21.5 °C");
        assert_eq!(shown(view("contact"), stated(Level::On(false), None)), "open");
        assert_eq!(shown(view("dimmer"), stated(Level::Number(0.25), None)), "25 %");
        assert_eq!(shown(None, stated(Level::Number(21.5), Some("°C\n\u{202e}"))), "21.5 °C\\u000a\\u202e");
        assert_eq!(
            shown(view("contact"), stated(Level::Number(1.0), None)),
            "1",
            "another kind than the line"
        );
        assert!(time(&moment).contains("does not know the time"));
    }
}
