//! Tests all lines together on tokio's paused clock.

use serde_json::json;
use tempfile::TempDir;

use std::time::Duration;

use super::board::MAX_EVENTS;
use super::*;

mod machine;
mod rules;

fn open(lines: &str) -> (Lines, mpsc::Receiver<Signal>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("state_dir = \"s\"\n[simulator]\njournal = \"j\"\nsocket = \"k\"\n{lines}");
    let config = Config::parse(&text, folder.path()).unwrap();
    let (lines, edges) = Lines::open(&config, RuleRuns::default());
    (lines, edges, folder)
}

fn run(lines: &Lines, line: &str, action: &str, args: Value) -> Result<Option<Level>, Refused> {
    lines.run(&Name::new(line).unwrap(), action, args.as_object().unwrap())
}

/// Runs the line task for the given time and returns the events of the lines.
async fn news(lines: &Lines, signals: mpsc::Receiver<Signal>, time: Duration) -> Vec<(Duration, LineEvent)> {
    let start = Instant::now();
    let mut seen = Vec::new();
    let collect = async {
        loop {
            let event = lines.next_event().await;
            seen.push((event.at - start, event.news));
        }
    };
    tokio::select! {
        () = lines.drive(signals) => {}
        () = collect => {}
        () = tokio::time::sleep(time) => {}
    }
    seen
}

/// Runs the line task for the given time and returns only the level events of the lines.
async fn events(lines: &Lines, signals: mpsc::Receiver<Signal>, time: Duration) -> Vec<(Duration, Level)> {
    let level = |(at, news)| match news {
        LineEvent::Level(Some(level)) => Some((at, level)),
        _ => None,
    };
    news(lines, signals, time).await.into_iter().filter_map(level).collect()
}

const DOOR: &str = "[lines.door]\nkind = \"momentary\"\ndriver = \"sim\"\n";
const LAMP: &str = "[lines.lamp]\nkind = \"switch\"\ndriver = \"sim\"\n";

#[tokio::test(start_paused = true)]
async fn a_pulse_is_reported_at_both_ends_and_needs_no_link() {
    let (lines, edges, _folder) = open(DOOR);
    assert_eq!(run(&lines, "door", "pulse", json!({ "ms": 3_000 })), Ok(Some(Level::On(true))));
    lines.link_lost();
    let seen = events(&lines, edges, Duration::from_secs(10)).await;
    let expected = [(Duration::ZERO, Level::On(true)), (Duration::from_secs(3), Level::On(false))];
    assert_eq!(seen, expected);
}

/// Runs the line task for the given time and returns the level, the remaining milliseconds and the blinking of each
/// event.
async fn courses(
    lines: &Lines,
    signals: mpsc::Receiver<Signal>,
    time: Duration,
) -> Vec<(Level, Option<u32>, bool)> {
    let mut seen = Vec::new();
    let collect = async {
        loop {
            let event = lines.next_event().await;
            if let LineEvent::Level(Some(level)) = event.news {
                seen.push((level, event.course.ends_in_ms(event.at), event.course.blinking));
            }
        }
    };
    tokio::select! {
        () = lines.drive(signals) => {}
        () = collect => {}
        () = tokio::time::sleep(time) => {}
    }
    seen
}

#[tokio::test(start_paused = true)]
async fn a_level_is_reported_with_the_time_until_its_end() {
    let (lines, signals, _folder) = open(&format!("{DOOR}max_on_ms = 20_000\n"));
    run(&lines, "door", "pulse", json!({ "ms": 3_000 })).unwrap();
    assert_eq!(lines.infos()[0].ends_in_ms, Some(3_000), "the pulse is shorter than the limit");
    tokio::time::advance(Duration::from_millis(400)).await;
    assert_eq!(lines.infos()[0].ends_in_ms, Some(2_600));
    let seen = courses(&lines, signals, Duration::from_secs(10)).await;
    assert_eq!(seen, [(Level::On(true), Some(3_000), false), (Level::On(false), None, false)]);
    assert_eq!(lines.infos()[0].ends_in_ms, None);

    let (lines, signals, _folder) = open(&format!("{LAMP}max_on_ms = 20_000\n"));
    run(&lines, "lamp", "set", json!({ "value": true })).unwrap();
    let seen = courses(&lines, signals, Duration::from_secs(30)).await;
    assert_eq!(seen, [(Level::On(true), Some(20_000), false), (Level::On(false), None, false)]);
}

