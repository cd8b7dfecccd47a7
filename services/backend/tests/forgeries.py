"""Forged tokens, made by hand where libraries do not support it."""

import json
import time

import jwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.accounts import Issuer
from tests.support import TOKEN
from todo_testing.tokens import encoded, minted, signed


def forged(issuer: Issuer) -> dict[str, str]:
    """Tokens that must be rejected."""
    now = int(time.time())
    good = issuer.token()
    head, body, signature = good.split(".")
    public = issuer.published["keys"][0]
    pem = (
        issuer.private["first"][1]
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    other = Issuer()
    named = {"kid": "first", "typ": "JWT"}
    odd = encoded(json.dumps({"alg": "EdDSA", "kid": [1]}).encode())
    none = signed(named | {"alg": "none"}, issuer.claims(), "").rpartition(".")[0]
    return {
        "empty": "",
        "rubbish": "a.b.c",
        "deep": f"{encoded(b'[' * 2900)}.{body}.{signature}",
        "not text": "\x7f",
        "too long": good + "A" * 5000,
        "alg none": f"{none}.",
        "alg None": f"{signed(named | {'alg': 'None'}, issuer.claims(), '').rpartition('.')[0]}.",
        "alg none, with a signature": f"{none}.{signature}",
        "no alg": signed(named, issuer.claims(), ""),
        "HS256 with the public key": signed(
            named | {"alg": "HS256"}, issuer.claims(), pem.decode()
        ),
        "HS256 with the key's number": signed(
            named | {"alg": "HS256"}, issuer.claims(), public["x"]
        ),
        "HS256 with our own secret": signed(named | {"alg": "HS256"}, issuer.claims(), TOKEN),
        "the token of a service": minted(TOKEN, "alice"),
        "the secret of the services": TOKEN,
        "another signer": other.token(),
        "another signer who sends the key along": jwt.encode(
            issuer.claims(),
            other.private["first"][1],
            "EdDSA",
            headers={"kid": "first", "jwk": other.published["keys"][0], "jku": "http://evil"},
        ),
        "unknown key": jwt.encode(
            issuer.claims(), issuer.private["first"][1], "EdDSA", headers={"kid": "../first"}
        ),
        "no key": jwt.encode(issuer.claims(), issuer.private["first"][1], "EdDSA"),
        "key that is no text": f"{odd}.{body}.{signature}",
        "another algorithm than the key's": signed(named | {"alg": "RS256"}, issuer.claims(), "x"),
        "another body": f"{head}.{other.token('eve').split('.')[1]}.{signature}",
        "no signature": f"{head}.{body}.",
        "another audience": issuer.token(aud="other"),
        "another audience of the same issuer": issuer.token(aud="todo-tools"),
        "no audience": issuer.token(aud=None),
        "another issuer": issuer.token(iss="evil"),
        "no issuer": issuer.token(iss=None),
        "expired": issuer.token(exp=now - 31),
        "no end": issuer.token(exp=None),
        "an end that is no number": issuer.token(exp="never"),
        "not yet": issuer.token(nbf=now + 300),
        "no user": issuer.token(sub=None),
        "an empty user": issuer.token(""),
        "a user that is no text": issuer.token(sub=["alice"]),
        "a user that is no id": issuer.token("../alice"),
        "a critical extension": jwt.encode(
            issuer.claims(),
            issuer.private["first"][1],
            "EdDSA",
            headers={"kid": "first", "crit": ["x"], "x": 1},
        ),
    }
