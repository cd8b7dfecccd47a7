"""What can go wrong in a chat, as its user is told."""


class ChatError(Exception):
    """Ends an answer: a code for programs, a sentence for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def ai_away() -> ChatError:
    return ChatError("ai_unavailable", "The AI does not answer at the moment; try again.")


def ai_nonsense() -> ChatError:
    return ChatError("ai_failed", "The AI answered something that makes no sense; try again.")


def tools_away() -> ChatError:
    message = "The tools for your tasks do not answer at the moment; look at your list, try again."
    return ChatError("tools_unavailable", message)


def too_slow(waited_for: str) -> ChatError:
    """The code says which neighbour was not done yet: `ai`, `tools` or `database`."""
    message = "The answer took too long; look at your list, and try again."
    return ChatError(f"{waited_for}_timeout", message)


def too_long() -> ChatError:
    return ChatError("too_many_steps", "The AI did not come to an end; try again in other words.")


def stopped() -> ChatError:
    return ChatError("stopped", "The answer was stopped; look at your list, and try again.")


def broken() -> ChatError:
    return ChatError("internal_error", "Something went wrong here; the log has more.")
