"""Calls one tool of an MCP server, and prints its result as JSON.

usage: mcp_client.py URL --list null | mcp_client.py URL TOOL '{"argument": ...}'

INTERNAL_API_TOKEN in the environment signs the token that names the user; USER_ID is that user.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import sys
import time

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client


def token(user: str, secret: str) -> str:
    """What the backend would send, made without its code."""
    now = int(time.time())
    claims = {"iss": "todo-backend", "aud": "todo-tools", "sub": user, "iat": now, "exp": now + 120}
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    text = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    signature = hmac.digest(secret.encode(), text, hashlib.sha256)
    return (text + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


async def main(url: str, tool: str, arguments: str) -> int:
    user = os.environ.get("USER_ID", "local")
    headers = {"Authorization": f"Bearer {token(user, os.environ['INTERNAL_API_TOKEN'])}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        if tool == "--list":
            print(json.dumps([found.name for found in (await client.list_tools()).tools]))
            return 0
        result = await client.call_tool(tool, json.loads(arguments))
        text = "".join(getattr(part, "text", "") for part in result.content)
        if result.is_error:
            print(text, file=sys.stderr)
            return 1
        print(json.dumps(result.structured_content) if result.structured_content else text)
        return 0


sys.exit(asyncio.run(main(*sys.argv[1:4])))
