//! Handles requests that invite, change or remove people, change passwords, or end logins.

use pinlatch_protocol::admin::{
    AcceptReply, AcceptRequest, AdmitRequest, INVITATION_LIFE, InviteReply, InviteRequest, InvitedReply,
    InvitedRequest, PasswordRequest, RightsRequest, SecureRequest,
};
use pinlatch_protocol::name::UserName;
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_site::{Principal, calls};
use pinlatch_token::CodePurpose;

use super::one_time_code::open_code;
use crate::auth;
use crate::clock::now_s;
use crate::gate::{self, Client, NewPassword, Source};
use crate::incoming::Incoming;
use crate::objects::{ask_own, ask_site};
use crate::respond::{self, HandlerResult, fault};

/// Handles `GET /api/v1/users`, which lists the people of a site.
pub async fn list(incoming: Incoming) -> HandlerResult {
    let (principal, _) = auth::principal(&incoming).await?;
    let people = ask_own(&incoming.env, calls::People { principal }).await?;
    respond::json(&people)
}

/// Handles `POST /api/v1/users`, which creates an invitation code. With the invitation code, the invited person chooses
/// a password.
pub async fn invite(mut incoming: Incoming) -> HandlerResult {
    let principal = auth::principal_for_write(&incoming).await?;
    let InviteRequest { username, rights } = incoming.json().await?;
    let keys = &incoming.deployment.keys;
    let (code, text) = keys
        .issue_code(CodePurpose::Invite, &principal.site, now_s() + INVITATION_LIFE)
        .map_err(|error| fault("invitation", error))?;
    let call = calls::Invite {
        principal,
        username: username.clone(),
        rights,
        code_id: code.id,
        expires_at: code.expires,
    };
    let expires_at = ask_own(&incoming.env, call).await?;
    respond::json(&InviteReply { username, code: text, expires_at })
}

/// Handles `GET /api/v1/invitations`, which lists the open invitations.
pub async fn invitations(incoming: Incoming) -> HandlerResult {
    let (principal, _) = auth::principal(&incoming).await?;
    respond::json(&ask_own(&incoming.env, calls::Invitations { principal }).await?)
}

/// Handles `DELETE /api/v1/invitations/{id}`, which withdraws an open invitation.
pub async fn withdraw_invitation(incoming: Incoming, id: String) -> HandlerResult {
    let principal = auth::principal_for_write(&incoming).await?;
    ask_own(&incoming.env, calls::WithdrawInvitation { principal, id }).await?;
    respond::nothing()
}

/// Handles `POST /api/v1/users/invited`, which returns the user name in an invitation. Any holder of the invitation can
/// also use it, so the user name reveals nothing more.
pub async fn show_invitation(mut incoming: Incoming) -> HandlerResult {
    let InvitedRequest { code } = incoming.json().await?;
    let (site, code) = open_code(&incoming, CodePurpose::Invite, &code)?;
    let call = calls::Invited { code_id: code.id };
    let (username, password_id) = ask_site(&incoming.env, &site, call).await?;
    respond::json(&InvitedReply { username, has_password: password_id.is_some() })
}

/// Handles `POST /api/v1/users/accept`, which uses an invitation to set a password. The Worker asks the site before it
/// hashes the password, so no password is hashed for an invalid invitation. The site accepts the password in the same
/// event in which it uses the code.
pub async fn accept(mut incoming: Incoming) -> HandlerResult {
    let AcceptRequest { code, password } = incoming.json().await?;
    let (site, code) = open_code(&incoming, CodePurpose::Invite, &code)?;
    let call = calls::Invited { code_id: code.id.clone() };
    let (username, current) = ask_site(&incoming.env, &site, call).await?;
    gate::require_acceptable(&password, &username)?;
    let new = NewPassword::store(&incoming, &site, &username, password, Source::Code, current).await?;
    let call = calls::AcceptInvitation { code_id: code.id, password_id: new.id() };
    let username = new.settle(&incoming, ask_site(&incoming.env, &site, call).await).await?;
    respond::json(&AcceptReply { username })
}

/// Handles `PATCH /api/v1/users/{username}`, which changes a person's permissions.
pub async fn change(mut incoming: Incoming, username: UserName) -> HandlerResult {
    let principal = auth::principal_for_write(&incoming).await?;
    let rights: RightsRequest = incoming.json().await?;
    ask_own(&incoming.env, calls::ChangePerson { principal, username, rights }).await?;
    respond::nothing()
}

/// Handles `DELETE /api/v1/users/{username}`, which removes a person.
pub async fn remove(incoming: Incoming, username: UserName) -> HandlerResult {
    let principal = auth::principal_for_write(&incoming).await?;
    ask_own(&incoming.env, calls::RemovePerson { principal, username }).await?;
    respond::nothing()
}

