//! Tests devices that are connected but do not answer commands.

use super::*;

fn answering(test_site: &TestSite) -> bool {
    match test_site.call(Call::Device { principal: owner(), device: name("porch") }).0 {
        Ok(Answer::Now(Reply::Device(device))) => device.answering,
        other => panic!("{other:?}"),
    }
}

/// Returns the published presences as (online, answering).
fn presences(effects: &[Effect]) -> Vec<(bool, bool)> {
    let presence = |change| match change {
        Change::Presence { online, answering, .. } => Some((online, answering)),
        _ => None,
    };
    changes(effects).into_iter().filter_map(presence).collect()
}

/// Sends a command that the device does not answer.
fn ignored(test_site: &TestSite, id: &str) -> (CommandOrder, Vec<Effect>) {
    let (_, order) = test_site.order(pulse(id));
    test_site.pass(6_000);
    (order, test_site.tick())
}

#[test]
fn a_device_does_not_answer_until_its_next_message() {
    let test_site = TestSite::connected();
    let before = test_site.store.0.rows_written();
    let (order, effects) = ignored(&test_site, "one");
    assert_eq!(presences(&effects), [(true, false)]);
    assert!(!answering(&test_site));
    assert_eq!(test_site.store.0.rows_written() - before, 4, "as many as for an answered command");
    assert_eq!(presences(&ignored(&test_site, "two").1), [], "this is already known");
    let effects = test_site.report(&order.jti, CommandStatus::Expired, None, None);
    assert_eq!(presences(&effects), [(true, true)]);
    assert!(answering(&test_site));
    let time = FromAgent::Time { nonce: "n".into() };
    assert_eq!(test_site.handle_agent_message("porch", "s1", time), vec![]);
}

#[test]
fn a_device_that_shows_life_only_lost_an_outcome() {
    let test_site = TestSite::connected();
    test_site.order(pulse("one"));
    test_site.pass(5_500);
    test_site.alive("s1");
    test_site.pass(500);
    assert_eq!(presences(&test_site.tick()), []);
    assert!(answering(&test_site));
}

#[test]
fn a_new_connection_answers() {
    let test_site = TestSite::connected();
    ignored(&test_site, "one");
    assert_eq!(presences(&test_site.close("porch", "s1")), [(false, true)]);
    test_site.connect("porch", "s2", "cert-1").0.unwrap();
    assert!(answering(&test_site));
    test_site.hello("porch", "s2", &porch_lines(), &[]);
    assert!(answering(&test_site) && test_site.online("porch"));

    let (_, order) = test_site.order(pulse("two"));
    test_site.pass(1);
    test_site.connect("porch", "s3", "cert-1").0.unwrap();
    test_site.hello("porch", "s3", &porch_lines(), &[]);
    test_site.pass(5_999);
    assert_eq!(presences(&test_site.tick()), [], "{} was sent to an earlier connection", order.jti);
}
