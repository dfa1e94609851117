//! Describes one endpoint in the OpenAPI document.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::schemas::{self, Generators};
use super::{prose, responses};
use crate::endpoint::Body;
use crate::endpoint::operation::{Caller, Operation, Tag};
use crate::problem::Code;
use crate::schema::SchemaOf;

impl Tag {
    pub(super) const ALL: &'static [(Self, &'static str)] = &[
        (Self::Edge, "Calls about the edge itself."),
        (Self::Login, "Calls for login, refresh and logout."),
        (Self::Devices, "Calls for devices, their GPIO lines and commands."),
        (Self::People, "Calls for people and their permissions."),
        (Self::Tokens, "Calls for API tokens and guest links."),
        (Self::Audit, "Calls for the audit log."),
        (Self::Arrival, "Calls with one-time codes, which set up a site's owner or enrol a device."),
        (
            Self::Sockets,
            "WebSockets with the subprotocol [`SUBPROTOCOL`]. All messages are JSON text frames with a member `type`. \
            A text frame has at most [`MAX_FRAME`]. The member `x-websocket` of an operation contains the schemas of \
            the frames that the client and the edge send.",
        ),
    ];

    pub(super) fn word(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

impl Caller {
    /// Returns the names of the accepted security schemes, and whether a request without credentials is accepted.
    /// Returns `None` for the document's default.
    fn security(self) -> Option<Value> {
        let (schemes, or_none): (&[&str], bool) = match self {
            Self::Token => return None,
            Self::Anyone => (&[], false),
            Self::AnyBrowser => (&["session", "refresh", "guest"], true),
            Self::AnyLogin => (&["session", "refresh", "guest", "bearer", "query"], true),
            Self::RefreshCookie => (&["refresh"], false),
            Self::Certificate => (&["certificate"], false),
        };
        let schemes = schemes.iter().map(|scheme| json!({ *scheme: [] }));
        Some(schemes.chain(or_none.then(|| json!({}))).collect())
    }
}

impl Operation {
    /// Returns the first sentence of the description, without the full stop.
    pub(super) fn summary(&self) -> String {
        let summary = prose::paragraphs(self.doc).swap_remove(0);
        summary.strip_suffix('.').map(str::to_owned).unwrap_or(summary)
    }

    /// Returns all problem codes of the operation.
    fn all_codes(&self) -> Vec<Code> {
        let needs_token = self.caller == Caller::Token;
        let body = self.body.map(|(body, _)| body);
        let rules: [(bool, &[Code]); 9] = [
            (self.id != "Health", &[Code::Internal, Code::Misconfigured]),
            (!self.in_path.is_empty(), &[Code::NotFound]),
            (
                needs_token,
                &[
                    Code::TwoCarriers,
                    Code::InvalidToken,
                    Code::UnknownSite,
                    Code::OtherLogin,
                    Code::IssuerUnavailable,
                    Code::Throttled,
                ],
            ),
            (
                needs_token && self.method != "GET",
                &[Code::InvalidRequest, Code::InsufficientScope, Code::WrongOrigin],
            ),
            (self.takes_secret, &[Code::WrongOrigin, Code::PlaintextRefused]),
            (self.caller == Caller::Certificate, &[Code::InvalidToken]),
            (self.frames.is_some(), &[Code::InvalidRequest, Code::UpgradeRequired]),
            (body.is_some(), &[Code::InvalidRequest, Code::TooLarge]),
            (body.is_some_and(|body| body != Body::TokenForm), &[Code::UnsupportedMediaType]),
        ];
        let implied = rules.iter().filter(|(applies, _)| *applies).flat_map(|(_, codes)| codes.iter());
        let all: Vec<Code> = implied.chain(&self.codes).copied().collect();
        Code::ALL.iter().filter(|code| all.contains(code)).copied().collect()
    }

    fn all_parameters(&self) -> Vec<Value> {
        let capital = |name: &str| name[..1].to_uppercase() + &name[1..];
        let in_path = self.in_path.iter().map(|name| capital(name));
        let socket = self.frames.iter().flat_map(|_| ["Upgrade", "Subprotocol"]).map(str::to_owned);
        let own = self.parameters.iter().map(|name| (*name).to_owned());
        let page = match (self.caller, self.frames.is_some()) {
            (Caller::Token, false) => &["As", "PageSite", "PageSubject"][..],
            (Caller::Token, true) => &["As"],
            _ => &[],
        };
        let names = in_path.chain(socket).chain(own).chain(page.iter().map(|name| (*name).to_owned()));
        names.map(|name| json!({ "$ref": format!("#/components/parameters/{name}") })).collect()
    }

    /// Returns the member of a path item in the document.
    pub(super) fn describe(&self, generators: &mut Generators) -> Value {
        let description = prose::paragraphs(self.doc).split_off(1).join("\n\n");
        let mut operation = json!({
            "operationId": self.id[..1].to_lowercase() + &self.id[1..],
            "summary": self.summary(),
            "tags": [self.tag.word()],
            "responses": self.responses(generators),
        });
        let mut set = |name: &str, value: Option<Value>| {
            if let (Some(value), Some(members)) = (value, operation.as_object_mut()) {
                members.insert(name.to_owned(), value);
            }
        };
        set("description", (!description.is_empty()).then(|| description.into()));
        set("security", self.caller.security());
        let parameters = self.all_parameters();
        set("parameters", (!parameters.is_empty()).then(|| parameters.into()));
        set("requestBody", self.body.map(|(body, schema)| request_body(body, schema, generators)));
        set(
            "x-websocket",
            self.frames.map(|(sent, received)| {
                json!({ "sends": generators.request(sent), "receives": generators.reply(received) })
            }),
        );
        merge(&mut operation, &self.more);
        operation
    }

    fn responses(&self, generators: &mut Generators) -> Value {
        let mut success = json!({ "description": self.text });
        if let Some(reply) = self.reply {
            success["content"] = json!({ "application/json": { "schema": generators.reply(reply) } });
        }
        if self.status == 303 {
            success["headers"] = json!({
                "Location": { "required": true, "schema": { "type": "string" } },
                "Set-Cookie": { "$ref": "#/components/headers/SetCookie" },
            });
        }
        let mut all = Map::from_iter([(self.status.to_string(), success)]);
        let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
        for code in self.all_codes() {
            by_status.entry(code.status()).or_default().push(code);
        }
        for (status, codes) in by_status {
            let name = match self.caller {
                Caller::Certificate if status == 401 => responses::CHALLENGE.to_owned(),
                _ => responses::name(&codes),
            };
            all.insert(status.to_string(), json!({ "$ref": format!("#/components/responses/{name}") }));
            generators.responses.insert(name, codes);
        }
        all.into()
    }
}

fn request_body(body: Body, schema: SchemaOf, generators: &mut Generators) -> Value {
    const FORM: &str = "application/x-www-form-urlencoded";
    let mut content = Map::new();
    if body != Body::TokenForm {
        content.insert("application/json".into(), json!({ "schema": generators.request(schema) }));
    }
    if matches!(body, Body::JsonOrForm | Body::JsonOrTokenForm | Body::OptionalJsonOrTokenForm) {
        let form = schemas::form(generators, schema, body != Body::JsonOrForm);
        content.insert(FORM.into(), json!({ "schema": form }));
    }
    if body == Body::TokenForm {
        content.insert(FORM.into(), json!({ "schema": generators.token_form() }));
    }
    let required = !matches!(body, Body::OptionalJsonOrTokenForm | Body::TokenForm);
    json!({ "required": required, "content": content })
}

/// Applies a JSON Merge Patch (RFC 7396).
fn merge(target: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, value) in patch {
        if value.is_null() {
            target.as_object_mut().and_then(|members| members.remove(name));
        } else {
            merge(&mut target[name.as_str()], value);
        }
    }
}
