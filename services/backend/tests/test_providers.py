"""Which language model the environment selects."""

import pytest

from todo_api.settings import Settings

DATABASE = {"DATABASE_URL": "sqlite:///x.db"}
ALL = {
    "LLM_BASE_URL": "https://llm/v1/",
    "LLM_MODEL": "mine",
    "LLM_API_KEY": "k0",
    "OPENAI_API_KEY": "k1",
    "GEMINI_API_KEY": "k2",
    "GROQ_API_KEY": "k3",
}


@pytest.mark.parametrize(
    "without, more, expected",
    [
        ([], {}, ("custom", "https://llm/v1", "mine", "k0")),
        (["LLM_API_KEY"], {}, ("custom", "https://llm/v1", "mine", "")),
        (
            ["LLM_BASE_URL", "LLM_API_KEY"],
            {},
            ("openai", "https://api.openai.com/v1", "mine", "k1"),
        ),
        ([], {"AI_MOCK": "true"}, ("mock", "http://mock-llm:8002/v1", "mock-todo", "")),
        (list(ALL), {"MOCK_LLM_URL": "http://m/v1"}, ("mock", "http://m/v1", "mock-todo", "")),
    ],
)
def test_providers(
    without: list[str], more: dict[str, str], expected: tuple[str, str, str, str]
) -> None:
    env = {key: value for key, value in ALL.items() if key not in without}
    settings = Settings.of({**DATABASE, **env, **more})
    found = settings.provider
    assert (found.name, found.base_url, found.model, found.api_key) == expected
    # Unused keys are also secrets.
    keys = {value for key, value in env.items() if key.endswith("KEY")}
    assert keys <= set(settings.secrets())


def test_the_order_of_providers() -> None:
    names = []
    env = {key: value for key, value in ALL.items() if not key.startswith("LLM_")}
    while True:
        provider = Settings.of({**DATABASE, **env}).provider
        names.append(provider.name)
        if not env:
            break
        assert provider.model
        env.pop(f"{provider.name.upper()}_API_KEY")
    assert names == ["openai", "gemini", "groq", "mock"]
