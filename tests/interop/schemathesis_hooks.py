"""Hooks that change schemathesis's requests where the OpenAPI document cannot describe a condition."""

import base64
import itertools
import json
import os

import schemathesis

TOKEN = os.environ["PINLATCH_TOKEN"]
SITE = os.environ["PINLATCH_SITE"]
OWNER = os.environ["PINLATCH_OWNER"]
ORIGIN = os.environ["PINLATCH_ORIGIN"]
CLAIMS = TOKEN.split(".")[1]
CLAIMS = json.loads(base64.urlsafe_b64decode(CLAIMS + "=" * (-len(CLAIMS) % 4)))
NOBODY = "nobody"
COMMANDS = itertools.count()


@schemathesis.hook
def before_call(context, case, kwargs):
    # schemathesis finds the ids of its own token and login in responses, and would end them.
    # Therefore these ids are replaced by an unknown id.
    for name, claim in (("jti", "jti"), ("id", "family")):
        if case.path_parameters.get(name) == CLAIMS[claim]:
            case.path_parameters[name] = NOBODY
    # All logins of the owner would end.
    ends_logins = case.method == "DELETE" or case.operation.path.endswith("/secure")
    if ends_logins and str(case.path_parameters.get("username")).lower() == OWNER:
        case.path_parameters["username"] = NOBODY
    if case.meta and not case.meta.generation.mode.is_negative:
        if "Origin" in case.headers:
            case.headers["Origin"] = ORIGIN
        # A request that names another site or subject than its token is refused.
        if "Pinlatch-Site" in case.headers:
            case.headers["Pinlatch-Site"] = SITE
        if "Pinlatch-Subject" in case.headers:
            case.headers["Pinlatch-Subject"] = OWNER
        # Each idempotency key is used for two requests. Most keys that schemathesis generates from
        # the OpenAPI document would be identical.
        if "Idempotency-Key" in case.headers:
            case.headers["Idempotency-Key"] = f"command-{next(COMMANDS) // 2}"
    body = case.body
    if not isinstance(body, dict):
        return
    # If a form contains the token, the request must contain no second token.
    if carries_token(case):
        body["access_token"] = TOKEN
        kwargs["auth"] = without_header
    # An invitation for the owner returns a code that sets a new password. With such a code,
    # schemathesis once took over the owner's account, so the user name is replaced.
    if str(body.get("username")).lower() == OWNER:
        body["username"] = NOBODY
    # A wrong password delays the next logins of the same account. Therefore all logins use the
    # test's site and an account that does not exist.
    is_login = body.get("grant_type") == "password" or case.operation.path == "/api/v1/session"
    if is_login and isinstance(body.get("username"), str):
        body.update(username=NOBODY, site=SITE)


@schemathesis.hook
def filter_failure(context, failure, case, response):
    # The check `IgnoredAuth` removes the Authorization header to test whether the edge requires a
    # token. The check is ignored for forms, because a form still contains the token.
    return not (type(failure).__name__ == "IgnoredAuth" and carries_token(case))


def carries_token(case):
    is_form = case.media_type == "application/x-www-form-urlencoded"
    return is_form and isinstance(case.body, dict) and "access_token" in case.body


def without_header(request):
    request.headers.pop("Authorization", None)
    return request
