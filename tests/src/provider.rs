//! Runs OpenID Connect login providers for tests. All providers run in one separate process with npm's certified
//! `oidc-provider` (`tests/interop/provider.mjs`). The code in this file simulates a person who fills in the provider's
//! login pages.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use xtask::guard::Guarded;

use crate::forge::encode as base64url;
use crate::http::{Answer, Http};
use crate::program::program;
use crate::wait::soon;

/// The client id of Pinlatch at the login providers.
pub const CLIENT: &str = "pinlatch";

/// The client secret of Pinlatch at the login providers. The secret contains characters that must be percent-encoded,
/// so that the tests cover the encoding.
pub const SECRET: &str = "a%secret +with/odd:letters";

/// The audience (`aud`) of the access tokens that the login providers issue.
pub const RESOURCE: &str = "https://pinlatch.example/api";

/// The process that runs all login providers. Dropping a `Providers` value ends this process.
pub struct Providers {
    control: Http,
    issuers: Value,
    _process: Guarded,
    _folder: TempDir,
}

#[derive(Clone, Copy)]
pub struct Provider<'p> {
    all: &'p Providers,
    pub name: &'p str,
}

impl Providers {
    /// Starts a process with one login provider for each name.
    pub fn start(names: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("provider.log");
        let mut command = Command::new(program("PINLATCH_NODE"));
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/provider.mjs"));
        let process = Guarded::spawn(command.arg(SECRET).args(names), &log).expect("the providers");
        let said = soon("the providers listen", || {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            text.lines().find_map(|line| serde_json::from_str::<Value>(line).ok())
        });
        let control = Http::new(said["control"].as_str().expect("an origin"));
        Self { control, issuers: said["issuers"].clone(), _process: process, _folder: folder }
    }

    pub fn named<'p>(&'p self, name: &'p str) -> Provider<'p> {
        Provider { all: self, name }
    }
}

impl Provider<'_> {
    /// Returns the issuer identifier (`iss`) of the login provider, which is also the provider's origin.
    pub fn issuer(&self) -> &str {
        self.all.issuers[self.name].as_str().expect("an issuer")
    }

    /// Changes the behaviour of the login provider. The file `provider.mjs` lists the available options.
    pub fn change(&self, change: &Value) -> Value {
        self.all.control.post(&format!("/{}", self.name), change).ok()
    }

    /// Returns the number of requests that the login provider has received for this path.
    pub fn asked(&self, path: &str) -> u64 {
        self.change(&json!({}))["asked"][path].as_u64().unwrap_or(0)
    }

    /// Signs a token with the current key of the login provider.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = self.change(&json!({ "sign": { "header": header, "claims": claims } }));
        signed["signed"].as_str().expect("a token").to_owned()
    }

    /// Returns an access token for a script, with the audience [`RESOURCE`].
    pub fn access_token(&self) -> String {
        let form = [("grant_type", "client_credentials"), ("resource", RESOURCE)];
        let reply = self.as_client("robot").post_form("/token", &encoded(&form)).ok();
        reply["access_token"].as_str().expect("a token").to_owned()
    }

    /// Returns the `id_token` of a person who logs in to the client with this redirect URI.
    pub fn id_token(&self, redirect_uri: &str, account: &str) -> String {
        let verifier = "a-verifier-has-at-least-forty-three-characters";
        let challenge = base64url(Sha256::digest(verifier));
        let query = encoded(&[
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("redirect_uri", redirect_uri),
            ("scope", "openid email"),
            ("state", "here"),
            ("nonce", "once"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        let back = self.answer(&format!("{}/auth?{query}", self.issuer()), account);
        let code = parameter(&back, "code").expect("a code");
        let form = encoded(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier),
        ]);
        let reply = self.as_client(CLIENT).post_form("/token", &form).ok();
        reply["id_token"].as_str().expect("a token").to_owned()
    }

    /// Logs in to an account at the login provider. Returns the URL to which the provider redirects the browser.
    pub fn answer(&self, question: &str, account: &str) -> String {
        let mut cookies: Vec<(String, String)> = Vec::new();
        let mut address = question.to_owned();
        let mut form: Option<String> = None;
        // A login needs fewer than six requests: the authorization request, the login page, the login form, and the
        // authorization request again.
        for _ in 0..6 {
            let path = match address.strip_prefix(self.issuer()) {
                Some(path) => path.to_owned(),
                None if address.starts_with('/') => address.clone(),
                None => return address,
            };
            let jar: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let http = Http::new(self.issuer()).with("cookie", &jar.join("; "));
            let answer = match form.take() {
                Some(form) => http.post_form(&path, &form),
                None => http.get(&path),
            };
            for (name, value) in set_cookies(&answer) {
                cookies.retain(|(own, _)| *own != name);
                cookies.push((name, value));
            }
            if answer.status == 200 {
                form = Some(format!("account={account}"));
                continue;
            }
            assert!((302..=303).contains(&answer.status), "{path}: {answer:?}");
            answer.header("location").clone_into(&mut address);
        }
        panic!("the login of {account} does not end: {address}");
    }

    fn as_client(&self, client: &str) -> Http {
        use base64ct::{Base64, Encoding};
        let both = format!("{client}:{}", encode(SECRET));
        Http::new(self.issuer())
            .with("authorization", &format!("Basic {}", Base64::encode_string(both.as_bytes())))
    }
}

/// Returns the names and values of the cookies that a response sets, without the attributes of the cookies.
pub fn set_cookies(answer: &Answer) -> impl Iterator<Item = (String, String)> {
    let headers = answer.headers.iter().filter(|(name, _)| name == "set-cookie");
    headers.filter_map(|(_, value)| {
        let (name, value) = value.split(';').next()?.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    })
}

/// Returns the value of a parameter in the query of a URL. The returned value is still percent-encoded.
pub fn parameter<'a>(address: &'a str, name: &str) -> Option<&'a str> {
    let pairs = address.split_once('?')?.1.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(own, _)| *own == name).map(|(_, value)| value)
}

/// Encodes names and values as a URL query or as a form body.
fn encoded(fields: &[(&str, &str)]) -> String {
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    fields.join("&")
}

/// Percent-encodes every character except ASCII letters, ASCII digits and hyphens.
fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let byte = |byte: u8| if plain(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(byte).collect()
}
