//! Enrols devices with one-time codes, renews device certificates, and removes devices.

use pinlatch_protocol::admin::Enrolment;
use pinlatch_protocol::close;
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::Change;
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_protocol::scope::SiteRight;

use crate::accounts::authority::whole_device;
use crate::accounts::giver::{Giver, GiverColumns, expiry_of_code};
use crate::audit::Actor;
use crate::database::rows::{Columns as _, columns};
use crate::database::store::{Row, StoreError};
use crate::interface::credential::{Credential, Renewed};
use crate::interface::failure::Failure;
use crate::interface::principal::Principal;
use crate::site::Site;

/// The minimum time between two renewals of a device's certificate, in seconds. A device can repeat a renewal after the
/// minimum time, because the answer to the first renewal request can get lost.
const RENEW_AGAIN_S: u64 = 300;

/// The maximum number of open enrolment codes per caller.
const MAX_CODES: i64 = 100;

/// The columns of an enrolment code in the table `codes`.
struct StoredEnrolment {
    id: String,
    device: Name,
    replaces: bool,
    creator: Option<String>,
    expires_ms: u64,
}

columns!(StoredEnrolment { id, device, replaces, creator, expires_ms });

/// Returns the statement for the enrolment codes that are neither used nor expired at `?1`, in milliseconds of Unix
/// time.
fn open_enrolments(which: &str) -> String {
    let (columns, giver) = (StoredEnrolment::LIST, GiverColumns::LIST);
    let open = "device IS NOT NULL AND used_ms IS NULL AND expires_ms > ?1";
    format!("SELECT {columns}, {giver} FROM codes WHERE {open} {which}")
}

impl StoredEnrolment {
    fn view(self) -> Enrolment {
        let Self { id, device, replaces, creator, expires_ms } = self;
        Enrolment {
            id,
            device,
            replaces,
            creator: creator.unwrap_or_default(),
            expires_at: expires_ms / 1000,
        }
    }
}

