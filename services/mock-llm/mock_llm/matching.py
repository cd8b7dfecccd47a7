"""Finds tasks by words of their titles."""

import re
from collections.abc import Sequence

from mock_llm.changing import PAST
from mock_llm.tasks import Task
from mock_llm.text import NOUN, distance, several

_EMPTY = several(
    "a an the my our your this that these those to for of with about on in at and or one ones "
    "it is was be been i me called named titled saying says which it's some any from up "
    "please by mention mentions mentioning contain contains containing word regarding "
    "concerning related where there just also"
)
# Verbs that mean the same; the first group may stand for any deed, also "finished the report".
_DEEDS = (
    several("do finish get make work handle manage go"),
    several("buy get pick purchase order shop"),
    several("call phone ring telephone dial"),
    several("write draft prepare finish do"),
    several("clean tidy wash"),
    several("pay settle transfer"),
    several("book reserve order"),
)
_VAGUE = several(
    "appointment thing job matter part bit chore business entry task reminder whole all"
)
# Too common to name a task alone, when other words of the user's do not fit.
_COMMON = several("buy call get make do go send write pay clean take check read new finish meet")
_NOUNS = re.compile(rf"{NOUN}|(?:thing|stuff)s?", re.I)


def stem(word: str) -> str:
    """The word without its ending: `buying` and `bought` are `buy`."""
    word = PAST.get(word, word)
    for ending, least in (("ies", 3), ("ing", 3), ("ied", 3), ("ed", 3), ("es", 4), ("s", 3)):
        if word.endswith(ending) and len(word) - len(ending) >= least and not word.endswith("ss"):
            word = word[: -len(ending)] + ("y" if ending in ("ies", "ied") else "")
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "ls":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 3 else word


def words(text: str) -> list[str]:
    """All words of a text, small."""
    return re.findall(r"[^\W_]+(?:['’][^\W_]+)*", text.casefold())


def _stems(text: str) -> list[str]:
    found = [word.replace("’", "'").removesuffix("'s") for word in words(text)]
    meant = [word for word in found if word not in _EMPTY]
    named = [word for word in meant if not _NOUNS.fullmatch(word)]
    return [stem(word) for word in named or meant or found]


def exact(text: str, tasks: Sequence[Task]) -> list[Task]:
    """Tasks with exactly this title; letter for letter, else but for case and spaces."""
    same = [task for task in tasks if task.title.strip() == text.strip()]
    folded = " ".join(text.casefold().split())
    return same or [task for task in tasks if " ".join(task.title.casefold().split()) == folded]


def full(text: str, tasks: Sequence[Task]) -> list[Task]:
    """Tasks that the whole text fits: its title, its words in a row, or all its words."""
    if same := exact(text, tasks) or exact(re.sub(r"(?i)^(?:the|my) ", "", text), tasks):
        return same
    asked = _stems(text)
    if not asked:
        return []
    titles = [(task, _stems(task.title)) for task in tasks]
    alike = [task for task, found in titles if sorted(found) == sorted(asked)]
    near = [task for task, found in titles if all(_has(found, word) for word in asked)]
    wide = [task for task, found in titles if all(word in found for word in asked)]
    return alike or wide or near


def partly(text: str, tasks: Sequence[Task]) -> list[Task]:
    """Tasks that share the most telling words with the text, if there are such."""
    asked = _stems(text)
    telling = [word for word in asked if word not in _COMMON] or asked
    scores: list[tuple[float, Task]] = []
    for task in tasks:
        found = _stems(task.title)
        shared = sum(_has(found, word) for word in telling)
        # Either half of what the user said, or all that the title says.
        whole = bool(found) and all(_has(asked, word) for word in found)
        if shared and (shared * 2 >= len(telling) or whole):
            scores.append((shared + whole / 2, task))
    best = max((score for score, _ in scores), default=0)
    return [task for score, task in scores if score == best]


def agree(text: str, task: Task) -> bool:
    """The title says all that the text says, in the same words or in like ones."""
    title = _stems(task.title)
    return all(
        _has(title, word)
        or word in _VAGUE_STEMS
        or any(word in d and _any(title, d) for d in _LIKE)
        for word in _stems(text)
    )


def _any(title: list[str], deeds: frozenset[str]) -> bool:
    return not deeds.isdisjoint(title) or (deeds is _LIKE[0] and bool(title))


def _has(found: list[str], word: str) -> bool:
    """The word is there, or begins one, or was mistyped by one letter."""
    for other in found:
        if word == other or (len(word) >= 4 and other.startswith(word)):
            return True
        if min(len(word), len(other)) >= 5 and distance(word, other) <= 1:
            return True
    return False


_LIKE = tuple(frozenset(map(stem, deeds)) for deeds in _DEEDS)
_VAGUE_STEMS = frozenset(map(stem, _VAGUE))
