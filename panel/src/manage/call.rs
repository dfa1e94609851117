//! The API calls of the administration pages. If the session has expired, the panel renews the session and repeats the
//! call. If the edge requires a new proof of the person's identity, the panel asks the person for the proof and repeats
//! the call. The call does not take effect twice, because the edge refused the first call.

use gloo_net::http::Response;
use pinlatch_protocol::admin::{
    AdmitRequest, Enrolment, Invitation, InviteReply, InviteRequest, IssueReply, IssueRequest,
    PasswordRequest, Person, RightsRequest, SecureRequest, Session, TokenView,
};
use pinlatch_protocol::api::{
    DeviceKey, DeviceRules, EnrolmentReply, EnrolmentRequest, ProofRequest, Secret, SignedReading, Whoami,
};
use pinlatch_protocol::audit::AuditPage;
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::name::{Name, UserName};
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_protocol::rule::RuleInfo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::proof;
use crate::api::{self, Failure};
use crate::model::Key;
use crate::refusal::Remedy;
use crate::session::{self, SessionStatus};

struct Call {
    endpoint: Endpoint,
    /// The query of the URL, which is empty or starts with `?`.
    query: String,
    accept: &'static str,
    body: Option<Value>,
}

impl Call {
    fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, query: String::new(), accept: "application/json", body: None }
    }

    async fn once(&self) -> Result<Response, Failure> {
        let request = api::request(&self.endpoint, &self.query).header("accept", self.accept);
        let request = match &self.body {
            Some(body) => request.json(body)?,
            None => request.build()?,
        };
        let response = request.send().await?;
        if response.ok() { Ok(response) } else { Err(api::problem(response).await) }
    }

    /// Makes the call. If the session has expired, renews the session and repeats the call.
    async fn renewed(&self) -> Result<Response, Failure> {
        match self.once().await {
            Err(failure) if failure.remedy() == Remedy::Renew => match session::refresh().await {
                SessionStatus::Good => self.once().await,
                SessionStatus::Gone | SessionStatus::NoSite => {
                    Err(Failure::Problem(Problem::new(Code::InvalidToken)))
                }
                SessionStatus::Unsure => Err(Failure::Network),
            },
            outcome => outcome,
        }
    }

    /// Makes the call. If the edge requires a new proof of the person's identity, asks the person for the proof and
    /// repeats the call.
    async fn send(&self) -> Result<Response, Failure> {
        match self.renewed().await {
            Err(failure) if failure.remedy() == Remedy::Prove && proof::ask().await => self.renewed().await,
            outcome => outcome,
        }
    }
}

async fn get<T: DeserializeOwned>(endpoint: Endpoint) -> Result<T, Failure> {
    read(Call::new(endpoint)).await
}

/// Makes an API call and decodes the JSON body of the response.
async fn read<T: DeserializeOwned>(call: Call) -> Result<T, Failure> {
    Ok(call.send().await?.json().await?)
}

fn write<B: Serialize>(endpoint: Endpoint, body: &B) -> Result<Call, Failure> {
    Ok(Call { body: Some(serde_json::to_value(body)?), ..Call::new(endpoint) })
}

/// Makes an API call whose response has no body.
async fn done<B: Serialize>(endpoint: Endpoint, body: &B) -> Result<(), Failure> {
    write(endpoint, body)?.send().await.map(drop)
}

/// Makes an API call without arguments and without a reply.
async fn act(endpoint: Endpoint) -> Result<(), Failure> {
    done(endpoint, &json!({})).await
}

pub async fn people() -> Result<Vec<Person>, Failure> {
    get(Endpoint::ListPeople).await
}

/// Invites a person, or allows an existing person to choose a new password.
pub async fn invite(request: InviteRequest) -> Result<InviteReply, Failure> {
    read(write(Endpoint::Invite, &request)?).await
}

/// Changes a person's permissions.
pub async fn change(username: UserName, rights: RightsRequest) -> Result<(), Failure> {
    done(Endpoint::ChangePerson { username }, &rights).await
}

pub async fn remove_person(username: UserName) -> Result<(), Failure> {
    act(Endpoint::RemovePerson { username }).await
}

pub async fn invitations() -> Result<Vec<Invitation>, Failure> {
    get(Endpoint::ListInvitations).await
}

pub async fn withdraw_invitation(id: String) -> Result<(), Failure> {
    act(Endpoint::WithdrawInvitation { id }).await
}

pub async fn sessions(username: UserName) -> Result<Vec<Session>, Failure> {
    get(Endpoint::ListSessions { username }).await
}

