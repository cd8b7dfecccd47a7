"""A chat that must still work after a test, and must not create tasks."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import Start
from tests.fake_model import says
from tests.talk import Talk, talking, text
from todo_api.limits import LIMITS


@pytest.fixture
async def talk(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Talk]:
    monkeypatch.setitem(LIMITS, "chat", 1000)
    async with talking(start, DATABASE_URL=f"sqlite:///{tmp_path}/x.db") as found:
        yield found
        assert await found.app.titles() == []
        roles = "".join(each["role"][0] for each in await found.messages(200))
        # Each question once, with at most one answer.
        assert "aa" not in roles and (len(roles) == 200 or roles.count("u") == found.asked)
        assert text(await found.ask("again", says("Fine."))) == "Fine."
