//! Tests random histories of giving and ending. At each moment, no principal may do anything that the living start of
//! its authority may not do: the person or the external issuer from which it has its rights.

use std::collections::BTreeMap;

use pinlatch_protocol::admin::{AdmitRequest, IdentityRule, IssueRequest, RightsRequest};
use pinlatch_protocol::scope::{Role, ScopeSet, SiteRight};
use proptest::prelude::*;

use super::fixtures::*;
use super::*;

/// The rights that people, tokens and the external issuer get. The last one is for the role `owner`.
const RIGHTS: [&str; 5] = [
    "line:porch/door:pulse",
    "line:porch/*:* site:users",
    "line:*/*:* site:users site:tokens",
    "line:*/*:* site:*",
    "owner",
];

/// The people beside the first owner.
const PEOPLE: [&str; 8] = ["bob", "cid", "dan", "eve", "fay", "gus", "hal", "ida"];

#[derive(Debug, Clone)]
enum Step {
    Invite { by: usize, who: usize, rights: usize },
    Accept { code: usize },
    Admit { by: usize, who: usize, rights: usize },
    Arrive { who: usize },
    Mint { by: usize, rights: usize, life_s: u64 },
    Change { by: usize, who: usize, rights: usize },
    Remove { by: usize, who: usize },
    Revoke { token: usize },
    Generation,
    Issuer { rights: Option<usize> },
    Pass { ms: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let (by, who, rights) = (|| 0usize..12, || 0..PEOPLE.len(), || 0..RIGHTS.len());
    let life_s = prop::sample::select(vec![60, 3_600, DAY_S]);
    let ms = prop::sample::select(vec![1_000u64, 400_000, 3_600_000, DAY_S * 1_000]);
    prop_oneof![
        4 => (by(), who(), rights()).prop_map(|(by, who, rights)| Step::Invite { by, who, rights }),
        5 => (0usize..6).prop_map(|code| Step::Accept { code }),
        3 => (by(), who(), rights()).prop_map(|(by, who, rights)| Step::Admit { by, who, rights }),
        4 => who().prop_map(|who| Step::Arrive { who }),
        4 => (by(), rights(), life_s).prop_map(|(by, rights, life_s)| Step::Mint { by, rights, life_s }),
        3 => (by(), who(), rights()).prop_map(|(by, who, rights)| Step::Change { by, who, rights }),
        2 => (by(), who()).prop_map(|(by, who)| Step::Remove { by, who }),
        2 => (0usize..6).prop_map(|token| Step::Revoke { token }),
        1 => Just(Step::Generation),
        4 => prop::option::of(0..RIGHTS.len() - 1).prop_map(|rights| Step::Issuer { rights }),
        2 => ms.prop_map(|ms| Step::Pass { ms }),
    ]
}

/// The start of a chain of authority. A person who was removed and joined again is another start.
#[derive(Debug, Clone, PartialEq)]
enum Root {
    Person { name: String, coming: usize },
    Issuer,
}

/// A principal with its start. The authority of a token also needs the tokens before it.
struct Holder {
    principal: Principal,
    root: Root,
    parent: Option<usize>,
    ended: bool,
}

/// Something that waits for its use, with its giver.
struct Gift {
    who: usize,
    rights: usize,
    giver: usize,
    void: bool,
}

struct History {
    test_site: TestSite,
    /// The rights of the people, with the number of their coming.
    people: BTreeMap<String, (usize, usize)>,
    comings: usize,
    issuer: Option<usize>,
    holders: Vec<Holder>,
    codes: Vec<Gift>,
    /// The admissions that were not used yet, by person.
    admissions: BTreeMap<usize, Gift>,
    generation: u64,
    ids: usize,
}

fn scopes(rights: usize) -> ScopeSet {
    RIGHTS[rights].parse().unwrap_or_else(|_| Role::Owner.scopes())
}

fn request(rights: usize) -> RightsRequest {
    if RIGHTS[rights] == "owner" { role(Role::Owner) } else { scope(RIGHTS[rights]) }
}

fn is_owner(rights: usize) -> bool {
    RIGHTS[rights] == "owner"
}

impl History {
    fn new() -> Self {
        let test_site = TestSite::connected();
        let ann = Root::Person { name: "ann".into(), coming: 0 };
        let holder = |principal, root| Holder { principal, root, parent: None, ended: false };
        let robot = program("line:*/*:* site:*");
        let mut history = Self {
            test_site,
            people: [("ann".into(), (RIGHTS.len() - 1, 0))].into(),
            comings: 0,
            issuer: Some(3),
            holders: vec![holder(owner(), ann), holder(robot, Root::Issuer)],
            codes: vec![],
            admissions: BTreeMap::new(),
            generation: 1,
            ids: 0,
        };
        // Two people can invite others from the start.
        for (who, rights) in [(0, RIGHTS.len() - 1), (1, 2)] {
            history.take(&Step::Invite { by: 0, who, rights });
            history.take(&Step::Accept { code: 0 });
        }
        history
    }

