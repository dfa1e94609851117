//! Tests the commands that need a new proof of the user's identity, with a simulated edge and a real terminal.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed expectation is the point"
)]
#![cfg(target_os = "linux")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

const PROOF: &str = "POST /api/v1/session/proof";
const PASSWORD: &str = "correct horse";

/// An edge that accepts the access token `old` for everything except requests that need a proof, and a configuration
/// folder with a login to this edge.
struct LoggedIn {
    folder: TempDir,
    /// The method and path, the token and the body of each request.
    requests: Arc<Mutex<Vec<(String, String, String)>>>,
}

impl LoggedIn {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let requests = Arc::<Mutex<Vec<_>>>::default();
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming() {
                answer(&stream.unwrap(), &seen);
            }
        });
        let folder = tempfile::tempdir().unwrap();
        let login = json!({ "url": url, "site": null, "access_token": "old", "expires_at": u32::MAX, "refresh_token": "r" });
        fs::write(folder.path().join("credentials.json"), login.to_string()).unwrap();
        Self { folder, requests }
    }

    /// Runs a program with `pinlatch` as its argument.
    fn run(&self, program: &[&str], input: &str) -> Output {
        let mut child = Command::new(program[0])
            .args(&program[1..])
            .env("PINLATCH_CONFIG_DIR", self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// Runs `pinlatch` without a terminal.
    fn detached(&self, args: &[&str], input: &str) -> Output {
        self.run(&[&["setsid", "--wait", env!("CARGO_BIN_EXE_pinlatch")], args].concat(), input)
    }

    /// Runs `pinlatch` on a terminal on which a user types the input.
    fn on_terminal(&self, args: &str, input: &str) -> (Output, String) {
        let command = format!("{} {args}", env!("CARGO_BIN_EXE_pinlatch"));
        let output = self.run(&["script", "--quiet", "--return", "--command", &command, "/dev/null"], input);
        let screen = String::from_utf8_lossy(&output.stdout).into_owned();
        (output, screen)
    }

    /// Returns the stored login session, if any.
    fn stored(&self) -> Option<Value> {
        let text = fs::read_to_string(self.folder.path().join("credentials.json")).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Returns the method and path of each request, with its token.
    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().iter().map(|(call, token, _)| format!("{call} {token}")).collect()
    }

    fn bodies(&self, call: &str) -> Vec<Value> {
        let requests = self.requests.lock().unwrap();
        let bodies = requests.iter().filter(|(sent, _, _)| sent == call).map(|(_, _, body)| body);
        bodies.map(|body| serde_json::from_str(body).unwrap()).collect()
    }
}

fn answer(stream: &TcpStream, seen: &Mutex<Vec<(String, String, String)>>) {
    let mut reader = BufReader::new(stream);
    let mut lines = reader.by_ref().lines().map(Result::unwrap).take_while(|line| !line.is_empty());
    let call = lines.next().unwrap().replace(" HTTP/1.1", "");
    let headers: Vec<(String, String)> = lines
        .map(|line| {
            line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned())).unwrap()
        })
        .collect();
    let header =
        |name: &str| headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
    let length = header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let body = String::from_utf8(body).unwrap();
    let token = header("authorization").unwrap_or_default().replace("Bearer ", "");
    let (status, reply) = reply(&call, &token, &body);
    seen.lock().unwrap().push((call, token, body));
    let text = if reply.is_null() { String::new() } else { reply.to_string() };
    let head = format!("HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", text.len());
    let mut stream = stream;
    stream.write_all(format!("{head}{text}").as_bytes()).unwrap();
}

fn reply(call: &str, token: &str, body: &str) -> (u16, Value) {
    match call {
        PROOF if body.contains(PASSWORD) => (
            200,
            json!({ "access_token": "proven", "token_type": "Bearer", "expires_in": 600, "refresh_token": "next" }),
        ),
        PROOF => (401, problem("login_failed", 401)),
        "GET /api/v1/whoami" => (
            200,
            json!({ "site": "home", "sub": "ann", "scope": "", "iss": "urn:pinlatch:edge", "jti": "j", "iat": 1, "exp": 2 }),
        ),
        _ if token == "proven" => (204, Value::Null),
        _ => (401, problem("insufficient_user_authentication", 401)),
    }
}

fn problem(code: &str, status: u16) -> Value {
    json!({ "type": format!("urn:pinlatch:problem:{code}"), "title": code, "status": status, "code": code })
}

const REMOVAL: &str = "DELETE /api/v1/devices/porch";

#[test]
fn a_request_that_needs_a_proof_asks_for_the_password_on_the_terminal() {
    let login = LoggedIn::new();
    let (output, screen) = login.on_terminal("device remove porch", &format!("wrong\n{PASSWORD}\n"));
    assert!(output.status.success(), "{screen}");
    assert!(screen.contains("would outlive a stolen login") && screen.contains("is removed"), "{screen}");
    let proof = format!("{PROOF} old");
    let requests = [format!("{REMOVAL} old"), proof.clone(), proof, format!("{REMOVAL} proven")];
    assert_eq!(login.requests(), requests);
    let stored = login.stored().unwrap();
    assert_eq!((&stored["access_token"], &stored["refresh_token"]), (&json!("proven"), &json!("next")));
}

#[test]
fn three_wrong_passwords_change_nothing() {
    let login = LoggedIn::new();
    let (output, screen) = login.on_terminal("device remove porch", "a\nb\nc\n");
    assert_eq!(output.status.code(), Some(1), "{screen}");
    assert!(screen.contains("login_failed"), "{screen}");
    assert_eq!(login.requests().len(), 4);
    assert_eq!(login.stored().unwrap()["access_token"], "old");
}

#[test]
fn without_a_terminal_a_command_says_what_to_do() {
    let login = LoggedIn::new();
    let output = login.detached(&["device", "remove", "porch"], "");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("run `pinlatch login`"), "{text}");
    assert_eq!(login.requests(), [format!("{REMOVAL} old")]);
    assert_eq!(login.stored().unwrap()["access_token"], "old", "the user stays logged in");
}

#[test]
fn securing_the_account_proves_first_and_deletes_the_ended_login() {
    let login = LoggedIn::new();
    let secure = ["--json", "user", "secure", "--password-stdin"];
    let output = login.detached(&secure, &format!("{PASSWORD}\nnew and long\n"));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "{\"secured\":\"ann\"}\n");
    let call = "POST /api/v1/users/ann/secure";
    let requests = ["GET /api/v1/whoami old".to_owned(), format!("{PROOF} old"), format!("{call} proven")];
    assert_eq!(login.requests(), requests);
    assert_eq!(login.bodies(call), [json!({ "password": "new and long" })]);
    assert!(login.stored().is_none(), "the login has ended");
}
