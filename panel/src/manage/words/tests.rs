use pinlatch_protocol::api::{MAX_PASSWORD, MIN_PASSWORD};

use super::*;

#[test]
fn every_page_has_a_heading() {
    let pages = [Page::Devices, Page::People, Page::Tokens, Page::Activity, Page::Inspector, Page::Account];
    for page in pages {
        assert!(!heading(&page).is_empty() && !section(&page).is_empty());
    }
    let device = Page::Device(pinlatch_protocol::name::Name::new("front-door").unwrap());
    assert_eq!((heading(&device).as_str(), section(&device)), ("Front door", "Devices"));
}

#[test]
fn a_window_is_named_after_page_site_and_product() {
    assert_eq!(window("People", &Name::new("my-home").unwrap()), "People · My home · Pinlatch");
}

#[test]
fn a_failure_says_what_can_be_done() {
    assert!(failure(None, true).contains("may have been saved"));
    assert!(!failure(None, false).contains("saved"));
    let refused =
        Problem::new(Code::InsufficientScope).detail("only an owner can add, change or remove an owner");
    assert_eq!(
        failure(Some(&refused), true),
        "You do not have permission for this action: only an owner can add, change or remove an owner."
    );
    assert_eq!(failure(Some(&Problem::new(Code::InvalidToken)), true), ENDED);
    let unproven = failure(Some(&Problem::new(Code::InsufficientUserAuthentication)), true);
    assert!(unproven.contains("Nothing was changed") && !unproven.contains("session"), "{unproven}");
    let last = failure(Some(&Problem::new(Code::LastOwner)), true);
    assert!(last.contains("at least one owner"), "{last}");
    assert!(failure(Some(&Problem::new(Code::Throttled).retry_after(4)), true).contains("in 4 s"));
    // Each refusal of a signed reading has a text with the next step.
    for code in [Code::DeviceOffline, Code::DeviceSilent, Code::LevelUnknown] {
        let text = failure(Some(&Problem::new(code).detail("the cause")), false);
        assert!(text.contains("ry again") && !text.contains("the cause"), "{text}");
    }
}

#[test]
fn an_exact_time_has_all_parts() {
    let at = Moment { year: 2026, month: 10, day: 3, weekday: 2, hour: 14, minute: 5, second: 9 };
    assert_eq!(exact(at), "3 Nov 2026, 14:05:09");
}

#[test]
fn one_and_many_differ() {
    assert_eq!(count(1, "use", "uses"), "1 use");
    assert_eq!(count(0, "use", "uses"), "0 uses");
}

#[test]
fn a_clock_is_told_in_its_largest_unit() {
    let said = [0, 999, -999, 4_000, -90_000, -1_795_000_000_000, i64::MIN].map(devices::clock);
    let right =
        ["right", "right", "right", "4 s ahead", "1 min behind", "56 years behind", "292277024 years behind"];
    assert_eq!(said, right);
}

#[test]
fn texts_state_the_numbers_of_the_constants() {
    assert!(account::PASSWORD_HINT.contains(&format!("at least {MIN_PASSWORD} characters")));
    assert!(account::PASSWORD_SHORT.contains(&format!("{MIN_PASSWORD} to {MAX_PASSWORD} characters")));
}
