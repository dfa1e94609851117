//! Tests that commands which run at the same time share one login session.

use std::fs::File;
use std::path::Path;
use std::process::Child;

use e2e::site::OWNER;
use e2e::{Site, soon};
use serde_json::{Value, json};

use super::shell::{Shell, stderr, stdout};

/// Runs several commands at the same time, which must all succeed.
#[track_caller]
fn together(owner: &Shell) {
    let start = || owner.command(&["whoami"]).spawn().expect("pinlatch");
    let running: Vec<Child> = (0..8).map(|_| start()).collect();
    for child in running {
        succeeds(child);
    }
}

#[track_caller]
fn succeeds(child: Child) {
    let output = child.wait_with_output().expect("an end");
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
}

fn has_opened(child: &Child, file: &Path) -> bool {
    let open = std::fs::read_dir(format!("/proc/{}/fd", child.id())).into_iter().flatten().flatten();
    open.filter_map(|entry| std::fs::read_link(entry.path()).ok()).any(|target| target == file)
}

#[test]
fn commands_at_the_same_time_share_the_login() {
    let site = Site::shared();
    let owner = Shell::new();
    owner.log_in(&site, OWNER);
    for _ in 0..3 {
        // The access token has expired by this machine's clock.
        owner.alter_session(|session| session["expires_at"] = json!(0));
        together(&owner);
        // The edge refuses the access token.
        owner.alter_session(|session| session["access_token"] = json!("refused"));
        together(&owner);
    }
    assert_eq!(owner.says(&["whoami"], "")["sub"], OWNER, "the login has not ended");
}

#[test]
fn a_command_waits_for_a_renewal_and_takes_the_new_session() {
    let site = Site::shared();
    let owner = Shell::new();
    owner.log_in(&site, OWNER);
    let renewed = |session: &mut Value| {
        let request = json!({ "grant_type": "refresh_token", "refresh_token": session["refresh_token"] });
        let reply = site.deployment.http().post("/api/v1/token", &request).ok();
        session["access_token"] = reply["access_token"].clone();
        session["refresh_token"] = reply["refresh_token"].clone();
        session["expires_at"] = json!(4_102_444_800_u64);
    };
    for refused in ["expires_at", "access_token"] {
        owner.alter_session(|session| {
            session[refused] = if refused == "expires_at" { json!(0) } else { json!("refused") };
        });
        let file = owner.folder.path().canonicalize().expect("a folder").join("credentials.lock");
        let lock = File::open(&file).expect("the lock of the login");
        lock.lock().expect("the lock");
        let child = owner.command(&["whoami"]).spawn().expect("pinlatch");
        soon("the command waits for the lock", || has_opened(&child, &file).then_some(()));
        // The edge ends the login if the first refresh token is used after the second renewal.
        owner.alter_session(renewed);
        owner.alter_session(renewed);
        drop(lock);
        succeeds(child);
    }
    assert_eq!(owner.says(&["whoami"], "")["sub"], OWNER, "the login has not ended");
}
