//! Tests the agent on an emulated board with a real kernel. The GPIO controller of this board supports inputs. The test
//! observes and drives the pins from outside the board.

use std::cell::Cell;
use std::time::{Duration, Instant};

use e2e::emulated::{self, Board, CONFIG, Guest, HOST, State, StopPost};
use e2e::{Certificates, Deployment, HostLock, Site, soon};
use serde_json::{Value, json};

/// The label of the board's GPIO chip.
const CHIP: &str = "9030000.pl061";

const CONFIGURATION: &str = r#"
state_dir = "/var/lib/pinlatch"
ca_file = "/etc/pinlatch/ca.pem"

[lines.lamp]
kind = "switch"
driver = "gpio"
chip = "9030000.pl061"
offset = 0

[lines.heater]
kind = "switch"
driver = "gpio"
chip = "9030000.pl061"
offset = 1
active_low = true

[lines.bell]
kind = "contact"
driver = "gpio"
chip = "9030000.pl061"
offset = 5
debounce_ms = 500

[lines.taken]
kind = "switch"
driver = "gpio"
chip = "9030000.pl061"
offset = 2

[lines.absent]
kind = "switch"
driver = "gpio"
chip = "9030000.pl061"
offset = 8
"#;

/// The number of level changes of the bell's contact. The number is odd, so the contact is closed after the last
/// change.
const BOUNCES: u32 = 15;

/// The time for which the bell's wire is loose.
const FLOOD: Duration = Duration::from_secs(3);

/// The maximum time until a change reaches a pin.
const SOON: Duration = Duration::from_secs(10);

/// Commands must change the pins, and changes of input pins must appear in the live events. A GPIO line that the agent
/// cannot use must not affect the other GPIO lines.
#[test]
fn pins_of_a_real_kernel_obey_and_report() {
    if emulated::missing().is_some() {
        return;
    }
    let _host_lock = HostLock::emulating();
    let certificates = Certificates::new(&["localhost", HOST]);
    let authority = std::fs::read(certificates.ca()).expect("a file");
    let files = [("/etc/pinlatch/ca.pem", authority.as_slice()), (CONFIG, CONFIGURATION.as_bytes())];
    let mut board = Guest::power_on(Board::Virt, &files);
    let edge = Deployment::start(1, Some(&certificates));
    let site = Site::of(&edge, 0);
    board.until_ready();
    // The kernel's sysfs interface occupies GPIO line 2, so the agent cannot use this GPIO line.
    board.run("cd /sys/class/gpio && echo $(($(cat gpiochip*/base) + 2)) >export");
    board.enrol(&site.enrolment("porch"));
    board.start_agent(StopPost::Safe);
    site.until_online("porch");

    let lines = board.run("pinlatch-agent lines");
    let of = |offset: &str| lines.lines().find(|line| line.trim().starts_with(offset)).unwrap_or_default();
    assert!(lines.contains(&format!("chip = {CHIP:?} (/dev/gpiochip0, 8 lines)")), "{lines}");
    assert!(of("0").ends_with("pinlatch-agent") && of("2").ends_with("sysfs"), "{lines}");
    assert!(of("3").ends_with("free"), "{lines}");

    outputs_follow_commands(&board, &site);
    a_jumping_clock_changes_nothing(&board, &site);
    a_reload_touches_what_changed_alone(&board, &site);
    contacts_report_what_rests(&board, &site);
    unusable_lines_are_told(&board, &site);

    a_fast_signal_is_summed_up(&board, &site);
    a_kill_leaves_every_pin_safe(&mut board, &site);
}

/// The unit's `ExecStopPost=` must set every output of the running configuration to its safe level, also if the owner
/// has changed the configuration file since. The safe level of the heater is the high voltage.
fn a_kill_leaves_every_pin_safe(board: &mut Guest, site: &Site<'_>) {
    let set = |line: &str| site.post(&path(line, "set"), &json!({ "value": true })).ok();
    board.run(&format!("cp {CONFIG} /tmp/kept"));
    // The lamp has moved to another pin, and then the file is invalid too.
    for edit in ["s/^offset = 0$/offset = 4/", "s/^offset = 0$/offset = /"] {
        board.run(&format!("sed -i '{edit}' {CONFIG}"));
        // The call discards the level changes of the agent's last end and start.
        board.pin(0).changes();
        set("lamp");
        set("heater");
        board.pin(0).wait_for(true, SOON);
        board.kill_agent();
        assert_eq!(board.pin(0).state(), State::Driven(false), "{edit}");
        assert_eq!(board.pin(1).state(), State::Driven(true), "{edit}");
        board.run(&format!("cp /tmp/kept {CONFIG}"));
        board.start_agent(StopPost::Safe);
        site.until_online("porch");
    }
    board.run(&format!("echo '[lines' >>{CONFIG}"));
    set("lamp");
    board.kill_agent();
    assert_eq!(board.pin(0).state(), State::Driven(false));
    board.start_agent(StopPost::Safe);
    site.until_online("porch");
    board.until_logged("last good configuration");
    set("lamp");
    assert_eq!(board.pin(0).state(), State::Driven(true));
    board.kill_agent();
    assert_eq!(board.pin(0).state(), State::Driven(false));
}

