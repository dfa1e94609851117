//! Tests random sequences of events. The guarantees about commands must apply in any order of events.

use std::collections::BTreeMap;

use pinlatch_protocol::rule::RuleRun;
use proptest::prelude::*;
use serde_json::Map;

use super::*;

/// One random event of the test. Each number selects an item that exists at the time of the event.
#[derive(Debug, Clone)]
enum Step {
    Connect,
    Hello {
        lamp: bool,
        reported: Vec<usize>,
        bad: bool,
    },
    Close {
        session: usize,
    },
    Command {
        id: u8,
        on: bool,
        patience_ms: u64,
        panel: Option<u8>,
    },
    Report {
        command: usize,
        session: usize,
        status: usize,
        level: bool,
    },
    Event {
        line: usize,
        level: bool,
        session: usize,
    },
    Ping,
    Pass {
        ms: u64,
    },
    Tick,
    /// The process ends. All WebSockets close, and the database is opened again.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let patience = prop::sample::select(vec![0, 100, 1_000, 5_000, 60_000, 60_001]);
    prop_oneof![
        2 => Just(Step::Connect),
        3 => (any::<bool>(), prop::collection::vec(0usize..8, 0..4), prop::bool::weighted(0.05))
            .prop_map(|(lamp, reported, bad)| Step::Hello { lamp, reported, bad }),
        1 => (0usize..3).prop_map(|session| Step::Close { session }),
        6 => (0u8..12, any::<bool>(), patience, prop::option::of(0u8..3))
            .prop_map(|(id, on, patience_ms, panel)| Step::Command { id, on, patience_ms, panel }),
        6 => (0usize..8, prop::sample::select(vec![0usize, 0, 0, 1]), 0usize..6, any::<bool>())
            .prop_map(|(command, session, status, level)| Step::Report { command, session, status, level }),
        2 => (0usize..3, any::<bool>(), 0usize..2).prop_map(|(line, level, session)| Step::Event { line, level, session }),
        2 => Just(Step::Ping),
        3 => prop::sample::select(vec![1u64, 50, 999, 4_000, 16_000, 50_000]).prop_map(|ms| Step::Pass { ms }),
        3 => Just(Step::Tick),
        1 => Just(Step::Restart),
    ]
}

/// The state of one accepted command, as observed from outside of the site.
#[derive(Debug, Default)]
struct Known {
    deadline_ms: u64,
    answers: u32,
    /// The panels that wait for the result, with the number of results that each panel has received.
    panels: BTreeMap<String, u32>,
    rows: u64,
    amended: bool,
}

struct History {
    test_site: TestSite,
    folder: tempfile::TempDir,
    /// The session nonces of all open and closed connections, with the newest nonce last.
    sessions: Vec<String>,
    known: BTreeMap<i64, Known>,
    tickets: BTreeMap<String, i64>,
    jtis: Vec<String>,
}

