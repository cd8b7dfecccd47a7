"""Sentences that add tasks."""

import re

from mock_llm.intents import Add, Phrase
from mock_llm.text import LIST, NOUN, restore, rx

_NOUN = rf"(?:{NOUN}|(?:quick )?notes?|thing to do|things to do)"
_COUNT = r"(?:a|an|another|one|one more|the|this|these|my|some|two|three|four|five|\d+|following"
_COUNT += r"|new|urgent|important|(?:high|low|top|medium)[ -]priority|quick|simple|more|few"
_COUNT += r"|couple of|next|of|separate)"
_FREE = r"(?:add|tack on|create|insert|append|(?:jot|note|write|put|get) down|pencil in)"
_BOUND = r"(?:make|put|write|record|log|schedule|enter|save|set(?: up)?|start|open|note|track"
_BOUND += r"|register|assign|plan)"
_ONTO = (
    r"(?: (?:(?:to|on|onto|in|into|for)(?: the (?:end|top|bottom) of)?|at the (?:end|top"
    r"|bottom) of)"
    rf" {LIST})"
)
_ONTO_MY = rf"(?: (?:to|on|onto|in|into|for) (?=(?:my|the|our|this|that|your) ){LIST})"
_NAMED = (
    r"(?:\s*(?::|-|–|—|=|,)\s*|\s+(?:to|called|named|titled|entitled|labell?ed|saying|reading|for"
    r"|about|of|with (?:the |a )?(?:title|name|text)(?: of)?|(?:that|which) (?:says|reads"
    r"|is called)"
    r"|(?:that|because|as) i (?:need|have|must|want|should)(?: to)?"
    r"|so (?:that )?i (?:can|remember to|(?:don't|do not) forget to))(?=[\s:]|\x01)"
    r"\s*:?\s*(?:(?:remind (?:me|myself)|remember) to )?)"
)
_WITH_NOUN = rx(
    rf"(?:(?:{_FREE}|{_BOUND}(?= (?:me )?(?:a|an|another|one|some|new|two|three|\d+|reminder) ))"
    rf"(?: in)?"
    r"(?: me| us| myself)? "
    rf"|(?:i(?:'d| would)? (?:like|want|need)|we need|give me|have|need|there should be"
    rf"|(?:can|could) i have) (?=(?:a|an|another|one more|some|two|three) )|(?=new |task ?:"
    rf"|to-?do ?:))"
    rf"(?P<count>(?:{_COUNT} )*)(?P<noun>{_NOUN})\b(?: for (?:me|myself|us)(?=[:, ]))?(?:,? please"
    rf"(?=[:,]))?"
    rf"{_ONTO_MY}?(?P<named>{_NAMED}|\s+|\n|$)(?P<rest>.*)"
)
_BARE = rx(
    rf"{_FREE}(?! that (?:i|we) )(?: in(?! {LIST}))?\b(?: (?:these|this|those"
    rf"|the following)(?: (?:two|three|four|five|\d+|{NOUN}|things|ones))*(?=:))?(?:\s*:)?{_ONTO}?"
    rf"(?:\s*:)?\s*(?P<rest>.*)"
)
_PUT = rf"(?:{_BOUND}|stick|throw|get|have|place|include|chuck|pop|drop|squeeze|save|keep)"
_PLACED = rx(
    rf"(?:i'd (?:like|love) (?:to )?)?{_PUT} (?P<rest>.+?)(?<! back)(?:{_ONTO}| on there| in there)"
    rf"(?P<when> for (?:today|tonight|tomorrow|next week|\w+day))?[.!?]*"
)
_LISTING = (
    r"(?:these|those|this|that|the|following|for|me|us|my|to|on|in|into|list|two|three|four|five"
    r"|\d|things?|ones?"
    rf"|please|new|a|an|another|as|down|here|also|more|{NOUN})"
)
_ANNOUNCED = rx(rf"{_FREE}(?: {_LISTING})+\s*:\s*(?P<rest>.+)")
_PLACED_FIRST = rx(rf"{_PUT}{_ONTO},?:? (?:to )?(?P<rest>.+)")
# "One more: …", "there is something else I need to do: …"
_INTRO = rx(
    rf"(?=[^:,]*\b(?:{NOUN}|more|else|another|new|needs?|list)\b)"
    # Possessive, for "to do" is one word or two.
    rf"(?:(?>(?:{NOUN}|one|two|three|four|five|few|some|more|another|new|next|also|something|add"
    rf"|these|this|following|else|thing|i|we|you|need|needs|to|do|be"
    r"|done|have|has|got|there's|there is|here's|here is|for|me|my|the|our|is|a|an|and|please"
    r"|just|on|list|came up|in mind|'ve)\b)(?: |(?=\s*[:,])))++\s*[:,]\s*(?P<rest>.+)"
    r"|i almost forgot to (?P<rest3>.+?)(?:,? (?:please )?add (?:it|that|this).*)?"
    rf"|(?:my|the) (?:new|next|other) {NOUN} is(?: to)? (?P<rest2>.+?)(?:,? add (?:it|that).*)?"
)
_MUST = (
    r"(?:(?:i|we)(?:'ve|'ll|'m|'re| am| are| will| have)? )?(?:still |also |really |just |now "
    r"|gonna |probably |definitely )*"
    r"(?:needs? to|have to|has to|must|should|ought to|got to|gotta|better|want to|wanna"
    r"|would like to"
    r"|supposed to|going to (?:need|have) to|'d (?:better|like to|love to))"
    r"(?: (?:really|also|still|definitely|probably|maybe|remember to|not forget to"
    r"|be reminded to))*"
)
_STATED = rx(
    r"(?:(?:please )?remind (?:me|us)(?: to| about| of| that|(?=:| i | we ))"
    r"|remember me to|remember(?: to| that|(?=:))"
    r"|(?:i |we )?(?:(?:must|should|can|do)(?:n't| not)|cannot|can't|not) forget"
    r"(?: to| about)?|i (?:do not|don't) want to forget(?: to| about)?"
    r"|(?:do not|don't) let me forget(?: to| about)?|(?:note"
    r"|memo) to self[,:]?(?: to)?"
    r"|make a note (?:to|of|that)|keep in mind (?:to|that)"
    rf"|(?:(?:(?:jot|note|write|put)(?: down)? )?that )?{_MUST}|to-?do(?! {NOUN}| list)|new task"
    rf"|reminder(?: to)?|(?:i|we)'ve to"
    r"|(?:task|reminder|to-?do|note|new|(?:new )?items?)s?(?=:| -)|[+](?= ))(?::| -"
    r"|(?=\s))\s*(?P<rest>.+)"
)
_LACKING = rx(
    r"(?:(?:(?:i|we|you)(?: (?:also|still|really|just|will))* )?(?:need|ran out of)|(?:(?:i|we)"
    r"(?: are|'re| am|'m) )?"
    r"(?:(?:running |all |almost )*(?:out of|low on)))"
    r" (?!to |you|your|help|advice|info|assistance|it\b|that\b|this\b|them\b|some help|a hand"
    r"|a minute"
    r"|more time|not\b)(?P<rest>.+?)(?:,? (?:please )?add (?:it|that|some).*)?"
)
_ADD_IT = rx(
    r"(?P<rest>.+?)(?:,| -|:| \(|(?= please| pl[sz])) ?(?:please |pl[sz] |and )?(?:add|put|note)"
    rf"(?: (?:it|this|that|to)(?: down| {LIST}|{_ONTO})?)?\)?[.!]*"
    rf"|(?P<rest2>.+?) (?:needs to|should|must|has to|can) be (?:added|put)(?: down)?{_ONTO}?"
)
_LATER = rx(
    rf"(?P<when2>(?:tomorrow|today|tonight|(?:on |next |this )?\w+day|(?:next|this) \w+)"
    rf"(?: at [\w:]+)?),? {_MUST} (?P<rest2>.+)|"
    r"remind (?:me|us) (?P<when>(?:tomorrow|today|tonight|later|at|on|in|next|every"
    r"|this)\b.{0,40}?)"
    r",? (?:to|about) (?P<rest>.+)"
)
_MENTAL = rx(
    rf"(?:(?:look at|see|check|view|read|get|go (?:over|through)|have) {LIST}\b|i|we|you|it|he|she"
    rf"|they"
    r"|know|ask|talk|hear|understand|see|thank|say|tell|be sure|do (?:today|now|next))\b"
)
_DETAILS = rx(
    r"(?P<title>.+?)(?:[,;.]?\s+(?:with|and|using)(?: a| an| the| its)* (?:descriptions?|details?"
    r"|notes?|comment)(?: of| to| saying| that says| reading)?\s*[:=]?"
    r"|(?:\s*[,;.(\n]|(?<=\x02))\s*(?:the )?(?:description|details?"
    r"|notes?)(?: is)?\s*[:=]?)\s+(?P<text>.+?)\)?$"
)
_AGAIN = rx(
    rf"(?:\s*,)?\s+and (?:also )?(?:(?:a|an|another|one)(?: more| new| one)* (?:{NOUN} )?)?(?:to"
    rf"|for) "
    rf"|(?:\s*,)?\s+and (?:(?:a|an|another|one)(?: more| new)* )?{NOUN} (?:called |named )?"
    rf"|(?:\s*,)?\s+and (?=(?:i|we) ){_MUST} "
)
_EACH = re.compile(
    r"\s*(?:\n|;|,(?!\d{3}\b))\s*(?:(?:and|then|also|plus)\s+)*|\s+(?:and|&|plus"
    r"|as well as)\s+(?:(?:also|then)\s+)*",
    re.I,
)
_BULLET = re.compile(r"^\s*(?:[-*•–]\s+|\(?\d{1,2}[.)]\s+|\[ ?\]\s+)")
_QUESTION = rx(r"(?:who|what|which|when|where|why|how|is|are|do|does|did|can|should|will)\b.*")
_AS_TASK = rx(
    rf"(?:(?: as (?:a |an )?(?:new |another )*{NOUN}|{_ONTO}(?: (?:for )?today)?)(?:,? (?:too"
    rf"|as well))?"
    r"|,? (?:too|as well))[.!?]*$"
)
_ANYTHING = rx(r"(?:something|sth|anything|stuff|one|it|this|that)(?: new| else)?")
_ADDED = rx(
    rf"(?:also |please |then )*(?:remind me to |{_FREE} )(?:(?:a |an |another |the )?{NOUN} (?:to "
    rf"|called )?)?"
)


