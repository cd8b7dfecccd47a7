"""Decides the next step of a turn: which tools to call, or what to say.

Nothing is remembered between requests: the plan is made anew from the conversation each time, and
what was called already is left out. So a turn always ends: list, change, show, sentence.
"""

from collections.abc import Sequence

from mock_llm import turn as turns
from mock_llm.completion import Answer
from mock_llm.context import Meaning, understand
from mock_llm.intents import Add, Changing, Find, Phrase, Say, Show, Unknown
from mock_llm.places import numbers
from mock_llm.replies import NO_TOOLS, TALK, UNKNOWN
from mock_llm.report import report
from mock_llm.tasks import Task
from mock_llm.turn import Turn
from mock_llm.wire import Call, Request
from mock_llm.wishes import Wishes, wishes

# The backend ends a turn after 16 calls; two of them may be lists.
MOST_CHANGES = 14


def answer(request: Request) -> Answer:
    """The next message of the assistant."""
    turn = turns.read(request.messages)
    if turn is None:
        return Answer(TALK["greeting"])
    meaning = understand(turn)
    first = meaning.intents[0]
    if isinstance(first, Say):
        return Answer(TALK[first.kind])
    if isinstance(first, Unknown):
        return Answer(UNKNOWN)
    if not request.tools and not turn.done:
        return Answer(NO_TOOLS)
    return _step(request, turn, meaning)


def _step(request: Request, turn: Turn, meaning: Meaning) -> Answer:
    lists = turn.results("list_tasks")
    looks = any(isinstance(intent, Changing | Find) for intent in meaning.intents)
    can_list = "list_tasks" in request.tools or bool(lists)
    if looks and can_list and not lists:
        return Answer(calls=(Call("list_tasks", {"status": "all"}),))
    if looks and lists and not lists[0].result.ok:
        return Answer(f"I could not read your list: {lists[0].result.error}.")
    tasks = (lists[0].result.tasks or ()) if lists else _spoken(meaning)
    added = [task for one in turn.results("add_task") for task in one.result.tasks or ()]
    wished = wishes(meaning, tasks, added)
    asked = _changes(meaning, wished)
    left = _undone(asked[:MOST_CHANGES], turn, request)
    shows = [
        Call("list_tasks", {"status": i.status}) for i in meaning.intents if isinstance(i, Show)
    ]
    if not left and shows and len(lists) < len(shows[:1]) + looks and "list_tasks" in request.tools:
        left = shows[:1]
    if left:
        return Answer(calls=tuple(left if request.parallel else left[:1]))
    refused = {call.name for call in asked if call.name not in request.tools}
    if not can_list and (shows or (looks and not tasks)):
        refused.add("list_tasks")
    return Answer(report(meaning, turn, wished, tasks, len(asked) - MOST_CHANGES, refused))


def _changes(meaning: Meaning, wished: Wishes) -> list[Call]:
    """All calls that change something, each once."""
    made: list[Call] = []
    for intent in meaning.intents:
        if isinstance(intent, Add):
            for title in intent.titles:
                details = {"description": intent.description} if intent.description else {}
                made.append(Call("add_task", {"title": title} | details))
    return made + [change.call() for change in wished.changes.values()]


def _undone(asked: Sequence[Call], turn: Turn, request: Request) -> list[Call]:
    """What of it was not called yet, and can be."""
    called = [(one.call.name, one.call.arguments) for one in turn.done]
    left: list[Call] = []
    for call in asked:
        key = (call.name, call.arguments)
        if key in called:
            called.remove(key)
        elif call.name in request.tools:
            left.append(call)
    return left


def _spoken(meaning: Meaning) -> list[Task]:
    """Without a list: the ids that the user gave."""
    phrases: list[Phrase] = []
    for intent in meaning.intents:
        if hasattr(intent, "phrase"):
            phrases.append(intent.phrase)
        elif hasattr(intent, "options"):
            phrases.append(intent.options[0][0])
    return [Task(number, f"task {number}") for phrase in phrases for number in numbers(phrase.text)]
