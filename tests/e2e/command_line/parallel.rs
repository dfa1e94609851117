//! Tests that commands which run at the same time share one login session.

use std::process::Child;

use e2e::Site;
use e2e::site::OWNER;
use serde_json::json;

use super::shell::{Shell, stderr, stdout};

/// Runs several commands at the same time, which must all succeed.
#[track_caller]
fn together(owner: &Shell) {
    let start = || owner.command(&["whoami"]).spawn().expect("pinlatch");
    let running: Vec<Child> = (0..8).map(|_| start()).collect();
    for child in running {
        let output = child.wait_with_output().expect("an end");
        assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    }
}

#[test]
fn commands_at_the_same_time_renew_the_login_once() {
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
