//! Implements `pinlatch grant list`, which lists the grants that were signed on this machine.

use std::collections::BTreeMap;

use anyhow::Result;
use pinlatch_protocol::name::Name;
use pinlatch_token::revocations::Revocations;
use serde_json::{Value, json};

use super::records::{self, Record};
use super::revoked;
use super::words::{short, validity};
use crate::terminal::colour::Tone;
use crate::terminal::columns::{Cell, columns};
use crate::terminal::output::print;
use crate::terminal::times::{now, stamp};

pub fn run(json: bool) -> Result<()> {
    let records = records::read(&records::file()?)?;
    let mut lists = BTreeMap::new();
    for record in &records {
        if !lists.contains_key(&record.site) {
            lists.insert(record.site.clone(), revoked::read_unverified(&revoked::file(&record.site)?)?);
        }
    }
    let now = now()?;
    let text = if records.is_empty() {
        "No grants were signed on this machine. To sign a grant, run `pinlatch grant create`.".into()
    } else {
        table(&records, &lists, now)
    };
    let documents: Vec<Value> =
        records.iter().map(|record| document(record, state(record, &lists, now).1)).collect();
    print(json, &documents, &text)
}

/// Adds the state to a record.
fn document(record: &Record, state: &str) -> Value {
    let mut document = json!(record);
    if let Some(members) = document.as_object_mut() {
        members.insert("state".into(), state.into());
    }
    document
}

fn state(record: &Record, lists: &BTreeMap<Name, Revocations>, now: u64) -> (Tone, &'static str) {
    // A revoked grant that has expired is shown as expired, because it can leave the list of revocations.
    match validity(record.not_before, record.expires, now) {
        (Tone::Faint, state) => (Tone::Faint, state),
        _ if lists.get(&record.site).is_some_and(|list| revoked::covers(list, record)) => {
            (Tone::Bad, "revoked")
        }
        other => other,
    }
}

fn table(records: &[Record], lists: &BTreeMap<Name, Revocations>, now: u64) -> String {
    let rows = records.iter().map(|record| {
        let (tone, state) = state(record, lists, now);
        let lines = short(&record.scope);
        [
            record.id.clone().into(),
            record.name.clone().into(),
            Cell::new(tone, state),
            stamp(record.expires).into(),
            record.site.to_string().into(),
            if record.offline { format!("{lines} (also offline)") } else { lines }.into(),
        ]
    });
    columns(["ID", "NAME", "STATE", "UNTIL", "SITE", "LINES"], rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_says_why_a_grant_is_invalid() {
        let record = Record {
            id: "g".into(),
            site: "home".parse().unwrap(),
            root: "root".into(),
            name: "Ann".into(),
            thumbprint: "key".into(),
            scope: "line:porch/door:pulse".parse().unwrap(),
            issued: 50,
            not_before: 100,
            expires: 200,
            offline: true,
        };
        let list = |text: &str| {
            let keys = [text.to_owned()].into();
            BTreeMap::from([(record.site.clone(), Revocations { keys, ..Revocations::default() })])
        };
        let at = |now, key: &str| state(&record, &list(key), now).1;
        assert_eq!((at(99, "other"), at(100, "other"), at(200, "other")), ("not yet", "valid", "expired"));
        assert_eq!((at(99, "key"), at(100, "key"), at(200, "key")), ("revoked", "revoked", "expired"));
        assert_eq!(state(&record, &BTreeMap::new(), 100).1, "valid");
        assert_eq!(document(&record, "valid")["state"], "valid");
        let text = crate::terminal::colour::for_stdout(&table(&[record], &BTreeMap::new(), 100));
        assert!(text.contains("porch/door:pulse (also offline)"), "{text}");
    }
}
