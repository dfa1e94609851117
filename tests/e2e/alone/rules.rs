//! Tests rules on emulated boards that have never had a connection since they were switched on. The test observes and
//! drives the pins from outside the boards.

use std::time::Duration;

use e2e::emulated::{self, Board, CONFIG, Guest, State, StopPost};
use e2e::{Agent, Deployment, HostLock, Site, soon};

const CREDENTIALS: &str = "/var/lib/pinlatch/credentials.json";

/// The rule runs while the connection is lost, because QEMU's emulation of the Pi has no inputs.
const PI: &str = r#"
state_dir = "/var/lib/pinlatch"

[lines.siren]
kind = "switch"
driver = "gpio"
gpio = "GPIO17"

[[rules]]
name = "alone"
when = { link = "lost", for_ms = 500 }
do = { line = "siren", action = "set", args = { value = true } }
"#;

const VIRT: &str = r#"
state_dir = "/var/lib/pinlatch"
rules_journal = true

[lines.button]
kind = "contact"
driver = "gpio"
chip = "9030000.pl061"
offset = 5
debounce_ms = 20
presses = true

[lines.door]
kind = "momentary"
driver = "gpio"
chip = "9030000.pl061"
offset = 0
max_on_ms = 5000

[[rules]]
name = "exit"
when = { line = "button", press = "short" }
do = { line = "door", action = "pulse", args = { ms = 300 } }
"#;

/// The maximum time until a change reaches a pin.
const SOON: Duration = Duration::from_secs(10);

/// Starts a board with the credentials of an enrolled device. From the board, the edge cannot be reached.
fn power_on(site: &Site<'_>, board: Board, config: &str) -> Guest {
    let agent = Agent::enrol(&site.enrolment("porch"), "", &[]);
    let credentials = agent.credentials().to_string();
    let guest = Guest::power_on(board, &[(CREDENTIALS, credentials.as_bytes()), (CONFIG, config.as_bytes())]);
    guest.until_ready();
    guest
}

#[test]
fn a_rule_changes_the_pin_of_a_pi_without_a_connection() {
    if emulated::missing().is_some() {
        return;
    }
    let _host_lock = HostLock::emulating();
    let edge = Deployment::start(1, None);
    let pi = power_on(&Site::of(&edge, 0), Board::Pi3b, PI);
    pi.start_agent(StopPost::Safe);
    pi.pin(17).wait_for(true, SOON);
    assert_eq!(pi.pin(17).state(), State::Driven(true));
    let log = pi.agent_log();
    assert!(log.contains("a rule was executed") && !log.contains("connected edge="), "{log}");
}

/// The button next to the door opens the door. The reports are in the journal, which is in the folder of the credentials.
#[test]
fn a_button_opens_the_door_without_a_connection() {
    if emulated::missing().is_some() {
        return;
    }
    let _host_lock = HostLock::emulating();
    let edge = Deployment::start(1, None);
    let board = power_on(&Site::of(&edge, 0), Board::Virt, VIRT);
    board.start_agent(StopPost::Safe);
    board.until_logged("the agent is not connected to the edge");
    let (button, door) = (board.pin(5), board.pin(0));
    door.until(State::Driven(false));
    door.changes();
    for _ in 0..3 {
        button.drive_slowly(true);
        // A press is an edge that rests for the debounce time, and then the return.
        let pressed = std::time::Instant::now();
        soon("the contact rests", || (pressed.elapsed() > Duration::from_millis(200)).then_some(()));
        button.drive_slowly(false);
        door.wait_for(true, SOON);
        door.wait_for(false, SOON);
    }
    assert!(!board.agent_log().contains("connected edge="));
    soon("the journal is stored", || {
        let journal = board.run("cat /var/lib/pinlatch/rules-journal.jsonl");
        (journal.lines().count() == 3).then_some(())
    });
}
