//! Tests one browser that is logged in to several sites. Each site has its own cookies, and each request names its
//! site.

use std::cell::RefCell;
use std::collections::BTreeSet;

use e2e::provider::set_cookies;
use e2e::site::{OWNER, PASSWORD};
use e2e::{Answer, Http, Site};
use serde_json::{Value, json};

use crate::people::{join, patiently};

/// The cookies of one browser.
#[derive(Default)]
struct Jar(RefCell<Vec<(String, String)>>);

impl Jar {
    /// Sends a request as a page of a site, and stores the cookies of the response.
    fn send(&self, page: &Http, method: &str, path: &str, body: &Value) -> Answer {
        let answer = page.with("cookie", &self.header()).send_json(method, path, body);
        let mut cookies = self.0.borrow_mut();
        for (name, value) in set_cookies(&answer) {
            cookies.retain(|(own, _)| *own != name);
            if !value.is_empty() {
                cookies.push((name, value));
            }
        }
        answer
    }

    fn log_in(&self, site: &Site<'_>, username: &str) {
        let login = json!({ "site": site.name, "username": username, "password": PASSWORD });
        patiently(|| self.send(&site.page(), "POST", "/api/v1/session", &login)).ok();
    }

    /// Returns the state of the browser's session at a site.
    fn state(&self, site: &Site<'_>) -> String {
        let status = self.send(&site.page(), "GET", "/api/v1/session", &Value::Null).ok();
        assert_eq!(status["site"], json!(site.name));
        status["state"].as_str().expect("a state").to_owned()
    }

