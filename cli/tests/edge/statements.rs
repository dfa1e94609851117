//! Tests `pinlatch device confirm`, `device identity`, `device list` and `reading` with an edge that is honest or not.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use pinlatch_protocol::line::Level;
use pinlatch_protocol::name::Name;
use pinlatch_token::identity::{self, DeviceIdentity};
use pinlatch_token::reading::Reading;
use pinlatch_token::statement::{Moment, TimeSource};
use pinlatch_token::{Refusal, SigningKey};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fake_edge::{FakeEdge, Received};

const NOON: u64 = 1_782_907_200_000;

/// The key of the device, the key of an attacker, and a root key of another deployment.
static DEVICE: LazyLock<SigningKey> = LazyLock::new(SigningKey::generate);
static THIEF: LazyLock<SigningKey> = LazyLock::new(SigningKey::generate);
static OTHER_ROOT: LazyLock<SigningKey> = LazyLock::new(SigningKey::generate);

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// `porch` is an honest device. The edge knows no key of `old`, and contradicts itself about `barn`. For `shed`, it names
/// the key of the thief. `down` cannot be stored.
fn answer(received: &Received) -> Option<(u16, String)> {
    let (call, query) = received.call.split_once('?').unwrap_or((&received.call, ""));
    let key = |thumbprint: &str, jwk: Option<Value>| json!({ "thumbprint": thumbprint, "jwk": jwk });
    let nonce = query.strip_prefix("nonce=");
    let reading = |signer: &SigningKey, line: &str, nonce: &str| {
        let moment = Moment {
            at_ms: NOON + 2_500,
            source: TimeSource::Edge,
            uncertainty_ms: Some(40),
            boot: "run".into(),
            n: 7,
        };
        let reading = Reading {
            line: name(line),
            level: Level::Number(21.54),
            measured_ms: NOON,
            unit: Some("°C".into()),
            moment,
            nonce: Some(nonce.into()),
        };
        json!({ "reading": reading.sign(signer, &name("home"), &name("porch")).unwrap() })
    };
    let device = |device: &str, key: &SigningKey, confirmed: bool| {
        json!({ "name": device, "online": true, "last_seen_ms": 0, "version": null, "lines": [],
            "key": key.kid(), "confirmed": confirmed })
    };
    let body = match call {
        "GET /api/v1/whoami" => json!({
            "site": "home", "sub": "ann", "scope": "site:devices", "jti": "j", "iss": "i", "iat": 0, "exp": 1,
        }),
        "GET /api/v1/devices" => json!([
            device("porch", &DEVICE, true),
            device("attic", &DEVICE, true),
            device("shed", &THIEF, false),
        ]),
        "GET /api/v1/devices/porch/key" | "GET /api/v1/devices/down/key" => {
            key(DEVICE.kid(), Some(DEVICE.public_jwk()))
        }
        "GET /api/v1/devices/old/key" => key(DEVICE.kid(), None),
        "GET /api/v1/devices/barn/key" => key(DEVICE.kid(), Some(THIEF.public_jwk())),
        "GET /api/v1/devices/shed/key" => key(THIEF.kid(), Some(THIEF.public_jwk())),
        "PUT /api/v1/devices/porch/key" => {
            let body: Value = serde_json::from_str(&received.body).unwrap();
            let identity = body["identity"].as_str().unwrap();
            match DeviceIdentity::verify(identity, &OTHER_ROOT.public(), &name("home"), None) {
                // The edge would refuse the root key that it does not know.
                Ok(_) => {
                    let refusal = Refusal::UnknownKey(OTHER_ROOT.kid().into());
                    return Some(problem(422, "identity_refused", &refusal.to_string()));
                }
                Err(_) => return Some((204, String::new())),
            }
        }
        "PUT /api/v1/devices/down/key" => return Some(problem(500, "internal", "no disk")),
        "GET /api/v1/devices/porch/lines/heat/reading" => reading(&DEVICE, "heat", nonce.unwrap()),
        "GET /api/v1/devices/porch/lines/forged/reading" => reading(&THIEF, "forged", nonce.unwrap()),
        "GET /api/v1/devices/porch/lines/replayed/reading" => {
            reading(&DEVICE, "replayed", "0123456789abcdef")
        }
        "GET /api/v1/devices/porch/lines/other/reading" => reading(&DEVICE, "heat", nonce.unwrap()),
        "GET /api/v1/devices/porch/lines/silent/reading" => {
            return Some(problem(504, "device_silent", "the device did not answer within 2 s"));
        }
        "GET /api/v1/devices/porch/lines/heta/reading" => return Some(problem(404, "unknown_line", "")),
        "GET /api/v1/devices/porch" => {
            let line =
                json!({ "name": "heat", "kind": "sensor", "actions": [], "reported": 1, "changed_ms": 0 });
            json!({ "name": "porch", "online": true, "last_seen_ms": 0, "version": null, "lines": [line] })
        }
        "GET /api/v1/devices/porch/lines/heat" => json!({
            "name": "heat", "kind": "sensor", "actions": [], "reported": 99, "unit": "K", "precision": 1,
            "changed_ms": 0,
        }),
        _ => return None,
    };
    Some((200, body.to_string()))
}

