//! Tests tokens that issued other tokens. No token has a permission that one of its ancestor tokens currently lacks.

use std::collections::BTreeMap;

use pinlatch_protocol::admin::IssueRequest;
use pinlatch_protocol::scope::{Role, ScopeSet, SiteRight};
use proptest::prelude::*;

use super::fixtures::*;
use super::*;

const REFUSED: &str = "insufficient_scope";

#[test]
fn a_line_of_tokens_has_an_end() {
    let test_site = TestSite::connected();
    for root in [test_site.log_in("ann", "f"), program("line:*/*:* site:*")] {
        let mut last = root.clone();
        let mut issued = 0;
        loop {
            let jti = format!("{}-{issued}", root.jti);
            let day = IssueRequest {
                expires_at: test_site.now_s() + DAY_S,
                ..api("line:porch/door:pulse site:tokens")
            };
            match test_site.issue(&last, day, &jti) {
                Ok(token) => {
                    assert_eq!(test_site.may(&token), Ok("line:porch/door:pulse site:tokens".into()));
                    (last, issued) = (token, issued + 1);
                }
                Err(code) => {
                    assert_eq!(code, "invalid_request");
                    break;
                }
            }
        }
        // If the root of the chain is a token, the root counts as one of the eight tokens.
        assert_eq!(issued, if root.family.is_some() { 8 } else { 7 });
        assert!(test_site.commands(&last, pulse("one")).is_ok(), "the last token of the chain is valid");
        test_site.revoke(&owner(), &format!("{}-0", root.jti), None).unwrap();
        assert_eq!(
            test_site.may(&last),
            Err("invalid_token".into()),
            "it becomes invalid with the first token"
        );
    }
}

#[test]
fn no_token_outlives_its_parent() {
    let test_site = TestSite::connected();
    let ann = test_site.log_in("ann", "f");
    let until = |request: IssueRequest, expires_at: u64| IssueRequest { expires_at, ..request };
    let end = test_site.now_s() + DAY_S;
    let parent = test_site.issue(&ann, until(api("line:*/*:* site:tokens"), end), "parent").unwrap();
    assert_eq!(
        test_site.issue(&parent, until(api("line:*/*:read"), end + 1), "late"),
        Err("invalid_request".into())
    );
    let child = test_site.issue(&parent, until(guest("line:*/*:read"), end), "child").unwrap();
    test_site.pass(DAY_S * 1000 - 1);
    assert!(test_site.may(&child).is_ok());
    test_site.pass(1);
    assert_eq!(test_site.may(&child), Err("invalid_token".into()));
    // The access token of a login is valid for minutes, but the tokens that a person issues during the login can be
    // valid for longer.
    assert!(test_site.issue(&ann, until(api("line:*/*:read"), test_site.now_s() + DAY_S), "long").is_ok());
    let robot = Principal { exp: test_site.now_s() + 600, ..program("site:* line:*/*:*") };
    let late = until(api("line:*/*:read"), robot.exp + 1);
    assert_eq!(test_site.issue(&robot, late, "x"), Err("invalid_request".into()));
    assert!(test_site.issue(&robot, until(api("line:*/*:read"), robot.exp), "x").is_ok());
}

#[test]
fn revoking_a_token_signed_elsewhere_revokes_the_tokens_it_issued() {
    let test_site = TestSite::connected();
    let root = program("line:*/*:* site:tokens");
    let day = |request: IssueRequest| IssueRequest { expires_at: test_site.now_s() + DAY_S, ..request };
    let child = test_site.issue(&root, day(api("line:porch/*:* site:tokens")), "child").unwrap();
    let grandchild = test_site.issue(&child, day(guest("line:porch/door:pulse")), "grandchild").unwrap();
    assert!(test_site.may(&grandchild).is_ok());
    test_site.revoke(&owner(), &root.jti, Some(root.exp)).unwrap();
    for dead in [&root, &child, &grandchild] {
        assert_eq!(test_site.may(dead), Err("invalid_token".into()), "{}", dead.jti);
    }
    assert_eq!(test_site.exchange(&grandchild.jti), Err("link_not_valid".into()));
}

#[test]
fn a_token_invites_within_its_rights_but_never_an_owner() {
    let test_site = TestSite::connected();
    let script =
        test_site.issue(&test_site.log_in("ann", "f"), api("line:porch/*:* site:users"), "script").unwrap();
    assert_eq!(test_site.invite(&script, "bob", scope("line:porch/door:pulse"), "code"), Ok(()));
    assert_eq!(test_site.invite(&script, "eve", role(Role::Viewer), "x"), Err(REFUSED.into()));
    assert_eq!(test_site.invite(&script, "eve", role(Role::Owner), "x"), Err(REFUSED.into()));
    test_site.revoke(&owner(), "script", None).unwrap();
    assert_eq!(
        test_site.invite(&script, "eve", scope("line:porch/door:pulse"), "x"),
        Err("invalid_token".into())
    );
    let keep = Call::Retain { principal: script, days: 1 };
    assert_eq!(test_site.refusal(keep), "invalid_token");
}

