//! Tests that `pinlatch audit verify` finds every receipt that the edge forged, moved, repeated or left out.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed expectation is the point"
)]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use pinlatch_protocol::audit::{AUDIT_VERSION, AuditEntry};
use pinlatch_protocol::command::CommandStatus;
use pinlatch_protocol::name::Name;
use pinlatch_token::receipt::Receipt;
use pinlatch_token::statement::{Moment, TimeSource};
use pinlatch_token::{EdgeKeys, SigningKey, identity};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const NOON: u64 = 1_782_907_200_000;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// An owner's machine with the identities of two devices, and a log with their receipts.
struct Owner {
    folder: TempDir,
    root: SigningKey,
    porch: SigningKey,
    barn: SigningKey,
}

impl Owner {
    fn new() -> Self {
        let [root, porch, barn] = std::array::from_fn(|_| SigningKey::generate());
        let owner = Self { folder: tempfile::tempdir().unwrap(), root, porch, barn };
        fs::create_dir_all(owner.path("config/devices/home")).unwrap();
        fs::write(owner.path("config/root.jwk"), owner.root.to_private_jwk().expose()).unwrap();
        owner.confirm("porch", &owner.porch);
        owner.confirm("barn", &owner.barn);
        owner
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn confirm(&self, device: &str, key: &SigningKey) {
        let signed = identity::sign(&self.root, &name("home"), &name(device), &key.public(), 1_000).unwrap();
        fs::write(self.path(&format!("config/devices/home/{device}.jwt")), format!("{signed}\n")).unwrap();
    }

    /// Five commands on the door and one on the lamp, which gives no receipts.
    fn log(&self) -> Vec<AuditEntry> {
        let mut log: Vec<AuditEntry> =
            (1..=5).map(|n| entry(n, Some(receipt(n).sign(&self.porch)))).collect();
        log.push(AuditEntry { target: "porch/lamp:pulse".into(), ..entry(6, None) });
        log
    }

    fn run(&self, log: &[AuditEntry], args: &[&str]) -> Output {
        let mut before = String::new();
        let mut lines = Vec::new();
        for (entry, seq) in log.iter().zip(1..) {
            let mut entry = AuditEntry { seq, ..entry.clone() };
            let text = entry.hashed_text(&before).unwrap();
            entry.hash = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
            before.clone_from(&entry.hash);
            lines.push(serde_json::to_string(&entry).unwrap());
        }
        fs::write(self.path("log.jsonl"), lines.join("\n")).unwrap();
        Command::new(env!("CARGO_BIN_EXE_pinlatch"))
            .args(["audit", "verify", "log.jsonl"])
            .args(args)
            .current_dir(&self.folder)
            .env("PINLATCH_CONFIG_DIR", self.path("config"))
            .output()
            .unwrap()
    }

    /// Returns the exit code and the JSON document.
    fn verify(&self, log: &[AuditEntry], args: &[&str]) -> (i32, Value) {
        let output = self.run(log, &[&["--json"], args].concat());
        let document = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        (output.status.code().unwrap(), document)
    }

    /// Verifies a log that must be refused because of one receipt. Returns the number of its entry and the code.
    fn fault(&self, log: &[AuditEntry]) -> (u64, String) {
        let (code, document) = self.verify(log, &[]);
        let faults = document["receipts"]["faults"].as_array().unwrap();
        assert_eq!((code, &document["ok"], faults.len()), (1, &json!(false), 1), "{document}");
        let text = self.run(log, &[]);
        let stderr = String::from_utf8_lossy(&text.stderr).into_owned();
        let found = (faults[0]["seq"].as_u64().unwrap(), faults[0]["code"].as_str().unwrap().to_owned());
        assert_eq!((text.status.code(), &document["seq"]), (Some(1), &faults[0]["seq"]));
        assert!(stderr.contains(&format!("entry {}", found.0)) && stderr.contains(&found.1), "{stderr}");
        found
    }
}

struct Signed(Receipt);

impl Signed {
    fn sign(self, key: &SigningKey) -> String {
        self.0.sign(key, &name("home"), &name("porch")).unwrap()
    }
}

fn receipt(n: u64) -> Signed {
    let moment = Moment {
        at_ms: NOON + n * 10_000,
        source: TimeSource::Edge,
        uncertainty_ms: Some(40),
        boot: "run".into(),
        n,
    };
    Signed(Receipt {
        command: format!("c{n}"),
        digest: "digest".into(),
        line: name("door"),
        action: "pulse".into(),
        args: args(n),
        status: CommandStatus::Executed,
        code: None,
        level: None,
        moment,
    })
}

/// Each command has other arguments.
fn args(n: u64) -> Map<String, Value> {
    json!({ "ms": 1_000 + n }).as_object().unwrap().clone()
}

fn entry(seq: u64, receipt: Option<String>) -> AuditEntry {
    AuditEntry {
        seq,
        at_ms: NOON + seq * 10_000,
        version: Some(AUDIT_VERSION),
        actor: "ann".into(),
        act: "command".into(),
        target: "porch/door:pulse".into(),
        outcome: "executed".into(),
        line_kind: Some("momentary".into()),
        args: Some(Value::Object(args(seq)).to_string()),
        receipt,
        ..AuditEntry::default()
    }
}

#[test]
fn an_honest_log_is_valid() {
    let owner = Owner::new();
    let (code, document) = owner.verify(&owner.log(), &[]);
    assert_eq!((code, &document["ok"]), (0, &json!(true)), "{document}");
    let receipts = &document["receipts"];
    assert_eq!(receipts["devices"]["porch"], json!({ "valid": 5, "runs": 1, "gaps": [] }));
    assert_eq!((&receipts["unproven"], &receipts["faults"]), (&json!({ "porch/lamp": 1 }), &json!([])));
    let output = owner.run(&owner.log(), &[]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.starts_with("The hash chain is valid. It has 6 entries, from 1 to 6."), "{text}");
    assert!(text.contains("Receipts of porch: 5 valid, from 1 run of the agent."), "{text}");
    assert!(text.contains("  porch/lamp: 1"), "{text}");
    // The keys can come from files.
    fs::rename(owner.path("config"), owner.path("elsewhere")).unwrap();
    fs::write(owner.path("root-public.jwk"), owner.root.public_jwk().to_string()).unwrap();
    for files in [
        &["--devices", "elsewhere/devices/home"][..],
        &["--device", "elsewhere/devices/home/porch.jwt", "--device", "elsewhere/devices/home/barn.jwt"],
    ] {
        let (code, document) = owner.verify(&owner.log(), &[&["--root", "root-public.jwk"], files].concat());
        assert_eq!((code, &document["receipts"]["devices"]["porch"]["valid"]), (0, &json!(5)), "{document}");
    }
}

#[test]
fn a_forged_or_moved_receipt_is_found() {
    let owner = Owner::new();
    let replaced = |receipt: String| {
        let mut log = owner.log();
        log[2].receipt = Some(receipt);
        owner.fault(&log)
    };
    let jwks: Value = serde_json::from_str(EdgeKeys::generate().unwrap().to_private_jwks().expose()).unwrap();
    let edge = jwks["keys"].as_array().unwrap().iter().find(|key| key["crv"] == "Ed25519").unwrap();
    let edge = SigningKey::from_jwk(&edge.to_string()).unwrap();
    assert_eq!(replaced(receipt(3).sign(&edge)), (3, "unknown_key".into()));
    let of_barn = receipt(3).0.sign(&owner.barn, &name("home"), &name("barn")).unwrap();
    assert_eq!(replaced(of_barn), (3, "other_device".into()));
    assert_eq!(replaced(receipt(8).sign(&owner.porch)), (3, "other_arguments".into()));
    let mut swapped = owner.log();
    swapped[1].receipt = owner.log()[0].receipt.clone();
    assert_eq!(owner.fault(&swapped), (2, "repeated_receipt".into()));
    let mut changed = owner.log();
    changed[3].outcome = "refused_busy".into();
    assert_eq!(owner.fault(&changed), (4, "other_outcome".into()));
}

#[test]
fn a_missing_receipt_is_reported() {
    let owner = Owner::new();
    let mut log = owner.log();
    log[2].receipt = None;
    let (code, document) = owner.verify(&log, &[]);
    let receipts = &document["receipts"];
    assert_eq!(
        (code, &receipts["unproven"]),
        (0, &json!({ "porch/door": 1, "porch/lamp": 1 })),
        "{document}"
    );
    assert_eq!(receipts["devices"]["porch"]["gaps"], json!([{ "boot": "run", "from": 3, "to": 3 }]));
    // The whole entry is missing, and the edge has computed the chain again.
    let mut log = owner.log();
    log.remove(2);
    let (code, document) = owner.verify(&log, &[]);
    let gaps = &document["receipts"]["devices"]["porch"]["gaps"];
    assert_eq!((code, gaps), (0, &json!([{ "boot": "run", "from": 3, "to": 3 }])), "{document}");
    let text = String::from_utf8_lossy(&owner.run(&log, &[]).stdout).into_owned();
    assert!(text.contains("porch: receipt 3 of the run run"), "{text}");
}

#[test]
fn without_keys_the_receipts_are_not_checked() {
    let owner = Owner::new();
    let reason = |owner: &Owner| {
        let (code, document) = owner.verify(&owner.log(), &[]);
        assert_eq!((code, &document["receipts"]["unproven"]["porch/door"]), (0, &json!(5)), "{document}");
        let text = String::from_utf8_lossy(&owner.run(&owner.log(), &[]).stdout).into_owned();
        text.lines().find(|line| line.contains("not checked")).unwrap_or_else(|| panic!("{text}")).to_owned()
    };
    fs::rename(owner.path("config/devices/home/porch.jwt"), owner.path("porch.jwt")).unwrap();
    assert!(reason(&owner).contains("pinlatch device confirm porch"));
    fs::create_dir_all(owner.path("config/devices/shop")).unwrap();
    assert!(reason(&owner).contains("several sites"));
    fs::remove_dir_all(owner.path("config/devices")).unwrap();
    assert!(reason(&owner).contains("no device identities"));
    fs::remove_file(owner.path("config/root.jwk")).unwrap();
    assert!(reason(&owner).contains("--root"));
    // A file that the owner names must be usable.
    let output = owner.run(&owner.log(), &["--root", "absent.jwk"]);
    assert_eq!(output.status.code(), Some(1));
    // The identity of another root key in the folder is skipped with a warning.
    let other = Owner::new();
    fs::copy(owner.path("porch.jwt"), other.path("config/devices/home/zzz.jwt")).unwrap();
    let output = other.run(&other.log(), &[]);
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("zzz.jwt is refused"), "{output:?}");
    let output = other.run(&other.log(), &["--device", "config/devices/home/zzz.jwt"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}
