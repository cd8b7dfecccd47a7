"""The routes for tasks: for users through the ingress, and for the other services."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request

from todo_api.runtime import ready
from todo_api.schemas import NewTask, Status, TaskChange, TaskOut
from todo_api.tasks import Tasks


def _tasks(request: Request) -> Tasks:
    return ready(request).tasks


Store = Annotated[Tasks, Depends(_tasks)]
# The range of the column.
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


def task_routes(prefix: str, user_of: Callable[..., Any]) -> APIRouter:
    """The operations below `prefix`, for the user that `user_of` names."""
    router = APIRouter(prefix=prefix)
    # The first parameter, so that requests without a user learn nothing from the others.
    User = Annotated[str, Depends(user_of)]

    @router.get("")
    async def every(user: User, tasks: Store, status: Status = Status.ALL) -> list[TaskOut]:
        return await tasks.all(user, status)

    @router.post("", status_code=201)
    async def add(user: User, tasks: Store, new: NewTask) -> TaskOut:
        return await tasks.add(user, new)

    @router.get("/{number}")
    async def one(user: User, tasks: Store, number: Number) -> TaskOut:
        return await tasks.one(user, number)

    @router.patch("/{number}")
    async def change(user: User, tasks: Store, number: Number, change: TaskChange) -> TaskOut:
        return await tasks.change(user, number, change)

    @router.post("/{number}/complete")
    async def complete(user: User, tasks: Store, number: Number) -> TaskOut:
        return await tasks.change(user, number, TaskChange(completed=True))

    @router.delete("/{number}", status_code=204)
    async def remove(user: User, tasks: Store, number: Number) -> None:
        await tasks.remove(user, number)

    return router
