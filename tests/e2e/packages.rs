//! Installs, uses and purges the agent's package on a simulated computer with a real systemd.

use std::path::Path;
use std::time::Duration;

use e2e::systemd::{self, Computer};
use e2e::{Site, eventually, program, soon};
use serde_json::{Value, json};
use xtask::dist::{self, Package};
use xtask::tools::cross::Machine;

pub const UNIT: &str = "pinlatch-agent.service";
pub const CONFIG: &str = "/etc/pinlatch/agent.toml";
pub const STATE: &str = "/var/lib/pinlatch";

/// An owner's configuration with simulated GPIO lines. The simulator writes a journal with every level change.
pub const CONFIGURATION: &str = r#"
state_dir = "/var/lib/pinlatch"

[simulator]
journal = "/var/lib/pinlatch/sim.jsonl"

[lines.lamp]
kind = "switch"
driver = "sim"
"#;

/// A unit override with a watchdog time that is shorter than the default of 15 s, so that the test takes less time.
const WATCHDOG: &str = "[Service]\nWatchdogSec=3\n";

/// The package is installed, upgraded, downgraded and purged. In between, the agent is enrolled, executes commands, and
/// is killed. If the agent hangs, systemd must restart the agent.
#[test]
fn the_package_lives_and_goes_on_a_real_systemd() {
    if systemd::missing().is_some() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let older = write(folder.path(), &package("0.1.0"));
    let newer = write(folder.path(), &package_with_other_defaults("0.2.0"));
    let site = Site::shared();
    let computer = Computer::boot(folder.path());

    installs_and_waits_for_enrolment(&computer, &older);
    is_confined(&computer);
    runs_once_enrolled(&computer, &site);
    shows_its_status(&computer);
    drives_pwm(&computer, &site);
    logs_fields(&computer, &site);
    reloads_what_is_usable(&computer, &site);
    is_safe_after_a_kill(&computer, &site);
    runs_with_its_last_good_configuration(&computer, &site);
    is_restarted_when_it_hangs(&computer, &site);
    for deb in [&newer, &older] {
        keeps_everything_when_replaced(&computer, &site, deb);
    }
    leaves_nothing_behind(&computer);
}

pub fn package(version: &str) -> Package {
    let program = std::fs::read(program("PINLATCH_AGENT_PACKAGED")).expect("the agent");
    dist::agent(Machine::host(), version, &program).expect("a package")
}

/// Returns a package whose default configuration differs, as in a later version of the package.
fn package_with_other_defaults(version: &str) -> Package {
    let mut package = package(version);
    let defaults = package.files.iter_mut().find(|file| file.path == "etc/pinlatch/agent.toml");
    defaults.expect("the configuration").content.extend(b"\n# A later version's advice.\n");
    package
}

/// Writes a package into a folder, and returns the package's path on the simulated computer.
pub fn write(folder: &Path, package: &Package) -> String {
    let time = 1_700_000_000;
    std::fs::write(folder.join(package.deb_name()), package.deb(time).expect("a package")).expect("a file");
    format!("/packages/{}", package.deb_name())
}

fn installs_and_waits_for_enrolment(computer: &Computer, deb: &str) {
    let said = computer.run(&format!("apt-get install --yes --quiet {deb}"));
    assert!(said.contains("run: sudo pinlatch-agent enrol") && !said.contains("enrol '"), "{said}");
    for unit in [UNIT, "pinlatch-agent.path"] {
        assert_eq!(computer.run(&format!("systemctl is-enabled {unit}")), "enabled");
    }
    assert_eq!(computer.property("pinlatch-agent.path", "ActiveState"), "active");
    assert_eq!(computer.property(UNIT, "ActiveState"), "inactive", "it is not enrolled");
    assert_eq!(computer.run(&format!("stat -c '%a %U %G' {STATE}")), "700 pinlatch pinlatch");
    assert!(computer.run("id -nG pinlatch").contains("gpio"));
    let said = computer.run("pinlatch-agent check-config");
    assert!(said.ends_with("ok, 1 lines"), "{said}");
    // `dpkg --verify` prints nothing if the installed files match the checksums of the package.
    assert_eq!(computer.run("dpkg --verify pinlatch-agent"), "");
}