impl Site<'_> {
    /// Stores a new enrolment code, and returns its expiry in seconds of Unix time. A code that can replace an enrolled
    /// device needs a new proof of the caller's identity, and all scopes of the device.
    pub(crate) fn create_enrolment(
        &mut self,
        principal: &Principal,
        device: &Name,
        code_id: &str,
        expires_at: u64,
    ) -> Result<u64, Failure> {
        self.require_site(principal, SiteRight::Devices, "enrolment", device.as_str())?;
        let replaces = self.device(device)?.is_some();
        if replaces {
            self.require_cover(principal, &whole_device(device), "enrolment", device.as_str())?;
            self.require_proof(principal)?;
        }
        self.require_room_for_code(principal)?;
        let expires_at = expiry_of_code(principal, expires_at);
        let [person, parent, issuer] = Giver::of(principal)?.values();
        let made = self.row(
            "INSERT OR IGNORE INTO codes (id, device, expires_ms, replaces, person, parent, issuer, creator)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING 1",
            &[
                code_id.into(),
                device.as_str().into(),
                expires_at.saturating_mul(1000).into(),
                replaces.into(),
                person,
                parent,
                issuer,
                principal.actor().into(),
            ],
        )?;
        if made.is_none() {
            return Err(Problem::new(Code::InvalidRequest)
                .detail("an enrolment code with this id already exists; try again")
                .into());
        }
        self.audit_by(principal, "enrolment", device.as_str(), "done")?;
        Ok(expires_at)
    }

    /// Checks that the number of open enrolment codes of the caller is below the maximum.
    fn require_room_for_code(&self, principal: &Principal) -> Result<(), Failure> {
        let count = self.row(
            "SELECT count(*) FROM codes WHERE device IS NOT NULL AND used_ms IS NULL AND expires_ms > ?1
             AND creator = ?2",
            &[self.now_ms.into(), principal.actor().into()],
        )?;
        if count.map_or(Ok(0), |row| row.int(0))? < MAX_CODES {
            return Ok(());
        }
        let text = "you have the maximum of 100 open enrolment codes; use or withdraw some of them first";
        Err(Problem::new(Code::InvalidRequest).detail(text).into())
    }

    /// Returns an enrolment code that can be used now.
    fn open_enrolment(&self, code_id: &str) -> Result<Option<StoredEnrolment>, StoreError> {
        let row = self.row(&open_enrolments("AND id = ?2"), &[self.now_ms.into(), code_id.into()])?;
        Ok(row.map(|row| self.usable_enrolment(&row)).transpose()?.flatten())
    }

    /// Reads a row of [`open_enrolments`], if its giver still has the right to enrol devices. A device that was
    /// enrolled in the meantime is replaced only by a code that was made for a replacement.
    fn usable_enrolment(&self, row: &Row) -> Result<Option<StoredEnrolment>, StoreError> {
        let enrolment = StoredEnrolment::read(row)?;
        let giver = GiverColumns::read_at(row, StoredEnrolment::COUNT)?.giver();
        let rights = giver.map(|giver| self.rights_of(&giver)).transpose()?.flatten();
        let Some(scope) = rights.map(|rights| rights.scope) else { return Ok(None) };
        let may_replace = enrolment.replaces && scope.covers(&whole_device(&enrolment.device));
        let is_usable = scope.allows_site(SiteRight::Devices)
            && (may_replace || self.device(&enrolment.device)?.is_none());
        Ok(is_usable.then_some(enrolment))
    }

    /// Returns the enrolment codes that can still be used.
    pub(crate) fn enrolments(&self, principal: &Principal) -> Result<Vec<Enrolment>, Failure> {
        self.require_site(principal, SiteRight::Devices, "enrolments", "devices")?;
        let rows = self.run(&open_enrolments("ORDER BY device, expires_ms"), &[self.now_ms.into()])?;
        let usable = rows.iter().filter_map(|row| self.usable_enrolment(row).transpose());
        Ok(usable.map(|one| Ok(one?.view())).collect::<Result<_, StoreError>>()?)
    }

    /// Withdraws one open enrolment code.
    pub(crate) fn withdraw_enrolment(&self, principal: &Principal, id: &str) -> Result<(), Failure> {
        self.require_site(principal, SiteRight::Devices, "enrolment_withdrawal", id)?;
        let enrolment = self.open_enrolment(id)?.ok_or(Code::UnknownCode)?;
        self.run("DELETE FROM codes WHERE id = ?1", &[id.into()])?;
        self.audit_by(principal, "enrolment_withdrawal", enrolment.device.as_str(), "done")?;
        Ok(())
    }

    /// Uses an enrolment code. If a device with the same name is already enrolled, the new device replaces the old
    /// device, and the old certificates are refused. The GPIO lines stay in the database until the new device sends a
    /// `hello` message. Desired levels are therefore preserved when the hardware is replaced.
    pub(crate) fn enrol(
        &mut self,
        code_id: &str,
        (thumbprint, jwk): (&str, String),
        cert_jti: &str,
        cert_exp: u64,
    ) -> Result<Name, Failure> {
        let name = self.open_enrolment(code_id)?.ok_or(Code::CodeRefused)?.device;
        self.run("UPDATE codes SET used_ms = ?2 WHERE id = ?1", &[code_id.into(), self.now_ms.into()])?;
        if let Some(before) = self.device(&name)? {
            self.close_agent(&before, close::NOT_ENROLLED, "enrolled_anew");
        }
        let seq = self.next_seq()?;
        self.run(
            "INSERT INTO devices (name, thumbprint, cert_jti, cert_exp, seq, jwk) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (name) DO UPDATE SET thumbprint = ?2, cert_jti = ?3, cert_exp = ?4, seq = ?5, jwk = ?6,
             session = NULL, hello = 0, online = 0, renewed_jti = NULL, renewed_exp = NULL,
             identity = iif(thumbprint = ?2, identity, NULL), confirmed = iif(thumbprint = ?2, confirmed, 0)",
            &[
                name.as_str().into(),
                thumbprint.into(),
                cert_jti.into(),
                cert_exp.into(),
                seq.into(),
                jwk.into(),
            ],
        )?;
        let actor = format!("device:{name}");
        self.audit(Actor { name: &actor, jti: Some(cert_jti) }, "enrol", name.as_str(), "done")?;
        if let Some(device) = self.device(&name)? {
            let view = self.device_view(&device, &self.lines(&name)?);
            self.publish(seq, Change::Device { device: Box::new(view) });
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
        self.require_cover(principal, &whole_device(name), "device_removal", name.as_str())?;
        // A program has no proof. Its scopes cover the whole device, so it could also have used up the device.
        if principal.family.is_some() {
            self.require_proof(principal)?;
        }
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
