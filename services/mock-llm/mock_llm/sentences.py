"""The sentences that the mock understands, as a table of patterns. Add new ones here."""

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["add", "list", "count", "complete", "reopen", "delete", "rename", "help", "unknown"]
Status = Literal["all", "open", "done"]


@dataclass(frozen=True)
class Wish:
    """What a sentence asks for; `task` is the words that name a task."""

    kind: Kind
    task: str = ""
    title: str = ""
    status: Status = "all"


# Longer texts are not sentences. The backend accepts 2,000 characters.
MAX_TEXT = 2000
TASK = r"(?:tasks?|to-?dos?|items?|reminders?)"
LIST = rf"(?:(?:to-?do |task )?list|{TASK})"
OPEN = r"(?:open|pending|incomplete|unfinished|undone|not (?:done|completed?|finished))"
DONE = r"(?:done|completed?|finished)"
# What a request may start with.
POLITE = re.compile(
    r"(?:(?:please|hey|hi|hello|ok|okay|now)[,!]? +|(?:can|could|would|will) you +"
    r"|i(?:['’]d| would) like (?:you )?to +|i want (?:you )?to +)*",
    re.I,
)
# The first pattern that matches the whole sentence decides.
PATTERNS: tuple[tuple[Kind, str], ...] = (
    ("help", r"help(?: me)?|hello|hi|hey|what can (?:i|you) (?:do|say)(?: for me)?"),
    ("add", rf"(?:add|create|make|new) (?:(?:an?|another|the|new) )*{TASK}"
            rf"(?: (?:to|on) (?:my|the) {LIST})?"
            r"(?:(?:,? (?:to|called|named|that says))?:? (?P<title>.+))?"),
    ("add", rf"(?:add|put) (?P<title>.+) (?:to|on) (?:(?:my|the) )?{LIST}"),
    ("add", r"add:? (?P<title>.+)"),
    ("add", r"(?:remind me|i (?:need|have)|remember|don['’]t forget) to (?P<title>.+)"),
    ("add", rf"(?:new )?{TASK}: (?P<title>.+)"),
    ("rename", r"(?:rename|change|edit|update) (?:the title of )?(?P<task>“[^”]+”|\"[^\"]+\"|.+?)"
               r" (?:in)?to:? (?P<title>.+)"),
    ("reopen", rf"(?:mark|set) (?P<task>.+?) (?:as |to )?{OPEN}"),
    ("reopen", r"(?:reopen|re-open|uncheck) (?P<task>.+)"),
    ("reopen", rf"(?P<task>.+?) is {OPEN}(?: again)?"),
    ("complete", rf"(?:mark|set) (?P<task>.+?) (?:as |to )?{DONE}"),
    ("complete", r"(?:check|tick) (?:off )?(?P<task>.+?)(?: off)?"),
    ("complete", r"(?:i(?:['’]m|['’]ve| am| have)? )?(?:completed?|finish(?:ed)?|done with)"
                 r" (?P<task>.+)"),
    ("complete", rf"(?P<task>.+?) is {DONE}"),
    ("delete", rf"(?:delete|remove|erase) (?P<task>.+?)(?: from (?:(?:my|the) )?{LIST})?"),
)  # fmt: skip
COMPILED = [(kind, re.compile(pattern, re.I | re.S)) for kind, pattern in PATTERNS]
# A sentence asks for the list if it starts with one of these words, has a subject, and has no word
# besides the known ones.
LIST_STARTS = {"show", "list", "display", "see", "view", "what", "which", "how"}
OPEN_WORDS = {"open", "pending", "incomplete", "unfinished", "left", "remaining", "not"}
DONE_WORDS = {"done", "complete", "completed", "finished"}
SUBJECTS = OPEN_WORDS | DONE_WORDS
SUBJECTS |= {"do", "everything", "item", "items", "list", "task", "tasks", "todo", "todos"}
LIST_WORDS = LIST_STARTS | SUBJECTS
LIST_WORDS |= {"all", "are", "have", "i", "is", "many", "me", "my", "need", "on", "still"}
LIST_WORDS |= {"that", "the", "there", "to", "yet"}
QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’"}


def understand(text: str) -> Wish:
    """What the sentence asks for; `unknown` if it is not understood."""
    if len(text) > MAX_TEXT:
        return Wish("unknown")
    sentence = text.strip().rstrip(" .!?")
    if not COMPILED[0][1].fullmatch(sentence):
        sentence = sentence[POLITE.match(sentence).end() :]  # type: ignore[union-attr]
    sentence = re.sub(r",? please$", "", sentence, flags=re.I)
    if wish := _listing(sentence):
        return wish
    for kind, pattern in COMPILED:
        if found := pattern.fullmatch(sentence):
            words = {name: text for name, text in found.groupdict().items() if text}
            return Wish(kind, words.get("task", ""), unquoted(words.get("title", "")))
    return Wish("unknown")


def unquoted(text: str) -> str:
    """The text without the quotation marks around it."""
    text = text.strip()
    return text[1:-1] if len(text) > 2 and QUOTES.get(text[0]) == text[-1] else text


def _listing(sentence: str) -> Wish | None:
    words = re.sub(r"['’]s\b", " is", sentence.lower()).replace(",", " ").split()
    known = LIST_WORDS.issuperset(words) and SUBJECTS.intersection(words)
    if not known or words[0] not in LIST_STARTS:
        return None
    done: Status = "done" if DONE_WORDS.intersection(words) else "all"
    status: Status = "open" if OPEN_WORDS.intersection(words) else done
    return Wish("count" if words[:2] == ["how", "many"] else "list", status=status)
