//! Records what the rules of devices did, and stores the descriptions of the rules. The devices run their rules
//! themselves, so the site only records.

use pinlatch_protocol::api::DeviceRules;
use pinlatch_protocol::command::{CommandStatus, LastCommand, Sender, SenderKind};
use pinlatch_protocol::line::Action;
use pinlatch_protocol::name::Name;
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_protocol::rule::{MAX_RULES, RuleInfo, RuleRun, is_boot};

use crate::audit::{Actor, CommandDetails, RunNumber};
use crate::database::store::{MAX_EXACT, StoreError};
use crate::devices::command::{canonical, target};
use crate::devices::lines::LineUpdate;
use crate::interface::failure::Failure;
use crate::interface::principal::Principal;
use crate::report::Report;
use crate::site::Site;

/// The maximum number of runs of an agent whose reports the site distinguishes. A device that loses its power often can
/// send reports of several runs at once.
const MAX_BOOTS: usize = 64;

impl Site<'_> {
    /// Records a report about a rule, unless the site has already recorded it. Reports beyond the limit are not recorded.
    /// The next recorded report then shows how many are missing.
    pub(crate) fn take_rule_run(&mut self, device: &Name, run: &RuleRun) -> Result<(), StoreError> {
        if !is_boot(&run.boot) || !(1..=MAX_EXACT.unsigned_abs()).contains(&run.n) {
            return self.audit_odd(device.as_str(), "rule_run_number");
        }
        let mut recorded = self.recorded_runs(device)?;
        let known = recorded.iter().position(|(boot, _)| *boot == run.boot);
        let last = known.and_then(|index| recorded.get(index)).map_or(0, |(_, n)| *n);
        if run.n <= last || !self.links.memory().events.admit_run(device, self.now_ms) {
            return Ok(());
        }
        let missing = run.n - last - 1;
        if missing > 0 {
            let name = format!("device:{device}");
            let actor = Actor { name: &name, jti: None };
            self.audit(actor, "rules_dropped", device.as_str(), &missing.to_string())?;
        }
        match known.and_then(|index| recorded.get_mut(index)) {
            Some((_, n)) => *n = run.n,
            None => recorded.push((run.boot.clone(), run.n)),
        }
        recorded.drain(..recorded.len().saturating_sub(MAX_BOOTS));
        self.run(
            "UPDATE devices SET rule_runs = ?2 WHERE name = ?1",
            &[device.as_str().into(), serde_json::to_string(&recorded).ok().into()],
        )?;
        self.record_run(device, run)
    }

    /// Returns the number of the last recorded report for each run of the agent, with the newest run at the end.
    fn recorded_runs(&self, device: &Name) -> Result<Vec<(String, u64)>, StoreError> {
        let row = self.row("SELECT rule_runs FROM devices WHERE name = ?1", &[device.as_str().into()])?;
        let text = row.as_ref().map(|row| row.opt_text(0)).transpose()?.flatten();
        Ok(text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default())
    }

    fn record_run(&mut self, device: &Name, run: &RuleRun) -> Result<(), StoreError> {
        let line = self.line(device, &run.line)?;
        let kind = line.as_ref().map(|line| line.kind);
        // The arguments are only stored if they are valid, so their length is limited.
        let action = kind.and_then(|kind| Action::parse(kind, &run.action, &run.args).ok());
        let args = action.map(|action| action.args());
        let args_text = args.as_ref().map(canonical);
        let happened_ms = run.at_ms.map(|at_ms| at_ms.min(self.now_ms));
        let outcome = match run.code.as_deref() {
            None => CommandStatus::Executed.as_str().to_owned(),
            Some(code) => Problem::refused(code).code,
        };
        let actor = format!("rule:{}", run.rule);
        let number = RunNumber { boot: &run.boot, n: run.n, happened_ms };
        let details = CommandDetails {
            kind,
            args: args_text.as_deref(),
            run: Some(number),
            ..CommandDetails::default()
        };
        let target = target(device, &run.line, &run.action);
        self.audit_command(Actor { name: &actor, jti: None }, "rule", &target, &outcome, details)?;
        let (Some(line), Some(args), None) = (line, args, &run.code) else { return Ok(()) };
        let live = run.level.filter(|level| line.kind.admits(level));
        let desired = run.desired.filter(|desired| line.retain && line.kind.admits(desired)).or(line.desired);
        // The report contains the level only if the rule has just run.
        let happened_ms = if live.is_some() { Some(self.now_ms) } else { happened_ms };
        // Reports can come late, when a later command has already changed the line.
        let is_newest = |at_ms: &u64| line.last.as_ref().is_none_or(|last| last.at_ms <= *at_ms);
        let last = happened_ms.filter(is_newest).map(|at_ms| LastCommand {
            by: Sender { kind: SenderKind::Rule, name: run.rule.to_string() },
            action: run.action.clone(),
            args,
            at_ms,
        });
        let last = last.or_else(|| line.last.clone());
        let live = live.map(|level| Report::new(Some(level), run.ends_in_ms, run.blinking, self.now_ms));
        let report = self.live_report(device, &line, live);
        self.change_line(device, line, LineUpdate { report, desired, last, at_ms: self.now_ms })
    }

    /// Stores the descriptions of rules that follow a `hello` message. `first` is the number of rules before them.
    pub(crate) fn take_rules(
        &self,
        device: &Name,
        first: u32,
        rules: Vec<RuleInfo>,
    ) -> Result<(), StoreError> {
        let mut stored = self.stored_rules(device)?.unwrap_or_default().rules;
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        let end = first.saturating_add(rules.len());
        if stored.len() < first || end > MAX_RULES {
            return self.audit_odd(device.as_str(), "too_many_rules");
        }
        // Only changed rules are written, because a device with a bad connection connects often.
        if stored.get(first..end) == Some(rules.as_slice()) {
            return Ok(());
        }
        stored.truncate(first);
        stored.extend(rules);
        self.run(
            "UPDATE devices SET rules = ?2 WHERE name = ?1",
            &[device.as_str().into(), serde_json::to_string(&stored).ok().into()],
        )?;
        Ok(())
    }

    /// Returns the rules of a device, or `None` if there is no such device.
    fn stored_rules(&self, device: &Name) -> Result<Option<DeviceRules>, StoreError> {
        let row = self.row("SELECT rules FROM devices WHERE name = ?1", &[device.as_str().into()])?;
        let Some(row) = row else { return Ok(None) };
        let rules = row.opt_text(0)?.and_then(|rules| serde_json::from_str(rules).ok()).unwrap_or_default();
        Ok(Some(DeviceRules { rules }))
    }

    /// Returns the rules of a device. A rule names lines, so the caller must be allowed to read all lines of the device,
    /// or to manage devices.
    pub(crate) fn device_rules(&self, principal: &Principal, name: &Name) -> Result<DeviceRules, Failure> {
        let rights = self.rights(principal)?;
        if !rights.knows_device(name) {
            return Err(Code::UnknownDevice.into());
        }
        let rules = self.stored_rules(name)?.ok_or(Code::UnknownDevice)?;
        if rights.sees_machine(name) {
            return Ok(rules);
        }
        let text = format!("the request requires the scope line:{name}/*:read");
        Err(Problem::new(Code::InsufficientScope).detail(text).into())
    }
}
