//! This module issues and checks challenges, enrolment codes, setup codes and invitation codes, which are short texts
//! that only the edge can issue.
//!
//! Each text contains a few bytes and an HMAC (RFC 2104) that only the edge can compute. With the HMAC, the Worker can
//! reject guessed codes without any stored data. The codes are short because people copy codes by hand.

use hmac_sha256::HMAC;
use pinlatch_protocol::name::Name;
use subtle::ConstantTimeEq;

use crate::jwt::b64;
use crate::jwt::refusal::Refusal;

/// The length of the HMAC in a code or challenge, in bytes. The HMAC is the first 128 bits of an HMAC-SHA256.
const SEAL: usize = 16;

/// The length of the random id in a one-time code, in bytes.
const ID: usize = 9;

/// The edge's secret for computing the HMAC of codes and challenges.
#[derive(Clone)]
pub(crate) struct SealingSecret(pub(crate) Vec<u8>);

impl SealingSecret {
    pub(super) fn seal(&self, label: &str, parts: &[&[u8]]) -> [u8; SEAL] {
        let mut mac = HMAC::new(&self.0);
        mac.update(label.as_bytes());
        for part in parts {
            mac.update((part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        let mut seal = [0; SEAL];
        seal.iter_mut().zip(mac.finalize()).for_each(|(own, byte)| *own = byte);
        seal
    }

    pub(super) fn check(&self, label: &str, parts: &[&[u8]], seal: &[u8]) -> bool {
        self.seal(label, parts).ct_eq(seal).into()
    }
}

/// A challenge that the edge sends to a device. The challenge contains the edge time, a random nonce and an HMAC.
pub struct Challenge;

impl Challenge {
    /// The time for which the edge accepts a response to a challenge, in seconds.
    pub const LIFE: u64 = 60;
    const LABEL: &'static str = "pinlatch challenge";

    pub(crate) fn issue(secret: &SealingSecret, now: u64) -> String {
        let mut nonce = [0; 16];
        rand::Rng::fill_bytes(&mut rand::rng(), &mut nonce);
        let time = now.to_be_bytes();
        let seal = secret.seal(Self::LABEL, &[&time, &nonce]);
        b64::encode(&[&time[..], &nonce, &seal].concat())
    }

    pub(crate) fn open(secret: &SealingSecret, text: &str, now: u64) -> Result<u64, Refusal> {
        let bytes = b64::decode(text).ok_or(Refusal::BadSeal)?;
        let (time, rest) = bytes.split_first_chunk::<8>().ok_or(Refusal::BadSeal)?;
        let (nonce, seal) = rest.split_first_chunk::<16>().ok_or(Refusal::BadSeal)?;
        if !secret.check(Self::LABEL, &[time, nonce], seal) {
            return Err(Refusal::BadSeal);
        }
        let issued = u64::from_be_bytes(*time);
        if now >= issued.saturating_add(Self::LIFE) {
            return Err(Refusal::Expired(now - issued));
        }
        Ok(issued)
    }

    /// Returns the edge time in a challenge. The device writes the edge time into its proof.
    pub fn time_of(text: &str) -> Option<u64> {
        let bytes = b64::decode(text)?;
        bytes.first_chunk::<8>().map(|time| u64::from_be_bytes(*time)).filter(|time| *time < 1 << 40)
    }
}

/// The purpose of a one-time code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodePurpose {
    /// The code enrols one device.
    Enrol,
    /// The code creates the first owner of a site.
    Setup,
    /// With the code, a person joins a site or sets a new password.
    Invite,
}

impl CodePurpose {
    fn label(self) -> &'static str {
        match self {
            Self::Enrol => "pinlatch enrol code",
            Self::Setup => "pinlatch setup code",
            Self::Invite => "pinlatch invite code",
        }
    }
}

/// A one-time code in the form `SITE.SEALED`. The site stores [`Code::id`], so that each code can be used only once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// The site that the code is for.
    pub site: Name,
    /// The id of the code, which is not secret.
    pub id: String,
    /// The time when the code expires, in seconds of Unix time.
    pub expires: u64,
}

impl Code {
    pub(crate) fn issue(
        secret: &SealingSecret,
        purpose: CodePurpose,
        site: &Name,
        expires: u64,
    ) -> (Self, String) {
        let mut id = [0; ID];
        rand::Rng::fill_bytes(&mut rand::rng(), &mut id);
        let expires = u32::try_from(expires).unwrap_or(u32::MAX);
        let time = expires.to_be_bytes();
        let seal = secret.seal(purpose.label(), &[site.as_str().as_bytes(), &time, &id]);
        let text = format!("{site}.{}", b64::encode(&[&time[..], &id, &seal].concat()));
        (Self { site: site.clone(), id: b64::encode(&id), expires: expires.into() }, text)
    }

    pub(crate) fn open(
        secret: &SealingSecret,
        purpose: CodePurpose,
        text: &str,
        now: u64,
    ) -> Result<Self, Refusal> {
        let (site, sealed) = text.split_once('.').ok_or(Refusal::BadSeal)?;
        let site = Name::new(site).map_err(|_| Refusal::BadSeal)?;
        let bytes = b64::decode(sealed).ok_or(Refusal::BadSeal)?;
        let (time, rest) = bytes.split_first_chunk::<4>().ok_or(Refusal::BadSeal)?;
        let (id, seal) = rest.split_first_chunk::<ID>().ok_or(Refusal::BadSeal)?;
        if !secret.check(purpose.label(), &[site.as_str().as_bytes(), time, id], seal) {
            return Err(Refusal::BadSeal);
        }
        let expires = u64::from(u32::from_be_bytes(*time));
        if now >= expires {
            return Err(Refusal::Expired(now - expires));
        }
        Ok(Self { site, id: b64::encode(id), expires })
    }
}
