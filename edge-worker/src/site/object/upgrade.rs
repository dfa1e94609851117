//! The upgrades to WebSockets, which the Worker sends to the site's Durable Object.

use pinlatch_protocol::SUBPROTOCOL;
use pinlatch_protocol::problem::Problem;
use worker::{Request, Response, ResponseBuilder, Result, WebSocket};

use crate::objects::SOCKET_HEADER;

/// Returns the data that the Worker verified and sent in the header [`SOCKET_HEADER`].
pub(super) fn verified<T: serde::de::DeserializeOwned>(request: &Request) -> Result<Option<T>> {
    let header = request.headers().get(SOCKET_HEADER)?;
    Ok(header.and_then(|text| serde_json::from_str(&text).ok()))
}

/// Returns status 101 and the client's side of the WebSocket. If `outcome` is a problem, this function returns the
/// problem as JSON with status 200. The Worker then responds with the HTTP status of the problem.
pub(super) fn switch(outcome: std::result::Result<(), Problem>, client: WebSocket) -> Result<Response> {
    match outcome {
        Ok(()) => Ok(ResponseBuilder::new()
            .with_status(101)
            .with_header("Sec-WebSocket-Protocol", SUBPROTOCOL)?
            .with_websocket(client)
            .empty()),
        Err(problem) => Response::from_json(&problem),
    }
}
