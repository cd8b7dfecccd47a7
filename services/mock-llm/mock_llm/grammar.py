"""From what the user wrote to what is wanted: a sentence may hold several wishes."""

import re
from itertools import islice

from mock_llm import adding, changing, editing, guessing, listing, talk
from mock_llm.intents import Add, Complete, Delete, Find, Intent, Phrase, Reopen, Say, Show, Unknown
from mock_llm.slips import mended, smoothed
from mock_llm.text import LIST, NOUN, plain, protect, rx

# What the chat accepts.
LONGEST = 2000
# More wishes in one sentence are not looked for.
MOST_WISHES = 12
_VERB = (
    r"(?:add|create|delete|remove|erase|cancel|complete|finish|mark|tick|check|cross|rename|change"
    r"|update|set|re-?open|uncheck|show|list|display|clear|put|remind me|close|undo|tell|give"
    r"|get rid|describe|edit|make|call|i(?:'m| am|'ve| have)? (?:done|finished|completed))"
)
_STRONG = (
    rf"(?:{NOUN}\b|#\d|\d|\bfirst\b|\bsecond\b|\bthird\b|\blast\b|\blist\b|\beverything\b|\ball\b)"
)
# Where one wish may end and the next begin; only if each side makes sense.
_JOINT = re.compile(
    rf"(?:[.!?;]+\s+|\n+|\s*[,;]?\s*\b(?:and|then|but|also|plus|after that)\b[\s,]+|\s*,\s*)"
    rf"(?=(?:(?:and|then|also|please|afterwards|finally|after that|now|next|you can|you may|can you"
    rf"|could you),?\s+)*{_VERB}\b)",
    re.I,
)
# "Dr. Lee" is one name.
_SHORT = "".join(
    rf"(?<!\b{title}\.)" for title in ("dr", "mr", "mrs", "ms", "st", "no", "nr", "vs")
)
_END = re.compile(rf"(?<=[.!?]){_SHORT}\s+(?=\S)|\n+", re.I)
_ASKED = rx(r"(?:.*[\s,])?(?:can|could|would|will|may|might|cld) (?:you|u|ya|we|i)\b.*\?\s*")
_MENTION = rx(r"(?:never ?mind|forget(?: about)?|about|regarding|as for|concerning) ")
# Words that only point back to what was spoken of.
IT = rx(
    r"(?:it|that|this|them|those|these|they|(?:that|this|the same) (?:one|task|item|todo)|the same"
    r"|(?:the )?(?:one|task|ones|tasks|item) (?:that )?(?:i |you |we )?(?:have )?(?:just|last) "
    r"(?:added|created|made|mentioned))(?: (?:task|one|item))?"
)
_MARKED = rx(
    rf"(?:mark|set|tick|check|cross) .+ (?:(?:as )?(?:{changing.DONE}|{changing.OPEN})|off"
    rf"|out)[.!]*$"
)
# "Don't delete it": nothing is to be done.
_NEVER = rx(r"(?!.* any ?(?:more|longer))(?:do not|don't|never|must not|should not) \w+.*")
_BULLETS = re.compile(r"[:\n]\s*(?:[-*•–]\s|\d{1,2}[.)]\s)")


def parse(text: str) -> list[Intent]:
    """What is wanted, in order; at least one."""
    phrase = protect(text[:LONGEST])
    made = _sentences(phrase)
    wishes: list[Intent] = [intent for intent in made if not isinstance(intent, Say)]
    known: list[Intent] = [intent for intent in wishes if not isinstance(intent, Unknown)]
    if not known and wishes and (guess := guessing.parse(phrase)):
        return [guess]
    return known or wishes or made or [Unknown(phrase)]


def _sentences(phrase: Phrase) -> list[Intent]:
    """Each sentence by itself; one that means nothing belongs to what stands before it."""
    if _BULLETS.search(phrase.text) or "\n" in phrase.text:
        whole = _clause(phrase)
        if isinstance(whole, Add) and len(whole.titles) > 1:
            return [whole]
    made: list[tuple[str, list[Intent]]] = []
    for piece in _END.split(phrase.text):
        found = _wishes(phrase.of(piece))
        lost = all(isinstance(intent, Unknown) for intent in found)
        if lost and made and any(isinstance(intent, Add) for intent in made[-1][1]):
            piece = f"{made[-1][0]} {piece}"
            made[-1] = (piece, _wishes(phrase.of(piece)))
        else:
            made.append((piece, found))
    return [intent for _, found in made for intent in found]


def _wishes(phrase: Phrase, known: dict[str, list[Intent]] | None = None) -> list[Intent]:
    """The wishes of one sentence. `known` holds what its ends were found to want."""
    known = {} if known is None else known
    if phrase.text not in known:
        few = len(known) < MOST_WISHES
        known[phrase.text] = []  # Counts, so that a long sentence takes no long time.
        known[phrase.text] = _split(phrase, known) if few else [_clause(phrase)]
    return known[phrase.text]


