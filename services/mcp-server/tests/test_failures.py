"""What the model is told if the backend is unavailable, slow, broken or rejects a request."""

import httpx2
import pytest

from tests.support import TOKEN, connected, faked, mcp_server
from todo_testing.program import free_port

ADD = ("add_task", {"title": "x"})
LIST: tuple[str, dict[str, str]] = ("list_tasks", {})


class Fake:
    """Raises or returns its items in order, and repeats the last one."""

    def __init__(self, *answers: Exception | httpx2.Response) -> None:
        self.answers = list(answers)
        self.seen: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


EMPTY = httpx2.Response(200, json=[])
REFUSED = httpx2.ConnectError(f"refused {TOKEN}")


@pytest.mark.parametrize(
    "failure", [REFUSED, httpx2.ConnectTimeout("x"), httpx2.RemoteProtocolError("x")]
)
async def test_reading_is_tried_once_more(failure: Exception) -> None:
    fake = Fake(failure, EMPTY)
    async with faked(fake) as (tools, _):
        assert await tools.titles() == []
    assert len(fake.seen) == 2


@pytest.mark.parametrize(
    "tool, failure, tries, told",
    [
        (LIST, REFUSED, 2, "cannot be reached"),
        (ADD, REFUSED, 1, "cannot be reached. Nothing was changed"),
        (LIST, httpx2.ReadTimeout("x"), 1, "did not answer. Nothing was changed"),
        (ADD, httpx2.ReadTimeout("x"), 1, "may or may not have been made"),
        (ADD, httpx2.RemoteProtocolError("x"), 1, "may or may not have been made"),
    ],
)
async def test_no_answer(
    tool: tuple[str, dict[str, str]], failure: Exception, tries: int, told: str
) -> None:
    fake = Fake(failure)
    async with faked(fake) as (tools, _):
        assert told in await tools.error(tool[0], **tool[1])
    assert len(fake.seen) == tries


def problem(status: int) -> httpx2.Response:
    return httpx2.Response(status, json={"error": {"code": "x", "message": "canary"}})


@pytest.mark.parametrize(
    "answer, told",
    [
        (problem(401), "INTERNAL_API_TOKEN"),
        (problem(503), "no database"),
        (problem(500), "failed with status 500"),
        (httpx2.Response(502, text="<html>canary"), "failed with status 502"),
        (httpx2.Response(200, text="<html>canary"), "failed with status 200"),
        (httpx2.Response(302, headers={"Location": "http://canary"}), "failed with status 302"),
        (httpx2.Response(200, json={"canary": 1}), "Error executing tool list_tasks"),
    ],
)
async def test_other_answers(answer: httpx2.Response, told: str) -> None:
    async with faked(Fake(answer)) as (tools, _):
        message = await tools.error("list_tasks")
    assert told in message and "canary" not in message


async def test_what_is_sent_to_the_backend() -> None:
    fake = Fake(EMPTY)
    async with faked(fake) as (tools, http):
        http.headers["X-Request-ID"] = "abc-1"
        await tools.titles("open")
    (request,) = fake.seen
    assert str(request.url) == "http://backend:8000/internal/tasks?status=open"
    # The token of the request, and no other credential.
    assert request.headers["Authorization"] == http.headers["Authorization"]
    assert "X-User-Id" not in request.headers
    assert request.headers["X-Request-ID"] == "abc-1"


async def test_a_backend_that_is_not_there() -> None:
    port = free_port()
    env = {"INTERNAL_API_TOKEN": TOKEN, "BACKEND_URL": f"http://127.0.0.1:{port}"}
    with mcp_server(**env) as alone:
        alone.until("/health")
        async with connected(alone.url) as tools:
            assert "cannot be reached" in await tools.error("list_tasks")
        lines = alone.end()
    assert TOKEN not in str(lines)
    assert any(line["message"] == "the backend cannot be reached" for line in lines)
