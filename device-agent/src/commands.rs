//! Verifies and executes the commands that arrive on one connection to the edge. The agent verifies every command token
//! (`cmd+jwt`), although the edge has already checked the command.

use std::collections::HashMap;

use base64ct::{Base64UrlUnpadded, Encoding};
use pinlatch_protocol::agent::Outcome;
use pinlatch_protocol::command::{CommandStatus, is_command_id};
use pinlatch_protocol::line::Level;
use pinlatch_protocol::name::Name;
use pinlatch_token::command::{self, CommandClaims, Expect};
use pinlatch_token::{KeySet, Refusal};
use serde_json::Value;
use tokio::time::Instant;

use crate::clock::EdgeClock;
use crate::lines::{Course, Lines, Refused};

/// The number of stored command ids at which the ids of expired commands are removed. An expired command cannot be
/// replayed.
const PRUNE_AT: usize = 256;

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
    /// Maps the id of each verified command to the deadline and the outcome of the command.
    seen: HashMap<String, (u64, Outcome)>,
}

impl Commands {
    /// Creates the state for one connection. `session` is the nonce of this connection.
    pub fn new(site: Name, device: Name, session: String, keys: KeySet) -> Self {
        Self { site, device, session, keys, seen: HashMap::new() }
    }

    /// Verifies a command token and immediately runs the command. `boot_ms` returns the milliseconds since boot. If the
    /// token contains no valid command id, the function returns `None`.
    ///
    /// If the same command arrives twice, the agent runs the command only once. The second answer repeats the outcome
    /// of the first answer. The edge therefore gets the correct outcome, regardless of which answer arrives first.
    pub fn handle(
        &mut self,
        jwt: &str,
        lines: &Lines,
        clock: &EdgeClock,
        boot_ms: impl Fn() -> u64,
    ) -> Option<Answer> {
        let fresh = |outcome| Answer { outcome, again: false };
        let claims = match self.verify(jwt, clock, &boot_ms) {
            Ok(claims) => claims,
            Err(refusal) => {
                let id = unverified_id(jwt);
                let late = matches!(refusal, Refusal::DeadlinePassed(_));
                let before = id.as_deref().filter(|_| late).and_then(|id| self.before(id));
                return before.or_else(|| not_accepted(id, &refusal).map(fresh));
            }
        };
        if let Some(before) = self.before(&claims.jti) {
            return Some(before);
        }
        let (id, deadline_ms) = (claims.jti.clone(), claims.deadline_ms);
        let result = lines.run(&claims.line, &claims.action, &claims.args);
        let course = lines.course(&claims.line);
        let outcome = report(claims, result, course);
        self.remember(id, deadline_ms, &outcome, clock, boot_ms());
        Some(fresh(outcome))
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

    fn verify(
        &self,
        jwt: &str,
        clock: &EdgeClock,
        boot_ms: &impl Fn() -> u64,
    ) -> Result<CommandClaims, Refusal> {
        let expect = Expect {
            site: &self.site,
            device: &self.device,
            session: &self.session,
            latest_edge_ms: clock.latest_ms(boot_ms()),
        };
        let claims = command::verify(jwt, &self.keys, &expect)?;
        // Verifying a signature takes milliseconds on a small board, so the deadline is checked again after the
        // verification.
        let latest = clock.latest_ms(boot_ms());
        if latest >= claims.deadline_ms {
            return Err(Refusal::DeadlinePassed(latest - claims.deadline_ms));
        }
        Ok(claims)
    }

    /// Stores the outcome of a command. A stored command id is removed only after the deadline of the command has
    /// certainly passed.
    fn remember(&mut self, id: String, deadline_ms: u64, outcome: &Outcome, clock: &EdgeClock, boot_ms: u64) {
        if self.seen.len() >= PRUNE_AT {
            let earliest = clock.earliest_ms(boot_ms);
            self.seen.retain(|_, (deadline, _)| *deadline > earliest);
        }
        self.seen.insert(id, (deadline_ms, outcome.repeated()));
    }
}

/// Returns the answer to a refused or expired command. The id comes from the unverified token, because the answer only
/// reports that the command did not run.
fn not_accepted(id: Option<String>, refusal: &Refusal) -> Option<Outcome> {
    let shown = id.as_deref().unwrap_or("(none)");
    if let Refusal::DeadlinePassed(late_ms) = refusal {
        tracing::warn!(
            id = shown,
            outcome = "expired",
            late_ms,
            "a command arrived after its deadline; the agent did not run it"
        );
        return id.map(|id| outcome(id, CommandStatus::Expired, None, None));
    }
    tracing::warn!(id = shown, outcome = "refused", code = refusal.code(), %refusal, "a command was refused");
    id.map(|id| outcome(id, CommandStatus::Refused, Some("refused_token"), None))
}

fn report(claims: CommandClaims, result: Result<Option<Level>, Refused>, course: Course) -> Outcome {
    let CommandClaims { jti, line, action, sub, .. } = claims;
    match result {
        Ok(level) => {
            tracing::info!(id = %jti, %line, action, sub, outcome = "executed", "executed");
            let (ends_in_ms, blinking) = (course.ends_in_ms(Instant::now()), course.blinking);
            Outcome { ends_in_ms, blinking, ..outcome(jti, CommandStatus::Executed, None, level) }
        }
        Err(refused) => {
            tracing::warn!(id = %jti, %line, action, sub, outcome = "refused", code = refused.code(), %refused, "refused");
            outcome(jti, CommandStatus::Refused, Some(refused.code()), None)
        }
    }
}

fn outcome(id: String, status: CommandStatus, code: Option<&str>, level: Option<Level>) -> Outcome {
    Outcome { id, status, code: code.map(Into::into), level, ends_in_ms: None, blinking: false }
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

    use pinlatch_token::EdgeKeys;
    use serde_json::Map;

    use super::*;
    use crate::config::Config;

    const SESSION: &str = "a-session-nonce-of-22-b";
    const NOW_MS: u64 = 1_800_000_000_000;

    struct TestAgent {
        keys: EdgeKeys,
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
        let text = "state_dir = \"s\"\n[simulator]\n[lines.lamp]\nkind = \"switch\"\ndriver = \"sim\"";
        let (lines, _) = Lines::open(&Config::parse(text, Path::new("")).unwrap());
        let commands = Commands::new(name("home"), name("porch"), SESSION.into(), keys.public().clone());
        TestAgent { keys, commands, lines, clock: EdgeClock::new(NOW_MS, 0, 0) }
    }

    fn toggle(keys: &EdgeKeys, id: &str, deadline_ms: u64) -> String {
        let claims = CommandClaims {
            jti: id.into(),
            sub: "user:ann".into(),
            deadline_ms,
            line: name("lamp"),
            action: "toggle".into(),
            args: Map::new(),
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
        let outcome = bench.commands.handle(&jwt, &bench.lines, &bench.clock, slow).unwrap().outcome;
        assert_eq!((outcome.id.as_str(), outcome.status), ("c", CommandStatus::Expired));
        assert_eq!(bench.lines.infos()[0].level, Some(Level::On(false)));
    }

    #[test]
    fn ids_are_forgotten_only_when_they_cannot_be_replayed() {
        let mut bench = bench();
        let old = toggle(&bench.keys, "old", NOW_MS + 5_000);
        let handled = bench.commands.handle(&old, &bench.lines, &bench.clock, || 0).unwrap();
        assert_eq!(handled.outcome.status, CommandStatus::Executed);
        for number in 0..2 * PRUNE_AT {
            let jwt = toggle(&bench.keys, &number.to_string(), NOW_MS + 30_000);
            bench.commands.handle(&jwt, &bench.lines, &bench.clock, || 4_000).unwrap();
        }
        assert_eq!(bench.commands.seen.len(), 2 * PRUNE_AT + 1, "all of them could still be replayed");
        let again = bench.commands.handle(&old, &bench.lines, &bench.clock, || 4_900).unwrap();
        assert_eq!(again, Answer { again: true, ..handled });
        let jwt = toggle(&bench.keys, "later", NOW_MS + 45_000);
        bench.commands.handle(&jwt, &bench.lines, &bench.clock, || 40_000).unwrap();
        assert_eq!(bench.commands.seen.len(), 1);
    }

    /// If an executed command arrives again after its deadline, the answer is `Executed` and not `Expired`.
    #[test]
    fn a_command_that_comes_twice_has_one_outcome() {
        let mut bench = bench();
        let jwt = toggle(&bench.keys, "c", NOW_MS + 1_000);
        let mut handle =
            |boot: u64| bench.commands.handle(&jwt, &bench.lines, &bench.clock, || boot).unwrap();
        let first = handle(0);
        assert_eq!((first.outcome.status, first.again), (CommandStatus::Executed, false));
        let again = Answer { again: true, ..first };
        assert_eq!((handle(500), handle(5_000)), (again.clone(), again));
        assert_eq!(bench.lines.infos()[0].level, Some(Level::On(true)));
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
