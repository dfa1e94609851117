//! Defines the tables of a site's database, and upgrades an older database.
//!
//! The tables have few indexes, because a write to an index is billed in addition to the write of the row. The SQLite
//! of a Durable Object has no `PRAGMA user_version`, so the table `meta` contains the schema version. The table `meta`
//! also contains the generation and the event sequence number, which every event needs. One read therefore returns all
//! three values.

use crate::database::store::{Store, StoreError};

/// The columns of the table `meta` that every event needs.
pub(crate) struct Meta {
    /// The current token generation of the site. Tokens of an older generation are invalid.
    pub generation: u64,
    /// The lowest possible sequence number of the last event. The stored sequence number is needed, because the
    /// sequence numbers of deleted rows no longer exist in the tables.
    pub seq: u64,
}

const META: &str = "CREATE TABLE IF NOT EXISTS meta (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    schema INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    seq INTEGER NOT NULL
) STRICT";

/// The SQL statements of each schema version. A released schema version never changes. The statements contain `IF NOT
/// EXISTS`, so that an interrupted creation of tables can run again.
pub(crate) const VERSIONS: &[&[&str]] = &[
    &[
        "CREATE TABLE IF NOT EXISTS people (
        username TEXT PRIMARY KEY,
        role TEXT NOT NULL,
        created_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID",
        // The refresh token families. A family is the chain of refresh tokens of one login.
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
        // The one-time codes. An enrolment code is inserted when the code is created. A setup code is inserted when the
        // code is used.
        "CREATE TABLE IF NOT EXISTS codes (
        id TEXT PRIMARY KEY,
        device TEXT,
        expires_ms INTEGER NOT NULL,
        used_ms INTEGER
    ) STRICT, WITHOUT ROWID",
        // The column `online` contains the last published value. Whether a device is online now is computed from its
        // connection.
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
        // The used connection nonces. Each used nonce is stored, so that a captured proof cannot open a second
        // connection.
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
        // The column `seq` contains the ticket of a command. The `jti` of a command is `c<seq>`. The newest row is
        // never deleted, so no sequence number is used twice.
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
        // The individual scopes of a person. If a person has individual scopes, the role is `custom`.
        "ALTER TABLE people ADD COLUMN scope TEXT",
        // Whether the person has chosen a password at this site. The gate can still store the password of an earlier
        // person with the same name.
        "ALTER TABLE people ADD COLUMN password INTEGER NOT NULL DEFAULT 1",
        // The user name of the invited person, and the rights that the invitation grants.
        "ALTER TABLE codes ADD COLUMN username TEXT",
        "ALTER TABLE codes ADD COLUMN role TEXT",
        "ALTER TABLE codes ADD COLUMN scope TEXT",
        // The API tokens and guest links. The rights of a token are limited by its issuer, which is a person (`person`)
        // or another token (`parent`).
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
        // The hash of each audit entry covers the hash of the previous entry. Audit entries from before this schema
        // version have no hash.
        "ALTER TABLE audit ADD COLUMN hash TEXT NOT NULL DEFAULT ''",
        // The retention time of audit entries, in days. NULL means the default of the deployment.
        "ALTER TABLE meta ADD COLUMN keep_days INTEGER",
        // The identities of people at login providers. An identity is a subject or an email address. The first login
        // with an email address stores the subject in the column `sub`. Later logins are recognised by the stored
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
        // The unit of a sensor's value, and the number of significant decimals of the value.
        "ALTER TABLE lines ADD COLUMN unit TEXT",
        "ALTER TABLE lines ADD COLUMN precision INTEGER",
    ],
    &[
        // The renewed certificate of a device. The renewed certificate is valid in addition to the current certificate.
        "ALTER TABLE devices ADD COLUMN renewed_jti TEXT",
        "ALTER TABLE devices ADD COLUMN renewed_exp INTEGER",
    ],
    &[
        // The state of the machine on which a device's agent runs.
        "ALTER TABLE devices ADD COLUMN booted_ms INTEGER",
        "ALTER TABLE devices ADD COLUMN clock_ahead_ms INTEGER",
    ],
    &[
        // The table `sessions` contained connection nonces. An interrupted upgrade can have dropped the table
        // `sessions` already, so the table `sessions` is created again before it is copied.
        "CREATE TABLE IF NOT EXISTS sessions (nonce TEXT PRIMARY KEY, at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID",
        "CREATE TABLE IF NOT EXISTS connection_nonces (
        nonce TEXT PRIMARY KEY,
        at_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID",
        "INSERT OR IGNORE INTO connection_nonces SELECT nonce, at_ms FROM sessions",
        "DROP TABLE sessions",
    ],
    &[
        // The id of the person's password at the gate. The id replaces the column `password`. A password from before
        // this schema version has the id ''. An interrupted upgrade can have dropped the column `password` already, so
        // the column is added again before it is read.
        "ALTER TABLE people ADD COLUMN password_id TEXT",
        "ALTER TABLE people ADD COLUMN password INTEGER NOT NULL DEFAULT 0",
        "UPDATE people SET password_id = '' WHERE password = 1 AND password_id IS NULL",
        "ALTER TABLE people DROP COLUMN password",
    ],
    &[
        // The giver of each code, admission and token: a person, or the token `parent`, which can be a token of the
        // external issuer `issuer`. A code without a giver cannot be used, so the open codes of earlier versions are
        // deleted. An identity without a giver was already used.
        "ALTER TABLE codes ADD COLUMN person TEXT",
        "ALTER TABLE codes ADD COLUMN parent TEXT",
        "ALTER TABLE codes ADD COLUMN issuer TEXT",
        "ALTER TABLE codes ADD COLUMN creator TEXT",
        // Whether an enrolment code can replace an enrolled device.
        "ALTER TABLE codes ADD COLUMN replaces INTEGER NOT NULL DEFAULT 0",
        "DELETE FROM codes WHERE used_ms IS NULL AND creator IS NULL AND (device IS NOT NULL OR username IS NOT NULL)",
        "ALTER TABLE identities ADD COLUMN person TEXT",
        "ALTER TABLE identities ADD COLUMN parent TEXT",
        "ALTER TABLE identities ADD COLUMN issuer TEXT",
        "ALTER TABLE tokens ADD COLUMN issuer TEXT",
        // The id of a foreign token starts with the name of its issuer and a colon.
        "UPDATE tokens SET issuer = substr(parent, 1, instr(parent, ':') - 1)
         WHERE issuer IS NULL AND instr(parent, ':') > 1 AND parent NOT IN (SELECT jti FROM tokens)",
        // The actor who invited or admitted a person.
        "ALTER TABLE people ADD COLUMN added_by TEXT",
        // When a login started, when its person last proved their identity, the refresh token that the proof replaced,
        // and the name of the browser or program. The start of an earlier login is not known, so the login counts from
        // its last refresh.
        "ALTER TABLE families ADD COLUMN started_ms INTEGER",
        "ALTER TABLE families ADD COLUMN auth_ms INTEGER",
        "ALTER TABLE families ADD COLUMN unproved TEXT",
        "ALTER TABLE families ADD COLUMN client TEXT",
        "UPDATE families SET started_ms = coalesce(rotated_ms, expires_ms - 2592000000) WHERE started_ms IS NULL",
        // The giver of a revocation, because the number of revocations is limited per giver.
        "ALTER TABLE revoked ADD COLUMN giver TEXT",
    ],
    &[
        // The person or external issuer at the start of the caller's chain of givers, as a digest. The site's own
        // commands have no root. The commands in flight are counted with the index `commands_in_flight`.
        "ALTER TABLE commands ADD COLUMN root TEXT",
        // The time at which a caller with a limited rate has no recent commands left. A row is not needed after this
        // time.
        "CREATE TABLE IF NOT EXISTS rates (
        caller TEXT PRIMARY KEY,
        free_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID",
        // The lines with events that wait or were dropped. A waiting level is published at `due_ms`. The number of
        // dropped events is written into the audit log once per hour.
        "CREATE TABLE IF NOT EXISTS limited_lines (
        device TEXT NOT NULL,
        line TEXT NOT NULL,
        since_ms INTEGER NOT NULL,
        due_ms INTEGER,
        dropped INTEGER NOT NULL,
        PRIMARY KEY (device, line)
    ) STRICT, WITHOUT ROWID",
        // The time of a token's last command, rounded to a minute. The list of tokens would otherwise read the whole
        // audit log.
        "ALTER TABLE tokens ADD COLUMN last_used_ms INTEGER",
        "UPDATE tokens SET last_used_ms = used.at_ms
         FROM (SELECT jti, max(at_ms) AS at_ms FROM audit WHERE act = 'command' GROUP BY jti) AS used
         WHERE used.jti = tokens.jti AND last_used_ms IS NULL",
        // After most events, the site computes when the next row of these tables expires. The expiry of a login changes
        // when the login is refreshed or ended. The expiries in the other tables never change.
        "CREATE INDEX IF NOT EXISTS families_end ON families (min(expires_ms, coalesce(ended_ms, expires_ms)))",
        "CREATE INDEX IF NOT EXISTS codes_end ON codes (expires_ms)
         WHERE device IS NOT NULL OR username IS NOT NULL",
        "CREATE INDEX IF NOT EXISTS tokens_end ON tokens (exp)",
        "CREATE INDEX IF NOT EXISTS revoked_end ON revoked (until_ms)",
        "CREATE INDEX IF NOT EXISTS connection_nonces_age ON connection_nonces (at_ms)",
        // The logins of a person are read at each login and in the list of people. The index is written only when a
        // login starts.
        "CREATE INDEX IF NOT EXISTS families_person ON families (username)",
        // The revocations of a giver are counted at each revocation of a token that the site did not issue, including
        // each logout of such a token.
        "CREATE INDEX IF NOT EXISTS revoked_giver ON revoked (giver)",
        // The identities of a person are read when they are listed, added or removed. Identities change rarely.
        "CREATE INDEX IF NOT EXISTS identities_person ON identities (username)",
    ],
    &[
        // The share of a token, where it differs from the share of the token's kind.
        "ALTER TABLE tokens ADD COLUMN max_in_flight INTEGER",
        "ALTER TABLE tokens ADD COLUMN max_per_minute INTEGER",
        "ALTER TABLE tokens ADD COLUMN max_sockets INTEGER",
    ],
    &[
        // The scheduled end of the reported level, and whether the line blinks until then.
        "ALTER TABLE lines ADD COLUMN ends_ms INTEGER",
        "ALTER TABLE lines ADD COLUMN blinking INTEGER NOT NULL DEFAULT 0",
        // Whether a contact is a button.
        "ALTER TABLE lines ADD COLUMN presses INTEGER NOT NULL DEFAULT 0",
        // The last executed command as JSON, with the name of its sender. The column is cleared when the audit entry of
        // the command expires.
        "ALTER TABLE lines ADD COLUMN last TEXT",
        // Whether the device has sent a message since its last command without an outcome.
        "ALTER TABLE devices ADD COLUMN answering INTEGER NOT NULL DEFAULT 1",
        "ALTER TABLE devices ADD COLUMN agent_started_ms INTEGER",
    ],
    &[
        // The version of an audit entry's form (NULL for the first version), the name and the kind of the token that
        // acted, the kind of line and the arguments of a command, the name and the kind of the token that was made or
        // revoked, and the maximum uses of a token that was used up. The hash of an entry covers these columns.
        "ALTER TABLE audit ADD COLUMN version INTEGER",
        "ALTER TABLE audit ADD COLUMN actor_name TEXT",
        "ALTER TABLE audit ADD COLUMN actor_kind TEXT",
        "ALTER TABLE audit ADD COLUMN line_kind TEXT",
        "ALTER TABLE audit ADD COLUMN args TEXT",
        "ALTER TABLE audit ADD COLUMN target_name TEXT",
        "ALTER TABLE audit ADD COLUMN target_kind TEXT",
        "ALTER TABLE audit ADD COLUMN max_uses INTEGER",
    ],
    &[
        // The codes of the agent's warnings, separated by spaces.
        "ALTER TABLE devices ADD COLUMN warnings TEXT",
    ],
    &[
        // The enrolled public key as a JWK, the device identity that the owner's root key signed, and whether there is
        // one. The rows of devices are read with each command, so the long texts are read only when they are needed.
        "ALTER TABLE devices ADD COLUMN jwk TEXT",
        "ALTER TABLE devices ADD COLUMN identity TEXT",
        "ALTER TABLE devices ADD COLUMN confirmed INTEGER NOT NULL DEFAULT 0",
        // The device's receipt for a command.
        "ALTER TABLE commands ADD COLUMN receipt TEXT",
        "ALTER TABLE audit ADD COLUMN receipt TEXT",
    ],
    &[
        // The rules of a device as JSON, and the number of the last recorded report about a rule for each run of the
        // agent. These texts are read only when they are needed.
        "ALTER TABLE devices ADD COLUMN rules TEXT",
        "ALTER TABLE devices ADD COLUMN rule_runs TEXT",
        // The time at which a rule ran, the agent's run in which it ran, and the number of its report.
        "ALTER TABLE audit ADD COLUMN happened_ms INTEGER",
        "ALTER TABLE audit ADD COLUMN boot TEXT",
        "ALTER TABLE audit ADD COLUMN n INTEGER",
    ],
    &[
        // Who can operate the line by way of the edge.
        "ALTER TABLE lines ADD COLUMN authority TEXT NOT NULL DEFAULT 'edge'",
    ],
];

/// Upgrades the database if necessary, and returns the columns of the table `meta`. If the database is current, this
/// function makes a single read.
pub(crate) fn open(store: &dyn Store) -> Result<Meta, StoreError> {
    let current = i64::try_from(VERSIONS.len()).unwrap_or(i64::MAX);
    // In an empty database, the read fails, because the table `meta` does not exist yet.
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
            // SQLite has no `ADD COLUMN IF NOT EXISTS`, so the error for an existing column is ignored.
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
