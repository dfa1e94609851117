//! Implements `pinlatch keys`, which rotates the edge's keys, or replaces the keys in an emergency.
//!
//! The edge's keys are in `.dev.vars` on the owner's machine. Each command except `list` rewrites `.dev.vars`. New keys
//! take effect when the owner uploads `.dev.vars` to Cloudflare.

mod dependents;
mod online;
mod wait;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Subcommand, ValueEnum};
use pinlatch_token::{EdgeKeys, KeyEntry, KeyRole, MAX_PERSON_LIFE, PublicKey, SigningKey, Step, keyset};
use serde_json::json;

use self::dependents::{Dependents, GivenUp, require_given_up};
use self::wait::{SPREAD, wait_until};
use crate::deploy::vars::{Secrets, Vars};
use crate::edge::session;
use crate::files::root_key_file;
use crate::terminal::columns::columns;
use crate::terminal::output::print;
use crate::terminal::text::to_do;
use crate::terminal::times::{now, spoken, stamp};

#[derive(Subcommand)]
pub enum KeysCommand {
    /// List the keys in `.dev.vars` with the role and the dates of each key.
    #[command(visible_alias = "ls")]
    List(File),
    /// Perform the next step of a key rotation: publish new keys, switch to the new keys, or retire the old keys. Old keys
    /// that living API tokens, guest links or invitations need are retired only with --end-tokens.
    Rotate(Rotate),
    /// Replace all keys of the edge in an emergency. Every token, login, code and link becomes invalid, also your own
    /// login. People, passwords, accounts at login providers and devices stay. Only an owner can end the tokens and
    /// logins at once. Otherwise they end with the upload of the new keys.
    Void(Void),
}

#[derive(clap::Args)]
pub struct File {
    /// The file with the edge's secrets, which `pinlatch init` wrote.
    #[arg(long, value_name = "FILE", default_value = ".dev.vars")]
    vars: PathBuf,
}

#[derive(clap::Args)]
pub struct Root {
    /// The file with the owner's root key. The root key signs the key set that devices trust.
    /// [default: root.jwk in the configuration folder]
    #[arg(long, value_name = "FILE")]
    root_key: Option<PathBuf>,
}

#[derive(clap::Args)]
pub struct Rotate {
    #[command(flatten)]
    file: File,
    #[command(flatten)]
    root: Root,
    /// The step to perform, even if the wait after the previous step is not over. [default: the next step]
    #[arg(long)]
    step: Option<Wanted>,
    /// In the steps before the last one, also ask the deployment how many API tokens, guest links, invitations and
    /// enrolment strings need the present keys, and when they expire. You must be logged in to the deployment. The step
    /// that retires the old keys always asks.
    #[arg(long)]
    check: bool,
    /// Retire the old keys although at most N living API tokens, guest links, invitations and enrolment strings then
    /// stop working. `unknown` retires the old keys even if the deployment cannot be asked for the number.
    #[arg(long, value_name = "N|unknown")]
    end_tokens: Option<GivenUp>,
}

#[derive(clap::Args)]
pub struct Void {
    #[command(flatten)]
    file: File,
    #[command(flatten)]
    root: Root,
}

/// A step of a key rotation.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Wanted {
    /// Add new keys, which verify signatures but do not sign tokens yet.
    Publish,
    /// Sign all tokens with the new keys.
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

pub fn run(command: &KeysCommand, json: bool) -> Result<()> {
    match command {
        KeysCommand::List(file) => list(&file.vars, json),
        KeysCommand::Rotate(args) => rotate(args, json),
        KeysCommand::Void(args) => void(args, json),
    }
}

fn list(file: &Path, json: bool) -> Result<()> {
    let Secrets { edge, root, number, agree } = Vars::read(file)?.secrets()?;
    let document = json!({
        "keyset": number,
        "root_thumbprint": root.thumbprint(),
        "agree": agree,
        "keys": edge.list(),
        "next": edge.next_step(),
    });
    let mut page =
        format!("The root key {} has signed key set {number}.\n\n{}", root.thumbprint(), table(&edge.list()));
    if !agree {
        page.push_str(
            "\nThe signed key set contains other keys than EDGE_KEYS, so devices would refuse the edge. Restore the secrets file from its backup (FILE.before).\n",
        );
    }
    page.push_str(match edge.next_step() {
        Step::Publish => "\nNo rotation is in progress.",
        Step::Switch => "\nA rotation is in progress. To switch to the new keys, run `pinlatch keys rotate`.",
        Step::Retire => "\nA rotation is in progress. To retire the old keys, run `pinlatch keys rotate`.",
    });
    print(json, &document, &page)
}

