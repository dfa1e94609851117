//! Tests that one-time codes come from a prompt or from stdin, and that a code as an argument still works with a warning.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::fake_edge::{FakeEdge, Received};

const CODE: &str = "-the-code";
const PASSWORD: &str = "correct horse battery";
const WARNING: &str = "other users of this machine can read the arguments of running programs";

fn answer(received: &Received) -> Option<(u16, String)> {
    match received.call.as_str() {
        "POST /api/v1/setup" => Some((204, String::new())),
        "POST /api/v1/users/accept" => Some((200, json!({ "username": "ann" }).to_string())),
        _ => None,
    }
}

/// Runs a program, with the input on stdin.
fn run(program: &[&str], input: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(program[0])
        .args(&program[1..])
        .env("PINLATCH_CONFIG_DIR", folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// The commands that take a code, without the option for the code.
fn commands(url: &str) -> [Vec<&str>; 2] {
    [vec!["setup", "--url", url, "--username", "ann"], vec!["user", "accept", "--url", url]]
}

/// Returns the code and the password of the last request.
#[track_caller]
fn last(edge: &FakeEdge) -> (String, String) {
    let body: Value = serde_json::from_str(&edge.received().last().unwrap().body).unwrap();
    (body["code"].as_str().unwrap().to_owned(), body["password"].as_str().unwrap().to_owned())
}

#[test]
fn a_code_is_read_from_stdin_before_the_password() {
    let edge = FakeEdge::start(answer);
    for command in commands(&edge.origin) {
        let args =
            [&[env!("CARGO_BIN_EXE_pinlatch")], &command[..], &["--code", "-", "--password-stdin"]].concat();
        let output = run(&args, &format!("{CODE}\n{PASSWORD}\n"));
        assert!(output.status.success(), "{command:?}: {output:?}");
        assert_eq!(last(&edge), (CODE.into(), PASSWORD.into()));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{command:?}");
        let empty = run(&args, "");
        assert_eq!(empty.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&empty.stderr).contains("code is empty"), "{empty:?}");
    }
}

#[test]
fn a_code_is_asked_for_on_the_terminal() {
    let edge = FakeEdge::start(answer);
    for command in commands(&edge.origin) {
        let line = format!("{} {}", env!("CARGO_BIN_EXE_pinlatch"), command.join(" "));
        let script = ["script", "--quiet", "--return", "--command", &line, "/dev/null"];
        let output = run(&script, &format!("{CODE}\n{PASSWORD}\n{PASSWORD}\n"));
        let screen = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{command:?}: {screen}");
        assert!(screen.contains("code: ") && screen.contains("Password: "), "{screen}");
        assert_eq!(last(&edge), (CODE.into(), PASSWORD.into()));
        assert!(!screen.contains(WARNING), "{screen}");
    }
}

#[test]
fn a_code_as_an_argument_works_and_warns() {
    let edge = FakeEdge::start(answer);
    for command in commands(&edge.origin) {
        let args =
            [&[env!("CARGO_BIN_EXE_pinlatch")], &command[..], &["--code", CODE, "--password-stdin"]].concat();
        let output = run(&args, &format!("{PASSWORD}\n"));
        assert!(output.status.success(), "{command:?}: {output:?}");
        assert_eq!(last(&edge), (CODE.into(), PASSWORD.into()));
        let warning = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(warning.contains(WARNING) && warning.contains("--code -"), "{warning}");
        assert!(!warning.contains(CODE), "{warning}");
    }
}
