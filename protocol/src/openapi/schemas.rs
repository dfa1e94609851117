//! Generates the schemas of messages from their Rust types.

use std::collections::BTreeMap;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::prose;
use crate::problem::Code;
use crate::schema::SchemaOf;

const PREFIX: &str = "#/components/schemas/";

/// The generators of all schemas, and the schemas and responses that the operations need.
pub(super) struct Generators {
    requests: SchemaGenerator,
    replies: SchemaGenerator,
    forms: BTreeMap<String, Value>,
    /// The name and the codes of each error response.
    pub(super) responses: BTreeMap<String, Vec<Code>>,
}

impl Generators {
    pub(super) fn new() -> Self {
        let mut settings = SchemaSettings::draft2020_12();
        settings.definitions_path = PREFIX.trim_start_matches('#').trim_end_matches('/').into();
        Self {
            requests: settings.clone().for_deserialize().into_generator(),
            replies: settings.for_serialize().into_generator(),
            forms: BTreeMap::new(),
            responses: BTreeMap::new(),
        }
    }

    /// Returns the schema of a message to the edge.
    pub(super) fn request(&mut self, schema: SchemaOf) -> Value {
        schema(&mut self.requests).to_value()
    }

    /// Returns the schema of a message from the edge.
    pub(super) fn reply(&mut self, schema: SchemaOf) -> Value {
        schema(&mut self.replies).to_value()
    }

    /// Returns a reference to the schema of a form that contains only the caller's token.
    pub(super) fn token_form(&mut self) -> Value {
        self.add_form(
            "CarrierForm".into(),
            json!({
                "description": "A form that can contain the caller's token.",
                "type": "object",
                "properties": { "access_token": { "type": "string" } },
            }),
        )
    }

    fn add_form(&mut self, name: String, form: Value) -> Value {
        let reference = json!({ "$ref": format!("{PREFIX}{name}") });
        self.forms.insert(name, form);
        reference
    }

    /// Returns all schemas that the operations refer to. If requests and replies both contain a type, the schema of the
    /// request is used, which also matches the replies.
    pub(super) fn finish(mut self) -> Map<String, Value> {
        let mut all: Map<String, Value> = self.replies.take_definitions(false);
        for schema in all.values_mut() {
            omit_null(schema);
        }
        let mut requests = self.requests.take_definitions(false);
        requests.values_mut().for_each(limit);
        all.extend(requests);
        all.values_mut().for_each(tidy);
        all.extend(self.forms);
        for (name, rule) in rules() {
            if let (Some(Value::Object(schema)), Value::Object(rule)) = (all.get_mut(name), rule) {
                schema.extend(rule);
            }
        }
        all
    }
}

/// Returns a reference to the schema of a form with the members of a request.
pub(super) fn form(generators: &mut Generators, schema: SchemaOf, with_token: bool) -> Value {
    let reference = generators.request(schema);
    let request =
        reference["$ref"].as_str().and_then(|path| path.strip_prefix(PREFIX)).expect("a named request");
    let mut form = generators.requests.definitions()[request].clone();
    limit(&mut form);
    tidy(&mut form);
    for member in form["properties"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        remove_null(member);
    }
    let mut text =
        format!("A form with the same fields as the members of `{request}`. A field must not occur twice.");
    if with_token {
        form["properties"]["access_token"] = json!({ "type": "string" });
        let required = form["required"].as_array().cloned().unwrap_or_default();
        form["required"] = std::iter::once(json!("access_token")).chain(required).collect();
        text = format!("A form with the caller's token and the members of `{request}`.");
    }
    form["description"] = text.into();
    let name = format!("{}Form", request.trim_end_matches("Request"));
    generators.add_form(name, form)
}

/// Returns the rules between the members of a message, which the Rust types do not state.
fn rules() -> [(&'static str, Value); 4] {
    let grants = |required_type: Value| {
        let with_type = |grant: &str, members: &[&str]| {
            let mut properties = json!({ "grant_type": { "const": grant } });
            if required_type != Value::Null {
                members.iter().for_each(|member| properties[*member] = required_type.clone());
            }
            json!({ "required": members, "properties": properties })
        };
        json!({ "oneOf": [
            with_type("password", &["username", "password"]),
            with_type("refresh_token", &["refresh_token"]),
        ] })
    };
    let right = |one: &str, other: &str| json!({ "required": [one], "properties": { one: { "type": "string" }, other: { "type": "null" } } });
    [
        ("TokenRequest", grants(json!({ "type": "string" }))),
        ("TokenForm", grants(Value::Null)),
        ("RightsRequest", json!({ "oneOf": [right("role", "scope"), right("scope", "role")] })),
        ("IssueReply", json!({ "oneOf": [{ "required": ["access_token"] }, { "required": ["link"] }] })),
    ]
}

/// Calls a function for a schema and for all schemas inside of it.
fn visit(schema: &mut Value, change: &mut dyn FnMut(&mut Map<String, Value>)) {
    match schema {
        Value::Object(members) => {
            change(members);
            members.values_mut().for_each(|member| visit(member, change));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| visit(item, change)),
        _ => {}
    }
}

/// Removes `null` from the members that a reply omits instead.
fn omit_null(schema: &mut Value) {
    visit(schema, &mut |members| {
        let required = members.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        if let Some(Value::Object(properties)) = members.get_mut("properties") {
            for (name, member) in properties {
                if !required.contains(&json!(name)) {
                    remove_null(member);
                }
            }
        }
    });
}

/// Removes `null` from the values that a schema allows.
fn remove_null(schema: &mut Value) {
    let Some(members) = schema.as_object_mut() else { return };
    if let Some(Value::Array(types)) = members.get_mut("type") {
        types.retain(|one| one != "null");
        if let [one] = types.as_slice() {
            let one = one.clone();
            members.insert("type".into(), one);
        }
    }
    if let Some(Value::Array(choices)) = members.get_mut("anyOf") {
        choices.retain(|choice| choice["type"] != "null");
        if let [one] = choices.as_slice() {
            let one = one.clone();
            members.remove("anyOf");
            match one {
                // A description next to a reference is allowed in OpenAPI 3.1.
                Value::Object(only) => {
                    members.extend(only.into_iter().filter(|(name, _)| name != "description"))
                }
                _ => unreachable!("a schema is an object"),
            }
        }
    }
}

/// Adds the largest values that the edge accepts.
fn limit(schema: &mut Value) {
    visit(schema, &mut |members| {
        let most = match members.get("format").and_then(Value::as_str) {
            Some("uint8") => u64::from(u8::MAX),
            Some("uint16") => u64::from(u16::MAX),
            Some("uint32") => u64::from(u32::MAX),
            Some("uint64") => u64::MAX,
            _ => return,
        };
        members.entry("maximum").or_insert(most.into());
    });
}

/// Removes the members that only repeat the types of Rust, and formats descriptions.
fn tidy(schema: &mut Value) {
    visit(schema, &mut |members| {
        members.retain(|name, value| match name.as_str() {
            "format" => value == "password",
            "default" => !value.is_null(),
            _ => true,
        });
        if let Some(Value::String(text)) = members.get_mut("description") {
            *text = prose::paragraphs(text).join("\n\n");
        }
    });
}
