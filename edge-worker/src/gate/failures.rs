//! Counts the failed logins of each account from each client, and determines the waiting times.

use std::cell::Cell;

use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_site::{Store, StoreError, Value};

/// The number of failed logins before a waiting time starts, for one account and one client.
pub const FREE_FAILURES: u64 = 5;

/// The first waiting time after too many failed logins, in milliseconds. Each further failed login doubles the waiting
/// time.
const FIRST_WAIT_MS: u64 = 1_000;

/// The maximum waiting time after failed logins, in milliseconds.
pub const LONGEST_WAIT_MS: u64 = 30_000;

/// How long failed logins are stored after the end of their waiting time, in milliseconds.
const FORGET_MS: u64 = 24 * 3_600_000;

/// The maximum number of stored combinations of an account and a client. The combination without failed logins for the
/// longest time is deleted first.
const MAX_ROWS: i64 = 4_096;

/// The number of new rows after which the rows are counted again, because counting reads all of them.
const UNCOUNTED_ROWS: u32 = 64;

pub const SCHEMA: [&str; 3] = [
    // The table of an earlier version contained the failed logins of the last day.
    "DROP TABLE IF EXISTS failures",
    "CREATE TABLE IF NOT EXISTS failed_logins (
        site TEXT NOT NULL, username TEXT NOT NULL, client TEXT NOT NULL,
        count INTEGER NOT NULL, until_ms INTEGER NOT NULL,
        PRIMARY KEY (site, username, client)) STRICT, WITHOUT ROWID",
    // Rows are deleted by this column.
    "CREATE INDEX IF NOT EXISTS failed_logins_until ON failed_logins (until_ms)",
];

/// The failed logins of one account from one client.
pub struct Failures<'a> {
    pub store: &'a dyn Store,
    pub site: &'a str,
    pub username: &'a str,
    pub client: &'a str,
    /// The number of rows that were added since the rows were counted.
    pub uncounted: &'a Cell<u32>,
}

impl Failures<'_> {
    /// Counts an attempt as a failed login, and returns the number of failed logins since the last successful login.
    /// During a waiting time, this function returns 429 `throttled` and counts nothing.
    pub fn add(&self, now_ms: u64) -> Result<Result<u64, Problem>, StoreError> {
        let key = [self.site.into(), self.username.into(), self.client.into()];
        let rows = self.store.run(
            "SELECT count, until_ms FROM failed_logins WHERE site = ?1 AND username = ?2 AND client = ?3",
            &key,
        )?;
        let (count, until) = rows.first().map_or(Ok((0, 0)), |row| Ok((row.uint(0)?, row.uint(1)?)))?;
        if let Some(wait) = until.checked_sub(now_ms).filter(|wait| *wait > 0) {
            return Ok(Err(throttled(wait)));
        }
        if rows.is_empty() {
            self.make_room(now_ms)?;
        }
        let count = count.saturating_add(1);
        let [site, username, client] = key;
        self.store.run(
            "INSERT INTO failed_logins (site, username, client, count, until_ms) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET count = excluded.count, until_ms = excluded.until_ms",
            &[site, username, client, count.into(), wait_until(count, now_ms).into()],
        )?;
        Ok(Ok(count))
    }

    /// Starts the waiting time of a failed login when the client receives the answer.
    pub fn wait(&self, count: u64, now_ms: u64) -> Result<(), StoreError> {
        self.update("until_ms = max(until_ms, ?4)", wait_until(count, now_ms).into())
    }

    /// Subtracts one attempt, because its password was not checked.
    pub fn take_back(&self, now_ms: u64) -> Result<(), StoreError> {
        self.update("count = max(count - 1, 0), until_ms = ?4", now_ms.into())
    }

    /// Deletes the failed logins, because a login has succeeded.
    pub fn forget(&self) -> Result<(), StoreError> {
        self.store.run(
            "DELETE FROM failed_logins WHERE site = ?1 AND username = ?2 AND client = ?3",
            &[self.site.into(), self.username.into(), self.client.into()],
        )?;
        Ok(())
    }

    fn update(&self, change: &str, value: Value) -> Result<(), StoreError> {
        let sql =
            format!("UPDATE failed_logins SET {change} WHERE site = ?1 AND username = ?2 AND client = ?3");
        self.store.run(&sql, &[self.site.into(), self.username.into(), self.client.into(), value])?;
        Ok(())
    }

    /// Deletes old rows before a new row is added.
    fn make_room(&self, now_ms: u64) -> Result<(), StoreError> {
        let uncounted = self.uncounted.get();
        if uncounted.is_multiple_of(UNCOUNTED_ROWS) {
            let old = now_ms.saturating_sub(FORGET_MS);
            self.store.run("DELETE FROM failed_logins WHERE until_ms < ?1", &[old.into()])?;
            self.store.run(
                "DELETE FROM failed_logins WHERE until_ms <= (
                    SELECT until_ms FROM failed_logins ORDER BY until_ms DESC LIMIT 1 OFFSET ?1)",
                &[(MAX_ROWS - i64::from(UNCOUNTED_ROWS)).into()],
            )?;
        }
        self.uncounted.set(uncounted.wrapping_add(1));
        Ok(())
    }
}

