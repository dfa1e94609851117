//! Tests the lines with random sequences of commands, waiting times, lost connections and failing drivers on tokio's
//! paused clock. The checks use only the levels that were set with the drivers.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use pinlatch_protocol::rule::Trigger;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::*;
use crate::config::RuleConfig;

const CONFIG: &str = r#"
state_dir = "s"
[simulator]
socket = "k"
[lines.up]
kind = "switch"
driver = "sim"
max_on_ms = 3_000
[lines.down]
kind = "momentary"
driver = "sim"
max_on_ms = 2_000
min_interval_ms = 700
[lines.lamp]
kind = "dimmer"
driver = "sim"
min_interval_ms = 300
on_link_loss = { safe_after_s = 2 }
[lines.rose]
kind = "rgb"
driver = "sim"
on_link_loss = "hold"
[lines.fan]
kind = "switch"
driver = "sim"
safe = true
on_link_loss = { safe_after_s = 3 }
[lines.button]
kind = "contact"
driver = "sim"
debounce_ms = 0
presses = true
[lines.limit]
kind = "contact"
driver = "sim"
debounce_ms = 0
[interlocks.shutter]
lines = ["up", "down"]
dead_time_ms = 500
[interlocks.load]
lines = ["lamp", "down"]
dead_time_ms = 0
"#;

const NAMES: [&str; 5] = ["up", "down", "lamp", "rose", "fan"];

/// The simulated hardware of all outputs.
#[derive(Default)]
struct Wires {
    /// The last level that the driver of each line accepted.
    levels: [Option<Level>; 5],
    /// Every level change, which consists of the line, the level and the time.
    changes: Vec<(usize, Level, Instant)>,
    broken: [bool; 5],
}

type Shared = Rc<RefCell<Wires>>;

struct Wire(usize, Shared);

impl Driver for Wire {
    fn set(&mut self, level: Level) -> Result<(), DriverError> {
        let mut wires = self.1.borrow_mut();
        if wires.broken[self.0] {
            return Err(DriverError("broken".into()));
        }
        if wires.levels[self.0].replace(level) != Some(level) {
            wires.changes.push((self.0, level, Instant::now()));
        }
        Ok(())
    }
}

struct TestAgent(Shared);

impl Open for TestAgent {
    fn output(
        &self,
        line: &LineConfig,
        _: Level,
        _: std::time::Instant,
    ) -> Result<Box<dyn Driver>, DriverError> {
        let index = NAMES.iter().position(|name| *name == line.name.as_str()).unwrap();
        if self.0.borrow().broken[index] {
            return Err(DriverError("not there".into()));
        }
        Ok(Box::new(Wire(index, self.0.clone())))
    }

    fn contact(&self, _: &LineConfig, _: usize) -> Result<(bool, driver::Watch), DriverError> {
        Ok((false, driver::Watch::default()))
    }

    fn sensor(&self) -> Result<(), DriverError> {
        unreachable!()
    }

    fn read(&self, _: &LineConfig, _: usize) {}
}

#[derive(Debug, Clone)]
enum Step {
    Command {
        line: usize,
        action: usize,
        ms: u32,
    },
    Pass(u64),
    Link(bool),
    Break(usize, bool),
    MakeSafe,
    Reload,
    /// A contact is closed or opened.
    Contact(usize, bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0usize..5, 0usize..5, 1u32..2_500)
            .prop_map(|(line, action, ms)| Step::Command { line, action, ms }),
        6 => (0u64..2_500).prop_map(Step::Pass),
        2 => any::<bool>().prop_map(Step::Link),
        3 => (0usize..7, 0u8..3).prop_map(|(line, thirds)| Step::Break(line % 5, thirds > 0)),
        1 => Just(Step::MakeSafe),
        1 => Just(Step::Reload),
        4 => (0usize..2, any::<bool>()).prop_map(|(number, closed)| Step::Contact(number, closed)),
    ];
    prop::collection::vec(step, 1..60)
}

