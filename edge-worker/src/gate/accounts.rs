//! Stores the password hashes of accounts. A gate can store several hashes for one account, because a new password is
//! stored before the site accepts it. The site stores the id of the password that counts.

use pinlatch_protocol::api::Secret;
use pinlatch_protocol::name::{Name, UserName};
use pinlatch_protocol::problem::Problem;
use pinlatch_site::{Row, Store, StoreError, Value};

use super::call::Source;
use super::password;
use crate::respond::fault;

/// How long a password that does not count is stored at least, in milliseconds. The time is much longer than a request
/// takes from the storage of its password until the decision of the site.
const PENDING_MS: u64 = 600_000;

/// The maximum number of an account's passwords that do not count, for each [`Source`]. A person who repeats requests
/// with one source therefore cannot remove a password that was stored with the other source.
const MAX_PENDING: u64 = 8;

const PASSWORDS: &str = "CREATE TABLE IF NOT EXISTS passwords (
        site TEXT NOT NULL, username TEXT NOT NULL, id TEXT NOT NULL, hash TEXT NOT NULL,
        source TEXT NOT NULL, stored_ms INTEGER NOT NULL,
        PRIMARY KEY (site, username, id)) STRICT, WITHOUT ROWID";

/// Moves the password hashes of older versions, which stored one hash without an id for each account.
const MOVE: [&str; 2] = [
    "INSERT OR IGNORE INTO passwords SELECT site, username, '', hash, 'code', 0 FROM accounts",
    "DROP TABLE accounts",
];

/// Creates the table of password hashes, and moves the hashes from the table of older versions.
pub fn open(database: &dyn Store) -> Result<(), Problem> {
    database.run(PASSWORDS, &[]).map_err(failed)?;
    for statement in MOVE {
        match database.run(statement, &[]) {
            Err(StoreError::Sql(text)) if text.contains("no such table") => break,
            other => drop(other.map_err(failed)?),
        }
    }
    Ok(())
}

/// The passwords of one person at one site.
pub struct Account<'a> {
    pub database: &'a dyn Store,
    pub site: &'a Name,
    pub username: &'a UserName,
}

impl Account<'_> {
    /// Returns the ids of the stored passwords that are equal to this password. If the account does not exist, this
    /// function takes the same time.
    pub fn matching(&self, password: &Secret) -> Result<Vec<String>, Problem> {
        let (ids, hashes): (Vec<_>, Vec<_>) = self.passwords()?.into_iter().unzip();
        let matches = password::matches(password, &hashes).map_err(|error| fault("argon2", error))?;
        Ok(ids.into_iter().zip(matches).filter_map(|(id, matches)| matches.then_some(id)).collect())
    }

    /// Stores a password under a new id, and deletes old passwords that do not count. `current` is the id of the
    /// password that counted when the Worker asked the site.
    pub fn store(
        &self,
        id: &str,
        password: &Secret,
        source: Source,
        current: Option<&str>,
        now_ms: u64,
    ) -> Result<(), Problem> {
        let passwords = self.passwords()?;
        let other = passwords.first().map(|(_, hash)| hash.as_str());
        let hash = password::hash(password, other).map_err(|error| fault("argon2", error))?;
        self.run(
            "DELETE FROM passwords WHERE site = ?1 AND username = ?2 AND id IS NOT ?3 AND stored_ms < ?4",
            [current.into(), now_ms.saturating_sub(PENDING_MS).into()],
        )?;
        self.run(
            "DELETE FROM passwords WHERE site = ?1 AND username = ?2 AND id IN (
                SELECT id FROM passwords
                WHERE site = ?1 AND username = ?2 AND id IS NOT ?3 AND source = ?4
                ORDER BY stored_ms DESC LIMIT -1 OFFSET ?5)",
            [current.into(), source.as_str().into(), (MAX_PENDING - 1).into()],
        )?;
        self.run(
            "INSERT INTO passwords (site, username, id, hash, source, stored_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            [id.into(), hash.into(), source.as_str().into(), now_ms.into()],
        )?;
        Ok(())
    }

    /// Deletes a password that the site has replaced or refused. An id is never used again, so a late call cannot
    /// delete another password.
    pub fn forget(&self, id: &str) -> Result<(), Problem> {
        self.run("DELETE FROM passwords WHERE site = ?1 AND username = ?2 AND id = ?3", [id.into()])?;
        Ok(())
    }

    /// Returns whether a password is stored for the account.
    pub fn exists(&self) -> Result<bool, Problem> {
        let rows = self.run("SELECT 1 FROM passwords WHERE site = ?1 AND username = ?2 LIMIT 1", [])?;
        Ok(!rows.is_empty())
    }

    /// Returns the id and the hash of each stored password.
    fn passwords(&self) -> Result<Vec<(String, String)>, Problem> {
        let rows = self.run("SELECT id, hash FROM passwords WHERE site = ?1 AND username = ?2", [])?;
        let read = |row: &Row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned()));
        rows.iter().map(read).collect::<Result<_, _>>().map_err(failed)
    }

    fn run<const N: usize>(&self, sql: &str, more: [Value; N]) -> Result<Vec<Row>, Problem> {
        let mut params = vec![self.site.as_str().into(), self.username.as_str().into()];
        params.extend(more);
        self.database.run(sql, &params).map_err(failed)
    }
}

