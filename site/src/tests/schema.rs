//! Tests that the upgrade of an older database preserves all data.

use pinlatch_protocol::scope::Role;

use super::fixtures::*;
use super::*;
use crate::database::schema::VERSIONS;

/// The SQL statements for the released schema version 1, without the tables of devices and commands.
const VERSION_1: [&str; 8] = [
    "CREATE TABLE meta (one INTEGER PRIMARY KEY CHECK (one = 1), schema INTEGER NOT NULL,
        generation INTEGER NOT NULL, seq INTEGER NOT NULL) STRICT",
    "CREATE TABLE people (username TEXT PRIMARY KEY, role TEXT NOT NULL, created_ms INTEGER NOT NULL)
        STRICT, WITHOUT ROWID",
    "CREATE TABLE families (id TEXT PRIMARY KEY, username TEXT NOT NULL, current TEXT NOT NULL, previous TEXT,
        rotated_ms INTEGER, expires_ms INTEGER NOT NULL, ended_ms INTEGER) STRICT, WITHOUT ROWID",
    "CREATE TABLE revoked (jti TEXT PRIMARY KEY, until_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE sessions (nonce TEXT PRIMARY KEY, at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE codes (id TEXT PRIMARY KEY, device TEXT, expires_ms INTEGER NOT NULL, used_ms INTEGER)
        STRICT, WITHOUT ROWID",
    "CREATE TABLE audit (seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, actor TEXT NOT NULL, jti TEXT,
        act TEXT NOT NULL, target TEXT NOT NULL, outcome TEXT NOT NULL) STRICT",
    "INSERT INTO meta VALUES (1, 1, 3, 7)",
];

/// Since schema version 1, the tables `devices`, `lines` and `commands` have changed only by new columns at the end.
const UNCHANGED: [&str; 3] = ["devices", "lines", "commands"];

fn version_1() -> TestSite {
    let today = TestSite::new();
    let old = Sqlite::in_memory().unwrap();
    for statement in VERSION_1 {
        old.run(statement, &[]).unwrap();
    }
    for table in UNCHANGED {
        let sql = "SELECT sql FROM sqlite_master WHERE tbl_name = ?1 AND sql IS NOT NULL ORDER BY type DESC";
        for row in today.store.run(sql, &[table.into()]).unwrap() {
            old.run(row.text(0).unwrap(), &[]).unwrap();
        }
    }
    let expires = (START_MS + DAY_S * 1000).to_string();
    for statement in [
        "INSERT INTO people VALUES ('ann', 'owner', 5), ('vic', 'viewer', 6)".to_owned(),
        format!("INSERT INTO families VALUES ('f', 'ann', 'r0', NULL, NULL, {expires}, NULL)"),
        format!("INSERT INTO revoked VALUES ('bad', {expires})"),
        format!("INSERT INTO sessions VALUES ('used', {START_MS})"),
        format!("INSERT INTO codes VALUES ('setup', NULL, {expires}, 5), ('enrol', 'shed', {expires}, NULL)"),
        format!("INSERT INTO audit VALUES (4, {START_MS}, 'ann', NULL, 'setup', 'ann', 'done')"),
        format!("INSERT INTO audit VALUES (5, {START_MS}, 'ann', 'r0', 'login', 'ann', 'done')"),
    ] {
        old.run(&statement, &[]).unwrap();
    }
    TestSite::on(old)
}

fn check(test_site: &TestSite) {
    let ann = Principal { family: Some("f".into()), generation: 3, ..owner() };
    assert_eq!(test_site.may(&ann), Ok("line:*/*:* site:*".into()));
    assert_eq!(test_site.may(&Principal { jti: "bad".into(), ..ann.clone() }), Err("invalid_token".into()));
    let Ok(Answer::Now(Reply::People(people))) = test_site.call(Call::People { principal: ann.clone() }).0
    else {
        panic!()
    };
    let known: Vec<_> =
        people.iter().map(|p| (p.username.as_str(), p.role, p.created_ms, p.sessions)).collect();
    assert_eq!(known, [("ann", Some(Role::Owner), 5, 1), ("vic", Some(Role::Viewer), 6, 0)]);
    let password = test_site.call(Call::CurrentPassword { principal: ann.clone() }).0;
    assert_eq!(password, Ok(Answer::Now(Reply::Password(Some(String::new())))), "old passwords stay valid");
    let enrol = |code_id: &str| Call::Enrol {
        code_id: code_id.into(),
        jwk: json!({}),
        jwk_thumbprint: "t".into(),
        cert_jti: "c".into(),
        cert_exp: u64::MAX,
    };
    assert_eq!(test_site.refusal(enrol("enrol")), "code_refused", "nobody knows who made an old code");
    let (device, code_id, expires_at) = (name("shed"), "new".into(), START_MS / 1000 + 60);
    test_site.done(Call::CreateEnrolment { principal: ann.clone(), device, code_id, expires_at }).unwrap();
    let (answer, effects) = test_site.call(enrol("new"));
    assert_eq!(answer, Ok(Answer::Now(Reply::Enrolled { device: name("shed") })));
    assert!(matches!(&effects[..], [Effect::Publish(event)] if event.seq == 8), "{effects:?}");
    let script = test_site.issue(&ann, api("line:*/*:*"), "script").unwrap();
    assert!(test_site.may(&script).is_ok());
    let page = Call::Audit { principal: ann, filter: AuditFilter::default(), limit: 9 };
    let Ok(Answer::Now(Reply::Audit(page))) = test_site.call(page).0 else { panic!() };
    let log: Vec<_> = page.entries.iter().map(|e| (e.seq, e.act.as_str(), e.hash.len())).collect();
    let new = [(8, "mint", 64), (7, "enrol", 64), (6, "enrolment", 64)];
    assert_eq!(log, [&new[..], &[(5, "login", 0), (4, "setup", 0)]].concat());
    assert_eq!((page.head.unwrap().seq, page.keep_days), (8, 90));
}

