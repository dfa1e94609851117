//! The URLs of the administration pages. The path of each URL starts with `/s/{site}/manage`.

#[cfg(test)]
mod tests;

use pinlatch_protocol::name::Name;
use pinlatch_protocol::scope::{ScopeSet, SiteRight};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    Devices,
    Device(Name),
    People,
    Tokens,
    Activity,
    Inspector,
    /// The page of the viewer's own account. The account menu contains the link to this page.
    Account,
    /// The URL does not belong to any page.
    Unknown,
}

impl Page {
    /// The query with which the page of all devices opens the dialog for a new device.
    pub const ENROL: &str = "?enrol";

    /// Returns the pages of the navigation bar that these scopes allow.
    pub fn open_to(scope: &ScopeSet) -> Vec<Self> {
        let all = [
            (Self::Devices, Some(SiteRight::Devices)),
            (Self::People, Some(SiteRight::Users)),
            (Self::Tokens, Some(SiteRight::Tokens)),
            (Self::Activity, Some(SiteRight::Audit)),
            (Self::Inspector, None),
        ];
        let open = all.into_iter().filter(|(_, right)| right.is_none_or(|right| scope.allows_site(right)));
        open.map(|(page, _)| page).collect()
    }

    /// Returns the site and the page of a path. Returns `None` for a path outside the administration pages.
    pub fn parse(path: &str) -> Option<(Name, Self)> {
        let (site, rest) = path.strip_prefix("/s/")?.split_once("/manage")?;
        let site = Name::new(site).ok()?;
        let rest = match rest.strip_prefix('/') {
            Some(rest) => rest.strip_suffix('/').unwrap_or(rest),
            None if rest.is_empty() => rest,
            None => return None,
        };
        let page = match rest {
            "" | "devices" => Self::Devices,
            "people" => Self::People,
            "tokens" => Self::Tokens,
            "activity" => Self::Activity,
            "inspector" => Self::Inspector,
            "account" => Self::Account,
            _ => match rest.strip_prefix("device/").map(Name::new) {
                Some(Ok(name)) => Self::Device(name),
                _ => Self::Unknown,
            },
        };
        Some((site, page))
    }

    pub fn path(&self, site: &Name) -> String {
        match self {
            Self::Device(name) => format!("/s/{site}/manage/device/{name}"),
            page => format!("/s/{site}/manage/{}", page.mark()),
        }
    }

    /// Returns the path segment of the page. The page of one device has the segment of the page with all devices.
    pub fn mark(&self) -> &'static str {
        match self {
            Self::Devices | Self::Device(_) | Self::Unknown => "devices",
            Self::People => "people",
            Self::Tokens => "tokens",
            Self::Activity => "activity",
            Self::Inspector => "inspector",
            Self::Account => "account",
        }
    }

    /// Returns the page that is marked as the current page in the navigation bar.
    pub fn section(&self) -> Self {
        match self {
            Self::Device(_) => Self::Devices,
            other => other.clone(),
        }
    }
}

/// Returns the URL of the login page. After login, the browser opens the path `back`.
pub fn sign_in(site: &Name, back: &str) -> String {
    format!("/s/{site}/?to={back}")
}
