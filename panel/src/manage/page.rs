//! The addresses of the pages: `/s/{site}/manage/…`.

#[cfg(test)]
mod tests;

use pinlatch_protocol::name::Name;

/// One page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// All devices.
    Devices,
    /// One device.
    Device(Name),
    /// People.
    People,
    /// API tokens and guest links.
    Tokens,
    /// The audit log.
    Activity,
    /// What a token says.
    Inspector,
    /// An address that nobody has given out.
    Unknown,
}

impl Page {
    /// The site and the page of a path.
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
            _ => match rest.strip_prefix("device/").map(Name::new) {
                Some(Ok(name)) => Self::Device(name),
                _ => Self::Unknown,
            },
        };
        Some((site, page))
    }

    /// The path of the page.
    pub fn path(&self, site: &Name) -> String {
        match self {
            Self::Device(name) => format!("/s/{site}/manage/device/{name}"),
            page => format!("/s/{site}/manage/{}", page.mark()),
        }
    }

    /// The word in the address; of one device, that of all.
    pub fn mark(&self) -> &'static str {
        match self {
            Self::Devices | Self::Device(_) | Self::Unknown => "devices",
            Self::People => "people",
            Self::Tokens => "tokens",
            Self::Activity => "activity",
            Self::Inspector => "inspector",
        }
    }

    /// The page whose link in the navigation is marked.
    pub fn section(&self) -> Self {
        match self {
            Self::Device(_) => Self::Devices,
            other => other.clone(),
        }
    }
}

/// The address of the panel's sign-in that leads back to a page.
pub fn sign_in(site: &Name, back: &str) -> String {
    format!("/s/{site}/?to={back}")
}
