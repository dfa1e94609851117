//! Verifies and executes the commands that arrive on one connection to the edge. The agent verifies every command token
//! (`cmd+jwt`), although the edge has already checked the command.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use base64ct::{Base64UrlUnpadded, Encoding};
use pinlatch_protocol::agent::Outcome;
use pinlatch_protocol::command::{CommandStatus, SignedCall, is_command_id};
use pinlatch_protocol::line::Level;
use pinlatch_protocol::name::Name;
use pinlatch_token::call::call_digest;
use pinlatch_token::command::{self, CommandClaims, Expect};
use pinlatch_token::{KeySet, Refusal};
use serde_json::Value;
use tokio::time::Instant;

use crate::calls::dates::Times;
use crate::calls::{CallRefused, Calls, Verified};
use crate::clock::{EdgeClock, synchronised_ms};
use crate::lines::{Course, Lines, Refused};
use crate::statements::Statements;

/// The number of stored command ids at which the ids of old commands are removed.
const PRUNE_AT: usize = 256;

/// How long a command id is stored after the deadline of the command, and how late a command can be to get a receipt.
/// Otherwise, the edge could send an executed command again and get a receipt that the command was late.
const KEEP_MS: u64 = 60_000;

/// The error code in the answer to a command that arrives while the agent is stopping.
const STOPPING: &str = "refused_stopping";

#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub outcome: Outcome,
    /// Is true if the same command was received before. The command ran only the first time, and this answer repeats
    /// the first outcome.
    pub again: bool,
}

/// The state that is needed to verify the commands of one connection. The edge signs each command for one connection.
/// The agent therefore rejects a command that was signed for an earlier connection.
pub struct Commands {
    site: Name,
    device: Name,
    session: String,
    keys: KeySet,
    statements: Rc<Statements>,
    /// Verifies the calls of holders. The value is `None` if the configuration names no owner.
    calls: Option<Rc<RefCell<Calls>>>,
    /// Maps the id of each verified command to the deadline and the outcome of the command.
    seen: HashMap<String, (u64, Outcome)>,
}

impl Commands {
    /// Creates the state for one connection. `session` is the nonce of this connection.
    pub fn new(site: Name, device: Name, session: String, keys: KeySet, statements: Rc<Statements>) -> Self {
        Self { site, device, session, keys, statements, calls: None, seen: HashMap::new() }
    }

    /// Accepts the calls of holders.
    #[must_use]
    pub fn with_calls(self, calls: Option<Rc<RefCell<Calls>>>) -> Self {
        Self { calls, ..self }
    }

    /// Verifies a command token and immediately runs the command. `boot_ms` returns the milliseconds since boot. If the
    /// token contains no valid command id, the function returns `None`.
    ///
    /// If the same command arrives twice, the agent runs the command only once. The second answer repeats the outcome
    /// of the first answer. The edge therefore gets the correct outcome, regardless of which answer arrives first.
    pub fn handle(
        &mut self,
        jwt: &str,
        signed_call: Option<&SignedCall>,
        lines: &Lines,
        clock: &EdgeClock,
        boot_ms: impl Fn() -> u64,
    ) -> Option<Answer> {
        let fresh = |outcome| Answer { outcome, again: false };
        let (claims, late_ms) = match self.verify(jwt, clock, &boot_ms) {
            Ok(verified) => verified,
            Err(refusal) => return not_accepted(unverified_id(jwt), &refusal).map(fresh),
        };
        if let Some(before) = self.before(&claims.jti) {
            return Some(before);
        }
        let mut is_new = true;
        let mut outcome = match late_ms {
            Some(late_ms) => too_late(&claims, late_ms),
            None if lines.needs_holder(&claims.line) => {
                let (outcome, has_run) = self.run_for_holder(&claims, signed_call, lines, clock, boot_ms());
                is_new = has_run;
                outcome
            }
            None => run(&claims, lines),
        };
        // The output is already set, so a slow signature does not delay it.
        let is_known_long_enough = late_ms.is_none_or(|late_ms| late_ms <= KEEP_MS);
        if is_new && is_known_long_enough && lines.gives_receipts(&claims.line) {
            outcome.receipt = self.statements.receipt(jwt, &claims, &outcome, (clock, boot_ms()));
        }
        self.remember(claims.jti, claims.deadline_ms, &outcome, clock, boot_ms());
        Some(fresh(outcome))
    }

