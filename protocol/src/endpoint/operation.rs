//! Describes an endpoint for the OpenAPI document. This module exists only in tests.

use serde_json::Value;

use super::declare::Body;
use crate::problem::Code;
use crate::schema::SchemaOf;

/// The group of an operation in the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    Edge,
    Login,
    Devices,
    People,
    Tokens,
    Audit,
    Arrival,
    Sockets,
}

/// The credentials of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// The request needs no credentials.
    Anyone,
    /// The request needs the token of a person, a program or a guest.
    Token,
    /// The request can have any cookie of a browser, or none.
    AnyBrowser,
    /// The request can have any token of a login, or none.
    AnyLogin,
    /// The request needs the cookie with the refresh token.
    RefreshCookie,
    /// The request needs a device's certificate.
    Certificate,
}

/// One entry of the table of endpoints.
pub(crate) struct Operation {
    /// The name of the endpoint in the table.
    pub(crate) id: &'static str,
    pub(crate) method: &'static str,
    pub(crate) template: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) tag: Tag,
    pub(crate) caller: Caller,
    /// Whether a request contains a password, a one-time code or a refresh token.
    pub(crate) takes_secret: bool,
    /// The names of the parameters in the path.
    pub(crate) in_path: Vec<&'static str>,
    /// The names of other parameters, as in `components/parameters` of the document.
    pub(crate) parameters: Vec<&'static str>,
    pub(crate) body: Option<(Body, SchemaOf)>,
    /// The frames that the client and the edge send on a WebSocket.
    pub(crate) frames: Option<(SchemaOf, SchemaOf)>,
    /// The HTTP status of a success.
    pub(crate) status: u16,
    /// The body of a success, if it has one.
    pub(crate) reply: Option<SchemaOf>,
    /// The description of a success.
    pub(crate) text: &'static str,
    /// The problem codes that do not follow from the other members.
    pub(crate) codes: Vec<Code>,
    /// Other members of the operation in the document, as a JSON Merge Patch (RFC 7396).
    pub(crate) more: Value,
}
