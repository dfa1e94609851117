//! Counts what stops working when the old keys of the edge are retired, and decides whether the owner accepts this.

use std::str::FromStr;

use anyhow::{Context, Error, Result, bail};
use pinlatch_protocol::admin::{
    ENROLMENT_LIFE, Enrolment, INVITATION_LIFE, Invitation, TokenKind, TokenView,
};
use pinlatch_protocol::name::Name;
use serde::Serialize;

use crate::terminal::times::stamp;

/// The living tokens and codes of one site that the old keys signed or encrypted.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Dependents {
    pub site: Name,
    pub api_tokens: usize,
    pub guest_links: usize,
    pub invitations: usize,
    pub enrolment_strings: usize,
    /// The time at which the last of them expires, in seconds of Unix time. `None` means that none exists.
    pub last_expiry: Option<u64>,
    /// The other sites of the deployment. A login is for one site, so the other sites cannot be asked.
    pub other_sites: Vec<Name>,
}

/// The tokens and codes of a site, as the edge lists them.
pub struct Listed {
    pub tokens: Vec<TokenView>,
    pub invitations: Vec<Invitation>,
    pub enrolments: Vec<Enrolment>,
}

impl Dependents {
    /// Counts what was created at or before `before` and is still of use at the time `now`.
    pub fn count(site: Name, listed: &Listed, before: u64, now: u64, other_sites: Vec<Name>) -> Self {
        let is_used_up = |token: &TokenView| token.max_uses.is_some_and(|most| token.uses >= most);
        let needed = |token: &&TokenView| {
            token.created_ms / 1000 <= before
                && token.expires_at > now
                && token.revoked_ms.is_none()
                && !is_used_up(token)
        };
        let tokens: Vec<&TokenView> = listed.tokens.iter().filter(needed).collect();
        let of = |kind| tokens.iter().filter(|token| token.kind == kind).count();
        // The lists contain no time of creation, but each kind of code has a fixed validity period.
        let coded =
            |expires_at: u64, life: u64| expires_at.saturating_sub(life) <= before && expires_at > now;
        let invitations = listed.invitations.iter().map(|open| open.expires_at);
        let invitations: Vec<u64> = invitations.filter(|at| coded(*at, INVITATION_LIFE)).collect();
        let enrolments = listed.enrolments.iter().map(|open| open.expires_at);
        let enrolments: Vec<u64> = enrolments.filter(|at| coded(*at, ENROLMENT_LIFE)).collect();
        let expiries = tokens.iter().map(|token| token.expires_at);
        Self {
            site,
            api_tokens: of(TokenKind::Api),
            guest_links: of(TokenKind::Guest),
            invitations: invitations.len(),
            enrolment_strings: enrolments.len(),
            last_expiry: expiries.chain(invitations).chain(enrolments).max(),
            other_sites,
        }
    }

    pub fn total(&self) -> usize {
        self.api_tokens + self.guest_links + self.invitations + self.enrolment_strings
    }

    /// Lists the numbers, for example `2 API tokens and 1 invitation`.
    pub fn listed(&self) -> String {
        let parts: Vec<String> = [
            (self.api_tokens, "API token"),
            (self.guest_links, "guest link"),
            (self.invitations, "invitation"),
            (self.enrolment_strings, "enrolment string"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}{}", if count == 1 { "" } else { "s" }))
        .collect();
        match parts.split_last() {
            None => "no API token, guest link, invitation or enrolment string".into(),
            Some((only, [])) => only.clone(),
            Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        }
    }
}

/// How many tokens and codes the owner gives up (`--end-tokens`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivenUp {
    AtMost(usize),
    /// The owner accepts that the number is unknown.
    Unknown,
}

impl FromStr for GivenUp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "unknown" => Ok(Self::Unknown),
            number => number
                .parse()
                .map(Self::AtMost)
                .map_err(|_| "write the number that `pinlatch keys rotate` shows, or `unknown`".to_owned()),
        }
    }
}

