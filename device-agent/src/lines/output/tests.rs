//! Tests the rules of one output with simulated time.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::rc::Rc;

use pinlatch_protocol::line::Rgb;
use proptest::prelude::*;

use super::*;
use crate::config::Config;

/// A driver that records the levels that are set. The driver fails while `broken` is true.
#[derive(Clone, Default)]
struct Wire {
    set: Rc<RefCell<Vec<Level>>>,
    broken: Rc<Cell<bool>>,
}

impl Driver for Wire {
    fn set(&mut self, level: Level) -> Result<(), DriverError> {
        if self.broken.get() {
            return Err(DriverError("broken".into()));
        }
        self.set.borrow_mut().push(level);
        Ok(())
    }
}

const ON: Option<Level> = Some(Level::On(true));
const OFF: Option<Level> = Some(Level::On(false));

fn output(line: &str) -> (Output, Wire, Instant) {
    let text = format!("state_dir = \"s\"\n[simulator]\n[lines.x]\ndriver = \"sim\"\n{line}");
    let config = Config::parse(&text, Path::new("")).unwrap().lines.remove(0);
    let wire = Wire::default();
    let safe = config.safe.unwrap();
    let now = Instant::now();
    (Output::new(&config, safe, Ok(Box::new(wire.clone())), now), wire, now)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Runs all timers of the output that are due until the time `until`.
fn run_until(output: &mut Output, until: Instant) {
    while let Some(due) = output.next_due().filter(|due| *due <= until) {
        let _ = output.tick(due);
    }
}

#[test]
fn the_safe_level_comes_first() {
    let (output, wire, _) = output("kind = \"switch\"\nsafe = true");
    assert_eq!((output.level(), wire.set.borrow().as_slice()), (ON, &[Level::On(true)][..]));
}

#[test]
fn a_pulse_ends_by_itself_and_is_not_prolonged() {
    let (mut door, _, start) = output("kind = \"momentary\"");
    assert_eq!(door.run(Action::Pulse { ms: 3_000 }, start), Ok(ON));
    assert_eq!(door.run(Action::Pulse { ms: 100 }, start + ms(2_999)), Err(Refused::Busy));
    run_until(&mut door, start + ms(2_999));
    assert_eq!(door.level(), ON);
    run_until(&mut door, start + ms(3_000));
    assert_eq!(door.level(), OFF);
    assert_eq!(door.run(Action::Pulse { ms: 100 }, start + ms(3_001)), Ok(ON));
}

#[test]
fn the_owner_limits_how_long_and_how_often() {
    let (mut door, wire, start) = output("kind = \"momentary\"\nmax_on_ms = 500\nmin_interval_ms = 1000");
    assert_eq!(door.run(Action::Pulse { ms: 501 }, start), Err(Refused::MaxOn));
    assert_eq!(wire.set.borrow().len(), 1, "a refused command moves nothing");
    assert_eq!(door.run(Action::Pulse { ms: 500 }, start), Ok(ON));
    run_until(&mut door, start + ms(999));
    assert_eq!(door.run(Action::Pulse { ms: 1 }, start + ms(999)), Err(Refused::MinInterval));
    assert_eq!(door.run(Action::Pulse { ms: 1 }, start + ms(1_000)), Ok(ON));
}

#[test]
fn setting_a_limited_switch_again_gains_no_time() {
    let (mut pump, _, start) = output("kind = \"switch\"\nmax_on_ms = 1000");
    assert_eq!(pump.run(Action::set(Level::On(true)), start), Ok(ON));
    assert_eq!(pump.run(Action::set(Level::On(true)), start + ms(900)), Ok(ON));
    run_until(&mut pump, start + ms(1_000));
    assert_eq!(pump.level(), OFF);
    assert_eq!(pump.run(Action::Blink { period_ms: 2_002, count: 1 }, start), Err(Refused::MaxOn));
}

#[test]
fn a_blink_ends_as_it_began_and_set_ends_it() {
    for base in [false, true] {
        let (mut lamp, wire, start) = output("kind = \"switch\"");
        lamp.run(Action::set(Level::On(base)), start).unwrap();
        wire.set.borrow_mut().clear();
        assert_eq!(lamp.run(Action::Blink { period_ms: 100, count: 3 }, start), Ok(Some(Level::On(!base))));
        run_until(&mut lamp, start + ms(10_000));
        let expected: Vec<Level> = [!base, base].repeat(3).into_iter().map(Level::On).collect();
        assert_eq!(*wire.set.borrow(), expected);
        assert!(!lamp.is_moving());

        lamp.run(Action::Blink { period_ms: 100, count: 1_000 }, start).unwrap();
        assert_eq!(
            lamp.run(Action::Toggle, start + ms(10)),
            Ok(Some(Level::On(!base))),
            "the opposite of the level before the blink"
        );
        assert_eq!(lamp.next_due(), None);
    }
}

#[test]
fn losing_the_link_leads_to_the_safe_level_unless_held() {
    let (mut lamp, _, start) = output("kind = \"switch\"\non_link_loss = { safe_after_s = 10 }");
    lamp.run(Action::set(Level::On(true)), start).unwrap();
    lamp.link_lost(start);
    run_until(&mut lamp, start + ms(9_999));
    lamp.link_up();
    run_until(&mut lamp, start + ms(20_000));
    assert_eq!(lamp.level(), ON, "the link came back in time");
    lamp.link_lost(start + ms(20_000));
    run_until(&mut lamp, start + ms(30_000));
    assert_eq!(lamp.level(), OFF);

    let (mut held, _, start) = output("kind = \"rgb\"\nretain = true");
    let red = Level::Colour(Rgb(255, 0, 0));
    held.run(Action::set(red), start).unwrap();
    held.link_lost(start);
    assert_eq!((held.next_due(), held.level()), (None, Some(red)));
}

#[test]
fn a_failing_output_is_tried_until_it_is_safe() {
    let (mut door, wire, start) = output("kind = \"momentary\"");
    door.run(Action::Pulse { ms: 100 }, start).unwrap();
    wire.broken.set(true);
    run_until(&mut door, start + ms(5_000));
    assert_eq!(door.level(), None, "the level is unknown");
    assert!(door.run(Action::Pulse { ms: 1 }, start + ms(5_000)).is_err());
    door.link_up();
    wire.broken.set(false);
    run_until(&mut door, start + ms(7_000));
    assert_eq!(door.level(), OFF);
}

#[test]
fn a_line_that_cannot_be_opened_refuses() {
    let (_, _, start) = output("kind = \"switch\"");
    let config = Config::parse(
        "state_dir = \"s\"\n[simulator]\n[lines.x]\nkind = \"switch\"\ndriver = \"sim\"",
        Path::new(""),
    );
    let config = config.unwrap().lines.remove(0);
    let mut lost = Output::new(&config, Level::On(false), Err(DriverError("no such line".into())), start);
    assert!(matches!(lost.run(Action::Toggle, start), Err(Refused::Driver(_))));
    assert!(matches!(lost.run(Action::set(Level::On(true)), start), Err(Refused::Driver(_))));
    lost.link_lost(start);
    assert_eq!(lost.next_due(), None);
}

#[test]
fn a_safe_level_that_could_not_be_applied_is_tried_again() {
    let (mut heater, wire, start) = output("kind = \"switch\"");
    heater.run(Action::set(Level::On(true)), start).unwrap();
    wire.broken.set(true);
    assert!(heater.make_safe(start).is_err());
    wire.broken.set(false);
    run_until(&mut heater, start + ms(1_000));
    assert_eq!((heater.level(), heater.next_due()), (OFF, None));
}

#[test]
fn the_level_of_the_start_is_not_the_safe_one_where_the_owner_says_so() {
    let (mut fan, wire, start) = output("kind = \"switch\"\ninitial = true");
    assert_eq!((fan.level(), wire.set.borrow().len()), (ON, 1));
    fan.make_safe(start).unwrap();
    assert_eq!(fan.level(), OFF);
}

#[test]
fn a_fade_goes_step_by_step_and_a_new_one_starts_where_it_is() {
    let level = |number: f64| Some(Level::Number(number));
    let fade = |to: f64, fade_ms| Action::Set { level: Level::Number(to), fade_ms };
    let (mut lamp, wire, start) = output("kind = \"dimmer\"");
    assert_eq!(lamp.run(fade(1.0, 1_000), start), Ok(level(0.0)), "the level right after");
    run_until(&mut lamp, start + ms(500));
    assert_eq!((lamp.level(), lamp.is_moving()), (level(0.5), true));
    assert!((24..=27).contains(&wire.set.borrow().len()), "a step each 20 ms: {}", wire.set.borrow().len());
    assert_eq!(lamp.run(fade(0.0, 100), start + ms(500)), Ok(level(0.5)));
    run_until(&mut lamp, start + ms(550));
    assert_eq!(lamp.level(), level(0.3), "steps at 520 and 540 ms");
    run_until(&mut lamp, start + ms(600));
    assert_eq!((lamp.level(), lamp.next_due()), (level(0.0), None));

    lamp.run(fade(1.0, 60_000), start + ms(600)).unwrap();
    run_until(&mut lamp, start + ms(30_600));
    lamp.make_safe(start + ms(30_600)).unwrap();
    assert_eq!((lamp.level(), lamp.next_due()), (level(0.0), None), "safe immediately");
    assert_eq!(lamp.run(fade(0.0, 100), start + ms(31_000)), Ok(level(0.0)));
    assert!(!lamp.is_moving(), "the output is already at this level");
}

#[test]
fn colours_fade_in_each_part() {
    let (mut rose, _, start) = output("kind = \"rgb\"\nsafe = \"#ff0000\"");
    let blue = Action::Set { level: Level::Colour(Rgb(0, 0, 255)), fade_ms: 400 };
    rose.run(blue, start).unwrap();
    run_until(&mut rose, start + ms(200));
    assert_eq!(rose.level(), Some(Level::Colour(Rgb(128, 0, 128))));
    run_until(&mut rose, start + ms(10_000));
    assert_eq!(rose.level(), Some(Level::Colour(Rgb(0, 0, 255))));
}

#[test]
fn a_dimmer_is_limited_like_a_switch() {
    let (mut heater, _, start) = output("kind = \"dimmer\"\nmax_on_ms = 1000");
    let slow = Action::Set { level: Level::Number(1.0), fade_ms: 1_001 };
    assert_eq!(heater.run(slow, start), Err(Refused::MaxOn));
    heater.run(Action::Set { level: Level::Number(1.0), fade_ms: 1_000 }, start).unwrap();
    run_until(&mut heater, start + ms(900));
    heater.run(Action::set(Level::Number(0.5)), start + ms(900)).unwrap();
    run_until(&mut heater, start + ms(1_020));
    assert_eq!(heater.level(), Some(Level::Number(0.0)), "its first step was at 20 ms");
}

#[test]
fn a_servo_keeps_to_its_range() {
    let (mut flap, wire, start) = output("kind = \"servo\"\nsafe = 20\nrange_deg = [20, 160]");
    assert_eq!(flap.level(), Some(Level::Number(20.0)));
    for degrees in [19.9, 160.1] {
        assert_eq!(flap.run(Action::set(Level::Number(degrees)), start), Err(Refused::Range));
    }
    assert_eq!(flap.run(Action::set(Level::Number(160.0)), start), Ok(Some(Level::Number(160.0))));
    assert_eq!(wire.set.borrow().len(), 2);
}

#[test]
fn a_driver_that_keeps_failing_is_given_up_and_taken_back() {
    let (mut lamp, wire, start) = output("kind = \"switch\"");
    wire.broken.set(true);
    assert!(lamp.run(Action::set(Level::On(true)), start).is_err());
    run_until(&mut lamp, start + ms(60_000));
    assert!(!lamp.is_open() && lamp.next_due().is_none() && lamp.fault().is_some());
    wire.broken.set(false);
    lamp.reopened(Box::new(wire.clone()), start + ms(60_000)).unwrap();
    assert_eq!((lamp.level(), lamp.fault()), (OFF, None));
}

#[test]
fn power_is_on_whenever_it_could_be() {
    let (mut lamp, wire, start) = output("kind = \"switch\"");
    assert_eq!(lamp.power(), Power::Off(start), "it may have been on before the start");
    lamp.run(Action::Blink { period_ms: 100, count: 2 }, start).unwrap();
    run_until(&mut lamp, start + ms(60));
    assert_eq!((lamp.level(), lamp.power()), (OFF, Power::On), "the dark half of a blink");
    run_until(&mut lamp, start + ms(1_000));
    assert_eq!(lamp.power(), Power::Off(start + ms(150)));
    wire.broken.set(true);
    assert!(lamp.run(Action::Toggle, start + ms(2_000)).is_err());
    assert_eq!(lamp.power(), Power::On, "the level is unknown");
}

proptest! {
    /// For any sequence of actions, an output with `max_on_ms` is never on for longer than this limit.
    #[test]
    fn max_on_holds(steps in prop::collection::vec((0u8..5, 0u64..400, 1u32..400), 1..60)) {
        let (mut pump, _, start) = output("kind = \"switch\"\nmax_on_ms = 150");
        let mut now = start;
        let mut on_since = None;
        for (what, gap, size) in steps {
            let until = now + ms(gap);
            loop {
                let due = pump.next_due().filter(|due| *due <= until);
                if let Some(due) = due {
                    let _ = pump.tick(due);
                }
                let at = due.unwrap_or(until);
                match (on_since, pump.level() == ON) {
                    (None, true) => on_since = Some(at),
                    (Some(since), false) => {
                        prop_assert!(at - since <= ms(150));
                        on_since = None;
                    }
                    (Some(since), true) => prop_assert!(at - since <= ms(150)),
                    (None, false) => {}
                }
                if due.is_none() { break }
            }
            now = until;
            let _ = match what {
                0 => pump.run(Action::set(Level::On(true)), now),
                1 => pump.run(Action::set(Level::On(false)), now),
                2 => pump.run(Action::Toggle, now),
                3 => pump.run(Action::Blink { period_ms: size.max(20), count: size }, now),
                _ => { pump.link_lost(now); Ok(None) }
            };
            if pump.level() == ON { on_since = on_since.or(Some(now)) } else { on_since = None }
        }
    }
}