const SCOPES: [&str; 8] = [
    "line:*/*:* site:*",
    "line:*/*:* site:tokens",
    "line:porch/*:* site:tokens",
    "line:porch/door:pulse line:porch/lamp:set site:tokens",
    "line:*/*:read site:tokens site:audit",
    "line:porch/door:*",
    "line:*/door:pulse site:tokens",
    "site:users",
];

/// One random action of the test. Each number selects an existing item, for example a person or a token.
#[derive(Debug, Clone)]
enum Step {
    IssueBy { person: usize, scope: usize, life_s: u64 },
    IssueFrom { token: usize, scope: usize, life_s: u64 },
    Change { person: usize, scope: usize },
    Remove { person: usize },
    Revoke { token: usize },
    GiveUp { token: usize },
    RevokeIssuer,
    Generation,
    Pass { ms: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let (person, scope) = (0usize..3, 0usize..SCOPES.len());
    let (token, life_s) = (0usize..12, prop::sample::select(vec![60u64, 600, DAY_S]));
    prop_oneof![
        5 => (person.clone(), scope.clone(), life_s.clone())
            .prop_map(|(person, scope, life_s)| Step::IssueBy { person, scope, life_s }),
        8 => (token.clone(), scope.clone(), life_s)
            .prop_map(|(token, scope, life_s)| Step::IssueFrom { token, scope, life_s }),
        4 => (person.clone(), scope).prop_map(|(person, scope)| Step::Change { person, scope }),
        1 => person.prop_map(|person| Step::Remove { person }),
        2 => token.clone().prop_map(|token| Step::Revoke { token }),
        1 => token.prop_map(|token| Step::GiveUp { token }),
        1 => prop::bool::weighted(0.2).prop_map(|rare| if rare { Step::RevokeIssuer } else { Step::Pass { ms: 1 } }),
        1 => prop::bool::weighted(0.2).prop_map(|rare| if rare { Step::Generation } else { Step::Pass { ms: 1 } }),
        3 => prop::sample::select(vec![1_000u64, 59_000, 300_000]).prop_map(|ms| Step::Pass { ms }),
    ]
}

#[derive(Debug, Clone)]
enum Grantor {
    /// A person, with an index and a join number. The join number distinguishes people who had the same name at
    /// different times.
    Person(usize, u32),
    Token(usize),
    Issuer,
}

struct Known {
    principal: Principal,
    grantor: Grantor,
    ended: bool,
}

/// The expected permissions, computed independently of the site.
struct Model {
    test_site: TestSite,
    /// The rights and the join number of each current person.
    people: BTreeMap<usize, (ScopeSet, u32)>,
    /// The total number of joins and logins.
    comings: u32,
    logins: BTreeMap<usize, Principal>,
    tokens: Vec<Known>,
    issuer_revoked: bool,
    generation: u64,
}

/// A function that tests one permission of a scope set.
type Probe = Box<dyn Fn(&ScopeSet) -> bool>;

fn all_probes() -> Vec<Probe> {
    let mut all: Vec<Probe> = Vec::new();
    for (device, line) in [("porch", "door"), ("porch", "lamp"), ("shed", "door"), ("shed", "pump")] {
        for verb in ["read", "set", "pulse"] {
            all.push(Box::new(move |set| set.allows_line(&name(device), &name(line), verb)));
        }
    }
    for right in [SiteRight::Users, SiteRight::Tokens, SiteRight::Audit] {
        all.push(Box::new(move |set| set.allows_site(right)));
    }
    all
}

impl Model {
    fn new() -> Self {
        let mut model = Self {
            test_site: TestSite::connected(),
            people: BTreeMap::new(),
            comings: 0,
            logins: BTreeMap::new(),
            tokens: vec![],
            issuer_revoked: false,
            generation: 1,
        };
        for person in 0..2 {
            model.come(person, 0);
        }
        model
    }

    fn ann(&self) -> Principal {
        Principal { generation: self.generation, ..owner() }
    }

    fn issuer() -> Principal {
        Principal { jti: "issuer".into(), ..program(SCOPES[1]) }
    }

    fn come(&mut self, person: usize, with: usize) {
        self.comings += 1;
        let (who, code) = (format!("p{person}"), format!("code-{}", self.comings));
        self.test_site.invite(&self.ann(), &who, scope(SCOPES[with]), &code).unwrap();
        self.test_site.accept(&code).unwrap();
        self.people.insert(person, (SCOPES[with].parse().unwrap(), self.comings));
        self.logins.insert(person, self.test_site.log_in(&who, &format!("family-{}", self.comings)));
    }

