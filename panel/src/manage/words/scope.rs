//! Descriptions of scopes and roles.

use pinlatch_protocol::scope::{Pattern, Role, Scope, ScopeSet, SiteRight};

use crate::words::title;

/// Returns one sentence for each scope of a set.
pub fn sentences(set: &ScopeSet) -> Vec<String> {
    set.iter().map(sentence).collect()
}

pub fn sentence(scope: &Scope) -> String {
    match scope {
        Scope::Site(right) => site(*right).into(),
        Scope::Line { device, line, verb } => format!("{} {}", self::verb(*verb), lines(device, line)),
    }
}

pub fn site(right: Option<SiteRight>) -> &'static str {
    match right {
        None => "Administer the whole site",
        Some(SiteRight::Devices) => "Enrol and remove devices",
        Some(SiteRight::Users) => "Invite, change and remove people",
        Some(SiteRight::Tokens) => "Create and revoke API tokens and guest links",
        Some(SiteRight::Audit) => "Read the activity log",
        Some(SiteRight::Grants) => "Create permissions for commands on the local network",
    }
}

pub fn verb(verb: Option<&str>) -> &'static str {
    match verb {
        None => "See and operate",
        Some("read") => "See",
        Some("set") => "Set",
        Some("toggle") => "Toggle",
        Some("pulse") => "Press",
        Some("blink") => "Blink",
        Some(_) => "Use",
    }
}

fn lines(device: &Pattern, line: &Pattern) -> String {
    match (device, line) {
        (Pattern::Any, Pattern::Any) => "every line of every device".into(),
        (Pattern::One(device), Pattern::Any) => format!("every line of {}", title(device.as_str())),
        (Pattern::Any, Pattern::One(line)) => format!("{} of every device", title(line.as_str())),
        (Pattern::One(device), Pattern::One(line)) => {
            format!("{} of {}", title(line.as_str()), title(device.as_str()))
        }
    }
}

/// Returns the name and the description of a role.
pub fn role(role: Role) -> (&'static str, &'static str) {
    let text = match role {
        Role::Owner => "An owner has full access, including people and devices.",
        Role::Operator => "An operator can see and operate every line.",
        Role::Viewer => "A viewer can see every line, but cannot operate lines.",
    };
    (crate::words::role(role), text)
}

/// Returns the name of a role, or the name of custom permissions if there is no role.
pub fn role_name(role: Option<Role>) -> &'static str {
    role.map_or(super::people::OWN, crate::words::role)
}

/// Returns the value of the attribute `data-role`.
pub fn role_mark(role: Option<Role>) -> &'static str {
    role.map_or("custom", Role::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_is_said_in_words() {
        for (scope, words) in [
            ("line:porch/door:pulse", "Press Door of Porch"),
            ("line:porch/front-door:read", "See Front door of Porch"),
            ("line:porch/*:*", "See and operate every line of Porch"),
            ("line:*/lamp:set", "Set Lamp of every device"),
            ("line:*/*:read", "See every line of every device"),
            ("site:audit", "Read the activity log"),
            ("site:*", "Administer the whole site"),
        ] {
            assert_eq!(sentence(&scope.parse().unwrap()), words, "{scope}");
        }
    }

    #[test]
    fn every_verb_and_right_has_words_of_its_own() {
        let verbs: std::collections::BTreeSet<_> =
            pinlatch_protocol::scope::VERBS.iter().map(|verb| super::verb(Some(verb))).collect();
        assert_eq!(verbs.len(), 5);
        assert!(!verbs.contains("Use"));
    }
}
