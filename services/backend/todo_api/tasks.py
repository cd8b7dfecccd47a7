"""The operations on tasks. Every statement here is limited to one user."""

import uuid

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from todo_api.cache import Cache
from todo_api.database import Database
from todo_api.errors import ApiError
from todo_api.models import Task, TaskList, now
from todo_api.schemas import NewTask, Status, TaskChange, TaskOut

TASKS = TypeAdapter(list[TaskOut])


class Tasks:
    """The tasks of all users, one user at a time."""

    def __init__(self, database: Database, cache: Cache, limit: int) -> None:
        self.database = database
        self.cache = cache
        # The number of tasks of a user.
        self.limit = limit

    async def all(self, user: str, status: Status) -> list[TaskOut]:
        """The user's tasks, oldest first."""
        # The version is read before the rows: rows that are newer than their version are
        # harmless, older ones are not.
        async with self.database.reading() as session:
            version = await session.scalar(
                select(col(TaskList.version)).where(col(TaskList.user_id) == user)
            )
        if version is None:
            return await self._rows(user, status)
        key = self.cache.key(user, version, status)
        kept = await self.cache.get(key)
        if kept is not None:
            try:
                return TASKS.validate_json(kept)
            except ValidationError:
                pass  # Not ours, or of another release: the database knows.
        tasks = await self._rows(user, status)
        await self.cache.put(key, TASKS.dump_json(tasks))
        return tasks

    async def one(self, user: str, number: int) -> TaskOut:
        async with self.database.reading() as session:
            return TaskOut.model_validate(await _find(session, user, number))

    async def add(self, user: str, new: NewTask) -> TaskOut:
        async with self.database.transaction() as session:
            moment = now()
            task = Task(
                user_id=user,
                title=new.title,
                description=new.description,
                created_at=moment,
                updated_at=moment,
            )
            session.add(task)
            await session.flush()
            await _changed(session, user)
            # After the user's row is locked, so that two requests cannot both be the last one.
            if await _count(session, user) > self.limit:
                message = f"You have {self.limit} tasks, which is the limit; delete some first."
                raise ApiError(409, message, "task_limit")
            return TaskOut.model_validate(task)

    async def change(self, user: str, number: int, change: TaskChange) -> TaskOut:
        async with self.database.transaction() as session:
            # Locked, so that another request cannot delete it before it is written.
            task = await _find(session, user, number, lock=True)
            before = TaskOut.model_validate(task)
            for name, value in change.changes().items():
                setattr(task, name, value)
            if session.is_modified(task):
                task.updated_at = max(now(), before.updated_at)
                await session.flush()
                await _changed(session, user)
            return TaskOut.model_validate(task)

    async def remove(self, user: str, number: int) -> None:
        async with self.database.transaction() as session:
            mine = (col(Task.user_id) == user) & (col(Task.id) == number)
            gone = await session.scalar(delete(Task).where(mine).returning(col(Task.id)))
            if gone is None:
                raise _unknown(number)
            await _changed(session, user)

    async def _rows(self, user: str, status: Status) -> list[TaskOut]:
        query = select(Task).where(col(Task.user_id) == user).order_by(col(Task.id))
        if status is not Status.ALL:
            query = query.where(col(Task.completed).is_(status is Status.DONE))
        async with self.database.reading() as session:
            return [TaskOut.model_validate(task) for task in await session.scalars(query)]


async def _count(session: AsyncSession, user: str) -> int:
    query = select(func.count()).select_from(Task).where(col(Task.user_id) == user)
    return await session.scalar(query) or 0


async def _find(session: AsyncSession, user: str, number: int, lock: bool = False) -> Task:
    query = select(Task).where(col(Task.user_id) == user, col(Task.id) == number)
    task = await session.scalar(query.with_for_update() if lock else query)
    if task is None:
        raise _unknown(number)
    return task


def _unknown(number: int) -> ApiError:
    # The same for a task of another user, whose existence is private.
    return ApiError(404, f"There is no task {number}.")


async def _changed(session: AsyncSession, user: str) -> None:
    """Gives the user's list a new version. Call it last in a transaction: it locks a row.

    Random and not counted up: after a database was restored, a number would come a second time.
    """
    statement = (
        "INSERT INTO task_lists (user_id, version) VALUES (:user, :version) "
        "ON CONFLICT (user_id) DO UPDATE SET version = excluded.version"
    )
    await session.execute(text(statement), {"user": user, "version": uuid.uuid4().hex})
