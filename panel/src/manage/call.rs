//! The API calls of the administration pages. If the session has expired, the panel renews the session and repeats the
//! call. The call does not take effect twice, because the edge refused the first call.

use gloo_net::http::{Method, RequestBuilder, Response};
use pinlatch_protocol::admin::{
    AdmitRequest, AuditPage, InviteReply, InviteRequest, IssueReply, IssueRequest, PasswordRequest, Person,
    RightsRequest, TokenView,
};
use pinlatch_protocol::api::{EnrolmentReply, EnrolmentRequest};
use pinlatch_protocol::name::{Name, UserName};
use pinlatch_protocol::problem::{Code, Problem};
use serde::Serialize;
use serde_json::{Value, json};

use super::browser::segment;
use crate::api::{self, Failure, done, read};
use crate::session::{self, SessionStatus};
use crate::visit::Visitor;

const USERS: &str = "/api/v1/users";
const TOKENS: &str = "/api/v1/tokens";
const AUDIT: &str = "/api/v1/audit";

struct Call<'a> {
    method: Method,
    path: &'a str,
    accept: &'static str,
    body: Option<Value>,
}

impl Call<'_> {
    async fn once(&self) -> Result<Response, Failure> {
        let request =
            RequestBuilder::new(self.path).method(self.method.clone()).header("accept", self.accept);
        let request = match &self.body {
            Some(body) => request.json(body)?,
            None => request.build()?,
        };
        Ok(request.send().await?)
    }

    async fn send(&self) -> Result<Response, Failure> {
        let response = self.once().await?;
        let is_over = match response.status() {
            401 => true,
            // If the login cookie has expired, the edge uses the guest cookie of the same browser. The guest cookie
            // gives no permission for the calls of the administration pages.
            403 => api::whoami().await.is_ok_and(|who| Visitor::of_subject(&who.sub) == Visitor::Guest),
            _ => false,
        };
        if !is_over {
            return Ok(response);
        }
        match session::refresh().await {
            SessionStatus::Good => self.once().await,
            SessionStatus::Gone => Err(Failure::Problem(Problem::new(Code::InvalidToken))),
            SessionStatus::Unsure => Err(Failure::Network),
        }
    }
}

async fn get(path: &str) -> Result<Response, Failure> {
    Call { method: Method::GET, path, accept: "application/json", body: None }.send().await
}

async fn write<B: Serialize>(method: Method, path: &str, body: &B) -> Result<Response, Failure> {
    let body = serde_json::to_value(body).map_err(|_| Failure::Network)?;
    Call { method, path, accept: "application/json", body: Some(body) }.send().await
}

async fn delete(path: &str) -> Result<(), Failure> {
    done(write(Method::DELETE, path, &json!({})).await?).await
}

fn user(name: &UserName, rest: &str) -> String {
    format!("{USERS}/{}{rest}", segment(name.as_str()))
}

pub async fn people() -> Result<Vec<Person>, Failure> {
    read(get(USERS).await?).await
}

/// Invites a person, or allows an existing person to choose a new password.
pub async fn invite(request: InviteRequest) -> Result<InviteReply, Failure> {
    read(write(Method::POST, USERS, &request).await?).await
}

/// Changes a person's permissions.
pub async fn change(name: UserName, rights: RightsRequest) -> Result<(), Failure> {
    done(write(Method::PATCH, &user(&name, ""), &rights).await?).await
}

/// Removes a person, or withdraws an invitation.
pub async fn remove_person(name: UserName) -> Result<(), Failure> {
    delete(&user(&name, "")).await
}

/// Ends all sessions of a person.
pub async fn end_sessions(name: UserName) -> Result<(), Failure> {
    delete(&user(&name, "/sessions")).await
}

/// Allows a person to sign in with a login provider.
pub async fn admit(name: UserName, request: AdmitRequest) -> Result<(), Failure> {
    done(write(Method::PUT, &user(&name, "/identities"), &request).await?).await
}

/// Removes all identities of a person at login providers.
pub async fn forget_identities(name: UserName) -> Result<(), Failure> {
    delete(&user(&name, "/identities")).await
}

/// Changes the password of the viewer. A wrong current password also causes the status 401. Therefore, the session is
/// renewed only if the problem code is `invalid_token`.
pub async fn change_password(name: UserName, request: PasswordRequest) -> Result<(), Failure> {
    let path = user(&name, "/password");
    let body = serde_json::to_value(&request).ok();
    let call = Call { method: Method::POST, path: &path, accept: "application/json", body };
    match done(call.once().await?).await {
        Err(Failure::Problem(problem)) if problem.is(Code::InvalidToken) => done(call.send().await?).await,
        other => other,
    }
}

pub async fn tokens() -> Result<Vec<TokenView>, Failure> {
    read(get(TOKENS).await?).await
}

pub async fn issue(request: IssueRequest) -> Result<IssueReply, Failure> {
    read(write(Method::POST, TOKENS, &request).await?).await
}

pub async fn revoke(jti: String) -> Result<(), Failure> {
    delete(&format!("{TOKENS}/{}", segment(&jti))).await
}

pub async fn enrol(device: Name) -> Result<EnrolmentReply, Failure> {
    read(write(Method::POST, "/api/v1/enrolments", &EnrolmentRequest { device }).await?).await
}

pub async fn remove_device(device: Name) -> Result<(), Failure> {
    delete(&format!("/api/v1/devices/{device}")).await
}

pub async fn audit(query: &str, limit: u32) -> Result<AuditPage, Failure> {
    let joint = if query.is_empty() { "" } else { "&" };
    read(get(&format!("{AUDIT}?{query}{joint}limit={limit}")).await?).await
}

/// Returns a part of the audit log as JSON Lines.
pub async fn export(query: &str) -> Result<String, Failure> {
    let path = format!("{AUDIT}?{query}");
    let call = Call { method: Method::GET, path: &path, accept: "application/jsonl", body: None };
    let response = call.send().await?;
    if response.ok() { Ok(response.text().await?) } else { Err(api::problem(response).await) }
}

pub async fn jwks() -> Result<Value, Failure> {
    read(RequestBuilder::new("/.well-known/jwks.json").send().await?).await
}
