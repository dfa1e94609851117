//! Creates and reads the cookies of logins and guest links. All cookies of Pinlatch are `HttpOnly`, so scripts in a web
//! page cannot read the tokens.

use pinlatch_protocol::api::{CLIENT_COOKIE_PREFIX, GUEST_COOKIE, REFRESH_COOKIE, SESSION_COOKIE, Secret};
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::name::Name;

/// The name of the cookie with the state of a login while the browser is at the login provider. The cookie has
/// `SameSite=Lax`, because the redirect back to the edge comes from the login provider's website.
pub const LOGIN: &str = "__Host-pinlatch_login";

/// Returns the `Set-Cookie` value that stores the access token.
pub fn session(token: &Secret, seconds: u64) -> String {
    set(SESSION_COOKIE, token.expose(), "/", seconds)
}

/// Returns the `Set-Cookie` value that stores a guest link's token.
pub fn guest(token: &Secret, seconds: u64) -> String {
    set(GUEST_COOKIE, token.expose(), "/", seconds)
}

/// Returns the `Set-Cookie` value that stores the refresh token.
pub fn refresh(token: &Secret, seconds: u64) -> String {
    set(REFRESH_COOKIE, token.expose(), &refresh_path(), seconds)
}

/// Returns the `Set-Cookie` value that stores the client token of a site.
pub fn client(site: &Name, token: &Secret, seconds: u64) -> String {
    set(&client_name(site), token.expose(), "/", seconds)
}

/// Returns the name of the cookie with the client token of a site.
pub fn client_name(site: &Name) -> String {
    format!("{CLIENT_COOKIE_PREFIX}{site}")
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

/// Returns the `Set-Cookie` value that deletes the guest link's token.
pub fn guest_cleared() -> String {
    set(GUEST_COOKIE, "", "/", 0)
}

/// Returns the `Set-Cookie` values that delete the access token and the refresh token.
pub fn cleared() -> [String; 2] {
    [set(SESSION_COOKIE, "", "/", 0), set(REFRESH_COOKIE, "", &refresh_path(), 0)]
}

/// Returns the path of the session calls, to which a browser sends the refresh token.
fn refresh_path() -> String {
    Endpoint::ShowBrowserSession.path()
}

fn set(name: &str, value: &str, path: &str, seconds: u64) -> String {
    format!("{name}={value}; Path={path}; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict")
}

/// Returns the value of a cookie in a `Cookie` header. If two cookies have the same name, both cookies are ignored,
/// because a sibling domain can have set one of them.
pub fn find<'h>(header: &'h str, name: &str) -> Option<&'h str> {
    let mut found = header
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(own, value)| *own == name && !value.is_empty())
        .map(|(_, value)| value);
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_once_or_not_at_all() {
        assert_eq!(find("a=1; b=2", "b"), Some("2"));
        assert_eq!(find("a=1; a=2", "a"), None);
        assert_eq!(find("xa=1", "a"), None);
        assert_eq!(find("a=", "a"), None);
        assert_eq!(find("", "a"), None);
    }
}
