"""The tables. Only this service writes them, and only its migrations change them."""

from datetime import UTC, datetime

from sqlalchemy import DateTime, Dialect, Index, Text, TypeDecorator
from sqlmodel import Field, SQLModel


class UtcDateTime(TypeDecorator[datetime]):
    """A time in UTC. SQLite does not store the time zone, so it is added on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def now() -> datetime:
    return datetime.now(UTC)


class Task(SQLModel, table=True):
    """One task of one user."""

    __tablename__ = "tasks"
    __table_args__ = (Index("ix_tasks_user_id_id", "user_id", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    user_id: str = Field(sa_type=Text)
    title: str = Field(max_length=200)
    description: str | None = Field(default=None, max_length=2000)
    completed: bool = Field(default=False)
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class TaskList(SQLModel, table=True):
    """The version of one user's list: a new random text with every change of a task.

    Cached lists are kept under it, so a cache can be late or away and still never be wrong.
    """

    __tablename__ = "task_lists"

    user_id: str = Field(primary_key=True, sa_type=Text)
    version: str = Field(max_length=32)


class Conversation(SQLModel, table=True):
    """The conversation of a user with the chat; each user has at most one."""

    __tablename__ = "conversations"

    id: str = Field(primary_key=True, max_length=36)
    user_id: str = Field(sa_type=Text, unique=True)
    created_at: datetime = Field(sa_type=UtcDateTime)


class ChatMessage(SQLModel, table=True):
    """A message, with its user, so that every query can be limited to one."""

    __tablename__ = "chat_messages"
    __table_args__ = (Index("ix_chat_messages_user_id_id", "user_id", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    user_id: str = Field(sa_type=Text)
    role: str = Field(max_length=16)
    text: str = Field(sa_type=Text)
    # JSON, stored as text, because PostgreSQL rejects some JSON that a model may write.
    tool_calls: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=UtcDateTime)