/// Returns an error if retiring the old keys would end more tokens and codes than the owner gives up.
pub fn require_given_up(found: &Result<Dependents>, given_up: Option<GivenUp>) -> Result<()> {
    if given_up == Some(GivenUp::Unknown) {
        return Ok(());
    }
    let found = match found {
        Ok(found) => found,
        Err(error) => return Err(unknown(error)),
    };
    let total = found.total();
    let accepted = matches!(given_up, Some(GivenUp::AtMost(most)) if total <= most);
    if (total == 0 || accepted) && found.other_sites.is_empty() {
        return Ok(());
    }
    let Dependents { site, other_sites, .. } = found;
    let mut why = match found.last_expiry {
        Some(last) => format!(
            "{} of the site {site} would stop working when the old keys are retired. The last of them expires at {}. \
             Wait until this time, or create new ones now and revoke the old ones",
            found.listed(),
            stamp(last)
        ),
        None => format!("{} of the site {site} needs the old keys", found.listed()),
    };
    if let Some(GivenUp::AtMost(most)) = given_up.filter(|_| !accepted && total > 0) {
        why = format!("--end-tokens {most} is too low: {why}");
    }
    if other_sites.is_empty() {
        bail!("{why}. To retire the old keys now and end these {total}, use --end-tokens {total}");
    }
    let names: Vec<&str> = other_sites.iter().map(Name::as_str).collect();
    bail!(
        "{why}. Your login is for the site {site}, so the other sites of this deployment ({}) could not be asked. \
         Log in to each of them and look at `pinlatch tokens`, `pinlatch guests` and `pinlatch user invitations`. \
         To retire the old keys now, whatever ends at these sites, use --end-tokens unknown",
        names.join(", ")
    )
}

fn unknown(error: &Error) -> Error {
    Error::msg(format!(
        "the API tokens, guest links and invitations that need the old keys cannot be counted: {error:#}. Retiring the old keys would end them. \
         Log in to the deployment as an owner and try again, or use --end-tokens unknown to retire the old keys without knowing how many end"
    ))
}

/// Returns the sites of the deployment except `asked`.
pub fn others(sites: &[Name], asked: &Name) -> Vec<Name> {
    sites.iter().filter(|site| *site != asked).cloned().collect()
}

