"""A chat message and its response, as a user sees them."""

from dataclasses import dataclass, field

from events import Event


@dataclass
class Turn:
    """The response to a message: the events in order, and the complete text for searching."""

    status: int
    raw: str = ""
    events: list[Event] = field(default_factory=list)
    # The time of the first event, in seconds of `time.monotonic`.
    first_at: float | None = None

    @property
    def said(self) -> str:
        """The complete text of the response."""
        return "".join(str(event.data.get("text", "")) for event in self.named("delta"))

    @property
    def conversation(self) -> str:
        """The id of the conversation."""
        starts = self.named("start")
        return str(starts[0].data.get("conversation_id", "")) if starts else ""

    def named(self, name: str) -> list[Event]:
        """The events of that name."""
        return [event for event in self.events if event.name == name]

    def failure(self) -> str:
        """A description of the failure; empty if there was none."""
        if self.status != 200:
            return f"status {self.status}: {self.raw[:200]}"
        if not self.events:
            return "the answer has no events"
        last = self.events[-1]
        if last.name == "error":
            return f"error {last.data.get('code')}: {last.data.get('message')}"
        if last.name != "done":
            return f"the answer broke off after `{last.name}`"
        failed = [event for event in self.named("tool_result") if event.data.get("ok") is not True]
        if failed:
            return f"{failed[0].data.get('name')} failed: {failed[0].data.get('text')}"
        return ""
