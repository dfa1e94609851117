use super::*;

const NOW: u64 = 1_790_000_000;
const DAY: u64 = 86_400;

#[test]
fn a_window_begins_now_or_later_and_lasts_as_chosen() {
    assert_eq!(window(NOW, None, Length::Week, None), Ok((None, NOW + 7 * DAY)));
    let later = NOW + 3 * DAY;
    assert_eq!(window(NOW, Some(later), Length::Hour, None), Ok((Some(later), later + 3_600)));
    assert_eq!(window(NOW, None, Length::Date, Some(NOW + 5)), Ok((None, NOW + 5)));
    // If the start is in the past, the validity starts immediately.
    assert_eq!(window(NOW, Some(NOW - 60), Length::Hour, None), Ok((None, NOW + 3_600)));
    for length in Length::ALL {
        assert_eq!(Length::of_mark(length.mark()), Some(length));
        assert!(length.seconds().is_none_or(|seconds| seconds <= MAX_TOKEN_LIFE));
    }
}

#[test]
fn the_form_opens_with_the_defaults_of_the_command_line() {
    assert_eq!(Length::first(TokenKind::Guest).seconds(), Some(DEFAULT_GUEST_LIFE));
    assert_eq!(Length::first(TokenKind::Api).seconds(), Some(DEFAULT_API_LIFE));
    assert_eq!(uses(&first_uses(TokenKind::Guest)), Ok(Some(DEFAULT_GUEST_USES)));
    assert_eq!(uses(&first_uses(TokenKind::Api)), Ok(None));
}

#[test]
fn what_the_edge_would_refuse_is_told_before() {
    assert_eq!(window(NOW, None, Length::Date, None), Err(Fault::BadEnd));
    assert_eq!(window(NOW, None, Length::Date, Some(NOW)), Err(Fault::EndsFirst));
    assert_eq!(window(NOW, Some(NOW + 10), Length::Date, Some(NOW + 9)), Err(Fault::EndsFirst));
    assert_eq!(window(NOW, None, Length::Date, Some(NOW + 367 * DAY)), Err(Fault::TooLong));
    assert_eq!(window(NOW, Some(NOW + 367 * DAY), Length::Day, None), Err(Fault::LateStart));
    assert_eq!(name("  "), Err(Fault::NoName));
    assert_eq!(name("a\u{7}b"), Err(Fault::BadName));
    assert_eq!(name(&"x".repeat(65)), Err(Fault::BadName));
    assert_eq!(name(" Courier <b> "), Ok("Courier <b>".into()));
    assert_eq!(uses(""), Ok(None));
    assert_eq!(uses(" 3 "), Ok(Some(3)));
    for text in ["0", "-1", "1.5", "x", "1000001"] {
        assert_eq!(uses(text), Err(Fault::BadUses), "{text}");
    }
}

#[test]
fn a_token_stands_as_its_window_and_uses_say() {
    let token = TokenView {
        jti: "t".into(),
        kind: TokenKind::Guest,
        name: "t".into(),
        creator: "ann".into(),
        scope: "line:a/b:read".parse().unwrap(),
        not_before: NOW,
        expires_at: NOW + 10,
        max_uses: Some(2),
        max_in_flight: None,
        max_per_minute: None,
        max_sockets: None,
        uses: 1,
        created_ms: 0,
        last_used_ms: None,
        revoked_ms: None,
    };
    let at = |token: &TokenView, seconds: u64| TokenStatus::of(token, seconds * 1_000);
    assert_eq!(at(&token, NOW - 1), TokenStatus::Early);
    assert_eq!(at(&token, NOW), TokenStatus::Good);
    assert_eq!(at(&token, NOW + 10), TokenStatus::Expired);
    assert_eq!(at(&TokenView { uses: 2, ..token.clone() }, NOW), TokenStatus::UsedUp);
    assert_eq!(at(&TokenView { revoked_ms: Some(1), ..token }, NOW), TokenStatus::Revoked);
    assert!(TokenStatus::Early.lives() && !TokenStatus::UsedUp.lives());
}
