"""Numbers and places: `task 3`, `#3`, `the second to last`, `the first two`."""

import re
from collections.abc import Sequence

from mock_llm.tasks import Task
from mock_llm.text import NOUN, rx, several

_CARDINALS = several(
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty"
)
_ORDINALS = several(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth "
    "thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
)
_SLIPS = {
    "frist": "first", "fisrt": "first", "firts": "first", "secnd": "second", "seccond": "second",
    "thrid": "third", "forth": "fourth", "lsat": "last", "lats": "last", "initial": "first",
    "topmost": "first", "top": "first", "oldest": "first", "earliest": "first", "final": "last",
    "bottom": "last", "newest": "last", "latest": "last", "most recent": "last", "next": "first",
    "very first": "first", "very last": "last", "most recently added": "last", "recent": "last",
    "lastest": "last", "last added": "last", "lowest": "last", "uppermost": "first",
}  # fmt: skip
_MADE = r"(?:that )?i (?:have |just |'ve )*(?:added|created|made|entered)"
_ADDED = rx(
    rf"^(?:the )?{NOUN} {_MADE} (first|last)$"
    rf"|^(?:the )?(first|last|most recent|latest|newest) {NOUN} {_MADE}$"
)
# "Secnod": the letters are right, their order is not.
_BY_LETTERS = {"".join(sorted(word)): word for word in _ORDINALS}
_NUMBER = rf"(?:\d{{1,10}}|{'|'.join(_CARDINALS)})"
_ORD = rf"(?:\d{{1,4}} ?(?:st|nd|rd|th)|{'|'.join(_ORDINALS)}|last)"
_ONE = rf"(?: (?:{NOUN}|one|ones|thing|of them|of all))*"
_BY_NUMBER = rx(
    rf"(?:(?:the|my) )?(?:{NOUN} )?(?:with )?(?:the )?(?P<mark>#|ids?:? ?#?|num(?:ber)?s?\.? ?#?"
    rf"|no\.? ?#?|nr\.? ?)? ?(?P<number>{_NUMBER}){_ONE}"
)
_FROM_END = rx(
    rf"(?:the |my )?(?:(?P<n>{_ORD})(?: {NOUN}| one)?[ -](?:to|from"
    rf"|before)(?:[ -]the)?[ -](?:very )?"
    rf"(?:last|end|bottom)|(?P<m>second|third|2nd|3rd)[ -]last|(?P<next>penultimate"
    rf"|next[ -]to[ -]last"
    rf"|one before(?: the)? last)|last but (?P<but>{_NUMBER})){_ONE}"
)
_BESIDE = rx(
    rf"(?:the )?(?:one|{NOUN}) (?:right |just |directly )?(?P<side>before|after|above|below"
    r"|following|preceding|under) (?P<rest>.+)"
)
_FIRST_FEW = rx(
    rf"(?:the |my )?(?:(?P<end>first|last) (?P<count>{_NUMBER}|couple(?: of)?)|"
    rf"(?P<many>{_NUMBER}) (?P<side>first|last)){_ONE}"
)
_PLACE = rx(rf"(?:the |my )?(?P<place>{_ORD}){_ONE}")
_AT = rx(
    rf"(?:the )?(?:{NOUN}|one) (?:at|in|on) (?:the )?(?:position |place |spot )?(?P<place>"
    rf"{_ORD}|{_NUMBER})(?: (?:position|place|spot|of the list))?"
)
_RANGE = rx(
    rf"(?:(?:the |all )?{NOUN} |numbers? |#)*(?:from |between )?#?(?P<low>{_NUMBER}) ?(?:-|–|to"
    rf"|through"
    rf"|thru|until|till|up to|and) ?#?(?P<high>{_NUMBER})"
)


