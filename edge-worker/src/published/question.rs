//! Defines the messages between the Worker and the Durable Object of a URL.

use pinlatch_protocol::problem::{Code, Problem};
use serde::{Deserialize, Serialize};

/// A request from the Worker to the Durable Object that fetches the document of a URL.
#[derive(Serialize, Deserialize)]
pub struct Question {
    pub uri: String,
    /// Whether the stored document is insufficient, because the document does not contain the key that a token names.
    pub lacks: bool,
}

/// The document of a URL.
#[derive(Serialize, Deserialize)]
pub struct Fetched {
    pub text: String,
    pub fetched_ms: u64,
}

/// Returns the problem for a document that is not available.
pub fn unavailable(why: &str) -> Problem {
    Problem::new(Code::IssuerUnavailable).detail(why).retry_after(30)
}
