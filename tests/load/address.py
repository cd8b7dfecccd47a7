"""The address of the application: a URL, and an IP address for a name without DNS."""

import ipaddress
from dataclasses import dataclass

import httpx2

from trouble import Trouble

# The timeouts to connect and for a part of a response; a chat turn may take 60 s.
CONNECT, PATIENCE = 10.0, 75.0
# How long idle connections are kept: shorter than servers do, so that none is closed in use.
IDLE = 4.0


@dataclass(frozen=True)
class Address:
    """The origin of the page, and the address to connect to."""

    origin: str
    instead: str = ""

    @classmethod
    def of(cls, url: str, resolve: str = "") -> "Address":
        """From `--url` and `--resolve`."""
        example = "give the address of the page, like --url http://todo-app.local"
        try:
            parsed = httpx2.URL(url)
        except httpx2.InvalidURL as error:
            raise Trouble(f"`{url}` is not a URL: {error}", example) from None
        if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo:
            raise Trouble(f"`{url}` is not an HTTP URL", example)
        if parsed.path != "/" or parsed.query or parsed.fragment:
            raise Trouble(f"`{url}` contains more than a host name and a port", example)
        port = "" if parsed.port is None else f":{parsed.port}"
        host = f"[{parsed.host}]" if ":" in parsed.host else parsed.host
        instead = _instead(resolve, parsed.host) if resolve else ""
        return cls(f"{parsed.scheme}://{host}{port}", instead)

    def client(self) -> httpx2.AsyncClient:
        """A client with its own cookies and connections, like a browser."""
        return httpx2.AsyncClient(
            base_url=self.origin,
            # Ignores proxies.
            trust_env=False,
            transport=_Transport(self.instead),
            timeout=httpx2.Timeout(PATIENCE, connect=CONNECT),
        )

    def unreachable(self, error: httpx2.HTTPError) -> Trouble:
        """Why nothing responds, and how to fix it."""
        said = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, httpx2.ConnectError):
            if "name" in said.lower() or "address associated" in said.lower():
                host = httpx2.URL(self.origin).host
                helps = f"add --resolve {host}=127.0.0.1, or the address of the ingress"
                return Trouble(f"cannot resolve the host name of {self.origin}: {said}", helps)
            helps = "see that the application runs (todo-bootstrap status), and which port it has"
            return Trouble(f"cannot connect to {self.origin}: {said}", helps)
        helps = "see that the application runs (todo-bootstrap status)"
        return Trouble(f"{self.origin} is not responding: {said}", helps)


class _Transport(httpx2.AsyncHTTPTransport):
    """Connects to the given address, with the host name in the request and for TLS."""

    def __init__(self, instead: str) -> None:
        limits = httpx2.Limits(max_connections=None, keepalive_expiry=IDLE)
        super().__init__(trust_env=False, limits=limits)
        self.instead = instead

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.instead:
            url = request.url.copy_with(host=self.instead)
            extensions = {**request.extensions, "sni_hostname": request.url.host}
            request = httpx2.Request(
                request.method,
                url,
                headers=request.headers,
                stream=request.stream,
                extensions=extensions,
            )
        return await super().handle_async_request(request)


def _instead(resolve: str, host: str) -> str:
    example = f"give it like --resolve {host}=127.0.0.1"
    name, _, address = resolve.partition("=")
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise Trouble(f"`{resolve}` is not HOST=ADDRESS", example) from None
    if name != host:
        raise Trouble(f"--resolve is for {name}, but the URL is for {host}", example)
    return address
