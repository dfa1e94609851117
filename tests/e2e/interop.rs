//! Tests the interoperability with the independent token libraries `jose`, `jsonwebtoken` and PyJWT. `pinlatch token
//! verify` must accept the tokens of these libraries, and these libraries must accept the tokens of `pinlatch token
//! mint`. All keys are generated during the tests.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use e2e::{HostLock, program};
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use xtask::edge::write_private;

const ISSUER: &str = "https://login.example.com/";
const AUDIENCE: &str = "https://api.example.com";
const ALL: [&str; 12] = [
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384",
    "EdDSA",
];

#[test]
fn tokens_of_jsonwebtoken_are_accepted() {
    let _host_lock = HostLock::beside_others();
    let options = json!({ "expiresIn": "1h", "issuer": ISSUER, "audience": AUDIENCE, "subject": "alice" });
    // The list contains all algorithms that both `jsonwebtoken` and Pinlatch support.
    let wanted = ALL.iter().filter(|alg| **alg != "EdDSA");
    let wanted = wanted.map(|alg| json!({ "alg": alg, "claims": own_claims(), "options": options }));
    let signed = script("jsonwebtoken.mjs", &json!({ "sign": wanted.collect::<Vec<_>>() }));
    for signed in list(&signed) {
        accepted(&Keys::File(text(&signed["key"])), signed);
    }
    assert_eq!(list(&signed).len(), ALL.len() - 1);
}

#[test]
fn tokens_of_jose_are_accepted() {
    let _host_lock = HostLock::beside_others();
    let signed = script("jose.mjs", &json!({ "sign": { "algs": ALL, "claims": all_claims() } }));
    for signed in list(&signed) {
        accepted(&Keys::Set(signed["jwks"].to_string()), signed);
    }
    assert_eq!(list(&signed).len(), ALL.len());
}

#[test]
fn tokens_of_pyjwt_are_accepted() {
    let _host_lock = HostLock::beside_others();
    let signed = script("pyjwt.py", &json!({ "sign": { "algs": ALL, "claims": all_claims() } }));
    for signed in list(&signed) {
        accepted(&Keys::File(text(&signed["key"])), signed);
    }
    assert_eq!(list(&signed).len(), ALL.len());
}

/// A library signs faulty tokens without an error. Pinlatch must refuse each faulty token with the code of its fault.
#[test]
fn each_fault_of_a_foreign_token_is_named() {
    let _host_lock = HostLock::beside_others();
    let secret = "of this test alone: AcTvQ8wYfWkq2nN5xZr7";
    let cases = [
        // The secret `shhhhh` is the example secret from the README of `jsonwebtoken`.
        ("short_secret", json!({ "secret": "shhhhh" }), json!({})),
        ("expired", json!({ "age": 7200 }), json!({})),
        ("wrong_issuer", json!({}), json!({ "issuer": "https://login.example.org/" })),
        ("wrong_audience", json!({}), json!({ "audience": ["https://example.org", "b"] })),
        ("not_yet_valid", json!({}), json!({ "notBefore": "30m" })),
        ("missing_claim", json!({}), json!({ "expiresIn": null })),
        ("wrong_algorithm", json!({ "alg": "HS384" }), json!({})),
        ("malformed", json!({ "alg": "none" }), json!({})),
    ];
    let wanted = cases.iter().map(|(_, request, options)| {
        let usual = json!({ "expiresIn": "1h", "issuer": ISSUER, "audience": AUDIENCE });
        let mut options = with(&usual, options);
        options.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
        let usual = json!({ "alg": "HS256", "claims": own_claims(), "options": options, "secret": secret });
        with(&usual, request)
    });
    let signed = script("jsonwebtoken.mjs", &json!({ "sign": wanted.collect::<Vec<_>>() }));
    for ((code, ..), signed) in cases.iter().zip(list(&signed)) {
        let secret = text(&signed["key"]);
        // The test verifies each token with HS256, as an owner would configure. The algorithm in the token's header
        // must not matter.
        let (success, verdict) = verify(&Keys::File(secret.clone()), "HS256", &text(&signed["token"]));
        assert!(!success, "{code}: {verdict}");
        assert_eq!(verdict["code"], *code, "{verdict}");
        assert!(!text(&verdict["reason"]).is_empty(), "{verdict}");
        assert!(!verdict.to_string().contains(&secret), "the secret is shown");
    }
}

