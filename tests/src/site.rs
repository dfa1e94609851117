//! Provides the site of one test, with an owner who is logged in.

use std::ops::Deref;
use std::sync::Once;
use std::time::Duration;

use pinlatch_protocol::name::Name;
use pinlatch_token::{PublicKey, identity};
use serde_json::{Value, json};

use crate::agent::{Agent, LINES};
use crate::deployment::Deployment;
use crate::host_lock::HostLock;
use crate::http::Http;
use crate::outsiders::now;
use crate::socket::Panel;
use crate::wait::eventually;

/// The user name of the owner of every test site.
pub const OWNER: &str = "owner";
pub const PASSWORD: &str = "correct horse battery";

/// A test site that has an owner.
pub struct Site<'d> {
    pub deployment: &'d Deployment,
    pub name: String,
    /// An HTTP client that sends the owner's bearer token.
    pub owner: Http,
    /// The access token of the site's owner.
    pub token: String,
    pub(crate) _host_lock: Option<HostLock>,
}

impl Site<'static> {
    /// Creates a new site in the shared deployment without taking a lock on the host.
    pub(crate) fn fresh() -> Self {
        let (deployment, index) = Deployment::shared();
        Self::of(deployment, index)
    }

    /// Returns the site for which the tokens of external issuers are valid. All tests share this site, so each test
    /// must use different device names.
    pub fn outside() -> Self {
        static OWNED: Once = Once::new();
        let host_lock = HostLock::beside_others();
        let (deployment, index) = Deployment::outside();
        OWNED.call_once(|| make_owner(deployment, index));
        Self { _host_lock: Some(host_lock), ..Self::owned(deployment, index) }
    }
}

impl<'d> Site<'d> {
    /// Creates the owner of the site and logs in as the owner.
    pub fn of(deployment: &'d Deployment, index: usize) -> Self {
        make_owner(deployment, index);
        Self::owned(deployment, index)
    }

    /// Logs in as the owner. The site must already have an owner.
    fn owned(deployment: &'d Deployment, index: usize) -> Self {
        let (name, _) = deployment.site(index);
        let http = deployment.http();
        let token = log_in(&http, name);
        Self { deployment, name: name.to_owned(), owner: http.bearer(&token), token, _host_lock: None }
    }

    /// Logs in as the owner again, and returns a new access token.
    pub fn log_in(&self) -> String {
        log_in(&self.deployment.http(), &self.name)
    }

    /// Logs in as the owner with another HTTP client, and returns a new access token.
    pub fn log_in_at(&self, http: &Http) -> String {
        log_in(http, &self.name)
    }

    /// Returns an HTTP client that sends the headers of a page of this site, without credentials.
    pub fn page(&self) -> Http {
        self.deployment.http().with("origin", self.deployment.origin()).with("pinlatch-site", &self.name)
    }

    /// Returns a cookie of this site in the form `name=value`. `kind` is `session`, `refresh` or `guest`.
    pub fn cookie(&self, kind: &str, token: &str) -> String {
        format!("__Host-pinlatch_{kind}_{}={token}", self.name)
    }

    /// Creates an enrolment string for a new device.
    pub fn enrolment(&self, device: &str) -> String {
        let reply = self.owner.post("/api/v1/enrolments", &json!({ "device": device })).ok();
        reply["enrol"].as_str().expect("an enrolment string").to_owned()
    }

    /// Enrols and starts a device with the GPIO lines of [`LINES`], and waits until the device is online.
    pub fn device(&self, name: &str) -> Agent {
        let mut agent = Agent::enrol(&self.enrolment(name), LINES, &[]);
        agent.start();
        self.until_online(name);
        agent
    }

    pub fn until_online(&self, device: &str) {
        let path = format!("/api/v1/devices/{device}");
        eventually(Duration::from_secs(30), "the device is online", || {
            (self.owner.get(&path).body["online"] == true).then_some(())
        });
    }

    pub fn until_offline(&self, device: &str) {
        let path = format!("/api/v1/devices/{device}");
        eventually(Duration::from_secs(30), "the device is offline", || {
            (self.owner.get(&path).body["online"] == false).then_some(())
        });
    }

    /// Returns the state of a device's GPIO line from the HTTP API.
    pub fn line(&self, device: &str, line: &str) -> Value {
        self.owner.get(&format!("/api/v1/devices/{device}/lines/{line}")).ok()
    }

    /// Signs the identity of an enrolled device with the owner's root key, as if the owner had compared the device's key
    /// with the device. The edge does not get the identity.
    pub fn identity(&self, device: &str) -> String {
        let key = self.owner.get(&format!("/api/v1/devices/{device}/key")).ok();
        let key = PublicKey::from_jwk(&key["jwk"]).expect("the device's key");
        let name = |text: &str| Name::new(text).expect("a name");
        let root = self.deployment.root_key();
        identity::sign(&root, &name(&self.name), &name(device), &key, now()).expect("an identity")
    }

    /// Opens a panel socket with the owner's access token.
    pub fn panel(&self) -> Panel {
        Panel::open_trusting(self.deployment.origin(), &self.token, self.deployment.authority())
    }
}

impl Deref for Site<'_> {
    type Target = Http;
    fn deref(&self) -> &Http {
        &self.owner
    }
}

fn make_owner(deployment: &Deployment, index: usize) {
    let (name, code) = deployment.site(index);
    let request = json!({ "site": name, "code": code, "username": OWNER, "password": PASSWORD });
    let http = deployment.http();
    // The gate limits the rate of password hashes for all sites together. Parallel tests therefore get status 429, and
    // each test retries.
    eventually(Duration::from_secs(60), "the site has an owner", || {
        let answer = http.post("/api/v1/setup", &request);
        if answer.status == 429 { None } else { Some(answer.ok()) }
    });
}

fn log_in(http: &Http, site: &str) -> String {
    let request = json!({ "grant_type": "password", "site": site, "username": OWNER, "password": PASSWORD });
    let reply = eventually(Duration::from_secs(60), "the owner is logged in", || {
        let answer = http.post("/api/v1/token", &request);
        if answer.status == 429 { None } else { Some(answer.ok()) }
    });
    reply["access_token"].as_str().expect("a token").to_owned()
}