/// Handles `PUT /api/v1/users/{username}/identities`, which lets a person log in with a login provider.
pub async fn admit(mut incoming: Incoming, username: UserName) -> HandlerResult {
    let principal = auth::principal_for_write(&incoming).await?;
    let request: AdmitRequest = incoming.json().await?;
    ask_own(&incoming.env, calls::Admit { principal, username, request }).await?;
    respond::nothing()
}

/// Handles `DELETE /api/v1/users/{username}/identities`, which removes all of a person's identities at login providers.
pub async fn forget_identities(incoming: Incoming, username: UserName) -> HandlerResult {
    let principal = auth::principal_for_write(&incoming).await?;
    ask_own(&incoming.env, calls::ForgetIdentities { principal, username }).await?;
    respond::nothing()
}

/// Handles `GET /api/v1/users/{username}/sessions`, which lists the open logins of a person.
pub async fn sessions(incoming: Incoming, username: UserName) -> HandlerResult {
    let (principal, _) = auth::principal(&incoming).await?;
    respond::json(&ask_own(&incoming.env, calls::Sessions { principal, username }).await?)
}

/// Handles `DELETE /api/v1/users/{username}/sessions/{id}`, which ends one login of a person.
pub async fn end_session(incoming: Incoming, username: UserName, id: String) -> HandlerResult {
    let principal = auth::principal_for_write(&incoming).await?;
    ask_own(&incoming.env, calls::EndSession { principal, username, id }).await?;
    respond::nothing()
}

/// Handles `DELETE /api/v1/users/{username}/sessions`, which ends all logins of a person.
pub async fn end_sessions(incoming: Incoming, username: UserName) -> HandlerResult {
    let principal = auth::principal_for_write(&incoming).await?;
    ask_own(&incoming.env, calls::EndSessions { principal, username }).await?;
    respond::nothing()
}

/// Handles `POST /api/v1/users/{username}/password`, which changes the caller's own password. The request must contain
/// the caller's current password. The site replaces only the password that the gate has verified.
pub async fn change_password(mut incoming: Incoming, username: UserName) -> HandlerResult {
    let principal = auth::principal_for_write(&incoming).await?;
    let PasswordRequest { current, password } = incoming.json().await?;
    let site = principal.site.clone();
    // The site checks the token before the gate checks the password. A caller with a revoked token can therefore not
    // guess passwords.
    let call = calls::CurrentPassword { principal: principal.clone() };
    let old = ask_site(&incoming.env, &site, call).await?;
    if principal.person.as_ref() != Some(&username) {
        let text =
            "you can change only your own password; invite another person again to reset their password";
        return Err(Problem::new(Code::InsufficientScope).detail(text));
    }
    gate::require_acceptable(&password, &username)?;
    let client = client_of(&incoming, &principal);
    let verified_ids = gate::verify(&incoming, &site, &username, current, client).await?;
    let new = NewPassword::store(&incoming, &site, &username, password, Source::Change, old).await?;
    let call = calls::ChangePassword { principal, verified_ids, password_id: new.id() };
    new.settle(&incoming, ask_site(&incoming.env, &site, call).await).await?;
    respond::nothing()
}

/// Handles `POST /api/v1/users/{username}/secure`, which sets a new password of the caller and ends everything else of
/// the account. The request contains no current password, because the login must have a new proof.
pub async fn secure(mut incoming: Incoming, username: UserName) -> HandlerResult {
    let principal = auth::principal_for_write(&incoming).await?;
    let SecureRequest { password } = incoming.json().await?;
    let site = principal.site.clone();
    let own = ask_own(&incoming.env, calls::MaySecure { principal: principal.clone() }).await?;
    if own != username {
        let text = "you can secure only your own account; end the logins of another person instead";
        return Err(Problem::new(Code::InsufficientScope).detail(text));
    }
    gate::require_acceptable(&password, &username)?;
    let old = ask_site(&incoming.env, &site, calls::CurrentPassword { principal: principal.clone() }).await?;
    let new = NewPassword::store(&incoming, &site, &username, password, Source::Change, old).await?;
    let call = calls::SecureAccount { principal, password_id: new.id() };
    new.settle(&incoming, ask_site(&incoming.env, &site, call).await).await?;
    respond::nothing()
}

/// Returns the client of a logged-in person. Failed logins of others must not keep a person from proving their identity
/// or changing their password.
pub(super) fn client_of(incoming: &Incoming, principal: &Principal) -> Client {
    match &principal.family {
        Some(family) => Client::Known(family.clone()),
        None => Client::Address(incoming.client_address()),
    }
}
