//! Implements `pinlatch grant create`. The owner's root key signs a grant for the key in a holder's request.

use std::io::{self, BufRead, IsTerminal, Read};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use pinlatch_protocol::name::Name;
use pinlatch_protocol::scope::{Pattern, Scope, ScopeSet};
use pinlatch_token::SigningKey;
use pinlatch_token::grant::{DEFAULT_GRANT_LIFE, Grant};
use serde_json::json;

use super::confirm::Confirmation;
use super::records::{self, Record};
use super::request::{HolderRequest, KeyType, MAX_REQUEST, require_name};
use super::revoked;
use super::words::sentences;
use crate::commands::holder::WHERE_IT_COUNTS;
use crate::commands::root::read_key;
use crate::commands::signing_time::{CLOCK_WRONG, SigningTime, common_time};
use crate::edge::api::Api;
use crate::edge::session;
use crate::explained::{Refused, refused};
use crate::files::root_key_file;
use crate::identities;
use crate::terminal::output::{note, print_token};
use crate::terminal::text::{Row, plain, table};
use crate::terminal::times::{Moment, instant, now, seconds, spoken, stamp};

/// A day, in seconds.
const DAY: u64 = 86_400;

#[derive(clap::Args)]
pub struct Create {
    /// The request of the holder, which `pinlatch grant request` printed, or `-` to read the request from stdin.
    #[arg(long, value_name = "REQUEST|-", allow_hyphen_values = true)]
    request: String,
    /// A line and an action that the holder can do, such as porch/door:pulse or porch/*:read. The option can be given
    /// several times.
    #[arg(long = "line", value_name = "DEVICE/LINE:ACTION", required = true, value_parser = line_scope)]
    lines: Vec<Scope>,
    /// The duration for which the grant is valid, such as 12h or 90days. [default: 90 days]
    #[arg(long = "for", value_name = "DURATION", value_parser = seconds, conflicts_with = "until")]
    life: Option<u64>,
    /// The time at which the grant expires, such as 2026-07-01T18:00:00+02:00.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    until: Option<u64>,
    /// The time at which the grant becomes valid, or the duration until this time. [default: the current time]
    #[arg(long, value_name = "TIME")]
    from: Option<Moment>,
    /// Allow the holder to use the grant on a device that does not know the time, for example after a power failure
    /// without a connection. Such a device does not notice that the grant has expired.
    #[arg(long)]
    offline: bool,
    /// Allow `*` as the device. The grant then also covers devices that you enrol later.
    #[arg(long)]
    every_device: bool,
    /// The name by which you recognise the holder. [default: the name in the request]
    #[arg(long)]
    name: Option<String>,
    /// The site of the devices. [default: the site that you are logged in to]
    #[arg(long)]
    site: Option<Name>,
    /// Do not contact the edge, also if you are logged in. The clock of this machine is then not compared.
    #[arg(long)]
    offline_signing: bool,
    /// The file with the owner's root key. [default: root.jwk in the configuration folder]
    #[arg(long, value_name = "FILE")]
    root_key: Option<PathBuf>,
    #[command(flatten)]
    confirmation: Confirmation,
}

pub fn run(args: &Create, json: bool) -> Result<()> {
    let request = HolderRequest::parse(&args.request()?)?;
    let name = args.name(&request)?;
    let scope = args.scope()?;
    let root = read_key(&root_key_file(args.root_key.as_deref())?)?;
    // A damaged record is found before the owner answers a question.
    let record_file = records::file()?;
    records::read(&record_file)?;
    let site = args.site()?;
    let SigningTime { at, compared } = args.time()?;
    let list_file = revoked::file(&site)?;
    let list = revoked::read_verified(&list_file, &root, &site)?;
    let issued = issued(at, list.void_before)?;

    let mut grant = new_grant(&site, &name, &request, &scope, issued);
    args.set_dates(&mut grant)?;
    grant.offline = args.offline;
    if list.covers(&grant) {
        return Err(refused(
            "holder_revoked",
            format!(
                "the key {} is revoked by the list in {}; the holder needs a new key (`pinlatch holder init --force`). \
                 Nothing was signed",
                grant.holder.thumbprint(),
                list_file.display()
            ),
        ));
    }
    let kind = KeyType::of(&request.key);
    note(&preview(&grant, kind, compared));
    args.confirmation.require(grant.holder.thumbprint())?;

    let token = sign(&grant, &root)?;
    let lock = records::lock()?;
    records::add(&record_file, Record::of(&grant, root.kid()))?;
    drop(lock);
    if !json {
        note(&format!(
            "The grant {} is signed, and recorded in {}. Send the following text to the holder, who stores it with \
             `pinlatch holder add -`. {WHERE_IT_COUNTS}",
            grant.id,
            record_file.display()
        ));
    }
    let document = json!({
        "grant": token,
        "id": grant.id,
        "site": grant.site,
        "name": grant.name,
        "thumbprint": grant.holder.thumbprint(),
        "root_thumbprint": root.kid(),
        "scope": grant.scope,
        "issued": grant.issued,
        "not_before": grant.not_before,
        "expires": grant.expires,
        "offline": grant.offline,
        "clock_compared": compared,
        "file": record_file,
    });
    print_token(json, &document, &token)
}

