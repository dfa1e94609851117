//! The addresses of the pages: `/s/{site}/manage/…`.

#[cfg(test)]
mod tests;

use pinlatch_protocol::name::Name;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    Devices,
    Device(Name),
    People,
    Tokens,
    Activity,
    Inspector,
    /// An unknown address.
    Unknown,
}

impl Page {
    /// Site and page of a path; `None` outside the administration pages.
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

    pub fn path(&self, site: &Name) -> String {
        match self {
            Self::Device(name) => format!("/s/{site}/manage/device/{name}"),
            page => format!("/s/{site}/manage/{}", page.mark()),
        }
    }

    /// The page's segment in the address. Of a device, the segment of all devices.
    pub fn mark(&self) -> &'static str {
        match self {
            Self::Devices | Self::Device(_) | Self::Unknown => "devices",
            Self::People => "people",
            Self::Tokens => "tokens",
            Self::Activity => "activity",
            Self::Inspector => "inspector",
        }
    }

    /// The page that is marked in the navigation.
    pub fn section(&self) -> Self {
        match self {
            Self::Device(_) => Self::Devices,
            other => other.clone(),
        }
    }
}

/// The address of sign-in that returns to `back`.
pub fn sign_in(site: &Name, back: &str) -> String {
    format!("/s/{site}/?to={back}")
}
