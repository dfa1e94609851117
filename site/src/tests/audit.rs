//! Tests the audit log. The audit log contains every administrative action, and changes of the audit log are
//! detectable. The owner can configure the retention time.

use std::collections::BTreeSet;

use pinlatch_protocol::admin::{AdmitRequest, IdentityRule};
use pinlatch_protocol::audit::outcomes;
use pinlatch_protocol::audit::words::Sentence;
use pinlatch_protocol::audit::{AUDIT_VERSION, AuditHead, AuditPage, MAX_AUDIT_PAGE};
use pinlatch_protocol::scope::Role::{Operator, Viewer};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::fixtures::*;
use super::*;

fn page(test_site: &TestSite, filter: AuditFilter, limit: u32) -> AuditPage {
    let principal = owner();
    match test_site.call(Call::Audit { principal, filter, limit }).0 {
        Ok(Answer::Now(Reply::Audit(page))) => page,
        other => panic!("{other:?}"),
    }
}

/// Returns the whole audit log, with the oldest entry first.
fn log(test_site: &TestSite) -> Vec<AuditEntry> {
    let mut entries = page(test_site, AuditFilter::default(), 500).entries;
    entries.reverse();
    entries
}

/// Returns the name of an administrative call in the audit log. The result is `None` for commands, for refreshed
/// sessions, and for calls that change nothing.
fn administers(call: &Call) -> Option<&'static str> {
    Some(match call {
        Call::Whoami { .. }
        | Call::Devices { .. }
        | Call::Device { .. }
        | Call::Line { .. }
        | Call::ReadLine { .. }
        | Call::AskChallenge { .. }
        | Call::DeviceKey { .. }
        | Call::DeviceRules { .. }
        | Call::CommandStatus { .. }
        | Call::SetupAllowed { .. }
        | Call::Invited { .. }
        | Call::CurrentPassword { .. }
        | Call::People { .. }
        | Call::Tokens { .. }
        | Call::ExchangeGuest { .. }
        | Call::Audit { .. }
        | Call::Enrolments { .. }
        | Call::Invitations { .. }
        | Call::Sessions { .. }
        | Call::MaySecure { .. }
        | Call::Refresh { .. }
        | Call::Command { .. } => return None,
        Call::CreateEnrolment { .. } => "create_enrolment",
        Call::Enrol { .. } => "enrol",
        Call::ConfirmDevice { .. } => "confirm_device",
        Call::RemoveDevice { .. } => "remove_device",
        Call::Setup { .. } => "setup",
        Call::Login { .. } => "login",
        Call::LoginFailures { .. } => "login_failures",
        Call::Logout { .. } => "logout",
        Call::LogoutFamily { .. } => "logout_family",
        Call::Invite { .. } => "invite",
        Call::WithdrawInvitation { .. } => "withdraw_invitation",
        Call::WithdrawEnrolment { .. } => "withdraw_enrolment",
        Call::Prove { .. } => "prove",
        Call::EndSession { .. } => "end_session",
        Call::SecureAccount { .. } => "secure_account",
        Call::Admit { .. } => "admit",
        Call::ForgetIdentities { .. } => "forget_identities",
        Call::FederatedLogin { .. } => "federated_login",
        Call::AcceptInvitation { .. } => "accept_invitation",
        Call::ChangePerson { .. } => "change_person",
        Call::RemovePerson { .. } => "remove_person",
        Call::EndSessions { .. } => "end_sessions",
        Call::ChangePassword { .. } => "change_password",
        Call::Issue { .. } => "mint",
        Call::Revoke { .. } => "revoke",
        Call::RaiseGeneration { .. } => "raise_generation",
        Call::Retain { .. } => "retain",
    })
}

/// The number of different names that [`administers`] returns.
const ADMINISTERING: usize = 27;

/// Returns a request that lets `bob` log in with an identity at a provider.
fn at_provider() -> AdmitRequest {
    let identity = IdentityRule { issuer: "https://id".into(), subject: Some("u1".into()), email: None };
    AdmitRequest { identity, role: None, scope: None }
}

