//! The rules of one output, on invented moments.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::rc::Rc;

use pinlatch_protocol::line::Rgb;
use proptest::prelude::*;

use super::*;
use crate::config::Config;

/// What a driver was told, and whether it fails now.
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
    (Output::new(&config, safe, Ok(Box::new(wire.clone()))), wire, Instant::now())
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Ticks at every moment that the output asks for, up to `until`.
fn run_until(output: &mut Output, until: Instant) {
    while let Some(due) = output.next_due().filter(|due| *due <= until) {
        output.tick(due);
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
        assert!(!lamp.is_blinking());

        lamp.run(Action::Blink { period_ms: 100, count: 1_000 }, start).unwrap();
        assert_eq!(
            lamp.run(Action::Toggle, start + ms(10)),
            Ok(Some(Level::On(!base))),
            "from before the blink"
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
    assert_eq!(door.level(), None, "nobody knows");
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
    let mut lost = Output::new(&config, Level::On(false), Err(DriverError("no such line".into())));
    assert!(matches!(lost.run(Action::Toggle, start), Err(Refused::Driver(_))));
    assert!(matches!(lost.run(Action::set(Level::On(true)), start), Err(Refused::Driver(_))));
    lost.link_lost(start);
    assert_eq!(lost.next_due(), None);
}

proptest! {
    /// Whatever is asked and whenever, a limited line is never on for longer than its limit.
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
                    pump.tick(due);
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
