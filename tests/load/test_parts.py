"""The parts that do not need a server."""

from random import Random

import pytest

from address import Address
from events import Event, Parser
from figures import Figures, percentile
from marks import Findings, mark
from model import Model, differences
from schedule import beyond_limits, plan
from trouble import Trouble
from turn import Turn

STREAM = (
    'event: start\r\ndata: {"a": 1}\r\n\r\n: ping\n\nevent: delta\ndata: {"text":\ndata: "ä"}\n\n'
)
EVENTS = [Event("start", {"a": 1}), Event("delta", {"text": "ä"})]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_events_are_the_same_in_pieces_of_any_size(size: int) -> None:
    parser = Parser()
    pieces = [STREAM[at : at + size] for at in range(0, len(STREAM), size)]
    assert [event for piece in pieces for event in parser.feed(piece)] == EVENTS


def test_an_event_that_is_not_complete_does_not_count() -> None:
    assert Parser().feed("event: done\ndata: {}\n") == []
    assert Parser().feed("data: nonsense\n\n") == [Event("message", {"unreadable": "nonsense"})]


def test_a_turn_says_what_went_wrong() -> None:
    start, done = Event("start", {"conversation_id": "c"}), Event("done", {})
    assert Turn(200, "", [start, done]).failure() == ""
    assert Turn(503, "away").failure() == "status 503: away"
    assert Turn(200).failure() == "the answer has no events"
    assert Turn(200, "", [start]).failure() == "the answer broke off after `start`"
    broken = Event("error", {"code": "timeout", "message": "too long"})
    assert Turn(200, "", [start, broken]).failure() == "error timeout: too long"
    tool = Event("tool_result", {"name": "add_task", "ok": False, "text": "no"})
    assert Turn(200, "", [start, tool, done]).failure() == "add_task failed: no"


def test_percentiles_are_values_that_occurred() -> None:
    values = [float(n) for n in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99, 1)] == [50, 95, 99, 100]
    assert percentile([float(n) for n in range(1, 21)], 0.95) == 19
    assert percentile([7.0], 0.99) == 7
    assert percentile([], 0.5) == 0


def test_figures_put_task_calls_together_and_leave_the_chat_out() -> None:
    figures = Figures()
    figures.add("list", 10)
    figures.add("add", 30, "status 500")
    figures.add("chat", 900)
    figures.first_event(90)
    assert figures.tasks() | {"kind": ""} == {
        "kind": "", "count": 2, "errors": 1, "p50": 10, "p95": 30, "p99": 30, "max": 30,
    }  # fmt: skip
    assert figures.chat()["count"] == 1
    assert figures.chat()["max"] == 900
    assert "chat: first event" in figures.table()


def test_a_plan_is_the_same_again_and_spread_evenly() -> None:
    planned = plan(Random("1"), rate=2, share=0.1, seconds=60)
    assert planned == plan(Random("1"), rate=2, share=0.1, seconds=60)
    assert planned != plan(Random("2"), rate=2, share=0.1, seconds=60)
    assert len(planned) == 120
    assert all(n / 2 <= one.at < (n + 1) / 2 for n, one in enumerate(planned))
    assert 11 <= sum(one.kind == "chat" for one in planned) <= 13


def test_the_usual_mix_stays_under_the_limits() -> None:
    assert beyond_limits(1.0, 0.1) == ""
    for seed in range(50):
        planned = plan(Random(seed), rate=1, share=0.1, seconds=120)
        turns = [one.at for one in planned if one.kind == "chat"]
        assert all(sum(a <= b < a + 60 for b in turns) <= 8 for a in turns)
    assert "chat turns" in beyond_limits(5.0, 0.1)
    assert "task calls" in beyond_limits(10.0, 0.0)


def test_a_foreign_mark_is_seen_wherever_it_is() -> None:
    own, other = mark(Random(1)), mark(Random(2))
    findings = Findings()
    findings.look("a", own, "GET /", f'[{{"title": "x {own}"}}]')
    assert findings.leaks == []
    findings.look("a", own, "GET /", f"x {own} and {other.upper()}")
    assert len(findings.leaks) == 1
    assert other in findings.leaks[0]
    assert "GET /" in findings.leaks[0]


def test_differences_are_told_in_words() -> None:
    task = {
        "id": 1, "title": "a", "description": None, "completed": False,
        "created_at": "1", "updated_at": "1",
    }  # fmt: skip
    two = task | {"id": 2, "completed": True}
    model = Model({2: two, 1: task})
    assert model.listed() == [task, two]
    assert model.listed("open") == [task]
    assert model.listed("done") == [two]
    assert differences([task, two], [task, two]) == []
    assert differences([task, two], [two, task]) == ["another order"]
    assert differences([task], [task, two]) == ["tasks too many [2], missing []"]
    assert differences([task], {"error": 1}) == ["the answer is no list of tasks"]
    assert differences([task], [task | {"title": "b"}]) == ["task 1: title is 'b' and not 'a'"]
    newer = [task | {"updated_at": "2"}]
    assert differences([task], newer) != []
    assert differences([task], newer, {1}) == []


@pytest.mark.parametrize(
    ("url", "resolve", "said"),
    [
        ("todo-app.local", "", "not an HTTP URL"),
        ("ftp://todo-app.local", "", "not an HTTP URL"),
        ("http://todo-app.local/tasks", "", "more than a host name"),
        ("http://todo-app.local", "todo-app.local", "not HOST=ADDRESS"),
        ("http://todo-app.local", "todo-app.local=somewhere", "not HOST=ADDRESS"),
        ("http://todo-app.local", "other.local=127.0.0.1", "--resolve is for other.local"),
    ],
)
def test_an_address_that_cannot_be_asked_is_refused(url: str, resolve: str, said: str) -> None:
    with pytest.raises(Trouble) as trouble:
        Address.of(url, resolve)
    assert said in str(trouble.value)
    assert "help: " in str(trouble.value)
