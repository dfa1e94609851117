//! Computes whether a device is online, and the view of a device for a caller.

use pinlatch_protocol::SILENCE_LIMIT_MS;
use pinlatch_protocol::close;
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::{Change, DeviceView, LineView};
use pinlatch_protocol::problem::{Code, Problem};

use crate::accounts::authority::Rights;
use crate::database::rows::{Columns as _, columns};
use crate::database::store::StoreError;
use crate::devices::lines::{Line, visible_line};
use crate::interface::event::Effect;
use crate::interface::failure::Failure;
use crate::interface::principal::Principal;
use crate::site::Site;

/// A row of the table `devices`.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub name: Name,
    /// The id (`jti`) of the certificate that the agent uses.
    pub cert_jti: String,
    pub cert_exp: u64,
    /// The id of the renewed certificate. The old certificate and the renewed certificate are each valid until their
    /// expiry.
    pub renewed_jti: Option<String>,
    pub renewed_exp: Option<u64>,
    /// The thumbprint of the enrolled key of the device.
    pub thumbprint: String,
    /// The nonce of the device's current connection.
    pub session: Option<String>,
    /// Whether the agent has sent a `hello` message on the current connection.
    pub hello: bool,
    /// Whether the device was online according to the last published event.
    pub online: bool,
    /// When the device was last seen, as stored in the database. While the agent's WebSocket is open, the agent's last
    /// activity can be later than the stored time.
    pub last_seen_ms: Option<u64>,
    pub version: Option<String>,
    /// When the device's machine was started, in milliseconds of Unix time, if the agent has reported the uptime.
    pub booted_ms: Option<u64>,
    /// How far the machine's clock was ahead of the site's clock at the last `hello` message, in milliseconds.
    pub clock_ahead_ms: Option<i64>,
    /// Whether the device has sent a message since its last command without an outcome.
    pub answering: bool,
    /// When the device's agent was started, in milliseconds of Unix time, if the agent has reported it.
    pub agent_started_ms: Option<u64>,
    /// The codes of the agent's warnings, separated by spaces.
    pub warnings: Option<String>,
    /// Whether the site has a device identity for the enrolled key.
    pub confirmed: bool,
}

columns!(Device {
    name,
    cert_jti,
    cert_exp,
    renewed_jti,
    renewed_exp,
    thumbprint,
    session,
    hello,
    online,
    last_seen_ms,
    version,
    booted_ms,
    clock_ahead_ms,
    answering,
    agent_started_ms,
    warnings,
    confirmed,
});

impl Device {
    /// Returns the expiry of the certificate that expires last, in seconds of Unix time.
    fn last_expiry(&self) -> u64 {
        self.renewed_exp.map_or(self.cert_exp, |exp| self.cert_exp.max(exp))
    }

    /// Returns the expiry of a certificate, in seconds of Unix time. If the certificate is not a current certificate of
    /// this device, the result is `None`.
    pub fn expiry_of(&self, jti: &str) -> Option<u64> {
        let renewed = self.renewed_jti.as_ref().zip(self.renewed_exp);
        let own = [Some((&self.cert_jti, self.cert_exp)), renewed];
        own.into_iter().flatten().find_map(|(own, exp)| (own == jti).then_some(exp))
    }
}