/// Returns 429 `throttled` for a waiting time after wrong passwords.
pub fn throttled(wait_ms: u64) -> Problem {
    Problem::new(Code::Throttled)
        .detail("too many wrong passwords; wait before you try again")
        .retry_after(u32::try_from(wait_ms.div_ceil(1000)).unwrap_or(u32::MAX))
}

/// Returns the end of the waiting time after `count` failed logins, in milliseconds of Unix time.
fn wait_until(count: u64, now_ms: u64) -> u64 {
    now_ms + wait_ms(count.saturating_sub(FREE_FAILURES))
}

/// Returns the waiting time after `over` failed logins too many, in milliseconds.
pub fn wait_ms(over: u64) -> u64 {
    match over {
        0 => 0,
        over => FIRST_WAIT_MS.saturating_mul(1 << (over - 1).min(16)).min(LONGEST_WAIT_MS),
    }
}

#[cfg(test)]
mod tests {
    use pinlatch_site::native::Sqlite;

    use super::*;

    fn failures<'a>(store: &'a Sqlite, uncounted: &'a Cell<u32>, client: &'a str) -> Failures<'a> {
        Failures { store, site: "home", username: "owner", client, uncounted }
    }

    fn database() -> Sqlite {
        let store = Sqlite::in_memory().unwrap();
        SCHEMA.iter().for_each(|statement| drop(store.run(statement, &[]).unwrap()));
        store
    }

    #[test]
    fn waits_begin_late_double_and_end() {
        assert_eq!(wait_until(5, 7), 7, "no wait yet");
        assert_eq!(wait_until(6, 10), 1_010);
        assert_eq!(wait_until(8, 0), 4_000);
        assert_eq!(wait_until(1_000, 0), LONGEST_WAIT_MS);
    }

    #[test]
    fn attempts_at_the_same_time_are_all_counted() {
        let (store, uncounted) = (database(), Cell::new(0));
        let one = failures(&store, &uncounted, "192.0.2.1");
        let counted = (0..54).filter(|_| one.add(1_000).unwrap().is_ok()).count();
        assert_eq!(counted, 6);
        assert!(failures(&store, &uncounted, "192.0.2.2").add(1_000).unwrap().is_ok(), "another client");
        one.take_back(1_000).unwrap();
        assert_eq!(one.add(1_000).unwrap(), Ok(6), "an attempt without a check does not count");
        one.forget().unwrap();
        assert_eq!(one.add(1_000).unwrap(), Ok(1));
    }

    #[test]
    fn the_number_of_rows_is_bounded() {
        let (store, uncounted) = (database(), Cell::new(0));
        for number in 0..2 * MAX_ROWS as u64 {
            let client = format!("client-{number}");
            let added = failures(&store, &uncounted, &client).add(1_000 + number).unwrap();
            assert_eq!(added, Ok(1));
        }
        let rows = store.run("SELECT count(*) FROM failed_logins", &[]).unwrap();
        let count = rows.first().unwrap().int(0).unwrap();
        assert!((MAX_ROWS - 2 * i64::from(UNCOUNTED_ROWS)..=MAX_ROWS).contains(&count), "{count}");
    }
}