#[tokio::test(start_paused = true)]
async fn a_blink_is_reported_until_it_ends() {
    let (lines, signals, _folder) = open(LAMP);
    run(&lines, "lamp", "blink", json!({ "period_ms": 1_000, "count": 2 })).unwrap();
    let (on, off) = (Level::On(true), Level::On(false));
    let seen = courses(&lines, signals, Duration::from_secs(10)).await;
    let expected =
        [(on, Some(1_500), true), (off, Some(1_000), true), (on, Some(500), true), (off, None, false)];
    assert_eq!(seen, expected);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_blink_is_reported_although_the_level_stays() {
    let (lines, signals, _folder) = open(LAMP);
    run(&lines, "lamp", "blink", json!({ "period_ms": 60_000, "count": 2 })).unwrap();
    let steady = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        run(&lines, "lamp", "set", json!({ "value": true })).unwrap();
        std::future::pending::<()>().await;
    };
    let seen = tokio::select! {
        seen = courses(&lines, signals, Duration::from_secs(5)) => seen,
        () = steady => panic!(),
    };
    assert_eq!(seen, [(Level::On(true), Some(90_000), true), (Level::On(true), None, false)]);
}

#[tokio::test(start_paused = true)]
async fn a_fast_blink_is_sampled_and_its_end_is_told() {
    let (lines, edges, _folder) = open(LAMP);
    run(&lines, "lamp", "blink", json!({ "period_ms": 20, "count": 105 })).unwrap();
    let seen = events(&lines, edges, Duration::from_secs(10)).await;
    assert!((5..=22).contains(&seen.len()), "{seen:?}");
    assert_eq!(seen.last().map(|(_, level)| *level), Some(Level::On(false)));
}

#[tokio::test(start_paused = true)]
async fn a_lost_link_makes_a_line_safe_after_a_minute_by_default() {
    let (lines, edges, _folder) = open(LAMP);
    run(&lines, "lamp", "set", json!({ "value": true })).unwrap();
    lines.link_lost();
    let seen = events(&lines, edges, Duration::from_secs(100)).await;
    assert_eq!(seen.last(), Some(&(Duration::from_secs(60), Level::On(false))));
}

#[tokio::test(start_paused = true)]
async fn events_of_a_time_without_a_link_are_not_told_later() {
    let (lines, edges, _folder) = open(LAMP);
    run(&lines, "lamp", "toggle", json!({})).unwrap();
    lines.link_up();
    assert_eq!(lines.infos()[0].level, Some(Level::On(true)), "the hello contains the level");
    assert_eq!(events(&lines, edges, Duration::from_secs(1)).await, []);
}

#[tokio::test(start_paused = true)]
async fn events_are_bounded_while_nobody_listens() {
    let (lines, _edges, _folder) = open(LAMP);
    for _ in 0..10 * MAX_EVENTS {
        run(&lines, "lamp", "toggle", json!({})).unwrap();
    }
    assert_eq!(std::iter::from_fn(|| lines.pending_event()).count(), MAX_EVENTS);
}

#[tokio::test(start_paused = true)]
async fn a_fade_is_sampled_and_its_end_is_told() {
    let (lines, signals, _folder) = open("[lines.lamp]\nkind = \"dimmer\"\ndriver = \"sim\"\n");
    run(&lines, "lamp", "set", json!({ "value": 1, "fade_ms": 1_000 })).unwrap();
    let seen = events(&lines, signals, Duration::from_secs(10)).await;
    assert!((4..=7).contains(&seen.len()), "{seen:?}");
    assert_eq!(seen.last(), Some(&(Duration::from_secs(1), Level::Number(1.0))));
}

