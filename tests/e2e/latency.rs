//! Times that people feel. These tests have the machine to themselves.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use e2e::measure::Times;
use e2e::{Deployment, Machine, Panel, Site};
use serde_json::json;

fn toggles(panel: &mut Panel, name: &str, count: usize) -> Times {
    Times::of(count, |index| {
        let result = panel.command(&format!("{name}-{index}"), "porch", "relay", "toggle", json!({}));
        assert_eq!(result["status"], "executed", "{result}");
    })
}

/// A storm of logins, right and wrong, of many names at once, leaves commands their time.
#[test]
fn a_login_storm_does_not_delay_a_door() {
    let _machine = Machine::alone();
    let edge = Deployment::start(1, None);
    let site = Site::of(&edge, 0);
    let _agent = site.device("porch");
    let mut panel = site.panel();
    toggles(&mut panel, "warm", 100);
    let quiet = toggles(&mut panel, "quiet", 400);
    let (stop, attempts) = (AtomicBool::new(false), AtomicUsize::new(0));
    let storm = std::thread::scope(|scope| {
        for attacker in 0..4 {
            let (stop, attempts, site) = (&stop, &attempts, &site);
            scope.spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    let number = attempts.fetch_add(1, Ordering::SeqCst);
                    let body = json!({
                        "grant_type": "password", "site": site.name,
                        "username": format!("user-{attacker}-{}", number % 50), "password": "guess",
                    });
                    let answer = site.deployment.http().post("/api/v1/token", &body);
                    assert!(matches!(answer.status, 401 | 429), "{answer:?}");
                    // A client that is told to wait does; this one waits far less than it is told.
                    std::thread::park_timeout(std::time::Duration::from_millis(20));
                }
            });
        }
        let storm = toggles(&mut panel, "storm", 400);
        stop.store(true, Ordering::SeqCst);
        storm
    });
    let attempts = attempts.load(Ordering::SeqCst);
    println!(
        "login storm: quiet p50 {:.2} p99 {:.2} ms, storm p50 {:.2} p99 {:.2} ms, {attempts} attempts",
        quiet.p50(),
        quiet.p99(),
        storm.p50(),
        storm.p99()
    );
    assert!(attempts >= 50, "that was no storm: {attempts} attempts");
    assert!(
        storm.p50() <= quiet.p50() * 1.3,
        "p50 {:.2} ms in the storm, {:.2} in quiet",
        storm.p50(),
        quiet.p50()
    );
    assert!(
        storm.p99() <= quiet.p99() + 80.0,
        "p99 {:.2} ms in the storm, {:.2} in quiet",
        storm.p99(),
        quiet.p99()
    );
}