    /// Runs a command on a line that only holders can operate. The edge alone cannot make such a command: the call in it is
    /// signed by the holder, and the grant by the owner. Returns the outcome, and whether it is new. A repeated call gets the
    /// first outcome and no second receipt, because a receipt states what the device did.
    fn run_for_holder(
        &self,
        claims: &CommandClaims,
        signed_call: Option<&SignedCall>,
        lines: &Lines,
        clock: &EdgeClock,
        boot_ms: u64,
    ) -> (Outcome, bool) {
        match self.verify_call(claims, signed_call, clock, boot_ms) {
            Err(refused) => (not_granted(claims, &refused), true),
            Ok((_, _, Some(before))) => (Outcome { id: claims.jti.clone(), ..before }, false),
            Ok((calls, verified, None)) => {
                let outcome = run(claims, lines);
                calls.borrow_mut().ran(&verified, &outcome);
                (outcome, true)
            }
        }
    }

    /// Verifies the call in a command. Returns the call, and its outcome if it has already run.
    fn verify_call(
        &self,
        claims: &CommandClaims,
        signed_call: Option<&SignedCall>,
        clock: &EdgeClock,
        boot_ms: u64,
    ) -> Result<(&RefCell<Calls>, Verified, Option<Outcome>), CallRefused> {
        let (calls, signed) = self.calls.as_deref().zip(signed_call).ok_or(CallRefused::Authority)?;
        if claims.call.as_ref() != Some(&call_digest(&signed.call)) {
            return Err(CallRefused::Authority);
        }
        let edge = Some((clock.earliest_ms(boot_ms), clock.latest_ms(boot_ms)));
        let times = Times { edge, system: synchronised_ms() };
        let verified = calls.borrow_mut().verify(&signed.call, &signed.grant, times, boot_ms)?;
        let call = &verified.call;
        if (&call.line, &call.action, &call.args) != (&claims.line, &claims.action, &claims.args) {
            return Err(CallRefused::Authority);
        }
        let before = calls.borrow_mut().before(&verified)?;
        Ok((calls, verified, before))
    }

    /// Returns the answer to a command that arrives while the agent is stopping. The agent does not run the command.
    /// The function reads the command id without verifying the token, as for every refused command.
    pub fn stopping(&self, jwt: &str) -> Option<Outcome> {
        let id = unverified_id(jwt)?;
        if let Some(Answer { outcome, .. }) = self.before(&id) {
            return Some(outcome);
        }
        tracing::warn!(
            id,
            outcome = "refused",
            code = STOPPING,
            "a command was refused, because the agent is stopping"
        );
        Some(outcome(id, CommandStatus::Refused, Some(STOPPING), None))
    }

    /// Returns the earlier answer if a command with this id was already verified on this connection.
    fn before(&self, id: &str) -> Option<Answer> {
        let (_, outcome) = self.seen.get(id)?;
        tracing::warn!(
            id,
            outcome = "refused",
            code = "refused_replay",
            "a command arrived twice; the agent ran it only once"
        );
        Some(Answer { outcome: outcome.clone(), again: true })
    }

    /// Verifies a command token. Returns the command, and by how many milliseconds it is late.
    fn verify(
        &self,
        jwt: &str,
        clock: &EdgeClock,
        boot_ms: &impl Fn() -> u64,
    ) -> Result<(CommandClaims, Option<u64>), Refusal> {
        let expect = Expect {
            site: &self.site,
            device: &self.device,
            session: &self.session,
            latest_edge_ms: clock.latest_ms(boot_ms()),
        };
        let claims = command::verify_late(jwt, &self.keys, &expect)?;
        // Verifying a signature takes milliseconds on a small board, so the deadline is checked after the verification.
        let late_ms = clock.latest_ms(boot_ms()).checked_sub(claims.deadline_ms);
        Ok((claims, late_ms))
    }

    /// Stores the outcome of a command. A stored command id is removed only after [`KEEP_MS`] since the deadline of the
    /// command have certainly passed.
    fn remember(&mut self, id: String, deadline_ms: u64, outcome: &Outcome, clock: &EdgeClock, boot_ms: u64) {
        if self.seen.len() >= PRUNE_AT {
            let earliest = clock.earliest_ms(boot_ms);
            self.seen.retain(|_, (deadline, _)| deadline.saturating_add(KEEP_MS) >= earliest);
        }
        self.seen.insert(id, (deadline_ms, outcome.repeated()));
    }
}

/// Returns the answer to a command whose token is invalid. The id comes from the unverified token, because the answer
/// only reports that the command did not run. Such an answer has no receipt, because the device does not know who wrote
/// the command.
fn not_accepted(id: Option<String>, refusal: &Refusal) -> Option<Outcome> {
    let shown = id.as_deref().unwrap_or("(none)");
    tracing::warn!(id = shown, outcome = "refused", code = refusal.code(), %refusal, "a command was refused");
    id.map(|id| outcome(id, CommandStatus::Refused, Some("refused_token"), None))
}

fn too_late(claims: &CommandClaims, late_ms: u64) -> Outcome {
    let id = claims.jti.clone();
    tracing::warn!(
        id,
        outcome = "expired",
        late_ms,
        "a command arrived after its deadline; the agent did not run it"
    );
    outcome(id, CommandStatus::Expired, None, None)
}