impl Create {
    fn request(&self) -> Result<String> {
        if self.request != "-" {
            return Ok(self.request.clone());
        }
        let limit = (MAX_REQUEST + 64) as u64;
        let stdin = io::stdin().lock();
        let mut bytes = Vec::new();
        let read = if stdin.is_terminal() {
            note("Paste the request of the holder, then press Enter:");
            stdin.take(limit).read_until(b'\n', &mut bytes)
        } else {
            stdin.take(limit).read_to_end(&mut bytes)
        };
        read.context("cannot read the request from stdin")?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn name(&self, request: &HolderRequest) -> Result<String> {
        let Some(name) = self.name.as_ref().or(request.name.as_ref()) else {
            return Err(refused(
                "no_name",
                "the request contains no name for the holder; choose one with --name",
            ));
        };
        require_name(name)?;
        Ok(name.clone())
    }

    fn scope(&self) -> Result<ScopeSet> {
        let scope: ScopeSet = self.lines.iter().cloned().collect();
        let is_wide = |scope: &&Scope| matches!(scope, Scope::Line { device: Pattern::Any, .. });
        let wide = scope.iter().find(is_wide).filter(|_| !self.every_device).map(ToString::to_string);
        match wide {
            Some(wide) => Err(refused(
                "every_device",
                format!(
                    "{wide} covers every device of the site, including devices that you enrol later. Name the devices, or \
                     allow this with --every-device. Nothing was signed"
                ),
            )),
            None => Ok(scope),
        }
    }

    fn site(&self) -> Result<Name> {
        if let Some(site) = &self.site {
            return Ok(site.clone());
        }
        if self.offline_signing || session::logged_in_at()?.is_none() {
            return Err(refused(
                "no_site",
                "without a login, the site is unknown; give its name with --site",
            ));
        }
        identities::site(&session::api()?)
    }

    fn time(&self) -> Result<SigningTime> {
        let edge = if self.offline_signing { None } else { session::logged_in_at()? };
        let Some(url) = edge else { return Ok(SigningTime { at: now()?, compared: false }) };
        common_time(&Api::new(&url)?).map_err(|error| {
            if error.is::<Refused>() {
                return error;
            }
            error.context(
                "the clock of this machine cannot be compared with the edge's clock, so nothing was signed; \
                 to sign without the comparison, use --offline-signing",
            )
        })
    }

    fn set_dates(&self, grant: &mut Grant) -> Result<()> {
        if let Some(from) = self.from {
            grant.not_before = from.after(grant.issued.saturating_mul(1_000)) / 1_000;
        }
        grant.expires = match self.until {
            Some(until_ms) => until_ms / 1_000,
            None => grant.not_before.saturating_add(self.life.unwrap_or(DEFAULT_GRANT_LIFE)),
        };
        if grant.expires > grant.not_before.max(grant.issued) {
            return Ok(());
        }
        Err(refused(
            "expired",
            format!(
                "the grant would expire at {}, before it can be used; choose a later expiry. Nothing was signed",
                stamp(grant.expires)
            ),
        ))
    }
}

/// Returns a grant whose id does not start with `-`, so that the id is no option of `pinlatch grant revoke`.
fn new_grant(site: &Name, name: &str, request: &HolderRequest, scope: &ScopeSet, issued: u64) -> Grant {
    loop {
        let grant = Grant::new(site, name, request.key.clone(), scope.clone(), issued);
        if !grant.id.starts_with('-') {
            return grant;
        }
    }
}

/// Returns the date of signing. A grant from before `void_before` would already be revoked.
fn issued(now: u64, void_before: u64) -> Result<u64> {
    if void_before > now.saturating_add(CLOCK_WRONG) {
        return Err(refused(
            "wrong_clock",
            format!(
                "the last list of revocations revokes all grants from before {}, which is in the future; \
                 correct the clock of this machine. Nothing was signed",
                stamp(void_before)
            ),
        ));
    }
    Ok(now.max(void_before))
}

/// Signs a grant, and verifies it as a device does.
fn sign(grant: &Grant, root: &SigningKey) -> Result<String> {
    let token = grant.sign(root).map_err(|refusal| {
        refused(refusal.code(), format!("no device would accept the grant: {refusal}. Nothing was signed"))
    })?;
    if Grant::verify(&token, &root.public().into(), &grant.site, None)
        .is_ok_and(|verified| verified == *grant)
    {
        return Ok(token);
    }
    bail!(
        "the new grant cannot be verified, so it is not printed; this is a bug of pinlatch, please report it"
    )
}

fn preview(grant: &Grant, kind: KeyType, compared: bool) -> String {
    let row = |name: &str, value: String| Row { name: name.into(), value: plain(&value), note: None };
    // A number of days is easier to check than months, which `spoken` uses.
    let life = match grant.expires.saturating_sub(grant.not_before) {
        seconds if seconds >= 2 * DAY && seconds % DAY == 0 => format!("{} days", seconds / DAY),
        seconds => spoken(seconds),
    };
    let mut rows = vec![
        row("holder", grant.name.clone()),
        row("key", format!("{} ({})", grant.holder.thumbprint(), kind.label())),
        row("site", grant.site.to_string()),
        row("from", stamp(grant.not_before)),
        row("until", format!("{} ({life})", stamp(grant.expires))),
    ];
    rows.extend(sentences(&grant.scope).into_iter().map(|sentence| row("allowed", sentence)));
    if grant.offline {
        let text =
            "also on a device that does not know the time, and so does not notice that the grant has expired";
        rows.push(row("offline", text.into()));
    }
    if !compared {
        rows.push(row("clock", "not compared with the edge's clock; check the dates".into()));
    }
    format!("The grant:\n{}", table(rows))
}

fn line_scope(text: &str) -> Result<Scope, String> {
    let text = text.strip_prefix("line:").unwrap_or(text);
    format!("line:{text}").parse().map_err(|error| {
        format!("{error}; write DEVICE/LINE:ACTION, such as porch/door:pulse, with one of read, set, toggle, pulse, blink or *")
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use pinlatch_token::HolderKey;

    use super::*;

    const NOW: u64 = 1_782_907_200;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        create: Create,
    }

    fn read(args: &[&str]) -> Result<Create> {
        Ok(Line::try_parse_from([&["x", "--request", "-"], args].concat())?.create)
    }

    fn request() -> HolderRequest {
        HolderRequest::new(HolderKey::generate().unwrap().public().clone(), None).unwrap()
    }

    #[test]
    fn the_dates_are_what_the_options_say() {
        let site: Name = "home".parse().unwrap();
        let dates = |args: &[&str]| {
            let create = read(&[&["--line", "porch/door:pulse"], args].concat())?;
            let mut grant = new_grant(&site, "Ann", &request(), &create.scope()?, NOW);
            create.set_dates(&mut grant)?;
            sign(&grant, &SigningKey::generate())?;
            Ok::<_, anyhow::Error>((grant.not_before, grant.expires))
        };
        assert_eq!(dates(&[]).unwrap(), (NOW, NOW + 90 * 86_400));
        assert_eq!(dates(&["--for", "12h"]).unwrap(), (NOW, NOW + 43_200));
        assert_eq!(dates(&["--from", "1h", "--for", "2h"]).unwrap(), (NOW + 3_600, NOW + 10_800));
        assert_eq!(
            dates(&["--from", "2026-07-01T12:30:00Z", "--until", "2026-07-01T15:00:00+02:00"]).unwrap(),
            (NOW + 1_800, NOW + 3_600)
        );
        for (wrong, code) in [
            (&["--until", "2026-07-01T11:00:00Z"][..], "expired"),
            (&["--until", "2026-07-01T13:00:00Z", "--from", "2h"], "expired"),
            (&["--for", "367days"], "too_long_lived"),
            (&["--from", "300days"], "too_long_lived"),
        ] {
            let error = dates(wrong).unwrap_err().to_string();
            assert!(error.contains(code) && error.contains("Nothing was signed"), "{error}");
        }
        for wrong in
            [&["--for", "2"][..], &["--for", "2h", "--until", "2026-07-01T13:00:00Z"], &["--line", "door"]]
        {
            assert!(dates(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn every_device_must_be_allowed() {
        let scope = |args: &[&str]| read(args).unwrap().scope();
        for line in ["*/door:pulse", "line:*/*:*"] {
            let error = scope(&["--line", line]).unwrap_err().to_string();
            assert!(error.contains("every_device") && error.contains("enrol later"), "{error}");
            assert!(scope(&["--line", line, "--every-device"]).is_ok());
        }
        let both = scope(&["--line", "line:porch/door:pulse", "--line", "porch/*:read"]).unwrap();
        assert_eq!(both.to_string(), "line:porch/*:read line:porch/door:pulse");
        for wrong in ["site:users", "porch/door", "porch/door:fly", "porch:pulse", ""] {
            assert!(read(&["--line", wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_preview_says_what_the_owner_signs() {
        let site: Name = "home".parse().unwrap();
        let request = request();
        let mut grant = new_grant(&site, "Ann", &request, &"line:porch/door:pulse".parse().unwrap(), NOW);
        let text = preview(&grant, KeyType::Ed25519, true);
        for part in [
            "Ann",
            request.key.thumbprint(),
            "home",
            "2026-07-01",
            "2026-09-29",
            "90 days",
            "pulse the line door",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("clock") && !text.contains("offline"), "{text}");
        grant.offline = true;
        let text = preview(&grant, KeyType::Ed25519, false);
        assert!(text.contains("not compared") && text.contains("does not know the time"), "{text}");
    }

    #[test]
    fn a_grant_is_never_signed_with_a_date_that_is_revoked() {
        assert_eq!((issued(NOW, 0).unwrap(), issued(NOW, NOW + 5).unwrap()), (NOW, NOW + 5));
        assert!(issued(NOW, NOW + 301).unwrap_err().to_string().contains("wrong_clock"));
    }
}
