"""The MCP server and the web application around it."""

import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import CallToolResult, InputRequiredResult
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from todo_common import logs
from todo_common.requests import Requests
from todo_mcp.backend import Backend
from todo_mcp.identity import Identified, refuse
from todo_mcp.settings import Settings
from todo_mcp.tools import tools

INSTRUCTIONS = (
    "The user's to-do list. Tasks are named by their ids; find the id with list_tasks when the "
    "user speaks of a task by its title or its place in the list."
)
# A task has at most 2200 characters, each of which takes at most 12 bytes in escaped JSON.
MAX_BODY = 64 * 1024


# `FastMCP` was renamed to `MCPServer` in version 2 of the library.
class TodoServer(MCPServer[None]):
    """The five tools, with a log line for each call."""

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[None, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        started, failed = time.perf_counter(), True
        try:
            self._refuse_unknown(name, arguments)
            result = await super().call_tool(name, arguments, context)
            failed = False
            return result
        except UnexpectedToolError:
            raise
        except ToolError as error:
            if isinstance(error.__cause__, ValidationError):
                raise ToolError(_sentence(name, error.__cause__)) from None
            raise
        finally:
            took = round((time.perf_counter() - started) * 1000, 1)
            logs.info("tool", tool=name[:100], failed=failed, milliseconds=took)

    def _refuse_unknown(self, name: str, arguments: dict[str, Any]) -> None:
        # The library ignores unknown arguments, but a model that sends a user must not assume
        # that it had an effect.
        tool = self._tool_manager.get_tool(name)
        unknown = set(arguments) - set(tool.parameters["properties"]) if tool else set()
        if unknown:
            raise ToolError(f"{name} has no argument {', '.join(sorted(unknown))[:200]}.")


def _sentence(name: str, error: ValidationError) -> str:
    problems = [
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_input=False)
    ]
    return f"{name} cannot use these arguments: {'; '.join(problems)}"


async def health(_: Request) -> Response:
    """The process responds. It does not check the backend, which a restart would not fix."""
    return JSONResponse({"status": "ok"})


def create_app(settings: Settings, backend: Backend | None = None) -> Starlette:
    backend = backend or Backend(settings.backend_url)
    server = TodoServer("todo", instructions=INSTRUCTIONS, tools=tools(backend))
    app = server.streamable_http_app(
        # Without sessions, any replica can handle any request.
        stateless_http=True,
        json_response=True,
        max_request_body_size=MAX_BODY,
        # `Requests` refuses browsers, and `Identified` everybody without a token.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    inner = app.router.lifespan_context

    @contextlib.asynccontextmanager
    async def lifespan(starlette: Starlette) -> AsyncIterator[Any]:
        async with inner(starlette) as state:
            try:
                yield state
            finally:
                logs.info("stopping")
                await backend.close()

    app.router.lifespan_context = lifespan
    app.router.routes.append(Route("/health", health, methods=["GET"]))
    app.add_middleware(Identified, secret=settings.internal_token)
    # Added last, so it is outermost.
    app.add_middleware(Requests, refuse=refuse)
    return app
