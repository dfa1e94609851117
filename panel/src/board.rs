//! Layout of the lines: one plate for each device and each group, in the arranged order, filtered by the search.

#[cfg(test)]
mod tests;

use pinlatch_protocol::line::LineKind;
use pinlatch_protocol::name::Name;

use crate::model::{Key, Model};
use crate::prefs::{FAVOURITES, OrderKind, Prefs};
use crate::words;

/// Prefix of a group plate's id; not allowed in device names.
const GROUP: char = '@';

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plate {
    /// The device's name, or `@` and the group's name.
    pub id: String,
    /// `None` for a group.
    pub device: Option<Name>,
    pub title: String,
    pub lines: Vec<(Key, LineKind)>,
    /// Whether the device has lines, but all of them are in groups.
    pub elsewhere: bool,
}

/// All plates in order. A search hides lines that do not match, and plates that become empty.
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
        // New devices follow the arranged ones. Favourites come first unless they were moved.
        usize::MAX if plate.is_favourites() => 0,
        place => place.saturating_add(1),
    });
    plates
}

impl Plate {
    pub fn is_favourites(&self) -> bool {
        self.device.is_none() && self.title == FAVOURITES
    }

    /// The lines as `DEVICE/LINE`, as preferences store them.
    pub fn order(&self) -> Vec<String> {
        self.lines.iter().map(|(key, _)| key.to_string()).collect()
    }
}

fn of_group(title: String) -> Plate {
    Plate { id: format!("{GROUP}{title}"), device: None, title, lines: Vec::new(), elsewhere: false }
}

/// Whether each word occurs in the names (as written or as displayed), the kind or the group.
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

/// Moves a line to the position of the line `at` on a plate, or to the end. Ignored for the plate of another device.
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