def explicit(text: str, tasks: Sequence[Task], shown: Sequence[Task]) -> list[Task] | None:
    """The tasks a piece of text names by number or place.

    None: it names none that way; empty: there is no such task. Ids count in `tasks`, places in
    `shown`.
    """
    text = _plain(text)
    if found := _RANGE.fullmatch(text):
        # Only a dash or `to` makes a range; `and` is split by who calls.
        if " and " not in text or text.startswith("between"):
            low, high = _value(found["low"]), _value(found["high"])
            wide = range(low, min(high, low + 1000) + 1)
            return [task for number in wide for task in _numbered(number, tasks, shown, False)]
    elif found := _FIRST_FEW.fullmatch(text):
        few = found["count"] or found["many"]
        count = 2 if few.startswith("couple") else _value(few)
        return (
            list(shown[:count])
            if (found["end"] or found["side"]) == "first"
            else list(shown[-count:] if count else [])
        )
    if found := _BY_NUMBER.fullmatch(text):
        mark = (found["mark"] or "").strip()
        if mark or not re.fullmatch(r"(?:the |my )?one(?: one)?", text):
            strict = mark == "#" or mark.startswith("id")
            return _numbered(_value(found["number"]), tasks, shown, strict)
    if found := _FROM_END.fullmatch(text):
        back = 2 if found["next"] else _value(found["but"] or found["n"] or found["m"])
        back += bool(found["but"])
        return _at(-back, shown)
    if found := _BESIDE.fullmatch(text):
        beside = explicit(found["rest"], tasks, shown)
        if beside and len(beside) == 1 and beside[0] in shown:
            step = -1 if found["side"] in ("before", "above", "preceding") else 1
            place = list(shown).index(beside[0]) + step
            return [shown[place]] if 0 <= place < len(shown) else []
        return beside if beside == [] else None
    if found := _PLACE.fullmatch(text) or _AT.fullmatch(text):
        return _at(_value(found["place"]), shown)
    if re.fullmatch(rf"(?:the )?middle(?:most)?{_ONE}", text):
        return [shown[(len(shown) - 1) // 2]] if shown else []
    return None


def _plain(text: str) -> str:
    text = " ".join(text.casefold().split()).strip(" .,!?")
    text = _ADDED.sub(lambda found: f"the {found[1] or found[2]}", text)
    text = re.sub(r"^(?:that|this|our|your|these|those) ", "the ", text)
    text = re.sub(r"\bfrom (?:the )?bottom\b", "from the end", text)
    text = re.sub(r"\bfrom (?:the )?top$", "", text).strip()
    text = re.sub(
        r"[a-z]{5,}", lambda found: _BY_LETTERS.get("".join(sorted(found[0])), found[0]), text
    )
    for slip in sorted(_SLIPS, key=len, reverse=True):
        if not (slip == "next" and "next to" in text.replace("-", " ")):
            text = re.sub(rf"\b{slip}\b", _SLIPS[slip], text)
    return text


def _value(text: str) -> int:
    """The number of a word; the last one is -1."""
    text = text.strip()
    if text in _CARDINALS:
        return _CARDINALS.index(text) + 1
    if text in _ORDINALS:
        return _ORDINALS.index(text) + 1
    return -1 if text == "last" else int(re.sub(r"\D", "", text))


def _numbered(
    number: int, tasks: Sequence[Task], shown: Sequence[Task], strict: bool
) -> list[Task]:
    """The task with this id; where there is none and no id was meant, the one at this place."""
    found = [task for task in tasks if task.id == number]
    return found or ([] if strict else _at(number, shown))


def _at(place: int, shown: Sequence[Task]) -> list[Task]:
    if place > 0:
        return list(shown[place - 1 : place])
    return [shown[place]] if place and -place <= len(shown) else []


def numbers(text: str) -> list[int]:
    """The ids in a text that holds nothing but ids: `tasks 1 and #3`."""
    parts = re.split(r"\s*,\s*(?:and )?|\s+(?:and|&)\s+", _plain(text))
    found = [_BY_NUMBER.fullmatch(part) for part in parts]
    return [_value(one["number"]) for one in found if one] if all(found) else []
