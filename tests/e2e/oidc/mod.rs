//! Tests logins with OpenID Connect providers, and access tokens of issuers that publish their keys at a URL. The tests
//! use a certified provider implementation.
//!
//! All tests in this module share one deployment and one process that runs all login providers. Each test uses a
//! separate login provider and a separate site, to which this login provider gives access.

mod behind_proxy;
mod browser;
mod issuers;
mod logins;
mod networks;

use std::fs::OpenOptions;
use std::io::Write;
use std::sync::LazyLock;
use std::time::Duration;

use e2e::provider::{CLIENT, Provider, Providers, RESOURCE, SECRET, set_cookies};
use e2e::{Answer, Deployment, HostLock, Http, Site, eventually};
use serde_json::{Map, Value, json};
use xtask::edge::{EdgeOptions, Secrets};

/// The names of the login providers. The position of a name in this list is the index of the provider's site.
const NAMES: [&str; 13] = [
    "people",
    "strangers",
    "mail",
    "turning",
    "falling",
    "hostile",
    "first",
    "second",
    "flooded",
    "crowded",
    "odd",
    "terse",
    "proofs",
];

/// The name of a login provider that cannot be reached.
const GONE: &str = "gone";

/// An issuer whose audience is the client id of a login provider. With this configuration, the edge would accept each
/// `id_token` as an access token. Therefore the edge must refuse this configuration.
const MISTAKEN: &str = "https://mistaken.example/";

/// The names of invalid key sets that the edge must not accept.
const ODD: [&str; 6] = ["redirect", "large", "large-unannounced", "page", "private", "hang"];

/// The maximum scopes that external access tokens can have.
const CEILING: &str = "line:*/lamp:read line:*/relay:*";

static SHARED: LazyLock<TestDeployment> = LazyLock::new(TestDeployment::start);

/// A deployment and its login providers.
struct TestDeployment {
    providers: Providers,
    deployment: Deployment,
}

impl TestDeployment {
    /// Starts the deployment. The caller must have a [`HostLock`].
    fn start() -> Self {
        let providers = Providers::start(&NAMES);
        let (mut logins, mut issuers) = (Map::new(), Map::new());
        let site = |place: usize| format!("site-{}", place + 1);
        let login = |issuer: &str, site: String, label: &str| {
            json!({ "site": site, "issuer": issuer, "client_id": CLIENT, "client_secret": "ID_SECRET",
                    "label": label })
        };
        let issuer = |issuer: &str, site: String, uri: &str| json!({ "site": site, "issuer": issuer, "audience": RESOURCE, "scope": CEILING, "jwks_uri": uri });
        for (place, name) in NAMES.into_iter().enumerate() {
            let provider = providers.named(name);
            let iss = provider.issuer();
            logins.insert(name.into(), login(iss, site(place), "Test ID"));
            issuers.insert(name.into(), issuer(iss, site(place), &format!("{iss}/jwks")));
        }
        // Port 9 (discard) is closed on modern systems, so the login provider cannot be reached.
        logins.insert(GONE.into(), login("http://127.0.0.1:9", site(1), "Gone ID"));
        let (odd, host) = (site(place("odd")), providers.named("odd").issuer().to_owned());
        for kind in ODD {
            let uri = format!("{host}/odd/{kind}");
            issuers.insert(format!("odd-{kind}"), issuer(&odd_issuer(kind), odd.clone(), &uri));
        }
        let mut mistaken = issuer(MISTAKEN, site(place("second")), &format!("{host}/jwks"));
        mistaken["audience"] = CLIENT.into();
        issuers.insert("mistaken".into(), mistaken);
        let deployment = Deployment::start_with(NAMES.len(), |options| {
            with_secret(&options).var("LOGINS", logins).var("ISSUERS", issuers)
        });
        for name in NAMES {
            let redirect = redirect_uri(deployment.origin(), name);
            providers.named(name).change(&json!({ "redirect": redirect }));
        }
        Self { providers, deployment }
    }

    fn shared(name: &'static str) -> Stage<'static> {
        let host_lock = HostLock::beside_others();
        SHARED.stage(name, host_lock)
    }

    fn stage<'w>(&'w self, name: &'static str, host_lock: HostLock) -> Stage<'w> {
        let site = Site::of(&self.deployment, place(name));
        Stage {
            provider: self.providers.named(name),
            site,
            http: self.deployment.http(),
            _host_lock: Some(host_lock),
        }
    }
}

/// The login provider, the site and the HTTP client of one test.
struct Stage<'w> {
    provider: Provider<'w>,
    site: Site<'w>,
    http: Http,
    _host_lock: Option<HostLock>,
}