/// Pinlatch must refuse a token that another key of the same type signed. Pinlatch must also refuse a token whose HMAC
/// secret is the text of a public key (algorithm confusion).
#[test]
fn foreign_keys_are_not_ours() {
    let _host_lock = HostLock::beside_others();
    let request = json!({ "sign": { "algs": ["HS256", "RS256", "ES256", "EdDSA"], "claims": all_claims() } });
    let (one, two) = (script("pyjwt.py", &request), script("pyjwt.py", &request));
    for (one, two) in list(&one).iter().zip(list(&two)) {
        let alg = text(&one["alg"]);
        let (success, verdict) = verify(&Keys::File(text(&two["key"])), &alg, &text(&one["token"]));
        assert!(!success);
        assert_eq!(verdict["code"], "bad_signature", "{alg}");
    }
    let public = text(&list(&one)[1]["key"]);
    let as_secret =
        json!({ "alg": "HS256", "claims": all_claims(), "options": { "expiresIn": "1h" }, "secret": public });
    let signed = script("jsonwebtoken.mjs", &json!({ "sign": [as_secret] }));
    let (success, verdict) = verify(&Keys::File(public), "RS256", &text(&list(&signed)[0]["token"]));
    assert!(!success);
    assert_eq!(verdict["code"], "wrong_algorithm");
}

#[test]
fn tokens_of_ours_are_accepted_everywhere() {
    let _host_lock = HostLock::beside_others();
    let keys = script("keys.mjs", &json!(ALL));
    let mut minted = Vec::new();
    for key in list(&keys) {
        let alg = text(&key["alg"]);
        for (form, private) in key["private"].as_object().expect("forms") {
            let token = Minting::with(&text(private)).token(&alg);
            let header = header_of(&token);
            assert_eq!(header["alg"], *alg, "{form}");
            assert_eq!(header.get("kid").is_some(), form == "jwk", "{alg} {form}: {header:?}");
            minted.push(json!({ "alg": alg, "jwk": key["jwk"], "text": key["text"], "token": token }));
        }
    }
    assert_eq!(minted.len(), 6 * 2 + 6 * 3);
    for library in ["jose.mjs", "pyjwt.py", "jsonwebtoken.mjs"] {
        let knows = |alg: &str| library != "jsonwebtoken.mjs" || alg != "EdDSA";
        let mut keys = minted.clone();
        keys.retain(|key| knows(&text(&key["alg"])));
        if library == "jose.mjs" {
            // If a token has a `kid`, `jose` selects the key with the same `kid` from the JWK Set. If a token has no
            // `kid`, the JWK must not have a `kid` either.
            keys.iter_mut().for_each(|key| {
                if !header_of(&text(&key["token"])).contains_key("kid") {
                    key["jwk"].as_object_mut().expect("a JWK").remove("kid");
                }
            });
        }
        let request = json!({ "verify": { "keys": keys, "issuer": ISSUER, "audience": AUDIENCE } });
        let verified = script(library, &request);
        assert_eq!(list(&verified).len(), keys.len(), "{library}");
        for claims in list(&verified) {
            assert_claims(claims);
        }
    }
}

/// Returns claims that no option of the libraries or of Pinlatch sets. One of these claims contains non-ASCII text, and
/// another claim is nested.
fn own_claims() -> Value {
    json!({ "scope": "line:porch/door:pulse", "name": "Zoë 灯", "rooms": { "porch": [1, 2] } })
}

fn all_claims() -> Value {
    with(&own_claims(), &json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "alice" }))
}

/// Returns a copy of a JSON object with members added or replaced.
fn with(object: &Value, changes: &Value) -> Value {
    let mut object = object.clone();
    let changes = changes.as_object().expect("an object").clone();
    object.as_object_mut().expect("an object").extend(changes);
    object
}

