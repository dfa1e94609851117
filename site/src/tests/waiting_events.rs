//! Tests the limits of devices' events.

use super::*;

fn level(line: &str, on: bool) -> FromAgent {
    FromAgent::Event {
        line: name(line),
        level: Some(Level::On(on)),
        at_ms: u64::MAX,
        ends_in_ms: None,
        blinking: false,
        reading: None,
    }
}

impl TestSite {
    fn change_level(&self, line: &str, on: bool) -> Vec<Effect> {
        self.handle_agent_message("porch", "s1", level(line, on))
    }

    /// Toggles the bell for some seconds, 25 times per second, and runs the timers. Returns the number of published
    /// events.
    fn ring(&self, seconds: u64) -> usize {
        let mut published = 0;
        for n in 0..seconds * 25 {
            published += changes(&self.change_level("bell", n % 2 == 0)).len();
            self.pass(40);
            if self.wake.get().is_some_and(|at_ms| at_ms <= self.now_ms.get()) {
                published += changes(&self.tick()).len();
            }
        }
        published
    }
}

#[test]
fn a_line_that_toggles_for_an_hour_publishes_its_latest_level_once_per_second() {
    let test_site = TestSite::connected();
    let before = test_site.store.0.rows_written();
    let published = test_site.ring(600);
    assert!((600..=661).contains(&published), "{published}");
    let written = test_site.store.0.rows_written() - before;
    assert!(written < 600 * 4 + 100, "{written} rows");
    // The last change was to `false`. One more change waits.
    test_site.change_level("bell", true);
    test_site.pass(5_000);
    test_site.tick();
    assert_eq!(test_site.line("bell").reported, Some(Level::On(true)));
    assert_eq!(test_site.with(|site| site.next_waiting_level()).0, Ok(None));
    test_site.pass(3_600_000);
    test_site.alive("s1");
    test_site.tick();
    let log = test_site.log();
    let entries: Vec<&String> = log.iter().filter(|entry| entry.contains("events_dropped")).collect();
    let [entry] = entries[..] else { panic!("{entries:?}") };
    let (text, dropped) = entry.rsplit_once(' ').unwrap();
    assert_eq!(text, "device:porch events_dropped porch");
    assert!(dropped.parse::<usize>().unwrap() > 600 * 25 - 2 * published, "{dropped}");
    test_site.pass(3_600_000);
    test_site.tick();
    assert_eq!(test_site.log().iter().filter(|entry| entry.contains("events_dropped")).count(), 1);
}

#[test]
fn a_report_replaces_an_older_level_that_waits() {
    let test_site = TestSite::connected();
    for n in 0..61 {
        test_site.change_level("lamp", n % 2 == 0);
    }
    assert_eq!(test_site.line("lamp").reported, Some(Level::On(false)), "`true` waits");
    let (_, order) = test_site.order(lamp("one", false));
    test_site.report(&order.jti, CommandStatus::Executed, None, Some(Level::On(false)));
    test_site.pass(2_000);
    test_site.tick();
    let line = test_site.line("lamp");
    assert_eq!((line.reported, line.desired), (Some(Level::On(false)), Some(Level::On(false))));
    let (_, order) = test_site.order(lamp("two", true));
    test_site.report(&order.jti, CommandStatus::Executed, None, Some(Level::On(true)));
    assert_eq!(test_site.line("lamp").reported, Some(Level::On(true)), "a report alone never waits");
}

#[test]
fn a_hello_replaces_all_levels_that_wait() {
    let test_site = TestSite::connected();
    for n in 0..61 {
        test_site.change_level("bell", n % 2 == 0);
    }
    test_site.hello("porch", "s1", &porch_lines(), &[]);
    test_site.pass(2_000);
    assert!(changes(&test_site.tick()).is_empty());
    assert_eq!(test_site.line("bell").reported, Some(Level::On(false)));
}

