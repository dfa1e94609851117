//! Performs the tasks that an owner has in the course of a year, with the command line on a real deployment.

mod addresses;
mod parallel;
pub mod shell;
mod terminal;
mod words;

use std::io::{BufRead, BufReader};
use std::process::Child;

use e2e::Site;
use e2e::site::{OWNER, PASSWORD};
use serde_json::json;

use self::shell::Shell;

/// A child process that is killed when the test ends, even if the test fails.
struct Watching(Child);

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_owner_runs_a_site_from_the_command_line() {
    let site = Site::shared();
    let agent = site.device("porch");
    let (owner, ann) = (Shell::new(), Shell::new());
    owner.log_in(&site, OWNER);
    assert_eq!(owner.says(&["whoami"], "")["role"], "owner");

    let code = owner.says(&["user", "invite", "ann", "--role", "operator"], "")["code"].clone();
    let url = site.deployment.origin();
    let accept = ["user", "accept", "--url", url, "--code", "-", "--password-stdin"];
    ann.says(&accept, &format!("{}\n{PASSWORD}\n", code.as_str().expect("a code")));
    ann.log_in(&site, "ann");

    let mut watch = owner.command(&["--json", "watch"]);
    let mut watching = Watching(watch.spawn().expect("pinlatch watch"));
    let mut seen = BufReader::new(watching.0.stdout.take().expect("stdout")).lines();
    let mut until = |what: &str| {
        seen.by_ref().map(|line| line.expect("a line")).find(|line| line.contains(what)).expect(what)
    };
    until("porch");
    assert_eq!(ann.says(&["send", "porch/lamp", "set", "on"], "")["status"], "executed");
    until("\"reported\":true");
    assert_eq!(agent.levels("lamp").last(), Some(&json!(true)));
    assert_eq!(ann.fails(&["user", "list"]), "insufficient_scope");
    owner.says(&["user", "set", "ann", "--scope", "line:porch/door:pulse"], "");
    assert_eq!(ann.fails(&["send", "porch/lamp", "set", "off"]), "insufficient_scope");

    let made = owner.says(&["token", "create", "cron", "--scope", "line:porch/lamp:set", "--for", "2h"], "");
    let token = made["access_token"].as_str().expect("a token").to_owned();
    let script = site.deployment.http().bearer(&token);
    let lamp = "/api/v1/devices/porch/lines/lamp/set";
    assert_eq!(script.post(lamp, &json!({ "value": false })).status, 200);
    let jti = made["token"]["jti"].as_str().expect("an id").to_owned();
    assert!(owner.says(&["token", "list"], "").to_string().contains(&jti));
    owner.says(&["token", "revoke", "--", &jti], "");
    script.post(lamp, &json!({ "value": true })).is_problem(401, "invalid_token");
    let guest = owner
        .says(&["guest", "create", "Courier", "--scope", "line:porch/door:pulse", "--max-uses", "1"], "");
    assert!(guest["link"].as_str().is_some_and(|link| link.contains("/#guest=")), "{guest}");
    let guest_jti = guest["token"]["jti"].as_str().expect("an id").to_owned();
    owner.says(&["guest", "revoke", "--", &guest_jti], "");

    let text = String::from_utf8_lossy(&owner.run(&["audit"], "").stdout).into_owned();
    for sentence in [
        "ann switched Lamp (Porch) on",
        "cron (API token) switched Lamp (Porch) off",
        "owner made the guest link Courier",
    ] {
        assert!(text.contains(sentence), "{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80) && !text.contains(&jti), "{text}");
    let ids = String::from_utf8_lossy(&owner.run(&["audit", "--ids"], "").stdout).into_owned();
    assert!(ids.contains(&jti), "{ids}");

    let export = owner.run(&["audit", "--jsonl"], "");
    assert!(export.status.success());
    let file = owner.folder.path().join("log.jsonl");
    std::fs::write(&file, &export.stdout).expect("a file");
    let file = file.to_str().expect("a path");
    owner.says(&["audit", "verify", file], "");
    let altered = String::from_utf8_lossy(&export.stdout).replace("\"executed\"", "\"refused\"");
    std::fs::write(file, altered).expect("a file");
    assert_eq!(
        owner.run(&["audit", "verify", file], "").status.code(),
        Some(1),
        "an altered log is found out"
    );
    let log = String::from_utf8_lossy(&export.stdout).into_owned();
    assert!(!log.contains(&token) && !log.contains(PASSWORD));

    let checked = owner.run(&["doctor"], "");
    let told = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success(), "{told}");
    assert!(told.contains(&format!("{url}/ (the deployment that you are logged in to)")), "{told}");
    owner.says(&["user", "remove", "ann"], "");
    assert_eq!(ann.fails(&["whoami"]), "invalid_grant", "the login was renewed");
    owner.says(&["device", "remove", "porch"], "");
    assert_eq!(owner.says(&["device", "list"], ""), json!([]));
    owner.says(&["logout"], "");
    assert_eq!(owner.run(&["whoami"], "").status.code(), Some(1), "the logout had no effect");
}

/// A link for a line that does not exist is made with a warning that lists the lines. A link is good for one use and for
/// one day, unless the command says otherwise. Enrolling an existing name warns of the replacement.
#[test]
fn a_useless_link_and_a_replaced_device_are_told_before() {
    let site = Site::shared();
    let _agent = site.device("porch");
    let owner = Shell::new();
    owner.log_in(&site, OWNER);
    let told = |arguments: &[&str]| {
        let output = owner.run(arguments, "");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {told}");
        told
    };
    let create = |scope: &str| told(&["guest", "create", "X", "--scope", scope]);
    let warned = create("line:porch/dor:pulse");
    assert!(warned.contains("porch has no line dor; it has: door, lamp, relay, bell, rose"), "{warned}");
    let warned = create("line:prch/door:pulse");
    assert!(warned.contains("the site has no device prch; it has: porch"), "{warned}");
    let fine = create("line:porch/door:pulse");
    assert!(!fine.contains("Warning") && fine.contains("for one command"), "{fine}");
    let warned = told(&["token", "create", "Y", "--scope", "line:porch/bell:pulse"]);
    assert!(warned.contains("porch/bell has no action pulse"), "{warned}");
    let warned = told(&["user", "invite", "eve", "--scope", "line:porch/lmap:set"]);
    assert!(warned.contains("porch has no line lmap"), "{warned}");

    let made = |more: &[&str]| {
        let create = ["guest", "create", "Z", "--scope", "line:porch/door:pulse"];
        owner.says(&[&create, more].concat(), "")["token"].clone()
    };
    let link = made(&[]);
    let seconds = |member: &str| link[member].as_u64().expect("a time");
    assert_eq!((&link["max_uses"], seconds("expires_at") - seconds("not_before")), (&json!(1), 86_400));
    assert_eq!(made(&["--max-uses", "any"]).get("max_uses").filter(|most| !most.is_null()), None);

    assert!(!told(&["device", "enrol", "shed"]).contains("exists"));
    let warned = told(&["device", "enrol", "porch"]);
    assert!(
        warned.contains("porch exists") && warned.contains("only the new computer has access"),
        "{warned}"
    );
    let shown = owner.run(&["device", "enrol", "shed"], "");
    assert!(String::from_utf8_lossy(&shown.stdout).contains("  echo 'http"), "{shown:?}");
}

#[test]
fn watch_says_who_opened_the_door_and_that_a_device_does_not_answer() {
    let site = Site::shared();
    let agent = site.device("porch");
    let owner = Shell::new();
    owner.log_in(&site, OWNER);
    let mut watching = Watching(owner.command(&["watch"]).spawn().expect("pinlatch watch"));
    let mut seen = BufReader::new(watching.0.stdout.take().expect("stdout")).lines();
    let mut until = |what: &str| {
        seen.by_ref().map(|line| line.expect("a line")).find(|line| line.contains(what)).expect(what)
    };
    until("porch/door");
    owner.says(&["send", "porch/door", "pulse", "500"], "");
    let opened = until(&format!("opened by {OWNER}"));
    assert!(opened.contains("porch/door"), "{opened}");
    agent.pause();
    let path = "/api/v1/devices/porch/lines/door/pulse?deadline_ms=500";
    assert_eq!(site.post(path, &json!({ "ms": 500 })).body["code"], "outcome_unknown");
    until("not answering");
    let list = owner.run(&["device", "list"], "");
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    assert!(list.contains("not answering"), "{list}");
    agent.resume();
    until("online");
}
