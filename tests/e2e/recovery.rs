//! Checks that a panic in the Worker affects only the request that caused the panic, and that a site that cannot be
//! opened tries again. The Worker under test is built with the feature `test-hooks`, which makes the Worker panic on
//! request and try again sooner.

use std::time::{Duration, Instant};

use e2e::{Deployment, HostLock, Site, eventually, program};
use serde_json::json;

/// The maximum time until the Worker responds to a request. This time is longer than the deadline of a command.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

fn with_hooks() -> Deployment {
    Deployment::start_with(1, |mut options| {
        options.parts.edge_dist = program("PINLATCH_EDGE_WITH_HOOKS_DIST");
        options
    })
}

#[test]
fn a_panic_does_not_break_the_next_request() {
    let _host_lock = HostLock::beside_others();
    let edge = with_hooks();
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

/// The alarm that ends a command can fire while the deployment has invalid keys. If the alarm were not set again, the
/// command would have no result until the next event of the site.
#[test]
fn an_alarm_is_set_again_if_the_site_cannot_be_opened() {
    let _host_lock = HostLock::beside_others();
    let edge = with_hooks();
    let site = Site::of(&edge, 0);
    let mut agent = site.device("porch");
    agent.pause();
    let mut panel = site.panel();
    panel.send(
        &json!({ "type": "command", "id": "due", "device": "porch", "line": "lamp", "action": "toggle",
                        "args": {}, "deadline_ms": 3_000 }),
    );
    let status = || site.get("/api/v1/commands/due").body["status"].clone();
    eventually(Duration::from_secs(10), "the command is in flight", || {
        (status() == "delivered").then_some(())
    });
    let secrets = edge.folder().join(".dev.vars");
    let valid = std::fs::read_to_string(&secrets).expect("the secrets");
    std::fs::write(&secrets, valid.replace("EDGE_KEYS='{", "EDGE_KEYS='broken{")).expect("the secrets");
    edge.edge().restart().expect("workerd");
    agent.kill();
    eventually(Duration::from_secs(60), "three alarms fail", || {
        (edge.log().matches("tick: ").count() >= 3).then_some(())
    });
    std::fs::write(&secrets, valid).expect("the secrets");
    edge.edge().restart().expect("workerd");
    eventually(Duration::from_secs(10), "the command ends", || (status() == "unknown").then_some(()));
}
