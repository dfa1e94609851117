//! This module signs and verifies readings (`reading+jwt`). With a reading, a device states the level of a line at one
//! time. The level is a SenML record (RFC 8428).

use pinlatch_protocol::line::{Level, Rgb};
use pinlatch_protocol::name::Name;
use serde::{Deserialize, Serialize};

use crate::jwt::kind::Kind;
use crate::jwt::refusal::Refusal;
use crate::keys::key::SigningKey;
use crate::kinds::access::object;
use crate::kinds::identity::DeviceIdentity;
use crate::kinds::statement::{self, Moment, Place};
use crate::names::{device_audience, is_nonce};

/// The units of sensors that have a name in SenML (RFC 8428 §12.1, RFC 8798). Any other unit is only in the claim
/// `unit`.
const UNITS: [(&str, &str); 16] = [
    ("°C", "Cel"),
    ("K", "K"),
    ("%RH", "%RH"),
    ("% rH", "%RH"),
    ("lx", "lx"),
    ("Pa", "Pa"),
    ("hPa", "hPa"),
    ("V", "V"),
    ("mV", "mV"),
    ("A", "A"),
    ("mA", "mA"),
    ("W", "W"),
    ("kW", "kW"),
    ("m", "m"),
    ("mm", "mm"),
    ("Hz", "Hz"),
];

/// The contents of a reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The name of the GPIO line.
    pub line: Name,
    /// The level of the line.
    pub level: Level,
    /// When the device measured the level, in milliseconds of Unix time. The last measurement of a sensor can be older
    /// than the reading.
    pub measured_ms: u64,
    /// The unit of a sensor, as in the device's configuration.
    pub unit: Option<String>,
    /// When and in which order the device made the reading.
    pub moment: Moment,
    /// The nonce of the caller that asked for the reading (RFC 9711 §4.1). A reading with the caller's nonce is not
    /// older than the question.
    pub nonce: Option<String>,
}

/// The claims that a reading contains in addition to the registered claims.
#[derive(Serialize, Deserialize)]
struct Claims {
    senml: Record,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    #[serde(flatten)]
    moment: Moment,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    eat_nonce: Option<String>,
}

/// A SenML record (RFC 8428 §4). The record contains the whole name, so it can be used outside of the token.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    n: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    u: Option<String>,
    /// The time of the measurement, in seconds of Unix time.
    t: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    v: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vb: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vs: Option<String>,
}

/// Returns the name of a line in SenML.
fn senml_name(site: &Name, device: &Name, line: &Name) -> String {
    format!("{}/{line}", device_audience(site, device))
}

impl Reading {
    /// Signs the reading with the device's key.
    pub fn sign(self, key: &SigningKey, site: &Name, device: &Name) -> Result<String, Refusal> {
        if self.nonce.as_deref().is_some_and(|nonce| !is_nonce(nonce)) {
            return Err(bad_nonce());
        }
        #[allow(clippy::cast_precision_loss, reason = "a time in milliseconds is far below 2^53")]
        let seconds = self.measured_ms as f64 / 1_000.0;
        let unit = self.unit.as_deref();
        let mut record = Record {
            n: senml_name(site, device, &self.line),
            u: unit
                .and_then(|unit| UNITS.iter().find(|(own, _)| *own == unit))
                .map(|(_, name)| (*name).into()),
            t: seconds,
            v: None,
            vb: None,
            vs: None,
        };
        match self.level {
            Level::On(on) => record.vb = Some(on),
            Level::Number(number) => record.v = Some(number),
            Level::Colour(colour) => record.vs = Some(colour.to_string()),
        }
        let claims =
            Claims { senml: record, unit: self.unit, moment: self.moment.clone(), eat_nonce: self.nonce };
        let place = Place { site, device, line: &self.line };
        statement::sign(key, Kind::Reading, &place, &self.moment, object(&claims))
    }

    /// Verifies a reading of a device. If the caller has asked the device with a nonce, the reading must contain this
    /// nonce.
    pub fn verify(token: &str, device: &DeviceIdentity, nonce: Option<&str>) -> Result<Self, Refusal> {
        let stated = statement::verify::<Claims>(token, Kind::Reading, device)?;
        let Claims { senml, unit, moment, eat_nonce } = stated.custom;
        if nonce.is_some() && eat_nonce.as_deref() != nonce {
            return Err(Refusal::WrongNonce);
        }
        if eat_nonce.as_deref().is_some_and(|nonce| !is_nonce(nonce)) {
            return Err(bad_nonce());
        }
        if senml.n != senml_name(&device.site, &device.device, &stated.line) {
            return Err(bad_record("the name must be the name of the line in `sub`"));
        }
        let level = match (senml.v, senml.vb, senml.vs) {
            (Some(number), None, None) => Level::Number(number),
            (None, Some(on), None) => Level::On(on),
            (None, None, Some(text)) => Level::Colour(
                Rgb::try_from(text)
                    .map_err(|_| bad_record("the text is not a colour of the form #rrggbb"))?,
            ),
            _ => return Err(bad_record("the record must contain exactly one value")),
        };
        let measured_ms = milliseconds(senml.t)
            .filter(|at_ms| *at_ms <= moment.at_ms)
            .ok_or_else(|| bad_record("the time must not be later than the time of the reading"))?;
        Ok(Self { line: stated.line, level, measured_ms, unit, moment, nonce: eat_nonce })
    }
}

/// Converts a time in seconds into whole milliseconds.
fn milliseconds(seconds: f64) -> Option<u64> {
    let ms = (seconds * 1_000.0).round();
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the value is in the range of exact whole numbers"
    )]
    (0.0..=9_007_199_254_740_991.0).contains(&ms).then_some(ms as u64)
}

fn bad_nonce() -> Refusal {
    Refusal::BadClaim("eat_nonce", "the value must have 16 to 64 base64url characters".into())
}

fn bad_record(why: &str) -> Refusal {
    Refusal::BadClaim("senml", why.into())
}
