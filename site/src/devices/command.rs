//! Accepts commands. This module checks permissions and repeated command ids, and stores each command before the
//! command is sent.
//!
//! The checks have a fixed order: permissions, repeated command id, action, presence of the device, deadline, and the
//! shares of the caller. If a check fails, the command is not stored, so the caller can use the same command id
//! again.

use std::collections::BTreeMap;

use pinlatch_protocol::command::{
    CommandRequest, CommandResult, CommandStatus, DEFAULT_DEADLINE_MS, MAX_COMMAND_ID, SignedCall,
    bad_deadline, is_command_id, is_deadline,
};
use pinlatch_protocol::line::{Action, ActionError, Level};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::problem::{Code, Problem};
use serde_json::{Map, Value as Json};

use crate::audit::CommandDetails;
use crate::database::rows::{Columns as _, columns};
use crate::database::store::StoreError;
use crate::interface::event::{CommandOrder, Effect};
use crate::interface::failure::Failure;
use crate::interface::principal::Principal;
use crate::site::Site;

/// How long a command and its id are stored, in milliseconds.
pub const KEEP_COMMANDS_MS: u64 = 24 * 3_600_000;

/// How long the site waits for a device's report after the deadline of a command, in milliseconds. The device can run
/// the command just before the deadline, and the report needs time to arrive.
pub const GRACE_MS: u64 = 1_000;

/// The maximum number of panel WebSockets that wait for the result of one command. In addition to the WebSocket that
/// sent the command, later WebSockets of the same caller can wait.
const MAX_PANELS: usize = 8;

/// The issuer of commands that the site itself creates. No token can have the issuer `urn:pinlatch:site`.
const OWN_ISSUER: &str = "urn:pinlatch:site";

/// The subject of the site's own commands, which restore desired levels.
const RECONCILE: &str = "site:reconcile";

/// A row of the table `commands`.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    pub seq: i64,
    pub iss: String,
    pub id: String,
    pub actor: String,
    pub jti: Option<String>,
    pub device: Name,
    pub line: Name,
    pub action: String,
    /// The arguments of the action, in canonical JSON.
    pub args: String,
    pub status: CommandStatus,
    pub code: Option<String>,
    pub level: Option<Level>,
    pub accepted_ms: u64,
    pub deadline_ms: u64,
    /// The ids of the panel WebSockets that wait for the result of the command.
    pub panels: Vec<String>,
    /// The device's receipt for the command.
    pub receipt: Option<String>,
}

/// The state of a command that a caller has requested.
pub(crate) enum CommandProgress {
    /// The command has no result yet. The site sends the answer later, as an effect.
    InFlight {
        ticket: i64,
    },
    Ended(Box<Command>),
}

columns!(Command {
    seq,
    iss,
    id,
    actor,
    jti,
    device,
    line,
    action,
    args,
    status,
    code,
    level,
    accepted_ms,
    deadline_ms,
    panels,
    receipt,
});

impl Command {
    /// Returns whether the site itself created the command. No caller waits for the site's own commands.
    pub fn is_own(&self) -> bool {
        self.iss == OWN_ISSUER
    }

    /// Returns the target of the command for the audit log: device, GPIO line and action.
    pub fn target(&self) -> String {
        target(&self.device, &self.line, &self.action)
    }

    pub fn result(&self) -> CommandResult {
        CommandResult {
            id: self.id.clone(),
            device: self.device.clone(),
            line: self.line.clone(),
            action: self.action.clone(),
            status: self.status,
            code: self.code.clone(),
            level: self.level,
            receipt: self.receipt.clone(),
        }
    }

    /// Returns the answer to the caller of the command.
    pub fn answer(&self) -> Result<CommandResult, Problem> {
        let problem = match self.status {
            CommandStatus::Executed => return Ok(self.result()),
            CommandStatus::Refused => Problem::refused(self.code.as_deref().unwrap_or_default()),
            CommandStatus::Expired => Code::DeadlinePassed.into(),
            CommandStatus::Accepted | CommandStatus::Delivered | CommandStatus::Unknown => {
                Code::OutcomeUnknown.into()
            }
        };
        Err(problem.about(&self.id))
    }
}

/// The sender of a command. The fields are the column values that differ between callers' commands and the site's own
/// commands.
struct Origin<'a> {
    iss: &'a str,
    sub: &'a str,
    id: &'a str,
    actor: &'a str,
    jti: Option<&'a str>,
    /// The person or external issuer with whom the command counts.
    root: Option<&'a str>,
    panel: Option<&'a str>,
    /// The holder's call that the command carries.
    call: Option<&'a SignedCall>,
}

