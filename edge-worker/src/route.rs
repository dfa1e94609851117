//! Maps the paths of the API to routes. A route depends only on the path of a request, not on the method.

use percent_encoding::percent_decode_str;
use pinlatch_protocol::name::{Name, UserName};
use worker::Method;

#[derive(Debug, PartialEq, Eq)]
pub enum Route {
    Health,
    Jwks,
    Session,
    SessionRefresh,
    Token,
    Whoami,
    Devices,
    Device(Name),
    Line(Name, Name),
    Action(Name, Name, String),
    Command(String),
    Enrolments,
    Enrol,
    Setup,
    Logins,
    Login(Name),
    LoginCallback(Name),
    Users,
    UsersAccept,
    UserIdentities(UserName),
    User(UserName),
    UserSessions(UserName),
    UserPassword(UserName),
    Tokens,
    IssuedToken(String),
    Generation,
    Audit,
    AuditRetention,
    OpenApi,
    Events,
    Agent,
}

impl Route {
    /// Returns the route of a path, or `None` if no route matches. A path that contains an invalid name matches no
    /// route.
    pub fn of(path: &str) -> Option<Self> {
        let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        let api = match segments.as_slice() {
            ["healthz"] => return Some(Self::Health),
            [".well-known", "jwks.json"] => return Some(Self::Jwks),
            ["api", "v1", rest @ ..] => rest,
            _ => return None,
        };
        let name = |text: &str| Name::new(text).ok();
        // A client can percent-encode the `@` of an email address that is used as a user name. A client can also
        // percent-encode any character of a command id or token id.
        let decoded = |text: &str| Some(percent_decode_str(text).decode_utf8().ok()?.into_owned());
        let user = |text: &str| UserName::new(decoded(text)?).ok();
        Some(match *api {
            ["session"] => Self::Session,
            ["session", "refresh"] => Self::SessionRefresh,
            ["token"] => Self::Token,
            ["whoami"] => Self::Whoami,
            ["devices"] => Self::Devices,
            ["devices", device] => Self::Device(name(device)?),
            ["devices", device, "lines", line] => Self::Line(name(device)?, name(line)?),
            ["devices", device, "lines", line, action] => {
                Self::Action(name(device)?, name(line)?, action.to_owned())
            }
            ["commands", id] if !id.is_empty() => Self::Command(decoded(id)?),
            ["enrolments"] => Self::Enrolments,
            ["enrol"] => Self::Enrol,
            ["setup"] => Self::Setup,
            ["logins"] => Self::Logins,
            ["logins", provider] => Self::Login(name(provider)?),
            ["logins", provider, "callback"] => Self::LoginCallback(name(provider)?),
            ["users"] => Self::Users,
            ["users", "accept"] => Self::UsersAccept,
            ["users", person] => Self::User(user(person)?),
            ["users", person, "identities"] => Self::UserIdentities(user(person)?),
            ["users", person, "sessions"] => Self::UserSessions(user(person)?),
            ["users", person, "password"] => Self::UserPassword(user(person)?),
            ["tokens"] => Self::Tokens,
            ["tokens", jti] if !jti.is_empty() => Self::IssuedToken(decoded(jti)?),
            ["generation"] => Self::Generation,
            ["audit"] => Self::Audit,
            ["audit", "retention"] => Self::AuditRetention,
            ["openapi.json"] => Self::OpenApi,
            ["events"] => Self::Events,
            ["agent"] => Self::Agent,
            _ => return None,
        })
    }

    /// Returns whether a path is reserved for the API. All other paths belong to the panel.
    pub fn is_ours(path: &str) -> bool {
        let first = path.trim_start_matches('/').split('/').next();
        matches!(first, Some("api" | "healthz" | ".well-known"))
    }

    /// Returns whether a request for this route can contain the token as a form field (RFC 6750 §2.2). Only calls that
    /// change state with `POST` accept the token in a form.
    pub fn takes_form_token(&self) -> bool {
        matches!(self, Self::Action(..) | Self::Enrolments | Self::Tokens | Self::Users | Self::Generation)
    }

    /// Returns the HTTP methods that the path accepts.
    pub fn methods(&self) -> &'static [Method] {
        match self {
            Self::Session => &[Method::Get, Method::Post, Method::Delete],
            Self::Device(_) => &[Method::Get, Method::Delete],
            Self::Users | Self::Tokens => &[Method::Get, Method::Post],
            Self::User(_) => &[Method::Patch, Method::Delete],
            Self::UserSessions(_) | Self::IssuedToken(_) => &[Method::Delete],
            Self::UserIdentities(_) => &[Method::Put, Method::Delete],
            Self::AuditRetention => &[Method::Put],
            Self::SessionRefresh
            | Self::Token
            | Self::Action(..)
            | Self::Enrolments
            | Self::Enrol
            | Self::UsersAccept
            | Self::UserPassword(_)
            | Self::Generation
            | Self::Setup => &[Method::Post],
            _ => &[Method::Get],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart() {
        let name = |text| Name::new(text).unwrap();
        assert_eq!(Route::of("/healthz"), Some(Route::Health));
        assert_eq!(Route::of("/api/v1/devices/porch"), Some(Route::Device(name("porch"))));
        assert_eq!(
            Route::of("/api/v1/devices/porch/lines/door/pulse"),
            Some(Route::Action(name("porch"), name("door"), "pulse".into()))
        );
        assert_eq!(Route::of("/api/v1/commands/a%2Fb%25"), Some(Route::Command("a/b%".into())));
        for path in
            ["", "/", "/api", "/api/v1", "/api/v1/", "/api/v1/devices/", "/api/v1/devices/../x", "/healthz/"]
        {
            assert_eq!(Route::of(path), None, "{path}");
        }
    }
}
