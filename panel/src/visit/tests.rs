use super::*;

fn home() -> Name {
    Name::new("home").unwrap()
}

#[test]
fn the_query_says_which_cookie_is_meant() {
    for (query, visitor) in [
        ("", Visitor::Person),
        ("?", Visitor::Person),
        ("?as=guest", Visitor::Guest),
        ("?lang=en&as=guest", Visitor::Guest),
        ("?as=guests", Visitor::Person),
        ("?has=guest", Visitor::Person),
        ("?as=owner", Visitor::Person),
    ] {
        assert_eq!(Visitor::of_query(query), visitor, "{query}");
    }
}

#[test]
fn a_guest_is_told_from_a_person_by_the_subject() {
    assert_eq!(Visitor::of_subject("token:0123abcd"), Visitor::Guest);
    assert_eq!(Visitor::of_subject("ann"), Visitor::Person);
    assert_eq!(Visitor::of_subject("tokenist"), Visitor::Person);
}

#[test]
fn every_address_of_a_guests_page_names_the_guest() {
    let (guest, person) = (Visitor::Guest, Visitor::Person);
    assert_eq!((guest.query(), person.query()), ("?as=guest", ""));
    assert_eq!(guest.page(Some(&home())), "/s/home/?as=guest");
    assert_eq!(guest.page(None), "/?as=guest");
    assert_eq!(person.page(Some(&home())), "/s/home/");
    assert_eq!(Visitor::of_query(guest.page(None).trim_start_matches('/')), guest);
}

#[test]
fn an_address_names_the_site_and_the_subject_of_its_page() {
    let (guest, person) = (Visitor::Guest, Visitor::Person);
    let events = |visitor: Visitor, site: Option<&Name>, subject: Option<&str>| {
        visitor.address(&Endpoint::Events, site, subject)
    };
    let home = Some(&home());
    assert_eq!(events(person, None, None), "/api/v1/events");
    assert_eq!(events(guest, None, None), "/api/v1/events?as=guest");
    assert_eq!(events(guest, home, Some("token:t1")), "/api/v1/events?as=guest&site=home&subject=token:t1");
    let ann = Some("ann+x@example.org");
    assert_eq!(events(person, home, ann), "/api/v1/events?site=home&subject=ann%2Bx@example.org");
    // `boot.js` preloads this address.
    let status = person.address(&Endpoint::ShowBrowserSession, home, None);
    assert_eq!(status, "/api/v1/session?site=home");
}

#[test]
fn the_path_names_the_site() {
    assert_eq!(site("/s/home/"), Some(home()));
    assert_eq!(site("/s/home"), Some(home()));
    assert_eq!(site("/"), None);
    assert_eq!(site("/s/"), None);
    assert_eq!(site("/s/%2e%2e/"), None);
}

#[test]
fn a_place_is_the_page_of_a_site() {
    assert!(["/", "/s/home", "/s/home/", "/s/nosuch/"].into_iter().all(is_place));
    assert!(!["/nonsense", "/s/", "/s/Home/", "/s/home/x", "/s/home//", "/index"].into_iter().any(is_place));
}

#[test]
fn the_fragment_holds_the_token_and_only_a_guests() {
    assert_eq!(token("#guest=a.b.c"), Some(Secret::new("a.b.c")));
    assert_eq!(token("#guest="), Some(Secret::new("")), "whoever opened it is told that it is not whole");
    assert_eq!(token("#guests=a"), None);
    assert_eq!(token("#heading-porch"), None);
    assert_eq!(token(""), None);
}

#[test]
fn a_failed_login_is_taken_out_of_the_query() {
    for (query, code, rest) in [
        ("?login_error=not_admitted", "not_admitted", ""),
        ("login_error=login_refused", "login_refused", ""),
        ("?lang=en&login_error=x&as=guest", "x", "?lang=en&as=guest"),
        ("?login_error=", "", ""),
        ("?login_error=a&login_error=b", "a", ""),
    ] {
        assert_eq!(login_error(query), Some((code.into(), rest.into())), "{query}");
    }
    for query in ["", "?", "?as=guest", "?no_login_error=x", "?login_error", "?login_errors=x"] {
        assert_eq!(login_error(query), None, "{query}");
    }
}

#[test]
fn a_fragment_brings_a_code_or_nothing() {
    assert_eq!(brought("#setup"), Some(Brought::Setup(None)));
    assert_eq!(brought("#setup="), Some(Brought::Setup(None)));
    assert_eq!(brought("#setup=home.abc"), Some(Brought::Setup(Some(Secret::new("home.abc")))));
    assert_eq!(brought("#invite=home.abc"), Some(Brought::Invitation(Secret::new("home.abc"))));
    for fragment in ["", "#", "#invite", "#invite=", "#guest=abc", "#Setup"] {
        assert_eq!(brought(fragment), None, "{fragment}");
    }
    let enrolment = format!("#home.abc-_9.{}", "T".repeat(43));
    assert_eq!(brought(&enrolment), Some(Brought::Enrolment));
    for fragment in [&enrolment[..enrolment.len() - 1], "#home.abc", "#heading-porch", "#a.b.c"] {
        assert_eq!(brought(fragment), None, "{fragment}");
    }
    let address = invitation(&home(), &Secret::new("home.abc"));
    let (_, fragment) = address.split_once('#').unwrap();
    assert_eq!(brought(fragment), Some(Brought::Invitation(Secret::new("home.abc"))));
}

#[test]
fn the_way_back_stays_on_the_site() {
    let back = |query: &str| way_back(query, Some(&home()));
    for way in ["/s/home/manage/people", "/s/home/manage/device/porch", "/s/home/manage/activity/"] {
        assert_eq!(back(&format!("?to={way}")).as_deref(), Some(way));
        assert_eq!(back(&format!("?as=x&to={}", way.replace('/', "%2F"))).as_deref(), Some(way));
    }
    for way in [
        "",
        "/",
        "//evil.example/s/home/manage/people",
        "https://evil.example/s/home/manage/people",
        "javascript:alert(1)",
        "/\\evil.example",
        "/s/home/",
        "/s/home/manage/",
        "/s/home/manage//evil.example",
        "/s/home/manage/../../api/v1/session",
        "/s/home/manage/%2e%2e/x",
        "/s/home/manage/people?x=1",
        "/s/home/manage/people#x",
        "/s/work/manage/people",
        "/s/homes/manage/people",
        "/api/v1/logins/x",
    ] {
        assert_eq!(back(&format!("?to={way}")), None, "{way}");
    }
    assert_eq!(way_back("?to=/s/home/manage/people", None), None, "a page of no site");
    assert_eq!(back(&format!("?to=/s/home/manage/{}", "a".repeat(300))), None);
}