    fn allowed(&self, token: usize, probe: &dyn Fn(&ScopeSet) -> bool) -> bool {
        let known = &self.tokens[token];
        let alive = !known.ended && self.test_site.now_s() < known.principal.exp;
        alive
            && known.principal.scope.as_ref().is_some_and(probe)
            && match known.grantor {
                Grantor::Person(person, coming) => {
                    self.people.get(&person).is_some_and(|(rights, now)| *now == coming && probe(rights))
                }
                Grantor::Token(parent) => self.allowed(parent, probe),
                Grantor::Issuer => !self.issuer_revoked && Self::issuer().scope.as_ref().is_some_and(probe),
            }
    }

    fn depth(&self, token: usize) -> usize {
        match self.tokens[token].grantor {
            Grantor::Token(parent) => self.depth(parent) + 1,
            _ => 1,
        }
    }

    fn issue(&mut self, by: &Principal, grantor: Grantor, with: usize, life_s: u64) {
        let jti = format!("t{}", self.tokens.len());
        let expires_at = self.test_site.now_s() + life_s;
        let request = IssueRequest { expires_at, ..api(SCOPES[with]) };
        if let Ok(principal) = self.test_site.issue(by, request, &jti) {
            if let Grantor::Token(parent) = grantor {
                assert!(expires_at <= self.tokens[parent].principal.exp, "outlives its parent");
            }
            self.tokens.push(Known { principal, grantor, ended: false });
            let newest = self.tokens.len() - 1;
            assert!(self.depth(newest) <= 8);
            let scope = self.tokens[newest].principal.scope.as_ref().unwrap();
            for probe in all_probes() {
                assert!(
                    !probe(scope) || self.allowed(newest, &probe),
                    "issued with more rights than its issuer has"
                );
            }
        }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::IssueBy { person: 2, scope, life_s } => {
                self.issue(&Self::issuer(), Grantor::Issuer, scope, life_s)
            }
            Step::IssueBy { person, scope, life_s } => {
                let Some((_, coming)) = self.people.get(&person) else { return self.come(person, scope) };
                let (login, grantor) = (self.logins[&person].clone(), Grantor::Person(person, *coming));
                self.issue(&login, grantor, scope, life_s);
            }
            Step::IssueFrom { token, scope, life_s } => {
                let Some(token) = self.pick(token) else { return };
                let by = self.tokens[token].principal.clone();
                self.issue(&by, Grantor::Token(token), scope, life_s);
            }
            Step::Change { person, scope: with } => {
                let ann = self.ann();
                let Some((rights, _)) = self.people.get_mut(&person) else { return };
                self.test_site.change(&ann, &format!("p{person}"), scope(SCOPES[with])).unwrap();
                *rights = SCOPES[with].parse().unwrap();
            }
            Step::Remove { person } => {
                if self.people.remove(&person).is_some() {
                    self.test_site.remove(&self.ann(), &format!("p{person}")).unwrap();
                }
            }
            Step::Revoke { token } => {
                let Some(token) = self.pick(token) else { return };
                self.test_site.revoke(&self.ann(), &self.tokens[token].principal.jti, None).unwrap();
                self.tokens[token].ended = true;
            }
            Step::GiveUp { token } => {
                let Some(token) = self.pick(token) else { return };
                let principal = self.tokens[token].principal.clone();
                self.test_site.done(Call::Logout { principal }).unwrap();
                self.tokens[token].ended = true;
            }
            Step::RevokeIssuer => {
                self.test_site.revoke(&self.ann(), "issuer", Some(Self::issuer().exp)).unwrap();
                self.issuer_revoked = true;
            }
            Step::Generation => {
                self.test_site.call(Call::RaiseGeneration { principal: self.ann() }).0.unwrap();
                self.generation += 1;
                self.test_site.add_login("ann", OWNER_LOGIN);
                for token in &mut self.tokens {
                    token.ended = true;
                }
                for person in self.people.keys() {
                    self.comings += 1;
                    let login =
                        self.test_site.log_in(&format!("p{person}"), &format!("family-{}", self.comings));
                    self.logins.insert(*person, login);
                }
            }
            Step::Pass { ms } => {
                self.test_site.pass(ms);
                self.test_site.tick();
            }
        }
    }

    fn pick(&self, number: usize) -> Option<usize> {
        (!self.tokens.is_empty()).then(|| self.tokens.len() - 1 - number % self.tokens.len())
    }

    /// Checks that every token has exactly the expected permissions.
    fn check(&self) {
        for (n, known) in self.tokens.iter().enumerate() {
            let now: Option<ScopeSet> =
                self.test_site.may(&known.principal).ok().map(|text| text.parse().unwrap());
            for (index, probe) in all_probes().iter().enumerate() {
                let may = now.as_ref().is_some_and(probe);
                assert_eq!(may, self.allowed(n, probe), "{} {index}", known.principal.jti);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_token_is_allowed_what_an_ancestor_is_not(steps in prop::collection::vec(step(), 1..50)) {
        let mut model = Model::new();
        for step in &steps {
            model.take(step);
            model.check();
        }
    }
}
