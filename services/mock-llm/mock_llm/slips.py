"""Mistyped words of command. Titles are never mended: only the words that the grammar knows."""

import re
from functools import lru_cache

from mock_llm.text import distance, several

_WORDS = several(
    "add create insert append remind remember forget show list display view mark check "
    "uncheck complete completed finish finished close reopen delete remove erase discard "
    "cancel clear rename update change description replace everything task tasks first second "
    "third last done please open pending all should have called title already what todo"
)
_KNOWN = {
    "dnt": "don't", "remindme": "remind me", "remaind": "remind",
    "ad": "add", "adde": "add", "anadd": "add", "adds": "add", "aad": "add", "addd": "add",
    "adda": "add", "crate": "create", "rm": "remove",
    "del": "delete", "dlt": "delete", "shw": "show", "lst": "list", "u": "you", "wat": "what",
    "whats": "what's", "wht": "what", "frist": "first", "fist": "first", "adding": "add",
    "creating": "create", "deleting": "delete", "removing": "remove", "showing": "show",
    "listing": "list", "marking": "mark", "completing": "complete", "renaming": "rename",
    "updating": "update", "changing": "change", "telling": "tell", "giving": "give",
    "reminding": "remind", "putting": "put", "checking": "check", "tak": "task", "taks": "task",
}  # fmt: skip
# Real words that lie close to one of ours.
_REAL = several(
    "clean chance charge shoe shop slow snow lost late mask dark park bark make made like "
    "bones one dine ask desk cook call wall hall tall fill opens review remote clothes choose "
    "lose clever finnish dear cleared dates upload renamed fist least past fast cast lash "
    "task what that who hat water heck cheek fish polish close closed closes clock place "
    "replied chat chart shown shows haven halve shave heave blast lasts lists marks opens views "
    "haves whatever "
)


@lru_cache(maxsize=2048)
def _mend(word: str) -> str:
    if word in _KNOWN:
        return _KNOWN[word]
    if word in _WORDS or word in _REAL or len(word) < 4:
        return word
    # "Uncomplete" is no slip of "complete", but its contrary.
    near = [known for known in _WORDS if _near(word, known) and word[:2] not in ("un", "in", "re")]
    flat = [known for known in _WORDS if _flat(known) == _flat(word)]
    near = (
        near or flat or [known for known in _WORDS if known[:2] == word[:2] and _near(word, known)]
    )
    return min(near, key=lambda known: (distance(word, known), _WORDS.index(known)), default=word)


def _flat(word: str) -> str:
    """Doubled letters as one: people double the wrong ones."""
    return re.sub(r"(.)\1+", r"\1", word)


def _near(word: str, known: str) -> bool:
    if len(known) <= 4:
        # A letter too many, or two that changed places.
        close = (len(word) == 5 and len(known) == 4) or sorted(word) == sorted(known)
        return close and distance(word, known) == 1
    return distance(word, known) <= (2 if len(known) >= 8 else 1)


def mended(text: str, count: int) -> str:
    """The text, with slips in its first `count` words mended."""
    parts = re.split(r"([A-Za-z']+)", text)
    for place in range(1, min(len(parts), 2 * count), 2):
        word = parts[place].lower()
        better = _mend(word)
        if better != word:
            parts[place] = better
    return "".join(parts)


_PLAIN = {
    "teh": "the", "hte": "the", "waht": "what", "doen": "done", "dnoe": "done",
    "adn": "and", "tsak": "task", "tsaks": "tasks", "taks": "task", "lsit": "list", "taht": "that",
    "al": "all", "mi": "my", "completd": "completed", "finsihed": "finished", "frist": "first",
}  # fmt: skip


def _state(word: str) -> str:
    """`don` and `compelte` after `as`."""
    if word.lower() == "finish":
        return "finished"
    return "done" if sorted(word.lower()) in (list("dno"), list("deno")) else _mend(word.lower())


def smoothed(text: str) -> str:
    """The text without slips that are no words at all; for sentences that hold no new title."""
    text = re.sub(r"(?i)^shoe (?=me |my |all |the (?:list|tasks))", "show ", text)
    text = re.sub(r"(?<= as )[A-Za-z]{3,11}(?=[.! ]*$)", lambda found: _state(found[0]), text)
    return re.sub(r"[A-Za-z]+", lambda found: _PLAIN.get(found[0].lower(), found[0]), text)
