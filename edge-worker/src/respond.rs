//! Responses: JSON, and problems (RFC 9457) with their headers.

use pinlatch_protocol::problem::{Code, MEDIA_TYPE, Problem};
use serde::Serialize;
use worker::{Response, Result};

/// Adds the headers of every API response. They forbid caching and use by other pages.
fn sealed(response: Response) -> Result<Response> {
    let headers = response.headers();
    headers.set("Cache-Control", "no-store")?;
    headers.set("X-Content-Type-Options", "nosniff")?;
    headers.set("Referrer-Policy", "no-referrer")?;
    headers.set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")?;
    Ok(response)
}

/// A response with status 200 and JSON.
pub fn json<T: Serialize>(value: &T) -> Result<Response> {
    sealed(Response::from_json(value)?)
}

/// A response with status 200 and text of another media type.
pub fn text(body: String, media_type: &str) -> Result<Response> {
    let response = Response::ok(body)?;
    response.headers().set("Content-Type", media_type)?;
    sealed(response)
}

/// A redirect with status 303, so that the browser follows it with GET and does not send the body again.
pub fn redirect(address: &str) -> Result<Response> {
    let response = Response::empty()?.with_status(303);
    response.headers().set("Location", address)?;
    sealed(response)
}

/// A response with status 204.
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
    // RFC 6750 §3: for the two codes that the RFC defines, the header also contains the code as `error`.
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

/// Logs an internal fault and returns a problem without its details.
pub fn fault(what: &str, error: impl std::fmt::Display) -> Problem {
    worker::console_error!("{what}: {error}");
    Problem::new(Code::Internal)
}