/// Returns a random action for a line. Many random actions are invalid for their line, so the agent refuses these
/// actions.
fn command(line: usize, action: usize, ms: u32) -> (&'static str, Value) {
    let on = ms.is_multiple_of(2);
    match (action, line) {
        (0, 2) => ("set", json!({ "value": if on { 0.7 } else { 0.0 }, "fade_ms": ms })),
        (0, 3) => ("set", json!({ "value": if on { "#ff8000" } else { "#000000" }, "fade_ms": ms })),
        (1, 2) => ("set", json!({ "value": if on { 1.0 } else { 0.0 } })),
        (0 | 1, _) => ("set", json!({ "value": on })),
        (2, _) => ("toggle", json!({})),
        (3, _) => ("pulse", json!({ "ms": ms })),
        _ => ("blink", json!({ "period_ms": ms.max(20), "count": 3 })),
    }
}

/// Returns random rules, whose actions can be invalid for their line.
fn rules() -> impl Strategy<Value = Vec<RuleConfig>> {
    let lines = ["up", "down", "lamp", "rose", "fan", "button", "limit"];
    let rule = (0usize..5, 0usize..7, any::<bool>(), 0u32..3_000, 0usize..5, 0usize..5, 1u32..2_500)
        .prop_map(move |(trigger, watched, on, for_ms, line, action, ms)| {
            let watched = Name::new(lines[watched]).unwrap();
            let when = match trigger {
                0 => Trigger::Goes { line: watched, on },
                1 => Trigger::Press { line: Name::new("button").unwrap(), long: on },
                2 => Trigger::Lasts { line: watched, on, for_ms },
                3 => Trigger::Crosses { line: watched, above: on, limit: 0.5, hysteresis: 0.1, for_ms },
                _ => Trigger::Link { up: on, for_ms },
            };
            let (action, args) = command(line, action, ms);
            let rule = RuleInfo {
                name: Name::new("rule").unwrap(),
                when,
                line: Name::new(NAMES[line]).unwrap(),
                action: action.into(),
                args: args.as_object().unwrap().clone(),
                after_ms: if on { for_ms / 2 } else { 0 },
            };
            RuleConfig { rule, per_minute: 30 }
        });
    prop::collection::vec(rule, 1..7)
}

/// Checks the rules that the lines must follow in every sequence of steps.
#[derive(Default)]
struct Judge {
    read: usize,
    on_since: [Option<Instant>; 5],
    off_since: [Option<Instant>; 5],
    /// The time at which the failed driver of each line started to work again.
    mended: [Option<Instant>; 5],
}

/// The maximum time until a failed line works again after its driver works again. The agent retries a failed line every
/// second, and opens a closed line within ten seconds.
const MENDED_WITHIN: Duration = Duration::from_secs(11);

fn ensure(holds: bool, what: &str) -> Result<(), TestCaseError> {
    if holds { Ok(()) } else { Err(TestCaseError::fail(what.to_owned())) }
}

impl Judge {
    /// Checks the level changes since the last call of this function.
    fn look(&mut self, wires: &Wires) -> Result<(), TestCaseError> {
        for (line, level, at) in &wires.changes[self.read..] {
            let line = *line;
            match (level.is_on(), self.on_since[line]) {
                (true, None) => {
                    self.on_since[line] = Some(*at);
                    for (one, other, dead_ms) in [(0, 1, 500), (1, 0, 500), (1, 2, 0), (2, 1, 0)] {
                        if one == line {
                            ensure(self.on_since[other].is_none(), "two interlocked lines are on")?;
                            let dead = Duration::from_millis(dead_ms);
                            let rested = self.off_since[other].is_none_or(|off| *at >= off + dead);
                            ensure(rested, "on within the dead time")?;
                        }
                    }
                }
                (false, Some(_)) => {
                    self.on_since[line] = None;
                    self.off_since[line] = Some(*at);
                }
                _ => {}
            }
        }
        self.read = wires.changes.len();
        for (line, limit_ms) in [(0, 3_000), (1, 2_000)] {
            let Some(since) = self.on_since[line].filter(|_| !wires.broken[line]) else { continue };
            let limit = since + Duration::from_millis(limit_ms);
            let latest = self.mended[line].map_or(limit, |mended| limit.max(mended + MENDED_WITHIN));
            ensure(Instant::now() <= latest, "on for longer than max_on")?;
        }
        Ok(())
    }
}

