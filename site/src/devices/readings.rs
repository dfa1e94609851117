//! Asks devices for signed readings and for challenges, and passes their answers on. A question changes no line and writes
//! no row. The site does not verify readings, because only the owner's root key states which key a device has.

use pinlatch_protocol::agent::{is_statement, no_reading};
use pinlatch_protocol::api::{DeviceChallenge, SignedReading};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::ToPanel;
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_protocol::rule::is_boot;
use pinlatch_protocol::text::is_base64url;

use crate::accounts::shares::caller_digest;
use crate::database::store::StoreError;
use crate::interface::call::Reply;
use crate::interface::event::{Effect, LineReading, Question, Wanted};
use crate::interface::failure::Failure;
use crate::interface::principal::Principal;
use crate::memory::questions::PER_MINUTE;
use crate::site::Site;

impl Site<'_> {
    /// Asks a device a question. The answer follows as [`Effect::Answered`].
    pub(crate) fn ask(&mut self, principal: &Principal, question: Question) -> Result<(), Failure> {
        let rights = self.rights(principal)?;
        match &question.wanted {
            Wanted::Reading { line, .. } => {
                self.may_read(&rights, &question.device, line)?;
                self.line(&question.device, line)?.ok_or(Code::UnknownLine)?;
            }
            Wanted::Challenge if !rights.knows_device(&question.device) => {
                return Err(Code::UnknownDevice.into());
            }
            Wanted::Challenge => {}
        }
        let device = self.device(&question.device)?.ok_or(Code::UnknownDevice)?;
        let session = self.present(&device).ok_or(Code::DeviceOffline)?;
        let share = self.share_of(principal)?;
        let per_minute = share.per_minute.unwrap_or(PER_MINUTE);
        // An external issuer can invent any number of subjects.
        let caller = principal.issuer.clone().unwrap_or_else(|| caller_digest(principal));
        let questions = &self.links.memory().questions;
        if let Err(late_ms) = questions.admit(caller, per_minute, &question.device, self.now_ms) {
            let limit = format!(
                "{} can ask for at most {per_minute} readings and challenges per minute, and a device answers at most 20 per second",
                share.caller
            );
            let retry_s = u32::try_from(late_ms.div_ceil(1_000)).unwrap_or(u32::MAX);
            return Err(Problem::new(Code::Throttled).detail(limit).retry_after(retry_s).into());
        }
        self.effects.push(Effect::Ask { session: session.into(), question });
        Ok(())
    }

    /// Passes the answer of a device to the caller that has asked.
    pub(crate) fn take_reading(
        &mut self,
        device: &Name,
        question: String,
        jwt: Option<String>,
        code: Option<&str>,
    ) -> Result<(), StoreError> {
        let result = match (jwt, code) {
            (Some(reading), _) if is_statement(&reading) => Ok(Reply::Reading(SignedReading { reading })),
            (None, Some(no_reading::UNKNOWN_LINE)) => Err(Code::UnknownLine.into()),
            (None, Some(no_reading::LEVEL_UNKNOWN)) => Err(Code::LevelUnknown.into()),
            (None, Some(no_reading::BUSY)) => {
                let text = "the device has just signed many readings";
                Err(Problem::new(Code::Throttled).detail(text).retry_after(1))
            }
            _ => return self.audit_odd(device.as_str(), "no_reading"),
        };
        self.effects.push(Effect::Answered { device: device.clone(), id: question, result });
        Ok(())
    }

    /// Passes the challenge of a device to the caller that has asked.
    pub(crate) fn take_challenge(
        &mut self,
        device: &Name,
        question: String,
        challenge: Option<String>,
        boot: Option<String>,
    ) -> Result<(), StoreError> {
        let result = match (challenge, boot) {
            (Some(challenge), Some(boot)) if is_challenge(&challenge) && is_boot(&boot) => {
                Ok(Reply::Challenge(DeviceChallenge { challenge, boot }))
            }
            (None, None) => Err(Code::NoHolderLines.into()),
            _ => return self.audit_odd(device.as_str(), "no_challenge"),
        };
        self.effects.push(Effect::Answered { device: device.clone(), id: question, result });
        Ok(())
    }

    /// Passes the signed reading of a level change to the open panels. The database does not store the reading.
    pub(crate) fn publish_reading(
        &mut self,
        device: &Name,
        line: &Name,
        jwt: String,
    ) -> Result<(), StoreError> {
        if !is_statement(&jwt) {
            return self.audit_odd(device.as_str(), "no_reading");
        }
        if self.line(device, line)?.is_some()
            && self.links.memory().questions.admit_report(device, self.now_ms)
        {
            let (device, line) = (device.clone(), line.clone());
            self.effects.push(Effect::SignedChange(LineReading { at_ms: self.now_ms, device, line, jwt }));
        }
        Ok(())
    }

    pub(crate) fn see_reading(
        &self,
        principal: &Principal,
        reading: &LineReading,
    ) -> Result<Option<ToPanel>, Failure> {
        let LineReading { at_ms, device, line, jwt } = reading.clone();
        let may = self.rights(principal)?.scope.allows_line(&device, &line, "read");
        Ok(may.then_some(ToPanel::Reading { at_ms, device, line, jwt }))
    }
}

/// Returns whether a text has the form of a challenge.
fn is_challenge(text: &str) -> bool {
    is_base64url(text, 16..=128)
}
