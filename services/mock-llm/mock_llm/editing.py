"""Sentences that change what a task says: its title or its description."""

import re

from mock_llm.adding import title
from mock_llm.changing import DONE, OPEN, UNDONE
from mock_llm.intents import Describe, Phrase, Rename
from mock_llm.text import NOUN, rx

_DETAIL = r"(?:descriptions?|details?|notes?|comments?)"
_EDIT = r"(?:change|set|update|edit|modify|make|replace|rewrite|adjust|correct|fix|alter)"
_TITLE_OF = r"(?:the )?(?:title|name|text|wording)(?: of| for)? "
_EXPLICIT = (
    rf"(?:(?:the |my )?{NOUN} (?:number |no\.? |#|id )?\w+|#\d+"
    rf"|the \w+(?: to last)?(?: {NOUN}| one)|it|that|the last)"
)

_RENAMES: list[tuple[re.Pattern[str], str]] = [
    (
        rx(rf"(?:rename|retitle|re-?name|reword|re-?phrase) (?:{_TITLE_OF})?(?P<rest>.+)"),
        "to|as|into",
    ),
    (rx(rf"{_EDIT} {_TITLE_OF}(?P<rest>.+)"), "to|as|into|with"),
    (
        rx(rf"(?:{_EDIT}|turn) (?P<rest>.+)"),
        "(?:so (?:that )?)?it (?:says|reads|should (?:say|read|be))|to say|to read|to be|to|into"
        "|with",
    ),
    (
        rx(r"(?:make|let|have|i(?:'d| would)? (?:like|want)) (?P<rest>.+)"),
        "(?:to )?(?:say|read)|to be (?:called|named)",
    ),
    (rx(rf"{_TITLE_OF}(?P<rest>.+)"), "should be|is now|is"),
    (rx(r"(?:swap|exchange|switch|replace) (?P<rest>.+)"), "for|with|by"),
    (rx(r"(?:the |a )?new (?:title|name|text) (?:of|for) (?P<rest>.+)"), "is|to|should be|:|,|-"),
    (
        rx(r"(?P<rest>.+)"),
        r"should (?:be (?:called|named|titled|renamed to)|say|read)|should (?:now|rather) be"
        r"|is now (?:called|named)",
    ),
    (
        rx(rf"(?P<rest>(?:{_EXPLICIT}|(?:the |my )?[^,]{{1,60}} (?:one|{NOUN})) should be .+)"),
        "should be",
    ),
]
_CALL = rx(
    rf"(?:call|name|title) (?P<ref>{_EXPLICIT}(?= )|.+?) (?P<text>\x01\d+\x02|.+?)(?: instead"
    rf"| from now on)"
)
_TURNED = rx(
    r"(?P<ref>[^:]+?)(?::|,| -) ?(?:rename|change)(?: it| that)? (?:to|as|into) (?P<text>.+)"
)
_GIVEN = rx(r"give (?P<ref>.+) (?:the |a )(?:new )?(?:title|name)(?: of)? (?P<text>.+)")
_DESCRIBES: list[tuple[re.Pattern[str], str]] = [
    (
        rx(
            rf"(?:{_EDIT}|add|give|attach|append|put|write|new) (?:the |a |an |this |new "
            rf"|its )*{_DETAIL} "
            r"(?:of|for|to|on|in) (?P<rest>.+)"
        ),
        "to say|to be|to|as|with|saying|that says|that|which says|,|-",
    ),
    (
        rx(rf"(?:{_EDIT}|give|add)(?: to)? (?P<rest>.+)"),
        rf"(?:'s|’s) {_DETAIL}(?: to| as| with|:)?|(?:with|by)? ?(?:the |a |this |an )*(?:new )?"
        rf"{_DETAIL}(?: to| of| as|:)?",
    ),
    (rx(r"describe (?P<rest>.+)"), "as|with"),
    (rx(rf"(?:the )?{_DETAIL} (?:of|for|to|on) (?P<rest>.+)"), "is|should be|to|,|-"),
]
_ATTACH = rx(
    rf"(?:add|attach|append|put|write|set|save)(?: down)? (?:the |a |an |this |new )*{_DETAIL}:?"
    r"(?: saying| that says| that)? (?P<text>.+) (?:to|for|on|of) (?P<ref>.+)"
)
_ATTACHED = rx(
    r"(?:add|attach|append) (?P<text>\x01\d+\x02) (?:to|as) (?:the )?"
    rf"{_DETAIL} (?:of|for|to|on) (?P<ref>.+)"
)
_STRIP = rx(
    rf"(?:remove|delete|clear|erase|drop|empty) (?:the |any |all )?{_DETAIL} (?:of|from|for"
    rf"|on) (?P<ref>.+)"
    rf"|(?:remove|delete|clear|erase|drop|empty) (?P<ref2>.+?)[\x27’]s {_DETAIL}"
)
_SAYING = rx(
    rf"add (?:a |the )?{_DETAIL} (?:to|for|on) (?:the|my) .+ (?:saying|that says|which says) .+"
)
_EXPLICITLY = rx(rf"{_EXPLICIT}.*")
_TITLED = rx(r"(?P<ref>.+) (?P<text>\x01\d+\x02)[.!]*")
_FROM = rx(r"(?P<ref>.+?) from .+")
# "Set task 3 to done" is about the state.
_STATE = rx(
    rf"(?:(?:be|status|as|all) )*(?:{DONE}|{OPEN}|deleted|removed|gone|marked .*|{UNDONE})"
    rf"(?: again| now| please)*"
)
# "Set a reminder to …" makes a new task.
_STATED = rx(rf".+ as (?:{DONE}|{OPEN}|{UNDONE})[.!]*")
_A = rx(r"(?:an?|the|one|another|new)")
_NEW = rx(
    rf"(?:up )?(?:reminder|note)|(?:up )?(?:a|an|another|one|me|new)\b(?: \w+)* ?(?:{_DETAIL}"
    rf"|{NOUN}).*"
)


