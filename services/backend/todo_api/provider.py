"""Selects the language model. All of them offer the chat completions API of OpenAI."""

import datetime
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from todo_common.settings import is_http, number

MOCK_URL = "http://mock-llm:8002/v1"
# The providers, in order of preference; `retired` are models by provider.
KNOWN: dict[str, dict[str, Any]] = tomllib.loads(
    files("todo_api").joinpath("providers.toml").read_text("utf-8")
)
RETIRED: dict[str, dict[str, Any]] = KNOWN.pop("retired")
KEYS = ("LLM_API_KEY", *(known["key"] for known in KNOWN.values()))
# The tokens of one answer of the model: of each of the requests that a question needs.
MAX_TOKENS, DEFAULT_MAX_TOKENS = 128_000, 4096
TRUE, FALSE = {"true", "1", "yes", "on"}, {"false", "0", "no", "off"}


@dataclass(frozen=True)
class Provider:
    """One language model, and how to reach it."""

    name: str = "mock"
    base_url: str = MOCK_URL
    model: str = "mock-todo"
    api_key: str = field(default="", repr=False)
    max_tokens: int = DEFAULT_MAX_TOKENS
    # Further fields of requests that the provider's default model needs.
    fields: Mapping[str, Any] = field(default_factory=dict)
    # Whether the model is the provider's default one.
    is_default: bool = True

    @property
    def mock(self) -> bool:
        return self.name == "mock"

    @classmethod
    def of(cls, values: Mapping[str, str], problems: list[str]) -> "Provider":
        """The provider that the environment selects; appends what is invalid to `problems`."""
        before = len(problems)
        forced = values.get("AI_MOCK", "false").lower()
        if forced not in TRUE | FALSE:
            problems.append("AI_MOCK is not true or false; help: set AI_MOCK=false")
        mock_url = values.get("MOCK_LLM_URL", MOCK_URL).rstrip("/")
        base_url = values.get("LLM_BASE_URL", "").rstrip("/")
        model = values.get("LLM_MODEL", "")
        tokens = number(values, "LLM_MAX_TOKENS", DEFAULT_MAX_TOKENS, MAX_TOKENS, problems)
        for name, url in (("MOCK_LLM_URL", mock_url), ("LLM_BASE_URL", base_url)):
            if url and not is_http(url):
                problems.append(
                    f"{name} is not an HTTP URL, or contains a password; "
                    f"help: set {name}=https://HOST/v1"
                )
        for name in KEYS:
            if not values.get(name, "").isascii() or " " in values.get(name, ""):
                problems.append(
                    f"{name} contains characters that keys do not contain; help: copy it again"
                )
        if base_url and not model:
            problems.append("LLM_BASE_URL is set without LLM_MODEL; help: set LLM_MODEL too")
        if values.get("LLM_API_KEY") and not base_url:
            problems.append("LLM_API_KEY is set without LLM_BASE_URL; help: set LLM_BASE_URL too")
        if len(problems) > before or forced in TRUE:
            return cls(base_url=mock_url)
        if base_url:
            key = values.get("LLM_API_KEY", "")
            return cls("custom", base_url, model, key, tokens, is_default=False)
        for name, known in KNOWN.items():
            if values.get(known["key"]):
                default = known["model"]
                return cls(
                    name,
                    known["base-url"],
                    model or default,
                    values[known["key"]],
                    min(tokens, known["output"]),
                    known.get("request", {}),
                    model in ("", default),
                )
        return cls(base_url=mock_url, max_tokens=tokens)

    def retirement(self, today: datetime.date) -> str:
        """The warning about a model that its provider switches off; empty if no date is known."""
        known = RETIRED.get(self.name, {}).get(self.model)
        if known is None:
            return ""
        verb = "switched off" if known["from"] <= today else "will switch off"
        return (
            f"{self.name} {verb} the model {self.model} on {known['from']}; "
            f"help: set LLM_MODEL={known['use']}"
        )
