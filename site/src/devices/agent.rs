//! Handles messages from a device's agent: the connection, the `hello` message and later messages. No message from an
//! agent makes the site fail.

use std::collections::HashSet;

use pinlatch_protocol::agent::{FromAgent, MAX_LINES, MachineInfo, Outcome, warning};
use pinlatch_protocol::close;
use pinlatch_protocol::line::{LineInfo, LineKind, MAX_PRECISION, is_unit, visible_unit};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::Change;
use pinlatch_protocol::problem::{Code, Problem};

use crate::database::store::{MAX_EXACT, StoreError};
use crate::devices::device::Device;
use crate::devices::outcome::Provenance;
use crate::interface::credential::Credential;
use crate::interface::event::{Effect, Press};
use crate::interface::failure::Failure;
use crate::report::Report;
use crate::site::Site;

/// The maximum length of the stored agent version, in characters.
const MAX_VERSION: usize = 64;

/// The maximum length of a connection nonce, in bytes.
const MAX_SESSION: usize = 128;

/// How long a used connection nonce is stored, in milliseconds. The storage time of a nonce is much longer than the
/// lifetime of a challenge. A captured proof therefore expires before the nonce of the proof is deleted.
pub(crate) const KEEP_NONCES_MS: u64 = 3_600_000;

/// What a `hello` message contains about the agent and its machine.
struct About<'m> {
    version: &'m str,
    machine: MachineInfo,
    warnings: &'m [String],
    /// The number of rules, which follow in other messages.
    rules: u32,
}