#[test]
fn a_level_that_was_lost_from_memory_is_reported_again() {
    let mut test_site = TestSite::connected();
    for n in 0..61 {
        test_site.change_level("bell", n % 2 == 0);
    }
    test_site.links.memory = Memory::default();
    test_site.pass(2_000);
    let effects = test_site.tick();
    assert_eq!(closed(&effects), [("s1".to_owned(), pinlatch_protocol::close::LEVELS_LOST, "levels_lost")]);
    assert!(test_site.wake.get().is_some_and(|at_ms| at_ms > test_site.now_ms.get()), "once");
}

#[test]
fn a_device_has_a_limit_over_all_its_lines() {
    let test_site = TestSite::new();
    test_site.connect("porch", "s1", "cert-1").0.unwrap();
    let lines: Vec<LineInfo> =
        (0..64).map(|n| info(&format!("c{n}"), LineKind::Contact, Some(Level::On(false)), false)).collect();
    assert_eq!(changes(&test_site.hello("porch", "s1", &lines, &[])).len(), 1, "a hello is one event");
    let mut published = 0;
    for round in 0..10 {
        for n in 0..64 {
            published += changes(&test_site.change_level(&format!("c{n}"), round % 2 == 0)).len();
        }
    }
    assert_eq!(published, 299);
    let mut seconds = 0;
    while test_site.with(|site| site.next_waiting_level()).0.unwrap().is_some() {
        test_site.pass(1_000);
        test_site.alive("s1");
        let more = changes(&test_site.tick()).len();
        assert!(more <= 21, "{more}");
        seconds += 1;
        assert!(seconds < 10);
    }
    for n in 0..64 {
        assert_eq!(test_site.line(&format!("c{n}")).reported, Some(Level::On(false)));
    }
}

#[test]
fn presses_beyond_the_limit_are_dropped_and_counted() {
    let test_site = TestSite::connected();
    let press = || FromAgent::Press { line: name("bell"), long: false, at_ms: 1 };
    let sent: usize = (0..100)
        .map(|_| {
            let effects = test_site.handle_agent_message("porch", "s1", press());
            effects.iter().filter(|effect| matches!(effect, Effect::Press(_))).count()
        })
        .sum();
    assert_eq!(sent, 60);
    test_site.pass(2_000);
    assert!(test_site.tick().is_empty());
    test_site.pass(3_600_000);
    test_site.alive("s1");
    test_site.tick();
    assert!(test_site.log().contains(&"device:porch events_dropped porch 40".to_owned()));
}

#[test]
fn hellos_are_limited() {
    let test_site = TestSite::connected();
    for _ in 0..59 {
        assert!(closed(&test_site.hello("porch", "s1", &porch_lines(), &[])).is_empty());
    }
    let effects = test_site.hello("porch", "s1", &porch_lines(), &[]);
    let refused = pinlatch_protocol::close::HELLO_REFUSED;
    assert_eq!(closed(&effects), [("s1".to_owned(), refused, "hello_too_often")]);
    test_site.pass(5_000);
    test_site.connect("porch", "s2", "cert-1").0.unwrap();
    assert!(closed(&test_site.hello("porch", "s2", &porch_lines(), &[])).is_empty());
}

#[test]
fn what_an_agent_leaves_out_is_counted_with_what_the_site_drops() {
    let test_site = TestSite::connected();
    let left_out = |line: &str, count: u32| {
        test_site.handle_agent_message("porch", "s1", FromAgent::LeftOut { line: name(line), count })
    };
    assert!(changes(&left_out("bell", 400)).is_empty());
    left_out("bell", 2);
    left_out("lamp", 3);
    left_out("nothing", 9);
    test_site.pass(3_600_000);
    test_site.alive("s1");
    test_site.tick();
    assert!(
        test_site.log().contains(&"device:porch events_dropped porch 405".to_owned()),
        "{:?}",
        test_site.log()
    );
    // A device that reports nothing else cannot write without a limit.
    let before = test_site.store.0.rows_written();
    (0..10_000).for_each(|_| drop(left_out("bell", u32::MAX)));
    assert!(
        test_site.store.0.rows_written() - before < 300,
        "{} rows",
        test_site.store.0.rows_written() - before
    );
}
