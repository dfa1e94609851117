//! Tests the URLs of deployments as people write them, and the prompts for passwords.

use std::net::TcpListener;

use e2e::Site;
use e2e::site::{OWNER, PASSWORD};

use super::shell::{Shell, finish, stderr};

/// Logs in without a terminal, and returns the complaint.
#[track_caller]
fn refused(url: &str, more: &[&str]) -> String {
    let arguments = [&["login", "--url", url, "--username", OWNER], more].concat();
    let output = finish(Shell::new().without_terminal(&arguments), "");
    assert_eq!(output.status.code(), Some(1), "{url}");
    stderr(&output)
}

#[test]
fn a_url_is_completed_and_checked_before_the_password() {
    let site = Site::shared();
    let origin = site.deployment.origin();
    let (scheme, host) = origin.split_once("://").expect("a URL");
    assert_eq!(scheme, "http", "the shared deployment is on this machine");
    let owner = Shell::new();
    let login = ["login", "--url", host, "--site", &site.name, "--username", OWNER, "--password-stdin"];
    assert_eq!(owner.says(&login, &format!("{PASSWORD}\n"))["url"], format!("{origin}/"));

    let complaint = refused(&format!("https://{host}"), &[]);
    assert!(complaint.contains(&format!("does not speak TLS; try {origin}/")), "{complaint}");
    let nothing = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let complaint = refused(&format!("localhost:{nothing}"), &[]);
    assert!(complaint.contains(&format!("cannot reach http://localhost:{nothing}/")), "{complaint}");
    let complaint = refused("http://door.example", &[]);
    assert!(complaint.contains("use an https URL"), "{complaint}");
}

#[test]
fn without_a_terminal_every_prompt_names_the_option() {
    let site = Site::shared();
    let url = site.deployment.origin();
    let owner = Shell::new();
    owner.log_in(&site, OWNER);
    for command in [
        &["login", "--url", url, "--username", OWNER][..],
        &["setup", "--url", url, "--code", "x", "--username", OWNER],
        &["user", "accept", "--url", url, "--code", "x"],
        &["user", "accept", "--url", url, "--code", "-"],
        &["user", "password"],
        &["user", "secure"],
    ] {
        let output = finish(owner.without_terminal(command), "x\n");
        let complaint = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{command:?}: {complaint}");
        let is_argument = command.contains(&"x");
        let warning = "other users of this machine can read the arguments of running programs";
        assert_eq!(complaint.contains(warning), is_argument, "{command:?}: {complaint}");
        let advice = "there is no terminal to ask for the password; use --password-stdin";
        assert!(complaint.contains(advice), "{command:?}: {complaint}");
        assert!(!complaint.contains("os error"), "{command:?}: {complaint}");
    }
    for command in [&["setup", "--url", url, "--username", OWNER][..], &["user", "accept", "--url", url]] {
        let complaint = stderr(&finish(owner.without_terminal(command), ""));
        assert!(
            complaint.contains("there is no terminal to ask for the") && complaint.contains("`--code -`"),
            "{complaint}"
        );
    }
}
