//! `pinlatch keys`: rotating the edge's keys, and the emergency.
//!
//! The keys lie in `.dev.vars` on the owner's machine; each command rewrites that file, and the owner hands
//! it to Cloudflare. Nothing is in force before that.

mod online;
pub mod vars;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Subcommand, ValueEnum};
use pinlatch_token::{EdgeKeys, KeyEntry, KeyRole, MAX_PERSON_LIFE, PublicKey, SigningKey, Step, keyset};
use serde_json::json;

use self::online::Standing;
use self::vars::{Secrets, Vars};
use crate::files::config_dir;
use crate::output::{columns, say, say_json};
use crate::session::now;
use crate::times::{spoken, stamp};

/// How long new secrets may take to reach every isolate, in seconds.
const SPREAD: u64 = 300;

/// `pinlatch keys`.
#[derive(Subcommand)]
pub enum KeysCommand {
    /// Show the keys of a `.dev.vars`: which sign and which only verify, and since when.
    List(File),
    /// Take the next step of a rotation: publish new keys, switch to them, retire the old ones.
    Rotate(Rotate),
    /// The emergency: new keys at once, and every token, login, code and link is void. Devices stay enrolled.
    Void(Void),
}

#[derive(clap::Args)]
pub struct File {
    /// The file with the edge's secrets, as `pinlatch init` wrote it.
    #[arg(long, value_name = "FILE", default_value = ".dev.vars")]
    vars: PathBuf,
}

#[derive(clap::Args)]
pub struct Root {
    /// The owner's root key, which signs key sets. [default: in the configuration folder]
    #[arg(long, value_name = "FILE")]
    root_key: Option<PathBuf>,
}

#[derive(clap::Args)]
pub struct Rotate {
    #[command(flatten)]
    file: File,
    #[command(flatten)]
    root: Root,
    /// Take this step, even if the wait after the one before is not over. [default: the one that comes next]
    #[arg(long)]
    step: Option<Wanted>,
    /// Ask the deployment that you are logged in to until when API tokens and guest links by the old key are
    /// good, and do not retire it before.
    #[arg(long)]
    check: bool,
}

#[derive(clap::Args)]
pub struct Void {
    #[command(flatten)]
    file: File,
    #[command(flatten)]
    root: Root,
}

/// A step by its name.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Wanted {
    /// Add new keys that only verify yet.
    Publish,
    /// Let the new keys sign.
    Switch,
    /// Remove the old keys.
    Retire,
}

impl From<Wanted> for Step {
    fn from(wanted: Wanted) -> Self {
        match wanted {
            Wanted::Publish => Self::Publish,
            Wanted::Switch => Self::Switch,
            Wanted::Retire => Self::Retire,
        }
    }
}

/// Runs one of them.
pub fn run(command: &KeysCommand, json: bool) -> Result<()> {
    match command {
        KeysCommand::List(file) => list(&file.vars, json),
        KeysCommand::Rotate(args) => rotate(args, json),
        KeysCommand::Void(args) => void(args, json),
    }
}

fn list(file: &Path, json: bool) -> Result<()> {
    let Secrets { edge, root, number, agree } = Vars::read(file)?.secrets()?;
    if json {
        return say_json(&json!({
            "keyset": number,
            "root_thumbprint": root.thumbprint(),
            "agree": agree,
            "keys": edge.list(),
            "next": edge.next_step(),
        }));
    }
    let mut page =
        format!("Key set {number}, signed by the root key {}\n\n{}", root.thumbprint(), table(&edge.list()));
    if !agree {
        page.push_str(
            "\nThe key set does not name the keys that are there: devices would refuse the edge.\n",
        );
    }
    page.push_str(match edge.next_step() {
        Step::Publish => "\nNo rotation is under way.",
        Step::Switch => "\nA rotation is under way; `pinlatch keys rotate` lets the new keys sign.",
        Step::Retire => "\nA rotation is under way; `pinlatch keys rotate` retires the old keys.",
    });
    say(&page)
}

