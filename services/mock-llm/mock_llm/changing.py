"""Sentences that complete, reopen or delete tasks."""

import re

from mock_llm.intents import Complete, Delete, Naming, Phrase, Reopen
from mock_llm.text import LIST, NOUN, rx

_REF = r"(?P<ref>.+?)"
_LISTED = rf"(?: (?:from|off|on|of|in|out of) {LIST})?"
DONE = (
    r"(?:done|complete|completed|finished|closed|resolved|accomplished|handled|checked(?: off)?"
    r"|ticked(?: off)?|crossed off|sorted(?: out)?|over|through|taken care of|dealt with"
    r"|[✓✔✅]\ufe0f?)"
)
OPEN = (
    rf"(?:(?:not|no longer)(?: yet| really| actually)? {DONE}|un-?done|open|in-?complete"
    r"|un-?completed|un-?finished|pending|active|remaining|to-?do|to do|un-?checked|un-?ticked"
    r"|outstanding)"
)
# Said of what was to be done, and was not: "unpaid".
UNDONE = r"un-?(?:\w+ed|paid|bought|sent|read|written|made|met|done|sold)"
UNDONE += r"|not (?:yet )?(?!needed|required|wanted|supposed|allowed)"
UNDONE += r"(?:\w+ed|paid|bought|sent|read|written|made|met|sold)"
_SET = (
    r"(?:mark|set|reset|flag|make|put|turn|switch|move|change|update|return|tick|check|report"
    r"(?=.* as )"
    r"|declare"
    r"|consider|count|label|get)"
)
_AFTER = r"(?: yet| after all| again| now| already| today| anymore| any more| too| as well)*[.!]*"
_WHO = (
    r"(?:(?:i|we)(?:'m|'re|'ve| am| are| have| was)?(?: (?:just|already|finally|now|also|all))* )"
)
# What was done, said in the past: the verbs that do not end in -ed.
PAST = {
    "bought": "buy", "paid": "pay", "made": "make", "wrote": "write", "written": "write",
    "sent": "send", "went": "go", "gone": "go", "took": "take", "taken": "take", "got": "get",
    "gotten": "get", "did": "do", "read": "read", "met": "meet", "built": "build", "ran": "run",
    "fed": "feed", "gave": "give", "given": "give", "brought": "bring", "found": "find",
    "spoke": "speak", "spoken": "speak", "told": "tell", "swept": "sweep", "left": "leave",
    "sold": "sell", "put": "put", "cut": "cut", "set": "set", "kept": "keep", "held": "hold",
    "hung": "hang", "ate": "eat", "eaten": "eat", "drew": "draw", "chose": "choose", "rang": "ring",
    "dealt": "deal", "learnt": "learn", "taught": "teach", "drove": "drive", "won": "win",
}  # fmt: skip
# Without `I`, so no present may look the same.
_CLEARLY = "|".join(sorted(set(PAST) - {"read", "put", "cut", "set", "left", "found", "held"}))
PAST_VERB = rf"(?:{'|'.join(PAST)}|\w{{2,}}ed)"

