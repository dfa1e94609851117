//! This module defines scopes (RFC 6749 §3.3), which are the permissions of tokens and people.
//!
//! The scope `line:porch/door:pulse` allows one verb on one GPIO line. The scope `line:porch/*:read` allows one verb on
//! all lines of a device. The scope `line:*/*:*` allows every verb on every line. The scope `site:users` grants one
//! administrative right. The scope `site:*` grants all administrative rights.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::name::{Name, NameError};
use crate::wire_enum::wire_enum;

/// The maximum number of scopes in a set of scopes.
pub const MAX_SCOPES: usize = 64;

/// The verbs that a line scope can contain: `read` and the names of all actions.
pub const VERBS: [&str; 5] = ["read", "set", "toggle", "pulse", "blink"];

/// The reason why a text is not a valid scope or set of scopes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// The text does not have the form `line:DEVICE/LINE:VERB` or `site:RIGHT`.
    #[error("{0:?} is not a scope; write line:DEVICE/LINE:VERB or site:RIGHT, such as line:porch/door:read")]
    Form(String),
    /// The name of a device or line in the scope is invalid.
    #[error("{0:?}: {1}")]
    Name(String, NameError),
    /// The set contains more than [`MAX_SCOPES`] scopes.
    #[error("a set of scopes must not have more than {MAX_SCOPES} scopes")]
    TooMany,
}

/// A pattern in a scope: one name, or `*` for every name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pattern {
    /// Matches every name (`*`).
    Any,
    /// Matches only the given name.
    One(Name),
}

impl Pattern {
    fn covers(&self, name: &Name) -> bool {
        match self {
            Self::Any => true,
            Self::One(own) => own == name,
        }
    }

    fn parse(text: &str, whole: &str) -> Result<Self, ScopeError> {
        if text == "*" {
            return Ok(Self::Any);
        }
        Name::new(text).map(Self::One).map_err(|error| ScopeError::Name(clip(whole), error))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::One(name) => name.fmt(f),
        }
    }
}

/// An administrative right at a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SiteRight {
    /// The right to enrol and remove devices.
    Devices,
    /// The right to invite, change and remove people.
    Users,
    /// The right to issue, list and revoke API tokens and guest links.
    Tokens,
    /// The right to read the audit log.
    Audit,
    /// A reserved right to issue grants for commands on the local network. No part of Pinlatch uses the right `grants`
    /// yet.
    Grants,
}

impl SiteRight {
    pub(crate) const ALL: [(Self, &'static str); 5] = [
        (Self::Devices, "devices"),
        (Self::Users, "users"),
        (Self::Tokens, "tokens"),
        (Self::Audit, "audit"),
        (Self::Grants, "grants"),
    ];

    /// Returns the name of the right in a scope.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(right, _)| *right == self).map_or("", |(_, word)| word)
    }
}

/// One permission of a token or a person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Allows a verb on GPIO lines.
    Line {
        /// The devices that the scope covers.
        device: Pattern,
        /// The lines that the scope covers on the devices.
        line: Pattern,
        /// The verb that the scope allows. `None` means that the scope allows every verb.
        verb: Option<&'static str>,
    },
    /// Grants an administrative right. `None` means all administrative rights.
    Site(Option<SiteRight>),
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let form = || ScopeError::Form(clip(text));
        if let Some(word) = text.strip_prefix("site:") {
            if word == "*" {
                return Ok(Self::Site(None));
            }
            let right = SiteRight::ALL.iter().find(|(_, own)| *own == word);
            return right.map(|(right, _)| Self::Site(Some(*right))).ok_or_else(form);
        }
        let rest = text.strip_prefix("line:").ok_or_else(form)?;
        let (place, verb) = rest.split_once(':').ok_or_else(form)?;
        let (device, line) = place.split_once('/').ok_or_else(form)?;
        let verb = match verb {
            "*" => None,
            word => Some(*VERBS.iter().find(|own| **own == word).ok_or_else(form)?),
        };
        Ok(Self::Line { device: Pattern::parse(device, text)?, line: Pattern::parse(line, text)?, verb })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { device, line, verb } => write!(f, "line:{device}/{line}:{}", verb.unwrap_or("*")),
            Self::Site(right) => write!(f, "site:{}", right.map_or("*", SiteRight::as_str)),
        }
    }
}