fn table(keys: &[KeyEntry]) -> String {
    let rows = keys.iter().map(|key| {
        let role = match key.role {
            KeyRole::Signs => "signs",
            KeyRole::Published => "verifies; signs after the switch",
            KeyRole::Verifies => "verifies",
            KeyRole::Seals => "encrypts",
            KeyRole::SealPublished => "decrypts; encrypts after the switch",
            KeyRole::Opens => "decrypts",
            KeyRole::Receives => "decrypts tokens from other parties",
            KeyRole::ReceivesLater => "decrypts tokens from other parties; published after the switch",
            KeyRole::ReceivesStill => "decrypts tokens that other parties encrypted before the switch",
            KeyRole::Devices => "verifies only device credentials",
        };
        let date = |date: Option<u64>| date.map_or_else(String::new, stamp);
        [key.kid.clone(), role.into(), date(key.since), date(key.until)]
    });
    columns(["KEY", "ROLE", "SINCE", "UNTIL"], rows)
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
        bail!(
            "it is too early for the next step; wait until {} (in {}), or use --step {name} to perform the step now",
            stamp(until),
            spoken(until - now)
        );
    }
    let next = secrets.edge.step(step, now)?;
    let found = (args.check || step == Step::Retire).then(|| online::dependents(&secrets.edge, &vars, now));
    let found = match (step, found) {
        (Step::Retire, Some(found)) => {
            require_given_up(&found, args.end_tokens)?;
            found.ok()
        }
        (_, found) => found.transpose()?,
    };
    let number = if step == Step::Switch { secrets.number } else { secrets.number + 1 };
    vars.set("EDGE_KEYS", next.to_private_jwks().expose());
    if number != secrets.number {
        vars.set("KEYSET", &sign(&args.root, &secrets.root, number, &next, now)?);
    }
    let backup = vars.save()?;
    let document = json!({
        "did": step,
        "keyset": number,
        "next": next.next_step(),
        "wait_until": wait_until(&next),
        "old_tokens_until": found.as_ref().and_then(|found| found.last_expiry),
        "dependents": found,
        "keys": next.list(),
        "wrote": [vars.path().display().to_string(), backup.display().to_string()],
        "upload": upload(vars.path()),
    });
    let did = match step {
        Step::Publish => "New keys are added. The new keys verify signatures, but do not sign tokens yet.",
        Step::Switch => "The new keys now sign all tokens. The old keys still verify signatures.",
        Step::Retire => {
            "The old keys are removed. Only their public keys are kept, to verify the credentials of devices."
        }
    };
    let text = format!(
        "{did} The key set has number {number}.\n\n{}\n{}\n{}\n\n{}",
        table(&next.list()),
        written(vars.path(), &backup),
        to_do(&[upload(vars.path())]),
        what_next(step, found.as_ref())
    );
    print(json, &document, &text)
}

fn what_next(step: Step, found: Option<&Dependents>) -> String {
    match step {
        Step::Publish => format!(
            "Then wait {}, because all instances of the Worker must first receive the new keys.\n\
             After this time, run `pinlatch keys rotate` again.",
            spoken(SPREAD)
        ),
        Step::Switch => {
            let needed = match found {
                Some(found @ Dependents { last_expiry: Some(last), site, .. }) => {
                    format!(
                        "At the site {site}, the old keys are needed by {}.\nThe last of them expires at {}.",
                        found.listed(),
                        stamp(*last)
                    )
                }
                Some(found) => {
                    format!("At the site {}, {} needs the old keys.", found.site, found.listed())
                }
                None => "To see what still needs the old keys, use --check.".into(),
            };
            format!(
                "Then wait at least {}, and run `pinlatch keys rotate` again to retire the old keys.\n\
                 When the old keys are retired, all logins that were not renewed after the switch end.\n\
                 API tokens, guest links, invitations and enrolment strings from before the switch then\n\
                 become invalid, so the command retires the old keys only if none is left, or if you\n\
                 give their number with --end-tokens.\n\
                 {needed}",
                spoken(SPREAD + MAX_PERSON_LIFE)
            )
        }
        Step::Retire => {
            let ended = match found {
                Some(found) if found.total() > 0 => {
                    format!("With the upload, {} of the site {} stop working.\n", found.listed(), found.site)
                }
                _ => String::new(),
            };
            format!("{ended}The rotation is done. Devices get the new key set when they next connect.")
        }
    }
}

