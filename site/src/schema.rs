//! The tables, and the upgrade of an older database.
//!
//! There are few indexes, because each one is written, and billed, with its row. The Durable Object's SQLite has no
//! `PRAGMA user_version`, so the schema version is in `meta`, next to the generation and the event sequence, which
//! every event needs: one read returns all three.

use crate::store::{Store, StoreError};

/// The row in `meta`.
pub(crate) struct Meta {
    /// Tokens of an older generation are invalid.
    pub generation: u64,
    /// A lower bound of the event sequence, because deleted rows no longer contribute their numbers.
    pub seq: u64,
}

const META: &str = "CREATE TABLE IF NOT EXISTS meta (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    schema INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    seq INTEGER NOT NULL
) STRICT";

/// One element per version. A released version never changes. `IF NOT EXISTS` lets an interrupted creation run again.
pub(crate) const VERSIONS: &[&[&str]] = &[
    &[
        "CREATE TABLE IF NOT EXISTS people (
        username TEXT PRIMARY KEY,
        role TEXT NOT NULL,
        created_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID",
        // Refresh families: one login's chain of refresh tokens.
        "CREATE TABLE IF NOT EXISTS families (
        id TEXT PRIMARY KEY,
        username TEXT NOT NULL,
        current TEXT NOT NULL,
        previous TEXT,
        rotated_ms INTEGER,
        expires_ms INTEGER NOT NULL,
        ended_ms INTEGER
    ) STRICT, WITHOUT ROWID",
        "CREATE TABLE IF NOT EXISTS revoked (
        jti TEXT PRIMARY KEY,
        until_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID",
        // One-time codes. Enrolment codes are inserted at their creation, setup codes at their use.
        "CREATE TABLE IF NOT EXISTS codes (
        id TEXT PRIMARY KEY,
        device TEXT,
        expires_ms INTEGER NOT NULL,
        used_ms INTEGER
    ) STRICT, WITHOUT ROWID",
        // `online` is the last published presence. The actual presence is computed.
        "CREATE TABLE IF NOT EXISTS devices (
        name TEXT PRIMARY KEY,
        thumbprint TEXT NOT NULL,
        cert_jti TEXT NOT NULL,
        cert_exp INTEGER NOT NULL,
        session TEXT,
        hello INTEGER NOT NULL DEFAULT 0,
        online INTEGER NOT NULL DEFAULT 0,
        last_seen_ms INTEGER,
        version TEXT,
        seq INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID",
        // Used connection nonces, so that a captured proof cannot open a second connection.
        "CREATE TABLE IF NOT EXISTS sessions (
        nonce TEXT PRIMARY KEY,
        at_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID",
        "CREATE TABLE IF NOT EXISTS lines (
        device TEXT NOT NULL,
        name TEXT NOT NULL,
        position INTEGER NOT NULL,
        kind TEXT NOT NULL,
        retain INTEGER NOT NULL,
        max_on_ms INTEGER,
        reported TEXT,
        desired TEXT,
        changed_ms INTEGER,
        seq INTEGER NOT NULL,
        PRIMARY KEY (device, name)
    ) STRICT, WITHOUT ROWID",
        // `seq` is the ticket and, as `c<seq>`, the `jti`. The newest row is never deleted, so no number is reused.
        "CREATE TABLE IF NOT EXISTS commands (
        seq INTEGER PRIMARY KEY,
        iss TEXT NOT NULL,
        sub TEXT NOT NULL,
        id TEXT NOT NULL,
        actor TEXT NOT NULL,
        jti TEXT,
        device TEXT NOT NULL,
        line TEXT NOT NULL,
        action TEXT NOT NULL,
        args TEXT NOT NULL,
        status TEXT NOT NULL,
        code TEXT,
        level TEXT,
        accepted_ms INTEGER NOT NULL,
        deadline_ms INTEGER NOT NULL,
        panels TEXT NOT NULL
    ) STRICT",
        "CREATE UNIQUE INDEX IF NOT EXISTS commands_id ON commands (iss, sub, id)",
        "CREATE INDEX IF NOT EXISTS commands_in_flight ON commands (device, deadline_ms) WHERE status = 'delivered'",
        "CREATE TABLE IF NOT EXISTS audit (
        seq INTEGER PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        actor TEXT NOT NULL,
        jti TEXT,
        act TEXT NOT NULL,
        target TEXT NOT NULL,
        outcome TEXT NOT NULL
    ) STRICT",
    ],
    &[
        // Custom scopes; the role is then `custom`.
        "ALTER TABLE people ADD COLUMN scope TEXT",
        // Whether this person chose a password. The gate may still have a password of an earlier person with the same
        // name.
        "ALTER TABLE people ADD COLUMN password INTEGER NOT NULL DEFAULT 1",
        // The invited person, and the rights that the invitation grants.
        "ALTER TABLE codes ADD COLUMN username TEXT",
        "ALTER TABLE codes ADD COLUMN role TEXT",
        "ALTER TABLE codes ADD COLUMN scope TEXT",
        // API tokens and guest links. `person` or `parent` limits their rights: the person who issued the token, or the
        // token that issued it.
        "CREATE TABLE IF NOT EXISTS tokens (
        jti TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        creator TEXT NOT NULL,
        person TEXT,
        parent TEXT,
        scope TEXT NOT NULL,
        nbf INTEGER NOT NULL,
        exp INTEGER NOT NULL,
        max_uses INTEGER,
        uses INTEGER NOT NULL DEFAULT 0,
        created_ms INTEGER NOT NULL,
        ended_ms INTEGER
    ) STRICT, WITHOUT ROWID",
        // Each entry's hash includes the previous entry's hash. Entries older than this schema version have none.
        "ALTER TABLE audit ADD COLUMN hash TEXT NOT NULL DEFAULT ''",
        // In days; NULL means the deployment's default.
        "ALTER TABLE meta ADD COLUMN keep_days INTEGER",
        // People's identities at login providers: by subject, or by an address until the first login binds it to a
        // subject.
        "CREATE TABLE IF NOT EXISTS identities (
        iss TEXT NOT NULL,
        who TEXT NOT NULL,
        username TEXT NOT NULL,
        sub TEXT,
        email TEXT,
        PRIMARY KEY (iss, who)
    ) STRICT, WITHOUT ROWID",
    ],
    &[
        // A sensor's unit, and the number of significant decimals.
        "ALTER TABLE lines ADD COLUMN unit TEXT",
        "ALTER TABLE lines ADD COLUMN precision INTEGER",
    ],
    &[
        // The certificate that replaces a device's present one.
        "ALTER TABLE devices ADD COLUMN renewed_jti TEXT",
        "ALTER TABLE devices ADD COLUMN renewed_exp INTEGER",
    ],
    &[
        // The machine on which a device's agent runs.
        "ALTER TABLE devices ADD COLUMN booted_ms INTEGER",
        "ALTER TABLE devices ADD COLUMN clock_ahead_ms INTEGER",
    ],
    &[
        // `sessions` contained connection nonces. It is created again first, so that an interrupted upgrade, which may
        // already have dropped it, can run again.
        "CREATE TABLE IF NOT EXISTS sessions (nonce TEXT PRIMARY KEY, at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID",
        "CREATE TABLE IF NOT EXISTS connection_nonces (
        nonce TEXT PRIMARY KEY,
        at_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID",
        "INSERT OR IGNORE INTO connection_nonces SELECT nonce, at_ms FROM sessions",
        "DROP TABLE sessions",
    ],
];

