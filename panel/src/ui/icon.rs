//! Icons with a different shape for each state, so that two states never differ only in colour.

use leptos::prelude::*;
use pinlatch_protocol::line::LineKind;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IconKind {
    Pending,
    Done,
    Refused,
    /// The icon of an expired command.
    Clock,
    /// The icon of an unknown outcome or level.
    Question,
    Offline,
    /// The icon of a desired level that differs from the reported level.
    Differ,
    /// The icon of read-only access.
    Look,
    Close,
    /// The icon of guest access and of secrets.
    Key,
    Search,
    /// The icon of a favourite.
    Star,
    Earlier,
    Later,
    /// The icons of the navigation.
    Board,
    Device,
    People,
    More,
    Line(LineKind),
}

impl IconKind {
    /// Returns the SVG path of the icon in a view box of 24 × 24.
    fn path(self) -> &'static str {
        match self {
            Self::Pending => "M12 3a9 9 0 1 0 9 9",
            Self::Done => "M5 12.5l4.5 4.5L19 7.5",
            Self::Refused => "M12 3a9 9 0 1 1 0 18a9 9 0 0 1 0-18M5.8 5.8l12.4 12.4",
            Self::Clock => "M12 3a9 9 0 1 1 0 18a9 9 0 0 1 0-18M12 7.5V12l3.2 2",
            Self::Question => "M8.5 9a3.5 3.5 0 1 1 5 3.2c-1 .5-1.5 1.1-1.5 2.3M12 18.2v.1",
            Self::Offline => {
                "M5 12.5a10 10 0 0 1 4-2.4M19 12.5a10 10 0 0 0-4.5-2.6M8.5 16a5 5 0 0 1 7 0M12 19.5v.1M4 4l16 16"
            }
            Self::Differ => "M6 9h12M6 15h12M15.5 5l-7 14",
            Self::Look => {
                "M2.5 12S6 5.5 12 5.5S21.5 12 21.5 12S18 18.5 12 18.5S2.5 12 2.5 12zM12 9.2a2.8 2.8 0 1 1 0 5.6a2.8 2.8 0 0 1 0-5.6"
            }
            Self::Close => "M6 6l12 12M18 6L6 18",
            Self::Key => "M3 12a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0M12 12h9M16.5 12v3.5M20.5 12v2.5",
            Self::Search => "M10.5 4a6.5 6.5 0 1 1 0 13a6.5 6.5 0 0 1 0-13M15.5 15.5L20 20",
            Self::Star => "M12 3.5l2.6 5.4l5.9.8l-4.3 4.1l1 5.9L12 16.9l-5.2 2.8l1-5.9l-4.3-4.1l5.9-.8z",
            Self::Earlier => "M6 14.5l6-6l6 6",
            Self::Later => "M6 9.5l6 6l6-6",
            Self::Board => "M4 4h6.5v6.5H4zM13.5 4H20v6.5h-6.5zM4 13.5h6.5V20H4zM13.5 13.5H20V20h-6.5z",
            Self::Device => "M7 7h10v10H7zM10 3v4M14 3v4M10 17v4M14 17v4M3 10h4M3 14h4M17 10h4M17 14h4",
            Self::People => {
                "M9 5a3.2 3.2 0 1 1 0 6.4a3.2 3.2 0 0 1 0-6.4M3 19.5c.4-3.4 2.6-5.2 6-5.2s5.6 1.8 6 5.2M15.5 5.3a3 3 0 0 1 0 5.8M17.7 14.7c1.9.7 3 2.3 3.3 4.8"
            }
            Self::More => "M5 12v.1M12 12v.1M19 12v.1",
            // The icons of lines are circuit symbols.
            Self::Line(LineKind::Switch) => {
                "M2 15h4.5M17.5 15H22M8 14.2l8.5-6M6.5 15a1 1 0 1 0 2 0a1 1 0 1 0-2 0M15.5 15a1 1 0 1 0 2 0a1 1 0 1 0-2 0"
            }
            Self::Line(LineKind::Momentary) => {
                "M2 16h4.5M17.5 16H22M6 11h12M12 11V5M9 5h6M6.5 16a1 1 0 1 0 2 0a1 1 0 1 0-2 0M15.5 16a1 1 0 1 0 2 0a1 1 0 1 0-2 0"
            }
            Self::Line(LineKind::Contact) => {
                "M2 14h5M17 14h5M7 14l9.5-3.5M5 8h14a3 3 0 0 1 3 3v6a3 3 0 0 1-3 3H5a3 3 0 0 1-3-3v-6a3 3 0 0 1 3-3z"
            }
            Self::Line(LineKind::Rgb) => {
                "M9 9.5a4.5 4.5 0 1 0 6 0M9 3.5a4.5 4.5 0 1 1 0 9a4.5 4.5 0 0 1 0-9M15 3.5a4.5 4.5 0 1 1 0 9a4.5 4.5 0 0 1 0-9"
            }
            Self::Line(LineKind::Dimmer) => "M4 19h16M6 16l12-10v10z",
            Self::Line(LineKind::Servo) => "M4 17a8 8 0 0 1 16 0M12 17l4-6M11 17a1 1 0 1 0 2 0a1 1 0 1 0-2 0",
            Self::Line(LineKind::Sensor) => "M3 13h4l2.5-7l4 13l2.5-6h5",
        }
    }
}

/// Draws an icon. The icon is hidden from screen readers, because the text next to the icon has the same meaning.
#[component]
pub fn Icon(kind: IconKind) -> impl IntoView {
    let class = if kind == IconKind::Pending { "icon spin" } else { "icon" };
    view! {
        <svg class=class viewBox="0 0 24 24" aria-hidden="true">
            <path d=kind.path()></path>
        </svg>
    }
}

/// Draws the logo, a pin header with one latched pin.
#[component]
pub fn Mark() -> impl IntoView {
    view! {
        <svg class="mark" viewBox="0 0 48 48" aria-hidden="true">
            <rect class="mark-body" x="3" y="3" width="42" height="42" rx="10"></rect>
            <path class="mark-latch" d="M15.5 33V17.5a8.5 8.5 0 0 1 17 0V21"></path>
            <circle class="mark-pin" cx="15.5" cy="33" r="4.5"></circle>
            <circle class="mark-hole" cx="32.5" cy="33" r="4"></circle>
        </svg>
    }
}
