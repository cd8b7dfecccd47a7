"""The models of real providers: their errors as they send them, and what their models require.

The texts of errors come from reports of users; each case names the report, below https://github.com/.
"""

import datetime
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Start
from tests.fake_model import piece, says
from tests.steady import talk as talk
from tests.talk import Talk, talking
from todo_api import neighbours
from todo_api.provider import KNOWN, RETIRED, Provider

JSON = "application/json"


def error(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error"} | more}


# What a provider sends, and the code of the event that follows.
REFUSALS: dict[str, tuple[int, Any, str]] = {
    # ITSpecialist111/ai_automation_suggester/issues/187
    "Groq does not have the model any more": (
        404,
        error("The model `x` does not exist or you do not have access.", code="model_not_found"),
        "ai_model_unknown",
    ),
    # rashadphz/farfalle/issues/107
    "Groq switched the model off": (
        400,
        error("The model `x` has been decommissioned.", code="model_decommissioned"),
        "ai_model_unknown",
    ),
    # earendil-works/pi/issues/2893; the list: ccch1mneyyy/dsh-Go/discussions/2016
    "Gemini does not have the model": (
        404,
        [{"error": {"code": 404, "message": "models/x is not found", "status": "NOT_FOUND"}}],
        "ai_model_unknown",
    ),
    "Gemini does not know the key": (
        400,
        [
            {
                "error": {
                    "code": 400,
                    "message": "API key not valid. Please pass a valid API key.",
                    "status": "INVALID_ARGUMENT",
                    "details": [{"reason": "API_KEY_INVALID"}],
                }
            }
        ],
        "ai_refused",
    ),
    "the context is full": (
        400,
        error("This model's maximum context length is 131072.", code="context_length_exceeded"),
        "ai_too_long",
    ),
    "Groq limits the tokens of a request": (
        413,
        error("Request too large for model `x`.", code="rate_limit_exceeded"),
        "ai_too_long",
    ),
    "the quota is used up": (
        429,
        error("You exceeded your current quota.", code="insufficient_quota"),
        "ai_busy",
    ),
    "a field that nobody knows": (400, error("Unsupported", param="messages"), "ai_failed"),
    "a code of another type": (400, error("?", code={"a": 1}, param=["b"]), "ai_failed"),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_refusals(talk: Talk, name: str) -> None:
    status, body, code = REFUSALS[name]
    found = await talk.ask("x", (status, JSON, json.dumps(body).encode()))
    assert found[-1][1]["code"] == code
    # The user reads what to change.
    assert code != "ai_model_unknown" or "set LLM_MODEL" in found[-1][1]["message"]
    assert await talk.ask("y", says("Hello.")) and talk.model.seen


Real = Callable[..., AbstractAsyncContextManager[Talk]]


@pytest.fixture
def real(start: Start, tmp_path: Path) -> Real:
    """A chat with the model of a provider, whose requests go to the fake model."""

    @asynccontextmanager
    async def talking_to(**env: str) -> AsyncIterator[Talk]:
        base = {"DATABASE_URL": f"sqlite:///{tmp_path}/x.db", "AI_MOCK": "false"}
        async with talking(start, **(base | env)) as talk:
            model = talk.app.parts.model
            model.provider = Provider(**(vars(model.provider) | {"base_url": talk.model.url}))
            yield talk

    return talking_to


async def asked(real: Real, *steps: Any, **env: str) -> tuple[str, list[dict[str, Any]]]:
    """The last event, and the requests to a provider's model."""
    async with real(**env) as talk:
        found = await talk.ask("x", *steps)
        return found[-1][0], talk.model.seen


# langflow-ai/langflow/issues/14361 and onyx-dot-app/onyx/issues/15008
REASONING = error(
    "Function tools with reasoning_effort are not supported", param="reasoning_effort"
)
# happinessnwosu.com/p/a-simple-openai-model-upgrade-that
TOKENS = error("Unsupported parameter: 'max_tokens' is not supported", param="max_tokens")


async def test_the_default_model_gets_the_fields_that_it_requires(real: Real) -> None:
    end, seen = await asked(real, says("Hello."), OPENAI_API_KEY="k", LLM_MAX_TOKENS="100")
    assert end == "done" and len(seen) == 1
    assert seen[0]["reasoning_effort"] == "none" and seen[0]["tools"]
    assert seen[0]["max_completion_tokens"] == 100 and "max_tokens" not in seen[0]


async def test_another_model_gets_them_only_if_it_asks_for_them(real: Real) -> None:
    end, seen = await asked(real, says("Hello."), OPENAI_API_KEY="k", LLM_MODEL="gpt-4.1")
    assert end == "done" and "reasoning_effort" not in seen[0]
    refusal = (400, JSON, json.dumps(REASONING).encode())
    env = {"OPENAI_API_KEY": "k", "LLM_MODEL": "gpt-6-sol"}
    end, seen = await asked(real, refusal, says("Hello."), **env)
    assert end == "done"
    assert [body.get("reasoning_effort") for body in seen] == [None, "none"]


async def test_a_field_that_is_refused_is_changed_once(real: Real) -> None:
    env = {"LLM_BASE_URL": "http://127.0.0.1/v1", "LLM_MODEL": "mine"}
    refusal = (400, JSON, json.dumps(TOKENS).encode())
    end, seen = await asked(real, refusal, says("Hello."), **env)
    assert end == "done" and "max_tokens" in seen[0] and "max_completion_tokens" in seen[1]
    end, seen = await asked(real, refusal, **env)
    assert end == "error" and len(seen) == 2


async def test_an_answer_that_is_cut_off(talk: Talk) -> None:
    found = await talk.ask("x", piece({"content": "One, two"}) + piece({}, "length"))
    assert found[-1][1]["code"] == "ai_cut_off"
    assert (await talk.messages())[-1]["text"] == "One, two"


@pytest.mark.parametrize(
    "listed, is_unlisted",
    [
        ([{"id": "mine"}], False),
        ([{"id": "models/mine"}], False),
        ([{"id": "other"}], True),
        ([], False),
        ([7], False),
        (None, False),
    ],
)
async def test_a_model_that_is_not_listed(
    real: Real,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    listed: Any,
    is_unlisted: bool,
) -> None:
    async with real(LLM_BASE_URL="http://x/v1", LLM_MODEL="mine") as talk:
        model = talk.app.parts.model
        talk.model.listed = listed
        # The list was read before, from an address without a server.
        model._listed_at = float("-inf")
        monkeypatch.setattr(neighbours, "STATE_TTL_S", -1.0)
        model.look()
        assert model._listing is not None
        await model._listing
        states = (await talk.app.ready())["checks"]
        assert model.is_unlisted is is_unlisted
        assert states["ai"] == ("down" if is_unlisted else "up")
    assert ("set LLM_MODEL" in caplog.text) is is_unlisted


def test_no_default_model_is_switched_off() -> None:
    today = datetime.datetime.now(datetime.UTC).date()
    for name, known in KNOWN.items():
        provider = Provider(name, known["base-url"], known["model"])
        assert provider.retirement(today) == "", f"{name} needs another default model"
        assert known["sources"] and 0 < known["output"] <= known["context"]
        for replaced in RETIRED[name].values():
            assert replaced["use"] not in RETIRED[name]


def test_the_warning_about_a_model() -> None:
    provider = Provider("openai", "", "gpt-4o-mini")
    later = provider.retirement(datetime.date(2027, 1, 14))
    assert later == (
        "openai switched off the model gpt-4o-mini on 2027-01-14; help: set LLM_MODEL=gpt-6-luna"
    )
    assert "will switch off" in provider.retirement(datetime.date(2027, 1, 13))


@pytest.mark.parametrize("tokens", ["0", "-1", "1e3", "many", "128001", "٣"])
def test_a_limit_of_tokens_that_is_invalid(tokens: str) -> None:
    problems: list[str] = []
    Provider.of({"LLM_MAX_TOKENS": tokens}, problems)
    assert len(problems) == 1 and "LLM_MAX_TOKENS=4096" in problems[0]
