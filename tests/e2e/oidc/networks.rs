//! Tests that a self-hosted edge sends no request to a private network or to its own machine, unless the owner allows
//! this network.

use e2e::provider::{Providers, RESOURCE};
use e2e::{Deployment, HostLock};
use serde_json::json;
use xtask::edge::EdgeOptions;

use super::CEILING;

#[test]
fn an_edge_reaches_a_private_network_only_with_the_owners_permission() {
    let _host_lock = HostLock::beside_others();
    let providers = Providers::start(&["private"]);
    let provider = providers.named("private");
    let issuer = json!({ "private": {
        "site": "site-1", "issuer": provider.issuer(), "audience": RESOURCE, "scope": CEILING,
        "jwks_uri": format!("{}/jwks", provider.issuer()),
    } });
    let edge = Deployment::start_with(1, |options| {
        let options = EdgeOptions { local_servers: false, ..options };
        options.var("ISSUERS", issuer)
    });
    let token = provider.access_token();
    edge.http().bearer(&token).get("/api/v1/whoami").is_problem(503, "issuer_unavailable");
    assert_eq!(provider.asked("/jwks"), 0, "the request has reached the provider");
    let log = edge.log();
    for part in ["is not allowed", "--allow-private-network", provider.issuer()] {
        assert!(log.contains(part), "{part}: {log}");
    }
}
