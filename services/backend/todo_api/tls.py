"""One TLS context for all clients, so that the certificates are read only once."""

import ssl
from functools import cache

import httpx2


@cache
def context(trust_env: bool = False) -> ssl.SSLContext:
    """Trusts the certificates of the system and, with `trust_env`, of `SSL_CERT_FILE`."""
    return httpx2.create_ssl_context(trust_env=trust_env)