#[test]
fn every_act_of_administration_is_in_the_log() {
    let test_site = TestSite::empty();
    let (mut done, mut entries) = (BTreeSet::new(), 0);
    let expires_at = START_MS / 1000 + DAY_S;
    let of = |who: &str, family: &str| Principal {
        family: Some(family.into()),
        person: Some(user(who)),
        sub: who.into(),
        jti: format!("{who}-at"),
        ..owner()
    };
    let (ann, bob) = (|| of("ann", "ann-f"), || of("bob", "bob-f"));
    let login = |who: &str| Call::Login {
        username: user(who),
        password_ids: vec![PASSWORD_ID.into()],
        new: test_site.new_login(&format!("{who}-f")),
    };
    let code = || "code".to_owned();
    let (bob_name, shed) = (|| user("bob"), || name("shed"));
    for (call, entry, jti) in [
        (
            Call::Setup { code_id: "s".into(), username: user("ann"), password_id: PASSWORD_ID.into() },
            "ann setup ann done",
            None,
        ),
        (login("ann"), "ann login ann done", Some("ann-f-r0")),
        (
            Call::Prove {
                principal: ann(),
                password_ids: vec![PASSWORD_ID.into()],
                new: NewLogin { refresh_jti: "ann-r1".into(), ..test_site.new_login("x") },
            },
            "ann proof ann done",
            Some("ann-r1"),
        ),
        (
            Call::Invite {
                principal: ann(),
                username: user("cid"),
                rights: role(Viewer),
                code_id: "c".into(),
                expires_at,
            },
            "ann invite cid done",
            Some("ann-at"),
        ),
        (
            Call::WithdrawInvitation { principal: ann(), id: "c".into() },
            "ann invitation_withdrawal cid done",
            Some("ann-at"),
        ),
        (
            Call::CreateEnrolment { principal: ann(), device: shed(), code_id: "e".into(), expires_at },
            "ann enrolment shed done",
            Some("ann-at"),
        ),
        (
            Call::WithdrawEnrolment { principal: ann(), id: "e".into() },
            "ann enrolment_withdrawal shed done",
            Some("ann-at"),
        ),
        (
            Call::LoginFailures { accounts: vec![(user("ann"), 12)], unknown: 0 },
            "site:gate login_failed ann 12",
            None,
        ),
        (
            Call::Invite {
                principal: ann(),
                username: bob_name(),
                rights: role(Viewer),
                code_id: code(),
                expires_at,
            },
            "ann invite bob done",
            Some("ann-at"),
        ),
        (
            Call::AcceptInvitation { code_id: code(), password_id: PASSWORD_ID.into() },
            "bob accept_invitation bob done",
            None,
        ),
        (
            Call::Admit { principal: ann(), username: bob_name(), request: at_provider() },
            "ann admit bob done",
            Some("ann-at"),
        ),
        (
            Call::FederatedLogin {
                issuer: "https://id".into(),
                subject: "u1".into(),
                email: None,
                new: NewLogin { refresh_jti: "r2".into(), ..test_site.new_login("f2") },
            },
            "bob login bob done",
            Some("r2"),
        ),
        (
            Call::ForgetIdentities { principal: ann(), username: bob_name() },
            "ann identities_removal bob done",
            Some("ann-at"),
        ),
        (login("bob"), "bob login bob done", Some("bob-f-r0")),
        (
            Call::ChangePerson { principal: ann(), username: bob_name(), rights: scope("site:tokens") },
            "ann rights bob custom",
            Some("ann-at"),
        ),
        (
            Call::ChangePerson { principal: ann(), username: bob_name(), rights: role(Operator) },
            "ann rights bob operator",
            Some("ann-at"),
        ),
        (change_password(bob()), "bob password bob done", Some("bob-at")),
        (
            Call::EndSession { principal: bob(), username: bob_name(), id: "bob-f".into() },
            "bob end_session bob done",
            Some("bob-at"),
        ),
        (
            Call::Login {
                username: bob_name(),
                password_ids: vec![PASSWORD_ID.into()],
                new: test_site.new_login("bob-g"),
            },
            "bob login bob done",
            Some("bob-g-r0"),
        ),
        (
            Call::SecureAccount { principal: of("bob", "bob-g"), password_id: PASSWORD_ID.into() },
            "bob account_secured bob done",
            Some("bob-at"),
        ),
        (
            Call::EndSessions { principal: ann(), username: bob_name() },
            "ann end_sessions bob done",
            Some("ann-at"),
        ),
        (
            Call::RemovePerson { principal: ann(), username: bob_name() },
            "ann person_removal bob done",
            Some("ann-at"),
        ),
        (
            Call::Issue { principal: ann(), request: guest("line:*/*:read"), jti: "t1".into() },
            "ann mint t1 guest",
            Some("ann-at"),
        ),
        (
            Call::Revoke { principal: ann(), jti: "t1".into(), exp: None },
            "ann revoke t1 done",
            Some("ann-at"),
        ),
        (
            Call::Revoke { principal: ann(), jti: "elsewhere".into(), exp: Some(expires_at) },
            "ann revoke elsewhere done",
            Some("ann-at"),
        ),
        (
            Call::CreateEnrolment { principal: ann(), device: shed(), code_id: "d".into(), expires_at },
            "ann enrolment shed done",
            Some("ann-at"),
        ),
        (
            Call::Enrol {
                code_id: "d".into(),
                jwk: json!({}),
                jwk_thumbprint: "t".into(),
                cert_jti: "c".into(),
                cert_exp: expires_at,
            },
            "device:shed enrol shed done",
            Some("c"),
        ),
        (
            Call::ConfirmDevice {
                principal: ann(),
                device: shed(),
                thumbprint: "t".into(),
                identity: "i.d.s".into(),
            },
            "ann device_confirmation shed done",
            Some("ann-at"),
        ),
        (
            Call::RemoveDevice { principal: ann(), device: shed() },
            "ann device_removal shed done",
            Some("ann-at"),
        ),
        (Call::Retain { principal: ann(), days: 30 }, "ann retention audit 30_days", Some("ann-at")),
        (
            Call::Logout { principal: program("") },
            "https://issuer.test#robot logout https://issuer.test#robot done",
            Some("robot-token"),
        ),
        (Call::LogoutFamily { family: "ann-f".into() }, "ann logout ann done", Some("ann-r1")),
        (
            Call::Login {
                username: user("ann"),
                password_ids: vec![PASSWORD_ID.into()],
                new: test_site.new_login("ann-g"),
            },
            "ann login ann done",
            Some("ann-g-r0"),
        ),
        (Call::RaiseGeneration { principal: of("ann", "ann-g") }, "ann generation 2 done", Some("ann-at")),
    ] {
        test_site.pass(1);
        let variant = administers(&call).expect("an administrative act");
        test_site.call(call).0.unwrap();
        let rows = "SELECT actor || ' ' || act || ' ' || target || ' ' || outcome, jti, at_ms FROM audit ORDER BY seq DESC";
        let rows = test_site.store.run(rows, &[]).unwrap();
        assert_eq!(rows[0].text(0), Ok(entry), "{variant}");
        assert_eq!(rows[0].opt_text(1), Ok(jti), "{variant}");
        assert_eq!(rows[0].uint(2), Ok(test_site.now_ms.get()), "{variant}");
        done.insert(variant);
        entries += 1;
        assert_eq!(rows.len(), entries, "{variant}: one entry");
    }
    assert_eq!(done.len(), ADMINISTERING, "{done:?}");
    let choices = outcomes::choices();
    for row in test_site.store.run("SELECT act, outcome, target FROM audit", &[]).unwrap() {
        let text = |column| row.text(column).unwrap().to_owned();
        let entry = AuditEntry { act: text(0), outcome: text(1), target: text(2), ..AuditEntry::default() };
        let sentence = Sentence::of(&entry).text;
        assert!(!sentence.starts_with("did:"), "{entry:?}: {sentence}");
        let can_be_chosen = choices.iter().any(|(_, value)| outcomes::selects(value, &entry.outcome));
        let is_number = entry.outcome.starts_with(|first: char| first.is_ascii_digit());
        assert!(can_be_chosen || is_number, "{entry:?}");
    }
}

