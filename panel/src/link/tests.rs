use super::*;

const LIFE: u64 = 600_000;
const PING: u64 = pinlatch_protocol::PING_EVERY_MS;

/// Returns a link whose first socket received its snapshot at time 0.
fn connected() -> Link {
    let mut link = Link::default();
    assert_eq!(link.step(Input::Start, 0, 0.5), [Effect::Open(1)]);
    assert_eq!(link.state(0), State::Connecting);
    assert_eq!(link.step(Input::Snapshot(1, LIFE), 0, 0.5), []);
    assert_eq!((link.state(0), link.current()), (State::Connected, Some(1)));
    link
}

#[test]
fn a_lost_link_comes_back_by_itself() {
    let mut link = connected();
    assert_eq!(link.step(Input::Closed(1, 1006), 1_000, 1.0), []);
    assert_eq!(link.state(1_000), State::Waiting { until_ms: 1_500 });
    assert_eq!(link.step(Input::Tick, 1_499, 1.0), []);
    assert_eq!(link.step(Input::Tick, 1_500, 1.0), [Effect::Open(2)]);
    assert_eq!(link.state(1_500), State::Connecting);
    link.step(Input::Snapshot(2, LIFE), 1_600, 1.0);
    assert_eq!(link.state(1_600), State::Connected);
}

