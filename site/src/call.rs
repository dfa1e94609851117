//! What the Worker asks a site, and what it is answered: both cross as JSON.

use pinlatch_protocol::admin::{
    AdmitRequest, AuditFilter, AuditPage, MintRequest, Person, RightsRequest, TokenView,
};
use pinlatch_protocol::api::Whoami;
use pinlatch_protocol::command::{CommandRequest, CommandResult};
use pinlatch_protocol::name::{Name, UserName};
use pinlatch_protocol::panel::{DeviceView, LineView};
use pinlatch_protocol::problem::Problem;
use pinlatch_protocol::scope::{Role, ScopeSet};
use serde::{Deserialize, Serialize};

use crate::Site;
use crate::command::Standing;
use crate::failure::Failure;
use crate::principal::Principal;

/// A question. Everything in it was verified by the Worker; times named `…_at` and `…_exp` are seconds of
/// Unix time, as in a token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the variants say what their fields are")]
pub enum Call {
    /// Who the caller is and what they may do now.
    Whoami { principal: Principal },
    /// The devices of which the caller may see something.
    Devices { principal: Principal },
    /// One device.
    Device { principal: Principal, device: Name },
    /// One line.
    Line { principal: Principal, device: Name, line: Name },
    /// Runs one action. The only call whose answer may have to be waited for.
    Command { principal: Principal, request: CommandRequest },
    /// What became of the caller's command.
    CommandStatus { principal: Principal, id: String },
    /// Makes a one-time enrolment code valid.
    CreateEnrolment { principal: Principal, device: Name, code_id: String, expires_at: u64 },
    /// Uses one: the device now has this key and this certificate.
    Enrol { code_id: String, jwk_thumbprint: String, cert_jti: String, cert_exp: u64 },
    /// Removes a device.
    RemoveDevice { principal: Principal, device: Name },
    /// Whether the site still waits for its owner; asked before a password is hashed.
    SetupAllowed { code_id: String },
    /// Makes the owner.
    Setup { code_id: String, username: UserName },
    /// A password was right: begins a refresh family.
    Login { username: UserName, family: String, refresh_jti: String, expires_at: u64 },
    /// A refresh token was decrypted: rotates its family.
    Refresh { family: String, jti: String, next_jti: String, expires_at: u64 },
    /// Ends the token and its family.
    Logout { principal: Principal },
    /// Ends a family whose access token has expired.
    LogoutFamily { family: String },
    /// Invites a person, or lets one who is there choose a new password.
    Invite {
        principal: Principal,
        username: UserName,
        rights: RightsRequest,
        code_id: String,
        expires_at: u64,
    },
    /// Whom an invitation is for; asked before a password is hashed.
    Invited { code_id: String },
    /// Uses an invitation.
    AcceptInvitation { code_id: String },
    /// Lets a person log in with a provider.
    Admit { principal: Principal, username: UserName, request: AdmitRequest },
    /// Takes all of a person's identities at providers away.
    ForgetIdentities { principal: Principal, username: UserName },
    /// Somebody logged in at a provider, and their address, where it is verified.
    FederatedLogin {
        issuer: String,
        subject: String,
        email: Option<String>,
        family: String,
        refresh_jti: String,
        expires_at: u64,
    },
    /// The people of the site.
    People { principal: Principal },
    /// Changes what a person may do.
    ChangePerson { principal: Principal, username: UserName, rights: RightsRequest },
    /// Removes a person.
    RemovePerson { principal: Principal, username: UserName },
    /// Ends every login of a person.
    EndSessions { principal: Principal, username: UserName },
    /// The caller's password was changed: their other logins end.
    PasswordChanged { principal: Principal },
    /// Mints an API token or guest link.
    Mint { principal: Principal, request: MintRequest, jti: String },
    /// What was minted.
    Tokens { principal: Principal },
    /// Revokes a minted token, or any other whose expiry is given.
    Revoke { principal: Principal, jti: String, exp: Option<u64> },
    /// Whether a guest link can be exchanged now.
    ExchangeGuest { jti: String },
    /// Kills every token of the site that was issued so far.
    RaiseGeneration { principal: Principal },
    /// One page of the audit log, newest first.
    Audit { principal: Principal, filter: AuditFilter, limit: u32 },
    /// How long the audit log is kept.
    Retain { principal: Principal, days: u32 },
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the variants say what their fields are")]
pub enum Reply {
    /// To [`Call::Whoami`].
    Whoami(Whoami),
    /// To [`Call::Devices`].
    Devices(Vec<DeviceView>),
    /// To [`Call::Device`].
    Device(DeviceView),
    /// To [`Call::Line`].
    Line(LineView),
    /// To [`Call::Command`], executed, and to [`Call::CommandStatus`], in any status.
    Command(CommandResult),
    /// To [`Call::CreateEnrolment`].
    Enrolment,
    /// To [`Call::Enrol`].
    Enrolled { device: Name },
    /// To [`Call::Setup`] and [`Call::Login`]: what the access token is made of.
    Person { username: UserName, role: Option<Role>, scope: ScopeSet, generation: u64 },
    /// To [`Call::Refresh`]: the same, and the id and expiry of the refresh token that is current now.
    Refreshed {
        username: UserName,
        role: Option<Role>,
        scope: ScopeSet,
        generation: u64,
        jti: String,
        expires_at: u64,
    },
    /// To [`Call::Invited`] and [`Call::AcceptInvitation`].
    Invited { username: UserName },
    /// To [`Call::People`].
    People(Vec<Person>),
    /// To [`Call::Mint`]: what it says, and the generation that it is signed with.
    Minted { token: TokenView, generation: u64 },
    /// To [`Call::ExchangeGuest`].
    Token(TokenView),
    /// To [`Call::Tokens`].
    Tokens(Vec<TokenView>),
    /// To [`Call::RaiseGeneration`].
    Generation(u64),
    /// To [`Call::Audit`].
    Audit(AuditPage),
    /// To the calls that have nothing to tell.
    Done,
}

/// How a call ends, as it crosses back to the Worker.
pub type CallResult = Result<Reply, Problem>;

/// An answer, or where it will come.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The answer.
    Now(Reply),
    /// It comes as [`crate::Effect::Answer`] with this ticket, on which any number of calls may wait.
    Pending {
        /// The ticket.
        ticket: i64,
    },
}

