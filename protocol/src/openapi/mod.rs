//! Generates the OpenAPI document of the HTTP API from the table of endpoints and from the message types. The Worker
//! serves the generated file as it is.

mod components;
mod operation;
mod prose;
mod responses;
mod schemas;
mod tests;

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use self::schemas::Generators;
use crate::MAX_BODY;
use crate::endpoint::operation::{Operation, Tag};
use crate::endpoint::operations;
use crate::problem::{Code, Problem};
use crate::schema::schema_of;

/// The longest line on which an object or an array is written without line breaks, in characters.
const WIDTH: usize = 120;

/// Returns the OpenAPI document.
fn document() -> Value {
    let mut generators = Generators::new();
    let mut paths = Map::new();
    for operation in operations() {
        let item = paths.entry(operation.template).or_insert_with(|| json!({}));
        item[operation.method.to_lowercase()] = operation.describe(&mut generators);
    }
    let parameters = components::parameters(&mut generators);
    // Any path can return this response, so no operation lists it.
    let anywhere = [Code::MethodNotAllowed];
    generators.responses.insert(responses::name(&anywhere), anywhere.into());
    generators.reply(schema_of::<Problem>);
    let described =
        generators.responses.iter().map(|(name, codes)| (name.clone(), responses::describe(name, codes)));
    let responses: Map<String, Value> = described.collect();
    let tags = Tag::ALL
        .iter()
        .map(|(tag, text)| json!({ "name": tag.word(), "description": prose::paragraphs(text).join(" ") }));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Pinlatch",
            "version": "1",
            "summary": "Operates GPIO lines and reads sensors of Linux devices over the internet, authorised by signed \
                tokens.",
            "description": description(),
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "The deployment that serves this OpenAPI document." }],
        "security": [{ "bearer": [] }, { "session": [] }, { "guest": [] }, { "query": [] }],
        "tags": tags.collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "securitySchemes": components::security_schemes(),
            "parameters": parameters,
            "headers": components::headers(),
            "responses": responses,
            "schemas": generators.finish(),
        },
    })
}

fn description() -> String {
    let (limit, carriers) = (MAX_BODY / 1024, Code::TwoCarriers);
    format!(
        "The paths of all calls start at the origin of the deployment. Errors are problem documents (RFC 9457). The \
        `code` of a problem is stable, but the other texts of a problem are for people and can change. For a path that \
        does not exist, the response is 404 `not_found`. For a method that a path does not support, the response is \
        405 `method_not_allowed` with the header `Allow`. Future versions can add members to responses, and clients \
        must ignore unknown members. If the schema of a request has `additionalProperties: false`, a request with \
        unknown members is refused. A request body has at most {limit} KiB. Times named `…_ms` are in milliseconds of \
        Unix time. All other times are in seconds of Unix time.\n\n\
        A request sends its token in exactly one of the ways that `security` lists. For a request with more than one \
        token, the response is 400 `{carriers}`. A POST call that changes something can also accept the token in the \
        form field `access_token` (RFC 6750 §2.2). The other fields of the form are the members of the JSON body. If \
        the value of an action's argument is valid JSON, the value is parsed as JSON (`ms=3000`, `value=true`). Any \
        other value of an argument is a string. For a call that changes something with a browser's cookie, the header \
        `Origin` must contain the origin of this deployment.\n\n\
        Responses must not be cached (`Cache-Control: no-store`). Web pages of other origins cannot read the responses \
        (no CORS)."
    )
}

/// Writes JSON with sorted members. An object or array without line breaks is preferred.
fn write(value: &Value, indent: usize, text: &mut String) {
    let compact = compact(value);
    if indent + compact.chars().count() <= WIDTH {
        *text += &compact;
        return;
    }
    let pad = " ".repeat(indent + 2);
    let (open, close, items): (char, char, Vec<(String, &Value)>) = match value {
        Value::Object(members) => {
            let key = |name: &String| format!("{}: ", json!(name));
            ('{', '}', members.iter().map(|(name, member)| (key(name), member)).collect())
        }
        Value::Array(items) => ('[', ']', items.iter().map(|item| (String::new(), item)).collect()),
        _ => {
            *text += &compact;
            return;
        }
    };
    text.push(open);
    for (index, (key, item)) in items.into_iter().enumerate() {
        *text += if index == 0 { "\n" } else { ",\n" };
        *text += &pad;
        *text += &key;
        write(item, indent + 2, text);
    }
    text.push('\n');
    *text += &" ".repeat(indent);
    text.push(close);
}

fn compact(value: &Value) -> String {
    let list = |items: Vec<String>, open, close| match items.is_empty() {
        true => format!("{open}{close}"),
        false if open == "{" => format!("{open} {} {close}", items.join(", ")),
        false => format!("{open}{}{close}", items.join(", ")),
    };
    match value {
        Value::Object(members) => {
            let member = |(name, member): (&String, &Value)| format!("{}: {}", json!(name), compact(member));
            list(members.iter().map(member).collect(), "{", "}")
        }
        Value::Array(items) => list(items.iter().map(compact).collect(), "[", "]"),
        _ => value.to_string(),
    }
}

/// Returns the rows of the table of calls in `docs/api.md`.
fn table() -> String {
    let row = |operation: Operation| {
        let path = operation.template.strip_prefix("/api/v1").unwrap_or(operation.template);
        format!("| `{} {path}` | {} |\n", operation.method, operation.summary())
    };
    operations().into_iter().map(row).collect()
}

/// Compares a generated file with the file in the repository. If the files differ, the function writes the file and
/// fails, except in CI.
fn require_up_to_date(path: &str, generate: impl FnOnce(&str) -> String) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    let committed = fs::read_to_string(&file).expect("the file can be read");
    let generated = generate(&committed);
    if committed == generated {
        return;
    }
    if std::env::var_os("CI").is_none() {
        fs::write(file, generated).expect("the file can be written");
    }
    panic!("{path} was not up to date; `cargo test -p pinlatch-protocol openapi` writes the file");
}

#[test]
fn the_document_is_up_to_date() {
    require_up_to_date("edge-worker/openapi.json", |_| {
        let mut document = document();
        document.sort_all_objects();
        let mut text = String::new();
        write(&document, 0, &mut text);
        text + "\n"
    });
}

#[test]
fn the_table_in_the_documentation_is_up_to_date() {
    const HEAD: &str = "| call | purpose |\n|---|---|\n";
    require_up_to_date("docs/api.md", |page| {
        let (before, rest) = page.split_once(HEAD).expect("the head of the table");
        let (_, after) = rest.split_once("\n\n").expect("text after the table");
        format!("{before}{HEAD}{}\n{after}", table())
    });
}