fn clip(text: &str) -> String {
    text.chars().take(64).collect()
}

/// A set of scopes. In text form, for example in a `scope` claim, single spaces separate the scopes. The set contains
/// no scope that another scope of the set covers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ScopeSet(BTreeSet<Scope>);

impl ScopeSet {
    /// Returns whether the set allows a verb on a line. If the set allows any verb on a line, the set also allows
    /// `read`.
    pub fn allows_line(&self, device: &Name, line: &Name, wanted: &str) -> bool {
        self.0.iter().any(|scope| match scope {
            Scope::Line { device: devices, line: lines, verb } => {
                devices.covers(device)
                    && lines.covers(line)
                    && (wanted == "read" || verb.is_none_or(|verb| verb == wanted))
            }
            Scope::Site(_) => false,
        })
    }

    /// Returns whether the set contains the given administrative right.
    pub fn allows_site(&self, wanted: SiteRight) -> bool {
        self.0.iter().any(|scope| matches!(scope, Scope::Site(own) if own.is_none_or(|own| own == wanted)))
    }

    /// Returns whether each scope of the other set is covered by one scope of this set. A caller can issue a token only
    /// if the caller's scopes cover the token's scopes.
    pub fn covers(&self, other: &Self) -> bool {
        other.0.iter().all(|wanted| self.0.iter().any(|own| covers(own, wanted)))
    }

    /// Returns the intersection of two scope sets. If the intersection has more than [`MAX_SCOPES`] scopes, the result
    /// omits some of them, so that a chain of intersections cannot become larger and larger. The result is never wider
    /// than the intersection.
    pub fn within(&self, other: &Self) -> Self {
        self.meet(other).0
    }

    /// Returns the intersection of two scope sets, or an error if it has more than [`MAX_SCOPES`] scopes.
    pub fn checked_within(&self, other: &Self) -> Result<Self, ScopeError> {
        let (both, is_whole) = self.meet(other);
        if is_whole { Ok(both) } else { Err(ScopeError::TooMany) }
    }

    /// Returns at most [`MAX_SCOPES`] scopes of the intersection, and whether these are all scopes of the intersection.
    fn meet(&self, other: &Self) -> (Self, bool) {
        let covered = |own: &Self, by: &Self| -> (Vec<Scope>, Vec<Scope>) {
            let is_covered = |scope: &Scope| by.0.iter().any(|wide| covers(wide, scope));
            // In reverse order, administrative rights come first, so that they are never omitted.
            own.0.iter().rev().cloned().partition(is_covered)
        };
        let ((own, own_rest), (others, others_rest)) = (covered(self, other), covered(other, self));
        let parts = own_rest.iter().flat_map(|a| others_rest.iter().filter_map(move |b| meet(a, b)));
        let (mut both, mut is_whole) = (Vec::new(), true);
        for scope in own.iter().chain(&others).cloned().chain(parts) {
            is_whole &= absorb(&mut both, scope, MAX_SCOPES);
        }
        (Self(both.into_iter().collect()), is_whole)
    }

    /// Returns the scopes in sorted order.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }

