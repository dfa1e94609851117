//! Tests timers, the deletion of expired rows, and opening a site.

use pinlatch_protocol::SILENCE_LIMIT_MS;

use super::*;

const HOUR_MS: u64 = 3_600_000;

fn wake(test_site: &TestSite, panels_open: bool) -> Option<u64> {
    test_site.with(|site| site.next_wake(panels_open, None)).0.unwrap()
}

#[test]
fn an_idle_site_sleeps_until_a_purge() {
    let test_site = TestSite::empty();
    assert_eq!(wake(&test_site, true), None);
    let test_site = TestSite::connected();
    let purge = wake(&test_site, false).unwrap();
    assert!(purge > START_MS + SILENCE_LIMIT_MS && purge.is_multiple_of(HOUR_MS));
    assert_eq!(wake(&test_site, true), Some(START_MS + SILENCE_LIMIT_MS + 1));
    test_site.pass(15_000);
    test_site.alive("s1");
    assert_eq!(
        wake(&test_site, true),
        Some(START_MS + 15_000 + SILENCE_LIMIT_MS + 1),
        "a ping postpones the check"
    );
    test_site.close("porch", "s1");
    assert_eq!(wake(&test_site, true), Some(purge));
}

#[test]
fn a_lost_socket_is_due_at_once_but_once() {
    let test_site = TestSite::connected();
    test_site.links.agents.borrow_mut().clear();
    assert_eq!(wake(&test_site, true), Some(START_MS));
    test_site.tick();
    assert!(wake(&test_site, true).unwrap() > START_MS);
}

#[test]
fn the_first_deadline_wakes() {
    let test_site = TestSite::connected();
    let mut patient = pulse("patient");
    patient.deadline_ms = Some(60_000);
    test_site.order(patient);
    let mut hasty = pulse("hasty");
    hasty.deadline_ms = Some(100);
    test_site.order(hasty);
    assert_eq!(wake(&test_site, false), Some(START_MS + 1_100));
    test_site.pass(1_100);
    assert_eq!(answers(&test_site.tick()).len(), 1);
    assert_eq!(wake(&test_site, false), Some(START_MS + 61_000));
}

#[test]
fn what_is_kept_too_long_goes_and_the_site_comes_to_rest() {
    let test_site = TestSite::connected();
    for n in 0..600 {
        let (_, order) = test_site.order(pulse(&format!("n{n}")));
        test_site.report(&order.jti, CommandStatus::Executed, None, None);
    }
    test_site.call(Call::Logout { principal: program("line:*/*:*") }).0.unwrap();
    let login = Call::Login {
        username: user("ann"),
        password_ids: vec![PASSWORD_ID.into()],
        new: NewLogin {
            refresh_jti: "r".into(),
            expires_at: START_MS / 1000 + 60,
            ..test_site.new_login("f")
        },
    };
    test_site.call(login).0.unwrap();
    test_site.close("porch", "s1");
    let count = |table: &str| {
        test_site.store.run(&format!("SELECT count(*) FROM {table}"), &[]).unwrap()[0].int(0).unwrap()
    };
    assert_eq!(count("commands"), 600);
    let mut ticks = 0;
    while let Some(at_ms) = wake(&test_site, true) {
        test_site.now_ms.set(test_site.now_ms.get().max(at_ms));
        test_site.tick();
        ticks += 1;
        assert!(ticks < 50, "the site must have no more work at some point");
    }
    for (table, left) in [
        ("commands", 1),
        ("audit", 1),
        ("connection_nonces", 0),
        ("families", 0),
        ("codes", 1),
        ("revoked", 0),
    ] {
        assert_eq!(count(table), left, "{table}");
    }
    assert!(test_site.now_ms.get() > START_MS + test_site.config.keep_audit_ms);
}

#[test]
fn a_command_is_kept_for_a_day_and_no_ticket_is_used_twice() {
    let test_site = TestSite::connected();
    let (first, _) = test_site.order(pulse("a"));
    let (second, _) = test_site.order(pulse("b"));
    test_site.pass(KEEP_COMMANDS_MS - 1);
    test_site.tick();
    assert_eq!(test_site.status("a").status, CommandStatus::Unknown);
    test_site.pass(2 * HOUR_MS);
    test_site.tick();
    test_site.connect("porch", "s2", "cert-1").0.unwrap();
    test_site.hello("porch", "s2", &porch_lines(), &[]);
    let (third, _) = test_site.order(pulse("a"));
    assert!(first < second && second < third);
}

#[test]
fn opening_is_one_read_and_repairs_a_creation_that_was_cut_short() {
    let sqlite = Sqlite::in_memory().unwrap();
    sqlite.run("CREATE TABLE meta (one INTEGER PRIMARY KEY CHECK (one = 1), schema INTEGER NOT NULL, generation INTEGER NOT NULL, seq INTEGER NOT NULL) STRICT", &[]).unwrap();
    sqlite.run("CREATE TABLE codes (id TEXT PRIMARY KEY, device TEXT, expires_ms INTEGER NOT NULL, used_ms INTEGER) STRICT, WITHOUT ROWID", &[]).unwrap();
    let test_site = TestSite::on(sqlite);
    test_site.call(Call::SetupAllowed { code_id: "s".into() }).0.unwrap();
    let before = test_site.store.0.rows_written();
    test_site.with(|_| ());
    assert_eq!(test_site.store.0.rows_written(), before);
    test_site.store.run("UPDATE meta SET schema = 99", &[]).unwrap();
    let newer = Site::open(&test_site.store, &test_site.links, &test_site.config, START_MS).err();
    assert_eq!(newer, Some(StoreError::Newer(99)));
}

#[test]
fn a_store_that_fails_is_an_internal_problem_and_a_fault_for_the_log() {
    let test_site = TestSite::connected();
    test_site.store.run("DROP TABLE audit", &[]).unwrap();
    let mut site = Site::open(&test_site.store, &test_site.links, &test_site.config, START_MS).unwrap();
    let (_, order) = test_site.order(pulse("one"));
    site.agent_message(
        &name("porch"),
        "s1",
        FromAgent::Result(outcome(&order.jti, CommandStatus::Executed, None, None)),
    );
    assert!(matches!(&site.take_effects()[..], [Effect::Fault(StoreError::Sql(_))]));
    let problem =
        site.call(Call::Audit { principal: owner(), filter: AuditFilter::default(), limit: 1 }).unwrap_err();
    assert_eq!((problem.code.as_str(), problem.detail), ("internal", None));
    assert!(matches!(&site.take_effects()[..], [Effect::Fault(_)]));
}
