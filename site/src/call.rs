//! Calls from the Worker to a site, and the replies. Calls and replies are sent as JSON.

use pinlatch_protocol::admin::{
    AdmitRequest, AuditFilter, AuditPage, IssueRequest, Person, RightsRequest, TokenView,
};
use pinlatch_protocol::api::Whoami;
use pinlatch_protocol::command::{CommandRequest, CommandResult};
use pinlatch_protocol::name::{Name, UserName};
use pinlatch_protocol::panel::{DeviceView, LineView};
use pinlatch_protocol::problem::Problem;
use pinlatch_protocol::scope::{Role, ScopeSet};
use serde::{Deserialize, Serialize};

use crate::Site;
use crate::command::CommandProgress;
use crate::failure::Failure;
use crate::principal::Principal;

/// A call. The Worker has verified all fields. Times named `…_at` and `…_exp` are in seconds of Unix time, as in a
/// token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the variants say what their fields are")]
pub enum Call {
    /// The caller's identity and current permissions.
    Whoami { principal: Principal },
    /// The devices that have at least one line that the caller can see.
    Devices { principal: Principal },
    /// One device.
    Device { principal: Principal, device: Name },
    /// One line.
    Line { principal: Principal, device: Name, line: Name },
    /// Runs one action. This is the only call whose answer can come later.
    Command { principal: Principal, request: CommandRequest },
    /// The status of a command that the caller sent.
    CommandStatus { principal: Principal, id: String },
    /// Registers a one-time enrolment code.
    CreateEnrolment { principal: Principal, device: Name, code_id: String, expires_at: u64 },
    /// Uses an enrolment code: the site stores this key and this certificate for the device.
    Enrol { code_id: String, jwk_thumbprint: String, cert_jti: String, cert_exp: u64 },
    /// Removes a device.
    RemoveDevice { principal: Principal, device: Name },
    /// Checks that the site has no owner and the setup code is valid. The Worker asks before it hashes a password.
    SetupAllowed { code_id: String },
    /// Creates the owner.
    Setup { code_id: String, username: UserName },
    /// Starts a login after a correct password. `family` identifies the login and its chain of refresh tokens.
    Login { username: UserName, family: String, refresh_jti: String, expires_at: u64 },
    /// Replaces the refresh token of a login. The Worker has decrypted the token.
    Refresh { family: String, jti: String, next_jti: String, expires_at: u64 },
    /// Ends the token and the login that it belongs to.
    Logout { principal: Principal },
    /// Ends a login whose access token has expired.
    LogoutFamily { family: String },
    /// Invites a person, or lets an existing person choose a new password.
    Invite {
        principal: Principal,
        username: UserName,
        rights: RightsRequest,
        code_id: String,
        expires_at: u64,
    },
    /// The person that an invitation is for. The Worker asks before it hashes a password.
    Invited { code_id: String },
    /// Uses an invitation.
    AcceptInvitation { code_id: String },
    /// Lets a person log in with a provider.
    Admit { principal: Principal, username: UserName, request: AdmitRequest },
    /// Removes all of a person's identities at providers.
    ForgetIdentities { principal: Principal, username: UserName },
    /// A login with a provider. `email` is the person's email address, if the provider has verified the address.
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
    /// Changes a person's rights.
    ChangePerson { principal: Principal, username: UserName, rights: RightsRequest },
    /// Removes a person.
    RemovePerson { principal: Principal, username: UserName },
    /// Ends every login of a person.
    EndSessions { principal: Principal, username: UserName },
    /// The caller's password was changed. The site ends the other logins of this person.
    PasswordChanged { principal: Principal },
    /// Issues an API token or guest link.
    Issue { principal: Principal, request: IssueRequest, jti: String },
    /// The issued API tokens and guest links.
    Tokens { principal: Principal },
    /// Revokes a token that the site issued, or any other token if its expiry is given.
    Revoke { principal: Principal, jti: String, exp: Option<u64> },
    /// Checks that a guest link can be exchanged for a cookie now.
    ExchangeGuest { jti: String },
    /// Invalidates every token that was signed for this site until now.
    RaiseGeneration { principal: Principal },
    /// One page of the audit log, newest first.
    Audit { principal: Principal, filter: AuditFilter, limit: u32 },
    /// Sets how long audit entries are kept.
    Retain { principal: Principal, days: u32 },
}

/// A reply.
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
    /// To [`Call::Command`], if the command was executed, and to [`Call::CommandStatus`], with any status.
    Command(CommandResult),
    /// To [`Call::CreateEnrolment`].
    Enrolment,
    /// To [`Call::Enrol`].
    Enrolled { device: Name },
    /// To [`Call::Setup`] and [`Call::Login`]: the contents of the access token.
    Person { username: UserName, role: Option<Role>, scope: ScopeSet, generation: u64 },
    /// To [`Call::Refresh`]: the contents of the access token, and the id and the expiry of the current refresh token.
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
    /// To [`Call::Issue`]: the contents of the token, and the generation that the Worker must sign into the token.
    Issued { token: TokenView, generation: u64 },
    /// To [`Call::ExchangeGuest`].
    Token(TokenView),
    /// To [`Call::Tokens`].
    Tokens(Vec<TokenView>),
    /// To [`Call::RaiseGeneration`].
    Generation(u64),
    /// To [`Call::Audit`].
    Audit(AuditPage),
    /// To calls without a result.
    Done,
}

/// The result of a call, as the site sends it to the Worker.
pub type CallResult = Result<Reply, Problem>;

/// A reply, or a ticket if the reply comes later.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The reply.
    Now(Reply),
    /// The reply will come as [`crate::Effect::Answer`] with this ticket. Several calls can wait for the same ticket.
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
                CommandProgress::InFlight { ticket } => return Ok(Answer::Pending { ticket }),
                CommandProgress::Ended(command) => Reply::Command(command.answer()?),
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
            Call::Issue { principal, request, jti } => {
                let token = self.issue(&principal, &request, &jti)?;
                Reply::Issued { token, generation: self.generation }
            }
            Call::Tokens { principal } => Reply::Tokens(self.issued_tokens(&principal)?),
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