def parse(phrase: Phrase) -> Add | None:
    """The tasks that the sentence adds, if it does."""
    text = phrase.text
    if found := _WITH_NOUN.fullmatch(text):
        many = found["noun"].lower().endswith("s") and found["noun"].lower() != "taks"
        return _made(phrase, found["rest"], many)
    if found := _PLACED.fullmatch(text):
        return _made(phrase, found["rest"] + (found["when"] or ""), True)
    if found := _ANNOUNCED.fullmatch(text) or _BARE.fullmatch(text):
        return _made(phrase, found["rest"], True)
    if found := _PLACED_FIRST.fullmatch(text):
        return _made(phrase, found["rest"], True)
    if found := _INTRO.fullmatch(text):
        many = (
            re.search(r"(?i)\b(?:tasks|to-?dos|items|things|reminders)\b[^:,]*:", text) is not None
        )
        return _made(phrase, found["rest"] or found["rest2"] or found["rest3"], many)
    if found := _ADD_IT.fullmatch(text):
        return _made(phrase, found["rest"] or found["rest2"], False)
    if found := _LATER.fullmatch(text):
        when = found["when"] or found["when2"]
        when = when[0].lower() + when[1:]
        return _made(phrase, f"{found['rest'] or found['rest2']} {when}", False)
    found = _STATED.fullmatch(text) or _LACKING.fullmatch(text)
    # "Remind me that I have to …" states it twice.
    found = found and (_STATED.fullmatch(found["rest"].strip()) or found)
    if found and not _MENTAL.match(found["rest"]):
        return _made(phrase, found["rest"], False)
    return None


