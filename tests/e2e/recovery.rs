//! Checks that a panic in the Worker affects only the request that caused the panic. The Worker under test is built
//! with the feature `test-hooks`, which makes the Worker panic on request.

use std::time::{Duration, Instant};

use e2e::{Deployment, HostLock, Site, program};
use serde_json::json;

/// The maximum time until the Worker responds to a request. This time is longer than the deadline of a command.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

#[test]
fn a_panic_does_not_break_the_next_request() {
    let _host_lock = HostLock::beside_others();
    let edge = Deployment::start_with(1, |mut options| {
        options.parts.edge_dist = program("PINLATCH_EDGE_WITH_HOOKS_DIST");
        options
    });
    let site = Site::of(&edge, 0);
    let agent = site.device("porch");
    let mut panel = site.panel();
    let in_site = format!("panic-in-site/{}", site.name);
    let failures = ["panic", "panic-later", "trap", &in_site];
    for (number, failure) in failures.into_iter().cycle().take(2 * failures.len()).enumerate() {
        let began = Instant::now();
        let failed = edge.http().send("GET", &format!("/api/test-hooks/{failure}"), None);
        assert!(failed.as_ref().map_or(true, |answer| answer.status >= 500), "{failure}: {failed:?}");
        assert!(began.elapsed() < ANSWERED_WITHIN, "{failure} took {:?}: {}", began.elapsed(), edge.log());

        assert_eq!(edge.http().get("/healthz").status, 200, "after {failure}");
        site.get("/api/v1/devices").ok();
        // The panel socket and the agent socket must still be open.
        let result = panel.command(&format!("c{number}"), "porch", "relay", "toggle", json!({}));
        assert_eq!(result["status"], "executed", "after {failure}: {result}");
    }
    assert_eq!(agent.connections(), 1, "the agent had to connect again");
    // Three of the four failures are panics, and the test causes each failure twice. If the log contained fewer than
    // six panics, the test would not have tested the recovery.
    assert!(edge.log().matches("a panic on request").count() >= 6, "{}", edge.log());
}
