//! Implements `pinlatch token create|list|revoke` and `pinlatch guest`. These commands manage API tokens and guest
//! links, which the edge issues.

use std::str::FromStr;

use anyhow::{Result, bail};
use clap::Subcommand;
use pinlatch_protocol::admin::{
    DEFAULT_API_LIFE, DEFAULT_GUEST_LIFE, DEFAULT_GUEST_USES, IssueReply, IssueRequest, MAX_IN_FLIGHT,
    MAX_PER_MINUTE, MAX_SOCKETS, MAX_USES, TokenKind, TokenView,
};
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::problem::Code;
use pinlatch_protocol::scope::ScopeSet;
use serde::de::IgnoredAny;
use serde_json::json;

use crate::commands::suggest::{self, suggested};
use crate::commands::useless_scopes::warn_of_useless;
use crate::edge::session;
use crate::terminal::colour::Tone;
use crate::terminal::columns::{Cell, columns};
use crate::terminal::output::{note, print, print_token, say_json};
use crate::terminal::text::plain;
use crate::terminal::times::{Moment, instant, now, seconds, stamp, stamp_ms};

#[derive(Subcommand)]
pub enum GuestCommand {
    /// Create a link with which a guest can operate the permitted lines for a limited time, without an account.
    Create(Grant),
    /// List the guest links of the site.
    #[command(visible_alias = "ls")]
    List,
    /// Revoke a guest link. Guests who use this link lose access within seconds.
    #[command(visible_alias = "rm")]
    Revoke(Revoke),
}

/// The options of a new API token or guest link.
#[derive(clap::Args)]
pub struct Grant {
    /// A name by which you recognise the token or link in a list.
    name: String,
    /// A scope (permission) that the token or link grants, such as line:porch/door:pulse. The option can be given
    /// several times.
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    scopes: Vec<ScopeSet>,
    /// The duration for which the token or link is valid, such as 90min or 7days. [default: 30 days for an API token,
    /// one day for a guest link]
    #[arg(long = "for", value_name = "DURATION", value_parser = seconds, conflicts_with = "until")]
    life: Option<u64>,
    /// The time at which the token or link expires, such as 2026-07-01T18:00:00+02:00.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    until: Option<u64>,
    /// The time at which the token or link becomes valid, or the duration until this time.
    /// [default: the current time]
    #[arg(long, value_name = "TIME")]
    from: Option<Moment>,
    /// The number of commands that can be sent with the token or link, or `any` for no limit. [default: `any` for an
    /// API token, 1 for a guest link]
    #[arg(long, value_name = "N")]
    max_uses: Option<Uses>,
    /// The maximum number of commands without a result, at most your own. [default: see docs/edge.md]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_IN_FLIGHT)))]
    max_in_flight: Option<u32>,
    /// The maximum number of commands per minute, at most your own. [default: see docs/edge.md]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_PER_MINUTE)))]
    max_per_minute: Option<u32>,
    /// The maximum number of open WebSockets, at most your own. [default: see docs/edge.md]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_SOCKETS)))]
    max_sockets: Option<u32>,
}

#[derive(clap::Args)]
pub struct Revoke {
    /// The id of the token or link, as shown by the command `list`.
    #[arg(allow_hyphen_values = true)]
    jti: String,
    /// The expiry of the token (the claim `exp`), in Unix seconds. This option is required only for a token of another
    /// issuer.
    #[arg(long, value_name = "SECONDS")]
    expires_at: Option<u64>,
}

/// The number of commands of a token or link, or `any`.
#[derive(Debug, Clone, Copy)]
struct Uses(Option<u32>);

impl FromStr for Uses {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "any" {
            return Ok(Self(None));
        }
        let number = text.parse().ok().filter(|number| (1..=MAX_USES).contains(number));
        number
            .map(|number| Self(Some(number)))
            .ok_or(format!("write a number from 1 to {MAX_USES}, or `any`"))
    }
}

