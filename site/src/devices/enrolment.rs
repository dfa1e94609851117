//! Enrols devices with one-time codes, renews device certificates, and removes devices.

use pinlatch_protocol::close;
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::Change;
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_protocol::scope::SiteRight;

use crate::audit::Actor;
use crate::database::store::StoreError;
use crate::interface::credential::{Credential, Renewed};
use crate::interface::failure::Failure;
use crate::interface::principal::Principal;
use crate::site::Site;

/// The minimum time between two renewals of a device's certificate, in seconds. A device can repeat a renewal after the
/// minimum time, because the answer to the first renewal request can get lost.
const RENEW_AGAIN_S: u64 = 300;

impl Site<'_> {
    pub(crate) fn create_enrolment(
        &mut self,
        principal: &Principal,
        device: &Name,
        code_id: &str,
        expires_at: u64,
    ) -> Result<(), Failure> {
        self.require_site(principal, SiteRight::Devices, "enrolment", device.as_str())?;
        let expires_ms = expires_at.saturating_mul(1000);
        let made = self.row(
            "INSERT OR IGNORE INTO codes (id, device, expires_ms) VALUES (?1, ?2, ?3) RETURNING 1",
            &[code_id.into(), device.as_str().into(), expires_ms.into()],
        )?;
        if made.is_none() {
            return Err(Problem::new(Code::InvalidRequest)
                .detail("an enrolment code with this id already exists; try again")
                .into());
        }
        self.audit_by(principal, "enrolment", device.as_str(), "done")?;
        Ok(())
    }

    /// Uses an enrolment code. If a device with the same name is already enrolled, the new device replaces the old
    /// device, and the old certificates are refused. The GPIO lines stay in the database until the new device sends a
    /// `hello` message. Desired levels are therefore preserved when the hardware is replaced.
    pub(crate) fn enrol(
        &mut self,
        code_id: &str,
        thumbprint: &str,
        cert_jti: &str,
        cert_exp: u64,
    ) -> Result<Name, Failure> {
        let used = self.row(
            "UPDATE codes SET used_ms = ?2
             WHERE id = ?1 AND used_ms IS NULL AND device IS NOT NULL AND expires_ms > ?2 RETURNING device",
            &[code_id.into(), self.now_ms.into()],
        )?;
        let name: Name = used.ok_or(Code::CodeRefused)?.parsed(0)?;
        if let Some(before) = self.device(&name)? {
            self.close_agent(&before, close::NOT_ENROLLED, "enrolled_anew");
        }
        let seq = self.next_seq()?;
        self.run(
            "INSERT INTO devices (name, thumbprint, cert_jti, cert_exp, seq) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (name) DO UPDATE SET thumbprint = ?2, cert_jti = ?3, cert_exp = ?4, seq = ?5,
             session = NULL, hello = 0, online = 0, renewed_jti = NULL, renewed_exp = NULL",
            &[name.as_str().into(), thumbprint.into(), cert_jti.into(), cert_exp.into(), seq.into()],
        )?;
        let actor = format!("device:{name}");
        self.audit(Actor { name: &actor, jti: Some(cert_jti) }, "enrol", name.as_str(), "done")?;
        if let Some(device) = self.device(&name)? {
            let view = self.device_view(&device, &self.lines(&name)?);
            self.publish(seq, Change::Device { device: view });
        }
        Ok(name)
    }

    /// Renews a device's certificate on the connection that was opened with the old certificate. This function returns
    /// whether the site allows the renewal. After a renewal, the old certificate stays valid until its expiry, so the
    /// device still has access if the new certificate gets lost.
    pub(crate) fn renew(
        &mut self,
        name: &Name,
        session: &str,
        present: &Credential<'_>,
        next: Renewed<'_>,
    ) -> Result<bool, StoreError> {
        let Some(device) = self.current(name, session)? else { return Ok(false) };
        let now_s = self.now_ms / 1000;
        let life = next.expires_at.saturating_sub(now_s);
        let early = present.expires_at.saturating_sub(now_s) > life / 2;
        let just_now = |exp: u64| exp.saturating_add(RENEW_AGAIN_S) > next.expires_at;
        if early || device.renewed_exp.is_some_and(just_now) || device.expiry_of(present.jti).is_none() {
            return Ok(false);
        }
        self.run(
            "UPDATE devices SET cert_jti = ?2, cert_exp = ?3, renewed_jti = ?4, renewed_exp = ?5 WHERE name = ?1",
            &[
                name.as_str().into(),
                present.jti.into(),
                present.expires_at.into(),
                next.jti.into(),
                next.expires_at.into(),
            ],
        )?;
        let actor = format!("device:{name}");
        self.audit(Actor { name: &actor, jti: Some(next.jti) }, "renewal", name.as_str(), "done")?;
        Ok(true)
    }

    /// Removes a device. Commands in flight to this device end at their deadline, as for a device that does not
    /// respond.
    pub(crate) fn remove_device(&mut self, principal: &Principal, name: &Name) -> Result<(), Failure> {
        self.require_site(principal, SiteRight::Devices, "device_removal", name.as_str())?;
        let device = self.device(name)?.ok_or(Code::UnknownDevice)?;
        let seq = self.next_seq()?;
        // The table `meta` stores the sequence number, because the deleted rows can contain the highest sequence
        // number.
        self.run("UPDATE meta SET seq = ?1", &[seq.into()])?;
        self.run("DELETE FROM lines WHERE device = ?1", &[name.as_str().into()])?;
        self.run("DELETE FROM devices WHERE name = ?1", &[name.as_str().into()])?;
        self.audit_by(principal, "device_removal", name.as_str(), "done")?;
        self.close_agent(&device, close::NOT_ENROLLED, "removed");
        self.publish(seq, Change::Removed { device: name.clone() });
        Ok(())
    }
}