/// Upgrades the database if necessary and returns its `meta`. An up-to-date database needs one read.
pub(crate) fn open(store: &dyn Store) -> Result<Meta, StoreError> {
    let current = i64::try_from(VERSIONS.len()).unwrap_or(i64::MAX);
    // The read fails in an empty database, which does not have this table yet.
    if let Ok(Some((schema, meta))) = read(store)
        && schema == current
    {
        return Ok(meta);
    }
    store.run(META, &[])?;
    store.run("INSERT OR IGNORE INTO meta (one, schema, generation, seq) VALUES (1, 0, 1, 0)", &[])?;
    let Some((schema, meta)) = read(store)? else {
        return Err(StoreError::Shape { column: 0, wanted: "a schema version" });
    };
    let done = usize::try_from(schema).ok().filter(|done| *done <= VERSIONS.len());
    let done = done.ok_or(StoreError::Newer(schema))?;
    for statement in VERSIONS.iter().skip(done).flat_map(|version| version.iter()) {
        match store.run(statement, &[]) {
            // SQLite has no `ADD COLUMN IF NOT EXISTS`.
            Err(StoreError::Sql(text)) if text.contains("duplicate column name") => {}
            other => drop(other?),
        }
    }
    store.run("UPDATE meta SET schema = ?1", &[current.into()])?;
    Ok(meta)
}

fn read(store: &dyn Store) -> Result<Option<(i64, Meta)>, StoreError> {
    let rows = store.run("SELECT schema, generation, seq FROM meta", &[])?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some((row.int(0)?, Meta { generation: row.uint(1)?, seq: row.uint(2)? })))
}