impl Grant {
    fn request(&self, kind: TokenKind, now: u64) -> Result<IssueRequest> {
        let not_before = self.from.map(|from| from.after(now.saturating_mul(1000)) / 1000);
        let start = not_before.unwrap_or(now);
        let (default, uses) = match kind {
            TokenKind::Guest => (DEFAULT_GUEST_LIFE, Some(DEFAULT_GUEST_USES)),
            TokenKind::Api => (DEFAULT_API_LIFE, None),
        };
        let expires_at = match (self.until, self.life) {
            (Some(until_ms), _) => until_ms / 1000,
            (None, life) => start.saturating_add(life.unwrap_or(default)),
        };
        if expires_at <= start.max(now) {
            bail!(
                "the token or link would expire at {}, before it can be used; choose a later expiry",
                stamp(expires_at)
            );
        }
        let scope = self.scopes.iter().flat_map(ScopeSet::iter).cloned().collect();
        Ok(IssueRequest {
            kind,
            name: self.name.clone(),
            scope,
            not_before,
            expires_at,
            max_uses: self.max_uses.map_or(uses, |Uses(most)| most),
            max_in_flight: self.max_in_flight,
            max_per_minute: self.max_per_minute,
            max_sockets: self.max_sockets,
        })
    }
}

pub fn guest(command: &GuestCommand, json: bool) -> Result<()> {
    match command {
        GuestCommand::Create(grant) => create(TokenKind::Guest, grant, json),
        GuestCommand::List => list(TokenKind::Guest, json),
        GuestCommand::Revoke(revoked) => revoke(revoked, json),
    }
}

/// Creates an API token or guest link, and prints it. Stdout contains only the token or link, so that a script can
/// store it. The edge never shows the same token or link again.
pub fn create(kind: TokenKind, grant: &Grant, json: bool) -> Result<()> {
    let request = grant.request(kind, now()?)?;
    let edge = session::api()?;
    warn_of_useless(&edge, &request.scope);
    let reply: IssueReply = edge.send(&Endpoint::MintToken, &request)?;
    if json {
        return say_json(&reply);
    }
    let token = &reply.token;
    note(&format!(
        "The token or link {} (id {}) is valid from {} until {}, for {}. It is shown only once, so store it now.",
        plain(&token.name),
        token.jti,
        stamp(token.not_before),
        stamp(token.expires_at),
        match token.max_uses {
            Some(1) => "one command".into(),
            Some(most) => format!("{most} commands"),
            None => "any number of commands".into(),
        }
    ));
    match reply.access_token.or(reply.link) {
        Some(secret) => print_token(json, &(), secret.expose()),
        None => bail!("the edge's response contains no token or link"),
    }
}

/// Lists API tokens or guest links. The edge does not return tokens and links that expired long ago.
pub fn list(kind: TokenKind, json: bool) -> Result<()> {
    let mut tokens: Vec<TokenView> = session::api()?.call(&Endpoint::ListTokens)?;
    tokens.retain(|token| token.kind == kind);
    let text = match (tokens.is_empty(), kind) {
        (true, TokenKind::Guest) => "The site has no guest links.".into(),
        (true, TokenKind::Api) => "The site has no API tokens.".into(),
        (false, _) => table(&tokens, now()?),
    };
    print(json, &tokens, &text)
}

pub fn revoke(args: &Revoke, json: bool) -> Result<()> {
    let endpoint = Endpoint::RevokeToken { jti: args.jti.clone() };
    let query = args.expires_at.map(|seconds| format!("expires_at={seconds}")).unwrap_or_default();
    let api = session::api()?;
    let revoked = api.call_with::<IgnoredAny>(&endpoint, &query);
    suggested(revoked, Code::UnknownToken, || suggest::token(&api, &args.jti))?;
    let text = format!("The token or link {} is revoked.", plain(&args.jti));
    print(json, &json!({ "revoked": args.jti }), &text)
}

fn table(tokens: &[TokenView], now: u64) -> String {
    let rows = tokens.iter().map(|token| {
        let uses = match token.max_uses {
            Some(most) => format!("{}/{most}", token.uses),
            None => "any".into(),
        };
        let (tone, state) = state(token, now);
        [
            token.jti.clone().into(),
            token.name.clone().into(),
            Cell::new(tone, state),
            stamp(token.expires_at).into(),
            uses.into(),
            token.last_used_ms.map_or_else(|| "never".into(), stamp_ms).into(),
            token.creator.clone().into(),
            token.scope.to_string().into(),
        ]
    });
    columns(["ID", "NAME", "STATE", "UNTIL", "USES", "LAST USED", "BY", "SCOPE"], rows)
}

