"""A fake account service: signing keys, and a server that publishes them."""

import asyncio
import time
from typing import Any

import httpx2
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.support import App

URL = "http://frontend:3000/auth/jwks"
MAKERS: dict[str, Any] = {
    "EdDSA": Ed25519PrivateKey.generate,
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
}


class Issuer:
    """Signs tokens, and publishes its keys to an application."""

    def __init__(self) -> None:
        self.private: dict[str, tuple[str, Any]] = {}
        self.published: dict[str, Any] = {"keys": []}
        self.away = False
        # Seconds until it answers.
        self.delay_s = 0.0
        self.answer: httpx2.Response | None = None
        self.reads = 0
        self.add("first")

    def add(self, key_id: str, algorithm: str = "EdDSA") -> dict[str, Any]:
        key = MAKERS[algorithm]()
        public: dict[str, Any] = jwt.get_algorithm_by_name(algorithm).to_jwk(
            key.public_key(), as_dict=True
        )
        public |= {"kid": key_id, "alg": algorithm}
        self.private[key_id] = (algorithm, key)
        self.published["keys"].append(public)
        return public

    def claims(self, user: str = "alice", **other: Any) -> dict[str, Any]:
        now = int(time.time())
        known = {"iss": "todo-chatbot", "aud": "todo-api", "sub": user, "iat": now}
        every = known | {"exp": now + 900} | other
        return {name: value for name, value in every.items() if value is not None}

    def token(self, user: str = "alice", key_id: str = "first", **other: Any) -> str:
        algorithm, key = self.private[key_id]
        return jwt.encode(self.claims(user, **other), key, algorithm, headers={"kid": key_id})

    def serve(self, app: App) -> None:
        async def answer(request: httpx2.Request) -> httpx2.Response:
            self.reads += 1
            assert str(request.url) == URL
            await asyncio.sleep(self.delay_s)
            if self.away:
                raise httpx2.ConnectError("refused")
            return self.answer or httpx2.Response(200, json=self.published)

        assert app.parts.keys is not None
        app.parts.keys.client = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))

    def log_in(self, app: App, user: str) -> None:
        app.client.headers["Authorization"] = f"Bearer {self.token(user)}"
