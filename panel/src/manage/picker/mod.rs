//! The selected scopes, and the scopes that a viewer can select.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use pinlatch_protocol::panel::DeviceView;
use pinlatch_protocol::scope::{MAX_SCOPES, Pattern, Scope, ScopeSet, SiteRight};

use super::rights::Rights;

/// The selection state of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    Off,
    On,
    /// The scope is covered by a wider scope that is selected.
    Implied,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Picker {
    chosen: BTreeSet<Scope>,
}

/// One row of the scope picker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub device: Pattern,
    pub line: Pattern,
    /// The scopes of the row, from the permission to read to the permission for all actions.
    pub scopes: Vec<Scope>,
}

impl Picker {
    /// Creates a picker in which existing scopes are selected.
    pub fn of(set: &ScopeSet) -> Self {
        Self { chosen: set.iter().cloned().collect() }
    }

    pub fn set(&self) -> ScopeSet {
        self.chosen.iter().cloned().collect()
    }

    /// Returns the selection state of a scope.
    pub fn choice(&self, scope: &Scope) -> Choice {
        if self.chosen.contains(scope) {
            Choice::On
        } else if self.set().covers(&one(scope)) {
            Choice::Implied
        } else {
            Choice::Off
        }
    }

    /// Selects a scope, and removes narrower scopes that the selected scope covers. If the scope is already selected,
    /// deselects the scope.
    pub fn toggle(&mut self, scope: &Scope) {
        if !self.chosen.remove(scope) {
            let wide = one(scope);
            self.chosen.retain(|own| !wide.covers(&one(own)));
            self.chosen.insert(scope.clone());
        }
    }

    /// Returns the selected scopes that are in none of the rows. The devices or lines of these scopes do not exist.
    pub fn others(&self, rows: &[Row], rights: &[Scope]) -> Vec<Scope> {
        let shown =
            |scope: &&Scope| rights.contains(scope) || rows.iter().any(|row| row.scopes.contains(scope));
        self.chosen.iter().filter(|scope| !shown(scope)).cloned().collect()
    }

    /// Returns the error in the selection. Returns `None` if the selection is valid.
    pub fn fault(&self) -> Option<Fault> {
        match self.chosen.len() {
            0 => Some(Fault::Nothing),
            1..=MAX_SCOPES => None,
            _ => Some(Fault::TooMany),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Nothing,
    /// More than [`MAX_SCOPES`] scopes are selected.
    TooMany,
}

/// Returns a row for all devices together, and rows for each device and each line. Only scopes that the viewer has are
/// offered.
pub fn rows(devices: &[DeviceView], rights: &Rights) -> Vec<Row> {
    let row = |device: &Pattern, line: &Pattern, verbs: &[Option<&'static str>]| {
        let scope = |verb| Scope::Line { device: device.clone(), line: line.clone(), verb };
        let scopes: Vec<Scope> =
            verbs.iter().map(|verb| scope(*verb)).filter(|scope| rights.holds(scope)).collect();
        (!scopes.is_empty()).then(|| Row { device: device.clone(), line: line.clone(), scopes })
    };
    let wide = [Some("read"), None];
    let mut rows = Vec::new();
    rows.extend(row(&Pattern::Any, &Pattern::Any, &wide));
    for device in devices {
        let name = Pattern::One(device.name.clone());
        rows.extend(row(&name, &Pattern::Any, &wide));
        for line in &device.lines {
            let mut verbs = vec![Some("read")];
            verbs.extend(line.kind.actions().iter().map(|action| Some(*action)));
            if line.kind.actions().len() > 1 {
                verbs.push(None);
            }
            rows.extend(row(&name, &Pattern::One(line.name.clone()), &verbs));
        }
    }
    rows
}

/// Returns the administrative scopes that the viewer can grant.
pub fn site_rights(rights: &Rights) -> Vec<Scope> {
    let all = [
        Some(SiteRight::Devices),
        Some(SiteRight::Users),
        Some(SiteRight::Tokens),
        Some(SiteRight::Audit),
        Some(SiteRight::Grants),
        None,
    ];
    all.into_iter().map(Scope::Site).filter(|scope| rights.holds(scope)).collect()
}

fn one(scope: &Scope) -> ScopeSet {
    [scope.clone()].into_iter().collect()
}