/// The gate also knows the passwords of people who have left, and its report must not name them.
#[test]
fn failed_logins_of_strangers_are_one_number() {
    let test_site = TestSite::new();
    let accounts = vec![(user("ann"), 2), (user("left"), 3)];
    test_site.call(Call::LoginFailures { accounts, unknown: 4 }).0.unwrap();
    assert_eq!(test_site.last_logged(), "site:gate login_failed unknown names 7");
}

#[test]
fn a_log_is_read_page_by_page() {
    let test_site = TestSite::new();
    for n in 0..10 {
        test_site.pass(1);
        test_site.log_in("ann", &format!("f{n}"));
    }
    let all = page(&test_site, AuditFilter::default(), 500);
    assert_eq!(all.next, None);
    assert_eq!(all.entries.len(), 13);
    assert!(all.entries.windows(2).all(|two| two[0].seq == two[1].seq + 1), "newest first, without a gap");
    assert_eq!(all.head, all.entries.first().map(|e| AuditHead { seq: e.seq, hash: e.hash.clone() }));
    for limit in [1, 4, 12, 13, 14] {
        let (mut read, mut before, mut pages) = (vec![], None, 0);
        loop {
            let page = page(&test_site, AuditFilter { before, ..AuditFilter::default() }, limit);
            assert_eq!(page.head, all.head, "on every page");
            read.extend(page.entries);
            (before, pages) = (page.next, pages + 1);
            if before.is_none() {
                break;
            }
        }
        assert_eq!(read, all.entries);
        assert_eq!(pages, 13u32.div_ceil(limit), "no page is empty");
    }
    assert_eq!(page(&test_site, AuditFilter::default(), 0).entries.len(), 1);
    let old = AuditFilter { before: Some(1), ..AuditFilter::default() };
    assert_eq!((page(&test_site, old, 5).entries.len(), MAX_AUDIT_PAGE), (0, 500));
}