_REOPEN = [
    rf"{_SET} {_REF}(?: back)?(?: as| to| to be| is| =)?(?: still| status)* (?:{OPEN}"
    rf"|{UNDONE}){_AFTER}",
    rf"(?:mark|set|flag) as {OPEN}:? {_REF}",
    r"(?:re[- ]?open|undo|un-?check|un-?tick|un-?mark|un-?complete|un-?finish|un-?cross|restore"
    r"|re-?activate|resume|bring back|revert)"
    rf"(?: the completion of| completing| finishing)? {_REF}{_AFTER}",
    rf"open {_REF} again[.!]*",
    rf"{_REF}(?:[\x27’]s| is| are| was| were) (?:actually |in fact |still )*(?:{OPEN}"
    rf"|{UNDONE}){_AFTER}",
    rf"{_REF} (?:isn't|aren't|wasn't|weren't) (?:actually |really |yet )?{DONE}{_AFTER}",
    r"(?:i|we) (?:haven't|have not|didn't|did not|never) (?:actually |really |yet )?"
    rf"(?:finish|complete|do|done)(?:e?d)?(?: with)? {_REF}{_AFTER}",
    rf"{_REF} (?:hasn't|haven't|has not|have not) (?:yet |really )?been (?:\w+){_AFTER}",
    rf"(?:put|move|take) {_REF} back(?: (?:to|on|onto|in|into) (?:the )?{LIST})?",
]
_DELETE = [
    r"(?:delete|remove|erase|drop|discard|trash|scrap|cancel|clear(?: out| away| up)?|wipe(?: out)?"
    r"|ditch|purge|kill|nuke|dump|bin|destroy|eliminate|get rid of|throw (?:away|out)|toss(?: out)?"
    r"|forget(?: about)?|scratch|axe|empty|flush|dismiss|strike from(?= the)|take off(?= )"
    rf"|take (?:out|away)(?= (?:{NOUN}|#|\d|the \w+ (?:{NOUN}|one)))"
    r"|clean (?:up|out)(?= (?:my |the |all |that |everything )*(?:done|completed?|finished|list"
    r"|old)))"
    rf"(?::| |$){_REF}?{_LISTED}{_AFTER}",
    rf"(?:take|get|throw|kick|scratch|pull|toss|strike(?=.* from )) {_REF} (?:off|out of|from|out"
    rf"|away|in)"
    rf"(?: (?:of )?(?:{LIST}|the (?:trash|bin)))?",
    r"(?:(?:i|we) )?(?:(?:really|actually) )?(?:don't|do not|no longer|won't)(?: really| actually)?"
    r"(?: need| want| have| care about| wanna)(?: to| for)?(?: do| see| have| keep)? "
    rf"{_REF}(?: any ?more| any longer| after all| now)",
    rf"(?:i|we) no longer (?:need|want|have)(?: to)?(?: do| see)? {_REF}",
    rf"(?:there's |there is )?no (?:longer a |more )?need (?:to|for) {_REF}(?: any ?more"
    rf"| any longer| now)?",
    rf"(?:(?:i|we)(?:'d| would)? (?:want|like|need) |have |get |let me have )"
    rf"{_REF} (?:to be )?(?:gone|removed|deleted|erased)(?: from {LIST})?",
    rf"{_REF} ?(?:-|–|:) ?(?:delete|remove|erase)(?: it| that| this)?(?: one)?[.!]*",
    rf"{_REF}(?:(?:[\x27’]s| is| are)? (?:no longer|not)| (?:is|are)n't) (?:needed|necessary"
    rf"|relevant|required|wanted)"
    rf"{_AFTER}",
    rf"{_REF}(?:[\x27’]s| is| are) (?:obsolete|cancelled|canceled|irrelevant|off the table)",
    rf"{_REF} (?:can|should|must|needs? to|has to|ought to) (?:go|go away|disappear"
    rf"|be (?:deleted|removed|erased|dropped|cancelled|canceled)){_LISTED}",
]
_COMPLETE = [
    rf"{_SET} {_REF}(?: status)?(?: as being| as| to be| to| is| are| =|:)?(?: all| now| already)* "
    rf"(?:{DONE}|off){_AFTER}",
    rf"(?:mark|set|flag) (?:as |off )?{DONE}(?::| ) ?{_REF}",
    r"\[x\] (?P<ref>.+)",
    r"[✓✔✅☑]\ufe0f? ?(?P<ref>.+)",
    rf"(?:tick|check|mark|cross)(?: off)? the (?:check ?)?box (?:for|of|on|next to) {_REF}",
    rf"put an? (?:check|tick|check ?mark|cross)(?: mark)? (?:on|next to|at|behind) {_REF}",
    rf"(?:check|tick|cross|mark|strike) (?:off|out) {_REF}{_LISTED}",
    rf"(?:cross|strike|tick|check) {_REF} (?:off|out){_LISTED}(?: {LIST})?",
    rf"(?:tick|check|mark) (?!{LIST}$){_REF}",
    rf"{_WHO}?(?:been )?(?:done|finished|finishing|completed|through|over|did(?!n| not)|ticked off"
    r"|checked off|crossed off|wrapped up|took care of|taken care of|accomplished|handled"
    r"|dealt with|got done|finished up|done and dusted|managed to(?: finish| complete)?)"
    rf"(?: with| w/| doing)?(?:,|:| |$) ?{_REF}?{_AFTER}",
    rf"(?:{_WHO}|i have )?(?:complete|finish(?: up| off)?(?= |$)|close|resolve|accomplish|conclude"
    rf"|wrap up|finalize"
    r"|finalise|check"
    rf"|knock out)(?: |$){_REF}?{_AFTER}",
    rf"{_REF} (?:can|should|must|needs? to) be (?:{DONE}|marked(?: as)? {DONE}){_AFTER}",
    rf"{_REF}: check(?:ed)?[.!]*",
    rf"{_REF}(?: ?:| -| =| ->| →|,|[\x27’]s| is| are| was| were| has been| have been|'ve been"
    rf"| got)?"
    rf"(?: (?:now|already|all|finally|just|been))* {DONE}{_AFTER}(?: ?[✓✔✅☑]\ufe0f?)*",
]
_DID = rx(
    rf"(?:i|we)(?:'ve| have)?(?: (?:just|already|finally|now|also|did"
    rf"|even))* (?P<verb>{PAST_VERB})"
    r" (?P<ref>.+)"
)
_DID_BARE = rx(rf"(?:already |just )?(?P<verb>{_CLEARLY}|\w{{2,}}(?<!e)ed) (?P<ref>.+)")
_PASSIVE = rx(
    r"(?P<ref>.+?) (?:has been|have been|was|were|is|are)(?: (?:finally|now|already|all|just))*"
    rf" (?P<verb>{PAST_VERB}){_AFTER}"
)
# "Groceries bought": what others do to us, as in "mom called", is left out.
_SHORT = rx(
    rf"(?P<ref>(?!i |we |you |he |she |they |it ).+?) (?!called|texted|emailed|messaged|phoned"
    rf"|answered)"
    rf"(?P<verb>{_CLEARLY}|\w{{2,}}ed){_AFTER}"
)
# When it was done names no task.
_WHEN = rx(
    r"(?:,? (?:today|already|yesterday|tonight|now|just now|finally|this (?:morning|afternoon|week"
    r"|evening)|earlier"
    r"|last (?:week|night)|for good|completely|on time|too|as well)| ?[✓✔✅☑]\ufe0f?"
    r"|[\U0001F300-\U0001FAFF])+$"
)
_NOT = r"(?: yet| actually| really| even| ever| still)*"
_UNDID = rx(
    rf"(?:(?:i|we){_NOT} )?(?:(?:haven't|have not|didn't|did not|never|have never){_NOT}) "
    rf"(?P<verb>\w+) (?P<ref>.+?){_AFTER}"
    rf"|(?P<ref2>.+?) (?:(?:is|was|are|were|has|have)(?:n't| not|not){_NOT}(?: been)?|never got"
    rf"|not{_NOT}) (?P<verb2>{PAST_VERB}){_AFTER}"
)
_NO_DEED = rx(
    r"wanted|needed|liked|loved|asked|decided|tired|bored|married|excited|interested"
    r"|understood|understand|know|knew|see|hear|like|want|need|mean|say|ask|think|thought|get"
    r"|expect"
    r"|realized|sleep|slept|missed|forgot|hated|failed|tried|started|planned|used|supposed|related"
    r"|cancelled|canceled|postponed|delayed"
)
# Sentences that begin with what to do come before those that tell how something is: "Delete
# everything that is open" deletes.
_RULES: list[tuple[type[Naming], re.Pattern[str]]] = [
    *((Reopen, rx(pattern)) for pattern in _REOPEN[:4]),
    *((Delete, rx(pattern)) for pattern in _DELETE[:2]),
    *((Complete, rx(pattern)) for pattern in _COMPLETE[:-3]),
    *((Reopen, rx(pattern)) for pattern in _REOPEN[4:]),
    *((Delete, rx(pattern)) for pattern in _DELETE[2:]),
    *((Complete, rx(pattern)) for pattern in _COMPLETE[-3:]),
]
_QUESTION = rx(
    r"(?:what|what's|which|how|how's|who|who's|when|where|where's|why|is|are|was|were|am|do|does"
    r"|did|have (?:i|we|you|they|the|my|all)|has|any|show|list"
    r"|display|tell|give|find|search|see|view|i wish|i hope|if|once|unless|until|imagine"
    r"|suppose)\b.*"
)


