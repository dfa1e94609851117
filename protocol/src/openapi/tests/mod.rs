//! Tests that the API description `openapi.json` matches the endpoints and the message types.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::endpoint::{Endpoint, operations};
use crate::problem::Code;

mod examples;

/// The parsed file `openapi.json`.
struct Document(Value);

/// One HTTP method of an API path, with its description in `openapi.json`.
struct Operation<'d> {
    document: &'d Document,
    path: &'d str,
    method: &'d str,
    item: &'d Value,
    body: &'d Value,
}

impl Document {
    fn read() -> Self {
        Self(
            serde_json::from_str(include_str!("../../../../edge-worker/openapi.json"))
                .expect("openapi.json is JSON"),
        )
    }

    /// Returns the target of the `$ref` if the value contains a `$ref`. If the value contains no `$ref`, this function
    /// returns the value itself.
    fn resolve<'d>(&'d self, value: &'d Value) -> &'d Value {
        match value["$ref"].as_str() {
            Some(reference) => self.at(reference).unwrap_or_else(|| panic!("{reference} does not exist")),
            None => value,
        }
    }

    fn at(&self, reference: &str) -> Option<&Value> {
        self.0.pointer(reference.strip_prefix('#')?)
    }

    fn operations(&self) -> impl Iterator<Item = Operation<'_>> {
        self.object("/paths").flat_map(move |(path, item)| {
            members(item).filter(|(method, _)| *method != "parameters").map(move |(method, body)| Operation {
                document: self,
                path,
                method,
                item,
                body,
            })
        })
    }

    fn object(&self, pointer: &str) -> impl Iterator<Item = (&str, &Value)> {
        members(self.0.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}")))
    }

    /// Returns the problem codes that a response can contain, according to `openapi.json`.
    fn codes(&self, response: &Value) -> BTreeSet<String> {
        let schema = &self.resolve(response)["content"]["application/problem+json"]["schema"]["allOf"][1];
        let code = &schema["properties"]["code"];
        let listed = [&code["enum"], &code["anyOf"][0]["enum"]].into_iter().filter_map(Value::as_array);
        listed.flatten().map(text).collect()
    }
}

impl Operation<'_> {
    fn name(&self) -> String {
        format!("{} {}", self.method.to_uppercase(), self.path)
    }

    /// Returns the problem codes that a response with this HTTP status can contain. The result is empty if
    /// `openapi.json` does not document the status.
    fn codes(&self, status: u16) -> BTreeSet<String> {
        self.document.codes(&self.body["responses"][status.to_string()])
    }

    fn has(&self, code: Code) -> bool {
        self.codes(code.status()).contains(code.as_str())
    }

    /// Returns whether every request for this operation needs the token of a person, a program or a guest.
    fn needs_token(&self) -> bool {
        let security = self.body.get("security").unwrap_or(&self.document.0["security"]);
        let ways: Vec<&Value> = list(security).collect();
        let bearer = ways.iter().any(|way| way.get("bearer").is_some());
        bearer && ways.iter().all(|way| way.as_object().is_some_and(|way| !way.is_empty()))
    }

    fn takes(&self, media_type: &str) -> Option<&Value> {
        self.body["requestBody"]["content"].get(media_type)
    }

    fn parameters(&self) -> impl Iterator<Item = &Value> {
        [self.item, self.body].into_iter().filter_map(|holder| holder["parameters"].as_array()).flatten()
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let object = value.as_object().unwrap_or_else(|| panic!("no object: {value}"));
    object.iter().map(|(name, member)| (name.as_str(), member))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}")).iter()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// Collects every `$ref` inside a JSON value.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            found.extend(object.get("$ref").map(text));
            object.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn every_endpoint_is_documented_and_nothing_else() {
    let document = Document::read();
    assert!(text(&document.0["openapi"]).starts_with("3.1."));
    let documented: BTreeSet<String> = document.operations().map(|operation| operation.name()).collect();
    let table = operations().into_iter().map(|one| format!("{} {}", one.method, one.template));
    assert_eq!(documented, table.collect());
}