fn failed(error: StoreError) -> Problem {
    fault("gate", error)
}

#[cfg(test)]
mod tests {
    use pinlatch_site::native::Sqlite;

    use super::*;

    const NOW: u64 = 1_800_000_000_000;

    fn database() -> Sqlite {
        let database = Sqlite::in_memory().unwrap();
        open(&database).unwrap();
        database
    }

    fn with<T>(database: &Sqlite, who: &str, act: impl FnOnce(Account<'_>) -> T) -> T {
        let (site, username) = (Name::new("home").unwrap(), UserName::new(who).unwrap());
        act(Account { database, site: &site, username: &username })
    }

    /// Stores the id also as the password.
    fn store(database: &Sqlite, id: &str, source: Source, current: Option<&str>, now_ms: u64) {
        with(database, "ann", |account| account.store(id, &Secret::new(id), source, current, now_ms))
            .unwrap();
    }

    fn ids(database: &Sqlite, who: &str) -> Vec<String> {
        let passwords = with(database, who, |account| account.passwords()).unwrap();
        passwords.into_iter().map(|(id, _)| id).collect()
    }

    fn matching(database: &Sqlite, who: &str, password: &str) -> Vec<String> {
        with(database, who, |account| account.matching(&Secret::new(password))).unwrap()
    }

    #[test]
    fn a_stored_password_replaces_no_other() {
        let database = database();
        store(&database, "a", Source::Code, None, NOW);
        store(&database, "b", Source::Code, Some("a"), NOW);
        store(&database, "c", Source::Code, Some("a"), NOW);
        assert_eq!(matching(&database, "ann", "a"), ["a"]);
        assert_eq!(matching(&database, "ann", "b"), ["b"]);
        assert!(matching(&database, "ann", "d").is_empty());
        assert!(matching(&database, "bob", "a").is_empty());
        with(&database, "ann", |account| account.forget("a")).unwrap();
        assert!(matching(&database, "ann", "a").is_empty());
        assert_eq!(ids(&database, "ann"), ["b", "c"]);
    }

    #[test]
    fn what_counts_stays_and_what_is_old_goes() {
        let database = database();
        store(&database, "current", Source::Code, None, NOW);
        store(&database, "left", Source::Change, Some("current"), NOW);
        store(&database, "soon", Source::Code, Some("current"), NOW + PENDING_MS);
        assert_eq!(ids(&database, "ann"), ["current", "left", "soon"]);
        store(&database, "late", Source::Code, Some("current"), NOW + PENDING_MS + 1);
        assert_eq!(ids(&database, "ann"), ["current", "late", "soon"]);
    }

    #[test]
    fn repeated_changes_displace_no_password_of_a_code() {
        let database = database();
        store(&database, "current", Source::Change, None, NOW);
        store(&database, "reset", Source::Code, Some("current"), NOW);
        for n in 0..3 * MAX_PENDING {
            store(&database, &format!("thief{n:02}"), Source::Change, Some("current"), NOW + n);
        }
        let left = ids(&database, "ann");
        assert_eq!(left.len() as u64, MAX_PENDING + 2);
        for id in ["current", "reset", "thief23", "thief16"] {
            assert!(left.iter().any(|own| own == id), "{id} is missing: {left:?}");
        }
    }

    #[test]
    fn hashes_of_older_versions_stay_valid() {
        let database = Sqlite::in_memory().unwrap();
        let table = "CREATE TABLE accounts (site TEXT NOT NULL, username TEXT NOT NULL, hash TEXT NOT NULL,
            PRIMARY KEY (site, username)) STRICT, WITHOUT ROWID";
        database.run(table, &[]).unwrap();
        let hash = password::hash(&Secret::new("old"), None).unwrap();
        let sql = "INSERT INTO accounts VALUES ('home', 'ann', ?1), ('home', 'bob', ?1)";
        database.run(sql, &[hash.into()]).unwrap();
        for _ in 0..2 {
            open(&database).unwrap();
            assert_eq!(matching(&database, "ann", "old"), [""]);
            assert_eq!(matching(&database, "bob", "old"), [""]);
        }
        store(&database, "new", Source::Code, Some(""), NOW);
        assert_eq!(
            (matching(&database, "ann", "old"), matching(&database, "ann", "new")),
            (vec![String::new()], vec!["new".into()])
        );
        with(&database, "ann", |account| account.forget("")).unwrap();
        open(&database).unwrap();
        assert_eq!(ids(&database, "ann"), ["new"], "a replaced hash does not come back");
    }
}
