//! Tests `pinlatch holder` and `pinlatch grant` with the real program, mostly without an edge: a holder asks for a
//! grant, the owner signs and revokes it, and wrong inputs are refused with a code.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed expectation is the point"
)]
#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, SystemTime};

use pinlatch_token::SigningKey;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A machine with its own configuration folder.
struct Machine {
    folder: TempDir,
}

impl Machine {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// The machine of an owner, with a root key.
    fn of_owner() -> (Self, SigningKey) {
        let (owner, root) = (Self::new(), SigningKey::generate());
        fs::create_dir(owner.path("config")).unwrap();
        owner.write("config/root.jwk", root.to_private_jwk().expose());
        owner.write("root.pub.jwk", &root.public_jwk().to_string());
        (owner, root)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path(name)).unwrap().permissions().mode() & 0o777
    }

    /// Returns the private parts of the keys on this machine.
    fn secrets(&self) -> Vec<String> {
        let keys = ["config/root.jwk", "config/holder.jwk"].map(|name| fs::read_to_string(self.path(name)));
        let private =
            |text: String| serde_json::from_str::<Value>(&text).ok()?.get("d")?.as_str().map(str::to_owned);
        keys.into_iter().flatten().filter_map(private).collect()
    }

    /// Runs `pinlatch` without a terminal. No output may contain a private key.
    fn run(&self, args: &[&str], input: &str) -> Output {
        let mut child = Command::new("setsid")
            .args(["--wait", env!("CARGO_BIN_EXE_pinlatch")])
            .args(args)
            .current_dir(&self.folder)
            .env("PINLATCH_CONFIG_DIR", self.path("config"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // `pinlatch` can exit before it reads stdin, so a failed write is ignored.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let shown = format!("{}{}", stdout(&output), stderr(&output));
        for secret in self.secrets() {
            assert!(!shown.contains(&secret), "a private key is shown: {args:?}");
        }
        output
    }

    /// Runs a command that must succeed. Returns its stdout.
    fn says(&self, args: &[&str], input: &str) -> String {
        let output = self.run(args, input);
        assert!(output.status.success(), "{args:?}: {output:?}");
        stdout(&output).trim().to_owned()
    }

    /// Runs a command that must succeed. Returns its JSON document.
    fn document(&self, args: &[&str], input: &str) -> Value {
        serde_json::from_str(&self.says(&[&["--json"], args].concat(), input)).unwrap()
    }

    /// Runs a command that must be refused. Returns the code. The error contains neither the input nor a whole token.
    fn refuses(&self, args: &[&str], input: &str) -> String {
        let output = self.run(&[&["--json"], args].concat(), input);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {output:?}");
        let shown = format!("{}{}", stdout(&output), stderr(&output));
        assert!(input.len() < 20 || !shown.contains(input.trim()), "{args:?}: the input is repeated");
        assert!(!shown.contains("eyJ"), "{args:?}: a token is shown: {shown}");
        let document: Value = serde_json::from_str(&stdout(&output)).unwrap();
        document["code"].as_str().unwrap_or_else(|| panic!("no code: {document}")).to_owned()
    }

    /// Verifies a token with the owner's public root key.
    fn accepts(&self, token: &str) -> bool {
        let output = self.run(&["token", "verify", "-", "--root", "root.pub.jwk"], token);
        output.status.success()
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Returns the thumbprint that `pinlatch holder show` prints.
fn thumbprint(holder: &Machine) -> String {
    holder.document(&["holder", "show"], "")["thumbprint"].as_str().unwrap().to_owned()
}

#[test]
fn a_holder_gets_a_grant_and_the_owner_revokes_it() {
    let (owner, _) = Machine::of_owner();
    for (index, init) in [&["holder", "init"][..], &["holder", "init", "--p256"]].into_iter().enumerate() {
        let holder = Machine::new();
        let made = holder.document(init, "");
        assert_eq!(made["key_type"], ["ed25519", "p256"][index]);
        assert_eq!(holder.mode("config/holder.jwk"), 0o600);
        let shown = holder.says(&["holder", "show"], "");
        assert!(shown.contains(made["thumbprint"].as_str().unwrap()) && shown.contains("\"x\""), "{shown}");
        assert!(holder.says(&["holder", "list"], "").contains("no grants"));

        let request = holder.run(&["grant", "request", "--name", "Ann's laptop"], "");
        assert!(stderr(&request).contains(&thumbprint(&holder)), "{request:?}");
        let request = stdout(&request);
        assert_eq!(request.lines().count(), 1);
        let create = ["grant", "create", "--request", "-", "--site", "home", "--line", "porch/door:pulse"];
        let confirmed = ["--thumbprint", &thumbprint(&holder), "--for", "12h"];
        let created = owner.run(&[&create[..], &confirmed].concat(), &request);
        assert!(created.status.success(), "{created:?}");
        for part in
            ["Ann's laptop", &thumbprint(&holder), "read and pulse the line door", "not compared", "12h"]
        {
            assert!(stderr(&created).contains(part), "{part}: {created:?}");
        }
        let grant = stdout(&created);
        assert!(owner.accepts(&grant));
        assert_eq!(owner.mode("config/grants.json"), 0o600);
        let record = owner.read("config/grants.json");
        assert!(!record.contains(grant.trim()) && !record.contains("jwk"), "{record}");

        holder.write("root.pub.jwk", &owner.read("root.pub.jwk"));
        let added = holder.says(&["holder", "add", "-"], &grant);
        assert!(added.contains("whether the owner signed the grant"), "{added}");
        let added = holder.says(&["holder", "add", "-", "--root", "root.pub.jwk"], &grant);
        assert!(!added.contains("signed the grant") && added.contains("has revoked"), "{added}");
        let stored = holder.document(&["holder", "list"], "");
        let id = stored[0]["id"].as_str().unwrap();
        assert_eq!((stored.as_array().unwrap().len(), &stored[0]["site"]), (1, &Value::from("home")));
        assert_eq!(holder.mode(&format!("config/grants/{id}.jwt")), 0o600);
        let table = holder.says(&["holder", "list"], "");
        assert!(table.contains("valid") && table.contains("porch/door:pulse"), "{table}");
        let table = owner.says(&["grant", "list"], "");
        assert!(table.contains(id) && table.contains("valid") && table.contains("Ann's laptop"), "{table}");

        let revoked = owner.run(&["grant", "revoke", id], "");
        assert!(revoked.status.success() && stderr(&revoked).contains("no effect yet"), "{revoked:?}");
        assert!(owner.accepts(&stdout(&revoked)));
        assert_eq!(owner.read("config/revocations/home.jwt"), stdout(&revoked));
        assert_eq!(owner.mode("config/revocations/home.jwt"), 0o600);
        let grants = owner.document(&["grants"], "");
        assert_eq!(grants[index]["state"], "revoked", "{grants}");
    }

    // A list keeps the revocations of the last list, and its number is higher.
    let first = owner.document(&["grant", "revoke", "--all-before", "1h"], "");
    assert_eq!(first["grants"].as_array().unwrap().len(), 2);
    let key = "k".repeat(43);
    let second = owner.document(&["grant", "revoke", "--holder", &key], "");
    assert!(second["number"].as_u64() > first["number"].as_u64());
    assert_eq!((&second["grants"], &second["void_before"]), (&first["grants"], &first["void_before"]));
    assert!(owner.accepts(second["list"].as_str().unwrap()));
    let record = owner.read("config/grants.json");
    assert_eq!(serde_json::from_str::<Value>(&record).unwrap()["grants"].as_array().unwrap().len(), 2);
}

#[test]
fn a_key_is_replaced_only_with_force() {
    let holder = Machine::new();
    assert_eq!(holder.refuses(&["holder", "show"], ""), "no_holder_key");
    assert_eq!(holder.refuses(&["grant", "request"], ""), "no_holder_key");
    holder.says(&["holder", "init"], "");
    let first = holder.read("config/holder.jwk");
    let again = holder.run(&["holder", "init", "--p256"], "");
    assert!(!again.status.success() && stderr(&again).contains("--force"), "{again:?}");
    assert_eq!(holder.read("config/holder.jwk"), first);
    holder.says(&["holder", "init", "--p256", "--force"], "");
    assert_ne!(holder.read("config/holder.jwk"), first);
    assert_eq!(holder.document(&["holder", "show"], "")["key_type"], "p256");
    holder.write("config/holder.jwk", &first[..first.len() / 2]);
    assert_eq!(holder.refuses(&["holder", "show"], ""), "key_form");
}

#[test]
fn the_owner_signs_nothing_by_mistake() {
    let (owner, root) = Machine::of_owner();
    let (holder, other) = (Machine::new(), Machine::new());
    for machine in [&holder, &other] {
        machine.says(&["holder", "init"], "");
    }
    let request = holder.says(&["grant", "request", "--name", "Ann"], "");
    let (own, wrong) = (thumbprint(&holder), thumbprint(&other));
    let create = |args: &[&str], request: &str| {
        let command = ["grant", "create", "--request", "-", "--line", "porch/door:pulse"];
        owner.refuses(&[&command[..], args].concat(), request)
    };
    let site = ["--site", "home"];
    let with = |args: &[&'static str]| [&site[..], args].concat();
    assert_eq!(create(&site, &request), "no_thumbprint");
    assert_eq!(create(&["--site", "home", "--thumbprint", &wrong], &request), "thumbprint_differs");
    assert_eq!(create(&["--site", "home", "--thumbprint", &own[..20]], &request), "incomplete_thumbprint");
    assert_eq!(create(&["--yes"], &request), "no_site");
    assert_eq!(create(&with(&["--yes"]), &request[..request.len() - 2]), "bad_request");
    assert_eq!(create(&with(&["--yes"]), &holder.read("config/holder.jwk")), "bad_request");
    assert_eq!(create(&with(&["--yes"]), root.to_private_jwk().expose()), "bad_request");
    assert_eq!(create(&with(&["--yes", "--line", "*/door:pulse"]), &request), "every_device");
    assert_eq!(create(&with(&["--yes", "--for", "400days"]), &request), "too_long_lived");
    assert_eq!(create(&with(&["--yes", "--name", ""]), &request), "bad_name");
    let unnamed = holder.says(&["grant", "request"], "");
    assert_eq!(create(&with(&["--yes"]), &unnamed), "no_name");
    let absent = owner.run(
        &[
            "grant",
            "create",
            "--request",
            &request,
            "--line",
            "a/b:read",
            "--site",
            "home",
            "--yes",
            "--root-key",
            "no.jwk",
        ],
        "",
    );
    assert!(!absent.status.success() && stderr(&absent).contains("no root key"), "{absent:?}");
    assert!(!owner.path("config/grants.json").exists(), "nothing is recorded");

    // A revoked key gets no other grant, and a damaged record stays.
    let good = ["grant", "create", "--request", &request, "--line", "a/b:read", "--site", "home", "--yes"];
    let signed = owner.document(&good, "");
    assert_eq!((&signed["name"], &signed["clock_compared"]), (&"Ann".into(), &false.into()));
    owner.says(&["grant", "revoke", "--holder", &own], "");
    assert_eq!(owner.refuses(&good, ""), "holder_revoked");
    owner.write("config/grants.json", "{}");
    for command in [&good[..], &["grant", "list"], &["grant", "revoke", "x"]] {
        let output = owner.run(command, "");
        assert!(
            !output.status.success() && stderr(&output).contains("is damaged"),
            "{command:?}: {output:?}"
        );
    }
    assert_eq!(owner.read("config/grants.json"), "{}");
}

#[test]
fn a_wrong_revocation_changes_nothing() {
    let (owner, _) = Machine::of_owner();
    let holder = Machine::new();
    holder.says(&["holder", "init"], "");
    let request = holder.says(&["grant", "request", "--name", "Ann"], "");
    assert_eq!(owner.refuses(&["grant", "revoke", "--all-before", "1h"], ""), "no_site");
    let create = ["grant", "create", "--request", &request, "--line", "a/b:read", "--site", "home", "--yes"];
    let signed = owner.document(&create, "");
    let (id, grant) = (signed["id"].as_str().unwrap(), signed["grant"].as_str().unwrap());
    assert_eq!(owner.refuses(&["grant", "revoke", id, "another"], ""), "unknown_grant");
    assert_eq!(owner.refuses(&["grant", "revoke", grant], ""), "unknown_grant");
    assert_eq!(owner.refuses(&["grant", "revoke", id, "--site", "barn"], ""), "unknown_grant");
    owner.write("other.jwk", SigningKey::generate().to_private_jwk().expose());
    assert_eq!(owner.refuses(&["grant", "revoke", id, "--root-key", "other.jwk"], ""), "other_root_key");
    assert!(!owner.path("config/revocations").exists());

    owner.says(&["grant", "revoke", id], "");
    let list = owner.read("config/revocations/home.jwt");
    let future = ["grant", "revoke", "--all-before", "2100-01-01T00:00:00Z"];
    assert_eq!(owner.refuses(&future, ""), "future_date");
    let other = ["grant", "revoke", "--all-before", "1h", "--root-key", "other.jwk"];
    assert_eq!(owner.refuses(&other, ""), "unknown_key");
    assert_eq!(owner.read("config/revocations/home.jwt"), list);
    let damaged = &list[..list.len() / 2];
    owner.write("config/revocations/home.jwt", damaged);
    assert_eq!(owner.refuses(&["grant", "revoke", id], ""), "malformed");
    assert_eq!(owner.read("config/revocations/home.jwt"), damaged);
}

#[test]
fn a_holder_stores_only_its_own_grants() {
    let (owner, root) = Machine::of_owner();
    let (holder, other) = (Machine::new(), Machine::new());
    let grant = |machine: &Machine| {
        let request = machine.says(&["grant", "request", "--name", "Ann"], "");
        let create =
            ["grant", "create", "--request", &request, "--line", "a/b:read", "--site", "home", "--yes"];
        owner.says(&create, "")
    };
    for machine in [&holder, &other] {
        machine.says(&["holder", "init"], "");
    }
    let (own, foreign) = (grant(&holder), grant(&other));
    holder.write("root.jwk", &root.public_jwk().to_string());
    holder.write("thief.jwk", &SigningKey::generate().public_jwk().to_string());
    let add = |args: &[&str], text: &str| holder.refuses(&[&["holder", "add", "-"], args].concat(), text);
    assert_eq!(add(&[], &foreign), "other_holder");
    assert_eq!(add(&[], "no grant"), "not_a_grant");
    assert_eq!(add(&[], &own[..own.len() / 2]), "not_a_grant");
    assert_eq!(add(&["--root", "thief.jwk"], &own), "unknown_key");
    // The last characters of a signature contain unused bits, so a character in the middle is changed.
    let (start, signature) = own.rsplit_once('.').unwrap();
    let changed = if signature.starts_with('A') { "B" } else { "A" };
    let altered = format!("{start}.{changed}{}", &signature[1..]);
    assert_eq!(add(&["--root", "root.jwk"], &altered), "bad_signature");
    assert!(!holder.path("config/grants").exists(), "nothing is stored");

    holder.write("grant.jwt", &format!("{own}\n"));
    holder.says(&["holder", "add", "grant.jwt", "--root", "root.jwk"], "");
    assert_eq!(add(&[], &altered), "grant_exists");
    holder.says(&["holder", "add", "grant.jwt"], "");
    // Another key cannot use the grant, and a file that is no grant hides no other grant.
    holder.write("config/grants/x.jwt", "damaged");
    holder.says(&["holder", "init", "--force"], "");
    let listed = holder.run(&["holder", "list"], "");
    assert!(stdout(&listed).contains("other key") && stderr(&listed).contains("x.jwt"), "{listed:?}");
}

/// Starts an edge that answers every request with the same document and the given time. Its thread ends with the test.
fn edge_at(time: SystemTime) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let text = humantime::format_rfc3339_seconds(time).to_string();
    let (date, clock) = text.trim_end_matches('Z').split_once('T').unwrap();
    let parts: Vec<&str> = date.split('-').collect();
    let month = MONTHS[parts[1].parse::<usize>().unwrap() - 1];
    let date = format!("Mon, {} {month} {} {clock} GMT", parts[2], parts[0]);
    let body = r#"{"site":"home","sub":"ann","scope":"","jti":"j","iss":"i","iat":0,"exp":1}"#;
    let length = body.len();
    let response = format!(
        "HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            for line in lines {
                if line.unwrap_or_default().is_empty() {
                    break;
                }
            }
            let _ = stream.write_all(response.as_bytes());
        }
    });
    origin
}