    fn id(&mut self, kind: &str) -> String {
        self.ids += 1;
        format!("{kind}{}", self.ids)
    }

    fn root_rights(&self, root: &Root) -> Option<usize> {
        match root {
            Root::Person { name, coming } => {
                self.people.get(name).filter(|(_, now)| now == coming).map(|(rights, _)| *rights)
            }
            Root::Issuer => self.issuer,
        }
    }

    /// Returns whether a principal is alive, with everything on which it rests.
    fn is_alive(&self, holder: usize) -> bool {
        let one = &self.holders[holder];
        let in_time = one.principal.family.is_some() || one.principal.exp > self.test_site.now_s();
        in_time
            && !one.ended
            && self.root_rights(&one.root).is_some()
            && one.parent.is_none_or(|parent| self.is_alive(parent))
    }

    /// Returns whether the start of the giver's authority may still give these rights.
    fn may_give(&self, gift: &Gift) -> bool {
        let holder = &self.holders[gift.giver];
        let is_person = holder.principal.family.is_some();
        let alive =
            if is_person { self.root_rights(&holder.root).is_some() } else { self.is_alive(gift.giver) };
        let root = self.root_rights(&holder.root);
        alive
            && root.is_some_and(|root| {
                let scope = scopes(root);
                scope.allows_site(SiteRight::Users)
                    && scope.covers(&scopes(gift.rights))
                    && (!is_owner(gift.rights) || (is_person && is_owner(root)))
            })
    }

    fn by(&self, number: usize) -> (usize, Principal) {
        let holder = number % self.holders.len();
        (holder, self.holders[holder].principal.clone())
    }

    fn join(&mut self, who: usize, rights: usize) {
        self.comings += 1;
        self.people.insert(PEOPLE[who].into(), (rights, self.comings));
    }

    fn arrived(&mut self, who: usize, principal: Principal) {
        let root = Root::Person { name: PEOPLE[who].into(), coming: self.people[PEOPLE[who]].1 };
        self.holders.push(Holder { principal, root, parent: None, ended: false });
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Invite { by, who, rights } => {
                let (giver, principal) = self.by(by);
                let code = format!("code{}", self.codes.len());
                if self.test_site.invite(&principal, PEOPLE[who], request(rights), &code).is_ok() {
                    assert!(self.is_alive(giver));
                    self.codes.push(Gift { who, rights, giver, void: false });
                    assert!(self.may_give(&self.codes[self.codes.len() - 1]), "{step:?}");
                }
            }
            Step::Accept { code } => {
                let Some(at) =
                    (!self.codes.is_empty()).then(|| self.codes.len() - 1 - code % self.codes.len())
                else {
                    return;
                };
                if self.test_site.accept(&format!("code{at}")).is_ok() {
                    let gift = &self.codes[at];
                    assert!(!gift.void && self.may_give(gift), "the giver may not give this any more");
                    let (who, rights) = (gift.who, gift.rights);
                    self.codes[at].void = true;
                    self.join(who, rights);
                    let family = self.id("f");
                    let login = self.test_site.log_in(PEOPLE[who], &family);
                    self.arrived(who, login);
                }
            }
            Step::Admit { by, who, rights } => {
                let (giver, principal) = self.by(by);
                if self.people.contains_key(PEOPLE[who]) {
                    return;
                }
                let id = self.id("sub");
                let identity = IdentityRule {
                    issuer: "https://id".into(),
                    subject: Some(format!("{who}-{id}")),
                    email: None,
                };
                let RightsRequest { role, scope } = request(rights);
                let request = AdmitRequest { identity, role, scope };
                let username = user(PEOPLE[who]);
                if self.test_site.done(Call::Admit { principal, username, request }).is_ok() {
                    let gift = Gift { who, rights, giver, void: false };
                    assert!(self.is_alive(giver) && self.may_give(&gift), "{step:?}");
                    self.join(who, rights);
                    self.admissions.insert(who, gift);
                    self.ids = id[3..].parse().unwrap();
                    for code in self.codes.iter_mut().filter(|code| code.who == who) {
                        code.void = true;
                    }
                }
            }
            Step::Arrive { who } => self.arrive(who),
            Step::Mint { by, rights, life_s } => {
                let (giver, principal) = self.by(by);
                let jti = self.id("t");
                let expires_at = self.test_site.now_s() + life_s;
                let issue = IssueRequest { expires_at, ..api(&scopes(rights).to_string()) };
                if let Ok(token) = self.test_site.issue(&principal, issue, &jti) {
                    let holder = &self.holders[giver];
                    assert!(self.is_alive(giver), "{step:?}");
                    let parent = holder.principal.family.is_none().then_some(giver);
                    let root = holder.root.clone();
                    self.holders.push(Holder { principal: token, root, parent, ended: false });
                }
            }
            Step::Change { by, who, rights } => {
                let (giver, principal) = self.by(by);
                if self.test_site.change(&principal, PEOPLE[who], request(rights)).is_ok() {
                    assert!(self.is_alive(giver));
                    let gift = Gift { who, rights, giver, void: false };
                    assert!(self.may_give(&gift), "{step:?}");
                    self.people.get_mut(PEOPLE[who]).unwrap().0 = rights;
                }
            }
            Step::Remove { by, who } => {
                let (giver, principal) = self.by(by);
                let there = self.people.contains_key(PEOPLE[who]);
                if self.test_site.remove(&principal, PEOPLE[who]).is_ok() {
                    assert!(self.is_alive(giver));
                    self.people.remove(PEOPLE[who]);
                    self.admissions.remove(&who);
                    let name = PEOPLE[who];
                    let gone = |holder: &Holder| matches!(&holder.root, Root::Person { name: own, .. } if own == name);
                    for code in &mut self.codes {
                        let given = there
                            && self.holders[code.giver].parent.is_none()
                            && gone(&self.holders[code.giver]);
                        code.void |= code.who == who || given;
                    }
                    self.admissions.retain(|_, gift| !gone(&self.holders[gift.giver]));
                }
            }
            Step::Revoke { token } => {
                let tokens: Vec<usize> =
                    (0..self.holders.len()).filter(|n| self.holders[*n].principal.issued).collect();
                let Some(at) = tokens.get(token) else { return };
                let ann = Principal { generation: self.generation, ..owner() };
                self.test_site.revoke(&ann, &self.holders[*at].principal.jti, None).unwrap();
                self.holders[*at].ended = true;
            }
            Step::Generation => {
                let principal = Principal { generation: self.generation, ..owner() };
                self.test_site.call(Call::RaiseGeneration { principal }).0.unwrap();
                self.generation += 1;
                self.test_site.add_login("ann", OWNER_LOGIN);
                for holder in self.holders.iter_mut().filter(|holder| holder.principal.issuer.is_none()) {
                    holder.ended = true;
                }
                for code in &mut self.codes {
                    code.void = true;
                }
                let root = Root::Person { name: "ann".into(), coming: 0 };
                let principal = Principal { generation: self.generation, ..owner() };
                self.holders.push(Holder { principal, root, parent: None, ended: false });
            }
            Step::Issuer { rights } => {
                self.issuer = rights;
                let table = rights.map(|rights| (ISSUER.to_owned(), scopes(rights)));
                self.test_site.config.issuers = Rc::new(table.into_iter().collect());
            }
            Step::Pass { ms } => {
                self.test_site.pass(ms);
                self.test_site.tick();
            }
        }
    }