#[tokio::test(start_paused = true)]
async fn limits_hold_when_the_link_goes_in_the_middle() {
    let (lines, signals, _folder) = open(
        "[lines.door]\nkind = \"momentary\"\ndriver = \"sim\"\nmin_interval_ms = 60_000\n\
         [lines.pump]\nkind = \"switch\"\ndriver = \"sim\"\nmax_on_ms = 4_000\non_link_loss = \"hold\"\n\
         [lines.lamp]\nkind = \"switch\"\ndriver = \"sim\"\non_link_loss = { safe_after_s = 2 }\n",
    );
    lines.link_up();
    run(&lines, "door", "pulse", json!({ "ms": 1_000 })).unwrap();
    run(&lines, "pump", "set", json!({ "value": true })).unwrap();
    run(&lines, "lamp", "set", json!({ "value": true })).unwrap();
    while lines.pending_event().is_some() {}
    let lost = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        lines.link_lost();
        tokio::time::sleep(Duration::from_secs(5)).await;
        // A new connection does not reset the timer for `min_interval_ms`, so the command is refused.
        lines.link_up();
        let again = run(&lines, "door", "pulse", json!({ "ms": 1 }));
        assert_eq!(again, Err(Refused::MinInterval));
    };
    let (seen, ()) = tokio::join!(
        async {
            let start = Instant::now();
            let mut seen = Vec::new();
            let collect = async {
                while seen.len() < 3 {
                    let event = lines.next_event().await;
                    seen.push((
                        event.line.to_string(),
                        u64::try_from((event.at - start).as_millis()).unwrap(),
                    ));
                }
            };
            tokio::select! { () = lines.drive(signals) => {} () = collect => {} }
            seen
        },
        lost
    );
    let expected = [("door", 1_000), ("lamp", 2_500), ("pump", 4_000)];
    assert_eq!(seen, expected.map(|(line, at)| (line.to_owned(), at)));
}

#[tokio::test(start_paused = true)]
async fn interlocked_lines_are_never_on_together() {
    let (lines, signals, _folder) = open(
        "[lines.up]\nkind = \"switch\"\ndriver = \"sim\"\n[lines.down]\nkind = \"momentary\"\ndriver = \"sim\"\n\
         [interlocks.shutter]\nlines = [\"up\", \"down\"]\ndead_time_ms = 500\n",
    );
    let driven = async {
        let interlocked = |other: &str| Err(Refused::Interlock(Name::new(other).unwrap()));
        let up = |on| run(&lines, "up", "set", json!({ "value": on }));
        let down = || run(&lines, "down", "pulse", json!({ "ms": 1_000 }));
        assert_eq!(up(true), interlocked("down"), "either may have been on before the start");
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(up(true), Ok(Some(Level::On(true))));
        assert_eq!(down(), interlocked("up"));
        up(false).unwrap();
        assert_eq!(down(), interlocked("up"), "the dead time");
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(down(), Ok(Some(Level::On(true))));
        assert_eq!(up(false), Ok(Some(Level::On(false))), "off is always allowed");
        tokio::time::sleep(Duration::from_millis(1_499)).await;
        assert_eq!(run(&lines, "up", "toggle", json!({})), interlocked("down"));
        tokio::time::sleep(Duration::from_millis(1)).await;
        run(&lines, "up", "blink", json!({ "period_ms": 2_000, "count": 2 })).unwrap();
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(down(), interlocked("up"), "the dark half of a blink");
        assert_eq!(down().unwrap_err().code(), "refused_interlock");
    };
    tokio::select! { () = lines.drive(signals) => {} () = driven => {} }
}

#[tokio::test(start_paused = true)]
async fn a_press_is_told_after_the_level_that_ends_it() {
    let (lines, signals, folder) =
        open("[lines.bell]\nkind = \"contact\"\ndriver = \"sim\"\ndebounce_ms = 0\npresses = true\n");
    let (sender, own) = mpsc::channel(4);
    assert!(lines.infos()[0].presses);
    drop(signals);
    let edge = |level| Signal { line: 0, input: Input::Edge(level) };
    sender.try_send(edge(true)).unwrap();
    let released = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        sender.try_send(edge(false)).unwrap();
        std::future::pending::<()>().await;
    };
    let seen = tokio::select! {
        seen = news(&lines, own, Duration::from_secs(5)) => seen,
        () = released => panic!(),
    };
    let (first, later) = (Duration::ZERO, Duration::from_millis(300));
    let level = |on| LineEvent::Level(Some(Level::On(on)));
    assert_eq!(
        seen,
        [(first, level(true)), (later, level(false)), (later, LineEvent::Press { long: false })]
    );
    drop(folder);
}