#[test]
fn a_grant_is_not_signed_with_a_wrong_clock() {
    let (owner, _) = Machine::of_owner();
    let holder = Machine::new();
    holder.says(&["holder", "init"], "");
    let request = holder.says(&["grant", "request", "--name", "Ann"], "");
    let create = ["grant", "create", "--request", &request, "--line", "a/b:read", "--yes"];
    let log_in = |url: &str| {
        let credentials = json!({ "url": url, "site": "home", "access_token": "access", "refresh_token": "refresh",
            "expires_at": 4_000_000_000_u64 });
        owner.write("config/credentials.json", &credentials.to_string());
    };
    let (now, minutes) = (SystemTime::now(), |count: u64| Duration::from_secs(60 * count));

    log_in(&edge_at(now - minutes(4)));
    let signed = owner.document(&create, "");
    assert_eq!((&signed["site"], &signed["clock_compared"]), (&"home".into(), &true.into()));
    let ours = now.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    assert_eq!(signed["issued"], ours - 240, "the earlier clock counts");
    for time in [now - minutes(6), now + minutes(6)] {
        log_in(&edge_at(time));
        assert_eq!(owner.refuses(&create, ""), "wrong_clock");
    }
    // No edge answers at this address.
    log_in("http://127.0.0.1:9");
    let output = owner.run(&[&create[..], &["--site", "home"]].concat(), "");
    assert!(!output.status.success() && stderr(&output).contains("--offline-signing"), "{output:?}");
    assert_eq!(owner.refuses(&[&create[..], &["--offline-signing"]].concat(), ""), "no_site");
    let signed = owner.document(&[&create[..], &["--offline-signing", "--site", "home"]].concat(), "");
    assert_eq!(signed["clock_compared"], false);
    assert_eq!(owner.document(&["grants"], "").as_array().unwrap().len(), 2);
}

#[test]
#[cfg(target_os = "linux")]
fn on_a_terminal_the_owner_types_the_thumbprint() {
    let (owner, _) = Machine::of_owner();
    let holder = Machine::new();
    holder.says(&["holder", "init"], "");
    let request = holder.says(&["grant", "request", "--name", "Ann"], "");
    let command = format!(
        "{} grant create --request - --line porch/door:pulse --site home",
        env!("CARGO_BIN_EXE_pinlatch")
    );
    let typed = |answer: &str| {
        let mut child = Command::new("script")
            .args(["--quiet", "--return", "--command", &command, "/dev/null"])
            .current_dir(&owner.folder)
            .env("PINLATCH_CONFIG_DIR", owner.path("config"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(format!("{request}\n{answer}\n").as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let output = typed("");
    assert!(!output.status.success() && stdout(&output).contains("no_thumbprint"), "{output:?}");
    assert!(!owner.path("config/grants.json").exists());
    let output = typed(&thumbprint(&holder));
    assert!(output.status.success() && stdout(&output).contains("The grant"), "{output:?}");
    assert_eq!(owner.document(&["grants"], "")[0]["thumbprint"], thumbprint(&holder));
}
