//! Runs the agent's package on a simulated computer with a real systemd whose disk turns read-only, as a dying SD card
//! does.

use e2e::systemd::{self, Computer};
use e2e::{Deployment, HostLock, Site, soon};
use serde_json::json;

use crate::keys::take;
use crate::packages::{CONFIG, CONFIGURATION, STATE, UNIT, package, restarts, until_connected, write};

fn warnings(site: &Site<'_>) -> Vec<String> {
    let device = site.get("/api/v1/devices/porch").ok();
    let warnings = device["warnings"].as_array().cloned().unwrap_or_default();
    warnings.iter().map(|code| code.as_str().expect("a code").to_owned()).collect()
}

#[test]
fn a_device_with_a_read_only_disk_follows_a_rotation_of_the_keys() {
    if systemd::missing().is_some() {
        return;
    }
    let _host_lock = HostLock::beside_others();
    let folder = tempfile::tempdir().expect("a folder");
    let deb = write(folder.path(), &package("0.1.0"));
    let edge = Deployment::start(1, None);
    let site = Site::of(&edge, 0);
    let computer = Computer::boot(folder.path());
    computer.run(&format!("apt-get install --yes --quiet {deb}"));
    let configuration = CONFIGURATION.replace("/var/lib/pinlatch/sim.jsonl", "/run/sim.jsonl");
    computer.run(&format!(
        "cat >{CONFIG} <<'END'\n{configuration}END\ntouch /run/sim.jsonl; chmod 666 /run/sim.jsonl"
    ));
    computer
        .run(&format!("mount -t tmpfs -o mode=700,uid=$(id -u pinlatch),gid=$(id -g pinlatch) none {STATE}"));
    computer.run(&format!("echo '{}' | pinlatch-agent enrol -", site.enrolment("porch")));
    // The path unit still watches the folder below the new mount.
    computer.run(&format!("systemctl start {UNIT}"));
    until_connected(&computer, &site);
    assert_eq!(warnings(&site), Vec::<String>::new());

    computer.run(&format!("mount -o remount,ro {STATE}"));
    take(&edge, "publish");
    soon("the warning arrives", || (warnings(&site) == ["state_not_stored"]).then_some(()));
    take(&edge, "switch");
    let token = site.log_in();
    let by = site.deployment.http().bearer(&token);
    let path = "/api/v1/devices/porch/lines/lamp/toggle";
    soon("the lamp obeys", || (by.post(path, &json!({})).status == 200).then_some(()));
    let status = computer.run("pinlatch-agent status");
    assert!(status.contains("connected") && status.contains("(state_not_stored)"), "{status}");
    assert_eq!(restarts(&computer), 0);
    let journal = computer.run(&format!("journalctl -o cat -u {UNIT}"));
    assert!(journal.contains("the device's keys cannot be stored"), "{journal}");
}

/// A relay must not chatter: the output has one change at the start of the agent, however long the credentials stay
/// damaged.
#[test]
fn damaged_credentials_do_not_make_a_relay_chatter() {
    if systemd::missing().is_some() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let deb = write(folder.path(), &package("0.1.0"));
    let site = Site::shared();
    let computer = Computer::boot(folder.path());
    computer.run(&format!("apt-get install --yes --quiet {deb}"));
    let configuration = format!("{CONFIGURATION}initial = true\n");
    computer.run(&format!("cat >{CONFIG} <<'END'\n{configuration}END\n"));
    computer.run(&format!(
        "umask 077; echo '{{\"site\":' >{STATE}/credentials.json; chown pinlatch: {STATE}/credentials.json"
    ));
    let status = || computer.property(UNIT, "StatusText");
    soon("the unit runs", || (computer.property(UNIT, "ActiveState") == "active").then_some(()));
    soon("the damage is reported", || status().contains("damaged").then_some(()));
    // systemd restarts a unit that has ended after a second.
    let told = computer.run("pinlatch-agent status");
    assert!(told.contains("credentials file"), "{told}");
    assert_eq!(restarts(&computer), 0);
    let changes = computer.run(&format!("cat {STATE}/sim.jsonl"));
    assert_eq!(changes.lines().count(), 1, "{changes}");
    assert!(changes.contains("\"level\":true"), "{changes}");

    computer.run(&format!(
        "rm {STATE}/credentials.json; echo '{}' | pinlatch-agent enrol -",
        site.enrolment("porch")
    ));
    computer.run(&format!("systemctl reload {UNIT}"));
    until_connected(&computer, &site);
    assert_eq!(computer.run(&format!("cat {STATE}/sim.jsonl")), changes, "the relay was touched");
}
