"""The schedule of all calls, fixed in advance, so that a slow response delays no other call.

Each user sends once in each slot of 1/rate seconds, at a random moment, and chat messages are
spread evenly, so that no minute exceeds the rate limits of the application.
"""

import math
from dataclasses import dataclass
from random import Random

# Weights, of 100 task calls.
TASK_CALLS = {"list": 45, "add": 18, "complete": 14, "rename": 10, "delete": 13}
# The limits per user and minute: requests for tasks, and chat messages.
MOST_CALLS, MOST_TURNS = 600, 30


@dataclass(frozen=True)
class Planned:
    """A call, and the seconds after the start at which it is sent."""

    at: float
    kind: str


def plan(rng: Random, rate: float, share: float, seconds: float) -> list[Planned]:
    """The calls of one user."""
    slots = math.ceil(seconds * rate)
    phase = rng.random()
    made = []
    for slot in range(slots):
        at = (slot + rng.random()) / rate
        task = rng.choices(list(TASK_CALLS), list(TASK_CALLS.values()))[0]
        chat = math.floor((slot + 1) * share + phase) > math.floor(slot * share + phase)
        if at < seconds:
            made.append(Planned(at, "chat" if chat else task))
    return made


def beyond_limits(rate: float, share: float) -> str:
    """Why the application would reject this rate; empty if it would not."""
    # One more of each: the application's minutes start at any point of ours.
    calls, turns = 60 * rate * (1 - share) + 1, 60 * rate * share + 1
    if share and turns > MOST_TURNS:
        return f"{turns:.0f} chat turns a minute and user are more than {MOST_TURNS}"
    if calls > MOST_CALLS:
        return f"{calls:.0f} task calls a minute and user are more than {MOST_CALLS}"
    return ""