#[test]
fn waits_double_up_to_a_limit_and_start_over_once_steady() {
    let mut link = Link::default();
    link.step(Input::Start, 0, 1.0);
    let (mut now, mut waits) = (0, Vec::new());
    for socket in 1..=7 {
        link.step(Input::Closed(socket, 1006), now, 1.0);
        let State::Waiting { until_ms } = link.state(now) else { panic!("{link:?}") };
        waits.push(until_ms - now);
        now = until_ms;
        assert_eq!(link.step(Input::Tick, now, 1.0), [Effect::Resume], "the session may be the reason");
        assert_eq!(link.step(Input::SessionGood, now, 1.0), [Effect::Open(socket + 1)]);
    }
    assert_eq!(waits, [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
    link.step(Input::Snapshot(8, LIFE), now, 1.0);
    link.step(Input::Tick, now + STEADY_MS, 1.0);
    link.step(Input::Closed(8, 1006), now + STEADY_MS, 1.0);
    assert_eq!(link.state(now), State::Waiting { until_ms: now + STEADY_MS + 500 });
}

#[test]
fn a_page_that_is_looked_at_does_not_wait() {
    for input in [Input::Woken, Input::Network(true)] {
        let mut link = connected();
        link.step(Input::Closed(1, 1006), 0, 1.0);
        assert_eq!(link.step(input, 1, 1.0), [Effect::Open(2)]);
    }
}

#[test]
fn without_a_network_it_says_so_but_keeps_what_still_works() {
    let mut link = connected();
    link.step(Input::Network(false), 0, 0.5);
    assert_eq!(link.state(0), State::Connected, "a loopback edge needs no network");
    link.step(Input::Closed(1, 1006), 0, 0.5);
    assert_eq!(link.state(0), State::Offline);
}

#[test]
fn the_session_is_renewed_without_a_gap() {
    let mut link = connected();
    assert!(!link.step(Input::Tick, LIFE / 5 * 4 - 1, 0.5).contains(&Effect::Refresh));
    link.step(Input::Frame(1), LIFE / 5 * 4 - 1, 0.5);
    assert!(link.step(Input::Tick, LIFE / 5 * 4, 0.5).contains(&Effect::Refresh));
    assert_eq!(link.step(Input::SessionGood, 480_100, 0.5), [Effect::Open(2)]);
    assert_eq!((link.state(480_100), link.current()), (State::Connected, Some(1)));
    assert!(link.knows(1) && link.knows(2));
    assert_eq!(link.step(Input::Snapshot(2, LIFE), 480_200, 0.5), [Effect::Close(1)]);
    assert_eq!((link.current(), link.knows(1)), (Some(2), false));
    assert_eq!(link.step(Input::Closed(1, 1000), 480_300, 0.5), [], "an old socket's close is no loss");
    assert_eq!(link.state(480_300), State::Connected);
}

#[test]
fn an_expired_token_is_renewed_quietly_and_once() {
    let mut link = connected();
    assert_eq!(link.step(Input::Closed(1, close::SESSION_ENDED), 0, 0.5), [Effect::Refresh]);
    assert_eq!(link.state(0), State::Connected);
    assert_eq!(link.state(QUIET_MS), State::Connecting, "patience has an end");
    assert_eq!(link.step(Input::Tick, 1_000, 0.5), [], "one renewal at a time");
    assert_eq!(link.step(Input::SessionGood, 1_000, 0.5), [Effect::Open(2)]);
}

#[test]
fn an_edge_that_cannot_be_asked_is_asked_again() {
    let mut link = connected();
    link.step(Input::Closed(1, close::SESSION_ENDED), 0, 1.0);
    assert_eq!(link.step(Input::SessionUnsure, 0, 1.0), []);
    assert_eq!(link.step(Input::Tick, 500, 1.0), [Effect::Refresh]);
}

#[test]
fn a_session_that_is_over_leads_to_the_login_and_nothing_follows() {
    let mut link = connected();
    link.step(Input::Closed(1, close::SESSION_ENDED), 0, 0.5);
    assert_eq!(link.step(Input::SessionGone, 0, 0.5), [Effect::Over]);
    assert_eq!(link.step(Input::Tick, 100_000, 0.5), []);
    assert_eq!(link.step(Input::Woken, 100_000, 0.5), []);
}

#[test]
fn a_gap_brings_a_fresh_snapshot_but_no_storm() {
    let mut link = connected();
    assert_eq!(link.step(Input::Gap, 100, 0.5), [], "the snapshot is younger than two seconds");
    assert_eq!(link.step(Input::Tick, RESYNC_PAUSE_MS, 0.5), [Effect::Open(2)]);
    assert_eq!(link.step(Input::Gap, 2_001, 0.5), [], "one is on its way");
    assert_eq!(link.step(Input::Snapshot(2, LIFE), 2_100, 0.5), [Effect::Close(1)]);
}

#[test]
fn silence_after_a_ping_is_a_loss_and_a_sleeping_timer_is_not() {
    let mut link = connected();
    assert_eq!(link.step(Input::Tick, 15_000, 0.5), [Effect::Ping(1)]);
    assert_eq!(link.step(Input::Frame(1), 15_010, 0.5), []);
    assert_eq!(link.step(Input::Tick, 75_000, 0.5), [Effect::Ping(1)], "the timer slept, not the edge");
    assert_eq!(link.step(Input::Tick, 90_000, 0.5), [Effect::Ping(1)]);
    assert_eq!(link.step(Input::Tick, 105_000, 0.5), [Effect::Close(1), Effect::Open(2)]);
    assert_eq!(link.state(105_000), State::Connecting);
}

#[test]
fn a_socket_that_never_speaks_is_given_up() {
    let mut link = Link::default();
    link.step(Input::Start, 0, 0.5);
    assert_eq!(link.step(Input::Tick, SNAPSHOT_WITHIN_MS, 1.0), [Effect::Close(1)]);
    assert!(matches!(link.state(SNAPSHOT_WITHIN_MS), State::Waiting { .. }));
}

#[test]
fn a_waking_page_wants_a_quick_answer() {
    let mut link = connected();
    assert_eq!(link.step(Input::Woken, 1_000, 0.5), [Effect::Ping(1)]);
    assert_eq!(link.step(Input::Tick, 1_000 + PROBE_WITHIN_MS, 0.5), [Effect::Close(1), Effect::Open(2)]);
}

#[test]
fn a_guests_session_is_asked_about_when_its_time_is_over() {
    let mut link = Link::of_guest();
    link.step(Input::Start, 0, 0.5);
    assert_eq!(link.step(Input::Snapshot(1, LIFE), 0, 0.5), []);
    for now_ms in (PING..LIFE).step_by(PING as usize) {
        assert_eq!(link.step(Input::Tick, now_ms, 0.5), [Effect::Ping(1)], "there is nothing to renew");
        link.step(Input::Frame(1), now_ms, 0.5);
    }
    assert!(link.step(Input::Tick, LIFE + OVER_AFTER_MS, 0.5).contains(&Effect::Refresh));
    assert_eq!(link.step(Input::SessionGone, LIFE + 700, 0.5), [Effect::Close(1), Effect::Over]);
}
