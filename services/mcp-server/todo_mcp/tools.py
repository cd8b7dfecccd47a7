"""The five tools. A model sees only their descriptions and arguments."""

from datetime import datetime
from typing import Annotated, Any, Literal

from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, StrictBool

from todo_mcp.backend import Backend


def _no_bool(value: Any) -> Any:
    # In Python, true equals 1, so another task would be changed.
    if isinstance(value, bool):
        raise ValueError("a number, not true or false")
    return value


TaskId = Annotated[
    int,
    BeforeValidator(_no_bool),
    Field(ge=1, le=2**31 - 1, description="The id of the task, as list_tasks gives it."),
]
Title = Annotated[
    str, Field(min_length=1, max_length=200, description="What is to be done, in one line.")
]
Description = Annotated[
    str, Field(max_length=2000, description="Details, if there are any; may have several lines.")
]
Filter = Annotated[
    Literal["all", "open", "done"], Field(description="Which tasks: all, only open, or only done.")
]
# The characters of a list, and of each description in it. The backend accepts 60,000 in a result,
# including white space.
MAX_LIST, MAX_DETAILS = 40_000, 200


class Task(BaseModel):
    """One task."""

    id: int
    title: str
    description: str | None
    completed: bool
    created_at: datetime
    updated_at: datetime


class Listed(BaseModel):
    """The fields that are needed to find a task. Every character costs tokens."""

    id: int
    title: str
    description: Annotated[str | None, AfterValidator(lambda text: text and text[:MAX_DETAILS])]
    completed: bool


class TaskList(BaseModel):
    """Tasks, oldest first."""

    tasks: list[Listed]


class Deleted(BaseModel):
    """The task that was deleted."""

    deleted_task_id: int


def tools(backend: Backend) -> list[Tool]:
    """The tools, which call `backend`."""

    async def add_task(title: Title, description: Description = "") -> Task:
        """Add a task to the user's list. Returns the new task with its id."""
        body = {"title": title, "description": description}
        return Task.model_validate(await backend.ask("POST", json=body))

    async def list_tasks(status: Filter = "all") -> TaskList:
        """List the user's tasks, oldest first: the first task of the list is the oldest one.

        Use this to find the id of a task that the user names by its title or its place.
        """
        found = await backend.ask("GET", params={"status": status})
        listed = TaskList.model_validate({"tasks": found})
        if len(listed.model_dump_json()) > MAX_LIST:
            # The model would take a part of the list for the whole.
            fewer = "" if status == "open" else ", or the open ones"
            raise ToolError(
                f"These are {len(listed.tasks)} tasks, too many to list at once. "
                f"Look at the page{fewer}."
            )
        return listed

    async def complete_task(task_id: TaskId) -> Task:
        """Mark a task as done. A task that is done already stays so."""
        return Task.model_validate(await backend.ask("POST", f"/{task_id}/complete"))

    async def delete_task(task_id: TaskId) -> Deleted:
        """Delete a task for good."""
        await backend.ask("DELETE", f"/{task_id}")
        return Deleted(deleted_task_id=task_id)

    async def update_task(
        task_id: TaskId,
        title: Title | None = None,
        description: Description | None = None,
        completed: StrictBool | None = None,
    ) -> Task:
        """Change a task: only what is given. An empty description removes the one there is.

        With completed=false a task that was done is open again.
        """
        given = {"title": title, "description": description, "completed": completed}
        change: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
        if not change:
            raise ToolError("Give at least one of title, description and completed.")
        return Task.model_validate(await backend.ask("PATCH", f"/{task_id}", json=change))

    reading = ToolAnnotations(open_world_hint=False, read_only_hint=True)
    adding = ToolAnnotations(open_world_hint=False, destructive_hint=False)
    changing = ToolAnnotations(open_world_hint=False, destructive_hint=False, idempotent_hint=True)
    deleting = ToolAnnotations(open_world_hint=False, destructive_hint=True)
    made = [
        Tool.from_function(add_task, annotations=adding),
        Tool.from_function(list_tasks, annotations=reading),
        Tool.from_function(complete_task, annotations=changing),
        Tool.from_function(delete_task, annotations=deleting),
        Tool.from_function(update_task, annotations=changing),
    ]
    for tool in made:
        # Tells the model that there are no other arguments; the server enforces it.
        tool.parameters["additionalProperties"] = False
    return made
