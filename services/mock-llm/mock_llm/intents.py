"""What a sentence may want. A `Phrase` names tasks; which ones is found out from the list later."""

from dataclasses import dataclass, field, replace
from typing import Literal

Status = Literal["all", "open", "done"]


@dataclass(frozen=True)
class Phrase:
    """A piece of a sentence. Quoted text in it is a mark, whose text is in `quotes`."""

    text: str
    quotes: tuple[str, ...] = ()

    def of(self, text: str) -> "Phrase":
        """Another piece of the same sentence."""
        return replace(self, text=text.strip())


@dataclass(frozen=True)
class Add:
    """Add tasks; without a title: ask for it."""

    titles: tuple[str, ...]
    description: str = ""
    # Nothing said that it is to be added; it may as well be the answer to a question.
    guessed: bool = False


@dataclass(frozen=True)
class Show:
    """Show the list."""

    status: Status = "all"
    counting: bool = False


@dataclass(frozen=True)
class Find:
    """Show the tasks that the phrase names."""

    phrase: Phrase


@dataclass(frozen=True)
class Complete:
    """Mark tasks as done."""

    phrase: Phrase


@dataclass(frozen=True)
class Reopen:
    """Mark tasks as not done."""

    phrase: Phrase


@dataclass(frozen=True)
class Delete:
    """Delete tasks."""

    phrase: Phrase


@dataclass(frozen=True)
class Rename:
    """Give a task another title. Each option is a way to read the sentence; the list decides."""

    options: tuple[tuple[Phrase, str], ...]


@dataclass(frozen=True)
class Describe:
    """Give a task another description; an empty one removes it."""

    options: tuple[tuple[Phrase, str], ...]


Talk = Literal["greeting", "thanks", "bye", "help", "who", "mood", "never mind", "yes", "others"]


@dataclass(frozen=True)
class Say:
    """Conversation that is about no task."""

    kind: Talk


@dataclass(frozen=True)
class Unknown:
    """Not understood; it may be the answer to a question."""

    phrase: Phrase = field(default_factory=lambda: Phrase(""))


Naming = Complete | Reopen | Delete
Changing = Naming | Rename | Describe
Intent = Add | Show | Find | Changing | Say | Unknown
