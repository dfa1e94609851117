//! The preferences for the board: the order of lines, groups, favourites and the press mode of buttons. The browser
//! stores the preferences as one text for each site. The text never contains a token or a level. The panel also works
//! without stored preferences.
//!
//! Each line of the text consists of a keyword and its arguments. The panel skips unknown lines, so that it can read a
//! text of an older or newer version.
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

/// The stored name of the group of favourites, which does not depend on the displayed name. This group is first, unless
/// the person has moved the group.
pub const FAVOURITES: &str = "Favourites";

/// The maximum length of the name of a group, in characters.
pub const MAX_GROUP: usize = 40;

/// The maximum number of stored entries of each kind.
const MOST: usize = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// The theme of the operating system.
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    /// All themes, in the order in which the panel shows them.
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// Returns the stored value, which is also the value of the attribute `data-theme`.
    pub fn mark(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Parses the stored value. An unknown value means the theme of the operating system.
    pub fn of(mark: Option<&str>) -> Self {
        let found = Self::ALL.into_iter().find(|theme| Some(theme.mark()) == mark);
        found.unwrap_or(Self::System)
    }
}

/// The way in which a person presses the button of a momentary line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Press {
    /// The person must hold the button for a moment, which prevents accidental presses in a pocket.
    #[default]
    Hold,
    Tap,
}

/// The preferences of one browser for one site. A line is identified as `DEVICE/LINE`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prefs {
    plates: Vec<String>,
    lines: Vec<String>,
    groups: Vec<(String, String)>,
    taps: Vec<String>,
    asks: Vec<String>,
}

impl Prefs {
    /// Parses the stored text.
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

    /// Returns the text to store.
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

    pub fn group(&self, line: &str) -> Option<&str> {
        self.groups.iter().find(|(own, _)| own == line).map(|(_, group)| group.as_str())
    }

    /// Returns the groups that contain at least one line, in order of creation.
    pub fn groups(&self) -> Vec<String> {
        let mut names = Vec::new();
        self.groups.iter().for_each(|(_, group)| add(&mut names, group));
        names
    }

    /// Puts a line in a group. If `group` is `None`, moves the line back to its device.
    pub fn put(&mut self, line: &str, group: Option<&str>) {
        self.groups.retain(|(own, _)| own != line);
        if let Some(group) = group.and_then(group_name)
            && self.groups.len() < MOST
        {
            self.groups.push((line.into(), group));
        }
    }

    pub fn press(&self, line: &str) -> Press {
        if self.taps.iter().any(|own| own == line) { Press::Tap } else { Press::Hold }
    }

    pub fn set_press(&mut self, line: &str, press: Press) {
        mark(&mut self.taps, line, press == Press::Tap);
    }

    /// Whether a press of the line's button needs a confirmation.
    pub fn asks(&self, line: &str) -> bool {
        self.asks.iter().any(|own| own == line)
    }

    pub fn set_asks(&mut self, line: &str, asks: bool) {
        mark(&mut self.asks, line, asks);
    }

    /// Returns the position of a plate or line in the arranged order. Returns `usize::MAX` if the plate or line was not
    /// arranged.
    pub(crate) fn place(&self, of: OrderKind, id: &str) -> usize {
        let order = match of {
            OrderKind::Plates => &self.plates,
            OrderKind::Lines => &self.lines,
        };
        order.iter().position(|own| own == id).unwrap_or(usize::MAX)
    }

    /// Stores an order of plates, or of the lines on one plate. The order of other entries does not change.
    pub fn arrange(&mut self, of: OrderKind, ids: Vec<String>) {
        let order = match of {
            OrderKind::Plates => &mut self.plates,
            OrderKind::Lines => &mut self.lines,
        };
        order.retain(|own| !ids.contains(own));
        order.extend(ids);
        let surplus = order.len().saturating_sub(MOST);
        order.drain(..surplus);
    }
}

/// The kind of entries in an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderKind {
    Plates,
    Lines,
}

/// Normalises the name of a group to one line of at most [`MAX_GROUP`] characters. Returns `None` if the name is empty.
pub fn group_name(text: &str) -> Option<String> {
    let words: Vec<_> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    let name: String = words.join(" ").chars().take(MAX_GROUP).collect();
    let name = name.trim_end();
    (!name.is_empty()).then(|| name.into())
}

/// Moves an entry by a number of positions, at most to the start or the end of the list.
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
