//! Which scopes are chosen for somebody or something, and which can be.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use pinlatch_protocol::panel::DeviceView;
use pinlatch_protocol::scope::{MAX_SCOPES, Pattern, Scope, ScopeSet, SiteRight};

use super::rights::Rights;

/// How a scope stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Not chosen.
    Off,
    /// Chosen.
    On,
    /// Contained in a wider one that is chosen.
    Implied,
}

/// What is chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Picker {
    chosen: BTreeSet<Scope>,
}

/// What can be chosen for some lines: one row of the picker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The device; any for all.
    pub device: Pattern,
    /// The line; any for all of the device.
    pub line: Pattern,
    /// The scopes, from looking to everything.
    pub scopes: Vec<Scope>,
}

impl Picker {
    /// Begins with what somebody has.
    pub fn of(set: &ScopeSet) -> Self {
        Self { chosen: set.iter().cloned().collect() }
    }

    /// What is chosen, as it is sent.
    pub fn set(&self) -> ScopeSet {
        self.chosen.iter().cloned().collect()
    }

    /// How a scope stands.
    pub fn choice(&self, scope: &Scope) -> Choice {
        if self.chosen.contains(scope) {
            Choice::On
        } else if self.set().covers(&one(scope)) {
            Choice::Implied
        } else {
            Choice::Off
        }
    }

    /// Chooses a scope, in place of the narrower ones that it contains; or no longer.
    pub fn toggle(&mut self, scope: &Scope) {
        if !self.chosen.remove(scope) {
            let wide = one(scope);
            self.chosen.retain(|own| !wide.covers(&one(own)));
            self.chosen.insert(scope.clone());
        }
    }

    /// What is chosen and stands in none of the rows: of devices and lines that are not there.
    pub fn others(&self, rows: &[Row], rights: &[Scope]) -> Vec<Scope> {
        let shown =
            |scope: &&Scope| rights.contains(scope) || rows.iter().any(|row| row.scopes.contains(scope));
        self.chosen.iter().filter(|scope| !shown(scope)).cloned().collect()
    }

    /// Why what is chosen cannot be given; `None` where it can.
    pub fn fault(&self) -> Option<Fault> {
        match self.chosen.len() {
            0 => Some(Fault::Nothing),
            1..=MAX_SCOPES => None,
            _ => Some(Fault::TooMany),
        }
    }
}

/// What is wrong with a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is chosen.
    Nothing,
    /// More scopes than a set may hold.
    TooMany,
}

/// The rows for lines: every device, each device, each line; of each only what the chooser holds.
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

/// The administrative rights that the chooser can hand on.
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
