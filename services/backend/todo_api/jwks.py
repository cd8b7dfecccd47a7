"""Verifies the tokens of users with the public keys that the account service publishes."""

import asyncio
import time
from typing import Any

import httpx2
import jwt

from todo_api import tls
from todo_api.errors import ApiError
from todo_api.service_token import INVALID_TOKEN
from todo_common import logs

# No algorithm with a shared secret: a public key could be used as the secret.
KINDS = {("OKP", "Ed25519"): "EdDSA", ("EC", "P-256"): "ES256", ("RSA", None): "RS256"}
# After how long keys are read again, in the background; how long they are used if that fails; the
# pauses between two reads for unknown keys and after a failed read; and the timeout of a read.
REFRESH_S, MAX_AGE_S, UNKNOWN_KEY_PAUSE_S, FAILURE_PAUSE_S, READ_TIMEOUT_S = (
    600.0,
    3600.0,
    10.0,
    2.0,
    3.0,
)
# The accepted difference between the clocks of two machines.
LEEWAY_S = 30
MAX_TOKEN, MAX_KEYS = 4096, 64 * 1024
CLAIMS = ["iss", "aud", "sub", "exp"]


class Keys:
    """The public keys of one issuer, read on demand."""

    def __init__(
        self,
        url: str,
        issuer: str,
        audience: str,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.url, self.issuer, self.audience = url, issuer, audience
        # The account service is in the same cluster: ignore proxies.
        self.client = httpx2.AsyncClient(
            timeout=READ_TIMEOUT_S, transport=transport, verify=tls.context(), trust_env=False
        )
        self.keys: dict[str, jwt.PyJWK] = {}
        self._read_at = self._failed_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    async def user(self, token: str) -> str:
        """The user of a token; raises `ApiError` if it is invalid."""
        try:
            key = await self._key(_key_id(token))
            claims = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                audience=self.audience,
                issuer=self.issuer,
                leeway=LEEWAY_S,
                options={"require": CLAIMS, "enforce_minimum_key_length": True},
            )
        except jwt.ExpiredSignatureError:
            raise refusal("The token has expired.") from None
        except INVALID_TOKEN as error:
            logs.info("a token was refused", cause=type(error).__name__)
            raise refusal("The token is not valid.") from None
        return str(claims["sub"])

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
        await self.client.aclose()

    async def _key(self, key_id: str) -> jwt.PyJWK:
        age = time.monotonic() - self._read_at
        key = self.keys.get(key_id)
        # An account service that hangs must not delay users whose key is known, nor log them out.
        if key is not None and age <= MAX_AGE_S:
            if age > REFRESH_S:
                self._read_once()
            return key
        if age > UNKNOWN_KEY_PAUSE_S:
            # All that wait for a key wait for the same read, which does not end with one of them.
            await asyncio.wait({self._read_once()})
            if time.monotonic() - self._read_at > UNKNOWN_KEY_PAUSE_S:
                message = "The accounts do not answer; try again."
                raise ApiError(503, message, "accounts_unavailable")
        if key_id not in self.keys:
            raise jwt.InvalidTokenError("unknown key")
        return self.keys[key_id]

    def _read_once(self) -> asyncio.Task[None]:
        """The read that is running, or a new one."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())
        return self._reading

    async def _read(self) -> None:
        if time.monotonic() - self._failed_at < FAILURE_PAUSE_S:
            return
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                response = await self.client.get(self.url)
            if response.status_code != 200 or len(response.content) > MAX_KEYS:
                raise ValueError(f"status {response.status_code}")
            found = response.json()["keys"]
            self.keys = dict(pair for pair in map(_public, found) if pair is not None)
            self._read_at = time.monotonic()
        except (httpx2.HTTPError, TimeoutError, KeyError, *INVALID_TOKEN) as error:
            self._failed_at = time.monotonic()
            logs.warning("the keys of the accounts cannot be read", cause=type(error).__name__)


def refusal(message: str) -> ApiError:
    return ApiError(401, message)


def _key_id(token: str) -> str:
    if len(token) > MAX_TOKEN:
        raise jwt.InvalidTokenError("too long")
    header = jwt.get_unverified_header(token)
    # Checked before the keys are read: a token that cannot be valid must not cause a request.
    if header.get("alg") not in KINDS.values() or not isinstance(header.get("kid"), str):
        raise jwt.InvalidTokenError("algorithm or key")
    return str(header["kid"])


def _public(found: Any) -> tuple[str, jwt.PyJWK] | None:
    """A key with its ID; None for a key of another kind."""
    if not isinstance(found, dict) or not isinstance(found.get("kid"), str):
        return None
    algorithm = KINDS.get((str(found.get("kty")), found.get("crv")))
    if algorithm is None or found.get("alg", algorithm) != algorithm:
        return None
    if found.get("use", "sig") != "sig" or "d" in found:
        return None
    try:
        return found["kid"], jwt.PyJWK.from_dict(found, algorithm)
    except INVALID_TOKEN:
        return None
