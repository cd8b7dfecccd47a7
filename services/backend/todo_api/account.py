"""Deletes the data of a user whose account is deleted."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from sqlalchemy import delete
from sqlmodel import col

from todo_api.identity import limited_user
from todo_api.models import ChatMessage, Conversation, Task, TaskList
from todo_api.runtime import ready

router = APIRouter()
# Everything that the database has of a user.
KEPT: tuple[type[Task | TaskList | ChatMessage | Conversation], ...] = (
    Task,
    TaskList,
    ChatMessage,
    Conversation,
)


@router.delete("/api/account", status_code=204)
async def forget(user: Annotated[str, Depends(limited_user)], request: Request) -> None:
    """Deletes the tasks and the conversation of the user. The account itself is not ours."""
    async with ready(request).database.transaction() as session:
        for table in KEPT:
            await session.execute(delete(table).where(col(table.user_id) == user))
