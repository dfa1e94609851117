//! Issues API tokens and guest links. During its whole lifetime, a token is limited by the current rights of its
//! issuer.

use pinlatch_protocol::admin::{
    IssueRequest, MAX_API_SCOPE, MAX_GUEST_SCOPE, MAX_TOKEN_LIFE, MAX_TOKEN_NAME, MAX_UNPROVEN_LIFE,
    MAX_USES, TokenKind, TokenView,
};
use pinlatch_protocol::name::UserName;
use pinlatch_protocol::panel::ToPanel;
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_protocol::scope::{Role, ScopeSet, SiteRight};

use crate::accounts::authority::administers;
use crate::accounts::giver::{Giver, GiverColumns, MAX_ANCESTORS};
use crate::accounts::shares::{Share, TokenShare};
use crate::audit::CommandDetails;
use crate::database::rows::{Columns as _, columns};
use crate::database::store::StoreError;
use crate::interface::event::{Effect, PanelFilter};
use crate::interface::failure::Failure;
use crate::interface::principal::Principal;
use crate::site::Site;

/// The maximum number of tokens per site that are neither expired nor revoked.
const MAX_TOKENS: i64 = 10_000;

/// The maximum number of stored revocations of tokens that the site did not issue, per giver of the revocations.
const MAX_REVOKED: i64 = 1_000;

/// The longest time until the expiry of a revoked token that the site did not issue, in seconds: ten years.
const MAX_FOREIGN_LIFE: u64 = 10 * 366 * 86_400;

/// The maximum length of the `jti` of a revoked token, in bytes.
const MAX_JTI: usize = 256;

/// How long a token stays in the list of tokens after its expiry, in milliseconds.
pub(crate) const KEEP_TOKENS_MS: u64 = 7 * 24 * 3_600_000;

/// The shortest time between two writes of the time of a token's last command, in milliseconds.
const USED_EVERY_MS: u64 = 60_000;

/// A row of the table `tokens`.
struct IssuedToken {
    jti: String,
    kind: TokenKind,
    name: String,
    creator: String,
    person: Option<UserName>,
    parent: Option<String>,
    issuer: Option<String>,
    scope: ScopeSet,
    nbf: u64,
    exp: u64,
    max_uses: Option<u64>,
    max_in_flight: Option<u32>,
    max_per_minute: Option<u32>,
    max_sockets: Option<u32>,
    uses: u64,
    created_ms: u64,
    ended_ms: Option<u64>,
    /// The time of the last command, at most a minute too early.
    last_used_ms: Option<u64>,
}

columns!(IssuedToken {
    jti,
    kind,
    name,
    creator,
    person,
    parent,
    issuer,
    scope,
    nbf,
    exp,
    max_uses,
    max_in_flight,
    max_per_minute,
    max_sockets,
    uses,
    created_ms,
    ended_ms,
    last_used_ms,
});

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Returns the problem for a token without a use left.
fn used_up(most: u64) -> Problem {
    let uses = if most == 1 { "use" } else { "uses" };
    Problem::new(Code::UsedUp).detail(format!("it was good for {most} {uses}"))
}

impl IssuedToken {
    fn giver(&self) -> Option<Giver> {
        let Self { person, parent, issuer, .. } = self;
        GiverColumns { person: person.clone(), parent: parent.clone(), issuer: issuer.clone() }.giver()
    }

    fn share(&self) -> Share {
        let Self { max_in_flight, max_per_minute, max_sockets, .. } = *self;
        let own = TokenShare { in_flight: max_in_flight, per_minute: max_per_minute, sockets: max_sockets };
        Share::of_token(self.kind, own)
    }

    fn uses_left(&self) -> Option<u32> {
        self.max_uses.map(|most| small(most.saturating_sub(self.uses)))
    }

