//! Parses the page's URL. The URL can contain the site, the kind of visitor, the token of a guest link, a setup or
//! invitation code, the page to open after login, and a login error.

#[cfg(test)]
mod tests;

use pinlatch_protocol::api::{SITE_PARAMETER, SUBJECT_PARAMETER, Secret};
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::name::Name;
use pinlatch_token::TOKEN_SUBJECT_PREFIX;

/// The visitor on whose behalf a page calls the edge. A browser can have a login and a guest link at the same time, and
/// has a separate cookie for each. The query of the page's URL selects one of the two cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visitor {
    /// A person with an account. The person may be logged in or not.
    Person,
    /// A guest who has opened a guest link.
    Guest,
}

impl Visitor {
    /// Determines the visitor from the query of a URL, for example `?as=guest`.
    pub fn of_query(query: &str) -> Self {
        let query = query.strip_prefix('?').unwrap_or(query);
        if query.split('&').any(|pair| pair == "as=guest") { Self::Guest } else { Self::Person }
    }

    /// Determines the visitor from the subject of a token. In a browser, the only issued token is the token of a guest.
    pub fn of_subject(sub: &str) -> Self {
        if sub.starts_with(TOKEN_SUBJECT_PREFIX) { Self::Guest } else { Self::Person }
    }

    /// Returns the query of API calls that use the visitor's cookie, and of the visitor's page.
    pub fn query(self) -> &'static str {
        match self {
            Self::Person => "",
            Self::Guest => "?as=guest",
        }
    }

    /// Returns the path and the query of a call whose headers the page cannot set. The query contains the site and the
    /// subject that the page was drawn for.
    pub fn address(self, endpoint: &Endpoint, site: Option<&Name>, subject: Option<&str>) -> String {
        let mut address = endpoint.path() + self.query();
        // Of the characters of a subject, only `+` has a meaning in a query.
        let pairs = [
            (SITE_PARAMETER, site.map(Name::to_string)),
            (SUBJECT_PARAMETER, subject.map(|subject| subject.replace('+', "%2B"))),
        ];
        for (name, value) in pairs {
            if let Some(value) = value {
                let joint = if address.contains('?') { '&' } else { '?' };
                address += &format!("{joint}{name}={value}");
            }
        }
        address
    }

    /// Returns the path and the query of the visitor's page.
    pub fn page(self, site: Option<&Name>) -> String {
        site.map_or_else(|| "/".into(), |site| format!("/s/{site}/")) + self.query()
    }
}

/// Returns the error code of a login provider in the query, and the query without this code. The edge adds the code to
/// the URL when it redirects the browser to the panel.
pub fn login_error(query: &str) -> Option<(String, String)> {
    let is_error = |pair: &&str| pair.starts_with("login_error=");
    let pairs = || query.strip_prefix('?').unwrap_or(query).split('&').filter(|pair| !pair.is_empty());
    let code = pairs().find(is_error)?.split_once('=')?.1;
    let rest: Vec<&str> = pairs().filter(|pair| !is_error(pair)).collect();
    let rest = if rest.is_empty() { String::new() } else { format!("?{}", rest.join("&")) };
    Some((code.into(), rest))
}

/// Returns the site in a path such as `/s/{site}/`.
pub fn site(path: &str) -> Option<Name> {
    Name::new(path.strip_prefix("/s/")?.split('/').next()?).ok()
}

/// Whether a path belongs to a page of the panel: the page of the first site, or the page of a site. The administration
/// pages are another program.
pub fn is_place(path: &str) -> bool {
    let own = site(path).map(|site| format!("/s/{site}"));
    path == "/" || own.is_some_and(|own| path.strip_suffix('/').unwrap_or(path) == own)
}

/// Returns the token in the fragment `#guest=TOKEN`. An incomplete token is also returned, so that the edge refuses the
/// token and the guest sees the reason.
pub fn token(fragment: &str) -> Option<Secret> {
    fragment.trim_start_matches('#').strip_prefix("guest=").map(Secret::new)
}

/// A one-time code in the fragment of the page's URL.
#[derive(Debug, Clone, PartialEq)]
pub enum Brought {
    /// The fragment `#setup` or `#setup=CODE`, which starts the creation of the site's owner.
    Setup(Option<Secret>),
    /// The fragment `#invite=CODE`, which accepts an invitation.
    Invitation(Secret),
    /// The fragment `#CODE.THUMBPRINT` of an enrolment string, which belongs on a device and not in a browser.
    Enrolment,
}

/// Whether a fragment has the form `SITE.CODE.THUMBPRINT`. A thumbprint has 43 characters.
fn is_enrolment(fragment: &str) -> bool {
    let plain = |part: &&str| part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    let parts: Vec<&str> = fragment.split('.').filter(plain).collect();
    matches!(parts[..], [site, code, print] if Name::new(site).is_ok() && !code.is_empty() && print.len() == 43)
}

pub fn brought(fragment: &str) -> Option<Brought> {
    let fragment = fragment.trim_start_matches('#');
    let (word, code) = fragment.split_once('=').unwrap_or((fragment, ""));
    let code = (!code.is_empty()).then(|| Secret::new(code));
    match word {
        "setup" => Some(Brought::Setup(code)),
        "invite" => code.map(Brought::Invitation),
        _ => is_enrolment(fragment).then_some(Brought::Enrolment),
    }
}

/// Returns the URL of an invitation. The code is in the fragment, because a browser sends no fragment to a server.
pub fn invitation(site: &Name, code: &Secret) -> String {
    format!("/s/{site}/#invite={}", code.expose())
}

/// The maximum length of the URL to open after login, in bytes.
const LONGEST_WAY: usize = 200;

/// Returns the page to open after login. The page is taken from a query such as `?to=/s/home/manage/people`. Only
/// administration pages of the same site are accepted, because any link can set the query.
pub fn way_back(query: &str, site: Option<&Name>) -> Option<String> {
    let pairs = query.strip_prefix('?').unwrap_or(query).split('&');
    let to = pairs.filter_map(|pair| pair.strip_prefix("to=")).next()?;
    safe_way(&to.replace("%2F", "/").replace("%2f", "/"), site)
}

/// Returns `to` if it is the URL of an administration page of this site. Any other value is refused as unsafe.
pub fn safe_way(to: &str, site: Option<&Name>) -> Option<String> {
    let rest = to.strip_prefix("/s/")?.strip_prefix(site?.as_str())?.strip_prefix("/manage/")?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    let segments = rest.strip_suffix('/').unwrap_or(rest).split('/');
    let fits = segments.clone().all(|segment| !segment.is_empty() && segment.chars().all(plain));
    (fits && to.len() <= LONGEST_WAY).then(|| to.into())
}
