"""The loop in which the model calls tools until it has an answer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from todo_api.chat.failures import ai_nonsense, too_long
from todo_api.chat.model import Model
from todo_api.chat.prompt import SYSTEM
from todo_api.chat.replies import Call, Reply
from todo_api.chat.tools import Result, Tools

# The limits of one answer: requests to the model, tool calls, and time.
MAX_ROUNDS, MAX_CALLS, ANSWER_TIMEOUT_S = 8, 16, 60.0

# Receives the name and the data of an event.
Emit = Callable[[str, dict[str, Any]], None]


@dataclass
class Answer:
    """The answer so far, which is stored even if it fails."""

    text: str = ""
    calls: list[dict[str, Any]] = field(default_factory=list)
    # The service that is being waited for.
    waits_for: str = "database"


class Agent:
    """One model with the tools of one MCP server."""

    def __init__(self, model: Model, tools: Tools) -> None:
        self.model = model
        self.tools = tools

    async def answer(
        self, user: str, said: list[dict[str, Any]], answer: Answer, emit: Emit
    ) -> None:
        """Answers the last of the messages for the user; raises `ChatError`."""
        answer.waits_for = "tools"
        offered = await self.tools.list(user)
        names = {tool["function"]["name"] for tool in offered}
        messages: list[dict[str, Any]] = [{"role": "system", "content": SYSTEM}, *said]
        for _ in range(MAX_ROUNDS):
            reply = Reply()
            answer.waits_for = "ai"
            async for text in self.model.stream(messages, offered, reply):
                # The texts before and after a call become paragraphs of one message.
                gap = "\n\n" if answer.text and text and len(reply.text) == len(text) else ""
                if text:
                    answer.text += gap + text
                    emit("delta", {"text": gap + text})
            if not (reply.text or reply.calls or answer.calls):
                raise ai_nonsense()
            if not reply.calls:
                return
            answer.waits_for = "tools"
            messages.append(_as_message(reply))
            for call in reply.calls:
                if len(answer.calls) >= MAX_CALLS:
                    raise too_long()
                result = await self._run(user, call, names, answer, emit)
                message = {"role": "tool", "tool_call_id": call.id, "content": result.text}
                messages.append(message)
        raise too_long()

    async def _run(
        self, user: str, call: Call, names: set[str], answer: Answer, emit: Emit
    ) -> Result:
        arguments = call.arguments()
        done = {"name": call.name, "arguments": arguments or {}, "ok": False}
        # Before it runs: without a response, it may have taken effect nevertheless.
        answer.calls.append(done)
        shown = {"id": call.id, "name": call.name}
        emit("tool_call", shown | {"arguments": done["arguments"]})
        refusal = _refusal(call, arguments, names)
        if refusal or arguments is None:
            result = Result(False, refusal)
        else:
            result = await self.tools.call(user, call.name, arguments)
        done["ok"] = result.ok
        emit("tool_result", shown | {"ok": result.ok, "text": result.text})
        return result


def _refusal(call: Call, arguments: dict[str, Any] | None, names: set[str]) -> str:
    if call.name not in names:
        return f"There is no tool of this name. The tools are {', '.join(sorted(names))}."
    if arguments is None:
        return f"The arguments of {call.name} are not a JSON object. Nothing was done."
    return ""


def _as_message(reply: Reply) -> dict[str, Any]:
    return {
        "role": "assistant",
        "content": reply.text or None,
        "tool_calls": [call.as_message() for call in reply.calls],
    }
