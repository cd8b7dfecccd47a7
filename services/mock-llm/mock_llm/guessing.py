"""Bare deeds and dates, such as `call the plumber`: read as new tasks where nothing else fits."""

import re

from mock_llm.adding import title
from mock_llm.intents import Add, Phrase
from mock_llm.text import plain, rx, several

_DEEDS = several(
    "buy get grab order purchase pick call phone ring email mail text message write send reply "
    "post pay book reserve schedule plan arrange organize organise prepare clean tidy wash fix "
    "repair "
    "replace visit meet feed walk water return renew study learn practice practise cook bake bring "
    "sell print sign submit review iron vacuum mow sweep mop dust paint pack unpack charge install "
    "refill apply register file backup research contact ask invite collect drop fetch take go do "
    "make attend watch read finish draft proofread revise deliver ship hang assemble build plant "
    "cancel donate exercise workout train stretch meditate sort organise refactor deploy test "
    "withdraw deposit transfer measure polish sew shave trim cut change"
)
# "Write me a poem" and "go away" are said to the assistant.
_TO_YOU = (
    r"(?: (?:me|us|it|this|that|them|you|yourself|away|to hell|ahead|on|back|what|why|how|if|again"
    r"|not)\b"
    r"|.*\b(?:poem|story|song|essay|code|haiku|joke|prompt|instructions?|sql|password|system"
    r"|tasks?|todos?|list|users?|you|your)\b)"
)
_DEED = rx(
    rf"(?:{'|'.join(_DEEDS)})(?! (?:\d|#|\x01))(?!.*\b(?:should|task|task[\x27’]s)\b)(?!{_TO_YOU})"
    rf"(?: [^\s:?]+)+[.!]*"
)
_DATE = rx(
    r"(?!(?:who|what|when|where|why|how|is|are|do|does|did|can|will|the weather|it|i|we|you|there"
    r"|set|move|assign|sort|share|.*\btasks?)\b)"
    r"(?=.*\b(?:appointment|meeting|meet-?up|birthday|exam|test|interview|party|dinner|lunch"
    r"|breakfast"
    r"|brunch|class|lesson|course|training|gym|yoga|check-?up|deadline|call|date|visit|concert"
    r"|rehearsal|flight|train|homework|assignment|presentation|review|shopping|laundry)\b)"
    r"(?=.*\b(?:today|tonight|tomorrow|(?:on |next |this )?(?:mon|tues|wednes|thurs|fri|satur"
    r"|sun)day"
    r"|(?:at|by|@) \d|next week|this week|this evening|(?:jan|feb|mar|apr|may|june?|july?|aug|sep"
    r"|oct|nov|dec)\w* \d|\d ?(?:am|pm)|with)\b)[^?]+"
)

_HAVING = rx(
    rf"^(?:i|we) want (?=(?:{'|'.join(_DEEDS)}) )|^(?:i|we)(?:'ve)? (?:have|got|have got) (?:a "
    rf"|an )?(?!to\b)"
)


def parse(phrase: Phrase) -> Add | None:
    """The new task, if the whole message can be one."""
    text = _HAVING.sub("", plain(phrase.text))
    # "Call list_tasks with …": whoever writes names of programs has no errand in mind.
    if "\n" in text or re.search(r"[.!?;]\s+\S|\w_\w", text):
        return None
    if _DEED.fullmatch(text) or _DATE.fullmatch(text):
        return Add((title(phrase.of(text)),), guessed=True)
    return None
