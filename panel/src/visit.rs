//! What the page's address says: which site, on whose behalf, the token of a guest link, a code, where to go after a
//! login and how it failed.

#[cfg(test)]
mod tests;

use pinlatch_protocol::api::Secret;
use pinlatch_protocol::name::Name;
use pinlatch_protocol::scope::{ScopeSet, SiteRight};

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

/// What the fragment of an address may bring beside a guest link.
#[derive(Debug, Clone, PartialEq)]
pub enum Brought {
    /// `#setup` or `#setup=CODE`: a site's owner is to be made.
    Setup(Option<Secret>),
    /// `#invite=CODE`: an invitation is to be used.
    Invitation(Secret),
}

/// What a fragment brings.
pub fn brought(fragment: &str) -> Option<Brought> {
    let fragment = fragment.trim_start_matches('#');
    let (word, code) = fragment.split_once('=').unwrap_or((fragment, ""));
    let code = (!code.is_empty()).then(|| Secret::new(code));
    match word {
        "setup" => Some(Brought::Setup(code)),
        "invite" => code.map(Brought::Invitation),
        _ => None,
    }
}

/// The page's address that has somebody use an invitation. The code stands in the fragment, which no server sees.
pub fn invitation(site: &Name, code: &Secret) -> String {
    format!("/s/{site}/#invite={}", code.expose())
}

/// The longest way back that is kept.
const LONGEST_WAY: usize = 200;

/// Where to go after a login, out of a query (`?to=/s/home/manage/people`): a page of the same site, and nothing else
/// that an address could be made to say.
pub fn way_back(query: &str, site: Option<&Name>) -> Option<String> {
    let pairs = query.strip_prefix('?').unwrap_or(query).split('&');
    let to = pairs.filter_map(|pair| pair.strip_prefix("to=")).next()?;
    safe_way(&to.replace("%2F", "/").replace("%2f", "/"), site)
}

/// A way back as it may be followed.
pub fn safe_way(to: &str, site: Option<&Name>) -> Option<String> {
    let rest = to.strip_prefix("/s/")?.strip_prefix(site?.as_str())?.strip_prefix("/manage/")?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    let segments = rest.strip_suffix('/').unwrap_or(rest).split('/');
    let fits = segments.clone().all(|segment| !segment.is_empty() && segment.chars().all(plain));
    (fits && to.len() <= LONGEST_WAY).then(|| to.into())
}

/// The address of a page that manages the site.
pub fn managing(site: &Name, page: &str) -> String {
    format!("/s/{site}/manage/{page}")
}

/// The pages that manage the site, with their titles, as far as these scopes open them.
pub fn ways(scope: &ScopeSet) -> Vec<(&'static str, &'static str)> {
    const WAYS: [(&str, &str, Option<SiteRight>); 5] = [
        ("devices", "Manage devices", Some(SiteRight::Devices)),
        ("people", "People", Some(SiteRight::Users)),
        ("tokens", "Tokens and links", Some(SiteRight::Tokens)),
        ("activity", "Activity", Some(SiteRight::Audit)),
        ("inspector", "Token inspector", None),
    ];
    let open = WAYS.into_iter().filter(|(_, _, right)| right.is_none_or(|right| scope.allows_site(right)));
    open.map(|(page, title, _)| (page, title)).collect()
}
