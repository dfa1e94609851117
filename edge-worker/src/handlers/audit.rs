//! Handles requests for the audit log. The response is one page of the audit log, or an export as JSON Lines.

use pinlatch_protocol::audit::{AUDIT_PAGE, AuditFilter, AuditPage, MAX_AUDIT_PAGE, RetentionRequest};
use pinlatch_protocol::problem::Problem;
use pinlatch_site::{Principal, calls};

use crate::auth;
use crate::incoming::Incoming;
use crate::objects::ask_own;
use crate::respond::{self, HandlerResult, fault};

/// The maximum number of audit entries in one export. An export with the maximum number of entries has a few megabytes.
/// To read further entries, the client passes the query parameter `before`.
const MAX_EXPORT: usize = 20_000;

const JSON_LINES: &str = "application/jsonl";

/// Handles `GET /api/v1/audit`, which returns entries of the audit log.
pub async fn read(incoming: Incoming) -> HandlerResult {
    let number = |name| incoming.query_number(name);
    let filter = AuditFilter {
        before: number("before")?,
        since_ms: number("since_ms")?,
        until_ms: number("until_ms")?,
        actor: incoming.query("actor"),
        act: incoming.query("act"),
        target: incoming.query("target"),
        about: incoming.query("about"),
        outcome: incoming.query("outcome"),
    };
    let limit = number("limit")?.map_or(AUDIT_PAGE, |limit| u32::try_from(limit).unwrap_or(u32::MAX));
    let (principal, _) = auth::principal(&incoming).await?;
    let wants_lines = incoming.header("Accept").is_some_and(|accept| accept.contains(JSON_LINES));
    if wants_lines {
        export(&incoming, principal, filter).await
    } else {
        respond::json(&page(&incoming, principal, filter, limit).await?)
    }
}

async fn page(
    incoming: &Incoming,
    principal: Principal,
    filter: AuditFilter,
    limit: u32,
) -> Result<AuditPage, Problem> {
    ask_own(&incoming.env, calls::Audit { principal, filter, limit }).await
}

async fn export(incoming: &Incoming, principal: Principal, mut filter: AuditFilter) -> HandlerResult {
    let (mut lines, mut count) = (String::new(), 0);
    loop {
        let page = page(incoming, principal.clone(), filter.clone(), MAX_AUDIT_PAGE).await?;
        count += page.entries.len();
        for entry in &page.entries {
            lines.push_str(&serde_json::to_string(entry).map_err(|error| fault("audit", error))?);
            lines.push('\n');
        }
        match page.next.filter(|_| count < MAX_EXPORT) {
            Some(next) => filter.before = Some(next),
            None => break,
        }
    }
    respond::text(&lines, JSON_LINES)
}

/// Handles `PUT /api/v1/audit/retention`, which sets how long audit entries are stored.
pub async fn retain(mut incoming: Incoming) -> HandlerResult {
    let principal = auth::principal_for_write(&incoming).await?;
    let RetentionRequest { days } = incoming.json().await?;
    ask_own(&incoming.env, calls::Retain { principal, days }).await?;
    respond::nothing()
}