def _split(phrase: Phrase, known: dict[str, list[Intent]]) -> list[Intent]:
    for joint in islice(_JOINT.finditer(phrase.text), MOST_WISHES):
        before, after = phrase.text[: joint.start()], phrase.text[joint.end() :]
        one = _clause(phrase.of(before))
        forbids = isinstance(one, Say) and _NEVER.fullmatch(plain(before))
        if forbids and re.search(r"(?i)\b(?:and|then|plus)\b", joint[0]):
            return [one]  # "Don't delete this and complete that" forbids both.
        if isinstance(one, Say) and not after:
            continue
        rest = _wishes(phrase.of(after), known)
        if isinstance(one, Unknown):
            if named := _named(phrase.of(before), rest):
                return named
            continue
        if all(isinstance(intent, Unknown | Say) for intent in rest):
            continue
        if isinstance(one, Add) and one.titles and rest == [Add(())]:
            return [one]  # "…, can you add that?"
        # The words after an `and` may still belong to the title.
        if isinstance(one, Add) and not _leaves(one, rest, before, after, joint[0]):
            continue
        return [one, *rest]
    return [_clause(phrase)]


def _named(before: Phrase, rest: list[Intent]) -> list[Intent]:
    """The wishes after a task that only was named: "the second task, delete it"."""
    first = rest[0]
    if not isinstance(first, Complete | Delete | Reopen) or not IT.fullmatch(first.phrase.text):
        return []
    return [type(first)(before.of(_MENTION.sub("", before.text))), *rest[1:]]


def _leaves(one: Add, rest: list[Intent], before: str, after: str, joint: str) -> bool:
    if not one.titles:
        return False
    next_one = rest[0]
    if re.search(rf" (?:to|on|onto|in) {LIST}$", before, re.I):
        return True
    if isinstance(next_one, Complete | Delete | Reopen) and IT.fullmatch(next_one.phrase.text):
        return True
    if re.search(rf" (?:to|on|onto|in) {LIST}$", after, re.I):
        return False
    if isinstance(next_one, Complete | Reopen) and _MARKED.match(after):
        return True
    return bool(re.search(_STRONG, after, re.I) and not isinstance(next_one, Find)) or (
        joint.strip()[:1] in (".", "!", "?", ";") and not isinstance(next_one, Complete | Find)
    )


def _clause(phrase: Phrase) -> Intent:
    """One wish; slips are mended only where nothing was understood as it stands."""
    found = _read(phrase)
    text = plain(phrase.text)
    if (
        isinstance(found, Complete | Reopen | Delete)
        and (verb := mended(text, 2 if re.match(r"(?i)(?:i|we)\b", text) else 1)) != text
    ):
        # "Makr it as done" is no word on a task called "makr it".
        again = _read(phrase.of(verb))
        return again if isinstance(again, Complete | Reopen | Delete) else found
    if not isinstance(found, Unknown):
        return found
    for count in (1, 2, 3, 6, 99):
        better = mended(text, count)
        if better != text:
            again = _read(phrase.of(better))
            if not isinstance(again, Unknown):
                return again
    opening = re.match(
        r"\s*(thank|thx|hi\b|hello\b|hey\b|good (?:morning|evening))", phrase.text, re.I
    )
    if opening:
        return Say("thanks" if opening[1].lower().startswith("th") else "greeting")
    return found


def _read(phrase: Phrase) -> Intent:
    if said := talk.parse(phrase.text):
        return said
    text = plain(phrase.text)
    if not text:
        return Unknown(phrase)
    if _ASKED.fullmatch(phrase.text):
        text = text.rstrip("? ")
    inner = phrase.of(text)
    if said := talk.parse(text):
        return said
    if change := editing.parse(inner):
        return change
    if added := adding.parse(inner):
        return added
    if _NEVER.fullmatch(text):
        return Say("never mind")
    inner = phrase.of(text := smoothed(text))
    if _wants_list(text) and (shown := listing.parse(inner)):
        return shown
    named = changing.parse(inner)
    if isinstance(named, Complete | Delete | Reopen):
        return named
    return listing.parse(inner) or Unknown(inner)


def _wants_list(text: str) -> bool:
    """`check my list` and `tasks done` look, and change nothing."""
    shown = listing.parse(Phrase(text))
    clears = re.match(
        r"(?:(?:clear|finish|close|cancel)\b|complete (?!list|overview)|open (?:task|#|\d))",
        text,
        re.I,
    )
    done = re.match(
        r"(?:all|everything)(?: \w+){0,3} (?:is |are )?(?:done|complete|finished)\W*$", text, re.I
    )
    return isinstance(shown, Show) and not clears and not done
