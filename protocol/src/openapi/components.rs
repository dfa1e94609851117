//! The parameters, headers and security schemes of the OpenAPI document, which several operations share.

use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use super::schemas::Generators;
use crate::SUBPROTOCOL;
use crate::agent::MAX_STATEMENT;
use crate::agent::{PROOF_HEADER, YIELD_HEADER};
use crate::api::{
    GUEST_COOKIE, REFRESH_COOKIE, SESSION_COOKIE, SITE_HEADER, SITE_PARAMETER, SUBJECT_HEADER,
    SUBJECT_PARAMETER,
};
use crate::audit::{AUDIT_PAGE, MAX_AUDIT_PAGE};
use crate::command::schemas::CommandId;
use crate::command::{CALL_HEADER, GRANT_HEADER};
use crate::command::{DEFAULT_DEADLINE_MS, MAX_DEADLINE_MS, MIN_DEADLINE_MS};
use crate::line::schemas::Verb;
use crate::name::{Name, UserName};
use crate::schema::schema_of;

/// Returns `components/parameters`. The key of a parameter is its name in the table of endpoints.
pub(super) fn parameters(generators: &mut Generators) -> Value {
    let mut all = Map::new();
    let text = || json!({ "type": "string" });
    let number = || json!({ "type": "integer", "minimum": 0, "maximum": u64::MAX });
    let mut add = |key: &str, name: &str, place: &str, schema: Value, text: &str| {
        let mut parameter = json!({ "name": name, "in": place, "schema": schema });
        if !text.is_empty() {
            parameter["description"] = text.into();
        }
        if place == "path" {
            parameter["required"] = true.into();
        }
        all.insert(key.to_owned(), parameter);
    };
    fn of<T: JsonSchema>(generators: &mut Generators) -> Value {
        generators.request(schema_of::<T>)
    }

    let name = of::<Name>(generators);
    add("Device", "device", "path", name.clone(), "The name of the device.");
    add("Line", "line", "path", name.clone(), "The name of the GPIO line on the device.");
    add(
        "Action",
        "action",
        "path",
        of::<Verb>(generators),
        "An action that the kind of the GPIO line supports. If the GPIO line does not support the action, the response \
        is 422 `action_unsupported`.",
    );
    add("Id", "id", "path", of::<CommandId>(generators), "The id of the command.");
    add("Username", "username", "path", of::<UserName>(generators), "The user name of the person.");
    add("Jti", "jti", "path", json!({ "type": "string", "minLength": 1 }), "The id (`jti`) of the token.");
    add(
        "Provider",
        "provider",
        "path",
        name.clone(),
        "The name of a login provider, as in the response of `GET /logins`.",
    );
    add(
        "As",
        "as",
        "query",
        text(),
        "The value `guest` selects the guest cookie instead of the login cookie. The parameter `as` grants no \
        permission. Values other than `guest` are ignored.",
    );
    add(
        "Site",
        "site",
        "query",
        name.clone(),
        "The name of the site. If `site` is absent, the first site of the deployment is used.",
    );
    let other = "If the token has another site or subject, the response is 409 `other_login`.";
    let site = format!("The site of the token. {other} A request with a cookie needs the site.");
    let subject = format!("The subject (`sub`) of the token. {other}");
    add("TokenSite", SITE_PARAMETER, "query", name.clone(), &site);
    add("TokenSubject", SUBJECT_PARAMETER, "query", text(), &subject);
    let site = format!(
        "The site of the token. {other} A request with a cookie that changes something needs this header. For a `GET` \
        request with a cookie, the default is the first site of the deployment."
    );
    add("PageSite", SITE_HEADER, "header", name, &site);
    add("PageSubject", SUBJECT_HEADER, "header", text(), &subject);
    add(
        "DeadlineMs",
        "deadline_ms",
        "query",
        json!({
            "type": "integer",
            "minimum": MIN_DEADLINE_MS,
            "maximum": MAX_DEADLINE_MS,
            "default": DEFAULT_DEADLINE_MS,
        }),
        "The deadline of the command, in milliseconds after the edge accepts the command.",
    );
    add(
        "Nonce",
        "nonce",
        "query",
        json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{16,64}$" }),
        "A random text that the device copies into the reading as `eat_nonce` (RFC 9711 §4.1). A reading with your nonce \
         is not older than your question.",
    );
    add(
        "IdempotencyKey",
        "Idempotency-Key",
        "header",
        of::<CommandId>(generators),
        "The id of the command, chosen by the caller. If `Idempotency-Key` is absent, the edge chooses a random id.",
    );
    let statement = || json!({ "type": "string", "maxLength": MAX_STATEMENT, "pattern": "^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+$" });
    add(
        "HolderCall",
        CALL_HEADER,
        "header",
        statement(),
        "The call of a holder (`call+jwt`), for a line with the setting `authority = \"holder\"`. It needs the header \
         `Pinlatch-Grant`.",
    );
    add(
        "HolderGrant",
        GRANT_HEADER,
        "header",
        statement(),
        "The grant of the holder (`grant+jwt`), which the owner's root key signed. It needs the header `Pinlatch-Call`.",
    );
    add(
        "ExpiresAt",
        "expires_at",
        "query",
        number(),
        "The `exp` of the token, if this site did not issue the token.",
    );
    add(
        "Before",
        "before",
        "query",
        number(),
        "Only audit entries with a number lower than `before` are returned.",
    );
    let mut limit = number();
    limit["default"] = AUDIT_PAGE.into();
    let range = format!("from 1 to {MAX_AUDIT_PAGE}");
    let limit_text = format!(
        "The number of entries per page, {range}. A number outside of the range {range} is replaced by the nearest \
        number in the range."
    );
    add("Limit", "limit", "query", limit, &limit_text);
    add(
        "Actor",
        "actor",
        "query",
        text(),
        "Only audit entries whose actor is equal to `actor` are returned.",
    );
    add("Act", "act", "query", text(), "Only audit entries whose action is equal to `act` are returned.");
    add(
        "Target",
        "target",
        "query",
        text(),
        "Only audit entries about this device, line, person or token are returned. For example, `porch` matches the \
        device `porch` and all its GPIO lines, `porch/` matches only the lines, and `porch/door` matches one line.",
    );
    add(
        "About",
        "about",
        "query",
        text(),
        "Only audit entries whose target contains the text `about` are returned. The name of a token that was made or \
        revoked also counts. Upper case and lower case are equal, and so are a space, `-` and `_`.",
    );
    add(
        "Outcome",
        "outcome",
        "query",
        text(),
        "Only audit entries with this outcome are returned. `outcome` can contain several outcomes, separated by \
        commas.",
    );
    add(
        "SinceMs",
        "since_ms",
        "query",
        number(),
        "Only audit entries at or after the time `since_ms` are returned.",
    );
    add(
        "UntilMs",
        "until_ms",
        "query",
        number(),
        "Only audit entries before the time `until_ms` are returned.",
    );
    add("Code", "code", "query", text(), "The authorization code of the login provider.");
    add("State", "state", "query", text(), "The `state` of the authorization request.");
    add("Iss", "iss", "query", text(), "The issuer of the authorization response (RFC 9207).");
    add(
        "Proof",
        PROOF_HEADER,
        "header",
        text(),
        "A `devproof+jwt` that is signed with the device's key and has the claims `challenge` and `session`.",
    );
    add(
        "Yield",
        YIELD_HEADER,
        "header",
        json!({ "type": "string", "enum": ["?1"] }),
        "With the value `?1`, the edge accepts the connection only if no other agent is connected as this device. If \
        another agent is connected as this device, the response is 409 `device_connected`.",
    );
    add(
        "Origin",
        "Origin",
        "header",
        text(),
        "The origin of this deployment, in the format of a browser's `Origin` header.",
    );
    add(
        "CookieOrigin",
        "Origin",
        "header",
        text(),
        "The origin of this deployment, in the format of a browser's `Origin` header. A request without the header \
        `Authorization` needs the header `Origin`.",
    );
    add(
        "Upgrade",
        "Upgrade",
        "header",
        json!({ "type": "string", "pattern": "^[Ww][Ee][Bb][Ss][Oo][Cc][Kk][Ee][Tt]$" }),
        "",
    );
    add(
        "Subprotocol",
        "Sec-WebSocket-Protocol",
        "header",
        json!({ "type": "string", "examples": [SUBPROTOCOL] }),
        &format!("A list of subprotocols that contains `{SUBPROTOCOL}`."),
    );
    for required in ["Origin", "Upgrade", "Subprotocol"] {
        all[required]["required"] = true.into();
    }
    for (key, example) in [("Device", "porch"), ("Line", "lamp"), ("Action", "toggle")] {
        all[key]["example"] = example.into();
    }
    all.into()
}

