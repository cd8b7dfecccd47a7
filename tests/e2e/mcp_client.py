"""Calls one tool of an MCP server, and prints its result as JSON.

usage: mcp_client.py URL --list null | mcp_client.py URL TOOL '{"argument": ...}'
"""

import asyncio
import json
import sys

from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client


async def main(url: str, tool: str, arguments: str) -> int:
    async with Client(streamable_http_client(url)) as client:
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
