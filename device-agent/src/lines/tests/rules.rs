//! Runs the examples of `docs/rules.md` on simulated hardware and tokio's paused clock.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::sleep;

use super::*;

/// The level changes of all outputs, with their times in milliseconds since the start.
#[derive(Default)]
struct Wires {
    levels: BTreeMap<String, Level>,
    changes: Vec<(String, Level, u128)>,
}

struct Hardware {
    wires: Rc<RefCell<Wires>>,
    /// The contacts that are closed at the start.
    closed: Vec<&'static str>,
    start: Instant,
}

struct Wire {
    name: String,
    wires: Rc<RefCell<Wires>>,
    start: Instant,
}

impl Driver for Wire {
    fn set(&mut self, level: Level) -> Result<(), DriverError> {
        let mut wires = self.wires.borrow_mut();
        if wires.levels.insert(self.name.clone(), level) != Some(level) {
            wires.changes.push((self.name.clone(), level, self.start.elapsed().as_millis()));
        }
        Ok(())
    }
}

impl Open for Hardware {
    fn output(
        &self,
        line: &LineConfig,
        _: Level,
        _: std::time::Instant,
    ) -> Result<Box<dyn Driver>, DriverError> {
        let (name, wires) = (line.name.to_string(), Rc::clone(&self.wires));
        Ok(Box::new(Wire { name, wires, start: self.start }))
    }

    fn contact(&self, line: &LineConfig, _: usize) -> Result<(bool, driver::Watch), DriverError> {
        Ok((self.closed.contains(&line.name.as_str()), driver::Watch::default()))
    }

    fn sensor(&self) -> Result<(), DriverError> {
        Ok(())
    }

    fn read(&self, _: &LineConfig, _: usize) {}
}

/// A device that runs the rules of one configuration.
struct Device {
    lines: Lines,
    signals: mpsc::Sender<Signal>,
    config: Config,
    wires: Rc<RefCell<Wires>>,
}

impl Device {
    /// Sends a signal of an input.
    async fn input(&self, line: &str, input: Input) {
        let number = self.config.lines.iter().position(|own| own.name.as_str() == line).expect(line);
        self.signals.send(Signal { line: number, input }).await.unwrap();
    }

    async fn close(&self, line: &str, closed: bool) {
        self.input(line, Input::Edge(closed)).await;
        sleep(Duration::from_millis(100)).await;
    }

    async fn press(&self, line: &str, ms: u64) {
        self.close(line, true).await;
        sleep(Duration::from_millis(ms)).await;
        self.close(line, false).await;
    }

    async fn measure(&self, line: &str, value: f64) {
        self.input(line, Input::Reading(Ok(value))).await;
        sleep(Duration::from_millis(10)).await;
    }

    fn is_on(&self, line: &str) -> bool {
        self.wires.borrow().levels.get(line).is_some_and(Level::is_on)
    }

    /// Returns the number of times that an output was switched on.
    fn times_on(&self, line: &str) -> usize {
        let wires = self.wires.borrow();
        wires.changes.iter().filter(|(name, level, _)| name == line && level.is_on()).count()
    }
}

fn parse(text: &str) -> Config {
    Config::parse(&format!("state_dir = \"s\"\n[simulator]\nsocket = \"k\"\n{text}"), Path::new("")).unwrap()
}

/// Returns an example of the documentation.
fn example(name: &str) -> Config {
    let page = include_str!("../../../../docs/rules.md");
    let (_, rest) = page.split_once(&format!("```toml {name}\n")).expect(name);
    parse(rest.split_once("```").expect("the end of the example").0)
}

