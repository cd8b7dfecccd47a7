"""Verifies the tokens of users against the public keys that the accounts publish."""

import asyncio
import time
from typing import Any

import httpx2
import jwt

from todo_api import tls
from todo_api.errors import ApiError
from todo_api.service_token import NONSENSE
from todo_common import logs

# Never one that is signed with a shared secret: a public key could be taken for the secret.
KINDS = {("OKP", "Ed25519"): "EdDSA", ("EC", "P-256"): "ES256", ("RSA", None): "RS256"}
# Seconds: that keys are taken for fresh, that they serve while they cannot be read again, between
# two readings because of an unknown key, after a reading that failed, and for one reading.
FRESH, STALE, UNKNOWN, FAILED, PATIENCE = 600.0, 3600.0, 10.0, 2.0, 3.0
# Clocks of two machines differ by less.
LEEWAY = 30
MAX_TOKEN, MAX_KEYS = 4096, 64 * 1024
CLAIMS = ["iss", "aud", "sub", "exp"]


class Unreadable(Exception):
    """The keys cannot be read."""


class Keys:
    """The public keys of one issuer, read when they are needed."""

    def __init__(
        self,
        url: str,
        issuer: str,
        audience: str,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.url, self.issuer, self.audience = url, issuer, audience
        # The accounts are a neighbour: no proxy of the environment stands between.
        self.client = httpx2.AsyncClient(
            timeout=PATIENCE, transport=transport, verify=tls.context(), trust_env=False
        )
        self.keys: dict[str, jwt.PyJWK] = {}
        self._read_at = self._failed_at = float("-inf")
        self._one_at_a_time = asyncio.Lock()

    async def user(self, token: str) -> str:
        """The user of a token; raises `ApiError` for one that proves nothing."""
        try:
            key = await self._key(_key_id(token))
            claims = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                audience=self.audience,
                issuer=self.issuer,
                leeway=LEEWAY,
                options={"require": CLAIMS, "enforce_minimum_key_length": True},
            )
        except jwt.ExpiredSignatureError:
            raise refusal("The token has expired.") from None
        except NONSENSE as error:
            logs.info("a token was refused", cause=type(error).__name__)
            raise refusal("The token is not valid.") from None
        return str(claims["sub"])

    async def close(self) -> None:
        await self.client.aclose()

    async def _key(self, key_id: str) -> jwt.PyJWK:
        async with self._one_at_a_time:
            age = time.monotonic() - self._read_at
            known = key_id in self.keys
            if age > (FRESH if known else UNKNOWN):
                try:
                    await self._read()
                except Unreadable:
                    # Accounts that start anew log nobody out.
                    if not known or age > STALE:
                        message = "The accounts do not answer; try again."
                        raise ApiError(503, message, "accounts_unavailable") from None
            if key_id not in self.keys:
                raise jwt.InvalidTokenError("unknown key")
            return self.keys[key_id]

    async def _read(self) -> None:
        now = time.monotonic()
        if now - self._failed_at < FAILED:
            raise Unreadable
        try:
            async with asyncio.timeout(PATIENCE):
                response = await self.client.get(self.url)
            if response.status_code != 200 or len(response.content) > MAX_KEYS:
                raise ValueError(f"status {response.status_code}")
            found = response.json()["keys"]
            self.keys = dict(pair for pair in map(_public, found) if pair is not None)
        except (httpx2.HTTPError, TimeoutError, KeyError, *NONSENSE) as error:
            self._failed_at = now
            logs.warning("the keys of the accounts cannot be read", cause=type(error).__name__)
            raise Unreadable from None
        self._read_at = now


def refusal(message: str) -> ApiError:
    return ApiError(401, message)


def _key_id(token: str) -> str:
    if len(token) > MAX_TOKEN:
        raise jwt.InvalidTokenError("too long")
    header = jwt.get_unverified_header(token)
    # Before the keys are asked: what can never be verified makes nobody read them.
    if header.get("alg") not in KINDS.values() or not isinstance(header.get("kid"), str):
        raise jwt.InvalidTokenError("algorithm or key")
    return str(header["kid"])


def _public(found: Any) -> tuple[str, jwt.PyJWK] | None:
    """A key with its id; None for one that is not used here, as others may be next to ours."""
    if not isinstance(found, dict) or not isinstance(found.get("kid"), str):
        return None
    algorithm = KINDS.get((str(found.get("kty")), found.get("crv")))
    if algorithm is None or found.get("alg", algorithm) != algorithm:
        return None
    if found.get("use", "sig") != "sig" or "d" in found:
        return None
    try:
        return found["kid"], jwt.PyJWK.from_dict(found, algorithm)
    except NONSENSE:
        return None
