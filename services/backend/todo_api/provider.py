"""Selects the language model. All of them offer the chat completions API of OpenAI."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from todo_common.settings import is_http

MOCK_URL = "http://mock-llm:8002/v1"
# Name, environment variable of the key, URL, default model. The first one with a key is used. The
# defaults are small models that support tools; LLM_MODEL selects another one.
KNOWN = (
    ("openai", "OPENAI_API_KEY", "https://api.openai.com/v1", "gpt-4o-mini"),
    (
        "gemini",
        "GEMINI_API_KEY",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "gemini-2.5-flash",
    ),
    ("groq", "GROQ_API_KEY", "https://api.groq.com/openai/v1", "llama-3.3-70b-versatile"),
)
KEYS = ("LLM_API_KEY", *(known[1] for known in KNOWN))
TRUE, FALSE = {"true", "1", "yes", "on"}, {"false", "0", "no", "off"}


@dataclass(frozen=True)
class Provider:
    """One language model, and how to reach it."""

    name: str = "mock"
    base_url: str = MOCK_URL
    model: str = "mock-todo"
    api_key: str = field(default="", repr=False)

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
            return cls("custom", base_url, model, values.get("LLM_API_KEY", ""))
        for name, key, url, usual in KNOWN:
            if values.get(key):
                return cls(name, url, model or usual, values[key])
        return cls(base_url=mock_url)