#[test]
fn a_filter_takes_what_fits() {
    let test_site = TestSite::connected();
    let bob = test_site.join("bob", scope("line:porch/door:read"));
    test_site.pass(1_000);
    assert_eq!(test_site.commands(&bob, pulse("x")), Err("insufficient_scope".into()));
    let (_, order) = test_site.order(pulse("y"));
    test_site.report(&order.jti, CommandStatus::Executed, None, None);
    let count = |filter: AuditFilter| page(&test_site, filter, 500).entries.len();
    let text = |text: &str| Some(text.to_owned());
    let none = AuditFilter::default;
    assert_eq!(count(AuditFilter { actor: text("bob"), ..none() }), 3);
    assert_eq!(count(AuditFilter { actor: text("bo"), ..none() }), 0);
    assert_eq!(count(AuditFilter { act: text("command"), ..none() }), 2);
    assert_eq!(count(AuditFilter { act: text("command"), outcome: text("executed"), ..none() }), 1);
    assert_eq!(count(AuditFilter { target: text("porch/"), ..none() }), 2);
    assert_eq!(count(AuditFilter { target: text("porch"), ..none() }), 4, "including the enrolment");
    assert_eq!(count(AuditFilter { target: text("porch/door"), ..none() }), 2);
    assert_eq!(count(AuditFilter { target: text("porch/door:pulse"), ..none() }), 2);
    for other in ["por", "porch/do", "porch/door:p", "orch"] {
        assert_eq!(count(AuditFilter { target: text(other), ..none() }), 0, "{other} is another name");
    }
    for part in ["door", "Porch/Door", "DOOR", "rch/do"] {
        assert_eq!(count(AuditFilter { about: text(part), ..none() }), 2, "{part}");
    }
    let both = AuditFilter { act: text("command"), outcome: text("executed,insufficient_scope"), ..none() };
    assert_eq!(count(both), 2);
    for part in ["exec", "executed,x,", ","] {
        let found = count(AuditFilter { act: text("command"), outcome: text(part), ..none() });
        assert_eq!(found, usize::from(part.starts_with("executed")), "{part}");
    }
    for wild in ["%", "_orch", "p*", "' OR 1=1 --"] {
        assert_eq!(count(AuditFilter { target: text(wild), ..none() }), 0, "{wild}");
        assert_eq!(count(AuditFilter { actor: text(wild), ..none() }), 0, "{wild}");
    }
    let all = count(none());
    assert_eq!(count(AuditFilter { since_ms: Some(START_MS + 1_000), ..none() }), 2);
    assert_eq!(count(AuditFilter { until_ms: Some(START_MS + 1_000), ..none() }), all - 2);
    assert_eq!(count(AuditFilter { since_ms: Some(u64::MAX), ..none() }), 0);
    assert_eq!(count(AuditFilter { until_ms: Some(u64::MAX), before: Some(u64::MAX), ..none() }), all);
    for weak in [bob, program("line:*/*:* site:users site:tokens site:devices site:grants")] {
        let call = Call::Audit { principal: weak, filter: none(), limit: 9 };
        assert_eq!(test_site.refusal(call), "insufficient_scope");
    }
}

