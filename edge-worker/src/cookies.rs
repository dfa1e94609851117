//! Creates and reads the cookies of logins and guest links. Each site has its own cookies, so a browser can be logged
//! in to several sites. All cookies of Pinlatch are `HttpOnly`, so scripts in a web page cannot read the tokens.

use std::collections::BTreeSet;

use pinlatch_protocol::api::{CLIENT_COOKIE, GUEST_COOKIE, REFRESH_COOKIE, SESSION_COOKIE, Secret};
use pinlatch_protocol::name::Name;
use pinlatch_token::refresh::RefreshClaims;

use crate::clock::now_s;
use crate::incoming::Incoming;

/// The name of the cookie with the state of a login while the browser is at the login provider. The cookie has
/// `SameSite=Lax`, because the redirect back to the edge comes from the login provider's website.
pub const LOGIN: &str = "__Host-pinlatch_login";

/// The maximum number of sites that have cookies in one browser.
const MAX_SITES: usize = 4;

/// The maximum size of the sites' cookies in one browser, in bytes. Servers refuse a request with too many header
/// bytes.
const MAX_SIZE: usize = 12 * 1024;

/// Returns the `Set-Cookie` value that stores the access token.
pub fn session(site: &Name, token: &Secret, seconds: u64) -> String {
    set(&format!("{SESSION_COOKIE}{site}"), token.expose(), seconds)
}

/// Returns the `Set-Cookie` value that stores a guest link's token.
pub fn guest(site: &Name, token: &Secret, seconds: u64) -> String {
    set(&format!("{GUEST_COOKIE}{site}"), token.expose(), seconds)
}

/// Returns the `Set-Cookie` value that stores the refresh token.
pub fn refresh(site: &Name, token: &Secret, seconds: u64) -> String {
    set(&format!("{REFRESH_COOKIE}{site}"), token.expose(), seconds)
}

/// Returns the `Set-Cookie` value that stores the client token of a site.
pub fn client(site: &Name, token: &Secret, seconds: u64) -> String {
    set(&format!("{CLIENT_COOKIE}{site}"), token.expose(), seconds)
}

/// Returns the `Set-Cookie` value that stores the state of a login with a provider.
pub fn login(sealed: &Secret, seconds: u64) -> String {
    let value = sealed.expose();
    format!("{LOGIN}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax")
}

/// Returns the `Set-Cookie` value that deletes the state of a login with a provider.
pub fn login_cleared() -> String {
    format!("{LOGIN}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax")
}

/// Returns the `Set-Cookie` value that deletes the token of a site's guest link.
pub fn guest_cleared(site: &Name) -> String {
    set(&format!("{GUEST_COOKIE}{site}"), "", 0)
}

/// Returns the `Set-Cookie` values that delete the access token and the refresh token of a site.
pub fn cleared(site: &Name) -> [String; 2] {
    [SESSION_COOKIE, REFRESH_COOKIE].map(|start| set(&format!("{start}{site}"), "", 0))
}

fn set(name: &str, value: &str, seconds: u64) -> String {
    format!("{name}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict")
}

/// Returns the names and values in a `Cookie` header.
fn pairs(header: &str) -> impl Iterator<Item = (&str, &str)> {
    header.split(';').filter_map(|pair| pair.trim().split_once('='))
}

/// Returns the value of a site's cookie in a `Cookie` header. `start` is the start of the cookie's name.
pub fn of_site<'h>(header: &'h str, start: &str, site: &Name) -> Option<&'h str> {
    find(header, &format!("{start}{site}"))
}

/// Returns the value of a cookie in a `Cookie` header. If two cookies have the same name, both cookies are ignored,
/// because another website can have set one of them in a browser that ignores the prefix `__Host-`.
pub fn find<'h>(header: &'h str, name: &str) -> Option<&'h str> {
    let mut found = pairs(header).filter(|(own, value)| *own == name && !value.is_empty());
    let (_, first) = found.next()?;
    found.next().is_none().then_some(first)
}

/// Returns whether a `Cookie` header contains a cookie of any site. `start` is the start of the cookie's name.
pub fn has_any(header: &str, start: &str) -> bool {
    pairs(header).any(|(name, value)| name.starts_with(start) && !value.is_empty())
}

/// Returns the sites for which a `Cookie` header contains a refresh token.
pub fn logins(header: &str) -> BTreeSet<Name> {
    let logins = pairs(header).filter(|(_, value)| !value.is_empty());
    logins.filter_map(|(name, _)| Name::new(name.strip_prefix(REFRESH_COOKIE)?).ok()).collect()
}