/// Checks the claims of a token, which must be the same with every signer and every verifier.
fn assert_claims(claims: &Value) {
    let all = all_claims();
    for (name, value) in all.as_object().expect("an object") {
        assert_eq!(claims[name], *value, "{name}");
    }
    assert!(claims["exp"].as_u64() > claims["iat"].as_u64(), "{claims}");
}

fn accepted(keys: &Keys, signed: &Value) {
    let alg = text(&signed["alg"]);
    let (success, verdict) = verify(keys, &alg, &text(&signed["token"]));
    assert!(success, "{alg}: {verdict}");
    assert_eq!(verdict["accepted"], true);
    assert_eq!(verdict["alg"], *alg);
    assert_eq!(verdict["header"]["alg"], *alg);
    assert_claims(&verdict["claims"]);
}

/// The keys with which `pinlatch token verify` verifies a token.
enum Keys {
    /// The content of a key file. The caller must pass the algorithm separately.
    File(String),
    /// A JWK Set, whose keys contain their algorithms.
    Set(String),
}

/// Runs `pinlatch token verify`. Returns whether the command accepts the token, and the command's output.
fn verify(keys: &Keys, alg: &str, token: &str) -> (bool, Value) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("key");
    let mut command = Command::new(program("PINLATCH_BIN"));
    command.args(["token", "verify", "-", "--json", "--issuer", ISSUER, "--audience", AUDIENCE]);
    let content = match keys {
        Keys::File(text) => {
            command.args(["--alg", alg, "--key"]);
            text
        }
        Keys::Set(text) => {
            command.arg("--jwks");
            text
        }
    };
    write_private(&file, content).expect("a key file");
    let (success, output) = run(command.arg(&file), token);
    (success, serde_json::from_str(&output).unwrap_or_else(|error| panic!("{error}: {output}")))
}

/// A private key in a file, for signing tokens with `pinlatch token mint`.
struct Minting {
    folder: TempDir,
}

impl Minting {
    fn with(private: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        write_private(&folder.path().join("key"), private).expect("a key file");
        Self { folder }
    }

    fn token(&self, alg: &str) -> String {
        let mut command = Command::new(program("PINLATCH_BIN"));
        command.args(["token", "mint", "--alg", alg, "--key"]).arg(self.folder.path().join("key"));
        command.args(["--issuer", ISSUER, "--audience", AUDIENCE, "--subject", "alice"]);
        command.args(["--scope", "line:porch/door:pulse", "--expires", "300"]);
        for name in ["name", "rooms"] {
            command.args(["--claim", &format!("{name}={}", own_claims()[name])]);
        }
        let (success, output) = run(&mut command, "");
        assert!(success, "{alg} is minted");
        output.trim().to_owned()
    }
}

fn header_of(token: &str) -> Map<String, Value> {
    let (success, output) =
        run(Command::new(program("PINLATCH_BIN")).args(["token", "inspect", "-", "--json"]), token);
    assert!(success, "the token is not explained");
    let explained: Value = serde_json::from_str(&output).expect("JSON");
    let members = list(&explained["header"]).iter();
    members.map(|member| (text(&member["name"]), member["value"].clone())).collect()
}

/// Runs a script in `tests/interop` with a JSON request, and returns the script's JSON output.
pub fn script(name: &str, request: &Value) -> Value {
    let runner = if name.ends_with(".py") { "PINLATCH_PYTHON" } else { "PINLATCH_NODE" };
    let file: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop").join(name);
    let (success, output) = run(Command::new(program(runner)).arg(file), &request.to_string());
    assert!(success, "{name} failed");
    serde_json::from_str(&output).unwrap_or_else(|error| panic!("{name}: {error}: {output}"))
}

/// Runs a program. Returns whether the program succeeded, and its stdout. The stderr of the program goes to the test's
/// stderr.
pub fn run(command: &mut Command, input: &str) -> (bool, String) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    // A program can end without reading its input, which makes the write fail. The write error is ignored, because the
    // exit status shows whether the program succeeded.
    let _ = child.stdin.take().expect("stdin").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    (output.status.success(), String::from_utf8(output.stdout).expect("text"))
}

pub fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
