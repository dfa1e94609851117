use super::*;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

#[test]
fn every_page_has_an_address_that_leads_back_to_it() {
    let site = name("home");
    let pages = [
        Page::Devices,
        Page::Device(name("front-door_2")),
        Page::People,
        Page::Tokens,
        Page::Activity,
        Page::Inspector,
        Page::Account,
    ];
    for page in pages {
        let path = page.path(&site);
        assert!(path.starts_with("/s/home/manage/"), "{path}");
        assert_eq!(Page::parse(&path), Some((site.clone(), page.clone())), "{path}");
        assert_eq!(Page::parse(&format!("{path}/")), Some((site.clone(), page)), "{path}/");
    }
}

#[test]
fn the_bare_address_shows_the_devices() {
    for path in ["/s/home/manage", "/s/home/manage/"] {
        assert_eq!(Page::parse(path), Some((name("home"), Page::Devices)), "{path}");
    }
}

#[test]
fn what_is_no_page_is_told_from_what_is_not_ours() {
    for path in [
        "/s/home/manage/nothing",
        "/s/home/manage/device",
        "/s/home/manage/device/",
        "/s/home/manage/device/A",
        "/s/home/manage/device/a/b",
        "/s/home/manage//people",
        "/s/home/manage/People",
    ] {
        assert_eq!(Page::parse(path), Some((name("home"), Page::Unknown)), "{path}");
    }
    for path in
        ["", "/", "/s/home/", "/s/home/manager", "/s//manage/people", "/s/a/b/manage/people", "/manage"]
    {
        assert_eq!(Page::parse(path), None, "{path}");
    }
}

#[test]
fn a_device_belongs_to_the_devices() {
    assert_eq!(Page::Device(name("porch")).section(), Page::Devices);
    assert_eq!(Page::Tokens.section(), Page::Tokens);
}

#[test]
fn signing_in_leads_back() {
    let site = name("home");
    assert_eq!(sign_in(&site, &Page::People.path(&site)), "/s/home/?to=/s/home/manage/people");
}

#[test]
fn the_ways_are_those_that_the_scopes_open() {
    let pages = |text: &str| {
        let scope: ScopeSet = text.parse().unwrap();
        Page::open_to(&scope).iter().map(Page::mark).collect::<Vec<_>>()
    };
    assert_eq!(pages("line:*/*:* site:*"), ["devices", "people", "tokens", "activity", "inspector"]);
    assert_eq!(pages("line:*/*:read site:audit"), ["activity", "inspector"]);
    assert_eq!(pages("line:*/*:read"), ["inspector"]);
}
