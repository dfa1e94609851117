//! Ends commands, with or without a report from the device. Each command is answered once. A later report can change
//! the stored result of a command, but not an answer that was already sent.

use pinlatch_protocol::agent::{Outcome, is_statement};
use pinlatch_protocol::command::{CommandStatus, LastCommand, SenderKind};
use pinlatch_protocol::line::{Action, Level, LineKind};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::panel::ToPanel;
use pinlatch_protocol::problem::{Code, Problem};

use crate::audit::{Actor, CommandDetails};
use crate::database::rows::Columns as _;
use crate::database::store::StoreError;
use crate::devices::command::{Command, GRACE_MS};
use crate::devices::device::Device;
use crate::devices::lines::{Line, LineUpdate, level_text};
use crate::interface::event::Effect;
use crate::report::Report;
use crate::site::Site;

/// Whether the level in a device's report is current.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provenance {
    /// The level in the report is the current level of the GPIO line.
    Live,
    /// The report is part of a `hello` message. The levels of the GPIO lines in the same `hello` message are newer.
    InHello,
}

impl Site<'_> {
    /// Handles a device's report on a command. If the report matches no command of the device, the audit log records an
    /// invalid message. If the command has already ended, the report is ignored as a repetition. However, a report can
    /// still replace the stored status `unknown`.
    pub(crate) fn take_report(
        &mut self,
        device: &Name,
        report: &Outcome,
        provenance: Provenance,
    ) -> Result<(), StoreError> {
        let Some(mut command) = self.reported_command(device, &report.id)? else {
            return self.audit_odd(device.as_str(), "report_on_no_command");
        };
        let code = match report.status {
            CommandStatus::Executed => None,
            CommandStatus::Refused => Some(Problem::refused(report.code.as_deref().unwrap_or_default()).code),
            CommandStatus::Expired => Some(Code::DeadlinePassed.as_str().into()),
            _ => return self.audit_odd(device.as_str(), "report_without_outcome"),
        };
        let receipt = report.receipt.as_deref().filter(|receipt| is_statement(receipt));
        if receipt.is_none() && report.receipt.is_some() {
            self.audit_odd(device.as_str(), "no_receipt")?;
        }
        let amends = match command.status {
            CommandStatus::Accepted | CommandStatus::Delivered => false,
            CommandStatus::Unknown => true,
            _ => return self.take_late_receipt(device, &command, receipt),
        };
        command.receipt = receipt.map(Into::into);
        let line = self.line(device, &command.line)?;
        let level = match (&line, report.level) {
            (Some(line), Some(level)) if line.kind.admits(&level) => Some(level),
            (Some(_), Some(_)) => {
                self.audit_odd(device.as_str(), "level_of_another_kind")?;
                None
            }
            _ => None,
        };
        (command.status, command.code, command.level) = (report.status, code, level);
        self.end_command(&command, line.as_ref().map(|line| line.kind), amends)?;
        if let Some(line) = line {
            let desired = self.desired_after(&command, &line, level, amends)?;
            let last = self.last_after(&command, &line, amends, provenance)?;
            let live = level
                .filter(|_| provenance == Provenance::Live)
                .map(|level| Report::new(Some(level), report.ends_in_ms, report.blinking, self.now_ms));
            let reported = self.live_report(device, &line, live);
            let update = LineUpdate { report: reported, desired, last, at_ms: self.now_ms };
            self.change_line(device, line, update)?;
        }
        Ok(())
    }

    /// Returns the state of a line after an action whose report contains the present state, or no state.
    pub(crate) fn live_report(&self, device: &Name, line: &Line, live: Option<Report>) -> Report {
        let live = live.map(|live| live.after_outcome(line.report()));
        // If an earlier level of the line waits to be published, the level of the report takes its place.
        let waits = |live| self.links.memory().events.replace(device, &line.name, (live, self.now_ms));
        live.filter(|live| !waits(*live)).unwrap_or(line.report())
    }

    /// Stores the receipt of a command that has already ended. The agent reports an outcome first in its `hello` message,
    /// without the receipt. The audit entry of the command never changes, so the receipt has an entry of its own.
    fn take_late_receipt(
        &mut self,
        device: &Name,
        command: &Command,
        receipt: Option<&str>,
    ) -> Result<(), StoreError> {
        let Some(receipt) = receipt.filter(|_| command.receipt.is_none()) else { return Ok(()) };
        self.run("UPDATE commands SET receipt = ?2 WHERE seq = ?1", &[command.seq.into(), receipt.into()])?;
        let name = format!("device:{device}");
        let actor = Actor { name: &name, jti: None };
        let details = CommandDetails { receipt: Some(receipt), ..CommandDetails::default() };
        self.audit_command(actor, "receipt", &command.target(), outcome_word(command), details)
    }

    /// Returns the last executed command of a GPIO line after a command. If a later command or rule has changed the GPIO
    /// line, a late report does not change the last command.
    fn last_after(
        &self,
        command: &Command,
        line: &Line,
        amends: bool,
        provenance: Provenance,
    ) -> Result<Option<LastCommand>, StoreError> {
        let is_executed = command.status == CommandStatus::Executed;
        if !is_executed || (amends && self.is_outdated(command, line)?) {
            return Ok(line.last.clone());
        }
        // A report that comes late is about the time at which the site sent the command.
        let is_late = amends || provenance == Provenance::InHello;
        let at_ms = if is_late { command.accepted_ms } else { self.now_ms };
        self.last_command(command, at_ms).map(Some)
    }

    /// Returns the desired level of a GPIO line after a command. If the GPIO line has `retain`, the desired level is
    /// the level of an executed `set` or the result of an executed `toggle`. If a later command on the GPIO line was
    /// executed, a late report does not change the desired level.
    fn desired_after(
        &self,
        command: &Command,
        line: &Line,
        level: Option<Level>,
        amends: bool,
    ) -> Result<Option<Level>, StoreError> {
        if command.status != CommandStatus::Executed || !line.retain {
            return Ok(line.desired);
        }
        let args = serde_json::from_str(&command.args).unwrap_or_default();
        let desired = match Action::parse(line.kind, &command.action, &args) {
            Ok(Action::Set { level: desired, .. }) => Some(desired),
            Ok(Action::Toggle) => level,
            _ => None,
        };
        if desired.is_none() || (amends && self.is_outdated(command, line)?) {
            return Ok(line.desired);
        }
        Ok(desired)
    }

    /// Returns whether a later command or a rule has changed the line since a command.
    fn is_outdated(&self, command: &Command, line: &Line) -> Result<bool, StoreError> {
        let by_rule = line.last.as_ref().filter(|last| last.by.kind == SenderKind::Rule);
        if by_rule.is_some_and(|last| last.at_ms > command.accepted_ms) {
            return Ok(true);
        }
        let row = self.row(
            "SELECT 1 FROM commands WHERE seq > ?1 AND device = ?2 AND line = ?3 AND status = 'executed' LIMIT 1",
            &[command.seq.into(), command.device.as_str().into(), command.line.as_str().into()],
        )?;
        Ok(row.is_some())
    }

    fn reported_command(&self, device: &Name, jti: &str) -> Result<Option<Command>, StoreError> {
        let Some(seq) = jti.strip_prefix('c').and_then(|digits| digits.parse::<u64>().ok()) else {
            return Ok(None);
        };
        let sql = format!("SELECT {} FROM commands WHERE seq = ?1 AND device = ?2", Command::LIST);
        self.row(&sql, &[seq.into(), device.as_str().into()])?.as_ref().map(Command::read).transpose()
    }

    /// Sets the status of commands without a report to `unknown` after the waiting time has ended. A device can have
    /// executed a command with the status `unknown`.
    pub(crate) fn give_up_silent_commands(&mut self) -> Result<(), StoreError> {
        let sql = format!(
            "SELECT {} FROM commands WHERE status = 'delivered' AND deadline_ms <= ?1",
            Command::LIST
        );
        let rows = self.run(&sql, &[self.now_ms.saturating_sub(GRACE_MS).into()])?;
        for row in &rows {
            let mut command = Command::read(row)?;
            command.status = CommandStatus::Unknown;
            command.code = Some(Code::OutcomeUnknown.as_str().into());
            let line = self.line(&command.device, &command.line)?;
            self.end_command(&command, line.map(|line| line.kind), false)?;
            self.notice_silence(&command)?;
        }
        Ok(())
    }

    /// Stores that a device does not answer, after a command without an outcome. If the device has shown a sign of life
    /// after the deadline of the command, or has connected again, only the outcome is missing.
    fn notice_silence(&mut self, command: &Command) -> Result<(), StoreError> {
        let Some(mut device) = self.device(&command.device)?.filter(|device| device.answering) else {
            return Ok(());
        };
        let is_newer = |device: &Device| device.last_seen_ms.is_some_and(|at_ms| at_ms > command.accepted_ms);
        let was_alive = self.sign_of_life(&device).is_some_and(|at_ms| at_ms > command.deadline_ms);
        if self.present(&device).is_none() || is_newer(&device) || was_alive {
            return Ok(());
        }
        self.set_answering(&mut device, false)
    }

    /// Stores the result of a command, and answers all callers that wait for the result. If the callers were already
    /// answered, this function sends no second answer.
    fn end_command(
        &mut self,
        command: &Command,
        kind: Option<LineKind>,
        amends: bool,
    ) -> Result<(), StoreError> {
        self.run(
            "UPDATE commands SET status = ?2, code = ?3, level = ?4, receipt = ?5 WHERE seq = ?1",
            &[
                command.seq.into(),
                command.status.as_str().into(),
                command.code.as_deref().into(),
                level_text(command.level),
                command.receipt.as_deref().into(),
            ],
        )?;
        let word = outcome_word(command);
        let word = if amends { format!("amended_{word}") } else { word.to_owned() };
        let actor = Actor { name: &command.actor, jti: command.jti.as_deref() };
        let receipt = command.receipt.as_deref();
        let details =
            CommandDetails { kind, args: Some(&command.args), receipt, ..CommandDetails::default() };
        self.audit_command(actor, "command", &command.target(), &word, details)?;
        if amends || command.is_own() {
            return Ok(());
        }
        self.effects.push(Effect::Answer { ticket: command.seq, result: command.answer() });
        for panel in &command.panels {
            let message = ToPanel::Result { result: command.result() };
            self.effects.push(Effect::ToPanel { panel: panel.clone(), message });
        }
        Ok(())
    }

    /// Returns the time at which the site gives up the first command in flight, in milliseconds of Unix time.
    pub(crate) fn next_give_up(&self) -> Result<Option<u64>, StoreError> {
        let row = self.row("SELECT min(deadline_ms) FROM commands WHERE status = 'delivered'", &[])?;
        let deadline_ms = row.map(|row| row.opt_uint(0)).transpose()?.flatten();
        Ok(deadline_ms.map(|deadline_ms| deadline_ms.saturating_add(GRACE_MS)))
    }
}

/// Returns the outcome of a command for the audit log: the status, or the reason for a refusal.
fn outcome_word(command: &Command) -> &str {
    match (command.status, command.code.as_deref()) {
        (CommandStatus::Refused, Some(code)) => code,
        (status, _) => status.as_str(),
    }
}
