"""One turn of the chat, as a user sees it."""

from dataclasses import dataclass, field

from events import Event


@dataclass
class Turn:
    """A question's answer: the events as they came, and all of its text for whoever looks for
    something in it."""

    status: int
    raw: str = ""
    events: list[Event] = field(default_factory=list)
    # The time of the first event (`time.monotonic`).
    first_at: float | None = None

    @property
    def said(self) -> str:
        """The text of the answer."""
        return "".join(str(event.data.get("text", "")) for event in self.named("delta"))

    @property
    def conversation(self) -> str:
        """The ID of the conversation."""
        starts = self.named("start")
        return str(starts[0].data.get("conversation_id", "")) if starts else ""

    def named(self, name: str) -> list[Event]:
        """The events with that name."""
        return [event for event in self.events if event.name == name]

    def failure(self) -> str:
        """The error in words; empty if there was none."""
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
