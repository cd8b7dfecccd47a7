"""Sentences that ask for the list, or for single tasks of it."""

import re

from mock_llm.changing import PAST_VERB
from mock_llm.intents import Find, Phrase, Show, Status
from mock_llm.text import LIST, NOUN, rx

_NOT_DONE = rx(
    r".*\b(?:not(?: yet)? (?:been )?(?:done|complete|completed|finished|closed)|un-?done|open"
    r"|opened"
    r"|pending|in-?complete|un-?completed|un-?finished|active|remaining|remains?|outstanding|left"
    r"|todo"
    r"|to do|to-do|still|next|(?:haven't|have not|didn't|hasn't|isn't|aren't|not)(?: \w+){0,3}"
    r" (?:done|finished|completed?|finish|do)|need to|needs to|needs doing|have to|must|should"
    r"|ahead|due"
    r"|ongoing"
    r"|in progress|unresolved|waiting|missing|am i done|are we done)\b.*"
    r"|(?:are|is|have|did|has)\b.*\b(?:all|everything)\b.*"
)
_DONE = rx(
    r".*\b(?:done|completed?|finished|closed|checked off|ticked off|accomplished|achieved|did"
    r"|crossed off|checked|ticked|got done)\b.*"
)
_BOTH = rx(
    r".*\b(?:(?:open|pending|active|unfinished) (?:and|or) (?:done|completed|finished|closed)"
    r"|(?:done|completed|finished|closed) (?:and|or) (?:open|pending|active|not)).*"
)
_ALL_OF = rx(
    r".*\b(?:all (?:of )?(?:my |the )?(?:tasks|to[- ]?dos|items)|whole list|everything)"
    r"(?: (?:i have|on my list|there is|in my list))?(?: to do)?$"
)
_ASKS = rx(
    r"(?:only |just )?(?:show|gimme|present|hit me with|i(?:'d| would)? (?:like|want|need) (?:a|an"
    r"|my|the) (?:list|overview)|was|were|list|display|see|view|print|give|tell|get|read|fetch"
    r"|check|look|pull|bring|open"
    r"|go (?:through|over)|summari[sz]e|count|what|what's|which|how many|how much|how is|how's"
    r"|how looks|how long|how do|how does"
    r"|got any|got anything|do|does|did"
    r"|have|has|is|isn't|are|aren't|am|any|anything|where|remind me what|find|search|who"
    r"|let me know|(?:total )?number of"
    r"|let me see|i(?:'d| would)? (?:want|like|need) to (?:see|know|view|look|check|read)|recap"
    r"|review|refresh"
    rf"|when|{NOUN} (?:that|which|i)|(?:the )?(?:ones|stuff|things) (?:that|which|i))"
    r"\b.*"
)
_ALONE = rx(
    r"(?:(?:my|the|all|all of|all my|everything|every|current|full|open|pending|remaining|active"
    r"|unfinished|incomplete|outstanding|done|completed|finished|closed|only|just|status|of|show"
    r"|me|ls|them|ones|still|gimme|on|in|complete(?= list)|(?:ticked|checked|crossed) off|un-?done"
    r"|un-?completed|number|the rest|again"
    rf"|{NOUN}|list|lists|overview|summary|agenda|left|to do|not|so far|today|now)(?: |$))+"
)
_TOO_LITTLE = rx(
    r"(?:done|finished|me|number|status|of|the|just|only|not|today|now|all|so far|to do|left"
    r"|on|in|ones|them|still|everything)"
)
_SUBJECT = rx(
    rf".*\b(?:{NOUN}|list|things|everything|all|anything|something|nothing|stuff|agenda|plate"
    r"|schedule|work|due|today|un-?finished|in-?complete|un-?completed|un-?done|outstanding|active"
    r"|left|remaining|remains|open|pending|finished|completed?|done|do|did|overview"
    r"|rest|ticked|checked|crossed|missing|doing|next|chores|status|progress|accomplished"
    r"|achieved)\b.*"
)
_NOISE = rx(
    r"\b(?:show|say|hows|whats|total|gimme|them|present|hit|empty|list|lists|an|rest|looks|long"
    r"|that's|that're|there's|including|include|display|see|view|print|give"
    r"|tell|get|read|fetch|check|look|at|pull|bring|up"
    r"|go|going|through|over|summari[sz]e|count|what's|what|which|how|many|much|do|does|did|have"
    r"|has"
    r"|had|is|isn't|are|aren't|am|was|were|any|anything|something|nothing|where|remind|find|search"
    r"|let|me|know|us|i|we|i'd|i've|we've|want|need|needs|like|would|to|see|my|the|a|of|for|on|in"
    r"|out"
    rf"|from|all|every|everything|{NOUN}|things|thing|stuff|agenda|plate|schedule|work|there|you"
    rf"|your"
    r"|that|this|these|those|still|yet|already|so|far|not|haven't|hasn't|didn't|got|now|right"
    r"|today|tomorrow|week|currently|again|current|full|entire|whole|complete|completed|done"
    r"|finished"
    r"|finish|closed|checked|ticked|off|open|opened|pending|in-?complete|un-?completed|un-?finished"
    r"|un-?done|active|remaining|remains?|outstanding|left|be|been|being|should|must|can|could|next"
    r"|ahead|due|status|overview|summary|it|its|please|and|or|with|just|only|one|ones|exactly"
    r"|number"
    r"|progress|accomplish|accomplished|achieve|achieved|chores|recap|review|refresh|by|looking"
    r"|doing|supposed|ongoing|unresolved|waiting|missing|some|total|aloud|loud|here|will|when|back"
    r"|else|yesterday|both|completing|contents?|crossed|as|both)\b(?:[\x27’](?:s|ve|d|re|m|ll)\b)?"
)
_PLACED = rx(
    rf".*(?:#\d|\b(?:{NOUN}|number|no\.?) (?:number |#)?\d|\b(?:first|second|third|fourth|fifth"
    rf"|sixth"
    r"|\d+(?:st|nd|rd|th)|last|oldest|newest|latest|top|bottom|penultimate)\b).*"
)
# About the words, not about tasks.
_STRANGE = rx(
    r".*\b(?:difference|meaning|definition|means?|why|explain)\b.*|what(?:'s| is) an? \w+"
)
_ABOUT = rx(
    r"(?:find|search|search for|look for|look up|where is|where's)(?: me| my| the| a)* "
    rf"(?:{NOUN} )?(?P<a>.+)"
    r"|(?:did|have|has) (?:i|we|the|my) (?:already |ever )?(?P<b>.+)"
    r"|(?:is|are|was|were) (?:the |my )?(?P<c>.+?) (?:already |still |been )*"
    r"(?:done|completed?|finished|open|pending|closed|on my list|on the list|in my list"
    rf"|there|{PAST_VERB})(?: yet| already| now)?"
    r"|.*\b(?:status|state) of (?P<f>.+)"
    r"|(?:have|has) (?P<i>.+?) been \w+(?: yet| already)?"
    r"|(?:am i|are we) (?:already )?(?:done|finished) (?:with )?(?P<g>.+)"
    r"|when (?:do|did|should|must|can|will) (?:i|we) (?:have to |need to )?(?P<h>.+)"
    r"|(?:do|did) (?:i|we) (?:still |already )?(?:have|need) (?:to |anything (?:about|for"
    r"|with) )(?P<d>.+)"
    r"|(?:is|are) there (?:a|an|any|anything|something) .*?(?:about|for|with|to|on) (?P<e>.+)"
)
# "Open my list" and "the complete list" are about all of it.
_WHOLE = rx(rf"^open (?:up )?{LIST}|(?:complete|full) (?:{NOUN} )?(?:list|overview)")
_LEFTOVER = re.compile(r"[\s\W_]*")