/// Returns `components/headers`.
pub(super) fn headers() -> Value {
    let seconds = "The number of seconds to wait before the next attempt.";
    json!({
        "Authenticate": {
            "description": "The value is `Bearer realm=\"pinlatch\"`. If a token was refused, the value also contains \
                `error=\"invalid_token\"` or `error=\"insufficient_scope\"` (RFC 6750 §3).",
            "required": true,
            "schema": { "type": "string", "pattern": "^Bearer realm=\"pinlatch\"" },
        },
        "Challenge": {
            "description": "If the request has no proof, the value is `Pinlatch challenge=\"…\"`. If the proof or the \
                certificate is invalid, the value is the same as for any invalid token.",
            "required": true,
            "schema": {
                "type": "string",
                "pattern": "^(Pinlatch challenge=\"[A-Za-z0-9_-]+\"|Bearer realm=\"pinlatch\".*)$",
            },
        },
        "SetCookie": {
            "description": "One `Set-Cookie` header per cookie. All cookies are `Secure` and `HttpOnly`. The cookie \
                with the state of a login at a provider is `SameSite=Lax`, and all other cookies are \
                `SameSite=Strict`.",
            "required": true,
            "schema": { "type": "string" },
        },
        "RetryAfter": { "description": seconds, "required": true, "schema": { "type": "integer", "minimum": 1 } },
        "RetryAfterIssuerUnavailable": {
            "description": format!(
                "{seconds} Only a problem with the code `issuer_unavailable` has the header `Retry-After`."
            ),
            "schema": { "type": "integer", "minimum": 1 },
        },
        "Allow": {
            "description": "The HTTP methods that the path supports.",
            "required": true,
            "schema": { "type": "string" },
        },
    })
}

