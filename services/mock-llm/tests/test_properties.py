"""What holds for any text: titles survive, ids are known, no task gets two calls, all is valid."""

import json
import random
import string
from typing import Any

import pytest

from mock_llm import completion, planner, wire
from tests.support import NAMES, User, tools
from tests.test_sentences import TABLE

WORDS = [
    "and", "the", "task", "all", "done", "last", "first", "delete", "complete", "buy", "milk",
    "to", "call", "#3", "list,", "add", "rename", "2", "my", "description", "open", "it",
    "everything", "except", "then", "from", "über", "買う", "🎉", "don't", "“x”", "is", '\x00',
    "�", '\n', "-", "'", '"', "`",
]  # fmt: skip
LETTERS = string.ascii_letters + string.digits + " '’.,:;!?#&%$()[]{}<>/\\|~^*+-_=@äß買🎉"


def some_title(dice: random.Random) -> str:
    text = "".join(dice.choice(LETTERS) for _ in range(dice.randint(1, 60))).strip()
    return text or "x"


def some_text(dice: random.Random) -> str:
    return " ".join(dice.choice(WORDS) for _ in range(dice.randint(0, 14)))


@pytest.mark.parametrize("seed", range(150))
def test_quoted_titles_come_back_letter_for_letter(seed: int) -> None:
    dice = random.Random(seed)
    title, other = some_title(dice), some_title(dice)
    user = User("something else", "*and more")
    user.says(f'Add a task called "{title}"')
    assert user.calls == [("add_task", {"title": title})]
    user.says(f'mark "{title}" as done')
    assert user.titles()[-1] == f"*{title}"
    user.says(f'rename "{title}" to "{other}"')
    assert user.titles()[-1] == f"*{other}"
    user.says(f'delete the task "{other}"')
    assert user.titles() == ["something else", "*and more"]


@pytest.mark.parametrize("seed", range(60))
def test_plain_titles_come_back(seed: int) -> None:
    dice = random.Random(seed)
    letters = string.ascii_lowercase
    title = " ".join("z" + "".join(dice.choices(letters, k=5)) for _ in range(dice.randint(1, 5)))
    for start in ("Add a task to", "remind me to", "please add a task:", "I need to"):
        user = User()
        user.says(f"{start} {title}")
        assert user.titles() == [title]


@pytest.mark.parametrize("seed", range(300))
def test_calls_know_their_tasks_and_take_each_once(seed: int) -> None:
    dice = random.Random(seed)
    titles = [dice.choice(["", "*"]) + some_text(dice) for _ in range(dice.randint(0, 8))]
    user = User(*titles, first=dice.choice([1, 3, 500]))
    for _ in range(3):
        known = {task["id"] for task in user.tasks}
        said = user.says(dice.choice([some_text(dice), dice.choice(TABLE)[0]]))
        touched = [a["task_id"] for name, a in user.changes() if name != "add_task"]
        made = {task["id"] for task in user.tasks} - known
        assert said and not user.unknown_ids
        assert len(set(touched)) == len(touched) and set(touched) <= known | made
        assert len(user.calls) <= 16


@pytest.mark.parametrize("seed", range(200))
def test_any_conversation_gets_a_valid_answer(seed: int) -> None:
    dice = random.Random(seed)

    def message() -> dict[str, Any]:
        call = {"id": "c", "type": "function", "function": {"name": "list_tasks", "arguments": "{"}}
        results = ["", "{", '{"tasks": [{"id": "x"}]}', "[1]", "null", '{"tasks": 5}', "Error: no"]
        return dice.choice(
            [
                {"role": "system", "content": some_text(dice)},
                {"role": "user", "content": some_text(dice)},
                {"role": "user", "content": dice.choice(TABLE)[0]},
                {"role": "user", "content": [{"type": "text", "text": some_text(dice)}]},
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "assistant", "content": some_text(dice)},
                {"role": "tool", "tool_call_id": "c", "content": dice.choice(results)},
            ]
        )

    messages = [message() for _ in range(dice.randint(1, 8))]
    body = {"model": "m", "messages": messages, "tools": tools(*NAMES)}
    request = wire.read(json.dumps(body).encode())
    answer = planner.answer(request)
    assert bool(answer.text) != bool(answer.calls)
    assert all(call.name in NAMES for call in answer.calls)
    made = completion.whole(request, answer)
    assert made == completion.whole(request, planner.answer(request))
    json.dumps(made, ensure_ascii=False).encode()


def test_long_texts_take_no_long_time() -> None:
    for text in (
        "and " * 1000,
        "add " + "a, " * 1300,
        "mark " + "as " * 1300,
        '"' * 4000,
        "to " * 1333,
        "to do " * 333,
        "also add " * 222,
        "add , " * 333,
        "more to do list " * 125 + "zebra",
    ):
        User("a", "b").says(text)