impl Site<'_> {
    pub(crate) fn connect(
        &mut self,
        name: &Name,
        session: &str,
        credential: &Credential<'_>,
        yields: bool,
    ) -> Result<(), Failure> {
        let refused = |why: &str| Failure::from(Problem::new(Code::InvalidToken).detail(why));
        if !(1..=MAX_SESSION).contains(&session.len()) || !session.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(Problem::new(Code::InvalidRequest)
                .detail("the session nonce in the device's proof is invalid")
                .into());
        }
        let device =
            self.device(name)?.ok_or_else(|| refused("the site has no enrolled device with this name"))?;
        let expires_at =
            device.expiry_of(credential.jti).filter(|_| device.thumbprint == credential.thumbprint);
        let Some(expires_at) = expires_at else {
            return Err(refused("the device was enrolled again; this certificate is no longer valid"));
        };
        if expires_at.saturating_add(self.config.leeway_s).saturating_mul(1000) <= self.now_ms {
            return Err(refused("the device's certificate has expired"));
        }
        // The connection is refused before any write to the database, because two agents with the same identity
        // reconnect continuously.
        if yields && self.has_live_connection(&device) {
            return Err(Code::DeviceConnected.into());
        }
        if self.row("SELECT 1 FROM connection_nonces WHERE nonce = ?1", &[session.into()])?.is_some() {
            return Err(refused("the device's proof was already used for another connection"));
        }
        self.run(
            "INSERT INTO connection_nonces (nonce, at_ms) VALUES (?1, ?2)",
            &[session.into(), self.now_ms.into()],
        )?;
        self.close_agent(&device, close::REPLACED, "replaced");
        if device.online {
            self.end_connection(&device, self.sign_of_life(&device))?;
        }
        self.run(
            "UPDATE devices SET session = ?2, hello = 0, answering = 1, last_seen_ms = ?3, jwk = coalesce(jwk, ?4)
             WHERE name = ?1",
            &[name.as_str().into(), session.into(), self.now_ms.into(), credential.jwk.into()],
        )?;
        Ok(())
    }

    /// Returns the device if `session` is the nonce of the device's current connection.
    pub(crate) fn current(&self, name: &Name, session: &str) -> Result<Option<Device>, StoreError> {
        Ok(self.device(name)?.filter(|device| device.session.as_deref() == Some(session)))
    }

    pub(crate) fn disconnect(&mut self, name: &Name, session: &str) -> Result<(), StoreError> {
        match self.current(name, session)? {
            Some(device) => self.end_connection(&device, Some(self.now_ms)),
            None => Ok(()),
        }
    }

    pub(crate) fn handle_agent_message(
        &mut self,
        name: &Name,
        session: &str,
        message: FromAgent,
    ) -> Result<(), StoreError> {
        let Some(mut device) = self.current(name, session)? else { return Ok(()) };
        if !device.answering {
            self.set_answering(&mut device, true)?;
        }
        match message {
            FromAgent::Hello { version, lines, outcomes, machine, warnings, rules } => {
                let about = About { version: &version, machine, warnings: &warnings, rules };
                self.hello(device, about, &lines, &outcomes)
            }
            FromAgent::Time { .. } | FromAgent::Renew { .. } => Ok(()),
            _ if !device.hello => self.audit_odd(name.as_str(), "message_before_hello"),
            FromAgent::Result(report) => self.take_report(name, &report, Provenance::Live),
            FromAgent::Event { line, level, at_ms, ends_in_ms, blinking, reading } => {
                let at_ms = at_ms.min(self.now_ms);
                self.line_event(name, &line, Report::new(level, ends_in_ms, blinking, at_ms), at_ms)?;
                reading.map_or(Ok(()), |jwt| self.publish_reading(name, &line, jwt))
            }
            FromAgent::Reading { question, jwt, code } => {
                self.take_reading(name, question, jwt, code.as_deref())
            }
            FromAgent::Challenge { question, challenge, boot } => {
                self.take_challenge(name, question, challenge, boot)
            }
            FromAgent::Press { line, long, at_ms } => self.line_press(name, &line, long, at_ms),
            FromAgent::LeftOut { line, count } => self.left_out(name, &line, count),
            FromAgent::Rules { first, rules } => self.take_rules(name, first, rules),
            FromAgent::RuleRun(run) => self.take_rule_run(name, &run),
        }
    }

    fn line_event(
        &mut self,
        device: &Name,
        line: &Name,
        report: Report,
        at_ms: u64,
    ) -> Result<(), StoreError> {
        let Some(line) = self.line(device, line)? else {
            return self.audit_odd(device.as_str(), "event_on_unknown_line");
        };
        if report.level.is_some_and(|level| !line.kind.admits(&level)) {
            return self.audit_odd(device.as_str(), "level_of_another_kind");
        }
        self.admit_level(device, line, report, at_ms)
    }

    /// Counts events that the agent has left out.
    fn left_out(&mut self, device: &Name, line: &Name, count: u32) -> Result<(), StoreError> {
        match self.line(device, line)? {
            Some(line) => self.count_dropped(device, &line.name, count.into()),
            None => self.audit_odd(device.as_str(), "event_on_unknown_line"),
        }
    }

    /// Sends the press of a contact to the open panels. The database stores only the level of the contact, not the
    /// press.
    fn line_press(&mut self, device: &Name, line: &Name, long: bool, at_ms: u64) -> Result<(), StoreError> {
        match self.line(device, line)? {
            Some(line) if line.kind == LineKind::Contact => {
                if !self.admit_event(device, &line.name, None)? {
                    return Ok(());
                }
                let at_ms = at_ms.min(self.now_ms);
                self.effects.push(Effect::Press(Press {
                    at_ms,
                    device: device.clone(),
                    line: line.name,
                    long,
                }));
                Ok(())
            }
            Some(_) => self.audit_odd(device.as_str(), "press_of_another_kind"),
            None => self.audit_odd(device.as_str(), "press_on_unknown_line"),
        }
    }

    /// Handles the `hello` message of a device in three steps. First, the site handles the reports on commands from the
    /// previous connection, because a report can change a desired level. Second, the site stores the GPIO lines of the
    /// device. Third, the site sends a command for each GPIO line whose reported level differs from its desired level.
    fn hello(
        &mut self,
        mut device: Device,
        About { version, machine, warnings, rules }: About<'_>,
        infos: &[LineInfo],
        reports: &[Outcome],
    ) -> Result<(), StoreError> {
        let infos = infos.iter().map(with_visible_unit).collect::<Vec<_>>();
        let infos = infos.as_slice();
        let too_often = !self.links.memory().events.admit_hello(&device.name, self.now_ms);
        if let Some(reason) = too_often.then_some("hello_too_often").or_else(|| fault_of(infos)) {
            self.audit_odd(device.name.as_str(), reason)?;
            self.end_connection(&device, Some(self.now_ms))?;
            self.close_agent(&device, close::HELLO_REFUSED, reason);
            return Ok(());
        }
        for report in reports {
            self.take_report(&device.name, report, Provenance::InHello)?;
        }
        // The sequence number is computed before GPIO lines are deleted, because a deleted row can contain the highest
        // sequence number.
        let seq = self.next_seq()?;
        self.drop_waiting_levels(&device.name)?;
        let lines = self.replace_lines(&device.name, infos)?;
        let version: String = version.chars().filter(char::is_ascii_graphic).take(MAX_VERSION).collect();
        let since = |up_s: u64| self.now_ms.saturating_sub(up_s.saturating_mul(1_000));
        let booted_ms = machine.up_s.map(since);
        let agent_started_ms = machine.agent_up_s.map(since);
        let clock_ahead_ms = machine.clock_ahead_ms.map(|ms| ms.clamp(-MAX_EXACT, MAX_EXACT));
        let warnings = warnings.iter().filter(|code| warning::is_code(code)).take(warning::MAX_CODES);
        let warnings = warnings.map(String::as_str).collect::<Vec<_>>().join(" ");
        let warnings = Some(warnings).filter(|codes| !codes.is_empty());
        self.run(
            "UPDATE devices SET hello = 1, online = 1, version = ?2, last_seen_ms = ?3, seq = ?4, booted_ms = ?5, \
             clock_ahead_ms = ?6, agent_started_ms = ?7, warnings = ?8, rules = iif(json_array_length(rules) <= ?9, rules, NULL) \
             WHERE name = ?1",
            &[
                device.name.as_str().into(),
                version.as_str().into(),
                self.now_ms.into(),
                seq.into(),
                booted_ms.into(),
                clock_ahead_ms.into(),
                agent_started_ms.into(),
                warnings.as_deref().into(),
                rules.into(),
            ],
        )?;
        device.hello = true;
        device.version = Some(version);
        device.booted_ms = booted_ms;
        device.clock_ahead_ms = clock_ahead_ms;
        device.agent_started_ms = agent_started_ms;
        device.warnings = warnings;
        device.last_seen_ms = Some(self.now_ms);
        let view = self.device_view(&device, &lines);
        self.publish(seq, Change::Device { device: Box::new(view) });
        let Some(session) = self.present(&device) else { return Ok(()) };
        for line in &lines {
            if let Some(desired) = line.desired
                && line.reported != Some(desired)
            {
                self.reconcile(&device.name, session, &line.name, desired)?;
            }
        }
        Ok(())
    }
}