fn problem(status: u16, code: &str, detail: &str) -> (u16, String) {
    let kind = format!("urn:pinlatch:problem:{code}");
    let body = json!({ "type": kind, "title": code, "status": status, "code": code, "detail": detail });
    (status, body.to_string())
}

/// An owner who is logged in to the fake edge.
struct Owner {
    folder: TempDir,
    edge: FakeEdge,
    root: SigningKey,
}

impl Owner {
    fn new() -> Self {
        let owner = Self {
            folder: tempfile::tempdir().unwrap(),
            edge: FakeEdge::start(answer),
            root: SigningKey::generate(),
        };
        let login = json!({
            "url": owner.edge.origin, "site": "home", "access_token": "a", "expires_at": u32::MAX,
            "refresh_token": "r",
        });
        fs::write(owner.path("credentials.json"), login.to_string()).unwrap();
        fs::write(owner.path("root.jwk"), owner.root.to_private_jwk().expose()).unwrap();
        owner
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn identity(&self, file: &str) -> DeviceIdentity {
        let text = fs::read_to_string(self.path(&format!("devices/home/{file}"))).unwrap();
        DeviceIdentity::verify(text.trim(), &self.root.public(), &name("home"), None).unwrap()
    }

    fn files(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path("devices/home")) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Runs a command whose output must not contain the private root key.
    fn run(&self, args: &[&str], input: &str) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_pinlatch"))
            .args(["--color", "never"])
            .args(args)
            .env("PINLATCH_CONFIG_DIR", self.folder.path())
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let jwk: Value = serde_json::from_str(self.root.to_private_jwk().expose()).unwrap();
        let shown = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(!shown.contains(jwk["d"].as_str().unwrap()), "the key is shown: {args:?}");
        output
    }

    fn confirm(&self, device: &str, thumbprint: &str) -> Output {
        self.run(&["device", "confirm", device, "--thumbprint-stdin"], thumbprint)
    }

    fn succeeds(&self, args: &[&str], input: &str) -> String {
        let output = self.run(args, input);
        assert!(output.status.success(), "{args:?}: {output:?}");
        text(&output.stdout)
    }

