//! Warns of scopes that permit nothing, because the device, the line or the action does not exist.

use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::panel::DeviceView;
use pinlatch_protocol::scope::{Pattern, Scope, ScopeSet};

use crate::edge::api::Api;
use crate::terminal::output::warn;

/// Prints a warning on stderr for each scope that permits nothing at present. The scopes are still granted, because the
/// device can be enrolled later. A caller without permission to see the devices gets no warning.
pub fn warn_of_useless(edge: &Api, scopes: &ScopeSet) {
    let is_about_lines = |scope: &Scope| matches!(scope, Scope::Line { .. });
    if !scopes.iter().any(is_about_lines) {
        return;
    }
    let devices: Vec<DeviceView> = edge.call(&Endpoint::ListDevices).unwrap_or_default();
    if devices.is_empty() {
        return;
    }
    for scope in scopes.iter() {
        if let Some(reason) = reason(scope, &devices) {
            warn(&format!("{scope} permits nothing at present: {reason}."));
        }
    }
}

/// Returns the reason why a scope permits nothing, with the names that exist.
fn reason(scope: &Scope, devices: &[DeviceView]) -> Option<String> {
    let Scope::Line { device: Pattern::One(device), line, verb } = scope else { return None };
    let Some(found) = devices.iter().find(|own| own.name == *device) else {
        let names = devices.iter().map(|device| device.name.as_str());
        return Some(format!("the site has no device {device}; it has: {}", list(names)));
    };
    let Pattern::One(line) = line else { return None };
    let Some(found) = found.lines.iter().find(|own| own.name == *line) else {
        let names = found.lines.iter().map(|line| line.name.as_str());
        return Some(match found.lines.is_empty() {
            true => format!("{device} has no line {line}; it has reported no lines that you can see"),
            false => format!("{device} has no line {line}; it has: {}", list(names)),
        });
    };
    let actions = found.kind.actions();
    let verb = verb.filter(|verb| *verb != "read" && !actions.contains(verb))?;
    Some(match actions.is_empty() {
        true => format!("{device}/{line} has no action {verb}; it can only be read"),
        false => format!("{device}/{line} has no action {verb}; it has: {}", list(actions.iter().copied())),
    })
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_scope_for_nothing_says_what_there_is() {
        let line = |name: &str, kind: &str| json!({ "name": name, "kind": kind, "actions": [], "reported": null, "changed_ms": null });
        let devices = json!([{
            "name": "porch", "online": true, "last_seen_ms": null, "version": null,
            "lines": [line("door", "momentary"), line("lamp", "switch"), line("bell", "contact")],
        }]);
        let devices: Vec<DeviceView> = serde_json::from_value(devices).unwrap();
        for (scope, expected) in [
            ("line:porch/dor:pulse", Some("porch has no line dor; it has: door, lamp, bell")),
            ("line:prch/door:pulse", Some("the site has no device prch; it has: porch")),
            ("line:porch/door:set", Some("porch/door has no action set; it has: pulse")),
            ("line:porch/bell:pulse", Some("porch/bell has no action pulse; it can only be read")),
            ("line:porch/door:pulse", None),
            ("line:porch/bell:read", None),
            ("line:porch/door:*", None),
            ("line:porch/*:set", None),
            ("line:*/anything:set", None),
            ("site:audit", None),
        ] {
            assert_eq!(reason(&scope.parse().unwrap(), &devices).as_deref(), expected, "{scope}");
        }
    }
}