fn run(claims: &CommandClaims, lines: &Lines) -> Outcome {
    let result = lines.run(&claims.line, &claims.action, &claims.args);
    report(claims, result, lines.course(&claims.line))
}

fn not_granted(claims: &CommandClaims, refused: &CallRefused) -> Outcome {
    let CommandClaims { jti: id, line, action, sub, .. } = claims;
    tracing::warn!(%id, %line, action, sub, outcome = "refused", code = refused.code(), %refused, "refused");
    outcome(id.clone(), CommandStatus::Refused, Some(refused.code()), None)
}

fn report(claims: &CommandClaims, result: Result<Option<Level>, Refused>, course: Course) -> Outcome {
    let CommandClaims { jti: id, line, action, sub, .. } = claims;
    match result {
        Ok(level) => {
            tracing::info!(%id, %line, action, sub, outcome = "executed", "executed");
            let (ends_in_ms, blinking) = (course.ends_in_ms(Instant::now()), course.blinking);
            Outcome { ends_in_ms, blinking, ..outcome(id.clone(), CommandStatus::Executed, None, level) }
        }
        Err(refused) => {
            tracing::warn!(%id, %line, action, sub, outcome = "refused", code = refused.code(), %refused, "refused");
            outcome(id.clone(), CommandStatus::Refused, Some(refused.code()), None)
        }
    }
}

fn outcome(id: String, status: CommandStatus, code: Option<&str>, level: Option<Level>) -> Outcome {
    let code = code.map(Into::into);
    Outcome { id, status, code, level, ends_in_ms: None, blinking: false, receipt: None }
}

