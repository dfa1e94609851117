//! What the page's address says: which site, on whose behalf, the token of a guest link, and how a login failed.

#[cfg(test)]
mod tests;

use pinlatch_protocol::api::Secret;
use pinlatch_protocol::name::Name;

/// How the subject of a minted token begins: in a browser, of a guest's.
const MINTED: &str = "token:";

/// The event stream.
const EVENTS: &str = "/api/v1/events";

/// On whose behalf a page calls the edge. A browser may have a login and a guest link open at once, each
/// with a cookie of its own, and the page's query says which is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visitor {
    /// Somebody who is logged in, or may be.
    Person,
    /// Whoever opened a guest link.
    Guest,
}

impl Visitor {
    /// The visitor of a page with this query (`?as=guest`).
    pub fn of_query(query: &str) -> Self {
        let query = query.strip_prefix('?').unwrap_or(query);
        if query.split('&').any(|pair| pair == "as=guest") { Self::Guest } else { Self::Person }
    }

    /// The visitor whom a token of this subject speaks for.
    pub fn of_subject(sub: &str) -> Self {
        if sub.starts_with(MINTED) { Self::Guest } else { Self::Person }
    }

    /// The address of a call, which the visitor's cookie goes with.
    pub fn call(self, path: &str) -> String {
        match self {
            Self::Person => path.into(),
            Self::Guest => format!("{path}?as=guest"),
        }
    }

    /// The path and query of the event stream, where it may be of this site only.
    pub fn events(self, site: Option<&Name>) -> String {
        let path = self.call(EVENTS);
        let joint = if path.contains('?') { '&' } else { '?' };
        site.map_or_else(|| path.clone(), |site| format!("{path}{joint}site={site}"))
    }

    /// The path and query of the visitor's page.
    pub fn page(self, site: Option<&Name>) -> String {
        self.call(&site.map_or_else(|| "/".into(), |site| format!("/s/{site}/")))
    }
}

/// The code of what went wrong at a login provider, with which the edge sends the browser back, and the query that
/// remains without it.
pub fn login_error(query: &str) -> Option<(String, String)> {
    let is_error = |pair: &&str| pair.starts_with("login_error=");
    let pairs = || query.strip_prefix('?').unwrap_or(query).split('&').filter(|pair| !pair.is_empty());
    let code = pairs().find(is_error)?.split_once('=')?.1;
    let rest: Vec<&str> = pairs().filter(|pair| !is_error(pair)).collect();
    let rest = if rest.is_empty() { String::new() } else { format!("?{}", rest.join("&")) };
    Some((code.into(), rest))
}

/// The site that a page's path names: `/s/{site}/`.
pub fn site(path: &str) -> Option<Name> {
    Name::new(path.strip_prefix("/s/")?.split('/').next()?).ok()
}

/// The token in the fragment of a guest link, `#guest=TOKEN`. What was cut off in copying is for the edge to
/// refuse, so that whoever opened it is told.
pub fn token(fragment: &str) -> Option<Secret> {
    fragment.trim_start_matches('#').strip_prefix("guest=").map(Secret::new)
}