fn is_confined(computer: &Computer) {
    let said = computer.run(&format!("systemd-analyze security --offline=yes --threshold=15 {UNIT} | cat"));
    let level = said.lines().rev().find_map(|line| line.split_once("level for pinlatch-agent.service: "));
    let level: f64 = level
        .and_then(|(_, rest)| rest.split(' ').next()?.parse().ok())
        .unwrap_or_else(|| panic!("an exposure level: {said}"));
    println!("systemd-analyze security: {level}");
    assert!(level <= 1.5, "{said}");
    let complaints = computer.run(&format!("systemd-analyze verify /lib/systemd/system/{UNIT}"));
    assert_eq!(complaints, "");
}

fn runs_once_enrolled(computer: &Computer, site: &Site<'_>) {
    for (file, content) in
        [(CONFIG, CONFIGURATION), ("/run/systemd/system/pinlatch-agent.service.d/w.conf", WATCHDOG)]
    {
        computer.run(&format!("mkdir -p $(dirname {file}) && cat >{file} <<'END'\n{content}END\n"));
    }
    computer.run("systemctl daemon-reload");
    // The enrolment runs as root, as it does for an owner. The service's user must be able to read the files that the
    // enrolment creates.
    let said = computer.run(&format!("echo '{}' | pinlatch-agent enrol -", site.enrolment("porch")));
    assert!(said.starts_with("enrolled as porch"), "{said}");
    let credentials = computer.run(&format!("stat -c '%a %U %G' {STATE}/credentials.json"));
    assert_eq!(credentials, "600 pinlatch pinlatch");
    // The systemd path unit starts the service after the enrolment.
    until_connected(computer, site);
    assert_eq!(computer.property(UNIT, "Type"), "notify");
    let user = computer.run(&format!("stat -c %U /proc/{}", computer.property(UNIT, "MainPID")));
    assert_eq!(user, "pinlatch");
}

/// Waits until the unit is active, and both the agent and the edge report that the agent is connected.
pub fn until_connected(computer: &Computer, site: &Site<'_>) {
    soon("the unit is active", || (computer.property(UNIT, "ActiveState") == "active").then_some(()));
    soon("the status reports the link", || {
        computer.property(UNIT, "StatusText").starts_with("connected to http").then_some(())
    });
    site.until_online("porch");
}

/// The runtime folder contains the socket of the status and the running configuration, which only the agent reads.
fn shows_its_status(computer: &Computer) {
    let status = computer.run("pinlatch-agent status");
    assert!(status.contains("connected") && status.contains("lamp"), "{status}");
    let kept = computer.run("stat -c '%a %U' /run/pinlatch/running-etc-pinlatch-agent.toml.json");
    assert_eq!(kept, "600 pinlatch");
}

/// Drives a PWM output inside the sandbox of the unit. The test creates files with the layout of sysfs and with the
/// group that Pinlatch's udev rule sets.
fn drives_pwm(computer: &Computer, site: &Site<'_>) {
    let channel = "/sys/devices/platform/soc/fe20c000.pwm/pwm/pwmchip0/pwm0";
    computer.run(&format!(
        "set -e; cp {CONFIG} /root/kept
        for folder in class devices/platform; do mount -t tmpfs none /sys/$folder; done
        mkdir -p {channel} /sys/class/pwm; cd {channel}
        for file in period duty_cycle enable; do echo 0 >$file; done; echo normal >polarity
        cd ..; echo 1 >npwm; ln -s ../../../fe20c000.pwm device; ln -s $PWD /sys/class/pwm/pwmchip0
        chgrp -R gpio .; chmod -R g=u .
        printf '%s\\n' '[lines.glow]' 'kind = \"dimmer\"' 'driver = \"pwm\"' 'pwm = \"fe20c000.pwm\"' 'channel = 0' >>{CONFIG}
        systemctl restart {UNIT}"
    ));
    let now = |file: &str| computer.run(&format!("cat {channel}/{file}"));
    let path = "/api/v1/devices/porch/lines/glow/set";
    let set = || Some(site.post(path, &json!({ "value": 0.25 }))).filter(|answer| answer.status == 200);
    let result = soon("the lamp glows", set).body;
    assert_eq!(result["status"], "executed", "{result}");
    assert_eq!(["period", "duty_cycle", "enable"].map(now), ["1000000", "250000", "1"]);
    computer.run(&format!("systemctl stop {UNIT}"));
    // The test's files are regular files, unlike files in sysfs. If a new value is shorter than the old value, the last
    // digits of the old value remain in a regular file.
    assert_eq!(now("duty_cycle"), "050000", "the PWM output is still on");
    computer.run(&format!(
        "cp /root/kept {CONFIG}; umount /sys/class /sys/devices/platform; systemctl start {UNIT}"
    ));
    until_connected(computer, site);
}

