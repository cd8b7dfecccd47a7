"""What a sentence means after what was said before: answers to a question, `it`, `the first"
" one`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mock_llm import grammar
from mock_llm.adding import title
from mock_llm.intents import (
    Add,
    Complete,
    Delete,
    Describe,
    Find,
    Intent,
    Phrase,
    Rename,
    Reopen,
    Say,
    Show,
    Status,
    Unknown,
)
from mock_llm.replies import ASK_TITLE, ASK_WORDS
from mock_llm.text import plain, protect
from mock_llm.turn import Turn


@dataclass(frozen=True)
class Meaning:
    """The wishes of a turn, and how its words for tasks are to be read."""

    intents: tuple[Intent, ...]
    shown: Status = "all"
    candidates: tuple[int, ...] = ()


def understand(turn: Turn) -> Meaning:
    """The meaning of the last message in its conversation."""
    intents = grammar.parse(turn.text)
    if turn.earlier and (answered := _answer(turn, intents)):
        return answered
    shown: Status = "all"
    if turn.earlier:
        before = grammar.parse(turn.earlier[-1])
        if isinstance(before[-1], Show):
            shown = before[-1].status
        intents = [_named(intent, before) for intent in intents]
    return Meaning(tuple(_within(intents)), shown)


def _within(intents: Sequence[Intent]) -> list[Intent]:
    """`it` may be what an earlier wish of the same message was about; see to a new task later."""
    made: list[Intent] = []
    for intent in intents:
        points = made and not any(isinstance(one, Add) for one in made)
        made.append(_named(intent, made, now=True) if points else intent)
    return made


def _answer(turn: Turn, intents: Sequence[Intent]) -> Meaning | None:
    """The wish of before, completed by this message, if the assistant had asked for more."""
    first, phrase = intents[0], protect(turn.text)
    guessed = isinstance(first, Add) and first.guessed
    open_end = (
        isinstance(first, Unknown | Find)
        or guessed
        or (isinstance(first, Say) and first.kind == "never mind" and turn.text.strip().isdecimal())
    )
    before = _before(turn)
    if turn.before.endswith(ASK_TITLE) and (
        guessed or isinstance(first, Unknown | Find | Complete)
    ):
        return Meaning((Add((title(phrase.of(plain(phrase.text))),)),))
    if turn.before.endswith(ASK_WORDS) and open_end and isinstance(before, Rename):
        new = title(phrase.of(plain(phrase.text)))
        return Meaning((Rename(tuple((named, new) for named, _ in before.options)),))
    candidates = tuple(turn.candidates())
    if len(candidates) == 1 and first == Say("yes"):
        phrase, open_end = Phrase(f"#{candidates[0]}"), True
    if not turn.before_asks() or not open_end or before is None:
        return None
    answer = first.phrase if isinstance(first, Find | Unknown) else phrase
    if isinstance(before, Rename | Describe):
        options = tuple((answer, new) for _, new in before.options[:1])
        return Meaning((replace(before, options=options),), candidates=candidates)
    return Meaning((type(before)(answer),), candidates=candidates)


def _before(turn: Turn) -> Complete | Delete | Reopen | Rename | Describe | None:
    """The last change that was wished for."""
    for text in reversed(turn.earlier[-3:]):
        for intent in reversed(grammar.parse(text)):
            if isinstance(intent, Complete | Delete | Reopen | Rename | Describe):
                return intent
    return None


def _named(intent: Intent, before: Sequence[Intent], now: bool = False) -> Intent:
    """The wish with `it` replaced by what was spoken of before."""
    if isinstance(intent, Complete | Delete | Reopen | Find) and is_it(intent.phrase):
        spoken = _spoken(before[-1], now)
        return type(intent)(spoken) if spoken else intent
    if isinstance(intent, Rename | Describe) and is_it(intent.options[0][0]):
        spoken = _spoken(before[-1], now)
        return replace(intent, options=((spoken, intent.options[0][1]),)) if spoken else intent
    return intent


def is_it(phrase: Phrase) -> bool:
    """The phrase only points back."""
    return grammar.IT.fullmatch(phrase.text.strip(" .!?")) is not None


def _spoken(intent: Intent, now: bool) -> Phrase | None:
    """The words for the task that a wish was about; `now`: nothing of it was done yet."""
    if isinstance(intent, Complete | Reopen | Find) or (isinstance(intent, Delete) and now):
        return intent.phrase
    if isinstance(intent, Describe) or (isinstance(intent, Rename) and now):
        return intent.options[0][0]
    if isinstance(intent, Rename) and intent.options[0][1]:
        return _quoted((intent.options[0][1],))
    if isinstance(intent, Add) and intent.titles:
        return _quoted(intent.titles)
    return None


def _quoted(titles: Sequence[str]) -> Phrase:
    marks = [f"\x01{number}\x02" for number in range(len(titles))]
    return Phrase(", ".join(marks), tuple(f'"{text}"' for text in titles))