#[test]
fn version_1_becomes_today_s_with_its_data() {
    let test_site = version_1();
    check(&test_site);
    let schema = test_site.store.run("SELECT schema FROM meta", &[]).unwrap();
    assert_eq!(schema[0].int(0), Ok(i64::try_from(VERSIONS.len()).unwrap()));
    assert_eq!(used_nonces(&test_site), ["used"]);
}

fn used_nonces(test_site: &TestSite) -> Vec<String> {
    let rows = test_site.store.run("SELECT nonce FROM connection_nonces", &[]).unwrap();
    rows.iter().map(|row| row.text(0).unwrap().to_owned()).collect()
}

#[test]
fn an_upgrade_interrupted_after_any_statement_is_finished() {
    for (version, statements) in VERSIONS.iter().enumerate().skip(1) {
        for interrupted_after in 0..=statements.len() {
            let test_site = version_1();
            let complete = VERSIONS.iter().take(version).skip(1).flat_map(|statements| statements.iter());
            for statement in complete.chain(statements.iter().take(interrupted_after)) {
                match test_site.store.run(statement, &[]) {
                    // A table that was copied from the present schema already contains the columns of later versions.
                    Err(StoreError::Sql(text)) if text.contains("duplicate column name") => {}
                    other => drop(other.unwrap()),
                }
            }
            test_site.store.run("UPDATE meta SET schema = ?1", &[(version as u64).into()]).unwrap();
            check(&test_site);
            assert_eq!(
                used_nonces(&test_site),
                ["used"],
                "version {version}, {interrupted_after} statements"
            );
        }
    }
}

#[test]
fn a_person_without_a_password_has_none_after_the_upgrade() {
    let test_site = version_1();
    for statement in VERSIONS.iter().take(6).skip(1).flat_map(|statements| statements.iter()) {
        match test_site.store.run(statement, &[]) {
            Err(StoreError::Sql(text)) if text.contains("duplicate column name") => {}
            other => drop(other.unwrap()),
        }
    }
    test_site.store.run("UPDATE people SET password = 0 WHERE username = 'vic'", &[]).unwrap();
    test_site.store.run("UPDATE meta SET schema = 6", &[]).unwrap();
    let login = |who: &str| Call::Login {
        username: user(who),
        password_ids: vec![String::new()],
        new: NewLogin { refresh_jti: "r".into(), expires_at: u64::MAX, ..test_site.new_login(who) },
    };
    assert_eq!(test_site.refusal(login("vic")), "login_failed");
    assert!(test_site.call(login("ann")).0.is_ok());
}

#[test]
fn a_change_that_was_cut_short_is_finished() {
    let test_site = version_1();
    for statement in [
        "ALTER TABLE people ADD COLUMN scope TEXT",
        "ALTER TABLE codes ADD COLUMN username TEXT",
        "ALTER TABLE codes ADD COLUMN role TEXT",
    ] {
        test_site.store.run(statement, &[]).unwrap();
    }
    check(&test_site);
}

#[test]
fn an_old_database_ends_up_like_a_new_one() {
    let tables = |test_site: &TestSite| {
        test_site.with(|site| site.tick());
        let tables = test_site
            .store
            .run("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name", &[])
            .unwrap();
        let columns = |table: &str| {
            let sql = "SELECT name, type, \"notnull\", pk FROM pragma_table_info(?1) ORDER BY name";
            test_site.store.run(sql, &[table.into()]).unwrap()
        };
        tables
            .iter()
            .map(|row| (row.text(0).unwrap().to_owned(), columns(row.text(0).unwrap())))
            .collect::<Vec<_>>()
    };
    assert_eq!(tables(&version_1()), tables(&TestSite::empty()));
}