fn table(keys: &[KeyEntry]) -> String {
    let rows: Vec<[String; 4]> = keys
        .iter()
        .map(|key| {
            let role = match key.role {
                KeyRole::Signs => "signs",
                KeyRole::Published => "verifies; signs after the switch",
                KeyRole::Verifies => "verifies",
                KeyRole::Seals => "seals",
                KeyRole::SealPublished => "opens; seals after the switch",
                KeyRole::Opens => "opens",
                KeyRole::Receives => "opens what others seal",
                KeyRole::ReceivesLater => "opens what others seal, who are told after the switch",
                KeyRole::ReceivesStill => "opens what others sealed before the switch",
                KeyRole::Devices => "verifies devices' credentials only",
            };
            let date = |date: Option<u64>| date.map_or_else(String::new, stamp);
            [key.kid.clone(), role.into(), date(key.since), date(key.until)]
        })
        .collect();
    columns(["KEY", "IT", "SINCE", "UNTIL"], &rows)
}

fn rotate(args: &Rotate, json: bool) -> Result<()> {
    let mut vars = Vars::read(&args.file.vars)?;
    let secrets = vars.secrets()?;
    let now = now()?;
    let step = args.step.map_or_else(|| secrets.edge.next_step(), Step::from);
    if args.step.is_none()
        && let Some(until) = wait_until(&secrets.edge).filter(|until| *until > now)
    {
        let name = word(step);
        bail!("wait until {} ({}); --step {name} goes ahead now", stamp(until), spoken(until - now));
    }
    let standing = args.check.then(|| online::standing(&secrets.edge, now)).transpose()?;
    if let (Step::Retire, None, Some(standing)) = (step, args.step, &standing)
        && let Some(last) = standing.last_of_old
    {
        bail!(
            "{} API tokens and guest links by the old key are good until {} at the latest; wait, revoke them and mint them \
             again, or give them up with --step retire",
            standing.count,
            stamp(last)
        );
    }
    let next = secrets.edge.step(step, now)?;
    let number = if step == Step::Switch { secrets.number } else { secrets.number + 1 };
    vars.set("EDGE_KEYS", next.to_private_jwks().expose());
    if number != secrets.number {
        vars.set("KEYSET", &sign(&args.root, &secrets.root, number, &next, now)?);
    }
    let backup = vars.save()?;
    if json {
        return say_json(&json!({
            "did": step,
            "keyset": number,
            "next": next.next_step(),
            "wait_until": wait_until(&next),
            "old_tokens_until": standing.as_ref().and_then(|standing| standing.last_of_old),
            "keys": next.list(),
            "wrote": [vars.path().display().to_string(), backup.display().to_string()],
            "upload": upload(vars.path()),
        }));
    }
    let did = match step {
        Step::Publish => "New keys are added; they verify, and do not sign yet.",
        Step::Switch => "The new keys sign; the old ones still verify.",
        Step::Retire => "The old keys are gone. Their public halves only tell devices that were away.",
    };
    say(&format!(
        "{did} Key set {number}.\n\n{}\n{}\nTo put it in force:\n  {}\n\n{}",
        table(&next.list()),
        written(vars.path(), &backup),
        upload(vars.path()),
        what_next(step, standing.as_ref())
    ))
}

/// Until when to wait before the next step, seconds of Unix time.
fn wait_until(edge: &EdgeKeys) -> Option<u64> {
    let wait = match edge.next_step() {
        Step::Publish => return None,
        Step::Switch => SPREAD,
        // An isolate that lags behind still signs with the old key for a while.
        Step::Retire => SPREAD + MAX_PERSON_LIFE,
    };
    Some(edge.last_step_at()?.saturating_add(wait))
}

fn what_next(step: Step, standing: Option<&Standing>) -> String {
    match step {
        Step::Publish => format!(
            "Then wait {} until every part of the edge knows them, and `pinlatch keys rotate` again.",
            spoken(SPREAD)
        ),
        Step::Switch => {
            let minted = match standing {
                Some(Standing { last_of_old: Some(last), count }) => {
                    format!(
                        "{count} API tokens and guest links are good until {} at the latest",
                        stamp(*last)
                    )
                }
                Some(_) => "no API token or guest link is left".into(),
                None => "API tokens and guest links live as long as they were minted for; \
                         --check asks how long"
                    .into(),
            };
            format!(
                "Then wait at least {}, and `pinlatch keys rotate` again to retire the old keys.\n\
                 With those go: logins that were not renewed since, invitations and enrolment codes from \
                 before,\nand what the old key minted: {minted}.",
                spoken(SPREAD + MAX_PERSON_LIFE)
            )
        }
        Step::Retire => {
            "That was the last step. Devices get the new key set at their next connection.".into()
        }
    }
}