/// Runs the agent's line task while `script` runs.
async fn with_device<F: Future>(
    config: Config,
    closed: &[&'static str],
    script: impl FnOnce(Rc<Device>) -> F,
) -> F::Output {
    let wires = Rc::new(RefCell::new(Wires::default()));
    let hardware = Hardware { wires: Rc::clone(&wires), closed: closed.to_vec(), start: Instant::now() };
    let lines = Lines::open_on(&config, Box::new(hardware), RuleRuns::default());
    lines.link_lost();
    let (signals, received) = mpsc::channel(8);
    let device = Rc::new(Device { lines: lines.clone(), signals, config, wires });
    tokio::select! {
        () = lines.drive(received) => unreachable!(),
        output = script(device) => output,
    }
}

#[tokio::test(start_paused = true)]
async fn the_exit_button_opens_the_door_without_a_connection() {
    with_device(example("exit"), &[], |device| async move {
        device.press("exit-button", 200).await;
        assert!(device.is_on("door"));
        sleep(Duration::from_millis(2_800)).await;
        assert!(device.is_on("door"), "for three seconds");
        sleep(Duration::from_millis(200)).await;
        assert!(!device.is_on("door"));
        device.press("exit-button", 2_000).await;
        assert!(!device.is_on("door"), "a long press is another press");
        assert_eq!(device.times_on("door"), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_bell_lets_the_lamp_blink() {
    with_device(example("bell"), &["bell"], |device| async move {
        sleep(Duration::from_secs(10)).await;
        assert_eq!(device.times_on("lamp"), 0, "a contact that is closed at the start has not gone on");
        device.close("bell", false).await;
        device.close("bell", true).await;
        sleep(Duration::from_secs(10)).await;
        assert_eq!((device.times_on("lamp"), device.is_on("lamp")), (5, false));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn limit_switches_stop_the_motors_of_a_gate() {
    with_device(example("gate"), &["is-closed"], |device| async move {
        // The dead time of the interlock also counts from the start.
        sleep(Duration::from_secs(1)).await;
        device.press("key-switch", 100).await;
        assert!(device.is_on("opener"));
        device.close("is-closed", false).await;
        // The interlock refuses the other motor while the first one runs.
        device.press("key-switch", 1_500).await;
        assert_eq!((device.is_on("opener"), device.is_on("closer")), (true, false));
        device.close("is-open", true).await;
        assert!(!device.is_on("opener"), "the limit switch stops the motor");
        sleep(Duration::from_secs(1)).await;
        device.press("key-switch", 1_500).await;
        assert!(device.is_on("closer"));
        device.close("is-open", false).await;
        // Without its limit switch, the motor stops after its limit.
        sleep(Duration::from_secs(30)).await;
        assert!(!device.is_on("closer"));
        // A command from afar is stopped by the limit switch too.
        let args = json!({ "value": true }).as_object().unwrap().clone();
        device.lines.run(&Name::new("closer").unwrap(), "set", &args).unwrap();
        device.close("is-closed", true).await;
        assert!(!device.is_on("closer"));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_heater_keeps_the_frost_out() {
    with_device(example("frost"), &[], |device| async move {
        device.measure("cellar", 3.5).await;
        assert!(device.is_on("heater"), "a value at the start counts");
        for value in [4.5, 5.9, 3.9] {
            device.measure("cellar", value).await;
            assert!(device.is_on("heater"), "{value}");
        }
        device.measure("cellar", 6.5).await;
        assert!(!device.is_on("heater"));
        for value in [5.0, 4.1, 6.1] {
            device.measure("cellar", value).await;
            assert!(!device.is_on("heater"), "{value}");
        }
        device.input("cellar", Input::Reading(Err(DriverError("gone".into())))).await;
        device.measure("cellar", 3.0).await;
        assert_eq!((device.is_on("heater"), device.times_on("heater")), (true, 2));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_door_that_is_open_for_too_long_sounds_the_buzzer() {
    with_device(example("open-too-long"), &["door-contact"], |device| async move {
        device.close("door-contact", false).await;
        sleep(Duration::from_secs(119)).await;
        device.close("door-contact", true).await;
        sleep(Duration::from_secs(60)).await;
        assert_eq!(device.times_on("buzzer"), 0, "the door was closed in time");
        device.close("door-contact", false).await;
        sleep(Duration::from_secs(119)).await;
        assert!(!device.is_on("buzzer"));
        sleep(Duration::from_secs(1)).await;
        assert!(device.is_on("buzzer"));
        device.close("door-contact", true).await;
        assert!(!device.is_on("buzzer"));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_switches_the_siren_off() {
    with_device(example("watchdog"), &[], |device| async move {
        device.lines.link_up();
        let args = json!({ "value": true }).as_object().unwrap().clone();
        device.lines.run(&Name::new("siren").unwrap(), "set", &args).unwrap();
        device.lines.link_lost();
        sleep(Duration::from_secs(599)).await;
        device.lines.link_up();
        sleep(Duration::from_secs(60)).await;
        assert!(device.is_on("siren"), "the connection was back in time");
        device.lines.link_lost();
        sleep(Duration::from_millis(599_900)).await;
        assert!(device.is_on("siren"));
        sleep(Duration::from_millis(200)).await;
        assert!(!device.is_on("siren"));
    })
    .await;
}

const LAMPS: &str = r#"
[lines.a]
kind = "switch"
driver = "sim"
on_link_loss = "hold"
[lines.b]
kind = "switch"
driver = "sim"
on_link_loss = "hold"
[lines.button]
kind = "contact"
driver = "sim"
"#;

/// A level that a rule set triggers no rule. A level that a command set does.
#[tokio::test(start_paused = true)]
async fn rules_do_not_trigger_rules() {
    let config = parse(&format!(
        "{LAMPS}
        [[rules]]
        name = \"one\"
        when = {{ line = \"button\", goes = \"on\" }}
        do = {{ line = \"a\", action = \"toggle\" }}
        [[rules]]
        name = \"two\"
        when = {{ line = \"a\", goes = \"on\" }}
        do = {{ line = \"b\", action = \"set\", args = {{ value = true }} }}"
    ));
    with_device(config, &[], |device| async move {
        device.close("button", true).await;
        assert_eq!((device.is_on("a"), device.is_on("b")), (true, false));
        device.close("button", false).await;
        device.close("button", true).await;
        let on = json!({ "value": true }).as_object().unwrap().clone();
        device.lines.run(&Name::new("a").unwrap(), "set", &on).unwrap();
        sleep(Duration::from_millis(10)).await;
        assert!(device.is_on("b"));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_delay_starts_again_and_the_rate_is_kept() {
    let config = parse(&format!(
        "{LAMPS}
        [[rules]]
        name = \"late\"
        when = {{ line = \"button\", goes = \"on\" }}
        do = {{ line = \"a\", action = \"set\", args = {{ value = true }} }}
        after_ms = 1000
        [[rules]]
        name = \"often\"
        when = {{ line = \"button\", goes = \"on\" }}
        do = {{ line = \"b\", action = \"toggle\" }}
        per_minute = 3"
    ));
    with_device(config, &[], |device| async move {
        for _ in 0..5 {
            device.close("button", true).await;
            device.close("button", false).await;
            sleep(Duration::from_millis(500)).await;
        }
        assert!(!device.is_on("a"), "the delay starts again");
        sleep(Duration::from_secs(1)).await;
        assert!(device.is_on("a"));
        let toggles = device.wires.borrow().changes.iter().filter(|(name, ..)| name == "b").count();
        assert_eq!(toggles, 4, "the start level and three toggles");
        sleep(Duration::from_secs(60)).await;
        device.close("button", true).await;
        let toggles = device.wires.borrow().changes.iter().filter(|(name, ..)| name == "b").count();
        assert_eq!(toggles, 5, "one more after a minute");
    })
    .await;
}

/// A reload changes the rules and touches no line. After the lines were made safe, no rule runs.
#[tokio::test(start_paused = true)]
async fn a_reload_changes_only_the_rules() {
    let rule = |line: &str| {
        parse(&format!(
            "{LAMPS}
            [[rules]]
            name = \"one\"
            when = {{ line = \"button\", goes = \"on\" }}
            do = {{ line = \"{line}\", action = \"toggle\" }}"
        ))
    };
    let second = rule("b");
    with_device(rule("a"), &[], |device| async move {
        device.close("button", true).await;
        assert!(device.is_on("a"));
        let before = device.wires.borrow().changes.len();
        device.lines.reload(&second, || ()).await;
        assert_eq!(device.wires.borrow().changes.len(), before, "no line is touched");
        device.close("button", false).await;
        device.close("button", true).await;
        assert_eq!((device.is_on("a"), device.is_on("b")), (true, true));
        device.lines.make_safe();
        device.close("button", false).await;
        device.close("button", true).await;
        assert!(!device.is_on("b"));
    })
    .await;
}
