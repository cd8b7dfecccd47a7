"""The requests and responses of the API."""

import unicodedata
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StrictBool, StringConstraints


class Status(StrEnum):
    """Which tasks a list contains."""

    ALL = "all"
    OPEN = "open"
    DONE = "done"


def _one_line(text: str) -> str:
    if any(unicodedata.category(char) in ("Cc", "Zl", "Zp") for char in text):
        raise ValueError("control characters and line breaks are not allowed")
    return text


def _visible(text: str) -> str:
    # Direction marks and emoji joiners are allowed within a text, but are invisible alone.
    if all(unicodedata.category(char) in ("Cf", "Zs") for char in text):
        raise ValueError("there is nothing to see in it")
    return text


def lines(text: str) -> str:
    if any(unicodedata.category(char) == "Cc" and char not in "\n\r\t" for char in text):
        raise ValueError("control characters are not allowed")
    return text


def _none_if_empty(text: str | None) -> str | None:
    return text or None


Title = Annotated[
    str,
    StringConstraints(strict=True, strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_one_line),
    AfterValidator(_visible),
]
_Text = Annotated[
    str,
    StringConstraints(strict=True, strip_whitespace=True, max_length=2000),
    AfterValidator(lines),
]
Description = Annotated[_Text | None, AfterValidator(_none_if_empty)]


class Closed(BaseModel):
    # Otherwise a misspelled field would be ignored.
    model_config = ConfigDict(extra="forbid")


class NewTask(Closed):
    title: Title
    description: Description = None


class TaskChange(Closed):
    """Fields that are not sent do not change; a description of null removes it."""

    # The default is not used: only fields that were sent count.
    title: Title = ""
    description: Description = None
    completed: StrictBool = False

    def changes(self) -> dict[str, str | bool | None]:
        return self.model_dump(exclude_unset=True)


class TaskOut(BaseModel):
    """A task as its user sees it."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    title: str
    description: str | None
    completed: bool
    created_at: datetime
    updated_at: datetime