/// Returns the description of a line without direction marks in its unit. If a unit consists only of such marks, the
/// line has no unit. A unit with such marks must not disconnect the device, because earlier agents accept it.
fn with_visible_unit(info: &LineInfo) -> LineInfo {
    let visible = info.unit.as_deref().map(visible_unit);
    let unit = visible.filter(|unit| !unit.is_empty() || info.unit.as_deref() == Some(""));
    LineInfo { unit, ..info.clone() }
}

/// Returns the reason for refusing a `hello` message as a stable code, or `None` if the message is valid.
fn fault_of(infos: &[LineInfo]) -> Option<&'static str> {
    if infos.len() > MAX_LINES {
        return Some("hello_too_many_lines");
    }
    let mut names = HashSet::new();
    if !infos.iter().all(|info| names.insert(&info.name)) {
        return Some("hello_duplicate_line");
    }
    let fits =
        |info: &LineInfo| [info.level, info.desired].iter().flatten().all(|level| info.kind.admits(level));
    if !infos.iter().all(fits) {
        return Some("hello_level_of_another_kind");
    }
    let measures = |info: &LineInfo| {
        info.unit.as_deref().is_none_or(is_unit)
            && info.precision.is_none_or(|digits| digits <= MAX_PRECISION)
    };
    (!infos.iter().all(measures)).then_some("hello_unit")
}
