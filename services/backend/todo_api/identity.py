"""Identifies the user of a request, always by a signed token. No other module does."""

import re
from typing import Annotated

from fastapi import Depends, Request

from todo_api import service_token
from todo_api.jwks import refusal
from todo_api.runtime import runtime

LOCAL = "local"
USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:-]{0,127}")


async def current_user(request: Request) -> str:
    """The user of a request through the ingress. Without accounts, there is only one."""
    keys = runtime(request).keys
    if keys is None:
        return LOCAL
    token = _bearer(request)
    if not token:
        raise refusal("Log in first: this needs a token.")
    user = await keys.user(token)
    if not USER.fullmatch(user):
        raise refusal("The token is not valid.")
    return user


async def limited_user(request: Request, user: Annotated[str, Depends(current_user)]) -> str:
    """The same; raises `ApiError` if the user exceeds the request limit."""
    parts = runtime(request)
    # Without accounts, all clients are one user and would share the limit.
    if parts.keys is not None:
        await parts.limits.take("api", user)
    return user


def user_of_service(request: Request) -> str:
    """The user of a request of another service, by the token that this service issued."""
    secret = runtime(request).settings.internal_token
    user = service_token.verified(_bearer(request), secret)
    if user is None or not USER.fullmatch(user):
        raise refusal("The internal API wants a token of the backend.")
    return user


def _bearer(request: Request) -> str:
    sent = request.headers.get("Authorization", "")
    kind, _, token = sent.partition(" ")
    return token if kind.lower() == "bearer" else ""
