//! Implements `pinlatch grant revoke`, which signs a new list of revocations with the owner's root key.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::ArgGroup;
use pinlatch_protocol::name::Name;
use pinlatch_token::revocations::Revocations;
use pinlatch_token::{SigningKey, is_thumbprint};
use serde_json::json;

use super::records::{self, Record};
use super::revoked::{self, Change};
use crate::commands::root::read_key;
use crate::commands::signing_time::CLOCK_WRONG;
use crate::explained::refused;
use crate::files::{root_key_file, write_private};
use crate::terminal::output::{note, print_token, warn};
use crate::terminal::text::plain;
use crate::terminal::times::{Moment, now, now_ms, stamp, stamp_ms};

#[derive(clap::Args)]
#[command(group(ArgGroup::new("what").args(["ids", "holder", "all_before"]).required(true)))]
pub struct Revoke {
    /// The ids of the grants, as shown by `pinlatch grant list`.
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Revoke the key with this thumbprint, and so all its grants, including grants that are not recorded on this machine.
    #[arg(long, value_name = "THUMBPRINT", allow_hyphen_values = true)]
    holder: Option<String>,
    /// Revoke all grants that were signed before this time, or this long ago, such as 2026-07-01T18:00:00+02:00 or 1h.
    #[arg(long, value_name = "TIME")]
    all_before: Option<Moment>,
    /// The site of the grants. [default: the site of the recorded grants, if they are all for one site]
    #[arg(long)]
    site: Option<Name>,
    /// The file with the owner's root key. [default: root.jwk in the configuration folder]
    #[arg(long, value_name = "FILE")]
    root_key: Option<PathBuf>,
}

pub fn run(args: &Revoke, json: bool) -> Result<()> {
    let root = read_key(&root_key_file(args.root_key.as_deref())?)?;
    let _lock = records::lock()?;
    let records = records::read(&records::file()?)?;
    let site = args.site(&records)?;
    let own: Vec<&Record> =
        records.iter().filter(|record| record.site == site && record.root == root.kid()).collect();
    let change = args.change(&records, &own, &root)?;
    let file = revoked::file(&site)?;
    let last = revoked::read_verified(&file, &root, &site)?;
    let now_ms = now_ms()?;
    let list = revoked::next(&last, &own, &change, now_ms);
    let token = sign(&list, &root, &site)?;
    write_private(&file, &format!("{token}\n"))?;

    if list.number > now_ms.saturating_add(CLOCK_WRONG * 1_000) {
        warn(&format!(
            "the last list of revocations has a date in the future ({}); check the clock of this machine",
            stamp_ms(last.number)
        ));
    }
    let newly: Vec<&&Record> = own
        .iter()
        .filter(|record| revoked::covers(&list, record) && !revoked::covers(&last, record))
        .collect();
    if !json {
        note(&explain(&newly, &list, &site, &file));
    }
    let document = json!({
        "list": token,
        "site": site,
        "number": list.number,
        "grants": list.grants,
        "keys": list.keys,
        "void_before": list.void_before,
        "newly_revoked": newly.iter().map(|record| &record.id).collect::<Vec<_>>(),
        "file": file,
    });
    print_token(json, &document, &token)
}

impl Revoke {
    /// Returns the site of the list: a list is for one site.
    fn site(&self, records: &[Record]) -> Result<Name> {
        if let Some(site) = &self.site {
            return Ok(site.clone());
        }
        let is_named = |record: &&Record| self.ids.is_empty() || self.ids.contains(&record.id);
        let mut sites: Vec<&Name> = records.iter().filter(is_named).map(|record| &record.site).collect();
        sites.sort();
        sites.dedup();
        match sites.as_slice() {
            [site] => Ok((*site).clone()),
            [] if !self.ids.is_empty() => Err(unknown(&self.ids)),
            [] => {
                Err(refused("no_site", "no grants are recorded on this machine; give the site with --site"))
            }
            _ => Err(refused(
                "several_sites",
                "the grants are for several sites, and each site has its own list; give one site with --site",
            )),
        }
    }

    /// Returns the change. `own` contains the records of the site and the root key.
    fn change(&self, records: &[Record], own: &[&Record], root: &SigningKey) -> Result<Change> {
        if let Some(thumbprint) = &self.holder {
            if !is_thumbprint(thumbprint) {
                return Err(refused(
                    "not_a_thumbprint",
                    "the value of --holder is not a thumbprint, which has 43 letters, digits, `-` and `_`",
                ));
            }
            if !own.iter().any(|record| record.thumbprint == *thumbprint) {
                warn("no grant for this key is recorded on this machine; check the thumbprint");
            }
            return Ok(Change::Holder(thumbprint.clone()));
        }
        if let Some(time) = self.all_before {
            let now = now()?;
            let before = time.before(now.saturating_mul(1_000)) / 1_000;
            if before > now {
                return Err(refused(
                    "future_date",
                    format!(
                        "{} is in the future; grants that you have not signed yet cannot be revoked",
                        stamp(before)
                    ),
                ));
            }
            return Ok(Change::AllBefore(before));
        }
        let is_own = |id: &&String| own.iter().any(|record| record.id == **id);
        let missing: Vec<String> = self.ids.iter().filter(|id| !is_own(id)).cloned().collect();
        let of_other =
            records.iter().find(|record| record.root != root.kid() && missing.contains(&record.id));
        match of_other {
            Some(record) => Err(refused(
                "other_root_key",
                format!(
                    "the root key {} signed the grant {}, but the given root key is {}; give the right root key with \
                     --root-key. Nothing was revoked",
                    record.root,
                    record.id,
                    root.kid()
                ),
            )),
            None if !missing.is_empty() => Err(unknown(&missing)),
            None => Ok(Change::Grants(self.ids.clone())),
        }
    }
}