    fn header(&self) -> String {
        let cookies = self.0.borrow();
        cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn names(&self) -> BTreeSet<String> {
        self.0.borrow().iter().map(|(name, _)| name.clone()).collect()
    }
}

#[test]
fn a_page_of_one_site_never_changes_another() {
    let (home, lab, jar) = (Site::shared(), Site::shared(), Jar::default());
    let _porches = [home.device("porch"), lab.device("porch")];
    jar.log_in(&home, OWNER);
    jar.log_in(&lab, OWNER);
    assert_eq!((jar.state(&home), jar.state(&lab)), ("open".into(), "open".into()));
    let remove = |page: &Http| jar.send(page, "DELETE", "/api/v1/devices/porch", &json!({}));
    let unnamed = home.deployment.http().with("origin", home.deployment.origin());
    assert!(matches!(remove(&unnamed).status, 400 | 401), "the request names no site");
    assert_eq!(remove(&home.page()).status, 204);
    assert_eq!(
        (home.get("/api/v1/devices/porch").status, lab.get("/api/v1/devices/porch").status),
        (404, 200)
    );

    // A logout and a refresh belong to one site too.
    jar.send(&lab.page(), "POST", "/api/v1/session/refresh", &json!({})).ok();
    jar.send(&unnamed, "POST", "/api/v1/session/refresh", &json!({})).is_problem(400, "invalid_request");
    jar.send(&unnamed, "DELETE", "/api/v1/session", &json!({})).is_problem(400, "invalid_request");
    assert_eq!(jar.send(&home.page(), "DELETE", "/api/v1/session", &json!({})).status, 204);
    assert_eq!((jar.state(&home), jar.state(&lab)), ("none".into(), "open".into()));
}

#[test]
fn a_page_of_one_person_never_acts_for_another() {
    let (site, jar) = (Site::shared(), Jar::default());
    join(&site, "ben", json!({ "role": "owner" }));
    jar.log_in(&site, "ben");
    let page = site.page().with("pinlatch-subject", OWNER);
    for (method, path) in [
        ("POST", "/api/v1/users"),
        ("GET", "/api/v1/users"),
        ("GET", "/api/v1/session"),
        ("POST", "/api/v1/session/refresh"),
        ("DELETE", "/api/v1/session"),
    ] {
        let answer = jar.send(&page, method, path, &json!({ "username": "eve", "role": "viewer" }));
        assert_eq!((answer.status, answer.code()), (409, "other_login"), "{method} {path}");
        assert!(answer.body["detail"].as_str().is_some_and(|text| text.contains("reload")), "{answer:?}");
    }
    assert_eq!(jar.state(&site), "open", "the login of the other person has ended");
    let page = site.page().with("pinlatch-subject", "ben");
    jar.send(&page, "POST", "/api/v1/users", &json!({ "username": "eve", "role": "viewer" })).ok();
}

#[test]
fn a_fifth_site_takes_the_place_of_the_oldest() {
    let (sites, jar) = ([(); 5].map(|()| Site::shared()), Jar::default());
    let wide: Vec<String> = (10..64)
        .map(|number| format!("line:porch/staircase-apartment-door-on-the-left-{number}:pulse"))
        .collect();
    for site in &sites {
        join(site, "ben", json!({ "scope": wide.join(" ") }));
        jar.log_in(site, "ben");
    }
    let names = |sites: &[Site<'_>]| -> BTreeSet<String> {
        let cookies = |site: &Site<'_>| ["session", "refresh", "client"].map(|kind| site.cookie(kind, ""));
        sites.iter().flat_map(cookies).map(|name| name.trim_end_matches('=').to_owned()).collect()
    };
    assert_eq!(jar.names(), names(&sites[1..]));
    assert_eq!(jar.state(&sites[0]), "none");
    assert!(sites[1..].iter().all(|site| jar.state(site) == "open"));
    assert!(jar.header().len() <= 12 * 1024, "{}", jar.header().len());
    assert!(jar.0.borrow().iter().all(|(name, value)| name.len() + value.len() <= 4096));
    let whoami = jar.send(&sites[4].page(), "GET", "/api/v1/whoami", &Value::Null).ok();
    assert_eq!(whoami["scope"].as_str().map(|scope| scope.split(' ').count()), Some(wide.len()));
}

/// A website on a sibling domain can set cookies for the whole domain, but not with the prefix `__Host-`.
#[test]
fn a_planted_cookie_logs_nobody_in() {
    let (site, own, foreign) = (Site::shared(), Jar::default(), Jar::default());
    join(&site, "eve", json!({ "role": "viewer" }));
    own.log_in(&site, OWNER);
    foreign.log_in(&site, "eve");
    let value = |jar: &Jar, kind: &str| {
        let cookies = jar.0.borrow();
        let name = site.cookie(kind, "");
        let found = cookies.iter().find(|(own, _)| format!("{own}=") == name);
        found.map(|(_, value)| value.clone()).expect("a cookie")
    };
    let (own, planted) = (value(&own, "refresh"), value(&foreign, "refresh"));
    let page = |cookie: &str| site.page().with("cookie", cookie);
    let refused = |cookie: &str| {
        assert_eq!(page(cookie).get("/api/v1/session").ok()["state"], "none", "{cookie}");
        page(cookie).post("/api/v1/session/refresh", &json!({})).is_problem(400, "invalid_grant");
    };
    for name in ["__Secure-pinlatch_refresh", "pinlatch_refresh", "__Secure-pinlatch_session"] {
        refused(&format!("{name}={planted}"));
        refused(&format!("{name}_{}={planted}", site.name));
    }
    refused(&format!("{}; {}", site.cookie("refresh", &planted), site.cookie("refresh", &own)));
    // The refresh token of another site has no effect in the cookie of this site.
    let (other, jar) = (Site::shared(), Jar::default());
    jar.log_in(&other, OWNER);
    let elsewhere = jar.header().replace(&format!("_{}=", other.name), &format!("_{}=", site.name));
    page(&elsewhere).post("/api/v1/session/refresh", &json!({})).is_problem(400, "invalid_grant");
    page(&elsewhere).get("/api/v1/whoami").is_problem(401, "invalid_token");
    assert_eq!(jar.state(&other), "open");
    let still = page(&site.cookie("refresh", &own)).post("/api/v1/session/refresh", &json!({}));
    assert_eq!(still.ok()["username"], OWNER);
}