/// Returns `components/securitySchemes`.
pub(super) fn security_schemes() -> Value {
    let cookie = |start: &str, text: &str| {
        let name = format!("{start}SITE");
        let text = format!("{text} In the name of the cookie, `SITE` is the name of the site.");
        json!({ "type": "apiKey", "in": "cookie", "name": name, "description": text })
    };
    json!({
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "at+jwt",
            "description": "An access token of a login, an API token, or a token of an external issuer in the \
                deployment's configuration (RFC 6750 §2.1). The token can be encrypted with one of the edge's public \
                keys.",
        },
        "session": cookie(
            SESSION_COOKIE,
            "The cookie of a browser's login. For calls that change something, and for WebSocket upgrades, the header \
            `Origin` must contain the origin of this deployment, and the request must name the site.",
        ),
        "guest": cookie(
            GUEST_COOKIE,
            "The cookie with a guest link's token. The edge uses the guest cookie only with `as=guest`.",
        ),
        "refresh": cookie(
            REFRESH_COOKIE,
            "The cookie with a browser's refresh token.",
        ),
        "query": {
            "type": "apiKey",
            "in": "query",
            "name": "access_token",
            "description": "The token in the query of the URL (RFC 6750 §2.3). The edge accepts a token in the query \
                only if the deployment enables `QUERY_TOKENS`, because logs and browser histories store URLs.",
        },
        "certificate": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "devcert+jwt",
            "description": "A device's certificate, sent with a proof that the device has the private key.",
        },
    })
}
