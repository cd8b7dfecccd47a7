"""The environment, and all forms of DATABASE_URL."""

import ssl

import pytest

from todo_api.database_url import DatabaseUrl, DatabaseUrlError
from todo_api.settings import Settings
from todo_common.settings import SettingsError

PLAIN = "postgresql+asyncpg://u:p@db:5432/todo"


@pytest.mark.parametrize(
    "given, expected",
    [
        ("postgres://u:p@db:5432/todo", PLAIN),
        ("postgresql://u:p@db:5432/todo", PLAIN),
        ("postgresql+asyncpg://u:p@db:5432/todo", PLAIN),
        ("postgresql+psycopg://u:p@db:5432/todo", PLAIN),
        ("postgresql://u:p@db:5432/todo?sslmode=require&channel_binding=require", PLAIN),
        ("postgresql://u:p@db/todo", "postgresql+asyncpg://u:p@db/todo"),
        ("postgresql://u@[::1]:5432/todo", "postgresql+asyncpg://u@[::1]:5432/todo"),
        ("postgresql://u:p%40%2F%3A@db/t", "postgresql+asyncpg://u:p%40%2F%3A@db/t"),
        ("sqlite:////data/todo.db", "sqlite+aiosqlite:////data/todo.db"),
        ("sqlite+aiosqlite:///todo.db", "sqlite+aiosqlite:///todo.db"),
    ],
)
def test_forms(given: str, expected: str) -> None:
    url = DatabaseUrl.parse(given).url
    assert url.render_as_string(hide_password=False) == expected


def arguments(query: str) -> dict[str, object]:
    return DatabaseUrl.parse(f"postgresql://u:p@db/todo?{query}").connect_args


def test_parameters_of_libpq() -> None:
    assert arguments("channel_binding=require&gssencmode=disable&keepalives=1") == {}
    assert arguments("sslmode=disable") == {"ssl": False}
    assert arguments("sslmode=prefer") == {"ssl": "prefer"}
    assert arguments("connect_timeout=7") == {"timeout": 7.0}
    settings = {"application_name": "x", "options": "endpoint=y"}
    assert arguments("application_name=x&options=endpoint%3Dy") == {"server_settings": settings}


@pytest.mark.parametrize(
    "query, verified, named",
    [
        ("sslmode=require", False, False),
        ("ssl=true", False, False),
        ("sslmode=verify-ca", True, False),
        ("sslmode=verify-full", True, True),
        ("sslmode=verify-full&sslrootcert=system", True, True),
    ],
)
def test_tls(query: str, verified: bool, named: bool) -> None:
    context = arguments(query)["ssl"]
    assert isinstance(context, ssl.SSLContext)
    assert (context.verify_mode == ssl.CERT_REQUIRED) is verified
    assert context.check_hostname is named


@pytest.mark.parametrize(
    "given",
    [
        "",
        "canary",
        "canary://u:canary@db/todo",
        "mysql://u:canary@db/todo",
        "postgresql://u:canary@db",
        "postgresql:///canary",
        "postgresql://u:canary@db:port/todo",
        "postgresql://u:canary@a,b/todo",
        "postgresql://u:canary@a/todo?host=b",
        "postgresql://u:canary@db/todo?sslmode=canary",
        "postgresql://u:canary@db/todo?sslmode=verify-full&sslrootcert=/none/canary",
        "sqlite://",
        "sqlite:///:memory:",
    ],
)
def test_urls_that_cannot_be_used(given: str) -> None:
    with pytest.raises(DatabaseUrlError) as caught:
        DatabaseUrl.parse(given)
    message = str(caught.value)
    assert message.startswith("DATABASE_URL") and "help: " in message
    assert "canary" not in message


def test_an_empty_value_is_not_set() -> None:
    keys = ["REDIS_URL", "INTERNAL_API_TOKEN", "CORS_ORIGINS", "ENVIRONMENT", "LOG_LEVEL", "PORT"]
    keys += ["AUTH_JWKS_URL", "MCP_SERVER_URL", "AI_MOCK", "LLM_BASE_URL", "OPENAI_API_KEY"]
    empty = Settings.of({"DATABASE_URL": "sqlite:///x.db"} | dict.fromkeys(keys, " "))
    assert empty == Settings.of({"DATABASE_URL": "sqlite:///x.db"})
    assert (empty.host, empty.port, empty.log_level) == ("0.0.0.0", 8000, "INFO")
    assert empty.cors_origins == ()


def test_values() -> None:
    settings = Settings.of(
        {
            "DATABASE_URL": PLAIN,
            "CORS_ORIGINS": "http://a, http://b/ ,",
            "LOG_LEVEL": "warn",
            "PORT": "8888",
            "HOST": "::",
        }
    )
    assert settings.cors_origins == ("http://a", "http://b")
    assert (settings.log_level, settings.port, settings.host) == ("WARNING", 8888, "::")


def test_all_problems_at_once() -> None:
    env = {
        "REDIS_URL": "http://canary",
        "AUTH_JWKS_URL": "canary",
        "MCP_SERVER_URL": "ftp://canary",
        "AI_MOCK": "perhaps",
        "MOCK_LLM_URL": "canary",
        "LLM_BASE_URL": "https://u:canary@llm/v1",
        "LLM_API_KEY": "canary\u00e9",
        "LOG_LEVEL": "loud",
        "PORT": "tcp://10.0.0.1:80",
    }
    with pytest.raises(SettingsError) as caught:
        Settings.of(env)
    named = [problem.split()[0] for problem in caught.value.problems]
    assert named == [
        "DATABASE_URL",
        "REDIS_URL",
        "AUTH_JWKS_URL",
        "MCP_SERVER_URL",
        "INTERNAL_API_TOKEN",
        "AI_MOCK",
        "MOCK_LLM_URL",
        "LLM_BASE_URL",
        "LLM_API_KEY",
        "LLM_BASE_URL",
        "LOG_LEVEL",
        "PORT",
    ]
    assert all("help: " in problem for problem in caught.value.problems)
    assert "canary" not in str(caught.value)


def test_no_secret_in_a_representation() -> None:
    env = dict.fromkeys(["INTERNAL_API_TOKEN", "OPENAI_API_KEY"], "canary")
    env["REDIS_URL"] = "redis://:canary@r/0"
    settings = Settings.of({"DATABASE_URL": "postgresql://u:canary@db/todo", **env})
    assert "canary" not in repr(settings)
    assert set(settings.secrets()) == {"canary", "u:canary"}
