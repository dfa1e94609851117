//! Sends calls to the Durable Objects of this deployment.

use pinlatch_protocol::name::Name;
use pinlatch_protocol::problem::{Code, Problem};
use pinlatch_site::{Call, CallResult, PrincipalCall, SiteCall};
use serde::Serialize;
use serde::de::DeserializeOwned;
use worker::{Env, Headers, Method, Request, RequestInit, Response, Stub};

use crate::incoming::object_fault;
use crate::respond::fault;

/// The header that contains the site's name. After an eviction, a Durable Object does not have the site's name in
/// memory.
pub const SITE_HEADER: &str = "pinlatch-site";

/// The header that contains the verified data of a WebSocket upgrade request.
pub const SOCKET_HEADER: &str = "pinlatch-socket";

/// Returns the Durable Object of a site. The caller must pass a site name from the configuration, because every other
/// name would create a new Durable Object.
pub fn site_stub(env: &Env, site: &Name) -> worker::Result<Stub> {
    env.durable_object("SITE")?.id_from_name(site.as_str())?.get_stub()
}

/// Sends a principal's call to the principal's site, and waits for the reply.
pub async fn ask_own<C: PrincipalCall>(env: &Env, call: C) -> Result<C::Reply, Problem> {
    let site = call.principal().site.clone();
    ask_site(env, &site, call).await
}

/// Sends a call to a site's Durable Object, and waits for the reply.
pub async fn ask_site<C: SiteCall>(env: &Env, site: &Name, call: C) -> Result<C::Reply, Problem> {
    let stub = site_stub(env, site).map_err(object_fault)?;
    let call: Call = call.into();
    let result: CallResult = ask(&stub, Some(site), &call).await?;
    C::extract(result?).ok_or_else(|| fault("site", "the reply belongs to another call"))
}

/// Sends a call as JSON to a Durable Object, and parses the reply.
pub async fn ask<Q: Serialize, A: DeserializeOwned>(
    stub: &Stub,
    site: Option<&Name>,
    question: &Q,
) -> Result<A, Problem> {
    let body = serde_json::to_string(question).map_err(|error| fault("question", error))?;
    let headers = Headers::new();
    if let Some(site) = site {
        headers.set(SITE_HEADER, site.as_str()).map_err(object_fault)?;
    }
    let mut init = RequestInit::new();
    init.with_method(Method::Post).with_headers(headers).with_body(Some(body.into()));
    let request = Request::new_with_init("https://object/call", &init).map_err(object_fault)?;
    let mut response = stub.fetch_with_request(request).await.map_err(object_fault)?;
    response.json().await.map_err(object_fault)
}

/// Sends a WebSocket upgrade request to a site's Durable Object. The request contains the verified data, but not the
/// client's headers.
pub async fn upgrade<P: Serialize>(
    env: &Env,
    site: &Name,
    path: &'static str,
    verified: &P,
) -> Result<Response, Problem> {
    let verified = serde_json::to_string(verified).map_err(|error| fault("principal", error))?;
    let headers = Headers::new();
    let set = |name, value: &str| headers.set(name, value).map_err(object_fault);
    set("Upgrade", "websocket")?;
    set(SITE_HEADER, site.as_str())?;
    set(SOCKET_HEADER, &verified)?;
    let mut init = RequestInit::new();
    init.with_headers(headers);
    let request = Request::new_with_init(&format!("https://object/{path}"), &init).map_err(object_fault)?;
    let stub = site_stub(env, site).map_err(object_fault)?;
    let mut response = stub.fetch_with_request(request).await.map_err(object_fault)?;
    if response.status_code() == 101 {
        return Ok(response);
    }
    Err(response.json::<Problem>().await.unwrap_or_else(|_| Code::Internal.into()))
}
