"""The token by which our services tell each other for which user they work.

Signed with INTERNAL_API_TOKEN and short-lived: a service that sees one cannot make another user's.
"""

import time
import warnings

import jwt

ISSUER, AUDIENCE, ALGORITHM = "todo-backend", "todo-tools", "HS256"
# Seconds: the longest life of a token, and what clocks may differ by.
LIFETIME, LEEWAY = 120, 5
# What reading a token can end with: strangers may nest JSON too deep, or write endless numbers.
NONSENSE = (jwt.PyJWTError, ValueError, TypeError, RecursionError, OverflowError)

# The length of INTERNAL_API_TOKEN is its owner's choice, and not news at every request.
warnings.filterwarnings("ignore", category=jwt.InsecureKeyLengthWarning)


def mint(user: str, secret: str) -> str:
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": user, "iat": now, "exp": now + LIFETIME}
    return jwt.encode(claims, secret, ALGORITHM)


def verified(token: str, secret: str) -> str | None:
    """The user of a token, None if it proves nothing."""
    if not secret:
        return None
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            audience=AUDIENCE,
            leeway=LEEWAY,
            options={"require": ["iss", "aud", "sub", "iat", "exp"]},
        )
    except NONSENSE:
        return None
    if float(claims["exp"]) - float(claims["iat"]) > LIFETIME:
        return None
    return str(claims["sub"])
