use super::super::{Moment, moment};
use super::*;

fn link_not_valid(detail: &str) -> Closed {
    Closed::of(Problem::new(Code::LinkNotValid).detail(detail))
}

fn text(closed: &Closed) -> String {
    closed.text(|seconds| format!("<{seconds}>"))
}

#[test]
fn every_refusal_of_a_link_has_its_own_words() {
    let closed = [
        Closed::Ended,
        Closed::Left,
        link_not_valid("the link is valid from 1790000000 on"),
        Closed::of(Problem::new(Code::UsedUp).detail("it was good for 2 uses")),
        link_not_valid("the link was revoked"),
        link_not_valid("the link has expired"),
        link_not_valid("there is no such link"),
        Closed::of(Problem::new(Code::LinkNotValid)),
        Closed::of(Problem::new(Code::PlaintextRefused)),
        Closed::of(Problem::new(Code::UnknownSite)),
        Closed::NoSite("nosuch".into()),
        Closed::NoPage,
        Closed::Enrolment,
    ];
    let texts: std::collections::BTreeSet<_> = closed.iter().map(text).collect();
    assert_eq!(texts.len(), closed.len(), "{texts:#?}");
    let [_, _, not_yet, used_up, revoked, .., unknown, _, _, _, _, _] = &closed;
    assert_eq!(not_yet, &Closed::NotYet(1_790_000_000));
    assert_eq!(text(not_yet), "The link is valid from <1790000000>. Open the link again at that time.");
    assert_eq!(text(used_up), "It was good for 2 uses. Ask the sender for a new link.");
    let orphan = Closed::of(
        Problem::new(Code::InvalidToken).detail("the person who created the token or link was removed"),
    );
    assert_eq!(
        text(&orphan),
        "The person who created the token or link was removed. Ask the sender for a new link."
    );
    assert_eq!(text(revoked), "The link was revoked. Ask the sender for a new link.");
    assert_eq!(unknown, &Closed::NotValid(None), "an unknown link gets no further explanation");
}

#[test]
fn words_of_the_edge_that_are_not_understood_are_still_told() {
    let closed = link_not_valid("the link is valid from Tuesday on");
    assert!(text(&closed).starts_with("The link is valid from Tuesday on."));
}

#[test]
fn a_guest_learns_how_often_and_until_when() {
    assert_eq!(window(None, "16:24 tomorrow"), "Until 16:24 tomorrow");
    assert_eq!(window(Some(2), "16:24 tomorrow"), "2 uses left · until 16:24 tomorrow");
    assert_eq!(window(Some(1), "16:24 today"), "1 use left · until 16:24 today");
    assert_eq!((say_uses(1), say_uses(0)), ("1 use left.".into(), "This link has been used up.".into()));
}

#[test]
fn the_headline_names_the_place() {
    let devices = ["Porch", "Shed", "Hall"].map(String::from);
    assert_eq!(headline("Home", &devices[..1]), "Home · Porch");
    assert_eq!(headline("Home", &devices[..2]), "Home · Porch, Shed");
    assert_eq!((headline("Home", &devices), headline("Home", &[])), ("Home".into(), "Home".into()));
}

#[test]
fn the_last_hour_is_counted_down() {
    for (left_ms, text) in [
        (3_600_001, None),
        (3_600_000, Some("60:00 left")),
        (3_599_999, Some("59:59 left")),
        (65_000, Some("1:05 left")),
        (1_000, Some("0:01 left")),
        (999, Some("ending now")),
        (0, Some("ending now")),
    ] {
        assert_eq!(countdown(left_ms).as_deref(), text);
    }
}

#[test]
fn a_warning_is_said_once() {
    assert_eq!(warning(600_500, 599_500), Some("Your link expires in ten minutes."));
    assert_eq!(warning(599_500, 598_500), None);
    assert_eq!(warning(60_001, 60_000), Some("Your link expires in one minute."));
    assert_eq!(warning(700_000, 30_000), Some("Your link expires in one minute."), "after a long sleep");
    assert_eq!(warning(10_000, 0), None, "the page says that it has ended");
    assert_eq!(warning(30_000, 700_000), None);
}

#[test]
fn a_moment_is_told_no_longer_than_it_need_be() {
    let now = Moment { year: 2026, month: 10, day: 22, weekday: 0, hour: 1, minute: 0, second: 0 };
    assert_eq!(moment(Moment { hour: 14, minute: 5, ..now }, now), "14:05 today");
    assert_eq!(moment(Moment { day: 23, ..now }, now), "01:00 tomorrow");
    assert_eq!(moment(Moment { day: 28, weekday: 6, ..now }, now), "Sat 28 Nov, 01:00");
    let last = Moment { month: 11, day: 31, ..now };
    assert_eq!(moment(Moment { year: 2027, month: 0, day: 1, hour: 9, ..now }, last), "09:00 tomorrow");
    let february = |year| Moment { year, month: 1, day: 28, ..now };
    let march = |year| Moment { year, month: 2, day: 1, weekday: 1, ..now };
    assert_eq!(moment(march(2026), february(2026)), "01:00 tomorrow");
    assert_eq!(moment(march(2028), february(2028)), "Mon 1 Mar, 01:00");
    assert_eq!(moment(Moment { month: 9, weekday: 4, ..now }, now), "Thu 22 Oct, 01:00");
    assert_eq!(moment(Moment { year: 2027, month: 0, day: 2, ..now }, now), "2 Jan 2027, 01:00");
}
