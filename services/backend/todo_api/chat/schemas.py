"""The requests and responses of the chat."""

import json
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, field_validator

from todo_api.schemas import Closed, lines

Message = Annotated[
    str,
    StringConstraints(strict=True, strip_whitespace=True, min_length=1, max_length=2000),
    AfterValidator(lines),
]


class NewMessage(Closed):
    message: Message
    conversation_id: UUID | None = None


class ToolCallOut(BaseModel):
    """A tool call of the model."""

    name: str
    arguments: dict[str, Any]
    ok: bool


class MessageOut(BaseModel):
    """A message as its user sees it."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    role: Literal["user", "assistant"]
    text: str
    tool_calls: list[ToolCallOut]
    created_at: datetime

    @field_validator("tool_calls", mode="before")
    @classmethod
    def _of_text(cls, value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) else value
