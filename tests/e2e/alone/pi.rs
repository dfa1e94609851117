//! Tests the agent on an emulated Raspberry Pi 3B, whose clock starts in 1970. The emulated board uses the kernel
//! driver for the Pi's pins and a USB network. The test observes the pins from outside the board.

use std::time::{Duration, Instant};

use e2e::emulated::{self, Board, CONFIG, Guest, HOST, State, StopPost};
use e2e::site::{OWNER, PASSWORD};
use e2e::{Browser, Certificates, Deployment, HostLock, Site};
use serde_json::json;

const CONFIGURATION: &str = r#"
state_dir = "/var/lib/pinlatch"
ca_file = "/etc/pinlatch/ca.pem"

[lines.door]
kind = "momentary"
driver = "gpio"
gpio = "GPIO17"
max_on_ms = 1200

[lines.lamp]
kind = "switch"
driver = "gpio"
gpio = "GPIO27"
"#;

/// The length of the door's pulse, which is the maximum length that the configuration of the GPIO line allows.
const PULSE: Duration = Duration::from_millis(1200);
/// The maximum time by which the pulse at the pin may be longer than [`PULSE`].
const LATE: Duration = Duration::from_millis(100);
/// The maximum number of pulses. At least one pulse must be at most [`LATE`] too long. Other pulses may be longer,
/// because the emulated processor shares a real processor with other processes.
const ROUNDS: usize = 4;
/// The maximum time by which the pulse may be shorter than [`PULSE`], because kernel timers count whole milliseconds.
const EARLY: Duration = Duration::from_millis(30);
/// The maximum time until a change reaches a pin.
const SOON: Duration = Duration::from_secs(10);

/// The Pi must be able to enrol over TLS while its clock says 1970. If a person presses the door's button in the panel,
/// the Pi must open the door. If the agent is killed, `ExecStopPost=` in the agent's unit must set the lamp's GPIO
/// line, which is on, to its safe level.
#[test]
fn a_press_in_the_panel_changes_the_pin_of_a_pi() {
    if emulated::missing().is_some() {
        return;
    }
    let _host_lock = HostLock::emulating();
    let certificates = Certificates::new(&["localhost", HOST]);
    let authority = std::fs::read(certificates.ca()).expect("a file");
    let files = [("/etc/pinlatch/ca.pem", authority.as_slice()), (CONFIG, CONFIGURATION.as_bytes())];
    let began = Instant::now();
    // To save time, the emulated board boots while workerd starts.
    let mut pi = Guest::power_on(Board::Pi3b, &files);
    let edge = Deployment::start(1, Some(&certificates));
    let site = Site::of(&edge, 0);
    println!("workerd was up after {:?}", began.elapsed());
    pi.until_ready();
    println!("the Pi was up after {:?}", began.elapsed());
    let year: u32 = pi.run("date +%Y").trim().parse().expect("a year");
    assert!(year <= 1971, "the Pi's clock says {year}");
    let lines = pi.run("pinlatch-agent lines");
    assert!(lines.contains("chip = \"pinctrl-bcm2835\"") && lines.contains("GPIO17"), "{lines}");

    let began = Instant::now();
    pi.enrol(&site.enrolment("porch"));
    println!("enrolling over TLS took {:?}", began.elapsed());
    pi.start_agent(StopPost::Nothing);
    site.until_online("porch");
    let (door, lamp) = (pi.pin(17), pi.pin(27));
    assert_eq!((door.state(), lamp.state()), (State::Driven(false), State::Driven(false)));

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let browser = Browser::trusting(390, 844, &certificates).await;
        browser.log_in(edge.origin(), &site.name, OWNER, PASSWORD).await;
        browser.until("line-porch-door", "data-level", "off").await;
        assert_eq!(door.changes(), [], "the door moved without a press");
        let mut lengths = Vec::new();
        while lengths.len() < ROUNDS && !lengths.iter().any(|length| *length < PULSE + LATE) {
            browser.hold("action-porch-door-pulse").await;
            let opened = door.wait_for(true, SOON);
            browser.until("line-porch-door", "data-level", "on").await;
            let length = door.wait_for(false, SOON) - opened;
            browser.until("line-porch-door", "data-level", "off").await;
            println!("a pulse of {PULSE:?} was {length:?} at the pin");
            assert!(length >= PULSE - EARLY, "the door was open for {length:?} only");
            lengths.push(length);
        }
        assert!(lengths.iter().any(|length| *length < PULSE + LATE), "the door was open for {lengths:?}");
    });

    let on = || {
        let result = site.post("/api/v1/devices/porch/lines/lamp/set", &json!({ "value": true })).ok();
        assert_eq!(result["status"], "executed", "{result}");
        assert_eq!(lamp.state(), State::Driven(true));
    };
    // The kernel does not change the pins of a killed agent. Only `ExecStopPost=` sets these pins to their safe levels.
    on();
    pi.kill_agent();
    let lines = pi.run("pinlatch-agent lines");
    assert!(!lines.contains("pinlatch-agent"), "a line is still in use: {lines}");
    assert_eq!(lamp.state(), State::Driven(true));
    site.until_offline("porch");
    pi.start_agent(StopPost::Safe);
    site.until_online("porch");
    assert_eq!(lamp.state(), State::Driven(false), "a line starts at its safe level");
    on();
    pi.kill_agent();
    assert_eq!(lamp.state(), State::Driven(false));
}