/// Adds to the `Set-Cookie` values of a new login the values that keep the browser within [`MAX_SITES`] and
/// [`MAX_SIZE`].
pub fn with_room(incoming: &Incoming, site: &Name, mut set: Vec<String>) -> Vec<String> {
    let header = incoming.header("Cookie").unwrap_or_default();
    // All refresh tokens have the same lifetime, so the token that was issued first expires first.
    let issued_at = |site: &Name, token: &str| {
        let claims = RefreshClaims::open(token, &incoming.deployment.keys, now_s()).ok()?;
        (claims.site == *site).then_some(claims.exp)
    };
    let deleted = make_room(&header, site, &set, issued_at);
    set.extend(deleted);
    set
}

/// The cookies of a site in a browser.
struct Held<'h> {
    site: Name,
    names: Vec<&'h str>,
    size: usize,
    /// The order in which the refresh token was issued. Without a valid refresh token, the value is `None`.
    issued: Option<u64>,
}

/// Returns the `Set-Cookie` values that delete the cookies of other sites. `header` is the browser's `Cookie` header.
/// `new` contains the `Set-Cookie` values of a login at `site`. `issued_at` orders the valid refresh tokens of sites by
/// the time of their issue. The site with the oldest refresh token is deleted first, and sites without a valid refresh
/// token before this site.
fn make_room(
    header: &str,
    site: &Name,
    new: &[String],
    issued_at: impl Fn(&Name, &str) -> Option<u64>,
) -> Vec<String> {
    let new_pairs = || new.iter().filter_map(|cookie| cookie.split(';').next()?.split_once('='));
    let mut size: usize = new_pairs().map(|(name, value)| size_of(name, value)).sum();
    let mut others: Vec<Held> = Vec::new();
    for (name, value) in pairs(header).filter(|(name, _)| new_pairs().all(|(new, _)| new != *name)) {
        let kinds = [SESSION_COOKIE, REFRESH_COOKIE, GUEST_COOKIE, CLIENT_COOKIE];
        let Some((start, of)) = kinds.iter().find_map(|start| Some((*start, name.strip_prefix(start)?)))
        else {
            continue;
        };
        let Ok(of) = Name::new(of) else { continue };
        size += size_of(name, value);
        if of == *site {
            continue;
        }
        let index = others.iter().position(|held| held.site == of).unwrap_or_else(|| {
            others.push(Held { site: of.clone(), names: Vec::new(), size: 0, issued: None });
            others.len() - 1
        });
        if let Some(held) = others.get_mut(index) {
            held.names.push(name);
            held.size += size_of(name, value);
            if start == REFRESH_COOKIE {
                held.issued = issued_at(&of, value);
            }
        }
    }
    // `None` is less than any time.
    others.sort_by_key(|held| held.issued);
    let mut deleted = Vec::new();
    let mut sites = others.len() + 1;
    for held in others {
        if sites <= MAX_SITES && size <= MAX_SIZE {
            break;
        }
        sites -= 1;
        size -= held.size;
        deleted.extend(held.names.iter().map(|name| set(name, "", 0)));
    }
    deleted
}

