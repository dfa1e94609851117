//! Creates HTTP responses: JSON documents, and problem documents (RFC 9457) with their headers.

use pinlatch_protocol::problem::{Code, MEDIA_TYPE, Problem};
use serde::Serialize;
use worker::{Response, Result};

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

/// Returns a response with status 200 and a JSON body.
pub fn json<T: Serialize>(value: &T) -> Result<Response> {
    sealed(Response::from_json(value)?)
}

/// Returns a response with status 200 and a text body of the given media type.
pub fn text(body: String, media_type: &str) -> Result<Response> {
    let response = Response::ok(body)?;
    response.headers().set("Content-Type", media_type)?;
    sealed(response)
}

/// Returns a redirect with status 303. With status 303, the browser follows the redirect with `GET` and does not send
/// the request body again.
pub fn redirect(address: &str) -> Result<Response> {
    let response = Response::empty()?.with_status(303);
    response.headers().set("Location", address)?;
    sealed(response)
}

/// Returns a response with status 204 and no body.
pub fn nothing() -> Result<Response> {
    sealed(Response::empty()?.with_status(204))
}

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
    if problem.is(Code::LoginFailed) {
        headers.set("WWW-Authenticate", "Bearer realm=\"pinlatch\"")?;
    }
    sealed(response)
}

/// Logs an internal error, and returns the problem `internal` without the details of the error.
pub fn fault(what: &str, error: impl std::fmt::Display) -> Problem {
    worker::console_error!("{what}: {error}");
    Problem::new(Code::Internal)
}