#[test]
fn operations_are_named_and_their_parameters_declared() {
    let document = Document::read();
    let tags: BTreeSet<String> = list(&document.0["tags"]).map(|tag| text(&tag["name"])).collect();
    let mut ids = BTreeSet::new();
    for operation in document.operations() {
        assert!(ids.insert(text(&operation.body["operationId"])), "{} has a unique id", operation.name());
        assert!(!text(&operation.body["summary"]).is_empty());
        assert!(list(&operation.body["tags"]).all(|tag| tags.contains(&text(tag))), "{}", operation.name());
        let parameters = operation.parameters().map(|parameter| document.resolve(parameter));
        let in_path = parameters.filter(|parameter| parameter["in"] == "path");
        let declared: BTreeSet<String> = in_path.map(|parameter| text(&parameter["name"])).collect();
        let pieces = operation.path.split('/').filter_map(|piece| piece.strip_prefix('{')?.strip_suffix('}'));
        assert_eq!(declared, pieces.map(str::to_owned).collect(), "{}", operation.name());
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    let document = Document::read();
    let mut found = Vec::new();
    references(&document.0, &mut found);
    for reference in &found {
        assert!(document.at(reference).is_some(), "{reference}");
    }
    for kind in ["parameters", "headers", "responses", "schemas"] {
        for (name, _) in document.object(&format!("/components/{kind}")) {
            // Any path can return this response, so no operation in `openapi.json` lists it.
            let everywhere = name == "method_not_allowed";
            let used = found.contains(&format!("#/components/{kind}/{name}"));
            assert!(used != everywhere, "{kind}/{name}");
        }
    }
}

#[test]
fn every_code_is_listed_and_stands_under_its_status() {
    let document = Document::read();
    let listed: Vec<String> =
        list(&document.0["components"]["schemas"]["ProblemCode"]["anyOf"][0]["enum"]).map(text).collect();
    assert_eq!(listed, Code::ALL.iter().map(|code| code.as_str().to_owned()).collect::<Vec<_>>());
    let status = |word: &str| Code::ALL.iter().find(|code| code.as_str() == word).map(|code| code.status());
    let mut used = BTreeSet::new();
    for operation in document.operations() {
        for (key, response) in members(&operation.body["responses"]) {
            let number: u16 = key.parse().expect("a status");
            assert_ne!(number, 405, "{} must not list 405, which any path can return", operation.name());
            let codes = document.codes(response);
            assert_eq!(codes.is_empty(), number < 400, "{} {key}", operation.name());
            assert!(codes.iter().all(|code| status(code) == Some(number)), "{} {key}", operation.name());
            used.extend(codes);
        }
    }
    used.extend(document.codes(&document.0["components"]["responses"]["method_not_allowed"]));
    // After a failed login with a provider, the edge redirects the browser to the panel with the error code in the
    // query.
    used.extend([Code::LoginRefused, Code::NotAdmitted].map(|code| code.as_str().to_owned()));
    assert_eq!(used, listed.into_iter().collect(), "every error code is listed for at least one operation");
}

#[test]
fn operations_of_one_sort_document_the_same_answers() {
    let document = Document::read();
    for operation in document.operations() {
        let name = operation.name();
        let is_health = operation.path == "/healthz";
        assert_eq!(operation.has(Code::Misconfigured), !is_health, "{name}");
        assert_eq!(operation.has(Code::Internal), !is_health, "{name}");
        assert!(!operation.path.contains('{') || operation.has(Code::NotFound), "{name}");
        assert!(!operation.needs_token() || operation.has(Code::InvalidToken), "{name}");
        assert_eq!(operation.needs_token(), operation.has(Code::TwoCarriers), "{name}");
        let asks_issuer = operation.needs_token() || operation.path == "/api/v1/logins/{provider}";
        assert_eq!(asks_issuer, operation.has(Code::IssuerUnavailable), "{name}");
        // For a request with a cookie, the edge checks the origin if the request is a write or opens a WebSocket.
        let is_write = operation.method != "get";
        let is_ambient = operation.needs_token() && (is_write || operation.path == "/api/v1/events");
        assert!(!is_ambient || operation.has(Code::WrongOrigin), "{name}");
        if operation.body.get("requestBody").is_some() {
            assert!(operation.has(Code::InvalidRequest) && operation.has(Code::TooLarge), "{name}");
        }
        let takes_json = operation.takes("application/json").is_some();
        assert_eq!(takes_json, operation.has(Code::UnsupportedMediaType), "{name}");
        let form = operation.takes("application/x-www-form-urlencoded");
        let carries = form.is_some_and(|form| {
            document.resolve(&form["schema"])["properties"].get("access_token").is_some()
        });
        let path = operation.path.replace(['{', '}'], "");
        let endpoint = Endpoint::find(&operation.method.to_uppercase(), &path).expect("an endpoint");
        assert_eq!(carries, endpoint.takes_form_token(), "{name}");
    }
}
