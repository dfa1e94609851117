//! Tests a deployment under `wrangler dev`, which developers use and which is the local server most similar to
//! Cloudflare. All other end-to-end tests run workerd with the configuration files that `pinlatch self-host` writes.

use e2e::{Deployment, HostLock, Site};
use serde_json::json;

use crate::contract::serves_the_panel;

#[test]
fn wrangler_serves_the_same_deployment() {
    let _host_lock = HostLock::beside_others();
    let edge = Deployment::start_with(1, |options| options.wrangler());
    let site = Site::of(&edge, 0);
    serves_the_panel(&edge.http(), &site.name);
    let agent = site.device("porch");
    let mut panel = site.panel();
    let set = |panel: &mut e2e::Panel, id: &str, value: bool| {
        let result = panel.command(id, "porch", "lamp", "set", json!({ "value": value }));
        assert_eq!(result["status"], "executed", "{result}");
    };
    set(&mut panel, "one", true);
    edge.edge().restart().expect("wrangler");
    site.until_online("porch");
    assert_eq!(site.line("porch", "lamp")["desired"], json!(true));
    set(&mut site.panel(), "two", false);
    assert_eq!(agent.levels("lamp").last(), Some(&json!(false)));
}
