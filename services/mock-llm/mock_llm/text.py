"""Text before it is understood: quotes are set aside, courtesies dropped, slips mended."""

import re
import unicodedata

from mock_llm.intents import Phrase

QUOTED = re.compile(
    r'"([^"]+)"|“([^“”]+)[”“]|„([^„“”]+)[“”]|«([^«»]+)»|`([^`]+)`'
    r"|(?<!\w)'([^']+)'(?!\w)|(?<!\w)‘([^‘’]+)’(?!\w)"
)
MARK = re.compile("\x01(\\d+)\x02")
# How tasks are called; with what people mistype most often.
NOUN = (
    r"(?:to[- ]?dos?(?: (?:items?|tasks?|entry|entries))?|tasks?|taks|taksk|tsaks?|t[eo]sks?"
    r"|taskks?|tasl"
    r"|tsks?|items?|entry|entries|reminders?)"
)
LIST = (
    r"(?:(?:my|the|our|this|that|your) )?(?:(?:whole|entire|shopping|grocery|task|tasks|to[- ]?dos?"
    r"|current) )*(?:list|lsit|tasks|to[- ]?dos|to[- ]?do)"
)


def rx(pattern: str) -> re.Pattern[str]:
    """A pattern for a whole piece of text. An apostrophe in it may be curly, or left out."""
    return re.compile(pattern.replace("'", "['’]?"), re.IGNORECASE | re.DOTALL)


def several(words: str) -> tuple[str, ...]:
    """A list of words, as the modules hold their vocabulary."""
    return tuple(words.split())


_LEAD = rx(
    r"(?:would you mind|yay|woohoo|hooray|oops|whoops|sorry|btw|by the way"
    r"|hey|hi|hello|ok|okay|alright|all right|well|so|u+m+|uh|now|also|and"
    r"|then|but|oh"
    r"|(?:please|pl[sz])(?: to)?|plse|pleas|kindly|just|actually|great|cool|perfect|thanks"
    r"|thank you|yes|yeah|yep|sure|hmm+|ah|aw|damn|ugh|argh"
    r"|i (?:think|guess|suppose|believe|feel like)(?= (?:i|we) )|would it be (?:ok|okay"
    r"|possible) to|i (?:almost )?forgot(?=[,:]| what)"
    r"|assistant|bot|chatbot|there|maybe|quickly|simply|finally|afterwards|after that|next(?! "
    r"(?:week|month|year|\w+day))"
    r"|good (?:morning|evening|afternoon)|first of all"
    r"|(?:can|could|would|will|may|might|cld|wld) (?:you|u|ya|yuo|yu|we|i)(?: guys)?|would you mind"
    r"|i(?:'d| would)? (?:want|need|like|love) (?:for )?(?:you to|that you)"
    r"|you(?= (?:add|show|delete|remove|mark|complete|create|list)\b)"
    r"|you (?:should|can|may|could|must|have to|need to)|(?:(?:may|can|could) i )?ask you to"
    r"|go ahead(?: and)?"
    r"|help me(?: to)?|let's|let us|let me|do me a favou?r and|be so kind(?: as)?(?: to| and)"
    r"|(?:it would be (?:great|nice|good)|i(?:'d| would) (?:love|like|appreciate) it) if you"
    r"(?: could| can| would)?"
    r"|no(?=,)|oh no"
    r"|make sure (?:to|you|that i|i)|try to|feel free to"
    r"|(?:is|would) it (?:be )?possible (?:for you )?to"
    r"|i(?:'d| would) appreciate it if you(?: could)?"
    r"|i was wondering if you could"
    r")(?=[\s,!.:;])[,!.:;]*\s+"
)
_WISH = rx(
    r"(?:i(?:'d| would) (?:like|love)|i wanna|i want|i need|me need|i have|i wish|we need|time)"
    r" ?(?:to )?"
    r"(?=(?:add|create|insert|delete|show|list|see|view|display|rename|check off"
    r"|get rid of|tick off|cross off|un-?check|re-?open)\b"
    rf"|(?:mark|update|edit|change|modify)\b(?=.*(?:\b(?:to|as|done|into|first|last|second|third"
    rf"|{NOUN})\b|\d))"
    rf"|(?:edit|change|update) (?:a|the|my) {NOUN}"
    r"|(?:remove|erase|clear|complete|finish|close|cancel)"
    rf" (?:.* (?:from|off|on) {LIST}\b|(?:the |my |all )*(?:#?\d|{NOUN}\b|first|last|second|third"
    rf"|done|completed|everything|list)))"
)
_TAIL = rx(
    r"[\s,;.!]*\b(?:please|pl[sz]|plse|thanks(?: a lot| so much| again)?|thx|cheers"
    r"|thank you(?: very much| so much)?|for me|would you|will you|could you|can you|if you can"
    r"|if possible|if you (?:would|please|don't mind)|right (?:away|now)|ok|okay)[\s.!?]*$"
    r"|[\s]*(?::-?\)|;-?\)|[\U0001F300-\U0001FAFF\u2764\uFE0F]+)\s*$"
)


def protect(text: str) -> Phrase:
    """The text on single spaces, with each quoted part replaced by a mark."""
    quotes: list[str] = []

    def mark(found: re.Match[str]) -> str:
        if not found[0][1:-1].strip():
            return " "
        quotes.append(found[0])
        return f"\x01{len(quotes) - 1}\x02"

    plain = "".join(c if c == "\n" or unicodedata.category(c) != "Cc" else " " for c in text)
    lines = QUOTED.sub(mark, plain).split("\n")
    kept = [" ".join(line.split()) for line in lines]
    return Phrase("\n".join(line for line in kept if line), tuple(quotes))


def restore(phrase: Phrase, bare: bool = False) -> str:
    """The text with what was quoted; `bare` leaves the quotation marks out."""

    def quote(found: re.Match[str]) -> str:
        whole = phrase.quotes[int(found[1])]
        return whole[1:-1].strip() if bare else whole

    return MARK.sub(quote, phrase.text)


def plain(text: str) -> str:
    """The text without the courtesies at both ends."""
    text = text.strip(" \n")
    while True:
        shorter = text
        for pattern in (_LEAD, _WISH):
            found = pattern.match(shorter)
            shorter = shorter[found.end() :] if found else shorter
        tail = _TAIL.search(shorter)
        shorter = shorter[: tail.start()] if tail and tail.start() else shorter
        if shorter == text:
            return text.rstrip(" ,;")
        text = shorter.strip()


def distance(one: str, other: str) -> int:
    """How many slips of a finger lie between two words; a swap of neighbours is one."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        older, before, row = before, row, [i]
        for j, b in enumerate(other, 1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, older[j - 2] + 1)
            row.append(best)
    return row[-1]