impl History {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let test_site = TestSite::on(Sqlite::open(&folder.path().join("site.db")).unwrap());
        test_site.set_up();
        test_site.enrol("porch", "cert-1");
        Self {
            test_site,
            folder,
            sessions: vec![],
            known: BTreeMap::new(),
            tickets: BTreeMap::new(),
            jtis: vec![],
        }
    }

    /// Returns the session nonce that is `back` places before the newest session nonce.
    fn session(&self, back: usize) -> String {
        self.sessions.iter().rev().nth(back).cloned().unwrap_or_else(|| "never".into())
    }

    fn rows(&self) -> u64 {
        self.test_site.store.0.rows_written()
    }

    fn take(&mut self, step: &Step) {
        let now_ms = self.test_site.now_ms.get();
        match step {
            Step::Connect => {
                let session = format!("s{}", self.sessions.len());
                let (outcome, effects) = self.test_site.connect("porch", &session, "cert-1");
                outcome.unwrap();
                self.sessions.push(session);
                self.check(&effects);
            }
            Step::Hello { lamp, reported, bad } => {
                let mut lines = porch_lines();
                lines[1].level = Some(Level::On(*lamp));
                if *bad {
                    lines.push(lines[0].clone());
                }
                let reported: Vec<Outcome> = reported
                    .iter()
                    .filter_map(|n| self.jtis.iter().rev().nth(*n))
                    .map(|jti| outcome(jti, CommandStatus::Executed, None, Some(Level::On(*lamp))))
                    .collect();
                let effects = self.test_site.hello("porch", &self.session(0), &lines, &reported);
                self.check(&effects);
            }
            Step::Close { session } => {
                let effects = self.test_site.close("porch", &self.session(*session));
                self.check(&effects);
            }
            Step::Command { id, on, patience_ms, panel } => self.command(*id, *on, *patience_ms, *panel),
            Step::Report { command, session, status, level } => {
                let Some(jti) = self.jtis.iter().rev().nth(*command).cloned() else { return };
                let status = [
                    CommandStatus::Executed,
                    CommandStatus::Executed,
                    CommandStatus::Refused,
                    CommandStatus::Expired,
                    CommandStatus::Unknown,
                    CommandStatus::Accepted,
                ][*status];
                let ticket: i64 = jti[1..].parse().unwrap();
                let had_answer = self.known.get(&ticket).is_some_and(|known| known.answers > 0);
                let before = self.rows();
                let report = FromAgent::Result(outcome(&jti, status, None, Some(Level::On(*level))));
                let effects = self.test_site.handle_agent_message("porch", &self.session(*session), report);
                let rows = self.rows() - before;
                if let Some(known) = self.known.get_mut(&ticket) {
                    if !had_answer {
                        // A report without an outcome causes one audit entry per hour and no answer.
                        known.rows += if answers(&effects).is_empty() { 0 } else { rows };
                    } else if rows > 1 {
                        assert!(!known.amended, "amended twice");
                        assert!(rows <= 3);
                        known.amended = true;
                    }
                }
                self.check(&effects);
            }
            Step::Event { line, level, session } => {
                let line = name(["bell", "door", "none"][*line]);
                let event = FromAgent::Event {
                    line,
                    level: Some(Level::On(*level)),
                    at_ms: now_ms,
                    ends_in_ms: None,
                    blinking: false,
                    reading: None,
                };
                let effects = self.test_site.handle_agent_message("porch", &self.session(*session), event);
                self.check(&effects);
            }
            Step::Ping => {
                let session = self.session(0);
                if self.test_site.links.agents.borrow().contains_key(&session) {
                    self.test_site.alive(&session);
                }
            }
            Step::Pass { ms } => self.test_site.pass(*ms),
            Step::Tick => {
                let effects = self.test_site.tick();
                self.check(&effects);
                let now_ms = self.test_site.now_ms.get();
                for (ticket, known) in &self.known {
                    let overdue = known.deadline_ms + GRACE_MS <= now_ms;
                    assert!(!overdue || known.answers == 1, "{ticket}: {known:?}");
                }
                assert!(self.test_site.tick().is_empty(), "idempotent");
                let wake = self.test_site.with(|site| site.next_wake(true, None)).0.unwrap();
                assert!(wake.is_none_or(|at_ms| at_ms > now_ms), "nothing is left to do now");
            }
            Step::Restart => {
                let test_site = TestSite::on(Sqlite::open(&self.folder.path().join("site.db")).unwrap());
                test_site.now_ms.set(now_ms);
                test_site.published.replace(self.test_site.published.take());
                self.test_site = test_site;
            }
        }
    }

    fn command(&mut self, id: u8, on: bool, patience_ms: u64, panel: Option<u8>) {
        let id = format!("n{id}");
        let mut request = lamp(&id, on);
        request.deadline_ms = Some(patience_ms);
        let before = self.rows();
        let panel = panel.map(|panel| format!("p{panel}"));
        let effects = match &panel {
            Some(panel) => self.test_site.panel(panel, &owner(), request),
            None => {
                let (answer, effects) = self.test_site.call(Call::Command { principal: owner(), request });
                if let Ok(Answer::Pending { ticket }) = answer {
                    assert_eq!(
                        self.known.get(&ticket).map_or(0, |known| known.answers),
                        0,
                        "an ended command cannot be pending"
                    );
                    assert!(self.known.contains_key(&ticket) || !orders(&effects).is_empty());
                }
                effects
            }
        };
        let rows = self.rows() - before;
        if let [order] = &orders(&effects)[..] {
            let ticket: i64 = order.jti[1..].parse().unwrap();
            assert!(order.deadline_ms > self.test_site.now_ms.get(), "sent after its deadline");
            let panels = panel.iter().map(|panel| (panel.clone(), 0)).collect();
            let known = Known { deadline_ms: order.deadline_ms, panels, rows, ..Known::default() };
            assert!(self.known.insert(ticket, known).is_none(), "a ticket was used twice");
            self.tickets.insert(id.clone(), ticket);
        } else if let Some(panel) = &panel
            && frames(&effects).is_empty()
        {
            // A panel that sends the same command again also waits for the result.
            let ticket = self.tickets[&id];
            self.known.get_mut(&ticket).unwrap().panels.entry(panel.clone()).or_default();
        } else if panel.is_some() {
            return;
        }
        self.check(&effects);
    }

    fn check(&mut self, effects: &[Effect]) {
        let open = self.test_site.links.agents.borrow().clone();
        for effect in effects {
            match effect {
                Effect::Command { session, order, .. } => {
                    assert!(!self.jtis.contains(&order.jti), "sent twice");
                    assert!(open.contains_key(session), "sent to a closed socket");
                    assert_eq!(*session, self.session(0), "sent to an older connection");
                    assert!(order.deadline_ms > self.test_site.now_ms.get());
                    self.jtis.push(order.jti.clone());
                }
                Effect::Answer { ticket, .. } => {
                    let known = self.known.get_mut(ticket).expect("an accepted command");
                    known.answers += 1;
                    assert_eq!(known.answers, 1, "answered twice");
                    assert!(known.rows <= 4, "{known:?}");
                }
                Effect::ToPanel { panel, message: ToPanel::Result { result } } => {
                    let known = self.known.get_mut(&self.tickets[&result.id]).unwrap();
                    let results = known.panels.get_mut(panel).expect("a panel that asked");
                    *results += 1;
                    assert_eq!(*results, 1, "answered twice");
                }
                Effect::CloseAgent { session, .. } => {
                    self.test_site.links.agents.borrow_mut().remove(session);
                }
                _ => {}
            }
        }
    }

    /// Checks that every command and every waiting panel has exactly one answer after a minute and a tick.
    fn finish(&mut self) {
        self.test_site.pass(62_000);
        self.take(&Step::Tick);
        for (ticket, known) in &self.known {
            assert_eq!(known.answers, 1, "{ticket}: {known:?}");
            assert!(known.panels.values().all(|results| *results == 1), "{ticket}: {known:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_accepted_command_is_answered_once_and_in_time(steps in prop::collection::vec(step(), 1..60)) {
        let mut history = History::new();
        history.take(&Step::Connect);
        history.take(&Step::Hello { lamp: false, reported: vec![], bad: false });
        for step in &steps {
            history.take(step);
        }
        history.finish();
    }

    #[test]
    fn no_message_of_an_agent_fails_the_site(text in "[ -~]{0,40}", id in "c?[0-9]{0,22}", number in any::<f64>(), at_ms: u64) {
        let test_site = TestSite::connected();
        test_site.order(pulse("one"));
        for level in [Level::Number(number), Level::On(true)] {
            for status in ["accepted", "delivered", "executed", "refused", "expired", "unknown"] {
                let status = CommandStatus::from_word(status).unwrap();
                test_site.report(&id, status, Some(&text), Some(level));
            }
            for line in porch_lines() {
                test_site.handle_agent_message("porch", "s1", FromAgent::Event { line: line.name, level: Some(level), at_ms, ends_in_ms: Some(u32::MAX), blinking: true, reading: None });
            }
            test_site.handle_agent_message("porch", &text, FromAgent::Time { nonce: text.clone() });
            let lines = vec![info("dim", LineKind::Dimmer, Some(level), true)];
            let machine = MachineInfo { up_s: Some(at_ms), clock_ahead_ms: Some(at_ms.cast_signed()), agent_up_s: Some(at_ms) };
            test_site.handle_agent_message("porch", "s1", FromAgent::Hello { version: text.clone(), lines, outcomes: vec![], machine, warnings: vec![text.clone()], rules: u32::MAX });
            let run = RuleRun { boot: text.clone(), n: at_ms, rule: name("exit"), line: name("dim"), action: text.clone(), args: Map::new(), code: Some(text.clone()), level: Some(level), ends_in_ms: Some(u32::MAX), blinking: true, desired: Some(level), at_ms: Some(at_ms) };
            test_site.handle_agent_message("porch", "s1", FromAgent::RuleRun(run));
            test_site.handle_agent_message("porch", "s1", FromAgent::LeftOut { line: name("door"), count: u32::MAX });
        }
    }
}
