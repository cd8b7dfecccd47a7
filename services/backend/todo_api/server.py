"""uvicorn, which ends running answers of the chat before it closes their connections."""

import asyncio
from socket import socket

import uvicorn
from starlette.applications import Starlette

from todo_common import process

# Seconds that the answers of the chat have to finish after the signal; connections have longer.
ANSWERS_GRACE_S = process.GRACE_S - 2


class Server(uvicorn.Server):
    """Ends running answers with an event, so that clients do not see a closed connection only."""

    def __init__(self, config: uvicorn.Config, app: Starlette) -> None:
        super().__init__(config)
        self.turns = app.state.runtime.turns

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        ending = asyncio.create_task(self._end_answers())
        try:
            await super().shutdown(sockets)
        finally:
            ending.cancel()

    async def _end_answers(self) -> None:
        await asyncio.sleep(ANSWERS_GRACE_S)
        if self.turns is not None:
            await self.turns.close()
