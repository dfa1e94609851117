//! Creates people and tokens for the administration tests.

use pinlatch_protocol::admin::{IssueRequest, RightsRequest, TokenKind, TokenView};
use pinlatch_protocol::scope::Role;

use super::*;

pub(super) const HOUR_S: u64 = 3_600;
pub(super) const DAY_S: u64 = 24 * HOUR_S;

pub(super) fn role(role: Role) -> RightsRequest {
    RightsRequest { role: Some(role), scope: None }
}

pub(super) fn scope(text: &str) -> RightsRequest {
    RightsRequest { role: None, scope: Some(text.parse().unwrap()) }
}

pub(super) fn api(scope: &str) -> IssueRequest {
    IssueRequest {
        max_in_flight: None,
        max_per_minute: None,
        max_sockets: None,
        kind: TokenKind::Api,
        name: "a script".into(),
        scope: scope.parse().unwrap(),
        not_before: None,
        expires_at: START_MS / 1000 + 30 * DAY_S,
        max_uses: None,
    }
}

pub(super) fn guest(scope: &str) -> IssueRequest {
    IssueRequest { kind: TokenKind::Guest, name: "a guest".into(), ..api(scope) }
}

/// Returns the principal that the edge creates from a verified token that this site issued.
pub(super) fn issued(token: &TokenView, generation: u64) -> Principal {
    Principal {
        iss: "https://edge.test".into(),
        sub: format!("token:{}", token.jti),
        issued: true,
        jti: token.jti.clone(),
        issuer: None,
        scope: Some(token.scope.clone()),
        iat: token.created_ms / 1000,
        exp: token.expires_at,
        generation,
        ..program("")
    }
}

impl TestSite {
    pub(super) fn now_s(&self) -> u64 {
        self.now_ms.get() / 1000
    }

    pub(super) fn invite(
        &self,
        by: &Principal,
        who: &str,
        rights: RightsRequest,
        code: &str,
    ) -> Result<(), String> {
        let expires_at = self.now_s() + 7 * DAY_S;
        let (principal, username, code_id) = (by.clone(), user(who), code.into());
        self.done(Call::Invite { principal, username, rights, code_id, expires_at })
    }

    pub(super) fn accept(&self, code: &str) -> Result<UserName, String> {
        match self.call(Call::AcceptInvitation { code_id: code.into(), password_id: PASSWORD_ID.into() }).0 {
            Ok(Answer::Now(Reply::Accepted { username })) => Ok(username),
            other => Err(other.expect_err("an answer").code),
        }
    }

    /// Returns a login that starts now. The id of its first refresh token is `<family>-r0`.
    pub(super) fn new_login(&self, family: &str) -> NewLogin {
        NewLogin {
            family: family.into(),
            refresh_jti: format!("{family}-r0"),
            expires_at: self.now_s() + 30 * DAY_S,
            auth_time: self.now_s(),
            client: None,
            renews: None,
        }
    }

    /// Logs a person in. `family` is the id of the new login.
    pub(super) fn log_in(&self, who: &str, family: &str) -> Principal {
        let call = Call::Login {
            username: user(who),
            password_ids: vec![PASSWORD_ID.into()],
            new: self.new_login(family),
        };
        let Ok(Answer::Now(Reply::LoggedIn(login))) = self.call(call).0 else { panic!("{who}") };
        Principal {
            sub: who.into(),
            person: Some(user(who)),
            jti: format!("{family}-at"),
            family: Some(family.into()),
            generation: login.generation,
            ..refreshed(&owner(), self.now_ms.get())
        }
    }

    /// Adds a person to the site, and logs the person in. The id of the new login is `<name>-f`.
    pub(super) fn join(&self, who: &str, rights: RightsRequest) -> Principal {
        let code = format!("{who}-comes-{}", self.now_ms.get());
        self.invite(&owner(), who, rights, &code).unwrap();
        assert_eq!(self.accept(&code), Ok(user(who)));
        self.log_in(who, &format!("{who}-f"))
    }

    pub(super) fn change(&self, by: &Principal, who: &str, rights: RightsRequest) -> Result<(), String> {
        self.done(Call::ChangePerson { principal: by.clone(), username: user(who), rights })
    }

    pub(super) fn remove(&self, by: &Principal, who: &str) -> Result<(), String> {
        self.done(Call::RemovePerson { principal: by.clone(), username: user(who) })
    }

    pub(super) fn issue(
        &self,
        by: &Principal,
        request: IssueRequest,
        jti: &str,
    ) -> Result<Principal, String> {
        match self.call(Call::Issue { principal: by.clone(), request, jti: jti.into() }).0 {
            Ok(Answer::Now(Reply::Issued { token, generation })) => Ok(issued(&token, generation)),
            other => Err(other.expect_err("an answer").code),
        }
    }

    pub(super) fn revoke(&self, by: &Principal, jti: &str, exp: Option<u64>) -> Result<(), String> {
        self.done(Call::Revoke { principal: by.clone(), jti: jti.into(), exp })
    }

    pub(super) fn exchange(&self, jti: &str) -> Result<TokenView, String> {
        match self.call(Call::ExchangeGuest { jti: jti.into() }).0 {
            Ok(Answer::Now(Reply::Token(token))) => Ok(token),
            other => Err(other.expect_err("an answer").code),
        }
    }

    pub(super) fn tokens(&self, by: &Principal) -> Vec<TokenView> {
        match self.call(Call::Tokens { principal: by.clone() }).0 {
            Ok(Answer::Now(Reply::Tokens(tokens))) => tokens,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn token(&self, jti: &str) -> TokenView {
        self.tokens(&owner()).into_iter().find(|token| token.jti == jti).expect("a listed token")
    }

    /// Returns the current permissions of a token. HTTP requests and WebSockets must have the same permissions.
    pub(super) fn may(&self, principal: &Principal) -> Result<String, String> {
        let principal = &refreshed(principal, self.now_ms.get());
        let by_socket = self.with(|site| site.socket_authority(principal)).0.map_err(|problem| problem.code);
        match self.call(Call::Whoami { principal: principal.clone() }).0 {
            Ok(Answer::Now(Reply::Whoami(whoami))) => {
                assert_eq!(by_socket, Ok(()));
                Ok(whoami.scope.to_string())
            }
            other => {
                let code = other.expect_err("an answer").code;
                assert_eq!(by_socket, Err(code.clone()), "a socket has the same permissions as a request");
                Err(code)
            }
        }
    }

    /// Sends a command over HTTP. Returns the effects, or the problem code if the command is refused.
    pub(super) fn commands(
        &self,
        principal: &Principal,
        request: CommandRequest,
    ) -> Result<Vec<Effect>, String> {
        let (answer, effects) = self.call(Call::Command { principal: principal.clone(), request });
        answer.map(|_| effects).map_err(|problem| problem.code)
    }

    pub(super) fn done(&self, call: Call) -> Result<(), String> {
        match self.call(call).0 {
            Ok(Answer::Now(Reply::Done | Reply::Expiry(_))) => Ok(()),
            Ok(other) => panic!("{other:?}"),
            Err(problem) => Err(problem.code),
        }
    }
}

/// Returns the filters that select the panels to close. Also returns whether the tokens of all other panels are
/// checked.
pub(super) fn ended(effects: &[Effect]) -> (Vec<PanelFilter>, bool) {
    let whose = |effect: &Effect| match effect {
        Effect::ClosePanels { whose, code: pinlatch_protocol::close::SESSION_ENDED, .. } => {
            Some(whose.clone())
        }
        _ => None,
    };
    (effects.iter().filter_map(whose).collect(), effects.contains(&Effect::Review))
}
