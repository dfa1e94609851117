//! Answers: JSON, and problems (RFC 9457) with the headers that go with them.

use pinlatch_protocol::problem::{Code, MEDIA_TYPE, Problem};
use serde::Serialize;
use worker::{Response, Result};

/// Every answer of the API: nothing of it is for a cache or for another page.
fn sealed(response: Response) -> Result<Response> {
    let headers = response.headers();
    headers.set("Cache-Control", "no-store")?;
    headers.set("X-Content-Type-Options", "nosniff")?;
    headers.set("Referrer-Policy", "no-referrer")?;
    headers.set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")?;
    Ok(response)
}

/// A value as JSON, 200.
pub fn json<T: Serialize>(value: &T) -> Result<Response> {
    sealed(Response::from_json(value)?)
}

/// A text of another media type, 200.
pub fn text(body: String, media_type: &str) -> Result<Response> {
    let response = Response::ok(body)?;
    response.headers().set("Content-Type", media_type)?;
    sealed(response)
}

/// A redirect that keeps nothing of the request, 303.
pub fn redirect(address: &str) -> Result<Response> {
    let response = Response::empty()?.with_status(303);
    response.headers().set("Location", address)?;
    sealed(response)
}

/// No content, 204.
pub fn nothing() -> Result<Response> {
    sealed(Response::empty()?.with_status(204))
}

/// A problem.
pub fn problem(problem: &Problem) -> Result<Response> {
    let response = Response::from_json(problem)?.with_status(problem.status);
    let headers = response.headers();
    headers.set("Content-Type", MEDIA_TYPE)?;
    if let Some(seconds) = problem.retry_after {
        headers.set("Retry-After", &seconds.to_string())?;
    }
    // RFC 6750 §3: the error code is the problem's own, for the two that it defines.
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

/// Logs a fault of ours and turns it into a problem that tells nothing of it.
pub fn fault(what: &str, error: impl std::fmt::Display) -> Problem {
    worker::console_error!("{what}: {error}");
    Problem::new(Code::Internal)
}
