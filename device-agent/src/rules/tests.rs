use pinlatch_protocol::line::Level;
use proptest::prelude::*;
use serde_json::Map;

use super::*;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn rule(when: Trigger, per_minute: u32) -> RuleConfig {
    RuleConfig {
        rule: RuleInfo {
            name: name("rule"),
            when,
            line: name("lamp"),
            action: "toggle".into(),
            args: Map::new(),
            after_ms: 0,
        },
        per_minute,
    }
}

fn seen(level: Level) -> Observed {
    Observed { level: Some(level), by_rule: false }
}

/// Returns the seconds at which a rule runs, for levels of the line at the given seconds.
fn runs(when: Trigger, levels: &[(u64, Option<Level>)]) -> Vec<u64> {
    let (start, line) = (Instant::now(), name("line"));
    let mut rules = Rules::new(&[rule(when, 100)]);
    let mut ran = Vec::new();
    for second in 0..200 {
        let now = start + Duration::from_secs(second);
        for (_, level) in levels.iter().filter(|(at, _)| *at == second) {
            rules.level(&line, Observed { level: *level, by_rule: false }, now);
        }
        assert!(rules.next_due().is_none_or(|due| due >= now), "the timer is never in the past");
        ran.extend(rules.due(now).iter().map(|_| second));
    }
    ran
}

#[test]
fn a_change_is_not_the_first_known_level() {
    let goes = || Trigger::Goes { line: name("line"), on: true };
    let (on, off) = (Some(Level::On(true)), Some(Level::On(false)));
    assert_eq!(runs(goes(), &[(1, on), (2, on), (3, off), (4, on)]), [4]);
    assert_eq!(runs(goes(), &[(1, off), (2, None), (3, on)]), [3], "an unknown level in between");
    assert_eq!(runs(goes(), &[(1, on), (2, None), (3, on)]), [0; 0]);
}

#[test]
fn a_level_must_last_without_a_gap() {
    let lasts = || Trigger::Lasts { line: name("line"), on: true, for_ms: 10_000 };
    let (on, off) = (Some(Level::On(true)), Some(Level::On(false)));
    assert_eq!(runs(lasts(), &[(1, on)]), [11], "the first known level counts, and only once");
    assert_eq!(runs(lasts(), &[(1, on), (9, off), (12, on)]), [22]);
    assert_eq!(runs(lasts(), &[(1, on), (5, None), (6, on)]), [16], "it was possibly off in between");
    assert_eq!(runs(lasts(), &[(1, on), (20, off), (21, on)]), [11, 31]);
    let at_once = Trigger::Lasts { line: name("line"), on: false, for_ms: 0 };
    assert_eq!(runs(at_once, &[(3, off), (4, off), (5, on), (6, off)]), [3, 6]);
}

#[test]
fn a_limit_has_a_hysteresis_and_a_time() {
    let crosses =
        |above, for_ms| Trigger::Crosses { line: name("line"), above, limit: 20.0, hysteresis: 2.0, for_ms };
    let number = |at, number| (at, Some(Level::Number(number)));
    let levels = [number(1, 21.0), number(2, 19.0), number(3, 21.0), number(4, 18.0), number(5, 20.5)];
    assert_eq!(runs(crosses(true, 0), &levels), [1, 5], "19 is not back yet, 18 is");
    assert_eq!(runs(crosses(true, 3_000), &levels), [8]);
    let levels =
        [number(1, 20.0), number(2, 19.5), number(3, 21.5), number(4, 19.0), number(5, 22.5), number(6, 1.0)];
    assert_eq!(runs(crosses(false, 0), &levels), [2, 6], "the limit itself is not below");
    assert_eq!(runs(crosses(true, 0), &[(1, Some(Level::On(true)))]), [0; 0], "no number");
}

#[test]
fn the_connection_counts_from_the_start() {
    let start = Instant::now();
    let at = |second| start + Duration::from_secs(second);
    let lost = Trigger::Link { up: false, for_ms: 60_000 };
    let back = Trigger::Link { up: true, for_ms: 0 };
    let mut rules = Rules::new(&[rule(lost.clone(), 30), rule(back, 30)]);
    rules.link(false, at(0));
    rules.link(false, at(30));
    assert_eq!(rules.next_due(), Some(at(60)), "a repeated loss does not start again");
    assert_eq!(rules.due(at(60)).len(), 1);
    rules.link(true, at(70));
    assert_eq!(rules.due(at(70)).len(), 1);
    // A rule that a reload adds knows the connection.
    rules.link(false, at(80));
    let other = {
        let mut other = rule(lost, 30);
        other.rule.name = name("other");
        other
    };
    rules.reload(&[other], at(90));
    assert_eq!(rules.next_due(), Some(at(150)));
}

proptest! {
    /// No minute has more actions of a rule than its limit, and a rule that is seldom triggered is never refused.
    #[test]
    fn no_minute_has_more_than_the_limit(
        per_minute in 1u32..8,
        gaps in prop::collection::vec(0u64..40_000, 1..80),
    ) {
        let (mut now, line) = (Instant::now(), name("line"));
        let mut rules = Rules::new(&[rule(Trigger::Goes { line: line.clone(), on: true }, per_minute)]);
        rules.level(&line, seen(Level::On(false)), now);
        let mut ran: Vec<Instant> = Vec::new();
        for gap in gaps {
            now += Duration::from_millis(gap);
            rules.level(&line, seen(Level::On(true)), now);
            rules.level(&line, seen(Level::On(false)), now);
            let recent = ran.iter().filter(|at| now < **at + MINUTE).count();
            match rules.due(now).as_slice() {
                [Due::Run(_)] => {
                    prop_assert!(recent < per_minute as usize);
                    ran.push(now);
                }
                due => {
                    prop_assert!(due.is_empty() || matches!(due, [Due::TooOften(_)]));
                    prop_assert_eq!(recent, per_minute as usize, "refused without a reason");
                }
            }
        }
    }
}