    fn view(&self) -> TokenView {
        TokenView {
            jti: self.jti.clone(),
            kind: self.kind,
            name: self.name.clone(),
            creator: self.creator.clone(),
            scope: self.scope.clone(),
            not_before: self.nbf,
            expires_at: self.exp,
            max_uses: self.max_uses.map(small),
            max_in_flight: self.max_in_flight,
            max_per_minute: self.max_per_minute,
            max_sockets: self.max_sockets,
            uses: small(self.uses),
            created_ms: self.created_ms,
            last_used_ms: self.last_used_ms,
            revoked_ms: self.ended_ms,
        }
    }
}

impl Site<'_> {
    fn issued(&self, jti: &str) -> Result<Option<IssuedToken>, StoreError> {
        let sql = format!("SELECT {} FROM tokens WHERE jti = ?1", IssuedToken::LIST);
        self.row(&sql, &[jti.into()])?.as_ref().map(IssuedToken::read).transpose()
    }

    pub(crate) fn giver_of_token(&self, jti: &str) -> Result<Option<Giver>, StoreError> {
        Ok(self.issued(jti)?.and_then(|token| token.giver()))
    }

    pub(crate) fn issued_kind(&self, jti: &str) -> Result<Option<TokenKind>, StoreError> {
        Ok(self.issued(jti)?.map(|token| token.kind))
    }

    /// Returns the number of commands that can still be sent with the caller's token, if the number is limited.
    pub(crate) fn uses_left(&self, principal: &Principal) -> Result<Option<u32>, StoreError> {
        if !principal.issued {
            return Ok(None);
        }
        Ok(self.issued(&principal.jti)?.and_then(|token| token.uses_left()))
    }

    pub(crate) fn issued_name(&self, jti: &str) -> Result<Option<(TokenKind, String)>, StoreError> {
        Ok(self.issued(jti)?.map(|token| (token.kind, token.name)))
    }

    pub(crate) fn issued_share(&self, jti: &str) -> Result<Option<Share>, StoreError> {
        Ok(self.issued(jti)?.map(|token| token.share()))
    }

    /// Returns the current permissions of an issued token. The token's scopes are limited to the current permissions of
    /// every token in its chain of givers, and of the person or the external issuer at the start of the chain.
    pub(crate) fn issued_scope(&self, jti: &str) -> Result<ScopeSet, Failure> {
        let dead = |why: &str| Failure::from(Problem::new(Code::InvalidToken).detail(why));
        let mut next = jti.to_owned();
        let mut scope: Option<ScopeSet> = None;
        for _ in 0..MAX_ANCESTORS {
            let token = self.issued(&next)?.ok_or_else(|| dead("this site did not issue the token"))?;
            if token.ended_ms.is_some() {
                return Err(dead("the token, or a token that was used to create it, was revoked"));
            }
            if token.nbf.saturating_mul(1000) > self.now_ms {
                return Err(dead("the token is not valid yet"));
            }
            if token.exp.saturating_mul(1000) <= self.now_ms {
                return Err(dead("the token, or a token that was used to create it, has expired"));
            }
            let own = scope.map_or_else(|| token.scope.clone(), |scope| scope.within(&token.scope));
            match token.giver() {
                Some(Giver::Token(jti)) => {
                    scope = Some(own);
                    next = jti;
                }
                Some(giver) => {
                    let rights = self.rights_of(&giver)?;
                    let gone = "the creator of the token or link was removed or has no rights any more";
                    return Ok(own.within(&rights.ok_or_else(|| dead(gone))?.scope));
                }
                None => return Err(dead("the site does not know who created the token")),
            }
        }
        Err(dead("the chain of tokens, in which each token created the next, is too long"))
    }

    /// Issues a token. The caller must have all scopes of the new token. If the caller is a logged-in person, the
    /// person's current rights limit the new token for its whole lifetime. If the caller is not a logged-in person, the
    /// new token must not expire later than the caller's token.
    pub(crate) fn issue(
        &mut self,
        principal: &Principal,
        request: &IssueRequest,
        jti: &str,
    ) -> Result<TokenView, Failure> {
        self.require_site(principal, SiteRight::Tokens, "mint", "tokens")?;
        let now = self.now_ms / 1000;
        let nbf = request.not_before.unwrap_or(now).max(now);
        let wrong = |text: &str| Failure::from(Problem::new(Code::InvalidRequest).detail(text));
        let name = request.name.trim();
        if !(1..=MAX_TOKEN_NAME).contains(&name.chars().count()) || name.chars().any(char::is_control) {
            return Err(wrong("`name` must have 1 to 64 characters and no control characters"));
        }
        if nbf - now > MAX_TOKEN_LIFE {
            return Err(wrong("`not_before` must be at most 366 days in the future"));
        }
        if request.expires_at <= nbf || request.expires_at - nbf > MAX_TOKEN_LIFE {
            return Err(wrong(
                "`expires_at` must be after the start of validity, but at most 366 days later",
            ));
        }
        if request.max_uses.is_some_and(|uses| !(1..=MAX_USES).contains(&uses)) {
            return Err(wrong("`max_uses` must be from 1 to 1000000"));
        }
        if request.scope.is_empty() {
            return Err(wrong("`scope` must contain at least one scope"));
        }
        self.require_cover(principal, &request.scope, "mint", "tokens")?;
        if request.scope.to_string().len() > MAX_API_SCOPE {
            return Err(wrong("the `scope` of a token has too many characters; use `*` or fewer lines"));
        }
        if request.kind == TokenKind::Guest && request.scope.to_string().len() > MAX_GUEST_SCOPE {
            return Err(wrong(
                "the `scope` of a guest link has too many characters for a cookie; use `*` or fewer lines",
            ));
        }
        if request.kind == TokenKind::Guest && administers(&request.scope) {
            return Err(wrong(
                "the `scope` of a guest link can contain only line scopes (line:DEVICE/LINE:VERB)",
            ));
        }
        if administers(&request.scope) && request.expires_at - now > MAX_UNPROVEN_LIFE {
            self.require_proof(principal)?;
        }
        // A token that a person issues during a login belongs to the person and stays valid after the login. Without a
        // login, the caller's token is the parent of the new token.
        let giver = Giver::of(principal)?;
        let parent = principal.family.is_none().then_some(principal.jti.as_str());
        if parent.is_some() && request.expires_at > principal.exp {
            return Err(wrong(
                "`expires_at` must not be later than the expiry of the token that you use now",
            ));
        }
        let count =
            self.row("SELECT count(*) FROM tokens WHERE ended_ms IS NULL AND exp > ?1", &[now.into()])?;
        if count.map_or(Ok(0), |row| row.int(0))? >= MAX_TOKENS {
            return Err(wrong("the site has the maximum of 10000 tokens; revoke some tokens first"));
        }
        if let Some(parent) = parent {
            self.require_short_line(parent)?;
            if self.issued(parent)?.is_some_and(|token| token.max_uses.is_some()) {
                let why =
                    "a token with `max_uses` cannot issue tokens, because uses of new tokens are not counted";
                return Err(self.beyond(principal, "mint", "tokens", why));
            }
        }
        let share = TokenShare::requested(request, &self.share_of(principal)?)?;
        let creator = principal.actor();
        let [giver_person, giver_token, giver_issuer] = giver.values();
        self.run(
            "INSERT INTO tokens (jti, kind, name, creator, person, parent, issuer, scope, nbf, exp, max_uses,
             created_ms, max_in_flight, max_per_minute, max_sockets)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
            &[
                jti.into(),
                request.kind.as_str().into(),
                name.into(),
                creator.as_str().into(),
                giver_person,
                giver_token,
                giver_issuer,
                request.scope.to_string().into(),
                nbf.into(),
                request.expires_at.into(),
                request.max_uses.into(),
                self.now_ms.into(),
                share.in_flight.into(),
                share.per_minute.into(),
                share.sockets.into(),
            ],
        )?;
        self.audit_by(principal, "mint", jti, request.kind.as_str())?;
        let issued = self.issued(jti)?.ok_or(StoreError::Shape { column: 0, wanted: "the new token" })?;
        Ok(issued.view())
    }

    /// Checks that the chain of issuers of a new token does not exceed the maximum length.
    fn require_short_line(&self, jti: &str) -> Result<(), Failure> {
        let mut next = Some(jti.to_owned());
        for _ in 0..MAX_ANCESTORS - 1 {
            let Some(jti) = next.take() else { return Ok(()) };
            next = self.issued(&jti)?.and_then(|token| token.parent);
        }
        if next.is_none() {
            return Ok(());
        }
        Err(Problem::new(Code::InvalidRequest)
            .detail(
                "the chain of tokens, in which each token created the next, is too long; use another token",
            )
            .into())
    }

    pub(crate) fn issued_tokens(&self, principal: &Principal) -> Result<Vec<TokenView>, Failure> {
        self.require_site(principal, SiteRight::Tokens, "tokens", "tokens")?;
        let sql = format!("SELECT {} FROM tokens ORDER BY created_ms DESC, jti", IssuedToken::LIST);
        let rows = self.run(&sql, &[])?;
        let views = rows.iter().map(|row| Ok(IssuedToken::read(row)?.view()));
        Ok(views.collect::<Result<_, StoreError>>()?)
    }

    /// Revokes a token. If the site issued the token, all tokens that were issued with this token also become invalid.
    /// If the site did not issue the token, the caller must pass the expiry of the token in `exp`. The caller must have
    /// all scopes that the token can have.
    pub(crate) fn revoke(
        &mut self,
        principal: &Principal,
        jti: &str,
        exp: Option<u64>,
    ) -> Result<(), Failure> {
        self.require_site(principal, SiteRight::Tokens, "revoke", jti)?;
        match (self.issued(jti)?, exp) {
            (Some(token), _) => {
                self.require_cover(principal, &token.scope, "revoke", jti)?;
                self.end_token(jti)?;
            }
            (None, Some(exp)) => {
                self.require_cover(principal, &self.most_scope(jti), "revoke", jti)?;
                self.forbid(principal, jti, exp)?;
            }
            (None, None) => return Err(Code::UnknownToken.into()),
        }
        self.audit_by(principal, "revoke", jti, "done")?;
        self.close_panels(PanelFilter::Token(jti.into()));
        // The WebSockets of panels whose tokens were issued with this token must also be closed.
        self.effects.push(Effect::Review);
        Ok(())
    }

    pub(crate) fn end_token(&self, jti: &str) -> Result<(), StoreError> {
        let sql = "UPDATE tokens SET ended_ms = ?2 WHERE jti = ?1 AND ended_ms IS NULL";
        self.run(sql, &[jti.into(), self.now_ms.into()])?;
        Ok(())
    }

    /// Returns the scopes that a token can have at most, if the site did not issue the token. The token of a login can
    /// have all scopes.
    fn most_scope(&self, jti: &str) -> ScopeSet {
        let issuer = jti.split_once(':').and_then(|(name, _)| self.config.issuers.get(name));
        issuer.cloned().unwrap_or_else(|| Role::Owner.scopes())
    }

    /// Refuses a `jti` until `exp`, the expiry of the token in seconds of Unix time. If the `jti` is already refused,
    /// the later of the two times applies. A later call therefore cannot shorten a revocation. The number of
    /// revocations per giver and their time are limited, because a caller can invent tokens.
    pub(crate) fn forbid(&self, principal: &Principal, jti: &str, exp: u64) -> Result<(), Failure> {
        let wrong = |text: &str| Failure::from(Problem::new(Code::InvalidRequest).detail(text));
        if !(1..=MAX_JTI).contains(&jti.len()) {
            return Err(wrong("a token's id must have 1 to 256 bytes"));
        }
        if exp.saturating_sub(self.now_ms / 1000) > MAX_FOREIGN_LIFE {
            return Err(wrong("`expires_at` must be at most ten years in the future"));
        }
        let root = self.root_of(&Giver::of(principal)?)?;
        let count = self.row("SELECT count(*) FROM revoked WHERE giver = ?1", &[root.as_str().into()])?;
        if count.map_or(Ok(0), |row| row.int(0))? >= MAX_REVOKED {
            return Err(wrong(
                "you have revoked 1000 tokens of others that have not expired yet; change the issuer's key instead",
            ));
        }
        let until = exp.saturating_add(self.config.leeway_s).saturating_mul(1000);
        self.run(
            "INSERT INTO revoked (jti, until_ms, giver) VALUES (?1, ?2, ?3)
             ON CONFLICT (jti) DO UPDATE SET until_ms = max(until_ms, excluded.until_ms)",
            &[jti.into(), until.into(), root.into()],
        )?;
        Ok(())
    }

    /// Checks that a guest link can be exchanged for a cookie now. A refusal can contain the reason, because the Worker
    /// has verified the signature of the guest link.
    pub(crate) fn exchange_guest(&self, jti: &str) -> Result<TokenView, Failure> {
        let no = |why: String| Failure::from(Problem::new(Code::LinkNotValid).detail(why));
        let token = self.issued(jti)?.filter(|token| token.kind == TokenKind::Guest);
        let token = token.ok_or_else(|| no("the guest link does not exist".into()))?;
        if token.ended_ms.is_some() {
            return Err(no("the link was revoked".into()));
        }
        if token.nbf.saturating_mul(1000) > self.now_ms {
            return Err(no(format!("the link is valid from {} on", token.nbf)));
        }
        if token.exp.saturating_mul(1000) <= self.now_ms {
            return Err(no("the link has expired".into()));
        }
        if let Some(most) = token.max_uses.filter(|most| token.uses >= *most) {
            return Err(used_up(most).into());
        }
        match self.issued_scope(jti) {
            Ok(_) => Ok(token.view()),
            Err(Failure::Problem(problem)) => Err(no(problem.detail.unwrap_or_default())),
            Err(fault) => Err(fault),
        }
    }

    /// Records a command of the caller's token, and counts it as a use if the token has a maximum number of uses. The
    /// open panels with the token then learn how many uses are left. The time of the last command is written at most
    /// once per [`USED_EVERY_MS`].
    pub(crate) fn use_token(
        &mut self,
        principal: &Principal,
        target: &str,
        details: CommandDetails<'_>,
    ) -> Result<(), Failure> {
        if !principal.issued {
            return Ok(());
        }
        let Some(token) = self.issued(&principal.jti)? else { return Ok(()) };
        let left = token.uses_left();
        if let (Some(0), Some(most)) = (left, token.max_uses) {
            let details = CommandDetails { max_uses: Some(most), ..details };
            self.audit_refused_command(principal, target, Code::UsedUp, details)?;
            return Err(used_up(most).into());
        }
        let is_recent = |at_ms: u64| self.now_ms.saturating_sub(at_ms) < USED_EVERY_MS;
        if left.is_none() && token.last_used_ms.is_some_and(is_recent) {
            return Ok(());
        }
        self.run(
            "UPDATE tokens SET uses = uses + ?2, last_used_ms = ?3 WHERE jti = ?1",
            &[principal.jti.as_str().into(), left.is_some().into(), self.now_ms.into()],
        )?;
        if let Some(left) = left {
            let whose = PanelFilter::Token(principal.jti.clone());
            self.effects.push(Effect::ToPanels { whose, message: ToPanel::Uses { left: left - 1 } });
        }
        Ok(())
    }
}
