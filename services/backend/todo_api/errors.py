"""The errors that clients receive, in one format."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from todo_common import logs

CODES = {
    400: "bad_request",
    401: "unauthenticated",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    422: "validation_error",
    429: "rate_limited",
    503: "unavailable",
}


class ApiError(Exception):
    """An error response: a status, a code for programs, a sentence for people."""

    def __init__(self, status: int, message: str, code: str = "", **headers: str) -> None:
        super().__init__(message)
        self.status = status
        # Passed as arguments, for example `Retry_After="2"`.
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if status == 503:
            self.headers.setdefault("Retry-After", "2")
        elif status == 401:
            self.headers.setdefault("WWW-Authenticate", "Bearer")
        self.code = code or CODES[status]
        self.message = message


class DatabaseAway(ApiError):
    """The database cannot be reached, or does not respond in time."""

    def __init__(self, cause: str) -> None:
        super().__init__(503, "The database is not responding; try again.", "database_unavailable")
        self.cause = cause


def answer(status: int, code: str, message: str, headers: Any = None) -> JSONResponse:
    body = {"error": {"code": code, "message": message}, "request_id": logs.request_id.get()}
    return JSONResponse(body, status, headers=headers)


def sentence(problems: list[dict[str, Any]]) -> str:
    """The problems of a request, without its values, which may be long or private."""
    parts = []
    for problem in problems:
        if problem["type"] == "json_invalid":
            return "The body is not JSON."
        place = ".".join(str(part) for part in problem["loc"] if part not in ("body", "query"))
        text = str(problem["msg"]).removeprefix("Value error, ")
        parts.append(f"{place}: {text}" if place else text)
    return "; ".join(parts)[:500]


def install(app: FastAPI) -> None:
    async def api_error(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, ApiError)
        if isinstance(error, DatabaseAway):
            logs.warning("the database is not responding", cause=error.cause)
        return answer(error.status, error.code, error.message, error.headers)

    async def invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return answer(422, CODES[422], sentence(list(error.errors())))

    async def http_error(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        code = CODES.get(error.status_code, "error")
        return answer(error.status_code, code, str(error.detail), error.headers)

    app.add_exception_handler(ApiError, api_error)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http_error)
