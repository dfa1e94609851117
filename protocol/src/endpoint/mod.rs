//! This module defines the endpoints of the HTTP API. The table in [`table`] declares each endpoint once. The edge's
//! routing, the paths in the clients and the OpenAPI document follow from the table.

mod declare;
#[cfg(test)]
pub(crate) mod operation;
mod segment;
mod table;

pub use declare::{Body, Missing};
pub use table::Endpoint;
#[cfg(test)]
pub(crate) use table::operations;

/// Returns whether a path is reserved for the API. All other paths belong to the panel.
pub fn is_reserved(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next();
    matches!(first, Some("api" | "healthz" | ".well-known"))
}

impl Endpoint {
    /// Returns the endpoint for the method and the path of a request. A path that contains an invalid name belongs to
    /// no endpoint.
    pub fn find(method: &str, path: &str) -> Result<Self, Missing> {
        let mut allowed = Vec::new();
        let mut template = None;
        for entry in Self::ENTRIES {
            // The first template that matches the path decides. For example, no user name is looked up for the path
            // `/api/v1/users/accept`.
            if template.is_some_and(|first| first != entry.template) {
                continue;
            }
            let Some(endpoint) =
                segment::values(entry.template, path).and_then(|mut found| (entry.build)(&mut found))
            else {
                continue;
            };
            if entry.method == method {
                return Ok(endpoint);
            }
            template = Some(entry.template);
            allowed.push(entry.method);
        }
        Err(if allowed.is_empty() { Missing::Path } else { Missing::Method { allowed } })
    }

    /// Returns the path of the endpoint, with percent-encoded parameters.
    pub fn path(&self) -> String {
        segment::fill(self.template(), &self.parameters())
    }

    /// Returns whether a request can contain the caller's token as a form field (RFC 6750 §2.2).
    pub fn takes_form_token(&self) -> bool {
        matches!(self.body(), Body::TokenForm | Body::JsonOrTokenForm | Body::OptionalJsonOrTokenForm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Name;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    #[test]
    fn paths_are_taken_apart() {
        let found = |path| Endpoint::find("GET", path);
        assert_eq!(found("/healthz"), Ok(Endpoint::Health));
        assert_eq!(found("/api/v1/devices/porch"), Ok(Endpoint::ShowDevice { device: name("porch") }));
        let action =
            Endpoint::RunAction { device: name("porch"), line: name("door"), action: "pulse".into() };
        assert_eq!(Endpoint::find("POST", "/api/v1/devices/porch/lines/door/pulse"), Ok(action));
        assert_eq!(found("/api/v1/commands/a%2Fb%25"), Ok(Endpoint::ShowCommand { id: "a/b%".into() }));
        for path in
            ["", "/", "/api", "/api/v1", "/api/v1/", "/api/v1/devices/", "/api/v1/devices/../x", "/healthz/"]
        {
            assert_eq!(found(path), Err(Missing::Path), "{path}");
        }
    }

    #[test]
    fn another_method_is_answered_with_the_methods_of_the_path() {
        let missing = |method, path| Endpoint::find(method, path).unwrap_err();
        assert_eq!(
            missing("PUT", "/api/v1/session"),
            Missing::Method { allowed: vec!["GET", "POST", "DELETE"] }
        );
        assert_eq!(missing("get", "/healthz"), Missing::Method { allowed: vec!["GET"] });
        // `accept` is not the name of a person in this path.
        assert_eq!(missing("DELETE", "/api/v1/users/accept"), Missing::Method { allowed: vec!["POST"] });
    }

    #[test]
    fn a_path_leads_back_to_its_endpoint() {
        let id = "a/b ?#%~é";
        for endpoint in [
            Endpoint::ListDevices,
            Endpoint::ShowCommand { id: id.into() },
            Endpoint::RevokeToken { jti: id.into() },
            Endpoint::ChangePerson { username: "ann@example.org".parse().unwrap() },
        ] {
            assert_eq!(
                Endpoint::find(endpoint.method(), &endpoint.path()),
                Ok(endpoint.clone()),
                "{endpoint:?}"
            );
        }
        let person = Endpoint::EndSessions { username: "ann+x@example.org".parse().unwrap() };
        assert_eq!(person.path(), "/api/v1/users/ann+x@example.org/sessions");
    }
}