#[tokio::test(start_paused = true)]
async fn a_sensor_in_sysfs_is_read_at_its_interval_and_may_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let text = "state_dir = \"s\"\n[lines.heat]\nkind = \"sensor\"\ndriver = \"w1\"\n\
                device = \"28-00000abcdef0\"\ninterval_s = 10\nmin_change = 0.5\n";
    let mut config = Config::parse(text, folder.path()).unwrap();
    config.sysfs = folder.path().into();
    let device = folder.path().join("bus/w1/devices/28-00000abcdef0");
    let (lines, signals) = Lines::open(&config, RuleRuns::default());
    let info = lines.infos().remove(0);
    assert_eq!((info.level, info.unit.as_deref(), info.precision), (None, Some("°C"), Some(1)));
    let weather = async {
        for (seconds, text) in [(5, Some("20000")), (10, Some("20400")), (10, Some("20500")), (10, None)] {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            match text {
                Some(text) => {
                    std::fs::create_dir_all(&device).unwrap();
                    std::fs::write(device.join("temperature"), text).unwrap();
                }
                None => std::fs::remove_dir_all(&device).unwrap(),
            }
        }
        std::future::pending::<()>().await;
    };
    let seen = tokio::select! {
        seen = news(&lines, signals, Duration::from_secs(60)) => seen,
        () = weather => panic!(),
    };
    let levels: Vec<(u64, LineEvent)> = seen.into_iter().map(|(at, news)| (at.as_secs(), news)).collect();
    let level = |number: Option<f64>| LineEvent::Level(number.map(Level::Number));
    assert_eq!(levels, [(10, level(Some(20.0))), (30, level(Some(20.5))), (40, level(None))]);
    assert!(lines.each(|_, _, fault| fault.is_some())[0]);
}

#[tokio::test(start_paused = true)]
async fn a_line_that_comes_late_is_opened_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let text = "state_dir = \"s\"\n[lines.lamp]\nkind = \"dimmer\"\ndriver = \"pwm\"\npwm = \"1-0040\"\nchannel = 3\n";
    let mut config = Config::parse(text, folder.path()).unwrap();
    config.sysfs = folder.path().into();
    let (lines, signals) = Lines::open(&config, RuleRuns::default());
    assert_eq!(lines.infos()[0].level, None);
    assert!(matches!(run(&lines, "lamp", "set", json!({ "value": 1 })), Err(Refused::Driver(_))));
    let plugged = async {
        tokio::time::sleep(Duration::from_secs(25)).await;
        // A PWM chip appears on the I2C bus, and another program has already exported one channel of the chip.
        let real = folder.path().join("devices/i2c-1/1-0040/pwm/pwmchip5");
        std::fs::create_dir_all(real.join("pwm3")).unwrap();
        std::fs::create_dir_all(folder.path().join("class/pwm")).unwrap();
        std::os::unix::fs::symlink("../..", real.join("device")).unwrap();
        std::os::unix::fs::symlink(&real, folder.path().join("class/pwm/pwmchip5")).unwrap();
        for (name, value) in [
            ("npwm", "16"),
            ("pwm3/period", "0"),
            ("pwm3/duty_cycle", "0"),
            ("pwm3/polarity", "normal"),
            ("pwm3/enable", "0"),
        ] {
            std::fs::write(real.join(name), value).unwrap();
        }
        std::future::pending::<()>().await;
    };
    let seen = tokio::select! {
        seen = news(&lines, signals, Duration::from_secs(60)) => seen,
        () = plugged => panic!(),
    };
    assert_eq!(seen, [(Duration::from_secs(30), LineEvent::Level(Some(Level::Number(0.0))))]);
    run(&lines, "lamp", "set", json!({ "value": 1 })).unwrap();
    let duty = std::fs::read_to_string(folder.path().join("class/pwm/pwmchip5/pwm3/duty_cycle")).unwrap();
    assert_eq!(duty, "1000000");
}

