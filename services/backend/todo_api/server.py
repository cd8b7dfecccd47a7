"""The server of the process: uvicorn, which lets nobody wait for an answer that will not come."""

import asyncio
from socket import socket

import uvicorn

from todo_api.chat.turns import Turns

# Seconds from the signal to end: answers of the chat may take this long, and connections this.
ANSWERS, CONNECTIONS = 3.0, 5


class Server(uvicorn.Server):
    """Ends the answers that still run with an event of theirs, before their connections are cut."""

    def __init__(self, config: uvicorn.Config, turns: Turns | None) -> None:
        super().__init__(config)
        self.turns = turns

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        ending = asyncio.create_task(self._end_answers())
        try:
            await super().shutdown(sockets)
        finally:
            ending.cancel()

    async def _end_answers(self) -> None:
        await asyncio.sleep(ANSWERS)
        if self.turns is not None:
            await self.turns.close()