    /// Runs a command that must be refused. Returns the code in its JSON document, and its text.
    fn refused(&self, args: &[&str], input: &str) -> (String, String) {
        let output = self.run(args, input);
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""), "{args:?}");
        let json = self.run(&[&["--json"], args].concat(), input);
        let document: Value = serde_json::from_slice(&json.stdout).unwrap_or_else(|_| panic!("{json:?}"));
        (document["code"].as_str().unwrap_or_default().to_owned(), text(&output.stderr))
    }

    fn put(&self) -> usize {
        self.edge.received().iter().filter(|received| received.call.starts_with("PUT ")).count()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_confirmed_device_has_an_identity_of_the_root_key() {
    let owner = Owner::new();
    let shown =
        owner.succeeds(&["device", "confirm", "porch", "--thumbprint-stdin"], &format!("{}\n", DEVICE.kid()));
    assert!(shown.contains("The device porch is confirmed") && shown.contains(DEVICE.kid()), "{shown}");
    let identity = owner.identity("porch.jwt");
    assert_eq!((identity.device.as_str(), identity.key.thumbprint()), ("porch", DEVICE.kid()));
    let sent: Value = serde_json::from_str(&owner.edge.received().last().unwrap().body).unwrap();
    let stored = fs::read_to_string(owner.path("devices/home/porch.jwt")).unwrap();
    assert_eq!(sent["identity"], stored.trim());
    assert_eq!(owner.succeeds(&["device", "identity", "porch"], ""), stored);
    assert!(text(&owner.run(&["device", "identity", "shed"], "").stderr).contains("device confirm shed"));

    // A file works too, and the same key is only renewed.
    fs::write(owner.path("thumbprint"), DEVICE.kid()).unwrap();
    let shown =
        owner.succeeds(&["--json", "device", "confirm", "porch", "--thumbprint-file", "thumbprint"], "");
    let document: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(
        (&document["thumbprint"], &document["root_thumbprint"], &document["kept"]),
        (&json!(DEVICE.kid()), &json!(owner.root.kid()), &Value::Null)
    );
    assert_eq!(owner.files(), ["porch.jwt"]);
}

#[test]
fn nothing_is_signed_without_the_whole_thumbprint_of_the_device() {
    let owner = Owner::new();
    let confirm = |device| ["device", "confirm", device, "--thumbprint-stdin"];
    let thumbprint = DEVICE.kid();
    for (device, given, code) in [
        ("porch", "", "no_thumbprint"),
        ("porch", &thumbprint[..20], "incomplete_thumbprint"),
        ("porch", "yes", "not_a_thumbprint"),
        ("porch", THIEF.kid(), "thumbprint_differs"),
        ("shed", thumbprint, "thumbprint_differs"),
        ("old", thumbprint, "key_unknown"),
        ("barn", thumbprint, "edge_contradiction"),
    ] {
        let (found, text) = owner.refused(&confirm(device), given);
        assert_eq!(found, code, "{device} {given}: {text}");
        assert!(text.contains(code), "{text}");
    }
    let without = owner.run(&["device", "confirm", "porch"], thumbprint);
    assert!(text(&without.stderr).contains("--thumbprint-stdin"), "{without:?}");
    assert_eq!((owner.files(), owner.put()), (Vec::<String>::new(), 0));
    fs::remove_file(owner.path("root.jwk")).unwrap();
    let output = owner.confirm("porch", thumbprint);
    assert!(text(&output.stderr).contains("--root-key"), "{output:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn the_thumbprint_is_asked_for_on_a_terminal() {
    let owner = Owner::new();
    let ask = |typed: &str| {
        let line = format!("{} device confirm porch", env!("CARGO_BIN_EXE_pinlatch"));
        let mut child = Command::new("script")
            .args(["--quiet", "--return", "--command", &line, "/dev/null"])
            .env("PINLATCH_CONFIG_DIR", owner.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let cancelled = ask("\n");
    let screen = text(&cancelled.stdout);
    assert!(!cancelled.status.success() && screen.contains("no_thumbprint"), "{screen}");
    for part in ["sudo pinlatch-agent status", "never through the panel", DEVICE.kid(), "site home"] {
        assert!(screen.contains(part), "{part}: {screen}");
    }
    assert_eq!(owner.files(), Vec::<String>::new());
    let confirmed = ask(&format!("{}\n", DEVICE.kid()));
    assert!(confirmed.status.success(), "{}", text(&confirmed.stdout));
    assert_eq!(owner.files(), ["porch.jwt"]);
}

#[test]
fn an_identity_with_another_key_is_kept() {
    let owner = Owner::new();
    assert!(owner.confirm("porch", DEVICE.kid()).status.success());
    let before = identity::sign(&owner.root, &name("home"), &name("porch"), &THIEF.public(), 1_000).unwrap();
    fs::write(owner.path("devices/home/porch.jwt"), &before).unwrap();
    let output = owner.confirm("porch", DEVICE.kid());
    assert!(output.status.success(), "{output:?}");
    let warning = text(&output.stderr);
    assert!(warning.contains(THIEF.kid()) && warning.contains("enrolled again"), "{warning}");
    let kept = format!("porch.{}.jwt", THIEF.kid());
    assert_eq!(owner.identity(&kept).key.thumbprint(), THIEF.kid());
    assert_eq!(owner.identity("porch.jwt").key.thumbprint(), DEVICE.kid());
    assert!(text(&output.stdout).contains(&kept), "{output:?}");
    // The device kept the confirmed key, but the edge names another one.
    fs::write(owner.path("devices/home/shed.jwt"), {
        identity::sign(&owner.root, &name("home"), &name("shed"), &DEVICE.public(), 1_000).unwrap()
    })
    .unwrap();
    let (code, text) = owner.refused(&["device", "confirm", "shed", "--thumbprint-stdin"], DEVICE.kid());
    assert_eq!(code, "thumbprint_differs");
    assert!(text.contains("still has the key that you confirmed"), "{text}");
}

#[test]
fn an_identity_stays_if_the_edge_does_not_store_it() {
    let owner = Owner::new();
    let output = owner.confirm("down", DEVICE.kid());
    let advice = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(advice.contains("down.jwt") && advice.contains("device confirm down` again"), "{advice}");
    assert_eq!(owner.files(), ["down.jwt"]);
    fs::write(owner.path("other.jwk"), OTHER_ROOT.to_private_jwk().expose()).unwrap();
    let args = ["device", "confirm", "porch", "--thumbprint-stdin", "--root-key", "other.jwk"];
    let (code, text) = owner.refused(&args, DEVICE.kid());
    assert_eq!(code, "identity_refused");
    assert!(
        text.contains("not the root key of this deployment") && text.contains(OTHER_ROOT.kid()),
        "{text}"
    );
}

#[test]
fn the_list_compares_the_keys_with_the_own_folder() {
    let owner = Owner::new();
    assert!(owner.confirm("porch", DEVICE.kid()).status.success());
    let shed = identity::sign(&owner.root, &name("home"), &name("shed"), &DEVICE.public(), 1_000).unwrap();
    fs::write(owner.path("devices/home/shed.jwt"), shed).unwrap();
    let shown = owner.succeeds(&["devices"], "");
    assert!(shown.contains("porch  online  confirmed\n"), "{shown}");
    assert!(shown.contains("attic  online  confirmed, according to the edge\n"), "{shown}");
    assert!(shown.contains("shed  online\n  The edge names another key"), "{shown}");
    let listed: Value = serde_json::from_str(&owner.succeeds(&["devices", "--json"], "")).unwrap();
    assert_eq!(listed[2]["confirmed"], Value::Null, "{listed}");
}

#[test]
fn a_reading_is_verified_with_the_own_identity() {
    let owner = Owner::new();
    let shown = owner.succeeds(&["reading", "porch/heat"], "");
    assert!(shown.contains("signed, not verified: run `pinlatch device confirm porch` first"), "{shown}");
    assert!(owner.confirm("porch", DEVICE.kid()).status.success());
    let shown = owner.succeeds(&["reading", "porch/heat"], "");
    let lines: Vec<&str> = shown.lines().collect();
    let file = owner.path("devices/home/porch.jwt");
    assert_eq!(
        lines[..4],
        [
            "porch/heat: 21.5 °C",
            "  measured at 2026-07-01T12:00:00Z, 2s before the reading was signed",
            "  the time comes from the edge, uncertain by up to 40 ms",
            &format!("  signed by the device; verified with {}", file.display()),
        ]
    );
    assert_eq!((lines.len(), lines[4].split('.').count()), (5, 3), "{shown}");
    let document: Value = serde_json::from_str(
        &owner.succeeds(&["--json", "reading", "porch/heat", "--nonce", "-a-nonce-of-my-own"], ""),
    )
    .unwrap();
    assert_eq!(
        (&document["verified"], &document["level"], &document["unit"], &document["measured_ms"]),
        (&json!(true), &json!(21.54), &json!("°C"), &json!(NOON))
    );
    assert_eq!((&document["nonce"], &document["n"]), (&json!("-a-nonce-of-my-own"), &json!(7)));
    let shown = owner.succeeds(&["reading", "porch/heat", "--out", "reading.jwt"], "");
    let stored = fs::read_to_string(owner.path("reading.jwt")).unwrap();
    assert_eq!((stored.split('.').count(), stored.trim()), (3, stored.as_str()));
    assert!(shown.ends_with("The signed reading is in reading.jwt.\n"), "{shown}");

    // Without the root key on this machine, its public half can come from a file.
    fs::rename(owner.path("root.jwk"), owner.path("kept.jwk")).unwrap();
    let shown = owner.succeeds(&["reading", "porch/heat"], "");
    assert!(shown.contains("signed, not verified: there is no root key"), "{shown}");
    fs::write(owner.path("public.jwk"), owner.root.public_jwk().to_string()).unwrap();
    let files = ["--root", "public.jwk", "--device", "devices/home/porch.jwt"];
    let shown = owner.succeeds(&[&["reading", "porch/heat"], &files[..]].concat(), "");
    assert!(shown.contains("verified with devices/home/porch.jwt"), "{shown}");
}

#[test]
fn a_reading_that_is_not_the_devices_answer_is_refused() {
    let owner = Owner::new();
    let reading =
        |line: &str| owner.refused(&["reading", &format!("porch/{line}"), "--out", "reading.jwt"], "");
    assert_eq!(reading("replayed").0, "wrong_nonce", "also without an identity");
    assert!(owner.confirm("porch", DEVICE.kid()).status.success());
    for (line, code, part) in [
        ("forged", "unknown_key", "pinlatch device confirm porch"),
        ("replayed", "wrong_nonce", "Ask again"),
        ("other", "other_line", "porch/heat"),
        ("silent", "device_silent", "did not answer within 2 s"),
        ("heta", "unknown_line", "did you mean heat?"),
    ] {
        let (found, text) = reading(line);
        assert_eq!(found, code, "{line}: {text}");
        assert!(text.contains(part), "{line}: {text}");
    }
    assert!(!owner.path("reading.jwt").exists(), "a refused reading is not stored");
    let output = owner.run(&["reading", "porch/heat", "--nonce", "short"], "");
    assert_eq!(output.status.code(), Some(2));
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    // An identity that another root key signed, or of another device, verifies nothing.
    let signed = identity::sign(&THIEF, &name("home"), &name("porch"), &THIEF.public(), 1_000).unwrap();
    fs::write(owner.path("forged.jwt"), signed).unwrap();
    let barn = identity::sign(&owner.root, &name("home"), &name("barn"), &DEVICE.public(), now).unwrap();
    fs::write(owner.path("barn.jwt"), barn).unwrap();
    for (file, code) in [("forged.jwt", "unknown_key"), ("barn.jwt", "other_device")] {
        assert_eq!(owner.refused(&["reading", "porch/heat", "--device", file], "").0, code);
    }
}
