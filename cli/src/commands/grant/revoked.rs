//! The owner's lists of revocations (`revoked+jwt`), one for each site: `revocations/SITE.jwt` in the configuration
//! folder. Each list replaces the list before, so a new list keeps the revocations of the last one.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use pinlatch_protocol::name::Name;
use pinlatch_token::revocations::Revocations;
use pinlatch_token::{Kind, SigningKey, unverified_kind};
use serde_json::Value;

use super::records::Record;
use crate::explained::refused;
use crate::files::config_dir;
use crate::identities;

/// The time for which an expired grant stays in the list, in seconds. This machine's clock can be wrong, and a device must
/// not accept the grant again because of that.
const KEPT: u64 = 7 * 86_400;

/// The grants that the owner wants to revoke.
#[derive(Debug)]
pub enum Change {
    Grants(Vec<String>),
    Holder(String),
    /// All grants that were signed before this time, in seconds of Unix time.
    AllBefore(u64),
}

pub fn file(site: &Name) -> Result<PathBuf> {
    Ok(config_dir()?.join("revocations").join(format!("{site}.jwt")))
}

/// Reads the last list, and verifies it with the root key. A missing file is the same as an empty list.
pub fn read_verified(file: &Path, root: &SigningKey, site: &Name) -> Result<Revocations> {
    if !file.exists() {
        return Ok(Revocations::default());
    }
    Revocations::verify(&identities::read(file)?, &root.public().into(), site).map_err(|refusal| {
        refused(
            refusal.code(),
            format!(
                "the last list of revocations in {} is invalid with the root key {}: {refusal}. Give the right root key \
                 with --root-key, or restore the file from a copy. Nothing was signed",
                file.display(),
                root.kid()
            ),
        )
    })
}

/// Reads the last list without the root key, which can be on another machine. The signature is not verified, because only
/// the owner can write to the folder.
pub fn read_unverified(file: &Path) -> Result<Revocations> {
    if !file.exists() {
        return Ok(Revocations::default());
    }
    let token = identities::read(file)?;
    let damaged =
        || format!("{} contains no list of revocations; restore the file from a copy", file.display());
    let kind = unverified_kind(&token).filter(|kind| *kind == Kind::Revoked);
    kind.and_then(|_| parse(&Value::Object(identities::unverified_claims(&token)))).with_context(damaged)
}

fn parse(claims: &Value) -> Option<Revocations> {
    let texts = |name: &str| match claims.get(name) {
        None => Some(Default::default()),
        Some(list) => list.as_array()?.iter().map(|text| Some(text.as_str()?.to_owned())).collect(),
    };
    Some(Revocations {
        number: claims.get("number")?.as_u64()?,
        grants: texts("grants")?,
        keys: texts("keys")?,
        void_before: claims.get("void_before").map_or(Some(0), Value::as_u64)?,
    })
}

/// Returns whether a list revokes a recorded grant, in the same way as [`Revocations::covers`] for a whole grant.
pub fn covers(list: &Revocations, record: &Record) -> bool {
    record.issued < list.void_before
        || list.grants.contains(&record.id)
        || list.keys.contains(&record.thumbprint)
}

/// Returns the list that follows the last one. `records` contains the grants of the site that the root key signed.
///
/// A revoked grant is left out when it has expired, or when it is void because of its date. A grant that also counts on a
/// device without the time stays in the list, because such a device does not notice the expiry. An id without a record
/// stays in the list, because its expiry is unknown. A revoked key stays permanently.
pub fn next(last: &Revocations, records: &[&Record], change: &Change, now_ms: u64) -> Revocations {
    let mut list = last.clone();
    match change {
        Change::Grants(ids) => list.grants.extend(ids.iter().cloned()),
        Change::Holder(thumbprint) => {
            list.keys.insert(thumbprint.clone());
        }
        Change::AllBefore(time) => list.void_before = list.void_before.max(*time),
    }
    let now = now_ms / 1_000;
    for record in records {
        let has_expired = !record.offline && record.expires.saturating_add(KEPT) <= now;
        if has_expired || record.issued < list.void_before {
            list.grants.remove(&record.id);
        }
    }
    list.number = now_ms.max(last.number.saturating_add(1));
    list
}

