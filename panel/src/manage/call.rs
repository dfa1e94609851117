//! The API calls of the administration pages. If the session has expired, the panel renews the session and repeats the
//! call. The call does not take effect twice, because the edge refused the first call.

use gloo_net::http::Response;
use pinlatch_protocol::admin::{
    AdmitRequest, AuditPage, InviteReply, InviteRequest, IssueReply, IssueRequest, PasswordRequest, Person,
    RightsRequest, TokenView,
};
use pinlatch_protocol::api::{EnrolmentReply, EnrolmentRequest};
use pinlatch_protocol::endpoint::Endpoint;
use pinlatch_protocol::name::{Name, UserName};
use pinlatch_protocol::problem::{Code, Problem};
use serde::Serialize;
use serde_json::{Value, json};

use crate::api::{self, Failure, done, read};
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
        Ok(request.send().await?)
    }

    async fn send(&self) -> Result<Response, Failure> {
        let response = self.once().await?;
        if response.status() != 401 {
            return Ok(response);
        }
        match session::refresh().await {
            SessionStatus::Good => self.once().await,
            SessionStatus::Gone => Err(Failure::Problem(Problem::new(Code::InvalidToken))),
            SessionStatus::Unsure => Err(Failure::Network),
        }
    }
}

async fn get(endpoint: Endpoint) -> Result<Response, Failure> {
    Call::new(endpoint).send().await
}

async fn write<B: Serialize>(endpoint: Endpoint, body: &B) -> Result<Response, Failure> {
    let body = serde_json::to_value(body).map_err(|_| Failure::Network)?;
    Call { body: Some(body), ..Call::new(endpoint) }.send().await
}

/// Makes an API call without arguments and without a reply.
async fn act(endpoint: Endpoint) -> Result<(), Failure> {
    done(write(endpoint, &json!({})).await?).await
}

pub async fn people() -> Result<Vec<Person>, Failure> {
    read(get(Endpoint::ListPeople).await?).await
}

/// Invites a person, or allows an existing person to choose a new password.
pub async fn invite(request: InviteRequest) -> Result<InviteReply, Failure> {
    read(write(Endpoint::Invite, &request).await?).await
}

/// Changes a person's permissions.
pub async fn change(username: UserName, rights: RightsRequest) -> Result<(), Failure> {
    done(write(Endpoint::ChangePerson { username }, &rights).await?).await
}

/// Removes a person, or withdraws an invitation.
pub async fn remove_person(username: UserName) -> Result<(), Failure> {
    act(Endpoint::RemovePerson { username }).await
}

/// Ends all sessions of a person.
pub async fn end_sessions(username: UserName) -> Result<(), Failure> {
    act(Endpoint::EndSessions { username }).await
}

/// Allows a person to sign in with a login provider.
pub async fn admit(username: UserName, request: AdmitRequest) -> Result<(), Failure> {
    done(write(Endpoint::AdmitPerson { username }, &request).await?).await
}

/// Removes all identities of a person at login providers.
pub async fn forget_identities(username: UserName) -> Result<(), Failure> {
    act(Endpoint::ForgetIdentities { username }).await
}

/// Changes the password of the viewer. A wrong current password also causes the status 401. Therefore, the session is
/// renewed only if the problem code is `invalid_token`.
pub async fn change_password(username: UserName, request: PasswordRequest) -> Result<(), Failure> {
    let body = serde_json::to_value(&request).ok();
    let call = Call { body, ..Call::new(Endpoint::ChangePassword { username }) };
    match done(call.once().await?).await {
        Err(Failure::Problem(problem)) if problem.is(Code::InvalidToken) => done(call.send().await?).await,
        other => other,
    }
}

pub async fn tokens() -> Result<Vec<TokenView>, Failure> {
    read(get(Endpoint::ListTokens).await?).await
}

pub async fn issue(request: IssueRequest) -> Result<IssueReply, Failure> {
    read(write(Endpoint::MintToken, &request).await?).await
}

pub async fn revoke(jti: String) -> Result<(), Failure> {
    act(Endpoint::RevokeToken { jti }).await
}

pub async fn enrol(device: Name) -> Result<EnrolmentReply, Failure> {
    read(write(Endpoint::CreateEnrolment, &EnrolmentRequest { device }).await?).await
}

pub async fn remove_device(device: Name) -> Result<(), Failure> {
    act(Endpoint::RemoveDevice { device }).await
}

pub async fn audit(query: &str, limit: u32) -> Result<AuditPage, Failure> {
    let joint = if query.is_empty() { "" } else { "&" };
    let query = format!("?{query}{joint}limit={limit}");
    read(Call { query, ..Call::new(Endpoint::ReadAudit) }.send().await?).await
}

/// Returns a part of the audit log as JSON Lines.
pub async fn export(query: &str) -> Result<String, Failure> {
    let query = format!("?{query}");
    let call = Call { query, accept: "application/jsonl", ..Call::new(Endpoint::ReadAudit) };
    let response = call.send().await?;
    if response.ok() { Ok(response.text().await?) } else { Err(api::problem(response).await) }
}

pub async fn jwks() -> Result<Value, Failure> {
    read(api::request(&Endpoint::Jwks, "").send().await?).await
}