fn switch_on(site: &Site<'_>) -> Value {
    let path = "/api/v1/devices/porch/lines/lamp/set";
    let result = eventually(Duration::from_secs(15), "the lamp obeys", || {
        let answer = site.post(path, &json!({ "value": true }));
        // The edge can still have an earlier connection of the agent open, so the command is repeated until it
        // succeeds.
        (answer.status == 200).then_some(answer.body)
    });
    assert_eq!((&result["status"], &result["level"]), (&json!("executed"), &json!(true)));
    result
}

/// Returns the levels of the simulated lamp since the lamp was last switched on.
fn levels_since_on(computer: &Computer) -> Vec<bool> {
    let journal = computer.run(&format!("cat {STATE}/sim.jsonl"));
    let entries = journal.lines().map(|entry| serde_json::from_str::<Value>(entry).expect("JSON"));
    let levels: Vec<bool> = entries
        .filter(|entry| entry["line"] == "lamp")
        .map(|entry| entry["level"].as_bool().expect("a level"))
        .collect();
    let on = levels.iter().rposition(|level| *level).expect("it was on");
    levels[on..].to_vec()
}

fn logs_fields(computer: &Computer, site: &Site<'_>) {
    switch_on(site);
    let query = format!("journalctl -o json -u {UNIT} LINE=lamp OUTCOME=executed");
    let entry =
        soon("the journal has the command", || computer.run(&query).lines().last().map(ToOwned::to_owned));
    let entry: Value = serde_json::from_str(&entry).expect("JSON");
    assert_eq!((&entry["DEVICE"], &entry["PRIORITY"]), (&json!("porch"), &json!("6")), "{entry}");
    assert!(entry["COMMAND_ID"].as_str().is_some_and(|id| !id.is_empty()), "{entry}");
    let message = entry["MESSAGE"].as_str().expect("a message");
    assert!(message.starts_with("executed") && message.contains("line=lamp"), "{message}");
}

/// A reload must be able to add a GPIO line while another GPIO line stays on. If the configuration file is invalid, a
/// reload must change nothing and must report the error.
fn reloads_what_is_usable(computer: &Computer, site: &Site<'_>) {
    switch_on(site);
    let process = computer.property(UNIT, "MainPID");
    let more = "[lines.fan]\nkind = \"switch\"\ndriver = \"sim\"\n";
    computer.run(&format!(
        "cp {CONFIG} /root/kept && printf '%s' '{more}' >>{CONFIG} && systemctl reload {UNIT}"
    ));
    let of = |line: &str| {
        site.get("/api/v1/devices/porch").ok()["lines"]
            .as_array()
            .is_some_and(|lines| lines.iter().any(|found| found["name"] == line))
    };
    soon("the new line is known", || of("fan").then_some(()));
    computer.run(&format!("echo '[lines' >>{CONFIG}"));
    let (code, said) = computer.try_run(&format!("systemctl reload {UNIT}"));
    assert_ne!(code, Some(0), "{said}");
    let journal = computer.run(&format!("journalctl -o cat -u {UNIT}"));
    assert!(journal.contains(&format!("{CONFIG}:")), "the place is not named: {journal}");
    assert!(of("fan") && of("lamp"));
    computer.run(&format!("cp /root/kept {CONFIG} && systemctl reload {UNIT}"));
    soon("the line is gone", || (!of("fan")).then_some(()));
    assert_eq!(computer.property(UNIT, "MainPID"), process);
    assert_eq!(levels_since_on(computer), [true], "the lamp was touched");
}

pub fn restarts(computer: &Computer) -> u32 {
    computer.property(UNIT, "NRestarts").parse().expect("a number")
}

fn is_safe_after_a_kill(computer: &Computer, site: &Site<'_>) {
    assert_eq!(levels_since_on(computer), [true]);
    computer.run(&format!("systemctl kill --kill-whom=main -s KILL {UNIT}"));
    soon("it was restarted", || (restarts(computer) == 1).then_some(()));
    until_connected(computer, site);
    // The lamp is switched off twice: first by `ExecStopPost=`, and then by the start of the agent.
    assert_eq!(levels_since_on(computer), [true, false, false]);
}