#[cfg(test)]
mod tests {
    use pinlatch_token::HolderKey;
    use pinlatch_token::grant::Grant;

    use super::*;

    const NOW: u64 = 1_782_907_200;

    fn site() -> Name {
        "home".parse().unwrap()
    }

    fn grant(issued: u64, expires: u64, offline: bool) -> Grant {
        let key = HolderKey::generate().unwrap();
        let scope = "line:porch/door:pulse".parse().unwrap();
        let mut grant = Grant::new(&site(), "Ann", key.public().clone(), scope, issued);
        (grant.expires, grant.offline) = (expires, offline);
        grant
    }

    #[test]
    fn the_number_always_rises() {
        let mut list = Revocations::default();
        let mut number = 0;
        for now_ms in [NOW * 1_000, NOW * 1_000, NOW * 1_000 - 500, 5, NOW * 1_000 + 9_000] {
            list = next(&list, &[], &Change::Grants(vec![now_ms.to_string()]), now_ms);
            assert!(list.number > number && list.number >= now_ms, "{list:?}");
            number = list.number;
        }
        assert_eq!((number, list.grants.len()), (NOW * 1_000 + 9_000, 4), "and nothing is lost");
    }

    #[test]
    fn a_list_keeps_its_revocations_until_the_grants_have_expired() {
        let grants = [
            grant(NOW - 99, NOW + 99, false),
            grant(NOW - 50, NOW + 9 * 86_400, false),
            grant(NOW - 50, NOW + 99, true),
        ];
        let records: Vec<Record> = grants.iter().map(|grant| Record::of(grant, "root")).collect();
        let records: Vec<&Record> = records.iter().collect();
        let ids = records.iter().map(|record| record.id.clone()).chain(["unrecorded".into()]).collect();
        let first = next(&Revocations::default(), &records, &Change::Grants(ids), NOW * 1_000);
        assert_eq!(first.grants.len(), 4);
        let holder = Change::Holder("key".into());
        let second = next(&first, &records, &holder, (NOW + 99 + KEPT - 1) * 1_000);
        assert_eq!(second.grants, first.grants, "a wrong clock ends no revocation");
        let second = next(&first, &records, &holder, (NOW + 99 + KEPT) * 1_000);
        assert!(!second.grants.contains(&records[0].id) && second.grants.len() == 3, "{second:?}");
        assert!(
            second.grants.contains(&records[2].id),
            "a device without the time does not notice the expiry"
        );
        assert!(second.keys.contains("key"));

        let third = next(&second, &records, &Change::AllBefore(NOW - 40), NOW * 1_000);
        assert_eq!((third.void_before, third.grants.len()), (NOW - 40, 1), "{third:?}");
        let fourth = next(&third, &records, &Change::AllBefore(NOW - 90), NOW * 1_000);
        assert_eq!(fourth.void_before, NOW - 40, "an earlier date ends no revocation");
        for (grant, record) in grants.iter().zip(&records) {
            for list in [&Revocations::default(), &first, &second, &third, &fourth] {
                assert_eq!(covers(list, record), list.covers(grant), "{list:?}");
            }
            assert!(covers(&fourth, record));
        }
    }

    #[test]
    fn a_list_is_read_with_and_without_the_root_key() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("home.jwt");
        let (root, other) = (SigningKey::generate(), SigningKey::generate());
        assert_eq!(read_verified(&file, &root, &site()).unwrap(), Revocations::default());
        assert_eq!(read_unverified(&file).unwrap(), Revocations::default());
        for change in
            [Change::Grants(vec!["one".into()]), Change::Holder("key".into()), Change::AllBefore(NOW)]
        {
            let list = next(&Revocations::default(), &[], &change, NOW * 1_000);
            std::fs::write(&file, list.sign(&root, &site()).unwrap()).unwrap();
            assert_eq!(read_verified(&file, &root, &site()).unwrap(), list);
            assert_eq!(read_unverified(&file).unwrap(), list);
            let error = read_verified(&file, &other, &site()).unwrap_err().to_string();
            assert!(error.contains("unknown_key") && error.contains("--root-key"), "{error}");
        }
        std::fs::write(&file, "damaged").unwrap();
        assert!(read_verified(&file, &root, &site()).is_err() && read_unverified(&file).is_err());
    }
}
