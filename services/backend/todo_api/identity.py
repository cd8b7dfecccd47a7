"""Who asks. The only place that knows; a later issue puts signed tokens here."""

import hmac
import re

from fastapi import Request

from todo_api.errors import ApiError
from todo_api.runtime import runtime

LOCAL = "local"
USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:-]{0,127}")


def current_user() -> str:
    """The user of a request through the ingress. Without accounts there is just one."""
    return LOCAL


def user_of_service(request: Request) -> str:
    """The user for whom another of our services asks. That service proves itself by the token.

    The header is taken at its word; a signed token of the user will replace it.
    """
    expected = runtime(request).settings.internal_token
    sent = request.headers.get("Authorization", "")
    given = sent.removeprefix("Bearer ") if sent.startswith("Bearer ") else ""
    # Bytes, as text with other characters than ASCII cannot be compared in constant time.
    same = hmac.compare_digest(given.encode("latin-1", "replace"), expected.encode())
    if not expected or not same:
        raise ApiError(401, "The internal API wants the internal token.")
    user = request.headers.get("X-User-Id", LOCAL)
    if not USER.fullmatch(user):
        raise ApiError(400, "X-User-Id is not the id of a user.")
    return user
