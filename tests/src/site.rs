//! One test's site, with its owner logged in.

use std::ops::Deref;
use std::sync::Once;
use std::time::Duration;

use serde_json::{Value, json};

use crate::agent::{Agent, LINES};
use crate::{Deployment, HostLock, Http, Panel, eventually, ready};

/// The owner of every site; the password is as good as any in a test.
pub const OWNER: &str = "owner";
/// The owner's password.
pub const PASSWORD: &str = "correct horse battery";

/// A site with an owner.
pub struct Site<'d> {
    /// Where it is.
    pub deployment: &'d Deployment,
    /// Its name.
    pub name: String,
    /// The owner's client, with a bearer token.
    pub owner: Http,
    /// The owner's access token.
    pub token: String,
    _host_lock: Option<HostLock>,
}

impl Site<'static> {
    /// A fresh site of the shared deployment.
    pub fn shared() -> Self {
        let host_lock = HostLock::beside_others();
        Self { _host_lock: Some(host_lock), ..ready::take().unwrap_or_else(Self::fresh) }
    }

    /// A fresh site without a hold on the machine.
    pub(crate) fn fresh() -> Self {
        let (deployment, index) = Deployment::shared();
        Self::of(deployment, index)
    }

    /// The site that issuers from outside open. Tests share it, each with devices of its own.
    pub fn outside() -> Self {
        static OWNED: Once = Once::new();
        let host_lock = HostLock::beside_others();
        let (deployment, index) = Deployment::outside();
        OWNED.call_once(|| make_owner(deployment, index));
        Self { _host_lock: Some(host_lock), ..Self::owned(deployment, index) }
    }
}

impl<'d> Site<'d> {
    /// Makes the owner of a site and logs in.
    pub fn of(deployment: &'d Deployment, index: usize) -> Self {
        make_owner(deployment, index);
        Self::owned(deployment, index)
    }

    /// Logs in at a site that has its owner.
    fn owned(deployment: &'d Deployment, index: usize) -> Self {
        let (name, _) = deployment.site(index);
        let http = deployment.http();
        let token = log_in(&http, name);
        Self { deployment, name: name.to_owned(), owner: http.bearer(&token), token, _host_lock: None }
    }

    /// A new access token of the owner.
    pub fn log_in(&self) -> String {
        log_in(&self.deployment.http(), &self.name)
    }

    /// The enrolment string of a new device.
    pub fn enrolment(&self, device: &str) -> String {
        let reply = self.owner.post("/api/v1/enrolments", &json!({ "device": device })).ok();
        reply["enrol"].as_str().expect("an enrolment string").to_owned()
    }

    /// Enrols and starts a device with the usual simulated lines, and waits until it is online.
    pub fn device(&self, name: &str) -> Agent {
        let mut agent = Agent::enrol(&self.enrolment(name), LINES, &[]);
        agent.start();
        self.until_online(name);
        agent
    }

    /// Waits until a device is online.
    pub fn until_online(&self, device: &str) {
        let path = format!("/api/v1/devices/{device}");
        eventually(Duration::from_secs(30), "the device is online", || {
            (self.owner.get(&path).body["online"] == true).then_some(())
        });
    }

    /// Waits until a device is offline.
    pub fn until_offline(&self, device: &str) {
        let path = format!("/api/v1/devices/{device}");
        eventually(Duration::from_secs(30), "the device is offline", || {
            (self.owner.get(&path).body["online"] == false).then_some(())
        });
    }

    /// A line as the API shows it.
    pub fn line(&self, device: &str, line: &str) -> Value {
        self.owner.get(&format!("/api/v1/devices/{device}/lines/{line}")).ok()
    }

    /// The owner's live stream.
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
    // The gate spaces hashes of all sites, so that many tests at once are asked to try again.
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