fn unverified_id(jwt: &str) -> Option<String> {
    let payload = Base64UrlUnpadded::decode_vec(jwt.split('.').nth(1)?).ok()?;
    let payload: Value = serde_json::from_slice(&payload).ok()?;
    payload.get("jti")?.as_str().filter(|id| is_command_id(id)).map(Into::into)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::path::Path;

    use pinlatch_token::identity::{self, DeviceIdentity};
    use pinlatch_token::receipt::{Receipt, command_digest};
    use pinlatch_token::{EdgeKeys, SigningKey};
    use serde_json::Map;

    use super::*;
    use crate::config::Config;
    use crate::rules::RuleRuns;
    use crate::statements::Run;

    const SESSION: &str = "a-session-nonce-of-22-b";
    const NOW_MS: u64 = 1_800_000_000_000;

    struct TestAgent {
        keys: EdgeKeys,
        identity: DeviceIdentity,
        commands: Commands,
        lines: Lines,
        clock: EdgeClock,
    }

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    /// Creates a test agent for which the edge time at boot is exactly `NOW_MS`.
    fn bench() -> TestAgent {
        let keys = EdgeKeys::generate().unwrap();
        let line =
            |name: &str, more: &str| format!("[lines.{name}]\nkind = \"switch\"\ndriver = \"sim\"\n{more}\n");
        let text = ["state_dir = \"s\"\n[simulator]\n", &line("lamp", ""), &line("door", "receipts = true")]
            .concat();
        let (lines, _) = Lines::open(&Config::parse(&text, Path::new("")).unwrap(), RuleRuns::default());
        let (site, device, root, key) =
            (name("home"), name("porch"), SigningKey::generate(), SigningKey::generate());
        let identity = identity::sign(&root, &site, &device, &key.public(), 1).unwrap();
        let identity = DeviceIdentity::verify(&identity, &root.public(), &site, None).unwrap();
        let statements = Statements::new(key, site.clone(), device.clone(), Rc::new(Run::default()));
        let commands =
            Commands::new(site, device, SESSION.into(), keys.public().clone(), Rc::new(statements));
        TestAgent { keys, identity, commands, lines, clock: EdgeClock::new(NOW_MS, 0, 0) }
    }

    fn toggle(keys: &EdgeKeys, id: &str, deadline_ms: u64) -> String {
        toggle_line(keys, "lamp", id, deadline_ms)
    }

    fn toggle_line(keys: &EdgeKeys, line: &str, id: &str, deadline_ms: u64) -> String {
        let claims = CommandClaims {
            jti: id.into(),
            sub: "user:ann".into(),
            deadline_ms,
            line: name(line),
            action: "toggle".into(),
            args: Map::new(),
            call: None,
        };
        claims.sign(keys, &name("home"), &name("porch"), SESSION, deadline_ms - 5_000).unwrap()
    }

    #[test]
    fn a_deadline_that_passes_while_the_signature_is_checked_holds() {
        let mut bench = bench();
        let jwt = toggle(&bench.keys, "c", NOW_MS + 1_000);
        let calls = Cell::new(0);
        let slow = || {
            calls.set(calls.get() + 1);
            if calls.get() == 1 { 0 } else { 1_000 }
        };
        let outcome = bench.commands.handle(&jwt, None, &bench.lines, &bench.clock, slow).unwrap().outcome;
        assert_eq!((outcome.id.as_str(), outcome.status), ("c", CommandStatus::Expired));
        assert_eq!(bench.lines.infos()[0].level, Some(Level::On(false)));
    }

    #[test]
    fn ids_are_forgotten_only_when_they_cannot_be_replayed() {
        let mut bench = bench();
        let old = toggle(&bench.keys, "old", NOW_MS + 5_000);
        let handled = bench.commands.handle(&old, None, &bench.lines, &bench.clock, || 0).unwrap();
        assert_eq!(handled.outcome.status, CommandStatus::Executed);
        for number in 0..2 * PRUNE_AT {
            let jwt = toggle(&bench.keys, &number.to_string(), NOW_MS + 30_000);
            bench.commands.handle(&jwt, None, &bench.lines, &bench.clock, || 4_000).unwrap();
        }
        assert_eq!(bench.commands.seen.len(), 2 * PRUNE_AT + 1, "all of them could still be replayed");
        let again = bench.commands.handle(&old, None, &bench.lines, &bench.clock, || 4_900).unwrap();
        assert_eq!(again, Answer { again: true, ..handled });
        let jwt = toggle(&bench.keys, "later", NOW_MS + 145_000);
        bench.commands.handle(&jwt, None, &bench.lines, &bench.clock, || 140_000).unwrap();
        assert_eq!(bench.commands.seen.len(), 1);
    }

    /// If an executed command arrives again after its deadline, the answer is `Executed` and not `Expired`.
    #[test]
    fn a_command_that_comes_twice_has_one_outcome() {
        let mut bench = bench();
        let jwt = toggle(&bench.keys, "c", NOW_MS + 1_000);
        let mut handle =
            |boot: u64| bench.commands.handle(&jwt, None, &bench.lines, &bench.clock, || boot).unwrap();
        let first = handle(0);
        assert_eq!((first.outcome.status, first.again), (CommandStatus::Executed, false));
        let again = Answer { again: true, ..first };
        assert_eq!((handle(500), handle(5_000)), (again.clone(), again));
        assert_eq!(bench.lines.infos()[0].level, Some(Level::On(true)));
    }

    #[test]
    fn a_line_with_receipts_signs_every_outcome_once() {
        let mut bench = bench();
        let mut receipt = |jwt: &str, boot: u64| {
            let answer = bench.commands.handle(jwt, None, &bench.lines, &bench.clock, || boot).unwrap();
            answer.outcome.receipt.map(|text| (Receipt::verify(&text, &bench.identity).unwrap(), text))
        };
        let jwt = toggle_line(&bench.keys, "door", "c1", NOW_MS + 1_000);
        let (first, text) = receipt(&jwt, 0).unwrap();
        assert_eq!(
            (first.command.as_str(), first.digest.as_str(), first.status, first.level, first.moment.n),
            ("c1", command_digest(&jwt).as_str(), CommandStatus::Executed, Some(Level::On(true)), 1)
        );
        // A repeated command repeats its receipt, also after its deadline.
        assert_eq!(receipt(&jwt, 30_000).unwrap().1, text);
        let (late, _) = receipt(&toggle_line(&bench.keys, "door", "c2", NOW_MS + 1_000), 30_000).unwrap();
        assert_eq!((late.status, late.level, late.moment.n), (CommandStatus::Expired, None, 2));
        // So late that the agent may have forgotten the execution of the command.
        assert_eq!(receipt(&toggle_line(&bench.keys, "door", "c3", NOW_MS + 1_000), 62_000), None);
        // Neither a line without the setting nor an invalid token has a receipt.
        assert_eq!(receipt(&toggle(&bench.keys, "c4", NOW_MS + 90_000), 60_000), None);
        let other = EdgeKeys::generate().unwrap();
        assert_eq!(receipt(&toggle_line(&other, "door", "c5", NOW_MS + 90_000), 60_000), None);
    }

    #[test]
    fn only_a_command_s_id_is_echoed() {
        let payload = |jti: &str| format!("e30.{}.x", Base64UrlUnpadded::encode_string(jti.as_bytes()));
        assert_eq!(unverified_id(&payload("{\"jti\":\"c-1\"}")).as_deref(), Some("c-1"));
        let long = format!("{{\"jti\":\"{}\"}}", "x".repeat(65));
        for jti in ["", "[]", "{}", "{\"jti\":7}", "{\"jti\":\"a b\"}", "{\"jti\":\"\\n\"}", &long] {
            assert_eq!(unverified_id(&payload(jti)), None, "{jti}");
        }
    }
}