impl Site<'_> {
    pub(crate) fn dispatch(&mut self, call: Call) -> Result<Answer, Failure> {
        let reply = match call {
            Call::Whoami { principal } => Reply::Whoami(self.whoami(&principal)?),
            Call::Devices { principal } => Reply::Devices(self.devices_for(&principal)?),
            Call::Device { principal, device } => Reply::Device(self.device_for(&principal, &device)?),
            Call::Line { principal, device, line } => Reply::Line(self.line_for(&principal, &device, &line)?),
            Call::Command { principal, request } => match self.command(&principal, &request, None)? {
                Standing::InFlight { ticket } => return Ok(Answer::Pending { ticket }),
                Standing::Ended(command) => Reply::Command(command.answer()?),
            },
            Call::CommandStatus { principal, id } => Reply::Command(self.command_status(&principal, &id)?),
            Call::CreateEnrolment { principal, device, code_id, expires_at } => {
                self.create_enrolment(&principal, &device, &code_id, expires_at)?;
                Reply::Enrolment
            }
            Call::Enrol { code_id, jwk_thumbprint, cert_jti, cert_exp } => {
                Reply::Enrolled { device: self.enrol(&code_id, &jwk_thumbprint, &cert_jti, cert_exp)? }
            }
            Call::RemoveDevice { principal, device } => self.remove_device(&principal, &device).map(done)?,
            Call::SetupAllowed { code_id } => self.setup_allowed(&code_id).map(done)?,
            Call::Setup { code_id, username } => self.setup(&code_id, username)?,
            Call::Login { username, family, refresh_jti, expires_at } => {
                self.password_login(username, &family, &refresh_jti, expires_at)?
            }
            Call::Refresh { family, jti, next_jti, expires_at } => {
                self.refresh(&family, &jti, next_jti, expires_at)?
            }
            Call::Logout { principal } => self.logout(&principal).map(done)?,
            Call::LogoutFamily { family } => self.logout_family(&family).map(done)?,
            Call::RaiseGeneration { principal } => Reply::Generation(self.raise_generation(&principal)?),
            Call::Invite { principal, username, rights, code_id, expires_at } => {
                self.invite(&principal, &username, &rights, &code_id, expires_at).map(done)?
            }
            Call::Invited { code_id } => Reply::Invited { username: self.invited(&code_id)? },
            Call::AcceptInvitation { code_id } => {
                Reply::Invited { username: self.accept_invitation(&code_id)? }
            }
            Call::Admit { principal, username, request } => {
                self.admit(&principal, &username, &request).map(done)?
            }
            Call::ForgetIdentities { principal, username } => {
                self.forget_identities(&principal, &username).map(done)?
            }
            Call::FederatedLogin { issuer, subject, email, family, refresh_jti, expires_at } => {
                self.federated_login(&issuer, &subject, email.as_deref(), &family, &refresh_jti, expires_at)?
            }
            Call::People { principal } => Reply::People(self.people(&principal)?),
            Call::ChangePerson { principal, username, rights } => {
                self.change_person(&principal, &username, &rights).map(done)?
            }
            Call::RemovePerson { principal, username } => {
                self.remove_person(&principal, &username).map(done)?
            }
            Call::EndSessions { principal, username } => {
                self.end_sessions(&principal, &username).map(done)?
            }
            Call::PasswordChanged { principal } => self.password_changed(&principal).map(done)?,
            Call::Mint { principal, request, jti } => {
                let token = self.mint(&principal, &request, &jti)?;
                Reply::Minted { token, generation: self.generation }
            }
            Call::Tokens { principal } => Reply::Tokens(self.minted_tokens(&principal)?),
            Call::Revoke { principal, jti, exp } => self.revoke(&principal, &jti, exp).map(done)?,
            Call::ExchangeGuest { jti } => Reply::Token(self.exchange_guest(&jti)?),
            Call::Audit { principal, filter, limit } => {
                Reply::Audit(self.read_audit(&principal, &filter, limit)?)
            }
            Call::Retain { principal, days } => self.retain(&principal, days).map(done)?,
        };
        Ok(Answer::Now(reply))
    }
}

fn done((): ()) -> Reply {
    Reply::Done
}