    /// Handles the first login of an admitted person with a provider.
    fn arrive(&mut self, who: usize) {
        let subject = {
            let rows = self
                .test_site
                .store
                .run("SELECT sub FROM identities WHERE username = ?1", &[PEOPLE[who].into()]);
            let rows = rows.unwrap();
            match rows.first() {
                Some(row) => row.text(0).unwrap().to_owned(),
                None => return,
            }
        };
        let family = self.id("f");
        let call = Call::FederatedLogin {
            issuer: "https://id".into(),
            subject,
            email: None,
            new: self.test_site.new_login(&family),
        };
        if let Ok(Answer::Now(Reply::LoggedIn(login))) = self.test_site.call(call).0 {
            if let Some(gift) = self.admissions.remove(&who) {
                let now = Gift { rights: self.people[PEOPLE[who]].0, ..gift };
                assert!(self.may_give(&now), "the giver may not admit this person any more");
            }
            let principal = Principal {
                sub: PEOPLE[who].into(),
                person: Some(user(PEOPLE[who])),
                jti: format!("{family}-at"),
                family: Some(family),
                generation: login.generation,
                ..refreshed(&owner(), self.test_site.now_ms.get())
            };
            self.arrived(who, principal);
        }
    }

    /// Checks that no principal may do more than the living start of its authority.
    fn check(&self) {
        for (number, holder) in self.holders.iter().enumerate() {
            let Ok(may) = self.test_site.may(&holder.principal) else { continue };
            let may: ScopeSet = may.parse().unwrap();
            assert!(self.is_alive(number), "{} is dead", holder.principal.jti);
            let most = scopes(self.root_rights(&holder.root).unwrap());
            assert!(most.covers(&may), "{} may {may}, but its start only {most}", holder.principal.jti);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nobody_exceeds_the_living_start_of_their_authority(steps in prop::collection::vec(step(), 20..60)) {
        let mut history = History::new();
        for step in &steps {
            history.take(step);
            history.check();
        }
    }
}