/// The owner has moved the lamp to another line and made a mistake in the file. The agent is killed before a reload. The
/// lamp must go to its safe level, and the agent must run again.
fn runs_with_its_last_good_configuration(computer: &Computer, site: &Site<'_>) {
    let warnings = || site.get("/api/v1/devices/porch").ok()["warnings"].clone();
    let before = restarts(computer);
    let broken =
        CONFIGURATION.replace("[lines.lamp]", "[lines.fan]").replace("kind = \"switch\"", "kind = \"swich\"");
    computer.run(&format!("cat >{CONFIG} <<'END'\n{broken}END\n"));
    switch_on(site);
    computer.run(&format!("systemctl kill --kill-whom=main -s KILL {UNIT}"));
    soon("it was restarted", || (restarts(computer) == before + 1).then_some(()));
    until_connected(computer, site);
    assert_eq!(levels_since_on(computer), [true, false, false]);
    soon("the warning arrives", || (warnings() == json!(["config_unusable"])).then_some(()));
    let journal = computer.run(&format!("journalctl -o cat -u {UNIT}"));
    assert!(journal.contains("last good configuration") && journal.contains("swich"), "{journal}");

    // The file is valid, but the lamp is no longer in the file.
    let moved = CONFIGURATION.replace("[lines.lamp]", "[lines.fan]");
    computer.run(&format!("cat >{CONFIG} <<'END'\n{moved}END\n"));
    switch_on(site);
    computer.run(&format!("systemctl kill --kill-whom=main -s KILL {UNIT}"));
    soon("it was restarted", || (restarts(computer) == before + 2).then_some(()));
    until_connected(computer, site);
    // The lamp is switched off twice: first by `ExecStopPost=`, and then by the start, because the new file lacks it.
    assert_eq!(levels_since_on(computer), [true, false, false]);
    computer.run(&format!("cat >{CONFIG} <<'END'\n{CONFIGURATION}END\nsystemctl restart {UNIT}"));
    until_connected(computer, site);
    assert_eq!(warnings(), Value::Null);
}

fn is_restarted_when_it_hangs(computer: &Computer, site: &Site<'_>) {
    let before = restarts(computer);
    switch_on(site);
    computer.run(&format!("systemctl kill --kill-whom=main -s STOP {UNIT}"));
    soon("the watchdog has restarted it", || (restarts(computer) == before + 1).then_some(()));
    let said = computer.run(&format!("journalctl -o cat -u {UNIT}"));
    assert!(said.contains("Watchdog timeout"), "{said}");
    until_connected(computer, site);
    assert_eq!(levels_since_on(computer), [true, false, false]);
}

fn keeps_everything_when_replaced(computer: &Computer, site: &Site<'_>, deb: &str) {
    let before = computer.property(UNIT, "MainPID");
    // apt runs `dpkg` with the same options in non-interactive mode.
    computer.run(&format!("dpkg --force-confdef --force-confold -i {deb}"));
    soon("the new one runs", || {
        let now = computer.property(UNIT, "MainPID");
        (now != before && now != "0").then_some(())
    });
    until_connected(computer, site);
    assert_eq!(computer.run(&format!("cat {CONFIG}")), CONFIGURATION.trim());
    switch_on(site);
}

fn leaves_nothing_behind(computer: &Computer) {
    assert_eq!(levels_since_on(computer), [true]);
    computer.run("dpkg --remove pinlatch-agent");
    // When the package is removed, the agent must stop and switch the lamp off. The configuration and the enrolment
    // must be retained.
    assert_eq!(levels_since_on(computer).get(1), Some(&false));
    computer.run(&format!("test -f {CONFIG} -a -f {STATE}/credentials.json"));
    computer.run("rm -r /run/systemd/system/pinlatch-agent.service.d");
    computer.run("dpkg --purge pinlatch-agent");
    assert_eq!(computer.try_run("getent passwd pinlatch").0, Some(2), "the user is still there");
    assert_eq!(
        computer.run("find / -xdev -not -path '/packages*' -not -path '/proc/*' -name '*pinlatch*'"),
        ""
    );
    assert_eq!(computer.run("systemctl list-unit-files --no-legend 'pinlatch*' || true"), "");
}
