//! Signed readings of a line: the check that a page can do, and the files with which others can verify a reading.

#[cfg(test)]
mod tests;

use pinlatch_protocol::api::DeviceKey;
use pinlatch_protocol::name::Name;
use pinlatch_token::identity::DeviceIdentity;
use pinlatch_token::reading::Reading;
use pinlatch_token::{KeyError, PublicKey, Refusal};

use crate::model::Key;

/// The answer to a question for a signed reading.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The signed reading (`reading+jwt`).
    pub token: String,
    /// The nonce of the question.
    pub nonce: String,
    pub reading: Result<Reading, Fault>,
    /// The device identity (`device+jwt`), if the owner has confirmed the device.
    pub identity: Option<String>,
}

/// The reason why an answer does not fit the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The edge did not send the public key of the device.
    NoKey,
    /// The key that the edge sent cannot be used.
    Key(KeyError),
    /// The device's key did not sign this reading, or the reading does not contain the nonce.
    Refused(Refusal),
    /// The reading is for another line of the device.
    OtherLine(Name),
}

/// Checks a reading with the key that the edge reports for the device. A hostile edge can report another key, so this
/// check finds errors but proves nothing.
pub fn check(token: &str, key: &DeviceKey, nonce: &str, site: &Name, line: &Key) -> Result<Reading, Fault> {
    let jwk = key.jwk.as_ref().ok_or(Fault::NoKey)?;
    let device = DeviceIdentity {
        site: site.clone(),
        device: line.device.clone(),
        jti: String::new(),
        iat: 0,
        key: PublicKey::from_jwk(jwk).map_err(Fault::Key)?,
    };
    let reading = Reading::verify(token, &device, Some(nonce)).map_err(Fault::Refused)?;
    if reading.line == line.line { Ok(reading) } else { Err(Fault::OtherLine(reading.line)) }
}

/// Returns the name of the file for a reading, for example `porch-heat-2026-11-30T12-00-00Z.jwt`. The name contains no
/// colon, because Windows does not allow colons in file names.
pub fn file_name(line: &Key, signed_ms: u64) -> String {
    format!("{}-{}-{}.jwt", line.device, line.line, utc(signed_ms))
}

/// Returns the name of the file for a device identity.
pub fn identity_file(device: &Name) -> String {
    format!("{device}.jwt")
}

/// Formats a time in UTC, for example `2026-11-30T12-00-00Z`. The browser's `toISOString` throws an exception for a
/// very late time, and the time comes from a device.
fn utc(ms: u64) -> String {
    let seconds = ms / 1_000;
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    // The algorithm counts days from 1 March of the year 0, so that a leap day is the last day of a year.
    // https://howardhinnant.github.io/date_algorithms.html#civil_from_days
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}-{minute:02}-{second:02}Z")
}
