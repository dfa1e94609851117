//! Tests `pinlatch root` with the real program: a backup and its restoration, all errors, and the reminder of
//! `pinlatch doctor`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed expectation is the point"
)]
#![cfg(unix)]

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use age::scrypt;
use pinlatch_token::SigningKey;
use serde_json::{Value, json};
use tempfile::TempDir;

const PASSPHRASE: &str = "correct horse battery staple";
const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";

/// An owner's machine: a configuration folder with a root key.
struct Owner {
    folder: TempDir,
    key: SigningKey,
}

impl Owner {
    fn new() -> Self {
        let owner = Self { folder: tempfile::tempdir().unwrap(), key: SigningKey::generate() };
        fs::create_dir(owner.path("config")).unwrap();
        owner.write("config/root.jwk", owner.key.to_private_jwk().expose());
        owner
    }

    /// A machine without a root key.
    fn without_key() -> Self {
        let owner = Self::new();
        fs::remove_file(owner.path("config/root.jwk")).unwrap();
        owner
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path(name)).unwrap().permissions().mode() & 0o777
    }

    /// Runs `pinlatch` without a terminal. No output may contain the private key or the passphrase.
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
        let jwk: Value = serde_json::from_str(self.key.to_private_jwk().expose()).unwrap();
        assert!(!shown.contains(jwk["d"].as_str().unwrap()), "the key is shown: {args:?}");
        assert!(!shown.contains(PASSPHRASE), "the passphrase is shown: {args:?}");
        output
    }

    /// Runs a shell command on a terminal on which a person types the lines.
    #[cfg(target_os = "linux")]
    fn on_terminal(&self, command: &str, lines: &[&str]) -> Output {
        let mut child = Command::new("script")
            .args(["--quiet", "--return", "--command", command, "/dev/null"])
            .current_dir(&self.folder)
            .env("PINLATCH_CONFIG_DIR", self.path("config"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let typed: String = lines.iter().map(|line| format!("{line}\n")).collect();
        child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// Runs a command that must succeed. Returns its JSON document.
    fn says(&self, args: &[&str], input: &str) -> Value {
        let output = self.run(&[&["--json", "root"], args].concat(), input);
        assert!(output.status.success(), "{args:?}: {output:?}");
        serde_json::from_str(&stdout(&output)).unwrap()
    }

    /// Runs a command that must fail. Returns its error.
    fn fails(&self, args: &[&str], input: &str) -> String {
        let output = self.run(&[&["root"], args].concat(), input);
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(1), ""), "{args:?}");
        stderr(&output)
    }

    /// Makes a backup with the passphrase, and returns its text.
    fn backup(&self) -> String {
        let document = self.says(&["backup", "--passphrase-stdin"], PASSPHRASE);
        document["backup"].as_str().unwrap().to_owned()
    }

    /// Returns the check of `pinlatch doctor` for the backup. No edge answers at the URL.
    fn reminder(&self) -> Option<Value> {
        let output = self.run(&["--json", "doctor", "http://127.0.0.1:9"], "");
        let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
        report["checks"].as_array().unwrap().iter().find(|check| check["name"] == "backup").cloned()
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Returns an age file that `pinlatch` has not made. The low cost keeps the tests fast.
fn foreign(text: &str) -> String {
    let mut recipient = scrypt::Recipient::new(PASSPHRASE.to_owned().into());
    recipient.set_work_factor(2);
    age::encrypt_and_armor(&recipient, text.as_bytes()).unwrap()
}

#[test]
fn a_backup_restores_the_key_on_another_machine() {
    let (owner, other) = (Owner::new(), Owner::without_key());
    let made =
        owner.says(&["backup", "--out", "backup.txt", "--passphrase-stdin"], &format!("{PASSPHRASE}\n"));
    assert_eq!(made["root_thumbprint"], owner.key.kid());
    assert_eq!((&made["wrote"], &made["backup"]), (&json!("backup.txt"), &Value::Null));
    assert_eq!(owner.mode("backup.txt"), 0o600);
    let backup = owner.read("backup.txt");
    assert!(backup.starts_with(BEGIN) && backup.lines().count() < 20, "{backup}");

    other.write("backup.txt", &backup);
    let restored = other.says(&["restore", "backup.txt", "--passphrase-stdin"], PASSPHRASE);
    assert_eq!((&restored["root_thumbprint"], &restored["changed"]), (&json!(owner.key.kid()), &json!(true)));
    assert_eq!(other.read("config/root.jwk"), owner.key.to_private_jwk().expose());
    assert_eq!(other.mode("config/root.jwk"), 0o600);

    let again = other.run(&["root", "restore", "backup.txt", "--passphrase-stdin"], PASSPHRASE);
    assert!(again.status.success(), "{again:?}");
    assert!(stdout(&again).contains("already contains the root key"), "{again:?}");
}

#[test]
fn a_printed_backup_is_restored_from_stdin() {
    let owner = Owner::new();
    let printed = owner.run(&["root", "backup", "--passphrase-stdin"], PASSPHRASE);
    assert!(printed.status.success() && stdout(&printed).starts_with(BEGIN), "{printed:?}");
    assert!(stderr(&printed).contains(owner.key.kid()), "{printed:?}");
    let input = format!("{PASSPHRASE}\nThe root key of the house\n\n{}", stdout(&printed));
    let restored = owner.says(&["restore", "-", "--passphrase-stdin", "--root-key", "elsewhere.jwk"], &input);
    assert_eq!(restored["file"], "elsewhere.jwk");
    assert_eq!(
        (owner.read("elsewhere.jwk"), owner.mode("elsewhere.jwk")),
        (owner.read("config/root.jwk"), 0o600)
    );
}

#[test]
fn a_backup_is_a_usual_age_file() {
    let owner = Owner::new();
    let identity = scrypt::Identity::new(PASSPHRASE.to_owned().into());
    let mut identity = identity;
    identity.set_max_work_factor(18);
    let text = age::decrypt(&identity, owner.backup().as_bytes()).unwrap();
    assert_eq!(String::from_utf8(text).unwrap(), owner.read("config/root.jwk"));
}

#[test]
fn a_file_is_replaced_only_with_force_and_never_the_key_itself() {
    let owner = Owner::new();
    owner.write("backup.txt", "precious");
    let command = ["backup", "--passphrase-stdin", "--out"];
    let error = owner.fails(&[&command[..], &["backup.txt"]].concat(), PASSPHRASE);
    assert!(error.contains("already exists") && error.contains("--force"), "{error}");
    assert_eq!(owner.read("backup.txt"), "precious");
    let error = owner.fails(&[&command[..], &["config/root.jwk", "--force"]].concat(), PASSPHRASE);
    assert!(error.contains("is the root key itself"), "{error}");
    owner.says(&[&command[..], &["backup.txt", "--force"]].concat(), PASSPHRASE);
    assert!(owner.read("backup.txt").starts_with(BEGIN));
}

#[test]
fn a_weak_passphrase_and_a_missing_key_make_no_backup() {
    let owner = Owner::new();
    let command = ["backup", "--passphrase-stdin", "--out", "backup.txt"];
    let error = owner.fails(&command, "too short\n");
    assert!(error.contains("at least 16") && error.contains("without any limit"), "{error}");
    let error = owner.fails(&command, &format!("{PASSPHRASE}\nsecond line"));
    assert!(error.contains("line break"), "{error}");
    let error = owner.fails(&["backup"], PASSPHRASE);
    assert!(error.contains("--passphrase-stdin"), "{error}");
    let error = Owner::without_key().fails(&command, PASSPHRASE);
    assert!(error.contains("there is no root key") && error.contains("pinlatch root restore"), "{error}");
    owner.write("config/root.jwk", "{}");
    assert!(owner.fails(&command, PASSPHRASE).contains("root.jwk"));
    assert!(!owner.path("backup.txt").exists() && !owner.path("config/root-backups.json").exists());
}

#[test]
fn another_root_key_is_kept() {
    let (owner, other) = (Owner::new(), Owner::new());
    other.write("backup.txt", foreign(owner.key.to_private_jwk().expose()));
    let command = ["restore", "backup.txt", "--passphrase-stdin"];
    let error = other.fails(&command, PASSPHRASE);
    for part in [owner.key.kid(), other.key.kid(), "A device trusts one root key", "--force"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert_eq!(other.read("config/root.jwk"), other.key.to_private_jwk().expose());
    let replaced = other.says(&[&command[..], &["--force"]].concat(), PASSPHRASE);
    let kept = format!("config/root.jwk.{}", other.key.kid());
    assert!(replaced["kept"].as_str().unwrap().ends_with(&kept), "{replaced}");
    assert_eq!((other.read(&kept), other.mode(&kept)), (other.key.to_private_jwk().expose().into(), 0o600));
    assert_eq!(other.read("config/root.jwk"), owner.key.to_private_jwk().expose());
}

#[test]
fn each_unusable_backup_has_its_own_error_and_changes_nothing() {
    let owner = Owner::without_key();
    let good = foreign(owner.key.to_private_jwk().expose());
    let identity = age::x25519::Identity::generate();
    let for_key = age::encrypt_and_armor(&identity.to_public(), b"content").unwrap();
    let salt = "A".repeat(22);
    let body = "A".repeat(43);
    let hostile = format!("age-encryption.org/v1\n-> scrypt {salt} 40\n{body}\n--- {body}\n{body}");
    let mut lines: Vec<String> = good.lines().map(str::to_owned).collect();
    let last = lines.len() - 3;
    lines[last] = lines[last].chars().rev().collect();
    let command = ["restore", "backup.txt", "--passphrase-stdin"];
    for (file, passphrase, expected, step) in [
        (good.clone(), "another passphrase", "the passphrase is wrong", "try the passphrase again"),
        (lines.join("\n"), PASSPHRASE, "is damaged", "another copy"),
        (good[..good.len() - 40].into(), PASSPHRASE, "the end of the backup is missing", "whole text"),
        ("Dear diary".into(), PASSPHRASE, "not a backup", "give the file"),
        (owner.key.to_private_jwk().expose().into(), PASSPHRASE, "not encrypted", "pinlatch root backup"),
        (for_key, PASSPHRASE, "encrypted for a key", "age --decrypt --identity"),
        (hostile, PASSPHRASE, "2^40", "another backup"),
        ("x".repeat(70_000), PASSPHRASE, "larger than 64 KiB", "pinlatch root backup"),
        (foreign("{\"kty\":\"OKP\"}"), PASSPHRASE, "no root key", "pinlatch root backup"),
        (foreign(&owner.key.public_jwk().to_string()), PASSPHRASE, "no root key", "pinlatch root backup"),
    ] {
        owner.write("backup.txt", &file);
        let error = owner.fails(&command, passphrase);
        assert!(error.starts_with("pinlatch: ") && error.contains("backup.txt"), "{error}");
        assert!(error.contains(expected) && error.contains(step), "{expected}: {error}");
        assert!(!owner.path("config/root.jwk").exists(), "{expected}");
    }
    let error = owner.fails(&["restore", "absent.txt", "--passphrase-stdin"], PASSPHRASE);
    assert!(error.contains("cannot read absent.txt"), "{error}");
    owner.write("backup.txt", &good);
    let error = owner.fails(&["restore", "backup.txt"], "");
    assert!(error.contains("no terminal to ask for the passphrase; use --passphrase-stdin"), "{error}");
}

#[test]
fn the_doctor_reminds_of_a_missing_backup() {
    assert_eq!(Owner::without_key().reminder(), None);
    let owner = Owner::new();
    let reminder = owner.reminder().unwrap();
    assert_eq!(
        (&reminder["state"], &reminder["code"]),
        (&json!("warning"), &json!("root_key_without_backup"))
    );
    assert!(reminder["advice"].as_str().unwrap().contains("pinlatch root backup"), "{reminder}");
    assert_eq!(owner.says(&["show"], "")["backup"], Value::Null);

    let backup = owner.backup();
    assert_eq!(owner.reminder().unwrap()["state"], "ok");
    let shown = owner.says(&["show"], "");
    assert_eq!(
        (&shown["root_thumbprint"], &shown["backup"]["proof"]),
        (&json!(owner.key.kid()), &json!("made"))
    );
    assert_eq!(owner.mode("config/root-backups.json"), 0o600);
    assert!(!owner.read("config/root-backups.json").contains("AGE"));

    // Another root key has no backup, although the record of the first key stays.
    owner.write("config/root.jwk", SigningKey::generate().to_private_jwk().expose());
    assert_eq!(owner.reminder().unwrap()["state"], "warning");

    // A restored backup is a backup too, so another machine does not remind.
    let other = Owner::without_key();
    other.says(&["restore", "-", "--passphrase-stdin"], &format!("{PASSPHRASE}\n{backup}"));
    assert_eq!(other.reminder().unwrap()["state"], "ok");
    let shown = other.run(&["root", "show"], "");
    assert!(stdout(&shown).contains("A backup was last restored at 20"), "{shown:?}");

    // A damaged record only causes the reminder.
    other.write("config/root-backups.json", "no JSON");
    assert_eq!(other.reminder().unwrap()["state"], "warning");
}

#[test]
#[cfg(target_os = "linux")]
fn on_a_terminal_the_passphrase_is_typed_twice() {
    let owner = Owner::new();
    let command = format!("{} root backup --out backup.txt", env!("CARGO_BIN_EXE_pinlatch"));
    let output = owner.on_terminal(&command, &[PASSPHRASE, "correct horse battery stable"]);
    assert!(stdout(&output).contains("the repeated passphrase differs"), "{output:?}");
    assert!(!owner.path("backup.txt").exists());
    let output = owner.on_terminal(&command, &[PASSPHRASE, PASSPHRASE]);
    assert!(output.status.success() && stdout(&output).contains("The backup is in backup.txt"), "{output:?}");
    let command = format!("{} root restore backup.txt --root-key new.jwk", env!("CARGO_BIN_EXE_pinlatch"));
    let output = owner.on_terminal(&command, &[PASSPHRASE]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(owner.read("new.jwk"), owner.read("config/root.jwk"));
}

/// The program `age` of another author reads a backup. Without this program, the test does nothing.
#[test]
#[cfg(target_os = "linux")]
fn the_program_age_reads_a_backup() {
    let has = |program: &str| Command::new(program).arg("--version").output().is_ok();
    if !has("age") {
        return;
    }
    let owner = Owner::new();
    owner.write("backup.txt", owner.backup());
    let output = owner.on_terminal("age --decrypt --output restored.jwk backup.txt", &[PASSPHRASE]);
    assert!(output.status.success(), "{}", stdout(&output));
    assert_eq!(owner.read("restored.jwk"), owner.read("config/root.jwk"));
}