pub async fn end_session(username: UserName, id: String) -> Result<(), Failure> {
    act(Endpoint::EndSession { username, id }).await
}

/// Ends all sessions of a person.
pub async fn end_sessions(username: UserName) -> Result<(), Failure> {
    act(Endpoint::EndSessions { username }).await
}

/// Allows a person to log in with a login provider.
pub async fn admit(username: UserName, request: AdmitRequest) -> Result<(), Failure> {
    done(Endpoint::AdmitPerson { username }, &request).await
}

/// Removes all identities of a person at login providers.
pub async fn forget_identities(username: UserName) -> Result<(), Failure> {
    act(Endpoint::ForgetIdentities { username }).await
}

/// Changes the password of the viewer.
pub async fn change_password(username: UserName, request: PasswordRequest) -> Result<(), Failure> {
    done(Endpoint::ChangePassword { username }, &request).await
}

/// Sets a new password of the viewer, and ends everything that was arranged with the viewer's account.
pub async fn secure_account(username: UserName, password: Secret) -> Result<(), Failure> {
    done(Endpoint::SecureAccount { username }, &SecureRequest { password }).await
}

/// Proves the identity of the viewer with the password. A refusal never asks for another proof.
pub async fn prove(password: Secret) -> Result<(), Failure> {
    write(Endpoint::ProveIdentity, &ProofRequest { password })?.renewed().await.map(drop)
}

/// Returns the time of the viewer's last proof, in seconds of Unix time.
pub async fn proof_time() -> Result<Option<u64>, Failure> {
    Ok(get::<Whoami>(Endpoint::Whoami).await?.auth_time)
}

pub async fn tokens() -> Result<Vec<TokenView>, Failure> {
    get(Endpoint::ListTokens).await
}

pub async fn issue(request: IssueRequest) -> Result<IssueReply, Failure> {
    read(write(Endpoint::MintToken, &request)?).await
}

pub async fn revoke(jti: String) -> Result<(), Failure> {
    act(Endpoint::RevokeToken { jti }).await
}

/// Ends all sessions, tokens and links of the site, as an emergency stop.
pub async fn stop() -> Result<(), Failure> {
    act(Endpoint::RaiseGeneration).await
}

pub async fn enrol(device: Name) -> Result<EnrolmentReply, Failure> {
    read(write(Endpoint::CreateEnrolment, &EnrolmentRequest { device })?).await
}

pub async fn enrolments() -> Result<Vec<Enrolment>, Failure> {
    get(Endpoint::ListEnrolments).await
}

pub async fn withdraw_enrolment(id: String) -> Result<(), Failure> {
    act(Endpoint::WithdrawEnrolment { id }).await
}

pub async fn remove_device(device: Name) -> Result<(), Failure> {
    act(Endpoint::RemoveDevice { device }).await
}

pub async fn device_key(device: Name) -> Result<DeviceKey, Failure> {
    get(Endpoint::ShowDeviceKey { device }).await
}

/// Returns the rules of a device. The list is empty if the viewer may not see them, or if the device was removed.
pub async fn device_rules(device: Name) -> Result<Vec<RuleInfo>, Failure> {
    match get::<DeviceRules>(Endpoint::ShowDeviceRules { device }).await {
        Err(Failure::Problem(problem))
            if problem.is(Code::InsufficientScope) || problem.is(Code::UnknownDevice) =>
        {
            Ok(Vec::new())
        }
        reply => Ok(reply?.rules),
    }
}

/// Asks a device for a signed reading of a line. The nonce contains only letters and digits.
pub async fn read_line(line: &Key, nonce: &str) -> Result<SignedReading, Failure> {
    let Key { device, line } = line.clone();
    read(Call { query: format!("?nonce={nonce}"), ..Call::new(Endpoint::ReadLine { device, line }) }).await
}

pub async fn audit(query: &str, limit: u32) -> Result<AuditPage, Failure> {
    let joint = if query.is_empty() { "" } else { "&" };
    let query = format!("?{query}{joint}limit={limit}");
    read(Call { query, ..Call::new(Endpoint::ReadAudit) }).await
}

/// Returns a part of the audit log as JSON Lines.
pub async fn export(query: &str) -> Result<String, Failure> {
    let query = format!("?{query}");
    let call = Call { query, accept: "application/jsonl", ..Call::new(Endpoint::ReadAudit) };
    Ok(call.send().await?.text().await?)
}

pub async fn jwks() -> Result<Value, Failure> {
    get(Endpoint::Jwks).await
}
