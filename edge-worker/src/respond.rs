//! Creates HTTP responses: JSON documents, and problem documents (RFC 9457) with their headers.

use pinlatch_protocol::problem::{Code, MEDIA_TYPE, Problem};
use serde::Serialize;
use worker::{Response, Result};

/// The result of a handler: a response, or a problem that the Worker sends as an error response.
pub type HandlerResult = std::result::Result<Response, Problem>;

/// Adds the security headers of every API response. The security headers forbid caching, content sniffing and embedding
/// in other web pages.
fn sealed(response: Response) -> Result<Response> {
    let headers = response.headers();
    headers.set("Cache-Control", "no-store")?;
    headers.set("X-Content-Type-Options", "nosniff")?;
    headers.set("Referrer-Policy", "no-referrer")?;
    headers.set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")?;
    Ok(response)
}

fn completed(response: Result<Response>) -> HandlerResult {
    response.and_then(sealed).map_err(|error| fault("response", error))
}

/// Returns a response with status 200 and a JSON body.
pub fn json<T: Serialize>(value: &T) -> HandlerResult {
    completed(Response::from_json(value))
}

/// Returns a response with status 200 and a text body of the given media type.
pub fn text(body: &str, media_type: &str) -> HandlerResult {
    with_header(completed(Response::ok(body))?, "Content-Type", media_type)
}

/// Returns a redirect with status 303. With status 303, the browser follows the redirect with `GET` and does not send
/// the request body again.
pub fn redirect(address: &str) -> HandlerResult {
    with_header(empty(303)?, "Location", address)
}

/// Returns a response with status 204 and no body.
pub fn nothing() -> HandlerResult {
    empty(204)
}

fn empty(status: u16) -> HandlerResult {
    completed(Response::empty().map(|response| response.with_status(status)))
}

fn with_header(response: Response, name: &str, value: &str) -> HandlerResult {
    response.headers().set(name, value).map_err(|error| fault("response", error))?;
    Ok(response)
}

/// Adds `Set-Cookie` headers to a response.
pub fn with_cookies(response: Response, cookies: impl IntoIterator<Item = String>) -> HandlerResult {
    for cookie in cookies {
        response.headers().append("Set-Cookie", &cookie).map_err(|error| fault("response", error))?;
    }
    Ok(response)
}

/// Returns the response with a problem document.
pub fn problem(problem: &Problem) -> Result<Response> {
    let response = Response::from_json(problem)?.with_status(problem.status);
    let headers = response.headers();
    headers.set("Content-Type", MEDIA_TYPE)?;
    if let Some(seconds) = problem.retry_after {
        headers.set("Retry-After", &seconds.to_string())?;
    }
    // For `invalid_token` and `insufficient_scope`, the `WWW-Authenticate` header also contains the code as `error`
    // (RFC 6750 §3).
    for code in [Code::InvalidToken, Code::InsufficientScope] {
        if problem.is(code) {
            headers.set("WWW-Authenticate", &format!("Bearer realm=\"pinlatch\", error=\"{code}\""))?;
        }
    }
    if let (true, Some(seconds)) = (problem.is(Code::InsufficientUserAuthentication), problem.max_age) {
        // RFC 9470 §3.
        let code = Code::InsufficientUserAuthentication;
        let challenge = format!("Bearer realm=\"pinlatch\", error=\"{code}\", max_age={seconds}");
        headers.set("WWW-Authenticate", &challenge)?;
    }
    if problem.is(Code::LoginFailed) {
        headers.set("WWW-Authenticate", "Bearer realm=\"pinlatch\"")?;
    }
    sealed(response)
}

/// Returns the response with the problem document of a code and one more header.
pub fn problem_with(code: Code, name: &str, value: &str) -> HandlerResult {
    let response = problem(&code.into()).map_err(|error| fault("response", error))?;
    with_header(response, name, value)
}

/// Logs an internal error, and returns the problem `internal` without the details of the error.
pub fn fault(what: &str, error: impl std::fmt::Display) -> Problem {
    worker::console_error!("{what}: {error}");
    Problem::new(Code::Internal)
}