impl Site<'_> {
    /// Accepts a new command, or returns the stored command with the same id. If the command id is valid, every
    /// returned problem contains the command id.
    pub(crate) fn command(
        &mut self,
        principal: &Principal,
        request: &CommandRequest,
        panel: Option<&str>,
    ) -> Result<CommandProgress, Failure> {
        if !is_command_id(&request.id) {
            let rule = format!("a command id must have 1 to {MAX_COMMAND_ID} visible ASCII characters");
            let problem = Problem::new(Code::InvalidRequest).detail(rule);
            return self.rights(principal).and(Err(problem.into()));
        }
        self.accept(principal, request, panel).map_err(|failure| match failure {
            Failure::Problem(problem) => problem.about(&request.id).into(),
            fault @ Failure::Store(_) => fault,
        })
    }

    fn accept(
        &mut self,
        principal: &Principal,
        request: &CommandRequest,
        panel: Option<&str>,
    ) -> Result<CommandProgress, Failure> {
        self.may_operate(principal, request)?;
        let patience_ms = request.deadline_ms.unwrap_or(DEFAULT_DEADLINE_MS);
        if !is_deadline(patience_ms) {
            return Err(bad_deadline().into());
        }
        if request.call.as_ref().is_some_and(|call| !call.is_well_formed()) {
            let text = "the call and the grant of a holder must be signed tokens of at most 2,048 bytes";
            return Err(Problem::new(Code::InvalidArguments).detail(text).into());
        }
        let args = canonical(&request.args);
        if let Some(known) = self.find_command(&principal.iss, &principal.sub, &request.id)? {
            if self.now_ms < known.accepted_ms.saturating_add(KEEP_COMMANDS_MS) {
                return self.repeat(known, request, &args, panel);
            }
            self.release_id(&known)?;
        }
        let device = self.device(&request.device)?.ok_or(Code::UnknownDevice)?;
        let line = self.line(&request.device, &request.line)?.ok_or(Code::UnknownLine)?;
        let action = Action::parse(line.kind, &request.action, &request.args).map_err(unsuitable)?;
        let target = target(&request.device, &request.line, &request.action);
        let args_text = canonical(&action.args());
        let details =
            CommandDetails { kind: Some(line.kind), args: Some(&args_text), ..CommandDetails::default() };
        let Some(session) = self.present(&device) else {
            self.audit_refused_command(principal, &target, Code::DeviceOffline, details)?;
            return Err(Code::DeviceOffline.into());
        };
        let (share, counted) = (self.share_of(principal)?, self.counted(principal)?);
        self.require_place(principal, &share, &counted, &request.device)?;
        let next_ms = self.require_rate(&share, &counted)?;
        self.use_token(principal, &target, details)?;
        self.count_command(&counted, next_ms)?;
        let actor = principal.actor();
        let origin = Origin {
            iss: &principal.iss,
            sub: &principal.sub,
            id: &request.id,
            actor: &actor,
            jti: Some(&principal.jti),
            root: Some(&counted.root),
            panel,
            call: request.call.as_ref(),
        };
        let ticket = self.order(&request.device, session, &request.line, action, patience_ms, &origin)?;
        Ok(CommandProgress::InFlight { ticket })
    }

    /// Requires that the caller has the right to run the action on the GPIO line. A refusal is written to the audit
    /// log. [`Site::may_read`] defines the information that a refusal can reveal.
    fn may_operate(&self, principal: &Principal, request: &CommandRequest) -> Result<(), Failure> {
        let rights = self.rights(principal)?;
        let (device, line, verb) = (&request.device, &request.line, clip(&request.action));
        if rights.scope.allows_line(device, line, &verb) {
            return Ok(());
        }
        let known = self.line(device, line)?;
        let code = match self.may_read(&rights, device, line) {
            Ok(()) if known.is_none() => Code::UnknownLine,
            Ok(()) => Code::InsufficientScope,
            Err(Failure::Problem(problem)) if problem.is(Code::UnknownDevice) => Code::UnknownDevice,
            Err(Failure::Problem(_)) => Code::InsufficientScope,
            Err(fault) => return Err(fault),
        };
        // The arguments are only stored if they are valid, so their length is limited.
        let kind = known.map(|line| line.kind);
        let action = kind.and_then(|kind| Action::parse(kind, &request.action, &request.args).ok());
        let args = action.map(|action| canonical(&action.args()));
        let details = CommandDetails { kind, args: args.as_deref(), ..CommandDetails::default() };
        self.audit_refused_command(principal, &target(device, line, &verb), code, details)?;
        let problem = Problem::new(code);
        Err(if code == Code::InsufficientScope {
            problem.detail(format!("the request requires the scope line:{device}/{line}:{verb}")).into()
        } else {
            problem.into()
        })
    }

    /// Handles a command whose id was already used. This function returns the first result, or lets the caller wait for
    /// the first result.
    fn repeat(
        &mut self,
        mut known: Command,
        request: &CommandRequest,
        args: &str,
        panel: Option<&str>,
    ) -> Result<CommandProgress, Failure> {
        let same = known.device == request.device
            && known.line == request.line
            && known.action == request.action
            && known.args == args;
        if !same {
            return Err(Code::IdConflict.into());
        }
        if known.status.is_final() {
            return Ok(CommandProgress::Ended(Box::new(known)));
        }
        if let Some(panel) = panel
            && known.panels.iter().all(|own| own != panel)
        {
            if known.panels.len() >= MAX_PANELS {
                return Err(Problem::new(Code::Throttled).retry_after(1).into());
            }
            known.panels.push(panel.into());
            self.run(
                "UPDATE commands SET panels = ?2 WHERE seq = ?1",
                &[known.seq.into(), Json::from(known.panels).to_string().into()],
            )?;
        }
        Ok(CommandProgress::InFlight { ticket: known.seq })
    }

    /// Stores a command in the database, and then adds the effect that sends the command to the device.
    fn order(
        &mut self,
        device: &Name,
        session: &str,
        line: &Name,
        action: Action,
        patience_ms: u64,
        origin: &Origin<'_>,
    ) -> Result<i64, StoreError> {
        let deadline_ms = self.now_ms.saturating_add(patience_ms);
        let give_up_ms = deadline_ms.saturating_add(GRACE_MS);
        self.soonest = Some(self.soonest.map_or(give_up_ms, |at_ms| at_ms.min(give_up_ms)));
        let args = action.args();
        let panels: Vec<&str> = origin.panel.into_iter().collect();
        let row = self.row(
            "INSERT INTO commands (iss, sub, id, actor, jti, device, line, action, args, status, accepted_ms,
             deadline_ms, panels, root) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'delivered', ?10, ?11, ?12, ?13)
             RETURNING seq",
            &[
                origin.iss.into(),
                origin.sub.into(),
                origin.id.into(),
                origin.actor.into(),
                origin.jti.into(),
                device.as_str().into(),
                line.as_str().into(),
                action.name().into(),
                canonical(&args).into(),
                self.now_ms.into(),
                deadline_ms.into(),
                Json::from(panels).to_string().into(),
                origin.root.into(),
            ],
        )?;
        let seq = row.ok_or(StoreError::Shape { column: 0, wanted: "the new row" })?.int(0)?;
        let order = CommandOrder {
            jti: format!("c{seq}"),
            sub: origin.sub.into(),
            line: line.clone(),
            action: action.name().into(),
            args,
            deadline_ms,
            call: origin.call.cloned(),
        };
        self.effects.push(Effect::Command { device: device.clone(), session: session.into(), order });
        Ok(seq)
    }

    /// Sends a command that sets a GPIO line to its desired level, at most once per GPIO line and connection. The limit
    /// for callers' commands does not apply, because the site sends at most one restoring command per GPIO line.
    pub(crate) fn reconcile(
        &mut self,
        device: &Name,
        session: &str,
        line: &Name,
        level: Level,
    ) -> Result<(), StoreError> {
        let id = format!("{session}/{line}");
        if self.find_command(OWN_ISSUER, RECONCILE, &id)?.is_some() {
            return Ok(());
        }
        let origin = Origin {
            iss: OWN_ISSUER,
            sub: RECONCILE,
            id: &id,
            actor: RECONCILE,
            jti: None,
            root: None,
            panel: None,
            call: None,
        };
        self.order(device, session, line, Action::set(level), DEFAULT_DEADLINE_MS, &origin)?;
        Ok(())
    }

    /// Returns the status of a command. The caller needs a valid token of the same issuer and subject that sent the
    /// command.
    pub(crate) fn command_status(&self, principal: &Principal, id: &str) -> Result<CommandResult, Failure> {
        self.rights(principal)?;
        let known = self.find_command(&principal.iss, &principal.sub, id)?;
        let known = known.filter(|known| self.now_ms < known.accepted_ms.saturating_add(KEEP_COMMANDS_MS));
        Ok(known.ok_or(Code::UnknownCommand)?.result())
    }

    fn find_command(&self, iss: &str, sub: &str, id: &str) -> Result<Option<Command>, StoreError> {
        let sql = format!("SELECT {} FROM commands WHERE iss = ?1 AND sub = ?2 AND id = ?3", Command::LIST);
        self.row(&sql, &[iss.into(), sub.into(), id.into()])?.as_ref().map(Command::read).transpose()
    }

    /// Releases a command id whose retention time has ended, although the row of the old command still exists. The old
    /// row gets an id that contains a space, because no valid command id contains a space.
    fn release_id(&self, command: &Command) -> Result<(), StoreError> {
        let sql = "UPDATE commands SET id = id || ' ' || seq WHERE seq = ?1";
        self.run(sql, &[command.seq.into()])?;
        Ok(())
    }
}

fn unsuitable(error: ActionError) -> Failure {
    let code = match error {
        ActionError::Unsupported { .. } => Code::ActionUnsupported,
        ActionError::Arguments(_) => Code::InvalidArguments,
    };
    Problem::new(code).detail(error.to_string()).into()
}

/// Serializes the arguments as JSON with sorted members. Two requests with the same arguments therefore have the same
/// JSON text.
pub(crate) fn canonical(args: &Map<String, Json>) -> String {
    let sorted: BTreeMap<&String, &Json> = args.iter().collect();
    serde_json::to_string(&sorted).unwrap_or_default()
}

pub(crate) fn target(device: &Name, line: &Name, action: &str) -> String {
    format!("{device}/{line}:{}", clip(action))
}

/// Returns the name of the requested action, restricted to characters that are safe in the audit log and in a scope.
fn clip(action: &str) -> String {
    action.chars().filter(char::is_ascii_graphic).take(32).collect()
}