    /// Returns whether the set contains no scope.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Adds a scope to a list in which no scope covers another. The result is `false` if the list would get more than
/// `most` scopes. In this case, the scope is not added.
fn absorb(scopes: &mut Vec<Scope>, scope: Scope, most: usize) -> bool {
    if scopes.iter().any(|own| covers(own, &scope)) {
        return true;
    }
    scopes.retain(|own| !covers(&scope, own));
    let fits = scopes.len() < most;
    if fits {
        scopes.push(scope);
    }
    fits
}

fn covers(own: &Scope, wanted: &Scope) -> bool {
    let wide = |own: &Pattern, wanted: &Pattern| *own == Pattern::Any || own == wanted;
    match (own, wanted) {
        (Scope::Site(own), Scope::Site(wanted)) => own.is_none() || own == wanted,
        (Scope::Line { device, line, verb }, Scope::Line { device: device2, line: line2, verb: verb2 }) => {
            wide(device, device2)
                && wide(line, line2)
                && (verb.is_none() || verb == verb2 || *verb2 == Some("read"))
        }
        _ => false,
    }
}

fn meet(one: &Scope, other: &Scope) -> Option<Scope> {
    match (one, other) {
        (Scope::Site(a), Scope::Site(b)) => match (a, b) {
            (None, right) | (right, None) => Some(Scope::Site(*right)),
            (Some(a), Some(b)) => (a == b).then_some(Scope::Site(Some(*a))),
        },
        (
            Scope::Line { device: device_a, line: line_a, verb: verb_a },
            Scope::Line { device: device_b, line: line_b, verb: verb_b },
        ) => {
            let verb = match (verb_a, verb_b) {
                (None, verb) | (verb, None) => *verb,
                (Some(a), Some(b)) if a == b => Some(*a),
                // Every verb includes `read`, so two scopes with different verbs have only `read` in common.
                _ => Some("read"),
            };
            Some(Scope::Line { device: narrower(device_a, device_b)?, line: narrower(line_a, line_b)?, verb })
        }
        _ => None,
    }
}

fn narrower(one: &Pattern, other: &Pattern) -> Option<Pattern> {
    match (one, other) {
        (Pattern::Any, pattern) | (pattern, Pattern::Any) => Some(pattern.clone()),
        (Pattern::One(a), Pattern::One(b)) => (a == b).then(|| one.clone()),
    }
}

impl FromStr for ScopeSet {
    type Err = ScopeError;
    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let set: BTreeSet<Scope> =
            text.split(' ').filter(|word| !word.is_empty()).map(str::parse).collect::<Result<_, _>>()?;
        if set.len() > MAX_SCOPES { Err(ScopeError::TooMany) } else { Ok(set.into_iter().collect()) }
    }
}

impl TryFrom<String> for ScopeSet {
    type Error = ScopeError;
    fn try_from(text: String) -> Result<Self, ScopeError> {
        text.parse()
    }
}

