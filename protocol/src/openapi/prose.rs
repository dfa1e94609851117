//! Converts doc comments to the texts of the OpenAPI document.

use crate::admin::{MAX_GUEST_SCOPE, MAX_IDENTITY, MAX_TOKEN_DAYS, MAX_TOKEN_NAME, MAX_USES};
use crate::agent::{MAX_LINES, PROOF_HEADER, YIELD_HEADER};
use crate::api::READING_LIMIT_MS;
use crate::close::SESSION_ENDED;
use crate::command::{MAX_COMMAND_ID, MAX_DEADLINE_MS, MIN_DEADLINE_MS};
use crate::line::{MAX_PRECISION, MAX_UNIT};
use crate::name::{MAX_NAME, MAX_USER_NAME};
use crate::{MAX_BODY, MAX_FRAME, SUBPROTOCOL};

/// Returns the paragraphs of a doc comment as one line each. A link to a constant becomes the value of the constant.
pub(super) fn paragraphs(doc: &str) -> Vec<String> {
    let lines: Vec<&str> = doc.lines().map(str::trim).collect();
    lines
        .split(|line| line.is_empty())
        .filter(|paragraph| !paragraph.is_empty())
        .map(|paragraph| resolve(&paragraph.join(" ")))
        .collect()
}

/// Replaces each link of a doc comment, such as ``[`MAX_NAME`]``.
fn resolve(text: &str) -> String {
    let mut resolved = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once("[`") {
        let (item, after) = link.split_once("`]").unwrap_or_else(|| panic!("no end of the link: {text}"));
        // The path of a link such as ``[`MAX_NAME`](crate::name::MAX_NAME)`` is not part of the text.
        let after =
            after.strip_prefix('(').and_then(|path| path.split_once(')')).map_or(after, |(_, after)| after);
        resolved += before;
        resolved += &value(item);
        rest = after;
    }
    resolved + rest
}

fn value(item: &str) -> String {
    let kib = |bytes: usize| format!("{} KiB", bytes / 1024);
    match item {
        "MAX_BODY" => kib(MAX_BODY),
        "MAX_COMMAND_ID" => MAX_COMMAND_ID.to_string(),
        "MAX_DEADLINE_MS" => MAX_DEADLINE_MS.to_string(),
        "MAX_FRAME" => kib(MAX_FRAME),
        "MAX_GUEST_SCOPE" => MAX_GUEST_SCOPE.to_string(),
        "MAX_IDENTITY" => MAX_IDENTITY.to_string(),
        "MAX_LINES" => MAX_LINES.to_string(),
        "MAX_NAME" => MAX_NAME.to_string(),
        "MAX_PRECISION" => MAX_PRECISION.to_string(),
        "MAX_TOKEN_DAYS" => MAX_TOKEN_DAYS.to_string(),
        "MAX_TOKEN_NAME" => MAX_TOKEN_NAME.to_string(),
        "MAX_UNIT" => MAX_UNIT.to_string(),
        "MAX_USER_NAME" => MAX_USER_NAME.to_string(),
        "MAX_USES" => MAX_USES.to_string(),
        "MIN_DEADLINE_MS" => MIN_DEADLINE_MS.to_string(),
        "READING_LIMIT_MS" => format!("{READING_LIMIT_MS} ms"),
        "PROOF_HEADER" => format!("`{PROOF_HEADER}`"),
        "SESSION_ENDED" => SESSION_ENDED.to_string(),
        "SUBPROTOCOL" => format!("`{SUBPROTOCOL}`"),
        "YIELD_HEADER" => format!("`{YIELD_HEADER}`"),
        // A message of a WebSocket is known by its `type`.
        _ => format!("`{}`", item.rsplit("::").next().unwrap_or(item).to_lowercase()),
    }
}
