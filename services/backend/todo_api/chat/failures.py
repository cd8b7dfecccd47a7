"""The errors of a chat, as the user sees them."""


class ChatError(Exception):
    """Ends an answer with a code for programs and a sentence for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def ai_away() -> ChatError:
    return ChatError("ai_unavailable", "The AI is not responding; try again.")


def ai_nonsense() -> ChatError:
    return ChatError("ai_failed", "The AI sent an invalid response; try again.")


def tools_away() -> ChatError:
    message = "The tools for your tasks are not responding; check your list, and try again."
    return ChatError("tools_unavailable", message)


def too_slow(waited_for: str) -> ChatError:
    """The code names the service that did not respond: `ai`, `tools` or `database`."""
    message = "The answer took too long; check your list, and try again."
    return ChatError(f"{waited_for}_timeout", message)


def too_long() -> ChatError:
    return ChatError("too_many_steps", "The AI needed too many steps; try other words.")


def stopped() -> ChatError:
    return ChatError("stopped", "The answer was stopped; check your list, and try again.")


def broken() -> ChatError:
    return ChatError("internal_error", "An internal error occurred; the log has details.")
