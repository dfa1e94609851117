//! Shows the public keys of devices, and stores the device identities that the owner's root key has signed. The site
//! passes identities on, and nothing in the site depends on them.

use pinlatch_protocol::api::DeviceKey;
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::Change;
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_protocol::scope::SiteRight;

use crate::accounts::authority::whole_device;
use crate::interface::failure::Failure;
use crate::interface::principal::Principal;
use crate::site::Site;

impl Site<'_> {
    /// Returns the key of a device. Every caller that can see a line of the device can see its public key.
    pub(crate) fn device_key(&self, principal: &Principal, name: &Name) -> Result<DeviceKey, Failure> {
        if !self.rights(principal)?.knows_device(name) {
            return Err(Code::UnknownDevice.into());
        }
        let sql = "SELECT thumbprint, jwk, identity FROM devices WHERE name = ?1";
        let row = self.row(sql, &[name.as_str().into()])?.ok_or(Code::UnknownDevice)?;
        let jwk = row.opt_text(1)?.and_then(|jwk| serde_json::from_str(jwk).ok());
        Ok(DeviceKey { thumbprint: row.text(0)?.into(), jwk, identity: row.opt_text(2)?.map(Into::into) })
    }

    /// Stores a device identity that the Worker has verified. `thumbprint` is the thumbprint of the key in the identity.
    pub(crate) fn confirm_device(
        &mut self,
        principal: &Principal,
        name: &Name,
        thumbprint: &str,
        identity: &str,
    ) -> Result<(), Failure> {
        self.require_site(principal, SiteRight::Devices, "device_confirmation", name.as_str())?;
        let mut device = self.device(name)?.ok_or(Code::UnknownDevice)?;
        self.require_cover(principal, &whole_device(name), "device_confirmation", name.as_str())?;
        if device.thumbprint != thumbprint {
            let text = "the identity is for another key than the enrolled key of the device";
            return Err(Problem::new(Code::IdentityRefused).detail(text).into());
        }
        let seq = self.next_seq()?;
        self.run(
            "UPDATE devices SET identity = ?2, confirmed = 1, seq = ?3 WHERE name = ?1",
            &[name.as_str().into(), identity.into(), seq.into()],
        )?;
        self.audit_by(principal, "device_confirmation", name.as_str(), "done")?;
        device.confirmed = true;
        let view = self.device_view(&device, &self.lines(name)?);
        self.publish(seq, Change::Device { device: Box::new(view) });
        Ok(())
    }
}