/// Parses the variable `SITES`, a list of names that are separated by commas.
pub fn site_names(text: &str) -> Result<Vec<Name>> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    names.map(|name| Name::new(name).with_context(|| format!("SITES: {name:?}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;
    use pinlatch_protocol::name::UserName;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn token(kind: TokenKind, created: u64, expires_at: u64) -> TokenView {
        TokenView {
            jti: "j".into(),
            kind,
            name: "n".into(),
            creator: "ann".into(),
            scope: "line:a/b:set".parse().unwrap(),
            not_before: created,
            expires_at,
            max_uses: None,
            max_in_flight: None,
            max_per_minute: None,
            max_sockets: None,
            uses: 0,
            created_ms: created * 1000,
            last_used_ms: None,
            revoked_ms: None,
        }
    }

    fn invitation(expires_at: u64) -> Invitation {
        let username = UserName::new("ben").unwrap();
        Invitation { id: "i".into(), username, role: None, scope: None, creator: "ann".into(), expires_at }
    }

    fn enrolment(expires_at: u64) -> Enrolment {
        let (id, creator) = ("e".into(), "ann".into());
        Enrolment { id, device: name("porch"), replaces: false, creator, expires_at }
    }

    #[test]
    fn only_what_the_old_keys_made_and_is_still_of_use_counts() {
        let now = 1_000_000;
        let (api, guest) = (TokenKind::Api, TokenKind::Guest);
        let listed = Listed {
            tokens: vec![
                token(api, now - 10, now + 500),
                token(guest, now - 20, now + 900),
                token(api, now + 1, now + 2_000),
                token(api, now - 10, now),
                TokenView { revoked_ms: Some(1), ..token(api, now - 10, now + 999) },
                TokenView { max_uses: Some(1), uses: 1, ..token(guest, now - 10, now + 999) },
                TokenView { max_uses: Some(2), uses: 1, ..token(guest, now - 10, now + 700) },
            ],
            invitations: vec![invitation(now + INVITATION_LIFE), invitation(now + INVITATION_LIFE + 1)],
            enrolments: vec![enrolment(now + ENROLMENT_LIFE), enrolment(now + ENROLMENT_LIFE + 1)],
        };
        let found = Dependents::count(name("home"), &listed, now, now, Vec::new());
        let counts = [found.api_tokens, found.guest_links, found.invitations, found.enrolment_strings];
        assert_eq!(counts, [1, 2, 1, 1]);
        assert_eq!((found.total(), found.last_expiry), (5, Some(now + INVITATION_LIFE)));
        assert_eq!(found.listed(), "1 API token, 2 guest links, 1 invitation and 1 enrolment string");
        let early = Dependents::count(name("home"), &listed, 5, now, Vec::new());
        assert_eq!((early.total(), early.last_expiry), (0, None));
    }

    fn dependents(api_tokens: usize, other_sites: &[&str]) -> Result<Dependents> {
        let last_expiry = (api_tokens > 0).then_some(1_782_907_200);
        let other_sites = other_sites.iter().map(|site| name(site)).collect();
        let (guest_links, invitations, enrolment_strings) = (0, 0, 0);
        let site = name("home");
        Ok(Dependents {
            site,
            api_tokens,
            guest_links,
            invitations,
            enrolment_strings,
            last_expiry,
            other_sites,
        })
    }

    #[test]
    fn keys_that_are_needed_are_retired_only_with_the_number() {
        use GivenUp::{AtMost, Unknown};
        let refusal = |found: Result<Dependents>, given_up| {
            require_given_up(&found, given_up).err().map(|error| format!("{error:#}"))
        };
        assert_eq!(refusal(dependents(0, &[]), None), None);
        let text = refusal(dependents(2, &[]), None).unwrap();
        for part in [
            "2 API tokens of the site home",
            "expires at 2026-07-01T12:00:00Z",
            "create new ones",
            "--end-tokens 2",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let text = refusal(dependents(2, &[]), Some(AtMost(1))).unwrap();
        assert!(text.starts_with("--end-tokens 1 is too low: 2 API tokens"), "{text}");
        for enough in [AtMost(2), AtMost(3), Unknown] {
            assert_eq!(refusal(dependents(2, &[]), Some(enough)), None);
        }
        for given_up in [None, Some(AtMost(0)), Some(AtMost(9))] {
            let text = refusal(dependents(0, &["lab"]), given_up).unwrap();
            assert!(
                text.contains("(lab) could not be asked") && text.contains("--end-tokens unknown"),
                "{text}"
            );
            let text = refusal(Err(anyhow!("no network")), given_up).unwrap();
            assert!(text.contains("no network") && text.contains("--end-tokens unknown"), "{text}");
        }
        assert_eq!(refusal(dependents(0, &["lab"]), Some(Unknown)), None);
        assert_eq!(refusal(Err(anyhow!("no network")), Some(Unknown)), None);
    }

    #[test]
    fn the_flag_says_how_many() {
        for (text, expected) in
            [("3", GivenUp::AtMost(3)), ("0", GivenUp::AtMost(0)), ("unknown", GivenUp::Unknown)]
        {
            assert_eq!(text.parse(), Ok(expected));
        }
        for wrong in ["", "-1", "all", "yes"] {
            assert!(wrong.parse::<GivenUp>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_other_sites_are_known_from_the_configuration() {
        let sites = site_names("home, lab,shed,").unwrap();
        assert_eq!(others(&sites, &name("lab")), [name("home"), name("shed")]);
        assert!(site_names("Not A Name").is_err());
    }
}
