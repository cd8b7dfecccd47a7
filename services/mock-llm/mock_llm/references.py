"""Finds out which tasks of the list a phrase names. Never guesses between several."""

import re
from collections.abc import Sequence
from itertools import chain

from mock_llm import matching, places
from mock_llm.changing import DONE, OPEN
from mock_llm.found import Found, chosen, only
from mock_llm.intents import Phrase, Status
from mock_llm.tasks import Task
from mock_llm.text import LIST, NOUN, restore, rx

_ONLY_ALL = rx(
    rf"(?:(?:all|every(?:thing|one)?|each|whole|entire|both|of|the|my|our|them|those|these|ones?"
    rf"|single"
    rf"|this|list|lists|{NOUN}|(?<=all )things?|(?<=every )thing|(?:in|on|from) {LIST})(?: |$))+"
)
_SAYS_ALL = rx(
    r".*\b(?:all|every|everything|everyone|each|both|list|tasks|to-?dos|items|ones|them)\b.*"
)
_EVERY = rx(rf"(?:all|every|each|both)(?: of)?(?: (?:the|my))?(?: {NOUN}| ones?)? ?(?P<rest>.+)")
_EXCEPT = rx(
    r"(?P<all>.+?),? (?:except|but|apart from|besides|excluding"
    r"|other than)(?: for)?(?: not)? (?P<out>.+)"
)
_LISTED = rx(rf"(?P<rest>.+?) (?:from|off|on|of|in) {LIST}")
_CLAUSE = rx(
    rf"(?P<rest>.+?),?(?: (?:that|which))?(?: (?:is|are|was|were|have been|has been|i(?:'ve| have"
    rf"|'m)?"
    rf"(?: am)?|already|all|still|now|marked|as|that's|that're))+ (?P<state>{DONE}|{OPEN}"
    rf"|to do)(?: with)?"
    rf"(?: already| yet)?"
)
_QUOTED = rx(
    rf"(?:(?:the|my|a|{NOUN}|one|called|named|with|about|the title"
    rf"|titled) )*(\x01\d+\x02)(?: {NOUN}| one)?"
)
_STATE = rx(rf"(?P<before>.*?)\b(?P<state>not done|{OPEN}|{DONE})\b ?(?P<after>.*)")
_ANY = ("", "the", "my", "all", "what", "whatever", "those", "stuff", "anything")
_EACH = re.compile(
    r"\s*(?:,|;|\n)\s*(?:(?:and|or|then|&)\s+)*|\s+(?:and|&|plus|as well as|then)\s+(?:also\s+"
    r"|then\s+)?",
    re.I,
)


def resolve(
    phrase: Phrase,
    tasks: Sequence[Task],
    shown: Status = "all",
    whole: Status = "all",
    sure: bool = False,
) -> Found:
    """The tasks that the phrase names.

    `shown` is the part of the list the user looks at, in which places count; `whole` is what
    "all" means for this wish: the open ones for completing. `sure`: words that fit only in part are
    asked about.
    """
    text = re.sub(r"(?i)\bwhat['’]s\b", "what is", phrase.text.strip(" .,!?"))
    if listed := _LISTED.fullmatch(text):
        text = listed["rest"]
    if quoted := _QUOTED.fullmatch(text):
        return _by_words(restore(phrase.of(quoted[1]), bare=True), tasks, strictly=True)
    if placed := _explicit(text, tasks, only(tasks, shown)):
        return placed
    if spared := _EXCEPT.fullmatch(text):
        some = resolve(phrase.of(spared["all"]), tasks, shown, whole, sure)
        left_out = resolve(phrase.of(spared["out"]), tasks, shown)
        some.tasks = [task for task in some.tasks if task not in left_out.tasks]
        some.unclear += left_out.unclear
        some.missing += left_out.missing
        if left_out.missing or left_out.unclear:
            # Better nothing than what the user wanted to keep.
            some.tasks = []
        return some
    if re.fullmatch(rf"(?:{NOUN}|ones)?", text, re.I):
        # "Delete tasks" does not say which; all of them would be a bad guess.
        several = only(tasks, whole)
        return chosen("", several) if several else Found(missing=[text])
    if _ONLY_ALL.fullmatch(text) and _SAYS_ALL.fullmatch(text):
        both = only(tasks, whole)
        if re.search(r"\bboth\b", text, re.I) and len(both) > 2:
            return Found(unclear=[(text, both)])
        return Found(both, everything=True)
    bare = restore(phrase.of(text), bare=True)
    if same := matching.exact(bare, tasks):
        return chosen(bare, same)
    if by_state := _by_state(phrase.of(text), tasks):
        return by_state
    every = _EVERY.fullmatch(text)
    if every and (some_tasks := matching.full(every["rest"], tasks)):
        too_many = text.lower().startswith("both") and len(some_tasks) > 2
        return chosen(text, some_tasks) if too_many else Found(some_tasks)
    return _by_parts(phrase.of(text), tasks, shown, sure)


