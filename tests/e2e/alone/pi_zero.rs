//! Tests the 32-bit package on an emulated Pi Zero, which has the oldest supported processor. The test installs the
//! package from its archive. The agent must find the edge by the edge's DNS name.

use std::net::Ipv4Addr;
use std::time::Duration;

use e2e::emulated::{self, Board, CONFIG, Guest, HOST, NAME_SERVER, Names, State, StopPost};
use e2e::{Certificates, Deployment, HostLock, Site, program, systemd};
use serde_json::json;
use xtask::dist;
use xtask::tools::cross;

const CONFIGURATION: &str = r#"
state_dir = "/var/lib/pinlatch"
ca_file = "/etc/pinlatch/ca.pem"

[lines.lamp]
kind = "switch"
driver = "gpio"
gpio = "GPIO17"
"#;

const EDGE: &str = "edge.pinlatch.test";

/// The maximum boot time of the board on a busy host.
const BOOT: Duration = Duration::from_secs(75);
/// The maximum time for the enrolment on a busy host. On an idle host, the enrolment takes some seconds.
const ENROL: Duration = Duration::from_secs(90);

/// The maximum time until a change reaches a pin.
const SOON: Duration = Duration::from_secs(10);

/// The program in the package must run on an ARMv6 processor without shared libraries. The program must resolve the
/// edge's DNS name, check the certificate for that name, and execute commands.
#[test]
fn the_package_for_32_bits_runs_on_a_pi_zero() {
    // The test's DNS server requires root, and `systemd::missing` also checks whether the test has root permissions.
    if emulated::missing().is_some() || systemd::missing().is_some() {
        return;
    }
    let _host_lock = HostLock::emulating();
    let agent = std::fs::read(program("PINLATCH_AGENT_ARMHF")).expect("the agent");
    let package = dist::agent(cross::Machine::Armhf, "0.1.0", &agent).expect("a package");
    let archive = package.tarball(1_700_000_000).expect("an archive");
    let certificates = Certificates::new(&["localhost", EDGE]);
    let authority = std::fs::read(certificates.ca()).expect("a file");
    let resolver = format!("nameserver {NAME_SERVER}\n");
    let files = [
        ("/root/agent.tar.gz", archive.as_slice()),
        ("/etc/pinlatch-ca.pem", authority.as_slice()),
        ("/etc/resolv.conf", resolver.as_bytes()),
        ("/root/agent.toml", CONFIGURATION.as_bytes()),
    ];
    let here: Ipv4Addr = HOST.parse().expect("an address");
    let names = Names::serve(&[(EDGE, here)]);
    // To save time, the emulated board boots while workerd starts.
    let power_on = || Guest::power_on_among(Board::PiZero, &files, Some(&names));
    let first = power_on();
    let edge = Deployment::start(1, Some(&certificates));
    let site = Site::of(&edge, 0);
    // QEMU's emulated Pi Zero sometimes freezes, either about one second after its kernel starts or during traffic on
    // its USB network. If an emulated board freezes, the test starts another board.
    let zero = std::iter::once(first).chain((0..2).map(|_| power_on())).find_map(|mut zero| {
        let enrols = zero.is_ready_within(BOOT) && {
            install(&zero);
            zero.enrols_within(ENROL, EDGE, &site.enrolment("porch"))
        };
        enrols.then_some(zero)
    });
    let zero = zero.expect("a board that does not freeze");
    zero.start_agent(StopPost::Safe);
    site.until_online("porch");
    assert!(names.asked().contains(&EDGE.to_owned()), "the Pi queried {:?}", names.asked());
    let lamp = zero.pin(17);
    assert_eq!(lamp.state(), State::Driven(false));
    lamp.changes();
    for level in [true, false] {
        let result = site.post("/api/v1/devices/porch/lines/lamp/set", &json!({ "value": level })).ok();
        assert_eq!(result["status"], "executed", "{result}");
        lamp.wait_for(level, SOON);
        assert_eq!(lamp.state(), State::Driven(level));
    }
}

/// Unpacks the package on the board, and checks that the agent finds the board's GPIO lines.
fn install(zero: &Guest) {
    assert_eq!(zero.run("uname -m").trim(), "armv6l");
    zero.run("tar --strip-components=1 -C / -xzf /root/agent.tar.gz");
    assert!(zero.run("pinlatch-agent check-config").contains("ok"), "the package's own configuration");
    zero.run(&format!("cp /root/agent.toml {CONFIG} && cp /etc/pinlatch-ca.pem /etc/pinlatch/ca.pem"));
    let lines = zero.run("pinlatch-agent lines");
    assert!(lines.contains("chip = \"pinctrl-bcm2835\"") && lines.contains("GPIO17"), "{lines}");
}
