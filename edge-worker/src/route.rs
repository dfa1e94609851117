//! The paths of the API, told apart without looking at anything else.

use pinlatch_protocol::name::Name;
use worker::Method;

/// One path of the API.
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants are the paths")]
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
    Audit,
    Events,
    Agent,
}

impl Route {
    /// The route of a path, if there is one. A name that cannot be one names nothing.
    pub fn of(path: &str) -> Option<Self> {
        let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        let api = match segments.as_slice() {
            ["healthz"] => return Some(Self::Health),
            [".well-known", "jwks.json"] => return Some(Self::Jwks),
            ["api", "v1", rest @ ..] => rest,
            _ => return None,
        };
        let name = |text: &str| Name::new(text).ok();
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
            ["commands", id] => Self::Command(id.to_owned()),
            ["enrolments"] => Self::Enrolments,
            ["enrol"] => Self::Enrol,
            ["setup"] => Self::Setup,
            ["audit"] => Self::Audit,
            ["events"] => Self::Events,
            ["agent"] => Self::Agent,
            _ => return None,
        })
    }

    /// Whether a form may bring the token (RFC 6750 §2.2): the calls that change something by POST.
    pub fn takes_form_token(&self) -> bool {
        matches!(self, Self::Action(..) | Self::Enrolments)
    }

    /// The methods that the path takes.
    pub fn methods(&self) -> &'static [Method] {
        match self {
            Self::Session => &[Method::Post, Method::Delete],
            Self::Device(_) => &[Method::Get, Method::Delete],
            Self::SessionRefresh
            | Self::Token
            | Self::Action(..)
            | Self::Enrolments
            | Self::Enrol
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
        for path in
            ["", "/", "/api", "/api/v1", "/api/v1/", "/api/v1/devices/", "/api/v1/devices/../x", "/healthz/"]
        {
            assert_eq!(Route::of(path), None, "{path}");
        }
    }
}
