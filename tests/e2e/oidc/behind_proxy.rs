//! Tests a login with a login provider at an edge behind a real reverse proxy that ends TLS.

use e2e::Site;
use e2e::front_proxy::{FrontKind, missing};
use e2e::provider::{CLIENT, Providers};
use serde_json::json;
use url::Url;

use super::{Stage, name_of, redirect_uri, with_secret};
use crate::front_proxies::Fronted;

/// The login provider must send the browser back to the proxy's origin, and not to the address of workerd.
#[test]
fn a_login_returns_to_the_origin_of_the_proxy() {
    if missing().is_some() {
        return;
    }
    let providers = Providers::start(&["fronted"]);
    let provider = providers.named("fronted");
    let login = json!({ "site": "site-1", "issuer": provider.issuer(), "client_id": CLIENT,
                        "client_secret": "ID_SECRET", "label": "Test ID" });
    let fronted = Fronted::with(FrontKind::Nginx, |options, origin| {
        with_secret(&options).var("ORIGIN", origin).var("LOGINS", json!({ "fronted": login }))
    });
    let redirect = redirect_uri(fronted.deployment.origin(), "fronted");
    provider.change(&json!({ "redirect": redirect }));
    let site = Site::of(&fronted.deployment, 0);
    let stage = Stage { provider, site, http: fronted.deployment.http(), _host_lock: None };
    stage.admit("bea", "bea@mail.example").ok();
    let question = Url::parse(&stage.begin().question).expect("a URL");
    assert!(question.query_pairs().any(|(name, value)| name == "redirect_uri" && value == redirect.as_str()));
    let bea = stage.log_in("bea").expect("a login");
    assert_eq!(name_of(&bea), "bea");
}