/// Runs one sequence of steps while the line task runs.
async fn live(rules: Vec<RuleConfig>, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let wires = Shared::default();
    let mut config = Config::parse(CONFIG, std::path::Path::new("")).unwrap();
    let has_rules = !rules.is_empty();
    config.rules = rules;
    let lines = Lines::open_on(&config, Box::new(TestAgent(wires.clone())), RuleRuns::default());
    let (sender, signals) = mpsc::channel(64);
    lines.link_up();
    let history = async {
        let mut judge = Judge::default();
        let mut lost_at: Option<Instant> = None;
        let mut failed_at: [Option<Instant>; 5] = [None; 5];
        let mut started: [Option<Instant>; 5] = [None; 5];
        for step in steps {
            match step {
                // Without a connection to the edge, the device receives no commands.
                Step::Command { .. } if lost_at.is_some() => {}
                Step::Command { line, action, ms } => {
                    let (action, args) = command(line, action, ms);
                    let result = run(&lines, NAMES[line], action, args);
                    let gap = [0, 700, 300, 0, 0][line];
                    let now = Instant::now();
                    // The judge does not know when rules have run an action of the line.
                    if result.is_ok() && !has_rules {
                        let rested = started[line].is_none_or(|at| now >= at + Duration::from_millis(gap));
                        ensure(rested, "sooner than min_interval")?;
                        started[line] = Some(now);
                    }
                }
                // The test lets time pass in small steps, so that the checks run every 50 ms.
                Step::Pass(ms) => {
                    for _ in 0..ms / 50 {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        judge.look(&wires.borrow())?;
                    }
                }
                Step::Link(true) => {
                    lines.link_up();
                    lost_at = None;
                }
                Step::Link(false) => {
                    lines.link_lost();
                    lost_at = lost_at.or(Some(Instant::now()));
                }
                Step::Break(line, broken) => {
                    wires.borrow_mut().broken[line] = broken;
                    judge.mended[line] = (!broken).then(Instant::now);
                    failed_at[line] = Some(Instant::now());
                }
                // A reload with the same configuration must not change the level of any line.
                Step::Reload => {
                    let before = wires.borrow().changes.len();
                    lines.reload(&config, || ()).await;
                    let is_still = wires.borrow().changes.len() == before;
                    ensure(is_still || has_rules, "a reload has driven a line")?;
                }
                Step::Contact(number, closed) => {
                    sender.send(Signal { line: 5 + number, input: Input::Edge(closed) }).await.unwrap();
                }
                Step::MakeSafe => {
                    let wrong = lines.make_safe();
                    let wires = wires.borrow();
                    for (line, name) in NAMES.iter().enumerate() {
                        let failed = wrong.iter().any(|(wrong, _)| wrong.as_str() == *name);
                        let level = wires.levels[line];
                        let safe = level.is_none_or(|level| level.is_on() == (*name == "fan"));
                        ensure(safe || failed, "not safe after make_safe")?;
                        ensure(
                            failed || !wires.broken[line] || level.is_none(),
                            "a failure was not reported",
                        )?;
                    }
                }
            }
            judge.look(&wires.borrow())?;
            // Outputs without `on_link_loss = "hold"` must go to their safe level after a fixed time without a
            // connection. An output whose driver failed recently is not checked.
            for (line, seconds, on) in [(2, 2, false), (4, 3, true), (0, 60, false)] {
                let wires = wires.borrow();
                let settled =
                    |at: Option<Instant>, within: Duration| at.is_none_or(|at| at.elapsed() > within);
                if let Some(lost) = lost_at.filter(|_| !wires.broken[line] && !has_rules)
                    && lost.elapsed() > Duration::from_secs(seconds)
                    && settled(failed_at[line], MENDED_WITHIN)
                {
                    let safe = wires.levels[line].is_none_or(|level| level.is_on() == on);
                    ensure(safe, "not safe long after the link was lost")?;
                }
            }
        }
        Ok(())
    };
    tokio::select! {
        () = lines.drive(signals) => unreachable!(),
        outcome = history => outcome,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Two interlocked lines are never on at the same time, and the dead time passes before the other line goes on. No
    /// line is on for longer than `max_on_ms`. Two actions of a line are never closer than `min_interval_ms`. After a
    /// lost connection, an output without `on_link_loss = "hold"` goes to its safe level. After `make_safe`, every
    /// output is at its safe level.
    #[test]
    fn whatever_happens_the_rules_hold(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(live(Vec::new(), steps))?;
    }

    /// The limits of the lines also apply to rules: `max_on_ms`, the interlocks with their dead time, and safe levels
    /// after `make_safe`.
    #[test]
    fn rules_keep_the_limits_of_the_lines(rules in rules(), steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(live(rules, steps))?;
    }
}
