//! Checks that no statement of the site reads a whole table that can grow. Every test of an event makes this check.

use std::collections::HashSet;
use std::sync::Mutex;

use super::*;

/// Tables that are read whole, and the reason why this is cheap.
const SMALL: [(&str, &str); 6] = [
    ("meta", "has one row"),
    ("people", "has at most 1000 rows"),
    ("devices", "has one row per machine"),
    ("lines", "has at most 64 rows per machine"),
    ("limited_lines", "has rows only for lines with too many events, for an hour"),
    (
        "rates",
        "has rows only for callers with commands in the last hour, and is read whole only by the hourly purge",
    ),
];

/// Indexes that are read whole, and the reason why this is cheap.
const SMALL_INDEXES: [(&str, &str); 1] = [(
    "commands_in_flight",
    "has only commands without a result, whose number is limited per caller and device",
)];

/// The starts of statements that read or change all rows of a table, because this is their purpose.
const WHOLE: [(&str, &str); 9] = [
    ("SELECT jti, kind, name, creator, person, parent, issuer, scope", "lists all tokens"),
    ("SELECT id FROM codes WHERE", "lists all open codes"),
    ("UPDATE tokens SET ended_ms = ?1 WHERE ended_ms IS NULL", "ends all tokens"),
    ("UPDATE families SET ended_ms = ?1 WHERE ended_ms IS NULL", "ends all logins"),
    ("UPDATE tokens SET ended_ms = ?2 WHERE person = ?1", "removes or secures a person, with a proof"),
    ("DELETE FROM codes WHERE person = ?1", "removes or secures a person, with a proof"),
    ("DELETE FROM identities WHERE person = ?1", "removes or secures a person, with a proof"),
    ("DELETE FROM codes WHERE", "withdraws codes; the number of open codes is limited per caller"),
    ("SELECT role, scope FROM codes", "reads the open invitations of a name; their number is limited"),
];

static CHECKED: Mutex<Option<HashSet<String>>> = Mutex::new(None);

/// Returns the steps of the statement's plan that read a whole table, except small tables.
fn scans(sqlite: &Sqlite, sql: &str, params: &[Value]) -> Vec<String> {
    if WHOLE.iter().any(|(start, _)| sql.starts_with(start)) {
        return Vec::new();
    }
    let plan = sqlite.run(&format!("EXPLAIN QUERY PLAN {sql}"), params).unwrap();
    let steps = plan.iter().map(|row| row.text(3).unwrap().to_owned());
    steps
        .filter(|step| {
            let Some((kind, rest)) = step.split_once(' ') else { return false };
            let table = rest.split(' ').next().unwrap_or_default();
            match kind {
                "SCAN" => {}
                // The search for the lowest or highest value of a column reads the whole table if its plan contains no
                // condition and no index. The column `seq` of these two tables is the row id.
                "SEARCH" if !rest.contains('(') && !rest.contains(" INDEX ") => {
                    if ["audit", "commands"].contains(&rest) {
                        return false;
                    }
                }
                _ => return false,
            }
            let is_small = SMALL.iter().any(|(small, _)| *small == table)
                || SMALL_INDEXES.iter().any(|(index, _)| rest.contains(index));
            // A scan in the order of an index that stops at the first row.
            let is_first = rest.contains("USING") && rest.contains("INDEX") && sql.contains("LIMIT 1)");
            !(is_small || is_first || rest == "CONSTANT ROW" || rest.starts_with('('))
        })
        .collect()
}

/// Fails the test if a statement reads a whole table that can grow.
pub(super) fn check(sqlite: &Sqlite, sql: &str, params: &[Value]) {
    let mut checked = CHECKED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if checked.get_or_insert_default().insert(sql.to_owned()) {
        let found = scans(sqlite, sql, params);
        assert!(found.is_empty(), "{found:?}: {sql}");
    }
}

#[test]
fn a_statement_without_an_index_is_found() {
    let test_site = TestSite::connected();
    for sql in [
        "SELECT * FROM audit WHERE outcome = 'done'",
        "SELECT jti, max(at_ms) FROM audit GROUP BY jti",
        "SELECT min(expires_ms) FROM families",
        "DELETE FROM tokens WHERE exp * 1000 <= 5",
        "SELECT count(*) FROM commands WHERE status = 'executed'",
    ] {
        assert!(!scans(&test_site.store.0, sql, &[]).is_empty(), "{sql}");
    }
}
