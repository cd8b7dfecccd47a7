"""The messages of the chat in the database. Every statement here is limited to one user."""

import json
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Delete, delete, select
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from todo_api.chat.schemas import MessageOut
from todo_api.database import Database
from todo_api.models import ChatMessage, Conversation, now


class History:
    """The conversations of all users, one user at a time."""

    def __init__(self, database: Database, kept: int) -> None:
        self.database = database
        # The number of messages of a user that are kept.
        self.kept = kept

    async def conversation(self, user: str) -> str:
        """The ID of the user's conversation, which is created if there is none."""
        mine = select(col(Conversation.id)).where(col(Conversation.user_id) == user)
        async with self.database.reading() as session:
            found = await session.scalar(mine)
        if found is not None:
            return found
        try:
            async with self.database.transaction() as session:
                made = Conversation(id=str(uuid.uuid4()), user_id=user, created_at=now())
                session.add(made)
            return made.id
        except IntegrityError:
            # Another request of the same user created it.
            async with self.database.reading() as session:
                found = await session.scalar(mine)
            assert found is not None
            return found

    async def add(
        self, user: str, role: str, text: str, calls: Sequence[dict[str, Any]] = ()
    ) -> int:
        async with self.database.transaction() as session:
            message = ChatMessage(
                user_id=user,
                role=role,
                text=text,
                tool_calls=json.dumps(list(calls)),
                created_at=now(),
            )
            session.add(message)
            await session.flush()
            assert message.id is not None
            await session.execute(self._older(user))
            return message.id

    def _older(self, user: str) -> Delete:
        """Deletes the messages of the user that are not kept."""
        mine = col(ChatMessage.user_id) == user
        number = col(ChatMessage.id)
        newest = select(number).where(mine).order_by(number.desc())
        last_deleted = newest.offset(self.kept).limit(1).scalar_subquery()
        return delete(ChatMessage).where(mine, number <= last_deleted)

    async def last(self, user: str, limit: int, until: int | None = None) -> list[MessageOut]:
        """The last messages of the user up to the message `until`, oldest first."""
        query = (
            select(ChatMessage)
            .where(col(ChatMessage.user_id) == user)
            .order_by(col(ChatMessage.id).desc())
            .limit(limit)
        )
        if until is not None:
            query = query.where(col(ChatMessage.id) <= until)
        async with self.database.reading() as session:
            found = [MessageOut.model_validate(row) for row in await session.scalars(query)]
        return found[::-1]

    async def clear(self, user: str) -> None:
        async with self.database.transaction() as session:
            await session.execute(delete(ChatMessage).where(col(ChatMessage.user_id) == user))
