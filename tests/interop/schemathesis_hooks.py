"""What the document cannot say of a request: how its token travels, and whose login it may break."""

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
JTI = json.loads(base64.urlsafe_b64decode(CLAIMS + "=" * (-len(CLAIMS) % 4)))["jti"]
NOBODY = "nobody"
COMMANDS = itertools.count()


@schemathesis.hook
def before_call(context, case, kwargs):
    # The audit log tells every token's id, and schemathesis revokes it.
    if case.path_parameters.get("jti") == JTI:
        case.path_parameters["jti"] = NOBODY
    if case.meta and not case.meta.generation.mode.is_negative:
        if "Origin" in case.headers:
            case.headers["Origin"] = ORIGIN
        # Each id comes twice: most of those made from the document would be the same.
        if "Idempotency-Key" in case.headers:
            case.headers["Idempotency-Key"] = f"command-{next(COMMANDS) // 2}"
    body = case.body
    if not isinstance(body, dict):
        return
    # A form's token is the only one of its request.
    if carries_token(case):
        body["access_token"] = TOKEN
        kwargs["auth"] = without_header
    # Who invites the owner anew gets a code, and with that code the account: schemathesis found out.
    if str(body.get("username")).lower() == OWNER:
        body["username"] = NOBODY
    # Wrong passwords make an account's next logins wait: here only that of nobody, on our own site.
    is_login = body.get("grant_type") == "password" or case.operation.path == "/api/v1/session"
    if is_login and isinstance(body.get("username"), str):
        body.update(username=NOBODY, site=SITE)


@schemathesis.hook
def filter_failure(context, failure, case, response):
    # To see whether a token is needed the header is taken away. The form still has one.
    return not (type(failure).__name__ == "IgnoredAuth" and carries_token(case))


def carries_token(case):
    is_form = case.media_type == "application/x-www-form-urlencoded"
    return is_form and isinstance(case.body, dict) and "access_token" in case.body


def without_header(request):
    request.headers.pop("Authorization", None)
    return request
