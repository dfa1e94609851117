//! Parses the page's address: site, visitor, guest token, setup or invitation code, the page after sign-in, and a
//! sign-in error.

#[cfg(test)]
mod tests;

use pinlatch_protocol::api::Secret;
use pinlatch_protocol::name::Name;
use pinlatch_protocol::scope::{ScopeSet, SiteRight};

use crate::words::pages;

/// Prefix of the subject of issued tokens. In a browser, only guests have one.
const TOKEN_SUBJECT_PREFIX: &str = "token:";

const EVENTS: &str = "/api/v1/events";

/// On whose behalf a page calls the edge. A browser may have a login and a guest link at the same time, each with its
/// own cookie; the page's query selects one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visitor {
    /// A person with an account, signed in or not.
    Person,
    /// A guest with a link.
    Guest,
}

impl Visitor {
    /// From a query such as `?as=guest`.
    pub fn of_query(query: &str) -> Self {
        let query = query.strip_prefix('?').unwrap_or(query);
        if query.split('&').any(|pair| pair == "as=guest") { Self::Guest } else { Self::Person }
    }

    /// From the subject of a token.
    pub fn of_subject(sub: &str) -> Self {
        if sub.starts_with(TOKEN_SUBJECT_PREFIX) { Self::Guest } else { Self::Person }
    }

    /// The address of a call with the visitor's cookie.
    pub fn call(self, path: &str) -> String {
        match self {
            Self::Person => path.into(),
            Self::Guest => format!("{path}?as=guest"),
        }
    }

    /// Path and query of the event stream, limited to a site if given.
    pub fn events(self, site: Option<&Name>) -> String {
        let path = self.call(EVENTS);
        let joint = if path.contains('?') { '&' } else { '?' };
        site.map_or_else(|| path.clone(), |site| format!("{path}{joint}site={site}"))
    }

    /// Path and query of the visitor's page.
    pub fn page(self, site: Option<&Name>) -> String {
        self.call(&site.map_or_else(|| "/".into(), |site| format!("/s/{site}/")))
    }
}

/// The error code of a login provider in the query, and the query without it. The edge adds it to the redirect.
pub fn login_error(query: &str) -> Option<(String, String)> {
    let is_error = |pair: &&str| pair.starts_with("login_error=");
    let pairs = || query.strip_prefix('?').unwrap_or(query).split('&').filter(|pair| !pair.is_empty());
    let code = pairs().find(is_error)?.split_once('=')?.1;
    let rest: Vec<&str> = pairs().filter(|pair| !is_error(pair)).collect();
    let rest = if rest.is_empty() { String::new() } else { format!("?{}", rest.join("&")) };
    Some((code.into(), rest))
}

/// The site in a path `/s/{site}/`.
pub fn site(path: &str) -> Option<Name> {
    Name::new(path.strip_prefix("/s/")?.split('/').next()?).ok()
}

/// The token in the fragment `#guest=TOKEN`. An incomplete token is returned too: the edge refuses it, and the guest sees
/// the reason.
pub fn token(fragment: &str) -> Option<Secret> {
    fragment.trim_start_matches('#').strip_prefix("guest=").map(Secret::new)
}

/// A code in the fragment, other than a guest link.
#[derive(Debug, Clone, PartialEq)]
pub enum Brought {
    /// `#setup` or `#setup=CODE`: creates a site's owner.
    Setup(Option<Secret>),
    /// `#invite=CODE`: accepts an invitation.
    Invitation(Secret),
}

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

/// The address of an invitation. The code is in the fragment, which is not sent to any server.
pub fn invitation(site: &Name, code: &Secret) -> String {
    format!("/s/{site}/#invite={}", code.expose())
}

/// In bytes.
const LONGEST_WAY: usize = 200;

/// The page after sign-in, from a query such as `?to=/s/home/manage/people`. Only administration pages of the same site
/// are accepted, because any link can set the query.
pub fn way_back(query: &str, site: Option<&Name>) -> Option<String> {
    let pairs = query.strip_prefix('?').unwrap_or(query).split('&');
    let to = pairs.filter_map(|pair| pair.strip_prefix("to=")).next()?;
    safe_way(&to.replace("%2F", "/").replace("%2f", "/"), site)
}

/// Accepts only safe values of `to`.
pub fn safe_way(to: &str, site: Option<&Name>) -> Option<String> {
    let rest = to.strip_prefix("/s/")?.strip_prefix(site?.as_str())?.strip_prefix("/manage/")?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    let segments = rest.strip_suffix('/').unwrap_or(rest).split('/');
    let fits = segments.clone().all(|segment| !segment.is_empty() && segment.chars().all(plain));
    (fits && to.len() <= LONGEST_WAY).then(|| to.into())
}

/// The address of an administration page.
pub fn managing(site: &Name, page: &str) -> String {
    format!("/s/{site}/manage/{page}")
}

/// The administration pages that these scopes allow, with their titles.
pub fn ways(scope: &ScopeSet) -> Vec<(&'static str, &'static str)> {
    const WAYS: [(&str, &str, Option<SiteRight>); 5] = [
        ("devices", pages::DEVICES, Some(SiteRight::Devices)),
        ("people", pages::PEOPLE, Some(SiteRight::Users)),
        ("tokens", pages::TOKENS, Some(SiteRight::Tokens)),
        ("activity", pages::ACTIVITY, Some(SiteRight::Audit)),
        ("inspector", pages::INSPECTOR, None),
    ];
    let open = WAYS.into_iter().filter(|(_, _, right)| right.is_none_or(|right| scope.allows_site(right)));
    open.map(|(page, title, _)| (page, title)).collect()
}