fn void(args: &Void, json: bool) -> Result<()> {
    let mut vars = Vars::read(&args.file.vars)?;
    let secrets = vars.secrets()?;
    let now = now()?;
    let fresh = secrets.edge.replaced(now)?;
    let number = secrets.number + 1;
    // The key set is signed first. If the root key is missing, the command therefore fails without a change.
    vars.set("KEYSET", &sign(&args.root, &secrets.root, number, &fresh, now)?);
    vars.set("EDGE_KEYS", fresh.to_private_jwks().expose());
    // The generation is raised before the new keys are written, because a new generation makes all tokens invalid at
    // once. The new keys take effect only after the owner has uploaded the keys.
    let raised = online::raise_generation(&secrets.edge);
    let backup = vars.save()?;
    let document = json!({
        "generation": raised.as_ref().ok(),
        "generation_problem": raised.as_ref().err().map(|error| format!("{error:#}")),
        "keyset": number,
        "keys": fresh.list(),
        "wrote": [vars.path().display().to_string(), backup.display().to_string()],
        "upload": upload(vars.path()),
    });
    let site = site_state(&raised);
    let text = format!(
        "{site}\nNew keys are created. The key set has number {number}.\n\n{}\n{}\nUpload the new keys now:\n  {}\n\n\
         After the upload, all people must log in again, including you. Create API tokens, guest links,\n\
         invitations and enrolment codes again. People, their passwords and their accounts at login\n\
         providers stay. Devices stay enrolled.",
        table(&fresh.list()),
        written(vars.path(), &backup),
        upload(vars.path()),
    );
    print(json, &document, &text)?;
    // The emergency stop has also ended the owner's login. An error here must not hide the text above.
    if raised.is_ok() { session::forget() } else { Ok(()) }
}

/// Describes what an emergency stop has ended, or why it failed.
fn site_state(raised: &Result<u64>) -> String {
    match raised {
        Ok(generation) => format!(
            "All logins, API tokens, guest links, invitations and enrolment codes of the site have ended.\n\
             Your own login has also ended, so it is deleted from this machine. The new generation is {generation}."
        ),
        Err(error) => format!(
            "The logins and tokens of the site could not be ended now ({error:#}).\n\
             They stay valid until you upload the new keys. Only an owner can end them before."
        ),
    }
}

/// Signs a key set with the owner's root key. The root key must be the key that devices trust.
fn sign(args: &Root, known: &PublicKey, number: u64, edge: &EdgeKeys, now: u64) -> Result<String> {
    let file = root_key_file(args.root_key.as_deref())?;
    let text = std::fs::read_to_string(&file).with_context(|| {
        format!("cannot read the root key from {}; give the file's path with --root-key", file.display())
    })?;
    let root = SigningKey::from_jwk(text.trim()).with_context(|| file.display().to_string())?;
    if root.kid() != known.thumbprint() {
        bail!(
            "the key in {} is not the root key that devices trust (ROOT_KEY); give the correct file with --root-key",
            file.display()
        );
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
    format!("The new secrets are in {}. The backup of the old file is {}.", file.display(), backup.display())
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn an_emergency_stop_says_that_the_own_login_has_ended() {
        let text = site_state(&Ok(7));
        assert!(text.contains("Your own login has also ended") && text.contains("generation is 7"), "{text}");
        let text = site_state(&Err(anyhow::anyhow!("no network")));
        assert!(text.contains("(no network)") && text.contains("until you upload"), "{text}");
    }

    #[test]
    fn what_comes_next_is_said() {
        let found = |api_tokens: usize| Dependents {
            site: "home".parse().unwrap(),
            api_tokens,
            guest_links: 0,
            invitations: 0,
            enrolment_strings: 0,
            last_expiry: (api_tokens > 0).then_some(1_782_907_200),
            other_sites: Vec::new(),
        };
        let at_switch = |found: Option<&Dependents>| what_next(Step::Switch, found);
        assert!(at_switch(None).contains("use --check") && at_switch(None).contains("--end-tokens"));
        let some = at_switch(Some(&found(2)));
        assert!(some.contains("needed by 2 API tokens") && some.contains("expires at 2026-07-01"), "{some}");
        let none = at_switch(Some(&found(0)));
        assert!(none.contains("no API token, guest link"), "{none}");
        assert!(what_next(Step::Retire, Some(&found(2))).starts_with("With the upload, 2 API tokens of"));
        assert!(what_next(Step::Retire, None).starts_with("The rotation is done"));
    }
}