impl From<ScopeSet> for String {
    fn from(set: ScopeSet) -> String {
        set.to_string()
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.0.iter().enumerate() {
            write!(f, "{}{scope}", if index == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut whole = Vec::new();
        for scope in scopes {
            absorb(&mut whole, scope, usize::MAX);
        }
        Self(whole.into_iter().collect())
    }
}

wire_enum! {
    /// A role, which is a named set of scopes.
    pub enum Role {
        /// The owner role has all scopes.
        Owner = "owner",
        /// The operator role can read and operate all GPIO lines.
        Operator = "operator",
        /// The viewer role can read all GPIO lines.
        Viewer = "viewer",
    }
}

impl Role {
    /// Returns the scopes of the role.
    pub fn scopes(self) -> ScopeSet {
        let line = |verb| Scope::Line { device: Pattern::Any, line: Pattern::Any, verb };
        match self {
            Self::Owner => [line(None), Scope::Site(None)].into_iter().collect(),
            Self::Operator => [line(None)].into_iter().collect(),
            Self::Viewer => [line(Some("read"))].into_iter().collect(),
        }
    }
}

/// The schemas in the OpenAPI document.
#[cfg(test)]
pub(crate) mod schemas {
    use schemars::json_schema;

    use super::{MAX_SCOPES, ScopeSet, SiteRight, VERBS};

    crate::schema::schemas! {
        ScopeSet as ("Scopes") = |_| {
            let name = format!("(\\*|{})", crate::name::schemas::pattern());
            let rights: Vec<&str> = SiteRight::ALL.iter().map(|(_, word)| *word).collect();
            let scope = format!("(line:{name}/{name}:(\\*|{})|site:(\\*|{}))", VERBS.join("|"), rights.join("|"));
            json_schema!({
                "description": format!(
                    "A list of at most {MAX_SCOPES} scopes (RFC 6749 §3.3), separated by spaces. A scope is \
                    `line:DEVICE/LINE:VERB`, `site:RIGHT` or `site:*`. Each part of a `line:` scope can be `*`."
                ),
                "type": "string",
                "pattern": format!("^ *({scope}( +{scope}){{0,{}}} *)?$", MAX_SCOPES - 1),
                "examples": ["line:porch/door:pulse line:porch/*:read"],
            })
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(text: &str) -> ScopeSet {
        text.parse().unwrap()
    }
    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    #[test]
    fn a_scope_names_its_lines_and_verb() {
        let guest = set("line:porch/door:pulse line:porch/lamp:read");
        assert!(guest.allows_line(&name("porch"), &name("door"), "pulse"));
        assert!(guest.allows_line(&name("porch"), &name("door"), "read"), "`pulse` includes `read`");
        assert!(!guest.allows_line(&name("porch"), &name("door"), "set"));
        assert!(!guest.allows_line(&name("porch"), &name("lamp"), "toggle"));
        assert!(!guest.allows_line(&name("shed"), &name("door"), "pulse"));
        assert!(!guest.allows_site(SiteRight::Users));
        assert!(Role::Owner.scopes().allows_site(SiteRight::Users));
        assert!(!Role::Viewer.scopes().allows_line(&name("a"), &name("b"), "set"));
    }

    #[test]
    fn malformed_scopes_are_refused() {
        for text in [
            "line",
            "line:",
            "line:a:b",
            "line:a/b",
            "line:a/b:fly",
            "line:a*/b:set",
            "site:",
            "site:root",
            "LINE:a/b:set",
            "line:a/b/c:set",
        ] {
            assert!(text.parse::<Scope>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_issued_token_never_exceeds_its_issuer() {
        assert!(Role::Owner.scopes().covers(&set("line:a/b:set site:audit")));
        assert!(Role::Operator.scopes().covers(&Role::Viewer.scopes()));
        assert!(!Role::Viewer.scopes().covers(&set("line:a/b:set")));
        assert!(!set("line:a/*:*").covers(&set("line:*/b:set")));
        assert!(set("line:a/b:set").covers(&set("line:a/b:read")));
    }

    fn any_scope() -> impl Strategy<Value = Scope> {
        let pattern =
            prop_oneof![Just(Pattern::Any), "[a-c]".prop_map(|n| Pattern::One(Name::new(n).unwrap()))];
        let verb = prop_oneof![Just(None), prop::sample::select(&VERBS[..]).prop_map(Some)];
        prop_oneof![
            (pattern.clone(), pattern, verb).prop_map(|(device, line, verb)| Scope::Line {
                device,
                line,
                verb
            }),
            prop_oneof![Just(None), Just(Some(SiteRight::Users)), Just(Some(SiteRight::Audit))]
                .prop_map(Scope::Site),
        ]
    }

    /// Returns a scope of many devices and lines, so that intersections become large.
    fn wide_scope() -> impl Strategy<Value = Scope> {
        let one = |letter: char| {
            (0u8..40).prop_map(move |n| Pattern::One(Name::new(format!("{letter}{n}")).unwrap()))
        };
        let verb = prop_oneof![Just(None), prop::sample::select(&VERBS[..]).prop_map(Some)];
        prop_oneof![
            10 => (one('d'), verb.clone()).prop_map(|(device, verb)| Scope::Line { device, line: Pattern::Any, verb }),
            10 => (one('l'), verb).prop_map(|(line, verb)| Scope::Line { device: Pattern::Any, line, verb }),
            1 => Just(Scope::Site(Some(SiteRight::Users))),
        ]
    }

    #[test]
    fn an_intersection_with_too_many_scopes_keeps_the_administrative_rights() {
        let all = |pattern: &str| {
            let lines = (0..40).map(|n| pattern.replace('#', &n.to_string()));
            set(&lines.chain(["site:users".into()]).collect::<Vec<_>>().join(" "))
        };
        let (devices, lines) = (all("line:d#/*:*"), all("line:*/l#:*"));
        let both = devices.within(&lines);
        assert_eq!(both.iter().count(), MAX_SCOPES);
        assert!(both.allows_site(SiteRight::Users));
        assert_eq!(devices.checked_within(&lines), Err(ScopeError::TooMany));
    }

    proptest! {
        #[test]
        fn scopes_survive_their_text(scopes in prop::collection::vec(any_scope(), 0..8)) {
            let set: ScopeSet = scopes.into_iter().collect();
            prop_assert_eq!(set.to_string().parse::<ScopeSet>().unwrap(), set);
        }

        /// A set contains no scope that another scope of the set covers, and allows the same as all its scopes.
        #[test]
        fn a_covered_scope_is_absorbed(scopes in prop::collection::vec(any_scope(), 0..12), device in "[a-d]", line in "[a-d]") {
            let set: ScopeSet = scopes.iter().cloned().collect();
            let redundant = |one: &Scope| set.iter().any(|other| one != other && covers(other, one));
            prop_assert!(!set.iter().any(redundant), "{}", set);
            let (device, line) = (name(&device), name(&line));
            let alone = |scope: &Scope| ScopeSet([scope.clone()].into_iter().collect());
            for verb in VERBS {
                let each = scopes.iter().any(|scope| alone(scope).allows_line(&device, &line, verb));
                prop_assert_eq!(set.allows_line(&device, &line, verb), each);
            }
            for (right, _) in SiteRight::ALL {
                let each = scopes.iter().any(|scope| alone(scope).allows_site(right));
                prop_assert_eq!(set.allows_site(right), each);
            }
        }

        /// Every intersection can be written and read, and allows nothing that one of the sets does not allow. A token
        /// whose scopes are covered keeps all of them.
        #[test]
        fn an_intersection_is_never_too_large(one in prop::collection::vec(wide_scope(), 0..64), other in prop::collection::vec(wide_scope(), 0..64)) {
            let (one, other): (ScopeSet, ScopeSet) = (one.into_iter().collect(), other.into_iter().collect());
            let both = one.within(&other);
            prop_assert_eq!(&both.to_string().parse::<ScopeSet>().unwrap(), &both);
            prop_assert!(one.covers(&both) && other.covers(&both));
            match one.checked_within(&other) {
                Ok(whole) => prop_assert_eq!(&whole, &both),
                Err(error) => prop_assert_eq!(error, ScopeError::TooMany),
            }
            if other.covers(&one) {
                prop_assert_eq!(&both, &one);
            }
            let wider: ScopeSet = one.iter().chain(other.iter()).cloned().collect();
            prop_assert_eq!(one.within(&wider), one.clone());
        }

        /// If a set covers another set, the first set allows everything that the second set allows.
        #[test]
        fn covering_never_widens(own in prop::collection::vec(any_scope(), 0..6), other in prop::collection::vec(any_scope(), 0..6), device in "[a-c]", line in "[a-c]") {
            let (own, other): (ScopeSet, ScopeSet) = (own.into_iter().collect(), other.into_iter().collect());
            if own.covers(&other) {
                for verb in VERBS {
                    let (device, line) = (name(&device), name(&line));
                    prop_assert!(!other.allows_line(&device, &line, verb) || own.allows_line(&device, &line, verb));
                }
            }
        }

        /// The intersection of two sets allows exactly the actions that both sets allow.
        #[test]
        fn within_allows_what_each_allows(one in prop::collection::vec(any_scope(), 0..5), other in prop::collection::vec(any_scope(), 0..5), device in "[a-d]", line in "[a-d]") {
            let (one, other): (ScopeSet, ScopeSet) = (one.into_iter().collect(), other.into_iter().collect());
            let (both, device, line) = (one.within(&other), name(&device), name(&line));
            for verb in VERBS {
                let each = one.allows_line(&device, &line, verb) && other.allows_line(&device, &line, verb);
                prop_assert_eq!(both.allows_line(&device, &line, verb), each, "{}", verb);
            }
            for right in [SiteRight::Users, SiteRight::Audit, SiteRight::Tokens] {
                prop_assert_eq!(both.allows_site(right), one.allows_site(right) && other.allows_site(right));
            }
        }
    }
}