def parse(phrase: Phrase) -> Naming | None:
    """The change that the sentence wants, if it wants one."""
    text = phrase.text.rstrip(" .!?,;")
    deed = "?" not in phrase.text and re.match(r"(?i)did (?!i |we |you |the .* get )", text)
    if _QUESTION.fullmatch(text) and not deed:
        return None
    for kind, pattern in _RULES:
        if found := pattern.fullmatch(text):
            return kind(phrase.of(_whole(found["ref"] or "")))
    if found := _UNDID.fullmatch(text):
        verb = (found["verb"] or found["verb2"]).lower()
        wanted = f"{PAST.get(verb, verb)} {found['ref'] or found['ref2']}"
        return None if _NO_DEED.fullmatch(verb) else Reopen(phrase.of(wanted))
    found = _DID.fullmatch(text) or _DID_BARE.fullmatch(text) or _PASSIVE.fullmatch(text)
    found = found or (_SHORT.fullmatch(text) if text.count(" ") < 5 else None)
    if found and not _NO_DEED.fullmatch(found["verb"]):
        verb = PAST.get(found["verb"].lower(), found["verb"])
        return Complete(phrase.of(f"{verb} {_whole(found['ref'])}"))
    return None


def _whole(ref: str) -> str:
    """`off` and `as done` may stand before the task."""
    ref = re.sub(rf"^(?:off|out|as {DONE})(?::| )", "", ref.strip(), flags=re.I)
    ref = re.sub(r"^(?:the )?(?:status|state) of ", "", ref, flags=re.I)
    ref = re.sub(rf"^(?:{NOUN}|the following)s?: ", "", ref, flags=re.I)
    return _WHEN.sub("", ref) or ref
