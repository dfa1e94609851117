//! Tests of timers, of deleting expired rows, and of opening a site.

use pinlatch_protocol::SILENCE_LIMIT_MS;

use super::*;

const HOUR_MS: u64 = 3_600_000;

fn wake(bench: &TestSite, panels_open: bool) -> Option<u64> {
    bench.with(|site| site.next_wake(panels_open, None)).0.unwrap()
}

#[test]
fn an_idle_site_sleeps_until_a_purge() {
    let bench = TestSite::empty();
    assert_eq!(wake(&bench, true), None);
    let bench = TestSite::connected();
    let purge = wake(&bench, false).unwrap();
    assert!(purge > START_MS + SILENCE_LIMIT_MS && purge.is_multiple_of(HOUR_MS));
    assert_eq!(wake(&bench, true), Some(START_MS + SILENCE_LIMIT_MS + 1));
    bench.pass(15_000);
    bench.alive("s1");
    assert_eq!(
        wake(&bench, true),
        Some(START_MS + 15_000 + SILENCE_LIMIT_MS + 1),
        "a ping postpones the check"
    );
    bench.close("porch", "s1");
    assert_eq!(wake(&bench, true), Some(purge));
}

#[test]
fn a_lost_socket_is_due_at_once_but_once() {
    let bench = TestSite::connected();
    bench.links.0.borrow_mut().clear();
    assert_eq!(wake(&bench, true), Some(START_MS));
    bench.tick();
    assert!(wake(&bench, true).unwrap() > START_MS);
}

#[test]
fn the_first_deadline_wakes() {
    let bench = TestSite::connected();
    let mut patient = pulse("patient");
    patient.deadline_ms = Some(60_000);
    bench.order(patient);
    let mut hasty = pulse("hasty");
    hasty.deadline_ms = Some(100);
    bench.order(hasty);
    assert_eq!(wake(&bench, false), Some(START_MS + 1_100));
    bench.pass(1_100);
    assert_eq!(answers(&bench.tick()).len(), 1);
    assert_eq!(wake(&bench, false), Some(START_MS + 61_000));
}

#[test]
fn what_is_kept_too_long_goes_and_the_site_comes_to_rest() {
    let bench = TestSite::connected();
    for n in 0..600 {
        let (_, order) = bench.order(pulse(&format!("n{n}")));
        bench.report(&order.jti, CommandStatus::Executed, None, None);
    }
    bench.call(Call::Logout { principal: program("line:*/*:*") }).0.unwrap();
    let login = Call::Login {
        username: user("ann"),
        family: "f".into(),
        refresh_jti: "r".into(),
        expires_at: START_MS / 1000 + 60,
    };
    bench.call(login).0.unwrap();
    bench.close("porch", "s1");
    let count = |table: &str| {
        bench.store.run(&format!("SELECT count(*) FROM {table}"), &[]).unwrap()[0].int(0).unwrap()
    };
    assert_eq!(count("commands"), 600);
    let mut ticks = 0;
    while let Some(at_ms) = wake(&bench, true) {
        bench.now_ms.set(bench.now_ms.get().max(at_ms));
        bench.tick();
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
    assert!(bench.now_ms.get() > START_MS + bench.config.keep_audit_ms);
}

#[test]
fn a_command_is_kept_for_a_day_and_no_ticket_is_used_twice() {
    let bench = TestSite::connected();
    let (first, _) = bench.order(pulse("a"));
    let (second, _) = bench.order(pulse("b"));
    bench.pass(KEEP_COMMANDS_MS - 1);
    bench.tick();
    assert_eq!(bench.status("a").status, CommandStatus::Unknown);
    bench.pass(2 * HOUR_MS);
    bench.tick();
    bench.connect("porch", "s2", "cert-1").0.unwrap();
    bench.hello("porch", "s2", &porch_lines(), &[]);
    let (third, _) = bench.order(pulse("a"));
    assert!(first < second && second < third);
}

#[test]
fn opening_is_one_read_and_repairs_a_creation_that_was_cut_short() {
    let sqlite = Sqlite::in_memory().unwrap();
    sqlite.run("CREATE TABLE meta (one INTEGER PRIMARY KEY CHECK (one = 1), schema INTEGER NOT NULL, generation INTEGER NOT NULL, seq INTEGER NOT NULL) STRICT", &[]).unwrap();
    sqlite.run("CREATE TABLE codes (id TEXT PRIMARY KEY, device TEXT, expires_ms INTEGER NOT NULL, used_ms INTEGER) STRICT, WITHOUT ROWID", &[]).unwrap();
    let bench = TestSite::on(sqlite);
    bench.call(Call::SetupAllowed { code_id: "s".into() }).0.unwrap();
    let before = bench.store.0.rows_written();
    bench.with(|_| ());
    assert_eq!(bench.store.0.rows_written(), before);
    bench.store.run("UPDATE meta SET schema = 99", &[]).unwrap();
    let newer = Site::open(&bench.store, &bench.links, &bench.config, START_MS).err();
    assert_eq!(newer, Some(StoreError::Newer(99)));
}

#[test]
fn a_store_that_fails_is_an_internal_problem_and_a_fault_for_the_log() {
    let bench = TestSite::connected();
    bench.store.run("DROP TABLE audit", &[]).unwrap();
    let mut site = Site::open(&bench.store, &bench.links, &bench.config, START_MS).unwrap();
    let (_, order) = bench.order(pulse("one"));
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