#[test]
fn the_log_holds_no_more_than_a_line_of_a_strangers_making() {
    let test_site = TestSite::connected();
    let odd = Principal { sub: format!("a\u{1b}[2J\n{}", "x".repeat(4_000)), ..program("line:*/*:*") };
    let long = format!("\r\n\u{7}{}", "y".repeat(16_000));
    for _ in 0..3 {
        let revoke = Call::Revoke { principal: odd.clone(), jti: long.clone(), exp: None };
        assert_eq!(test_site.refusal(revoke), "insufficient_scope");
        let name = format!("{long}{}", test_site.now_ms.get());
        let request = pinlatch_protocol::admin::IssueRequest { name, ..api("line:*/*:read") };
        let issue = Call::Issue { principal: odd.clone(), request, jti: "j".into() };
        assert_eq!(test_site.refusal(issue), "insufficient_scope");
    }
    let log = log(&test_site);
    let own: Vec<_> = log.iter().filter(|entry| entry.actor.starts_with("https")).collect();
    assert_eq!(own.len(), 2, "once each");
    for entry in own {
        for text in [&entry.actor, &entry.target] {
            assert!(text.chars().count() <= 256 && !text.chars().any(char::is_control));
        }
    }
    assert_eq!(broken_at(&log), None);
}

/// Returns the sequence number of the audit entry at which the chain of hashes breaks. The check uses the exported
/// entries only.
fn broken_at(log: &[AuditEntry]) -> Option<u64> {
    let fits = |before: &AuditEntry, e: &AuditEntry| {
        e.seq == before.seq + 1 && e.hash == link(&before.hash, e) && e.version >= before.version
    };
    log.windows(2).find(|two| !fits(&two[0], &two[1])).map(|two| two[1].seq)
}

