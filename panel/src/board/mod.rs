//! The layout of the board. The board has one plate for each device and each group, in the arranged order. A search
//! filters the lines on the plates.

#[cfg(test)]
mod tests;

use pinlatch_protocol::line::LineKind;
use pinlatch_protocol::name::Name;

use crate::model::{Key, Model};
use crate::prefs::{FAVOURITES, OrderKind, Prefs};
use crate::words;

/// The prefix of the id of a group's plate. A device name cannot contain this character.
const GROUP: char = '@';

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plate {
    /// The name of the device, or `@` and the name of the group.
    pub id: String,
    /// The device of the plate. This field is `None` for the plate of a group.
    pub device: Option<Name>,
    pub title: String,
    pub lines: Vec<(Key, LineKind)>,
    /// Whether all lines of the device are in groups.
    pub elsewhere: bool,
}

/// Returns all plates in the arranged order. A search hides lines that do not match, and plates without matching lines.
pub fn plates(model: &Model, prefs: &Prefs, search: &str) -> Vec<Plate> {
    let wanted: Vec<String> = search.split_whitespace().map(str::to_ascii_lowercase).collect();
    let mut plates: Vec<Plate> = prefs.groups().into_iter().map(of_group).collect();
    let groups = plates.len();
    for name in model.names() {
        let Some(device) = model.device(&name) else { continue };
        let mut own = Plate {
            id: name.to_string(),
            title: words::title(name.as_str()),
            lines: Vec::new(),
            elsewhere: !device.lines.is_empty(),
            device: Some(name.clone()),
        };
        for line in &device.lines {
            let key = Key { device: name.clone(), line: line.name.clone() };
            let group = prefs.group(&key.to_string());
            if !found(&key, line.kind, group, &wanted) {
                continue;
            }
            let groups = plates.get_mut(..groups).unwrap_or_default();
            let place = groups.iter_mut().find(|plate| group == Some(plate.title.as_str()));
            place.unwrap_or(&mut own).lines.push((key, line.kind));
        }
        plates.push(own);
    }
    plates.retain(|plate| !plate.lines.is_empty() || (plate.device.is_some() && wanted.is_empty()));
    for plate in &mut plates {
        plate.lines.sort_by_cached_key(|(key, _)| prefs.place(OrderKind::Lines, &key.to_string()));
        plate.elsewhere &= plate.lines.is_empty();
    }
    plates.sort_by_cached_key(|plate| match prefs.place(OrderKind::Plates, &plate.id) {
        // New devices are placed after the arranged devices. The plate of favourites is first, unless the person has
        // moved this plate.
        usize::MAX if plate.is_favourites() => 0,
        place => place.saturating_add(1),
    });
    plates
}

impl Plate {
    pub fn is_favourites(&self) -> bool {
        self.device.is_none() && self.title == FAVOURITES
    }

    /// Returns the lines of the plate as `DEVICE/LINE`, which is the form in the preferences.
    pub fn order(&self) -> Vec<String> {
        self.lines.iter().map(|(key, _)| key.to_string()).collect()
    }
}

fn of_group(title: String) -> Plate {
    Plate { id: format!("{GROUP}{title}"), device: None, title, lines: Vec::new(), elsewhere: false }
}

/// Whether a line matches the search. Each searched word must occur in the name of the device or of the line (as
/// written or as displayed), in the kind of the line, or in the name of the group.
fn found(key: &Key, kind: LineKind, group: Option<&str>, wanted: &[String]) -> bool {
    if wanted.is_empty() {
        return true;
    }
    let spaced = |name: &Name| name.as_str().replace(['-', '_'], " ");
    let text = format!(
        "{key} {} {} {kind} {}",
        spaced(&key.device),
        spaced(&key.line),
        group.map(words::group).unwrap_or_default().to_ascii_lowercase()
    );
    wanted.iter().all(|word| text.contains(word.as_str()))
}

/// Moves a line to the position of the line `at` on a plate, or to the end of the plate. Does nothing if the plate
/// belongs to another device.
pub fn take(prefs: &mut Prefs, plate: &Plate, line: &Key, at: Option<&str>) {
    let id = line.to_string();
    match &plate.device {
        Some(device) if *device != line.device => return,
        Some(_) => prefs.put(&id, None),
        None => prefs.put(&id, Some(&plate.title)),
    }
    let mut order = plate.order();
    let from = order.iter().position(|own| *own == id);
    let to = at.and_then(|at| order.iter().position(|own| own == at));
    order.retain(|own| *own != id);
    order.insert(to.unwrap_or(order.len()).min(order.len()), id);
    if from != to || from.is_none() {
        prefs.arrange(OrderKind::Lines, order);
    }
}
