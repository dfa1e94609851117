//! Texts for guests: the validity of a guest link, and the reasons why a guest link gives no access.

#[cfg(test)]
mod tests;

use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_protocol::wording::enrol_command;

/// This text is shown before the link to the login page, if a guest link gives no access.
pub const HAVE_ACCOUNT: &str = "Do you have an account on this site? ";
/// The accessible name of the bar at the top of a guest's page.
pub const ACCESS: &str = "Guest access";
/// This text is shown in place of the controls when the link has no use left.
pub const USED_UP: &str = "This link has been used up";
pub const ASK_AGAIN: &str = "Ask the sender for a new link.";
pub const LEAVE: &str = "Leave";
pub const NOT_LEFT: &str =
    "You have not left yet, because Pinlatch cannot be reached. Check your connection, then try again.";

/// The remaining time at which the countdown starts, in milliseconds.
const LAST_MS: u64 = 3_600_000;

/// The warnings that screen readers announce, each with the remaining time, in milliseconds.
const WARNINGS: [(u64, &str); 2] =
    [(60_000, "Your link expires in one minute."), (600_000, "Your link expires in ten minutes.")];

/// The reason why a guest link gives no access, or why a URL leads to no page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closed {
    /// The access ended while the page was open, or the guest has not opened a link in this browser.
    Ended,
    /// The guest pressed the button “Leave”.
    Left,
    /// The link becomes valid at this time, in seconds of Unix time.
    NotYet(u64),
    /// The link has no use left. The field contains the number of uses, if the edge gave it.
    UsedUp(Option<String>),
    /// The link is not valid. The field contains the reason, if the edge gave a reason.
    NotValid(Option<String>),
    /// The edge refused the request before it checked the link.
    Refused(Problem),
    /// The site in the URL does not exist. The field contains its name.
    NoSite(String),
    NoPage,
    /// The URL is an enrolment string, which belongs on a device and not in a browser.
    Enrolment,
}

impl Closed {
    /// Converts the problem with which the edge refused a guest link into a `Closed`.
    pub fn of(problem: Problem) -> Self {
        if problem.is(Code::UsedUp) {
            Self::UsedUp(problem.detail)
        } else if problem.is(Code::LinkNotValid) || problem.is(Code::InvalidToken) {
            match problem.detail.as_deref().and_then(beginning) {
                Some(from) => Self::NotYet(from),
                None => Self::NotValid(problem.detail),
            }
        } else {
            Self::Refused(problem)
        }
    }

    /// Returns the value of the attribute `data-reason`.
    pub fn mark(&self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Left => "left",
            Self::NotYet(_) => "not-yet",
            Self::UsedUp(_) => "used-up",
            Self::NotValid(_) => "not-valid",
            Self::Refused(_) => "refused",
            Self::NoSite(_) => "no-site",
            Self::NoPage => "no-page",
            Self::Enrolment => "enrolment",
        }
    }

    pub fn heading(&self) -> &'static str {
        match self {
            Self::Ended => "Your access has ended",
            Self::Left => "You have left",
            Self::NotYet(_) => "This link is not valid yet",
            Self::UsedUp(_) => USED_UP,
            Self::NotValid(_) => "This link is not valid",
            Self::Refused(_) => "This link cannot be opened",
            Self::NoSite(_) => "Site not found",
            Self::NoPage => "There is no page at this address",
            Self::Enrolment => "This is an enrolment string",
        }
    }

    /// Whether the URL leads to no page of a site.
    pub fn is_stray(&self) -> bool {
        matches!(self, Self::NoSite(_) | Self::NoPage | Self::Enrolment)
    }

    /// Explains why the link gives no access. The text includes the next step. `moment` formats a time in seconds of
    /// Unix time.
    pub fn text(&self, moment: impl Fn(u64) -> String) -> String {
        match self {
            Self::Ended => {
                "The link has expired or was revoked. If you think that the link is still valid, open it again \
                 from the message that you received. Otherwise ask the sender for a new link."
                    .into()
            }
            Self::Left => "This browser no longer has access. To return, open the link again.".into(),
            Self::NotYet(from) => {
                format!("The link is valid from {}. Open the link again at that time.", moment(*from))
            }
            Self::UsedUp(Some(why)) => format!("{}. {ASK_AGAIN}", super::title(why)),
            Self::UsedUp(None) => ASK_AGAIN.into(),
            Self::NotValid(Some(why)) => {
                format!("{}. {ASK_AGAIN}", super::title(why))
            }
            Self::NotValid(None) => {
                "The link may be incomplete. Open the link again from the message that you received. If the link \
                 still does not work, ask the sender for a new link."
                    .into()
            }
            Self::Refused(problem) => super::login_problem(problem),
            Self::NoSite(site) => format!("There is no site “{site}” here. Check the address."),
            Self::NoPage => {
                "Check the address. The page of a site has the address /s/NAME/, with the name of the site.".into()
            }
            Self::Enrolment => format!(
                "It adds a device, and is not for a browser. Run this command on the device, with the whole string in \
                 place of the dots: {}",
                enrol_command("…")
            ),
        }
    }
}

/// Extracts the start time, in seconds of Unix time, from the edge's message that a link is not valid yet.
fn beginning(detail: &str) -> Option<u64> {
    detail.strip_prefix("the link is valid from ")?.strip_suffix(" on")?.parse().ok()
}

/// Describes a link that is valid now: the number of uses that are left, if it is limited, and the end of the validity.
/// `until` is a formatted time.
pub fn window(uses_left: Option<u32>, until: &str) -> String {
    match uses_left {
        Some(left) => format!("{} · until {until}", uses(left)),
        None => format!("Until {until}"),
    }
}

fn uses(left: u32) -> String {
    format!("{left} {} left", if left == 1 { "use" } else { "uses" })
}

/// Returns the announcement after a use of the link.
pub fn say_uses(left: u32) -> String {
    match left {
        0 => format!("{USED_UP}."),
        left => format!("{}.", uses(left)),
    }
}

/// Returns the heading of a guest's page: the site and the devices that the guest can see. Many devices are not listed.
pub fn headline(site: &str, devices: &[String]) -> String {
    match devices {
        [_, ..] if devices.len() <= 2 => format!("{site} · {}", devices.join(", ")),
        _ => site.into(),
    }
}

/// Formats the remaining time, for example `59:59 left`. Returns `None` before the last hour.
pub fn countdown(left_ms: u64) -> Option<String> {
    let seconds = left_ms / 1_000;
    match left_ms {
        0..1_000 => Some("ending now".into()),
        1_000..=LAST_MS => Some(format!("{}:{:02} left", seconds / 60, seconds % 60)),
        _ => None,
    }
}

/// Returns the announcement that is due when the remaining time drops from `before_ms` to `left_ms`.
pub fn warning(before_ms: u64, left_ms: u64) -> Option<&'static str> {
    let crossed = |at: u64| before_ms > at && left_ms <= at && left_ms > 0;
    WARNINGS.iter().find(|(at, _)| crossed(*at)).map(|(_, text)| *text)
}