def _by_parts(phrase: Phrase, tasks: Sequence[Task], shown: Status, sure: bool) -> Found:
    """By words: the whole as one title, else each part around `and` by itself."""
    bare = restore(phrase, bare=True)
    parts = [part for part in _EACH.split(phrase.text) if part.strip()]
    if len(parts) < 2 or (whole := matching.full(bare, tasks)):
        return _by_words(bare, tasks, sure=sure) if len(parts) < 2 else chosen(bare, whole)
    if sure and any(re.fullmatch(rf"(?i){DONE}|{OPEN}", part.strip()) for part in parts):
        # "Groceries, done" does not mean all that is done.
        return Found(unclear=[(bare, list(tasks))], vague=True)
    found = Found()
    for one in (resolve(phrase.of(part), tasks, shown, sure=sure) for part in parts):
        found.tasks += [task for task in one.tasks if task not in found.tasks]
        found.missing += one.missing
        found.unclear += one.unclear
        found.vague = found.vague or one.vague
    return found


def _explicit(text: str, tasks: Sequence[Task], shown: Sequence[Task]) -> Found | None:
    """By numbers and places, if every part of the text is one."""
    text = re.sub(r"(?<=\d) (?=#?\d)", ", ", re.sub(r"(?i)^both (?=.* (?:and|&) )", "", text))
    parts = [part for part in _EACH.split(text) if part.strip()]
    whole = places.explicit(text, tasks, shown)
    each = [whole] if whole is not None else [places.explicit(part, tasks, shown) for part in parts]
    known = [part for part in each if part is not None]
    if not known or len(known) < len(each):
        return None
    names = [text] if whole is not None else parts
    missing = [name for name, part in zip(names, known, strict=True) if not part]
    return Found(list(dict.fromkeys(chain(*known))), missing)


def _by_state(phrase: Phrase, tasks: Sequence[Task]) -> Found | None:
    """`all done tasks`, `the first open one`, `everything that is done`, `completed`."""
    text = phrase.text
    if found := _CLAUSE.fullmatch(text):
        rest, state = found["rest"], found["state"]
    elif found := _STATE.fullmatch(text):
        rest, state = f"{found['before']}{found['after']}", found["state"]
    else:
        return None
    status: Status = "open" if re.fullmatch(OPEN + "|to do", state, re.I) else "done"
    some, rest = only(tasks, status), " ".join(rest.split())
    if rest.casefold() in _ANY or _ONLY_ALL.fullmatch(rest):
        one = re.fullmatch(r"(?:the |my )?(?:task|one|item|todo|to-do)", rest, re.I)
        if one and len(some) > 1:
            return Found(unclear=[(text, some)])
        return Found(some, [] if some else [text], everything=not one)
    if (named := _explicit(rest, some, some)) is not None:
        return named
    if found and (close := matching.full(rest, some)) and not matching.full(text, tasks):
        return chosen(text, close)
    return None


def _by_words(
    text: str, tasks: Sequence[Task], strictly: bool = False, sure: bool = False
) -> Found:
    found = matching.full(text, tasks)
    if not found and not strictly:
        found = matching.partly(text, tasks)
        if sure and not (len(found) == 1 and matching.agree(text, found[0])):
            return Found(unclear=[(text, found)], vague=True) if found else Found(missing=[text])
    return chosen(text, found)
