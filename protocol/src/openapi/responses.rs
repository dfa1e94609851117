//! Describes error responses in the OpenAPI document. Their descriptions are the doc comments of the problem codes.

use serde_json::{Map, Value, json};

use super::prose;
use crate::problem::{Code, MEDIA_TYPE};

/// The name of the response 401 to an agent.
pub(super) const CHALLENGE: &str = "challenge";

/// Returns the name of the response with one of the given codes.
pub(super) fn name(codes: &[Code]) -> String {
    codes.iter().map(|code| code.as_str()).collect::<Vec<_>>().join("-")
}

/// Returns the member of `components/responses` for the response with the given name and codes.
pub(super) fn describe(name: &str, codes: &[Code]) -> Value {
    let mut code = json!({ "enum": codes.iter().map(|code| code.as_str()).collect::<Vec<_>>() });
    if codes.contains(&Code::Refused) {
        code = json!({ "anyOf": [code, { "$ref": "#/components/schemas/Refusal" }] });
    }
    let mut rule = json!({ "properties": { "code": code } });
    if codes == [Code::Throttled] {
        rule["required"] = json!(["retry_after"]);
    }
    let schema = json!({ "allOf": [{ "$ref": "#/components/schemas/Problem" }, rule] });
    let mut response = json!({
        "description": description(codes),
        "content": { MEDIA_TYPE: { "schema": schema } },
    });
    let headers = headers(name, codes);
    if !headers.is_empty() {
        response["headers"] = headers.into();
    }
    response
}

fn description(codes: &[Code]) -> String {
    let text = |code: &Code| prose::paragraphs(code.description()).join(" ");
    match codes {
        [code] => text(code),
        _ => codes.iter().map(|code| format!("- `{code}`: {}", text(code))).collect::<Vec<_>>().join("\n"),
    }
}

fn headers(name: &str, codes: &[Code]) -> Map<String, Value> {
    let shared = |header: &str| json!({ "$ref": format!("#/components/headers/{header}") });
    let mut headers = Map::new();
    let mut set = |header: &str, value: Value| headers.insert(header.to_owned(), value);
    if name == CHALLENGE {
        set("WWW-Authenticate", shared("Challenge"));
    } else if codes.iter().all(|code| code.status() == 401) || codes == [Code::InsufficientScope] {
        set("WWW-Authenticate", shared("Authenticate"));
    }
    match codes {
        [Code::MethodNotAllowed] => set("Allow", shared("Allow")),
        [Code::Throttled] => set("Retry-After", shared("RetryAfter")),
        _ if codes.contains(&Code::IssuerUnavailable) => {
            set("Retry-After", shared("RetryAfterIssuerUnavailable"))
        }
        _ => None,
    };
    headers
}