/// A reload does not affect the timers of an unchanged line. A changed line goes to its safe level and is treated as a
/// new line.
#[tokio::test(start_paused = true)]
async fn a_reload_leaves_what_has_not_changed_alone() {
    let heater = "[lines.heater]\nkind = \"switch\"\ndriver = \"sim\"\nmax_on_ms = 4_000\n";
    let (lines, signals, folder) = open(&format!("{LAMP}{heater}{DOOR}"));
    lines.link_lost();
    run(&lines, "heater", "set", json!({ "value": true })).unwrap();
    run(&lines, "lamp", "set", json!({ "value": true })).unwrap();
    run(&lines, "door", "pulse", json!({ "ms": 3_000 })).unwrap();
    lines.link_lost();
    while lines.pending_event().is_some() {}
    let text = format!(
        "state_dir = \"s\"\n[simulator]\njournal = \"j\"\nsocket = \"k\"\n{DOOR}{heater}{}\
         [interlocks.x]\nlines = [\"lamp\", \"heater\"]\ndead_time_ms = 0\n",
        LAMP.replace(
            "driver",
            "min_interval_ms = 1\ninitial = false\non_link_loss = { safe_after_s = 5 }\ndriver"
        )
    );
    let config = Config::parse(&text, folder.path()).unwrap();
    let start = Instant::now();
    let (seen, ()) = tokio::join!(
        async {
            let mut seen = Vec::new();
            let collect = async {
                while seen.len() < 2 {
                    let event = lines.next_event().await;
                    seen.push((event.line.to_string(), (event.at - start).as_millis()));
                }
            };
            tokio::select! { () = lines.drive(signals) => {} () = collect => {} }
            seen
        },
        async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            lines.reload(&config, || ()).await;
            lines.reconfigured().await;
            let levels: Vec<_> =
                lines.infos().into_iter().map(|info| (info.name.to_string(), info.level)).collect();
            let on = |line: &str, on| (line.to_owned(), Some(Level::On(on)));
            assert_eq!(levels, [on("door", true), on("heater", true), on("lamp", false)]);
            let interlocked = run(&lines, "lamp", "set", json!({ "value": true }));
            assert_eq!(interlocked.unwrap_err().code(), "refused_interlock", "the new interlock applies");
            assert_eq!(run(&lines, "door", "pulse", json!({ "ms": 1 })), Err(Refused::Busy));
        }
    );
    assert_eq!(seen, [("door".to_owned(), 3_000), ("heater".to_owned(), 4_000)]);
    // A second reload without changes causes no new hello message to the edge.
    lines.reload(&config, || ()).await;
    assert!(tokio::time::timeout(Duration::from_secs(1), lines.reconfigured()).await.is_err());
}

/// The keys for statements do not concern the level of a line.
#[tokio::test]
async fn a_reload_of_the_keys_for_statements_touches_no_line() {
    let (lines, _signals, folder) = open(LAMP);
    run(&lines, "lamp", "set", json!({ "value": true })).unwrap();
    let name = Name::new("lamp").unwrap();
    assert!(!lines.is_signed(&name) && !lines.gives_receipts(&name));
    let signed = LAMP.replace("driver", "signed = true\nreceipts = true\ndriver");
    let text = format!("state_dir = \"s\"\n[simulator]\njournal = \"j\"\nsocket = \"k\"\n{signed}");
    lines.reload(&Config::parse(&text, folder.path()).unwrap(), || ()).await;
    assert!(lines.is_signed(&name) && lines.gives_receipts(&name));
    assert_eq!(lines.measure(&name).map(|measured| measured.level), Ok(Level::On(true)));
}

/// No hello message follows a reload that leaves the lines as they are, so the reload must keep the level events that
/// are still queued.
#[tokio::test(start_paused = true)]
async fn a_reload_without_changes_keeps_queued_levels() {
    let (lines, _signals, folder) = open(LAMP);
    while lines.pending_event().is_some() {}
    run(&lines, "lamp", "set", json!({ "value": true })).unwrap();
    let text = format!("state_dir = \"s\"\n[simulator]\njournal = \"j\"\nsocket = \"k\"\n{LAMP}");
    lines.reload(&Config::parse(&text, folder.path()).unwrap(), || ()).await;
    let kept = lines.pending_event().map(|event| event.news);
    assert_eq!(kept, Some(LineEvent::Level(Some(Level::On(true)))));
}

#[tokio::test]
async fn dropping_everything_leaves_the_outputs_safe() {
    let (lines, edges, folder) = open(LAMP);
    run(&lines, "lamp", "set", json!({ "value": true })).unwrap();
    drop((lines, edges));
    let journal = std::fs::read_to_string(folder.path().join("j")).unwrap();
    let last: Value = serde_json::from_str(journal.lines().last().unwrap()).unwrap();
    assert_eq!((&last["line"], &last["level"]), (&json!("lamp"), &json!(false)));
}