/// Returns the size of a cookie in a `Cookie` header, with the separators `=` and `; `.
fn size_of(name: &str, value: &str) -> usize {
    name.len() + value.len() + 3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    #[test]
    fn a_cookie_is_found_once_or_not_at_all() {
        assert_eq!(find("a=1; b=2", "b"), Some("2"));
        assert_eq!(find("a=1; a=2", "a"), None);
        assert_eq!(find("xa=1", "a"), None);
        assert_eq!(find("a=", "a"), None);
        assert_eq!(find("", "a"), None);
        let header = "__Host-pinlatch_session_home=1; __Host-pinlatch_session_home2=2";
        assert_eq!(of_site(header, SESSION_COOKIE, &site("home")), Some("1"));
        assert_eq!(of_site(header, SESSION_COOKIE, &site("hom")), None);
        assert!(has_any(header, SESSION_COOKIE) && !has_any(header, GUEST_COOKIE));
    }

    #[test]
    fn the_sites_of_logins_are_found_and_nothing_else() {
        let header = format!(
            "{REFRESH_COOKIE}lab=1; {REFRESH_COOKIE}home=1; {REFRESH_COOKIE}shed=; {REFRESH_COOKIE}<b>=1; {GUEST_COOKIE}inn=1"
        );
        let found: Vec<Name> = logins(&header).into_iter().collect();
        assert_eq!(found, [site("home"), site("lab")]);
    }

    /// Reads the age from the value of a refresh cookie.
    fn issued_at(_: &Name, value: &str) -> Option<u64> {
        value.trim_start_matches('x').parse().ok()
    }

    fn refresh_of(site: &str, value: &str) -> String {
        format!("{REFRESH_COOKIE}{site}={value}")
    }

    /// Returns the names of the deleted cookies after a login at the site `new`.
    fn deleted(header: &[String]) -> Vec<String> {
        let new = site("new");
        let set = [session(&new, &Secret::new("s"), 600), refresh(&new, &Secret::new("r"), 600)];
        let deleted = make_room(&header.join("; "), &new, &set, issued_at);
        assert!(deleted.iter().all(|cookie| cookie.contains("=; Path=/; Max-Age=0; Secure")), "{deleted:?}");
        deleted.iter().map(|cookie| cookie.split('=').next().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn the_oldest_site_makes_room_for_a_fifth() {
        let mut held = vec![refresh_of("a", "3"), refresh_of("b", "1"), refresh_of("c", "2")];
        assert!(deleted(&held).is_empty(), "four sites fit");
        held.extend([
            format!("{SESSION_COOKIE}b=t"),
            "other=1".into(),
            "__Host-pinlatch_session_B=odd".into(),
        ]);
        assert!(deleted(&held).is_empty(), "only Pinlatch's own cookies count");
        held.push(refresh_of("d", "4"));
        assert_eq!(deleted(&held), ["__Host-pinlatch_refresh_b", "__Host-pinlatch_session_b"]);
        held.push(refresh_of("e", "unreadable"));
        assert_eq!(
            deleted(&held),
            ["__Host-pinlatch_refresh_e", "__Host-pinlatch_refresh_b", "__Host-pinlatch_session_b"],
            "an invalid refresh token goes first"
        );
        held.push(format!("{GUEST_COOKIE}new=g"));
        assert_eq!(deleted(&held).len(), 3, "the site of the login keeps its guest link");
        let replaced =
            [refresh_of("new", "9"), refresh_of("a", "1"), refresh_of("b", "2"), refresh_of("c", "3")];
        assert!(deleted(&replaced).is_empty(), "a second login at a site replaces the first");
    }

    #[test]
    fn large_cookies_make_room_too() {
        let large =
            |site: &str, age: &str, size: usize| refresh_of(site, &format!("{}{age}", "x".repeat(size)));
        assert!(
            deleted(&[large("a", "1", 4_000), large("b", "2", 4_000), large("c", "3", 4_000)]).is_empty()
        );
        let held = [large("a", "1", 4_000), large("b", "2", 4_000), large("c", "3", 4_200)];
        assert_eq!(deleted(&held), ["__Host-pinlatch_refresh_a"]);
        assert_eq!(deleted(&[large("a", "1", 13_000)]), ["__Host-pinlatch_refresh_a"]);
    }

    /// The largest cookie that every browser stores, in bytes of its name and its value.
    const LARGEST: usize = 4096;

    #[test]
    fn no_cookie_is_too_large_for_a_browser() {
        use pinlatch_protocol::admin::MAX_GUEST_SCOPE;
        use pinlatch_protocol::name::{MAX_NAME, MAX_USER_NAME};
        use pinlatch_token::{AccessClaims, AccessGrant, EdgeKeys, Kind, random_id};

        let (keys, far) = (EdgeKeys::generate().unwrap(), 9_999_999_999);
        let (site, person) = (site(&"s".repeat(MAX_NAME)), "p".repeat(MAX_USER_NAME));
        let line = "l".repeat(MAX_NAME);
        let lines = (10..).map(|number| format!("line:{line}/{}{number}:pulse", &line[2..]));
        let mut scope = String::new();
        for line in lines {
            if scope.len() + line.len() + 1 > MAX_GUEST_SCOPE {
                break;
            }
            scope = format!("{scope} {line}");
        }
        let sign = |kind, sub: &str, claims| {
            let jti = random_id();
            let grant = AccessGrant { kind, site: &site, sub, jti, now: far - 600, life: 600, claims };
            Secret::new(grant.sign(&keys).unwrap())
        };
        let (generation, not_before) = (u64::MAX, Some(far - 600));
        let scope = Some(scope.trim().parse().unwrap());
        let guest_claims = AccessClaims { scope, generation, family: None, auth_time: None, not_before };
        let claims = AccessClaims {
            scope: None,
            generation,
            family: Some(random_id()),
            auth_time: None,
            not_before: None,
        };
        let refreshed = RefreshClaims {
            site: site.clone(),
            sub: person.clone(),
            family: random_id(),
            jti: random_id(),
            exp: far,
        };
        let refreshed = Secret::new(refreshed.seal(&keys, far - 600).unwrap());
        let set = [
            session(&site, &sign(Kind::Access, &person, claims), 600),
            refresh(&site, &refreshed, 600),
            guest(&site, &sign(Kind::Guest, &format!("token:{}", random_id()), guest_claims), 600),
        ];
        let sizes = set.map(|cookie| cookie.split(';').next().unwrap_or_default().len() - 1);
        assert!(sizes.iter().all(|size| *size <= LARGEST), "{sizes:?}");
        assert!(sizes[2] > LARGEST * 3 / 4, "the limit for guest links is too strict: {sizes:?}");
        let logins = MAX_SITES * (sizes[0] + sizes[1]);
        assert!(logins < MAX_SIZE, "{MAX_SITES} logins do not fit: {logins}");
    }
}