/// Describes, in one or two words, whether the token can be used now.
fn state(token: &TokenView, now: u64) -> (Tone, &'static str) {
    if token.revoked_ms.is_some() {
        (Tone::Bad, "revoked")
    } else if token.expires_at <= now {
        (Tone::Faint, "expired")
    } else if token.max_uses.is_some_and(|most| token.uses >= most) {
        (Tone::Faint, "used up")
    } else if token.not_before > now {
        (Tone::Warning, "not yet")
    } else {
        (Tone::Good, "valid")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::colour::for_stdout;
    use clap::Parser;

    const NOW: u64 = 1_782_907_200;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        grant: Grant,
    }

    fn read(args: &[&str]) -> Result<IssueRequest> {
        let line = Line::try_parse_from([&["x", "lamp", "--scope", "line:porch/lamp:set"], args].concat())?;
        line.grant.request(TokenKind::Guest, NOW)
    }

    #[test]
    fn a_window_is_what_its_options_say() {
        let window =
            |args: &[&str]| read(args).map(|request| (request.not_before, request.expires_at)).unwrap();
        assert_eq!(window(&[]), (None, NOW + 86_400));
        assert_eq!(window(&["--for", "2h"]), (None, NOW + 7_200));
        assert_eq!(window(&["--from", "1h", "--for", "2h"]), (Some(NOW + 3_600), NOW + 10_800));
        assert_eq!(window(&["--until", "2026-07-01T15:00:00+02:00"]), (None, NOW + 3_600));
        assert_eq!(
            window(&["--from", "2026-07-01T12:30:00Z", "--for", "30min"]),
            (Some(NOW + 1_800), NOW + 3_600)
        );
        for wrong in [
            &["--until", "2026-07-01T11:00:00Z"][..],
            &["--until", "2026-07-01T13:00:00Z", "--from", "2h"],
            &["--for", "2h", "--until", "2026-07-01T13:00:00Z"],
            &["--for", "2"],
            &["--max-uses", "0"],
            &["--max-uses", "1000001"],
            &["--max-uses", "many"],
            &["--scope", "door"],
        ] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn scopes_are_taken_together() {
        let request =
            read(&["--scope", "line:porch/bell:read line:shed/door:pulse", "--max-uses", "3"]).unwrap();
        assert_eq!(request.scope.iter().count(), 3);
        assert_eq!(request.max_uses, Some(3));
    }

    #[test]
    fn a_guest_link_is_good_for_one_use_unless_it_says_otherwise() {
        let uses = |kind, args: &[&str]| {
            let line = [&["x", "lamp", "--scope", "line:porch/lamp:set"], args].concat();
            Line::try_parse_from(line).unwrap().grant.request(kind, NOW).unwrap().max_uses
        };
        assert_eq!(uses(TokenKind::Guest, &[]), Some(1));
        assert_eq!(uses(TokenKind::Guest, &["--max-uses", "any"]), None);
        assert_eq!(uses(TokenKind::Api, &[]), None);
    }

    #[test]
    fn a_state_says_why_a_token_cannot_be_used() {
        let token = TokenView {
            jti: "j".into(),
            kind: TokenKind::Guest,
            name: "plumber".into(),
            creator: "ann".into(),
            scope: "line:porch/door:pulse".parse().unwrap(),
            not_before: NOW,
            expires_at: NOW + 60,
            max_uses: Some(2),
            max_in_flight: None,
            max_per_minute: None,
            max_sockets: None,
            uses: 1,
            created_ms: NOW * 1_000,
            last_used_ms: None,
            revoked_ms: None,
        };
        assert_eq!(state(&token, NOW).1, "valid");
        assert_eq!(state(&token, NOW - 1).1, "not yet");
        assert_eq!(state(&token, NOW + 60).1, "expired");
        assert_eq!(state(&TokenView { uses: 2, ..token.clone() }, NOW).1, "used up");
        assert_eq!(state(&TokenView { revoked_ms: Some(1), ..token.clone() }, NOW).1, "revoked");
        let page = for_stdout(&table(&[token], NOW));
        assert!(page.contains("plumber  valid  2026-07-01T12:01:00Z  1/2   never"), "{page}");
    }
}
