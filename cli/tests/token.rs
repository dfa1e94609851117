//! Tests the exit codes, stdout and stderr of `pinlatch token`, because scripts depend on them.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed expectation is the point"
)]

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use pinlatch_protocol::line::Level;
use pinlatch_protocol::name::Name;
use pinlatch_token::call::CallClaims;
use pinlatch_token::grant::Grant;
use pinlatch_token::identity;
use pinlatch_token::reading::Reading;
use pinlatch_token::revocations::Revocations;
use pinlatch_token::statement::{Moment, TimeSource};
use pinlatch_token::{
    EdgeKeys, HolderKey, Issuers, KeyError, MintingKey, Refusal, SignatureCache, SigningKey, device,
    random_id,
};
use serde_json::{Value, json};

/// The exit code and the output of a `pinlatch` command.
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("no document: {}", self.both()))
    }

    fn both(&self) -> String {
        format!("{}\n{}", self.stdout, self.stderr)
    }
}

/// A temporary folder with a shared secret, for one test.
struct TestFolder {
    folder: tempfile::TempDir,
    secret: String,
}

impl TestFolder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let test_folder = Self { folder, secret: format!("{}{}{}", random_id(), random_id(), random_id()) };
        test_folder.write("secret", &test_folder.secret);
        test_folder
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path: PathBuf = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        #[cfg(unix)]
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Runs `pinlatch token` in the temporary folder.
    fn run(&self, args: &[&str], stdin: &str) -> Ran {
        let mut child = Command::new(env!("CARGO_BIN_EXE_pinlatch"))
            .arg("token")
            .args(args)
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // `pinlatch` can exit before it reads stdin, so a failed write is ignored.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        let output = child.wait_with_output().unwrap();
        let ran = Ran {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        assert!(!ran.both().contains(&self.secret), "the secret is shown: {args:?}");
        ran
    }

    /// Signs a token with the shared secret.
    fn mint(&self, args: &[&str]) -> String {
        let ran = self.run(&[&["mint", "--key", "secret"], args].concat(), "");
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{args:?}");
        ran.stdout.trim_end().to_owned()
    }

    /// Verifies a token with the shared secret, once with text output and once with --json.
    fn verify(&self, token: &str, args: &[&str]) -> (Ran, Value) {
        let args = [&["verify", "-", "--key", "secret"], args].concat();
        let (plain, json) = (self.run(&args, token), self.run(&[&args[..], &["--json"]].concat(), token));
        assert_eq!(plain.code, json.code, "{args:?}");
        assert_eq!(json.stderr, "", "{args:?}");
        if token.len() > 20 {
            assert!(!plain.both().contains(token) && !json.both().contains(token), "the token is shown");
        }
        let document = json.json();
        (plain, document)
    }

    fn refuses(&self, code: &str, token: &str, args: &[&str]) {
        let (ran, document) = self.verify(token, args);
        assert_eq!(ran.code, 1, "{code}: {}", ran.both());
        assert_eq!(ran.stdout, "", "{code}");
        assert!(ran.stderr.starts_with(&format!("refused ({code}): ")), "{code}: {}", ran.stderr);
        assert_eq!(document["accepted"], json!(false));
        assert_eq!(document["code"], json!(code));
        assert!(document["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
        assert_eq!(document.as_object().unwrap().len(), 3);
    }
}

/// Creates a token that expired long ago. The command `pinlatch token mint` cannot create an expired token.
fn expired(test_folder: &TestFolder) -> String {
    let key = MintingKey::read(test_folder.secret.as_bytes(), None).unwrap();
    let claims = json!({ "sub": "script", "iat": 1_000_000_000, "exp": 1_000_000_600 });
    key.sign("JWT", None, claims.as_object().unwrap().clone()).unwrap()
}

/// Returns the token with one changed character in the signature.
fn altered(token: &str) -> String {
    let at = token.rfind('.').unwrap() + 5;
    let other = if &token[at..=at] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &token[..at], &token[at + 1..])
}

#[test]
fn what_is_minted_is_accepted() {
    let test_folder = TestFolder::new();
    let token = test_folder.mint(&["--subject", "script", "--audience", "lab", "--claim", "room=\"porch\""]);
    assert_eq!(token.split('.').count(), 3);
    let (ran, document) = test_folder.verify(&token, &["--audience", "lab"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert!(ran.stdout.starts_with("accepted (HS256)\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("script") && ran.stdout.contains("expires"), "{}", ran.stdout);
    assert_eq!(document["accepted"], json!(true));
    assert_eq!(document["alg"], json!("HS256"));
    assert_eq!(document["header"]["typ"], json!("JWT"));
    let claims = &document["claims"];
    assert_eq!(
        (&claims["sub"], &claims["aud"], &claims["room"]),
        (&json!("script"), &json!("lab"), &json!("porch"))
    );
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 3600);
    assert_eq!(document.as_object().unwrap().len(), 4);

    let by_argument = test_folder.run(&["verify", &token, "--key", "secret"], "");
    assert_eq!(by_argument.code, 0, "{}", by_argument.stderr);
}

#[test]
fn what_is_minted_for_a_reader_is_sealed() {
    let test_folder = TestFolder::new();
    let edge = EdgeKeys::generate().unwrap();
    test_folder.write("jwks.json", &edge.published().to_string());
    let sealed = test_folder.mint(&["--subject", "script", "--encrypt-to", "jwks.json"]);
    let token = edge.read_sealed(&sealed).and_then(|sealed| sealed.open(None)).unwrap();
    let (ran, document) = test_folder.verify(&token, &[]);
    assert_eq!((ran.code, &document["claims"]["sub"]), (0, &json!("script")));
    // Without the edge's private key the token cannot be read.
    test_folder.refuses("malformed", &sealed, &[]);
    let explained = test_folder.run(&["inspect", "-", "--json"], &sealed).json();
    assert_eq!((&explained["form"], &explained["accepted"]), (&json!("jwe"), &json!(null)));

    let no_reader = test_folder.write("signing.json", &edge.public().to_jwks().to_string());
    for (reader, code) in [(no_reader.as_str(), "missing_key"), ("secret", "key_form")] {
        let ran = test_folder.run(&["mint", "--key", "secret", "--encrypt-to", reader, "--json"], "");
        assert_eq!((ran.code, &ran.json()["code"]), (2, &json!(code)), "{}", ran.both());
    }
}

#[test]
fn what_is_minted_opens_a_site_that_knows_the_issuer() {
    let test_folder = TestFolder::new();
    let token = test_folder.mint(&[
        "--issuer",
        "https://scripts.example",
        "--subject",
        "nightly",
        "--audience",
        "pinlatch-lab",
    ]);
    let table = json!({ "scripts": {
        "issuer": "https://scripts.example", "site": "lab", "audience": "pinlatch-lab",
        "secret": "SCRIPTS_SECRET", "scope": "line:bench/*:*",
    } });
    let issuers = Issuers::read(&table, &["lab".parse().unwrap()], |_| Some(test_folder.secret.clone()));
    let now = test_folder.verify(&token, &[]).1["claims"]["iat"].as_u64().unwrap();
    let admitted = issuers.admit(&token, now, &mut SignatureCache::new(1)).unwrap();
    assert_eq!((admitted.site.as_str(), admitted.sub.as_str()), ("lab", "nightly"));
}

#[test]
fn each_refusal_has_its_code() {
    let test_folder = TestFolder::new();
    let token = test_folder.mint(&["--issuer", "https://issuer.example", "--audience", "lab"]);
    test_folder.refuses("bad_signature", &altered(&token), &[]);
    test_folder.refuses("wrong_audience", &token, &["--audience", "home"]);
    test_folder.refuses("wrong_issuer", &token, &["--issuer", "https://other.example"]);
    test_folder.refuses("wrong_algorithm", &token, &["--alg", "HS384"]);
    test_folder.refuses("wrong_kind", &token, &["--typ", "at+jwt"]);
    test_folder.refuses("expired", &expired(&test_folder), &[]);
    test_folder.refuses("not_yet_valid", &test_folder.mint(&["--not-before", "600"]), &[]);
    test_folder.refuses("malformed", "garbage", &[]);
    test_folder.refuses("malformed", "", &[]);
    let (late, _) = test_folder.verify(&test_folder.mint(&["--not-before", "600"]), &["--leeway", "900"]);
    assert_eq!(late.code, 0, "{}", late.stderr);
}

#[test]
fn a_set_selects_by_kid() {
    let test_folder = TestFolder::new();
    let key = SigningKey::generate();
    let private = key.to_private_jwk();
    test_folder.write("private.jwk", private.expose());
    test_folder.write("jwks.json", &json!({ "keys": [key.public_jwk()] }).to_string());
    let mint = |kid: &str| {
        let ran = test_folder.run(&["mint", "--key", "private.jwk", "--kid", kid, "--json"], "");
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran.json()
    };
    let minted = mint(key.kid());
    assert!(minted["exp"].is_u64() && minted["jti"].is_string());
    assert_eq!(minted.as_object().unwrap().len(), 3);
    let known =
        test_folder.run(&["verify", "-", "--jwks", "jwks.json", "--json"], minted["token"].as_str().unwrap());
    assert_eq!(known.code, 0, "{}", known.both());
    assert_eq!(known.json()["alg"], json!("EdDSA"));
    assert_eq!(known.json()["claims"]["jti"], minted["jti"]);

    // A `kid` can begin with a hyphen. On average, one of 64 key thumbprints begins with a hyphen.
    mint("-9");
    let other = mint("other");
    let unknown =
        test_folder.run(&["verify", "-", "--jwks", "jwks.json", "--json"], other["token"].as_str().unwrap());
    assert_eq!((unknown.code, &unknown.json()["code"]), (1, &json!("unknown_key")));
    let secret_half: Value = serde_json::from_str(private.expose()).unwrap();
    for ran in [known, unknown] {
        assert!(!ran.both().contains(secret_half["d"].as_str().unwrap()));
    }
}

#[test]
fn a_key_that_is_refused_leaves_the_token_unseen() {
    let test_folder = TestFolder::new();
    let token = test_folder.mint(&[]);
    test_folder.write("short", "shhhhh");
    test_folder.write("private.jwk", SigningKey::generate().to_private_jwk().expose());
    test_folder.write("set.json", "{\"keys\":[]}");
    test_folder.write("text.json", "no JSON");
    for (option, file, code) in [
        ("--key", "short", "short_secret"),
        ("--key", "private.jwk", "private_key"),
        ("--jwks", "set.json", "missing_key"),
        ("--jwks", "text.json", "key_form"),
    ] {
        for command in ["verify", "inspect"] {
            let args = [command, "-", option, file];
            let plain = test_folder.run(&args, &token);
            assert_eq!((plain.code, plain.stdout.as_str()), (2, ""), "{args:?}");
            assert!(
                plain.stderr.starts_with(&format!("pinlatch: key refused ({code}): {file}: ")),
                "{}",
                plain.stderr
            );
            let json = test_folder.run(&[&args[..], &["--json"]].concat(), &token);
            assert_eq!((json.code, json.stderr.as_str()), (2, ""), "{args:?}");
            let document = json.json();
            assert_eq!((&document["error"], &document["code"]), (&json!("key"), &json!(code)));
            assert_eq!(document.as_object().unwrap().len(), 3);
            let reason = document["reason"].as_str().unwrap();
            assert!(reason.starts_with(&format!("{file}: ")), "the reason names the file: {reason}");
            assert!(!plain.both().contains("shhhhh") && !json.both().contains("shhhhh"));
        }
    }
    let weak = test_folder.run(&["mint", "--key", "short"], "");
    assert_eq!((weak.code, weak.stdout.as_str()), (2, ""));
    assert!(weak.stderr.contains("short_secret"), "{}", weak.stderr);
}

#[test]
fn wrong_usage_is_told_apart_from_a_refusal() {
    let test_folder = TestFolder::new();
    let token = test_folder.mint(&[]);
    let large = "x".repeat(64 * 1024 + 1);
    test_folder.write("large", &large);
    let huge = format!("a=\"{}\"", "x".repeat(9_000));
    for (args, reason) in [
        (&["verify", "-"][..], "--jwks"),
        (&["verify", "-", "--key", "secret", "--jwks", "secret"], "cannot be used with"),
        (&["verify", "-", "--key", "absent"], "cannot read absent"),
        (&["verify", "-", "--key", "large"], "larger than 64 KiB"),
        (&["verify", "-", "--key", "."], "cannot read ."),
        (&["verify", "-", "--key", "secret", "--alg", "none"], "invalid value"),
        (&["verify", "-", "--key", "secret", "--leeway", "soon"], "invalid value"),
        (&["verify", "--key", "secret"], "TOKEN"),
        (&["mint"], "--key"),
        (&["mint", "--key", "secret", "--expires", "0"], "invalid value"),
        (&["mint", "--key", "secret", "--expires", "10", "--not-before", "10"], "expire before"),
        (&["mint", "--key", "secret", "--claim", "sub=\"me\""], "its own option"),
        (&["mint", "--key", "secret", "--claim", "room=porch"], "a string needs quotes"),
        (&["mint", "--key", "secret", "--claim", "a=1", "--claim", "a=2"], "given twice"),
        (&["mint", "--key", "secret", "--alg", "EdDSA"], "unfit_key"),
        (&["mint", "--key", "secret", "--subject", ""], "bad_claim"),
        (&["mint", "--key", "secret", "--claim", &huge], "malformed"),
        (&["mint", "--key", "secret", "--claim", "a=[[[[[[[[[1]]]]]]]]]"], "json"),
    ] {
        let ran = test_folder.run(args, &token);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(reason) && !ran.stderr.contains(&token), "{args:?}: {}", ran.stderr);
    }
    let absent = test_folder.run(&["verify", "-", "--key", "absent", "--json"], &token);
    assert_eq!((absent.code, &absent.json()["error"]), (2, &json!("usage")));
}

#[test]
fn a_minted_token_says_what_it_was_asked_to() {
    let test_folder = TestFolder::new();
    let token = test_folder.mint(&[
        "--alg",
        "HS256",
        "--kid",
        "k1",
        "--typ",
        "at+jwt",
        "--issuer",
        "me",
        "--scope",
        "a b",
        "--jti",
        "once",
        "--expires",
        "90",
        "--not-before",
        "30",
        "--claim",
        "list=[1,{\"a\":null}]",
        "--claim",
        "n=-2.5",
    ]);
    let (_, document) = test_folder.verify(&token, &["--typ", "at+jwt", "--issuer", "me"]);
    assert_eq!(document["header"], json!({ "alg": "HS256", "typ": "at+jwt", "kid": "k1" }));
    let claims = document["claims"].as_object().unwrap();
    let iat = claims["iat"].as_u64().unwrap();
    let expected = json!({
        "iss": "me", "scope": "a b", "jti": "once", "iat": iat, "nbf": iat + 30, "exp": iat + 90,
        "list": [1, { "a": null }], "n": -2.5,
    });
    assert_eq!(Value::Object(claims.clone()), expected);
    let (one, two) = (test_folder.mint(&[]), test_folder.mint(&[]));
    assert_ne!(
        test_folder.verify(&one, &[]).1["claims"]["jti"],
        test_folder.verify(&two, &[]).1["claims"]["jti"]
    );
}

#[cfg(unix)]
#[test]
fn a_key_that_others_can_read_is_used_with_a_warning() {
    let test_folder = TestFolder::new();
    let path = test_folder.folder.path().join("secret");
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    let ran = test_folder.run(&["mint", "--key", "secret"], "");
    assert_eq!(ran.code, 0);
    assert!(ran.stderr.contains("warning: other users can read secret"), "{}", ran.stderr);
    assert_eq!(test_folder.verify(ran.stdout.trim_end(), &[]).0.code, 0, "stdout holds the token alone");
}

#[test]
fn an_explanation_names_all_that_is_wrong() {
    let test_folder = TestFolder::new();
    let args = ["inspect", "-", "--key", "secret", "--audience", "lab", "--json"];
    let document = test_folder.run(&args, &altered(&expired(&test_folder))).json();
    assert_eq!((&document["form"], &document["accepted"]), (&json!("jws"), &json!(false)));
    let codes: Vec<&str> = document["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|check| check["outcome"]["refused"]["code"].as_str())
        .collect();
    for code in ["bad_signature", "expired", "missing_claim"] {
        assert!(codes.contains(&code), "{codes:?}");
    }
    let page = test_folder.run(&args[..6], &altered(&expired(&test_folder)));
    assert_eq!((page.code, page.stderr.as_str()), (0, ""));
    for part in ["Header\n", "Claims\n", "Checks\n", "2001-09-09", "REFUSED expired: ", "Verdict: refused ("]
    {
        assert!(page.stdout.contains(part), "{part}: {}", page.stdout);
    }
    assert!(page.stdout.lines().all(|line| line.chars().count() <= 80), "{}", page.stdout);
}

#[test]
fn without_keys_the_verdict_stays_open() {
    let test_folder = TestFolder::new();
    let token = test_folder.mint(&[]);
    let page = test_folder.run(&["inspect", "-"], &token);
    assert_eq!(page.code, 0, "{}", page.stderr);
    assert!(
        page.stdout.contains("not checked: ") && page.stdout.contains("Verdict: undecided"),
        "{}",
        page.stdout
    );
    assert!(!page.stdout.contains(&token));
    assert_eq!(test_folder.run(&["inspect", "-", "--json"], &token).json()["accepted"], Value::Null);
    let accepted = test_folder.run(&["inspect", "-", "--key", "secret"], &token);
    assert!(accepted.stdout.contains("Verdict: accepted"), "{}", accepted.stdout);
}

#[test]
fn garbage_is_explained_too() {
    let test_folder = TestFolder::new();
    for garbage in
        ["", "garbage", "a.b.c", "a.b.c.d.e", "{\"payload\":\"\"}", "....", "\u{0}\u{1b}[2J", "é.é.é"]
    {
        let page = test_folder.run(&["inspect", "-"], garbage);
        assert_eq!((page.code, page.stderr.as_str()), (0, ""), "{garbage:?}");
        assert!(page.stdout.contains("Verdict: refused ("), "{garbage:?}: {}", page.stdout);
        assert!(!page.stdout.contains('\u{1b}'));
        assert_eq!(test_folder.run(&["inspect", "-", "--json"], garbage).json()["accepted"], json!(false));
    }
}

#[test]
fn the_documentation_explains_every_code_once() {
    let page = include_str!("../../docs/tokens.md");
    for code in Refusal::CODES.iter().chain(KeyError::CODES.iter()) {
        let rows = page.lines().filter(|line| line.starts_with(&format!("| `{code}` |"))).count();
        assert_eq!(rows, 1, "{code}");
    }
}

/// A grant and a list of revocations are verified with the root key, and a call with the grant of its holder.
#[test]
fn grants_and_calls_are_verified_with_the_root_key() {
    let folder = TestFolder::new();
    let name = |text: &str| Name::new(text).unwrap();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let (root, thief) = (SigningKey::generate(), SigningKey::generate());
    let holders = [HolderKey::generate().unwrap(), HolderKey::generate_p256().unwrap()];
    let grant = |holder: &HolderKey, signer: &SigningKey, issued: u64| {
        let scope = "line:porch/door:pulse".parse().unwrap();
        Grant::new(&name("home"), "Ann's phone", holder.public().clone(), scope, issued).sign(signer).unwrap()
    };
    let call = |holder: &HolderKey, action: &str| {
        let call = CallClaims {
            jti: random_id(),
            line: name("door"),
            action: action.into(),
            args: serde_json::Map::new(),
            challenge: "c".into(),
            boot: "b".into(),
            max_age_ms: 5_000,
        };
        call.sign(holder, &name("home"), &name("porch"), now).unwrap()
    };
    folder.write("root.jwk", &root.public_jwk().to_string());
    let verify = |args: &[&str], token: &str| {
        let ran = folder.run(&[&["verify", "-", "--json", "--root", "root.jwk"], args].concat(), token);
        assert!(!ran.both().contains(token), "the token is printed");
        (ran.code, ran.json()["code"].as_str().unwrap_or_default().to_owned())
    };
    let accepted = (0, String::new());
    let refused = |code: &str| (1, code.to_owned());
    let list = Revocations { number: now * 1_000, ..Revocations::default() };
    assert_eq!(verify(&[], &list.sign(&root, &name("home")).unwrap()), accepted);
    assert_eq!(verify(&[], &list.sign(&thief, &name("home")).unwrap()), refused("unknown_key"));
    assert_eq!(verify(&[], &grant(&holders[0], &thief, now)), refused("unknown_key"));
    assert_eq!(verify(&[], &grant(&holders[0], &root, now - 91 * 86_400)), refused("expired"));
    assert_eq!(verify(&[], &grant(&holders[0], &root, now + 100)), refused("not_yet_valid"));
    for (index, holder) in holders.iter().enumerate() {
        let grant = grant(holder, &root, now);
        assert_eq!(verify(&[], &grant), accepted);
        folder.write("grant.jwt", &grant);
        let with_grant = ["--grant", "grant.jwt"];
        assert_eq!(verify(&with_grant, &call(holder, "pulse")), accepted);
        assert_eq!(verify(&with_grant, &call(holder, "set")), refused("bad_claim"));
        let other = &holders[1 - index];
        assert_eq!(verify(&with_grant, &call(other, "pulse")), refused("unknown_key"));
    }
    let ran = folder.run(&["verify", "-", "--root", "root.jwk"], &call(&holders[0], "pulse"));
    assert!(ran.code == 2 && ran.stderr.contains("--grant"), "{}", ran.both());
}

/// Only the root key and the device's key count. What the edge can sign with its own keys is refused.
#[test]
fn statements_are_verified_with_the_root_key_and_the_devices_identity() {
    let folder = TestFolder::new();
    let name = |text: &str| Name::new(text).unwrap();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let (root, key, thief) = (SigningKey::generate(), SigningKey::generate(), SigningKey::generate());
    let identify = |signer: &SigningKey, key: &SigningKey| {
        identity::sign(signer, &name("home"), &name("porch"), &key.public(), now).unwrap()
    };
    let measured = |key: &SigningKey, nonce: Option<&str>| {
        let reading = Reading {
            line: name("heat"),
            level: Level::Number(21.5),
            measured_ms: now * 1_000,
            unit: Some("°C".into()),
            moment: Moment {
                at_ms: now * 1_000,
                source: TimeSource::Edge,
                uncertainty_ms: Some(40),
                boot: random_id(),
                n: 1,
            },
            nonce: nonce.map(Into::into),
        };
        reading.sign(key, &name("home"), &name("porch")).unwrap()
    };
    folder.write("root.jwk", root.to_private_jwk().expose());
    folder.write("root.pub.jwk", &root.public_jwk().to_string());
    folder.write("porch.jwt", &format!("{}\n", identify(&root, &key)));
    folder.write("forged.jwt", &identify(&thief, &thief));
    let nonce = random_id();
    let reading = measured(&key, Some(&nonce));

    for file in ["root.jwk", "root.pub.jwk"] {
        let args = ["verify", "-", "--root", file, "--device", "porch.jwt", "--nonce", &nonce];
        let ran = folder.run(&args, &reading);
        assert_eq!(ran.code, 0, "{}", ran.both());
        assert!(ran.stdout.contains("accepted") && ran.stdout.contains("SenML record"), "{}", ran.both());
    }
    let ran = folder.run(&["verify", "-", "--root", "root.jwk"], &identify(&root, &key));
    assert_eq!(ran.code, 0, "{}", ran.both());

    let refusal = |args: &[&str], token: &str| {
        let ran = folder.run(&[&["verify", "-", "--json", "--root", "root.jwk"], args].concat(), token);
        assert_eq!(ran.code, 1, "{}", ran.both());
        assert!(!ran.both().contains(token), "the token is printed");
        ran.json()["code"].as_str().unwrap().to_owned()
    };
    let device = ["--device", "porch.jwt"];
    assert_eq!(refusal(&device, &measured(&thief, None)), "unknown_key");
    assert_eq!(refusal(&[], &identify(&thief, &key)), "unknown_key");
    assert_eq!(refusal(&["--device", "porch.jwt", "--nonce", &random_id()], &reading), "wrong_nonce");
    let command = EdgeKeys::generate().unwrap();
    let cert = device::sign_cert(&command, &name("home"), &name("porch"), &thief.public(), "d", now).unwrap();
    assert_eq!(refusal(&device, &cert), "wrong_kind");

    // A reading without an identity, or with a forged identity, is not checked.
    for args in [&[][..], &["--device", "forged.jwt"]] {
        let ran = folder.run(&[&["verify", "-", "--root", "root.jwk"], args].concat(), &reading);
        assert_eq!(ran.code, 2, "{}", ran.both());
    }
}
