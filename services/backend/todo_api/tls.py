"""One TLS context for all clients: each would read all certificates of the machine again."""

import ssl
from functools import cache

import httpx2


@cache
def context(trust_env: bool = False) -> ssl.SSLContext:
    """What the machine trusts; with `trust_env`, also what `SSL_CERT_FILE` and the like name."""
    return httpx2.create_ssl_context(trust_env=trust_env)