/// The wire of the doorbell is loose. The site gets at most 10 changes per second, and the last level.
fn a_fast_signal_is_summed_up(board: &Guest, site: &Site<'_>) {
    let reloads = || board.agent_log().matches("the configuration was reloaded").count();
    let before = reloads();
    board.run(&format!(
        "cp {CONFIG} /tmp/slow && sed -i 's/^debounce_ms = 500$/debounce_ms = 0/' {CONFIG} && kill -HUP $(cat /run/agent.pid)"
    ));
    soon("the file is read again", || (reloads() > before).then_some(()));
    let mut panel = site.panel();
    let bell = board.pin(5);
    let (began, mut level) = (Instant::now(), false);
    while began.elapsed() < FLOOD {
        level = !level;
        bell.drive(level);
    }
    bell.drive(true);
    bell.drive(false);
    bell.drive(true);
    let is_bell = |frame: &Value| frame["line"]["name"] == "bell";
    let lamp = json!({ "value": true });
    soon("the last level arrives", || (site.line("porch", "bell")["reported"] == json!(true)).then_some(()));
    site.post(&path("lamp", "set"), &lamp).ok();
    let changes = Cell::new(0);
    panel.until("the lamp", |frame| {
        changes.set(changes.get() + u32::from(is_bell(frame)));
        frame["line"]["name"] == "lamp" && frame["line"]["reported"] == true
    });
    let seconds = u32::try_from(began.elapsed().as_secs()).expect("a short time") + 1;
    let changes = changes.get();
    println!("the bell's wire gave {changes} changes in {seconds} s");
    assert!(changes <= 10 * seconds, "{changes} changes in {seconds} s");
    site.post(&path("lamp", "set"), &json!({ "value": false })).ok();
    bell.drive(false);
    board.run(&format!("cp /tmp/slow {CONFIG} && kill -HUP $(cat /run/agent.pid)"));
    soon("the file is read again", || (reloads() > before + 1).then_some(()));
}

fn path(line: &str, action: &str) -> String {
    format!("/api/v1/devices/porch/lines/{line}/{action}")
}

fn outputs_follow_commands(board: &Guest, site: &Site<'_>) {
    let (lamp, heater) = (board.pin(0), board.pin(1));
    assert_eq!(lamp.state(), State::Driven(false));
    assert_eq!(heater.state(), State::Driven(true), "off is the high voltage here");
    // These calls discard the level changes that the start of the kernel and of the agent caused.
    lamp.changes();
    heater.changes();
    for level in [true, false, true, false] {
        for (line, pin, high) in [("lamp", lamp, level), ("heater", heater, !level)] {
            let result = site.post(&path(line, "set"), &json!({ "value": level })).ok();
            assert_eq!((&result["status"], &result["level"]), (&json!("executed"), &json!(level)));
            pin.wait_for(high, SOON);
            assert_eq!(pin.state(), State::Driven(high));
        }
    }
    assert_eq!((lamp.changes(), heater.changes()), (vec![], vec![]), "a pin moved without a command");
}