/// Computes the hash of an entry without the code of the site, in both versions.
fn link(before: &str, e: &AuditEntry) -> String {
    let text = match e.version {
        None => json!([before, e.seq, e.at_ms, e.actor, e.jti, e.act, e.target, e.outcome]).to_string(),
        Some(4) => json!([
            "pinlatch audit entry 4",
            before,
            e.seq,
            e.at_ms,
            e.actor,
            e.jti,
            e.act,
            e.target,
            e.outcome,
            e.actor_name,
            e.actor_kind,
            e.line_kind,
            e.args,
            e.target_name,
            e.target_kind,
            e.max_uses,
            e.receipt,
            e.happened_ms,
            e.boot,
            e.n,
        ])
        .to_string(),
        Some(other) => format!("version {other}"),
    };
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Adds entries of the first version, as an earlier release wrote them.
fn add_old_entries(test_site: &TestSite, count: u64) {
    for _ in 0..count {
        let head = test_site.store.run("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1", &[]).unwrap();
        let (last, before) = head
            .first()
            .map_or((0, String::new()), |row| (row.uint(0).unwrap(), row.text(1).unwrap().to_owned()));
        let mut entry = AuditEntry {
            seq: last + 1,
            at_ms: test_site.now_ms.get(),
            actor: "ann".into(),
            jti: Some("old".into()),
            act: "command".into(),
            target: "porch/lamp:set".into(),
            outcome: "executed".into(),
            ..AuditEntry::default()
        };
        entry.hash = link(&before, &entry);
        let sql = "INSERT INTO audit (seq, at_ms, actor, jti, act, target, outcome, hash)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let AuditEntry { seq, at_ms, actor, jti, act, target, outcome, hash, .. } = entry;
        let values = [
            seq.into(),
            at_ms.into(),
            actor.into(),
            jti.into(),
            act.into(),
            target.into(),
            outcome.into(),
            hash.into(),
        ];
        test_site.store.run(sql, &values).unwrap();
    }
}

#[test]
fn an_entry_keeps_values_and_names() {
    let test_site = TestSite::connected();
    let ann = test_site.log_in("ann", "f");
    let request = pinlatch_protocol::admin::IssueRequest {
        name: "Courier on Friday".into(),
        max_uses: Some(1),
        ..guest("line:porch/door:pulse")
    };
    let courier = test_site.issue(&ann, request, "link").unwrap();
    let last = || log(&test_site).pop().unwrap();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let made = last();
    assert_eq!(
        (text(&made.target_name), text(&made.target_kind)),
        ("Courier on Friday".into(), "guest".into())
    );
    assert_eq!((made.version, &made.actor_name, &made.args), (Some(AUDIT_VERSION), &None, &None));

    let effects = test_site.commands(&courier, pulse("one")).unwrap();
    let jti = effects.iter().find_map(|effect| match effect {
        Effect::Command { order, .. } => Some(order.jti.clone()),
        _ => None,
    });
    test_site.report(&jti.unwrap(), CommandStatus::Executed, None, None);
    let opened = last();
    assert_eq!(
        (text(&opened.actor_name), text(&opened.actor_kind)),
        (text(&made.target_name), "guest".into())
    );
    assert_eq!((text(&opened.line_kind), text(&opened.args)), ("momentary".into(), r#"{"ms":500}"#.into()));
    assert_eq!(Sentence::of(&opened).line(), "Courier on Friday (guest link) opened Door (Porch) for 500 ms");

    // A refused command keeps them, too.
    assert_eq!(test_site.commands(&courier, pulse("two")), Err("used_up".into()));
    let refused = last();
    assert_eq!((text(&refused.args), refused.max_uses), (text(&opened.args), Some(1)));
    let long = "x".repeat(9_000);
    let odd = CommandRequest { args: json!({ "ms": long }).as_object().unwrap().clone(), ..pulse("three") };
    let bob = test_site.join("bob", scope("line:porch/door:read"));
    assert_eq!(test_site.commands(&bob, odd), Err("insufficient_scope".into()));
    assert_eq!((text(&last().line_kind), last().args), ("momentary".into(), None), "no words of a stranger");

    // The entry of a command whose line was removed before the answer.
    let (_, order) = test_site.order(pulse("four"));
    test_site.store.run("DELETE FROM lines", &[]).unwrap();
    test_site.report(&order.jti, CommandStatus::Executed, None, None);
    assert_eq!((last().line_kind, text(&last().args)), (None, text(&opened.args)));

    test_site.revoke(&ann, "link", None).unwrap();
    assert_eq!(text(&last().target_name), "Courier on Friday");
    assert_eq!(broken_at(&log(&test_site)), None);
}

#[test]
fn the_chain_continues_after_entries_of_the_first_version() {
    let test_site = TestSite::empty();
    // The first event creates the tables.
    test_site.tick();
    add_old_entries(&test_site, 3);
    test_site.set_up();
    test_site.log_in("ann", "f");
    let all = log(&test_site);
    let versions: Vec<_> = all.iter().map(|entry| entry.version).collect();
    assert_eq!(versions, [None, None, None, Some(AUDIT_VERSION), Some(AUDIT_VERSION)]);
    assert_eq!(broken_at(&all), None);
}

fn eventful() -> TestSite {
    let test_site = TestSite::connected();
    let bob = test_site.join("bob", role(Operator));
    test_site.issue(&test_site.log_in("ann", "f"), api("line:*/*:*"), "t").unwrap();
    test_site.pass(7);
    let (_, order) = test_site.order(pulse("y"));
    test_site.report(&order.jti, CommandStatus::Refused, Some("refused_busy"), None);
    test_site.done(Call::Logout { principal: bob }).unwrap();
    test_site
}

#[test]
fn the_first_entry_begins_the_chain() {
    let log = log(&eventful());
    let e = &log[0];
    assert_eq!((e.seq, &e.hash), (1, &link("", e)));
    assert_eq!(broken_at(&log), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// After any change, deletion or reordering of audit entries, the chain of hashes breaks, or the last hash differs
    /// from the saved last hash.
    #[test]
    fn nothing_in_the_log_changes_unseen(row in 0usize..12, other in 0usize..12, how in 0usize..17, text in "[a-z]{1,8}") {
        let test_site = eventful();
        let before = log(&test_site);
        let head = page(&test_site, AuditFilter::default(), 1).head.unwrap();
        prop_assert_eq!(broken_at(&before), None);
        prop_assert!(before.len() >= 10);
        let (row, other) = (row % before.len(), other % before.len());
        let (seq, other_seq) = (before[row].seq, before[other].seq);
        let set = |column: &str, value: Value| {
            test_site.store.run(&format!("UPDATE audit SET {column} = ?2 WHERE seq = ?1"), &[seq.into(), value]).unwrap();
        };
        match how {
            0 => set("actor", text.into()),
            1 => set("act", text.into()),
            2 => set("target", text.into()),
            3 => set("outcome", text.into()),
            4 => set("jti", text.into()),
            5 => set("at_ms", (before[row].at_ms + 1).into()),
            6 => set("hash", before[other].hash.as_str().into()),
            7 => set("version", Value::Null),
            8 => set("actor_name", text.into()),
            9 => set("actor_kind", text.into()),
            10 => set("line_kind", text.into()),
            11 => set("args", text.into()),
            12 => set("target_name", text.into()),
            13 => set("target_kind", text.into()),
            14 => set("max_uses", 7u64.into()),
            15 => drop(test_site.store.run("DELETE FROM audit WHERE seq = ?1", &[seq.into()]).unwrap()),
            _ => {
                for (from, to) in [(seq, 0), (other_seq, seq), (0, other_seq)] {
                    test_site.store.run("UPDATE audit SET seq = ?2 WHERE seq = ?1", &[from.into(), to.into()]).ok();
                }
            }
        }
        let after = log(&test_site);
        let newest = after.last().unwrap();
        let whole = broken_at(&after).is_none() && newest.hash == head.hash && newest.seq == head.seq;
        // The entry before the first audit entry no longer exists, so changed fields of the first entry are not
        // detected. The second entry protects the hash of the first entry.
        let first_only = row == 0 && (how <= 5 || (7..15).contains(&how));
        let taken_from_the_start = row == 0 && how == 15;
        let unchanged = after == before;
        prop_assert!(!whole || unchanged || first_only || taken_from_the_start, "{} {}", how, row);
    }
}

#[test]
fn the_owner_says_how_long_the_log_is_kept() {
    let test_site = TestSite::new();
    let keep = |principal: &Principal, days: u32| {
        test_site.done(Call::Retain { principal: principal.clone(), days })
    };
    let days = |n: u64| test_site.pass(n * DAY_S * 1000);
    assert_eq!(
        page(&test_site, AuditFilter::default(), 1).keep_days,
        90,
        "the deployment's default before the change"
    );
    let deputy = test_site.join("deputy", scope("line:*/*:* site:*"));
    let script = test_site.issue(&test_site.log_in("ann", "f"), api("line:*/*:* site:*"), "script").unwrap();
    let robot = program("line:*/*:* site:*");
    let narrow = Principal { scope: Some("line:*/*:*".parse().unwrap()), ..owner() };
    for by in [&deputy, &script, &robot, &narrow] {
        assert_eq!(keep(by, 1), Err("insufficient_scope".into()), "{}", by.actor());
        assert_eq!(test_site.last_logged(), format!("{} retention audit insufficient_scope", by.actor()));
        test_site.pass(60_001);
    }
    for wrong in [0, 3_651, u32::MAX] {
        assert_eq!(keep(&owner(), wrong), Err("invalid_request".into()));
    }
    assert_eq!(keep(&owner(), 10), Ok(()));
    assert_eq!(test_site.last_logged(), "ann retention audit 10_days");
    assert_eq!(page(&test_site, AuditFilter::default(), 1).keep_days, 10);
    let early = log(&test_site).len();
    days(5);
    test_site.log_in("ann", "g");
    test_site.tick();
    assert_eq!(log(&test_site).len(), early + 1);
    days(5);
    test_site.pass(2 * HOUR_S * 1000);
    test_site.tick();
    let left = log(&test_site);
    assert_eq!(left.iter().map(|e| e.act.as_str()).collect::<Vec<_>>(), ["login"]);
    days(80);
    test_site.tick();
    assert_eq!(log(&test_site), left, "the newest entry stays, because the next hash includes its hash");
    test_site.log_in("ann", "h");
    assert_eq!(broken_at(&log(&test_site)), None);
    assert_eq!(log(&test_site).len(), 2);
    test_site.pass(HOUR_S * 1000);
    test_site.tick();
    let last = log(&test_site);
    assert_eq!((last.len(), last[0].seq), (1, left[0].seq + 1));
    assert_eq!(keep(&owner(), 3_650), Ok(()));
}

#[test]
fn a_purge_takes_the_beginning_whatever_the_clock_did() {
    let test_site = TestSite::new();
    test_site.log_in("ann", "f");
    // The site's clock was ahead, and was then corrected.
    let future = test_site.now_ms.get() + 50 * DAY_S * 1000;
    let seq = log(&test_site).last().unwrap().seq;
    test_site.now_ms.set(future);
    test_site.log_in("ann", "g");
    test_site.now_ms.set(START_MS);
    test_site.log_in("ann", "h");
    test_site.log_in("ann", "i");
    test_site.pass(91 * DAY_S * 1000);
    test_site.tick();
    assert!(test_site.tick().is_empty());
    let left = log(&test_site);
    assert_eq!(left.iter().map(|e| e.seq).collect::<Vec<_>>(), [seq + 1, seq + 2, seq + 3]);
    assert_eq!(broken_at(&left), None);
    let wake = test_site.with(|site| site.next_wake(false, None)).0.unwrap();
    assert!(
        wake.is_some_and(|at_ms| at_ms > test_site.now_ms.get()),
        "the purge does not repeat immediately"
    );
    test_site.pass(50 * DAY_S * 1000);
    test_site.tick();
    assert_eq!(log(&test_site).len(), 1);
}

#[test]
fn a_rare_filter_reads_a_part_of_the_log_per_call() {
    let test_site = TestSite::new();
    let read = |filter: &AuditFilter| {
        let call = Call::Audit { principal: owner(), filter: filter.clone(), limit: 10 };
        match test_site.call(call).0 {
            Ok(Answer::Now(Reply::Audit(page))) => page,
            other => panic!("{other:?}"),
        }
    };
    let rare = AuditFilter { act: Some("setup".into()), ..AuditFilter::default() };
    assert_eq!((read(&rare).entries.len(), read(&rare).next), (1, None));
    let sql = "WITH RECURSIVE more (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM more WHERE n < ?1)
        INSERT INTO audit (seq, at_ms, actor, act, target, outcome, hash)
        SELECT n + (SELECT max(seq) FROM audit), ?2, 'ann', 'command', 'porch', 'executed', '' FROM more";
    let many = 2 * crate::audit::MAX_READ;
    test_site.store.run(sql, &[many.into(), test_site.now_ms.get().into()]).unwrap();
    let (mut filter, mut calls, mut found) = (rare.clone(), 0, 0);
    loop {
        let page = read(&filter);
        calls += 1;
        found += page.entries.len();
        filter.before = page.next;
        if page.next.is_none() {
            break;
        }
        assert!(page.entries.is_empty() && calls < 5);
    }
    assert_eq!((calls, found), (3, 1));
    let recent = AuditFilter { since_ms: Some(test_site.now_ms.get() + 1), ..rare };
    assert_eq!(read(&recent).next, None, "no older entry can match");
}
