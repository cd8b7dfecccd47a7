"""The routes of the chat."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import StreamingResponse

from todo_api.chat.schemas import MessageOut, NewMessage
from todo_api.errors import ApiError
from todo_api.identity import current_user, limited_user
from todo_api.runtime import ready

router = APIRouter(prefix="/api/chat")


async def _chatting_user(request: Request, user: Annotated[str, Depends(current_user)]) -> str:
    await ready(request).limits.take("chat", user)
    return user


User = Annotated[str, Depends(limited_user)]


@router.post("", response_class=StreamingResponse)
async def ask(
    user: Annotated[str, Depends(_chatting_user)], request: Request, new: NewMessage
) -> StreamingResponse:
    """Responds with events: start, delta, tool_call, tool_result, and finally done or error."""
    parts = ready(request)
    if parts.turns is None:
        raise ApiError(503, "The chat is switched off: MCP_SERVER_URL is not set.", "chat_off")
    conversation = await parts.history.conversation(user)
    if new.conversation_id is not None and str(new.conversation_id) != conversation:
        # The same for a conversation of another user, whose existence is private.
        raise ApiError(404, "There is no such conversation.")
    # Without accounts, all clients are one user.
    alone = parts.keys is not None
    events = await parts.turns.stream(user, conversation, new.message, alone=alone)
    # Tells proxies not to buffer the response.
    headers = {"X-Accel-Buffering": "no"}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


@router.get("/messages")
async def messages(
    user: User, request: Request, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> list[MessageOut]:
    return await ready(request).history.last(user, limit)


@router.delete("/messages", status_code=204)
async def clear(user: User, request: Request) -> None:
    await ready(request).history.clear(user)