/// Reloads the configuration by SIGHUP while the lamp is on. The first reload moves the heater to another GPIO line of
/// the chip, and the second reload moves the heater back.
fn a_reload_touches_what_changed_alone(board: &Guest, site: &Site<'_>) {
    let lamp = board.pin(0);
    site.post(&path("lamp", "set"), &json!({ "value": true })).ok();
    lamp.wait_for(true, SOON);
    lamp.changes();
    for (from, to) in [(1, 3), (3, 1)] {
        let read_again = || board.agent_log().matches("the configuration was reloaded").count();
        let before = read_again();
        board.run(&format!(
            "sed -i 's/^offset = {from}$/offset = {to}/' {CONFIG} && kill -HUP $(cat /run/agent.pid)"
        ));
        soon("the file is read again", || (read_again() > before).then_some(()));
        let heater = board.pin(to);
        // The heater's safe level is "off", which is the high voltage because the GPIO line is active-low.
        heater.until(State::Driven(true));
        heater.changes();
        let set = |value: bool| Some(site.post(&path("heater", "set"), &json!({ "value": value })).status);
        // Commands must work even if the site has not received the device's report about the moved GPIO line yet.
        for on in [true, false] {
            soon("the heater obeys", || set(on).filter(|status| *status == 200));
            heater.wait_for(!on, SOON);
        }
        let lines = board.run("pinlatch-agent lines");
        let is_ours = |offset: u32| {
            let line = lines.lines().find(|line| line.trim().starts_with(&offset.to_string()));
            line.is_some_and(|line| line.ends_with("pinlatch-agent"))
        };
        assert!(is_ours(to) && !is_ours(from), "{lines}");
    }
    assert_eq!((lamp.changes(), lamp.state()), (vec![], State::Driven(true)), "the lamp was touched");
    site.post(&path("lamp", "set"), &json!({ "value": false })).ok();
    lamp.wait_for(false, SOON);
}

/// The board's system clock jumps by a day and back while the agent is connected. Commands must still reach the pins in
/// time.
fn a_jumping_clock_changes_nothing(board: &Guest, site: &Site<'_>) {
    let lamp = board.pin(0);
    let is_on = |level: bool| {
        let result = site.post(&path("lamp", "set"), &json!({ "value": level })).ok();
        assert_eq!(result["status"], "executed", "{result}");
        lamp.wait_for(level, SOON);
    };
    let now = || -> i64 { board.run("date +%s").trim().parse().expect("seconds") };
    let connections = || board.agent_log().matches("connected edge=").count();
    assert_eq!(connections(), 1, "{}", board.agent_log());
    for (days, level) in [(1, true), (-2, false), (1, true), (0, false)] {
        let then = now() + days * 86_400;
        board.run(&format!("date -s @{then}"));
        assert!(now().abs_diff(then) < 60, "the clock did not jump");
        is_on(level);
    }
    assert_eq!(connections(), 1, "the agent reconnected");
}

fn contacts_report_what_rests(board: &Guest, site: &Site<'_>) {
    let mut panel = site.panel();
    let bell = board.pin(5);
    assert_eq!(bell.state(), State::Input);
    let is_bell = |frame: &Value| frame["line"]["name"] == "bell";
    // The bell's button bounces, but the agent must report only the final level.
    for bounce in 0..BOUNCES {
        bell.drive_slowly(bounce % 2 == 0);
    }
    let pressed = panel.until("the bell", is_bell);
    assert_eq!(pressed["line"]["reported"], true, "{pressed}");
    bell.drive(false);
    let released = panel.until("the bell", is_bell);
    assert_eq!(released["line"]["reported"], false, "{released}");
    assert_eq!(site.line("porch", "bell")["reported"], false);
    site.post(&path("lamp", "set"), &json!({ "value": true })).ok();
    let lamp = panel.until("the lamp", |frame| frame["line"]["name"] == "lamp");
    // The sequence numbers of the events have no gaps, so there were no other events between the three observed events.
    let number = |event: &Value| event["seq"].as_u64().expect("a number");
    assert_eq!([number(&released), number(&lamp)], [number(&pressed) + 1, number(&pressed) + 2]);
    let interrupts = board.run("grep pinlatch-agent /proc/interrupts");
    let count: u32 =
        interrupts.split_whitespace().nth(1).and_then(|count| count.parse().ok()).expect("a count");
    println!("the bell bounced {BOUNCES} times, and interrupted the kernel {count} times");
    assert!(count > BOUNCES / 2, "the kernel saw no bouncing: {interrupts}");
}

fn unusable_lines_are_told(board: &Guest, site: &Site<'_>) {
    for line in ["taken", "absent"] {
        site.post(&path(line, "set"), &json!({ "value": true })).is_problem(409, "refused_driver");
    }
    let log = board.agent_log();
    let about = |line: &str| {
        let entry = log.lines().find(|said| said.contains("line_unusable") && said.contains(line));
        entry.unwrap_or_else(|| panic!("the log does not mention {line}: {log}")).to_owned()
    };
    assert!(about("taken").contains("is in use by"), "{}", about("taken"));
    assert!(about("absent").contains("no offset 8"), "{}", about("absent"));
    soon("the device stays", || (site.get("/api/v1/devices/porch").body["online"] == true).then_some(()));
}