def parse(phrase: Phrase) -> Rename | Describe | None:
    """The new text that the sentence gives a task, if it does."""
    text = phrase.text.rstrip(" ")
    bare = text.rstrip(" .!?")
    if found := _STRIP.fullmatch(bare):
        return Describe(((phrase.of(found["ref"] or found["ref2"]), ""),))
    for number, (pattern, words) in enumerate(_DESCRIBES):
        found = pattern.fullmatch(text)
        if found and (options := _options(phrase, found["rest"], words, signs=number != 1)):
            if _A.fullmatch(options[0][0].text):
                continue
            noted = text.lower().startswith(("add a note", "add note", "note"))
            explicit = _EXPLICITLY.fullmatch(options[0][0].text) or _SAYING.fullmatch(text)
            # "Add milk with description …" makes a task.
            added = number == 1 and text[:4].lower() == "add "
            if explicit or not (noted or added):
                return Describe(options)
    found = _ATTACHED.fullmatch(bare)
    if not found and (found := _ATTACH.fullmatch(bare)):
        about_note = re.search(r"\bnotes?\b", text[: found.start("text")], re.I)
        found = found if not about_note or _EXPLICITLY.fullmatch(found["ref"]) else None
    if found:
        return Describe(((phrase.of(found["ref"]), title(phrase.of(found["text"]))),))
    if found := _TURNED.fullmatch(bare) or _CALL.fullmatch(bare) or _GIVEN.fullmatch(bare):
        return Rename(((phrase.of(found["ref"]), title(phrase.of(found["text"]))),))
    for number, (pattern, words) in enumerate(_RENAMES):
        found = pattern.fullmatch(text)
        if found and not _STATED.fullmatch(found["rest"]):
            options = _options(
                phrase, found["rest"], words, signs=number < 3 or words.endswith("-")
            )
            if any(_STATE.fullmatch(new) for _, new in options):
                return None
            if options:
                return Rename(options)
            if number == 0 and (named := _TITLED.fullmatch(found["rest"])):
                return Rename(((phrase.of(named["ref"]), title(phrase.of(named["text"]))),))
            if number < 2 or (number == 2 and re.match("edit|change|update|modify", text, re.I)):
                return Rename(((phrase.of(found["rest"].rstrip(" .!?")), ""),))
    return None


def _options(phrase: Phrase, rest: str, words: str, signs: bool) -> tuple[tuple[Phrase, str], ...]:
    """Every way to part the rest into a task and its new text, the earliest first."""
    sign = r"\s*(?::|->|→|=)\s*|" if signs else ""
    parted = re.compile(rf"{sign}(?:\s+|(?=['’]s))(?:{words})(?=[\s:]|\x01|$)\s*:?\s*", re.I)
    made: list[tuple[Phrase, str]] = []
    for found in parted.finditer(rest):
        ref, text = rest[: found.start()].strip(" ,"), rest[found.end() :]
        ref = re.sub(r"(?:['’]s?)? (?:title|name|text)$", "", ref, flags=re.I)
        if plain := _FROM.fullmatch(ref):
            ref = plain["ref"]
        new = title(phrase.of(re.sub(r"(?i) instead[.!]*$", "", text)))
        if ref and new and not _NEW.fullmatch(ref):
            made.append((phrase.of(ref), new))
    return tuple(made)