def _made(phrase: Phrase, rest: str, many: bool) -> Add:
    description = ""
    if found := _DETAILS.fullmatch(rest.strip()):
        rest, description = found["title"], title(phrase.of(found["text"]))
    rest = _AS_TASK.sub("", rest.strip())
    if _ANYTHING.fullmatch(rest):
        rest = ""
    if "\n" in rest:
        many, parts = True, rest.split("\n")
    else:
        parts = _EACH.split(rest) if many else re.split(r"\n|;\s", rest)
    if not many:
        parts = [piece for part in parts for piece in _AGAIN.split(part)]
    # "Add one, then add the other."
    parts = parts[:1] + [_ADDED.sub("", part.strip(), count=1) for part in parts[1:]]
    made = [title(phrase.of(part)) for part in parts]
    return Add(tuple(text for text in made if text), description)


def title(phrase: Phrase) -> str:
    """A title as the user wrote it, without what is around it. Quoted text stays as it is."""
    text = _BULLET.sub("", phrase.text).strip()
    if not text.strip("\x01\x02"):
        return ""
    only = re.fullmatch("(?:called |named )?(\x01\\d+\x02)[.!?,]*", text, re.I)
    if only:
        return restore(phrase.of(only[1]), bare=True)
    text = re.sub(r"(?<![.])[.!,;:\s]+$", "", text) if not text.endswith("...") else text
    if not _QUESTION.match(text):
        text = text.rstrip("? ")
    return restore(phrase.of(text))
