//! Passes each call of the Worker to the function that handles it.

use crate::devices::command::CommandProgress;
use crate::interface::call::{Answer, Call, Reply};
use crate::interface::event::{Question, Wanted};
use crate::interface::failure::Failure;
use crate::site::Site;

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
            Call::ReadLine { principal, id, device, line, nonce } => {
                let wanted = Wanted::Reading { line, nonce };
                self.ask(&principal, Question { id: id.clone(), device: device.clone(), wanted })?;
                return Ok(Answer::Asked { device, id });
            }
            Call::AskChallenge { principal, id, device } => {
                let wanted = Wanted::Challenge;
                self.ask(&principal, Question { id: id.clone(), device: device.clone(), wanted })?;
                return Ok(Answer::Asked { device, id });
            }
            Call::CommandStatus { principal, id } => Reply::Command(self.command_status(&principal, &id)?),
            Call::CreateEnrolment { principal, device, code_id, expires_at } => {
                Reply::Expiry(self.create_enrolment(&principal, &device, &code_id, expires_at)?)
            }
            Call::Enrolments { principal } => Reply::Enrolments(self.enrolments(&principal)?),
            Call::WithdrawEnrolment { principal, id } => {
                self.withdraw_enrolment(&principal, &id).map(done)?
            }
            Call::Enrol { code_id, jwk, jwk_thumbprint, cert_jti, cert_exp } => {
                let key = (jwk_thumbprint.as_str(), jwk.to_string());
                Reply::Enrolled { device: self.enrol(&code_id, key, &cert_jti, cert_exp)? }
            }
            Call::DeviceKey { principal, device } => Reply::DeviceKey(self.device_key(&principal, &device)?),
            Call::DeviceRules { principal, device } => {
                Reply::DeviceRules(self.device_rules(&principal, &device)?)
            }
            Call::ConfirmDevice { principal, device, thumbprint, identity } => {
                self.confirm_device(&principal, &device, &thumbprint, &identity).map(done)?
            }
            Call::RemoveDevice { principal, device } => self.remove_device(&principal, &device).map(done)?,
            Call::SetupAllowed { code_id } => self.setup_allowed(&code_id).map(done)?,
            Call::Setup { code_id, username, password_id } => {
                self.setup(&code_id, username, &password_id).map(done)?
            }
            Call::Login { username, password_ids, new } => {
                Reply::LoggedIn(self.password_login(username, &password_ids, &new)?)
            }
            Call::Prove { principal, password_ids, new } => {
                Reply::LoggedIn(self.prove(&principal, &password_ids, &new)?)
            }
            Call::LoginFailures { accounts, unknown } => self.login_failures(&accounts, unknown).map(done)?,
            Call::Refresh { family, jti, next_jti, expires_at } => {
                Reply::LoggedIn(self.refresh(&family, &jti, &next_jti, expires_at)?)
            }
            Call::Logout { principal } => self.logout(&principal).map(done)?,
            Call::LogoutFamily { family } => self.logout_family(&family).map(done)?,
            Call::RaiseGeneration { principal } => Reply::Generation(self.raise_generation(&principal)?),
            Call::Invite { principal, username, rights, code_id, expires_at } => {
                Reply::Expiry(self.invite(&principal, &username, &rights, &code_id, expires_at)?)
            }
            Call::Invitations { principal } => Reply::Invitations(self.invitations(&principal)?),
            Call::WithdrawInvitation { principal, id } => {
                self.withdraw_invitation(&principal, &id).map(done)?
            }
            Call::Invited { code_id } => {
                let username = self.invited(&code_id)?;
                Reply::Invited { password_id: self.password_id(&username)?, username }
            }
            Call::AcceptInvitation { code_id, password_id } => {
                Reply::Accepted { username: self.accept_invitation(&code_id, &password_id)? }
            }
            Call::Admit { principal, username, request } => {
                self.admit(&principal, &username, &request).map(done)?
            }
            Call::ForgetIdentities { principal, username } => {
                self.forget_identities(&principal, &username).map(done)?
            }
            Call::FederatedLogin { issuer, subject, email, new } => {
                Reply::LoggedIn(self.federated_login(&issuer, &subject, email.as_deref(), &new)?)
            }
            Call::People { principal } => Reply::People(self.people(&principal)?),
            Call::ChangePerson { principal, username, rights } => {
                self.change_person(&principal, &username, &rights).map(done)?
            }
            Call::RemovePerson { principal, username } => {
                self.remove_person(&principal, &username).map(done)?
            }
            Call::Sessions { principal, username } => Reply::Sessions(self.sessions(&principal, &username)?),
            Call::EndSession { principal, username, id } => {
                self.end_session(&principal, &username, &id).map(done)?
            }
            Call::EndSessions { principal, username } => {
                self.end_sessions(&principal, &username).map(done)?
            }
            Call::CurrentPassword { principal } => Reply::Password(self.current_password(&principal)?),
            Call::ChangePassword { principal, verified_ids, password_id } => {
                self.change_password(&principal, &verified_ids, &password_id).map(done)?
            }
            Call::MaySecure { principal } => Reply::Accepted { username: self.may_secure(&principal)? },
            Call::SecureAccount { principal, password_id } => {
                self.secure_account(&principal, &password_id).map(done)?
            }
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
