"""The conversation: what the user said last, what was done for it, and what came before."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mock_llm import tasks
from mock_llm.tasks import Result
from mock_llm.wire import Call, Message

_CANDIDATE = re.compile(r"^- #(\d+) ", re.M)


@dataclass(frozen=True)
class Done:
    """A call of this turn with what came back."""

    call: Call
    result: Result


@dataclass(frozen=True)
class Turn:
    """The last user message, the calls made since, and the exchange before it."""

    text: str
    done: tuple[Done, ...] = ()
    before: str = ""
    earlier: tuple[str, ...] = ()

    def results(self, name: str) -> list[Done]:
        """The calls of one tool."""
        return [one for one in self.done if one.call.name == name]

    def candidates(self) -> list[int]:
        """The ids among which the assistant asked the user to choose."""
        found = [int(number) for number in _CANDIDATE.findall(self.before)]
        return found if self.before_asks() else []

    def before_asks(self) -> bool:
        """The assistant's last words were its question for a task."""
        return "Which task do you mean" in self.before


def read(messages: Sequence[Message]) -> Turn | None:
    """The turn that is to be continued; None without a user message."""
    places = [i for i, message in enumerate(messages) if message.role == "user"]
    if not places:
        return None
    start = places[-1]
    said = [message for message in messages[:start] if message.role == "assistant" and message.text]
    last = said[-1].text if said and messages.index(said[-1]) >= (places[-2:-1] or [0])[0] else ""
    earlier = tuple(messages[i].text for i in places[:-1])
    return Turn(messages[start].text, _done(messages[start + 1 :]), last, earlier)


def _done(messages: Sequence[Message]) -> tuple[Done, ...]:
    answers = [message for message in messages if message.role in ("tool", "function")]
    by_id = {message.call_id: message.text for message in answers if message.call_id}
    calls = [call for message in messages for call in message.calls]
    spare = iter([message.text for message in answers if not message.call_id])
    made: list[Done] = []
    for call in calls:
        text = by_id[call.id] if call.id in by_id else next(spare, None)
        missing = Result(False, error="the tool gave no answer")
        made.append(Done(call, missing if text is None else tasks.read(text)))
    return tuple(made)