fn void(args: &Void, json: bool) -> Result<()> {
    let mut vars = Vars::read(&args.file.vars)?;
    let secrets = vars.secrets()?;
    let now = now()?;
    let fresh = secrets.edge.replaced(now)?;
    let number = secrets.number + 1;
    // Signed before anything is touched: without the root key nothing can be voided.
    vars.set("KEYSET", &sign(&args.root, &secrets.root, number, &fresh, now)?);
    vars.set("EDGE_KEYS", fresh.to_private_jwks().expose());
    // The site first: that works at once, and new keys only once they are uploaded.
    let raised = online::raise_generation(&secrets.edge);
    let backup = vars.save()?;
    if json {
        return say_json(&json!({
            "generation": raised.as_ref().ok(),
            "generation_problem": raised.as_ref().err().map(|error| format!("{error:#}")),
            "keyset": number,
            "keys": fresh.list(),
            "wrote": [vars.path().display().to_string(), backup.display().to_string()],
            "upload": upload(vars.path()),
        }));
    }
    let site = match &raised {
        Ok(generation) => format!("Every token of the site is void: generation {generation}."),
        Err(error) => format!("The site's tokens are void only once the new keys are in force ({error:#})."),
    };
    say(&format!(
        "{site}\nNew keys are made. Key set {number}.\n\n{}\n{}\nPut them in force now:\n  {}\n\n\
         Then everybody logs in again, you too; API tokens, guest links, invitations and enrolment codes\n\
         are to be made anew. Devices stay enrolled.",
        table(&fresh.list()),
        written(vars.path(), &backup),
        upload(vars.path()),
    ))
}

/// Signs a key set with the owner's root key, which must be the one that devices know.
fn sign(args: &Root, known: &PublicKey, number: u64, edge: &EdgeKeys, now: u64) -> Result<String> {
    let file = match &args.root_key {
        Some(file) => file.clone(),
        None => config_dir()?.join("root.jwk"),
    };
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot read the root key {}; --root-key names it", file.display()))?;
    let root = SigningKey::from_jwk(text.trim()).with_context(|| file.display().to_string())?;
    if root.kid() != known.thumbprint() {
        bail!("{} is another root key than ROOT_KEY, which the devices know", file.display());
    }
    Ok(keyset::sign(&root, number, edge.public(), now)?)
}

fn word(step: Step) -> &'static str {
    match step {
        Step::Publish => "publish",
        Step::Switch => "switch",
        Step::Retire => "retire",
    }
}

fn upload(file: &Path) -> String {
    format!("npx wrangler secret bulk {}", file.display())
}

fn written(file: &Path, backup: &Path) -> String {
    format!("{} is written; as it was before: {}", file.display(), backup.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_has_its_wait() {
        let keys = EdgeKeys::generate_at(1_000).unwrap();
        assert_eq!(wait_until(&keys), None);
        let published = keys.step(Step::Publish, 5_000).unwrap();
        assert_eq!(wait_until(&published), Some(5_300));
        let switched = published.step(Step::Switch, 6_000).unwrap();
        assert_eq!(wait_until(&switched), Some(6_900));
        assert_eq!(wait_until(&switched.step(Step::Retire, 7_000).unwrap()), None);
    }

    #[test]
    fn the_table_names_keys_and_shows_none() {
        let keys = EdgeKeys::generate_at(1_782_907_200).unwrap().step(Step::Publish, 1_782_907_260).unwrap();
        let page = table(&keys.list());
        let secret: serde_json::Value = serde_json::from_str(keys.to_private_jwks().expose()).unwrap();
        for key in secret["keys"].as_array().unwrap() {
            for member in ["d", "k"] {
                assert!(key.get(member).is_none_or(|value| !page.contains(value.as_str().unwrap())));
            }
        }
        let says = |role: &str, since: &str| {
            page.lines().any(|line| line.contains(&format!("  {role}  ")) && line.ends_with(since))
        };
        assert!(says("signs", "  2026-07-01T12:00:00Z"), "{page}");
        assert!(says("verifies; signs after the switch", "  2026-07-01T12:01:00Z"), "{page}");
    }

    #[test]
    fn what_comes_next_is_said() {
        let at_switch = |standing| what_next(Step::Switch, standing);
        assert!(at_switch(None).contains("--check asks how long"));
        let standing = Standing { last_of_old: Some(1_782_907_200), count: 2 };
        assert!(
            at_switch(Some(&standing)).contains("2 API tokens and guest links are good until 2026-07-01")
        );
        assert!(at_switch(Some(&Standing { last_of_old: None, count: 0 })).contains("is left"));
    }
}