impl Site<'_> {
    pub(crate) fn device(&self, name: &Name) -> Result<Option<Device>, StoreError> {
        let sql = format!("SELECT {} FROM devices WHERE name = ?1", Device::LIST);
        self.row(&sql, &[name.as_str().into()])?.as_ref().map(Device::read).transpose()
    }

    fn devices(&self) -> Result<Vec<Device>, StoreError> {
        let sql = format!("SELECT {} FROM devices ORDER BY name", Device::LIST);
        self.run(&sql, &[])?.iter().map(Device::read).collect()
    }

    /// Returns all devices that have a connection. The result also contains devices that have lost their connection but
    /// are still published as online.
    pub(crate) fn connected_devices(&self) -> Result<Vec<Device>, StoreError> {
        let sql = format!("SELECT {} FROM devices WHERE session IS NOT NULL OR online = 1", Device::LIST);
        self.run(&sql, &[])?.iter().map(Device::read).collect()
    }

    pub(crate) fn sign_of_life(&self, device: &Device) -> Option<u64> {
        device.session.as_deref().and_then(|session| self.links.last_sign_of_life(session))
    }

    /// Returns whether the device's current connection was active within [`SILENCE_LIMIT_MS`].
    pub(crate) fn has_live_connection(&self, device: &Device) -> bool {
        let recent = |at_ms| self.now_ms.saturating_sub(at_ms) <= SILENCE_LIMIT_MS;
        self.sign_of_life(device).is_some_and(recent)
    }

    /// Returns the session nonce of the connection to which a command can be sent, or `None` if the device is offline.
    /// A device is online if the agent has sent a `hello` message on the current connection and was recently active.
    /// The column `online` is not used, because this column contains only the last published value.
    pub(crate) fn present<'d>(&self, device: &'d Device) -> Option<&'d str> {
        device.session.as_deref().filter(|_| device.hello && self.has_live_connection(device))
    }

    pub(crate) fn device_view(&self, device: &Device, lines: &[Line]) -> DeviceView {
        DeviceView {
            name: device.name.clone(),
            online: self.present(device).is_some(),
            answering: device.answering,
            last_seen_ms: self.sign_of_life(device).max(device.last_seen_ms),
            version: device.version.clone(),
            booted_ms: device.booted_ms,
            agent_started_ms: device.agent_started_ms,
            clock_ahead_ms: device.clock_ahead_ms,
            certificate_exp: Some(device.last_expiry()),
            warnings: device.warnings.iter().flat_map(|codes| codes.split(' ')).map(str::to_owned).collect(),
            key: Some(device.thumbprint.clone()),
            confirmed: device.confirmed,
            lines: lines.iter().map(Line::view).collect(),
        }
    }

    /// Ends the connection of a device in the table `devices`. If the device was published as online, the panels are
    /// notified.
    pub(crate) fn end_connection(
        &mut self,
        device: &Device,
        last_seen_ms: Option<u64>,
    ) -> Result<(), StoreError> {
        let last_seen_ms = last_seen_ms.max(device.last_seen_ms);
        let name = device.name.as_str().into();
        if !device.online {
            self.run(
                "UPDATE devices SET session = NULL, hello = 0, answering = 1, last_seen_ms = ?2 WHERE name = ?1",
                &[name, last_seen_ms.into()],
            )?;
            return Ok(());
        }
        let seq = self.next_seq()?;
        self.run(
            "UPDATE devices SET session = NULL, hello = 0, online = 0, answering = 1, last_seen_ms = ?2, seq = ?3
             WHERE name = ?1",
            &[name, last_seen_ms.into(), seq.into()],
        )?;
        let device = device.name.clone();
        self.publish(seq, Change::Presence { device, online: false, answering: true, last_seen_ms });
        Ok(())
    }

    /// Stores whether a connected device answers commands, and notifies the panels.
    pub(crate) fn set_answering(&mut self, device: &mut Device, answering: bool) -> Result<(), StoreError> {
        device.answering = answering;
        let seq = self.next_seq()?;
        self.run(
            "UPDATE devices SET answering = ?2, seq = ?3 WHERE name = ?1",
            &[device.name.as_str().into(), answering.into(), seq.into()],
        )?;
        let online = self.present(device).is_some();
        let last_seen_ms = self.sign_of_life(device).max(device.last_seen_ms);
        let device = device.name.clone();
        self.publish(seq, Change::Presence { device, online, answering, last_seen_ms });
        Ok(())
    }

    /// Ends all device connections without recent activity. The WebSockets of inactive connections are closed, so that
    /// an agent that is still running reconnects.
    pub(crate) fn end_silent_connections(&mut self) -> Result<(), StoreError> {
        for device in self.connected_devices()? {
            let sign = self.sign_of_life(&device);
            if sign.is_some_and(|at_ms| self.now_ms.saturating_sub(at_ms) <= SILENCE_LIMIT_MS) {
                continue;
            }
            self.end_connection(&device, sign)?;
            if sign.is_some() {
                self.close_agent(&device, close::SILENT, "silent");
            }
        }
        Ok(())
    }

    pub(crate) fn close_agent(&mut self, device: &Device, code: u16, reason: &'static str) {
        if let Some(session) = device.session.clone() {
            self.effects.push(Effect::CloseAgent { device: device.name.clone(), session, code, reason });
        }
    }

    pub(crate) fn devices_for(&self, principal: &Principal) -> Result<Vec<DeviceView>, Failure> {
        let rights = self.rights(principal)?;
        Ok(self.visible_devices(principal, &rights)?)
    }

    pub(crate) fn visible_devices(
        &self,
        principal: &Principal,
        rights: &Rights,
    ) -> Result<Vec<DeviceView>, StoreError> {
        let mut views = Vec::new();
        for device in self.devices()? {
            if rights.knows_device(&device.name) {
                let view = self.device_view(&device, &self.lines(&device.name)?);
                views.push(visible_device(&view, principal, rights));
            }
        }
        Ok(views)
    }

    pub(crate) fn device_for(&self, principal: &Principal, name: &Name) -> Result<DeviceView, Failure> {
        let rights = self.rights(principal)?;
        let device = if rights.knows_device(name) { self.device(name)? } else { None };
        let device = device.ok_or(Code::UnknownDevice)?;
        let view = self.device_view(&device, &self.lines(name)?);
        Ok(visible_device(&view, principal, &rights))
    }

    pub(crate) fn line_for(
        &self,
        principal: &Principal,
        device: &Name,
        line: &Name,
    ) -> Result<LineView, Failure> {
        let rights = self.rights(principal)?;
        self.may_read(&rights, device, line)?;
        let view = self.line(device, line)?.ok_or(Code::UnknownLine)?.view();
        Ok(visible_line(&view, device, principal, &rights).ok_or(Code::InsufficientScope)?)
    }

    /// Requires that the caller has the right to read a GPIO line. This function also defines the information that a
    /// refusal can reveal. A caller without a right on any line of the device gets 404, as if the device did not exist.
    /// A caller with a right on another line of the device gets 403, even if the requested line does not exist.
    pub(crate) fn may_read(&self, rights: &Rights, device: &Name, line: &Name) -> Result<(), Failure> {
        if !rights.knows_device(device) || self.device(device)?.is_none() {
            return Err(Code::UnknownDevice.into());
        }
        if !rights.scope.allows_line(device, line, "read") {
            return Err(Problem::new(Code::InsufficientScope)
                .detail(format!("the request requires the scope line:{device}/{line}:read"))
                .into());
        }
        Ok(())
    }
}

/// Returns the part of a device that a caller can see. The caller must have a right on at least one GPIO line of the
/// device. The data of the machine requires [`Rights::sees_machine`].
pub(crate) fn visible_device(device: &DeviceView, principal: &Principal, rights: &Rights) -> DeviceView {
    let lines = device.lines.iter().filter_map(|line| visible_line(line, &device.name, principal, rights));
    let view = DeviceView { lines: lines.collect(), ..device.clone() };
    if rights.sees_machine(&device.name) {
        return view;
    }
    DeviceView {
        version: None,
        warnings: Vec::new(),
        booted_ms: None,
        agent_started_ms: None,
        clock_ahead_ms: None,
        certificate_exp: None,
        key: None,
        confirmed: false,
        ..view
    }
}