/// The ids are not repeated, because a whole grant can be among them by mistake.
fn unknown(ids: &[String]) -> anyhow::Error {
    let number = if ids.len() == 1 { "one id is".to_owned() } else { format!("{} ids are", ids.len()) };
    refused(
        "unknown_grant",
        format!(
            "{number} not the id of a grant that is recorded on this machine for this site; see `pinlatch grant list`. \
             A grant without a record can be revoked with --holder or --all-before. Nothing was revoked"
        ),
    )
}

/// Signs a list, and verifies it as a device does.
fn sign(list: &Revocations, root: &SigningKey, site: &Name) -> Result<String> {
    let token = list.sign(root, site).map_err(|refusal| {
        refused(refusal.code(), format!("the list is invalid: {refusal}. Nothing was revoked"))
    })?;
    if Revocations::verify(&token, &root.public().into(), site).is_ok_and(|verified| verified == *list) {
        return Ok(token);
    }
    bail!("the new list cannot be verified, so it is not stored; this is a bug of pinlatch, please report it")
}

fn explain(newly: &[&&Record], list: &Revocations, site: &Name, file: &Path) -> String {
    let mut text = match newly.len() {
        0 => "No other recorded grant is revoked.\n".to_owned(),
        1 => "One recorded grant is revoked:\n".to_owned(),
        count => format!("{count} recorded grants are revoked:\n"),
    };
    for record in newly {
        text.push_str(&format!("  {}  {}\n", plain(&record.id), plain(&record.name)));
    }
    text.push_str(&format!(
        "The list of revocations {} of the site {site} is in {}, and replaces all earlier lists.\n\
         The list has no effect yet: this command does not send the list to the edge or to devices, so the grants count \
         until they expire. Keep the file.",
        list.number,
        file.display()
    ));
    text
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        revoke: Revoke,
    }

    fn read(args: &[&str]) -> Revoke {
        Line::try_parse_from([&["x"], args].concat()).map(|line| line.revoke).unwrap()
    }

    fn record(id: &str, site: &str, root: &str) -> Record {
        Record {
            id: id.into(),
            site: site.parse().unwrap(),
            root: root.into(),
            name: "Ann".into(),
            thumbprint: "key".into(),
            scope: "line:porch/door:pulse".parse().unwrap(),
            issued: 50,
            not_before: 50,
            expires: 200,
            offline: false,
        }
    }

    #[test]
    fn only_recorded_grants_of_one_site_and_root_key_are_revoked() {
        let root = SigningKey::generate();
        let records = [
            record("one", "home", root.kid()),
            record("two", "home", root.kid()),
            record("far", "barn", root.kid()),
            record("old", "home", "other"),
        ];
        let change = |args: &[&str]| {
            let revoke = read(args);
            let site = revoke.site(&records)?;
            let own: Vec<&Record> =
                records.iter().filter(|record| record.site == site && record.root == root.kid()).collect();
            revoke.change(&records, &own, &root).map(|change| (site.to_string(), format!("{change:?}")))
        };
        assert_eq!(change(&["one", "two"]).unwrap(), ("home".into(), "Grants([\"one\", \"two\"])".into()));
        assert_eq!(change(&["far"]).unwrap().0, "barn");
        for (args, code) in [
            (&["one", "far"][..], "several_sites"),
            (&["one", "far", "--site", "home"], "unknown_grant"),
            (&["nothing"], "unknown_grant"),
            (&["one", "nothing"], "unknown_grant"),
            (&["old"], "other_root_key"),
            (&["--all-before", "1h"], "several_sites"),
            (&["--all-before", "2100-01-01T00:00:00Z", "--site", "home"], "future_date"),
            (&["--holder", "short", "--site", "home"], "not_a_thumbprint"),
        ] {
            let error = change(args).unwrap_err().to_string();
            assert!(error.contains(code) && !error.contains("nothing was"), "{args:?}: {error}");
        }
        assert!(read(&["--holder", "x"]).site(&[]).unwrap_err().to_string().contains("no_site"));
        let thumbprint = format!("-{}", "x".repeat(42));
        assert!(change(&["--holder", &thumbprint, "--site", "home"]).is_ok());
        for wrong in [&[][..], &["one", "--all-before", "1h"], &["--holder", "x", "--all-before", "1h"]] {
            assert!(Line::try_parse_from([&["x"], wrong].concat()).is_err(), "{wrong:?}");
        }
    }
}