/// A login that the edge has started, with the provider's login URL and the login cookie.
struct Journey {
    question: String,
    cookie: String,
}

impl Stage<'_> {
    /// Admits a person by the subject at the login provider. If `who` contains `@`, the person is admitted by email
    /// address instead.
    fn admit(&self, username: &str, who: &str) -> Answer {
        let by = if who.contains('@') { "email" } else { "subject" };
        let mut identity = json!({ "issuer": self.provider.issuer() });
        identity[by] = who.into();
        let path = format!("/api/v1/users/{username}/identities");
        self.site.send_json("PUT", &path, &json!({ "identity": identity, "role": "operator" }))
    }

    fn begin(&self) -> Journey {
        let answer = self.http.get(&format!("/api/v1/logins/{}", self.provider.name));
        assert_eq!(answer.status, 303, "{answer:?}");
        let (name, value) = set_cookies(&answer).next().expect("a cookie");
        assert_eq!(name, "__Host-pinlatch_login");
        Journey { question: answer.header("location").into(), cookie: format!("{name}={value}") }
    }

    /// Completes a login. Returns an HTTP client with the session cookie, or the error code of the login page.
    fn finish(&self, back: &str, cookie: &str) -> Result<Http, String> {
        let path = back.strip_prefix(self.site.deployment.origin()).expect("a URL of ours");
        let answer = self.http.with("cookie", cookie).get(path);
        assert_eq!(answer.status, 303, "{answer:?}");
        let page = format!("/s/{}/", self.site.name);
        let rest = answer.header("location").strip_prefix(&page).unwrap_or_else(|| panic!("{answer:?}"));
        let cookies: Vec<_> = set_cookies(&answer).collect();
        assert!(cookies.contains(&("__Host-pinlatch_login".into(), String::new())), "the cookie remains");
        if let Some(code) = rest.strip_prefix("?login_error=") {
            assert_eq!(cookies.len(), 1, "{cookies:?}");
            return Err(code.to_owned());
        }
        assert_eq!(rest, "");
        let own = format!("__Host-pinlatch_session_{}", self.site.name);
        let session = cookies.iter().find(|(name, _)| *name == own).expect("a session");
        let cookie = format!("{}={}", session.0, session.1);
        Ok(self.http.with("cookie", &cookie).with("pinlatch-site", &self.site.name))
    }

    /// Performs a complete login. Returns an HTTP client with the session cookie, or the error code of the login page.
    fn log_in(&self, account: &str) -> Result<Http, String> {
        let journey = self.begin();
        self.finish(&self.provider.answer(&journey.question, account), &journey.cookie)
    }

    fn whoami(&self, token: &str) -> Answer {
        self.http.bearer(token).get("/api/v1/whoami")
    }

    /// Checks that a login fails with the given error code.
    #[track_caller]
    fn is_refused(&self, account: &str, code: &str) {
        assert_eq!(self.log_in(account).err().as_deref(), Some(code), "{account}");
    }
}

/// Returns the name of the logged-in person.
fn name_of(http: &Http) -> Value {
    http.get("/api/v1/whoami").ok()["sub"].clone()
}

/// Waits until a condition is met. The time limit is longer than the cooldown after which the edge fetches data from a
/// provider again.
#[track_caller]
fn after_the_cooldown<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    eventually(Duration::from_secs(90), what, condition)
}

fn place(name: &str) -> usize {
    NAMES.iter().position(|own| *own == name).expect("one of the providers")
}

fn odd_issuer(kind: &str) -> String {
    format!("https://{kind}.odd.example/")
}

fn redirect_uri(origin: &str, name: &str) -> String {
    format!("{origin}/api/v1/logins/{name}/callback")
}

/// Adds the client secret to the file that contains the secrets of the deployment.
fn with_secret(options: &EdgeOptions) -> EdgeOptions {
    let Secrets::File(file) = &options.secrets else { panic!("the secrets are in a file") };
    let mut file = OpenOptions::new().append(true).open(file).expect("the file");
    writeln!(file, "ID_SECRET='{SECRET}'").expect("the secret");
    options.clone()
}
