//! This module contains what readings and receipts have in common. A reading or receipt is a statement that a device
//! signs with its own key. Everyone who has the device's identity can verify the statement, without the edge.

use pinlatch_protocol::name::Name;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::jwt::claims::Registered;
use crate::jwt::kind::Kind;
use crate::jwt::refusal::Refusal;
use crate::jwt::strict::Object;
use crate::keys::KeySet;
use crate::keys::key::SigningKey;
use crate::kinds::identity::{DeviceIdentity, LIFE};
use crate::names::{device_audience, random_id, site_audience};
use crate::policy::{self, Expect, Verified};

/// The source of the time in a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeSource {
    /// The time that the edge has signed for this connection of the device.
    Edge,
    /// The system's clock, which was synchronised.
    System,
    /// The device did not know the time. The time in the statement is only the time of the device's clock.
    None,
}

/// When and in which order a device made a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// The time of the statement, in milliseconds of Unix time.
    #[serde(rename = "time_ms")]
    pub at_ms: u64,
    /// The source of the time.
    #[serde(rename = "time_source")]
    pub source: TimeSource,
    /// The width of the interval that contains the time, in milliseconds. The value is absent if the time is unknown.
    #[serde(rename = "time_uncertainty_ms", default, skip_serializing_if = "Option::is_none")]
    pub uncertainty_ms: Option<u64>,
    /// The id of the run of the agent. Each start of the agent makes a new random id.
    pub boot: String,
    /// The number of the statement in this run, counted from 1. Readings and receipts are counted separately. A missing
    /// number is a missing statement.
    pub n: u64,
}

/// The line of a device that a statement is about.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The site that the device belongs to.
    pub site: &'a Name,
    /// The name of the device.
    pub device: &'a Name,
    /// The name of the GPIO line.
    pub line: &'a Name,
}

impl Place<'_> {
    fn subject(&self) -> String {
        format!("{}/{}", self.device, self.line)
    }
}

/// Signs a statement about a line with the device's key.
pub(crate) fn sign(
    key: &SigningKey,
    kind: Kind,
    place: &Place<'_>,
    moment: &Moment,
    custom: Object,
) -> Result<String, Refusal> {
    let iat = moment.at_ms / 1_000;
    let registered = Registered {
        iss: device_audience(place.site, place.device),
        sub: place.subject(),
        aud: site_audience(place.site),
        jti: random_id(),
        iat,
        exp: iat + LIFE,
    };
    key.sign(kind, &registered, custom)
}

/// A statement that was verified.
pub(crate) struct Statement<C> {
    pub line: Name,
    pub custom: C,
}

/// Verifies a statement of a device. The times are not compared with a clock, because a statement is about the past and
/// contains the source of its time.
pub(crate) fn verify<C: DeserializeOwned>(
    token: &str,
    kind: Kind,
    device: &DeviceIdentity,
) -> Result<Statement<C>, Refusal> {
    let expect = Expect {
        kind,
        issuer: &device_audience(&device.site, &device.device),
        audiences: &[site_audience(&device.site)],
        now: None,
        leeway: 0,
        max_life: Some(LIFE),
    };
    let Verified { registered, custom } =
        policy::verify::<C>(token, &KeySet::from(device.key.clone()), &expect)?;
    let line = registered.sub.strip_prefix(device.device.as_str()).and_then(|rest| rest.strip_prefix('/'));
    let line = line.and_then(|line| Name::new(line).ok());
    let line =
        line.ok_or_else(|| Refusal::BadClaim("sub", "the value must be a line of the device".into()))?;
    Ok(Statement { line, custom })
}
