"""The tokens with which the services identify the user to each other.

They are signed with INTERNAL_API_TOKEN and short-lived. A token cannot be changed to another user.
"""

import time
import warnings

import jwt

ISSUER, AUDIENCE, ALGORITHM = "todo-backend", "todo-tools", "HS256"
# The maximum lifetime of a token, and the accepted difference between clocks.
LIFETIME_S, LEEWAY_S = 120, 5
# All errors of reading a token, including deeply nested JSON and very large numbers.
INVALID_TOKEN = (jwt.PyJWTError, ValueError, TypeError, RecursionError, OverflowError)

# The user chooses the length of INTERNAL_API_TOKEN; do not warn at every request.
warnings.filterwarnings("ignore", category=jwt.InsecureKeyLengthWarning)


def mint(user: str, secret: str) -> str:
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": user, "iat": now, "exp": now + LIFETIME_S}
    return jwt.encode(claims, secret, ALGORITHM)


def verified(token: str, secret: str) -> str | None:
    """The user of a token; None if it is invalid."""
    if not secret:
        return None
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            audience=AUDIENCE,
            leeway=LEEWAY_S,
            options={"require": ["iss", "aud", "sub", "iat", "exp"]},
        )
    except INVALID_TOKEN:
        return None
    if float(claims["exp"]) - float(claims["iat"]) > LIFETIME_S:
        return None
    return str(claims["sub"])
