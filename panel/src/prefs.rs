//! What people arrange for themselves: the order of things, groups, favourites, and how a button wants to be pressed.
//! Kept in the browser, one text for each site; never a token and never a level. The page works without.
//!
//! A line of the text is a word and what it is about. What is not understood is passed over, so that an older or newer
//! panel finds its way.
//!
//! ```text
//! plate porch
//! line porch/door
//! in porch/door Favourites
//! press porch/door tap
//! ask porch/door
//! ```

#[cfg(test)]
mod tests;

use std::fmt::Write;

/// The group of what matters most. It comes first unless it was moved.
pub const FAVOURITES: &str = "Favourites";

/// The longest name of a group.
pub const MAX_GROUP: usize = 40;

/// The most entries of a kind that are kept.
const MOST: usize = 1_000;

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// As the system says.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// All of them, with their words.
    pub const ALL: [(Self, &str); 3] =
        [(Self::System, "System"), (Self::Light, "Light"), (Self::Dark, "Dark")];

    /// As it is stored, and as style sheets read it.
    pub fn mark(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// What was stored; whatever else stood there means the system's.
    pub fn of(mark: Option<&str>) -> Self {
        let found = Self::ALL.into_iter().find(|(theme, _)| Some(theme.mark()) == mark);
        found.map_or(Self::System, |(theme, _)| theme)
    }
}

/// How a momentary line's button is pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Press {
    /// It is held for a moment, which no pocket does.
    #[default]
    Hold,
    /// A tap is enough.
    Tap,
}

/// The preferences of one browser for one site. Lines are named `DEVICE/LINE`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prefs {
    plates: Vec<String>,
    lines: Vec<String>,
    groups: Vec<(String, String)>,
    taps: Vec<String>,
    asks: Vec<String>,
}

impl Prefs {
    /// Reads what was stored.
    pub fn parse(text: &str) -> Self {
        let mut prefs = Self::default();
        for line in text.lines() {
            let Some((word, rest)) = line.split_once(' ') else { continue };
            match (word, rest.split_once(' ')) {
                ("plate", _) => add(&mut prefs.plates, rest),
                ("line", None) => add(&mut prefs.lines, rest),
                ("ask", None) => add(&mut prefs.asks, rest),
                ("press", Some((line, "tap"))) => add(&mut prefs.taps, line),
                ("in", Some((line, group))) => prefs.put(line, Some(group)),
                _ => {}
            }
        }
        prefs
    }

    /// As it is stored.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let mut tell = |word: &str, entries: &[String], end: &str| {
            for entry in entries {
                let _ = writeln!(text, "{word} {entry}{end}");
            }
        };
        tell("plate", &self.plates, "");
        tell("line", &self.lines, "");
        tell("press", &self.taps, " tap");
        tell("ask", &self.asks, "");
        for (line, group) in &self.groups {
            let _ = writeln!(text, "in {line} {group}");
        }
        text
    }

    /// The group that a line was put in.
    pub fn group(&self, line: &str) -> Option<&str> {
        self.groups.iter().find(|(own, _)| own == line).map(|(_, group)| group.as_str())
    }

    /// The groups that have a line, in the order of their making.
    pub fn groups(&self) -> Vec<String> {
        let mut names = Vec::new();
        self.groups.iter().for_each(|(_, group)| add(&mut names, group));
        names
    }

    /// Puts a line in a group, or back with its device.
    pub fn put(&mut self, line: &str, group: Option<&str>) {
        self.groups.retain(|(own, _)| own != line);
        if let Some(group) = group.and_then(group_name)
            && self.groups.len() < MOST
        {
            self.groups.push((line.into(), group));
        }
    }

    /// How a line's button is pressed.
    pub fn press(&self, line: &str) -> Press {
        if self.taps.iter().any(|own| own == line) { Press::Tap } else { Press::Hold }
    }

    /// Says how a line's button is pressed.
    pub fn set_press(&mut self, line: &str, press: Press) {
        mark(&mut self.taps, line, press == Press::Tap);
    }

    /// Whether a press is asked about first.
    pub fn asks(&self, line: &str) -> bool {
        self.asks.iter().any(|own| own == line)
    }

    /// Says whether a press is asked about first.
    pub fn set_asks(&mut self, line: &str, asks: bool) {
        mark(&mut self.asks, line, asks);
    }

    /// The place of a plate or line among those that were arranged; the rest comes after them.
    pub(crate) fn place(&self, of: Of, id: &str) -> usize {
        let order = match of {
            Of::Plates => &self.plates,
            Of::Lines => &self.lines,
        };
        order.iter().position(|own| own == id).unwrap_or(usize::MAX)
    }

    /// Notes an order of plates, or of the lines on one plate. Others keep the places they have.
    pub fn arrange(&mut self, of: Of, ids: Vec<String>) {
        let order = match of {
            Of::Plates => &mut self.plates,
            Of::Lines => &mut self.lines,
        };
        order.retain(|own| !ids.contains(own));
        order.extend(ids);
        let surplus = order.len().saturating_sub(MOST);
        order.drain(..surplus);
    }
}

/// What is put in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// Devices and groups.
    Plates,
    /// The lines on one of them.
    Lines,
}

/// A group's name as it is kept: one line of text, not too long. `None` where nothing is left of it.
pub fn group_name(text: &str) -> Option<String> {
    let words: Vec<_> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    let name: String = words.join(" ").chars().take(MAX_GROUP).collect();
    let name = name.trim_end();
    (!name.is_empty()).then(|| name.into())
}

/// An order in which something was moved by some places, as far as there are any.
pub fn moved(ids: &[String], id: &str, by: isize) -> Vec<String> {
    let mut ids = ids.to_vec();
    if let Some(at) = ids.iter().position(|own| own == id) {
        let to = at.saturating_add_signed(by).min(ids.len().saturating_sub(1));
        let own = ids.remove(at);
        ids.insert(to, own);
    }
    ids
}

fn add(list: &mut Vec<String>, entry: &str) {
    if list.len() < MOST && !list.iter().any(|own| own == entry) {
        list.push(entry.into());
    }
}

fn mark(list: &mut Vec<String>, entry: &str, marked: bool) {
    list.retain(|own| own != entry);
    if marked {
        add(list, entry);
    }
}