def parse(phrase: Phrase) -> Show | Find | None:
    """What the sentence asks to see of the list, if it does."""
    text = phrase.text.rstrip(" .!?,;:")
    if _STRANGE.fullmatch(text):
        return None
    if _ALONE.fullmatch(text) and not _TOO_LITTLE.fullmatch(text):
        return Show(status(text))
    if not _ASKS.fullmatch(text):
        return None
    left = _NOISE.sub(" ", text)
    if _LEFTOVER.fullmatch(left) and not _PLACED.fullmatch(text):
        counting = re.match(r"how (?:many|much)|count", text, re.I) is not None
        return Show(status(text), counting) if _SUBJECT.fullmatch(text) else None
    if _PLACED.fullmatch(text) or rx(rf"\w+\b.*\b(?:{NOUN}|list|one)\b.*").fullmatch(text):
        return Find(phrase.of(_named(text)))
    if found := _ABOUT.fullmatch(text):
        return Find(phrase.of(_named(next(part for part in found.groups() if part))))
    return None


def status(text: str) -> Status:
    """Which tasks the words speak of."""
    text = _WHOLE.sub("list", text)
    if _BOTH.fullmatch(text) or "includ" in text.lower():
        return "all"
    if _NOT_DONE.fullmatch(text) and not re.fullmatch(
        r"(?i)(?:show|list|see|view|display|what'?s|what is)?.*\bto-?\s?do(?:s|(?: list"
        r"| items?))(?: say| look like)?",
        re.sub(
            r"(?i)\b(?:open|pending|un-?(?:finished|done|completed)|still|left|remaining"
            r"|incomplete|not"
            r"|active|outstanding|due)\b.*",
            "",
            text,
        ),
    ):
        return "open" if not _ALL_OF.fullmatch(text) or "still" in text.lower() else "all"
    return "done" if _DONE.fullmatch(text) else "all"


def _named(text: str) -> str:
    """The part of a question that names a task."""
    text = re.sub(
        rf"(?i)^(?:which |what )?(?:{NOUN}|one) (?:is|comes) (?=(?:the )?(?:\w+(?:st|nd|rd|th)"
        rf"|second|last|next|number|#|\d))",
        "",
        text,
    )
    text = re.sub(
        r"(?i)^(?:show|list|display|see|view|print|give|tell|get|read|fetch|check|find|search|look"
        r"|what['’]?s|what|which|how many|where|is|are|do|does|did|have|has|i|we|me|us|up|for|at"
        r"|was"
        r"|to|there|about|any|know|let|a|an|already|still|exactly|mention|mentions|contain|say|says"
        r"|does)\s+",
        "",
        again := text,
    )
    if text != again:
        return _named(text)
    text = re.sub(
        r"(?i)\s+(?:say|says|on|yet|done|called|again|about|open|finished|completed?)$", "", text
    )
    text = re.sub(r"(?i)^(?:anything|something|any)\b.*? (?:about|for|with|regarding) ", "", text)
    return re.sub(rf"(?i)\s+(?:on|in|from) {LIST}$", "", text)
