//! The session cookies. They are `HttpOnly`: scripts in the page cannot read them.

use pinlatch_protocol::api::Secret;

/// The access token. With the prefix `__Host-`, the cookie is sent only to this host, only over TLS or to loopback, and
/// for every path.
pub const SESSION: &str = "__Host-pinlatch_session";

/// A guest link's token, independent of the browser's login.
pub const GUEST: &str = "__Host-pinlatch_guest";

/// The state of a login while the browser is at the provider. `SameSite=Lax`, because the redirect back comes from
/// another site.
pub const LOGIN: &str = "__Host-pinlatch_login";

/// The refresh token. The browser sends this cookie only with the session calls.
pub const REFRESH: &str = "__Secure-pinlatch_refresh";

const REFRESH_PATH: &str = "/api/v1/session";

/// The `Set-Cookie` value for the access token.
pub fn session(token: &Secret, seconds: u64) -> String {
    set(SESSION, token.expose(), "/", seconds)
}

/// The `Set-Cookie` value for a guest link's token.
pub fn guest(token: &Secret, seconds: u64) -> String {
    set(GUEST, token.expose(), "/", seconds)
}

/// The `Set-Cookie` value for the refresh token.
pub fn refresh(token: &Secret, seconds: u64) -> String {
    set(REFRESH, token.expose(), REFRESH_PATH, seconds)
}

/// The `Set-Cookie` value for the state of a login.
pub fn login(sealed: &Secret, seconds: u64) -> String {
    let value = sealed.expose();
    format!("{LOGIN}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax")
}

/// The `Set-Cookie` value that deletes the state of a login.
pub fn login_cleared() -> String {
    format!("{LOGIN}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax")
}

/// The `Set-Cookie` value that deletes the guest's token.
pub fn guest_cleared() -> String {
    set(GUEST, "", "/", 0)
}

/// The `Set-Cookie` values that delete the session's tokens.
pub fn cleared() -> [String; 2] {
    [set(SESSION, "", "/", 0), set(REFRESH, "", REFRESH_PATH, 0)]
}

fn set(name: &str, value: &str, path: &str, seconds: u64) -> String {
    format!("{name}={value}; Path={path}; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict")
}

/// The value of a cookie in a `Cookie` header. If the name occurs twice, both cookies are ignored, because a sibling
/// domain can have set one of them.
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
