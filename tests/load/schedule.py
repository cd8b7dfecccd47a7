"""Schedules all calls in advance, so that a slow response does not delay others.

Each user sends once in each slot of 1/rate seconds, at a random moment of it, and chat turns are
spread evenly: in no minute there are more of them than rate and share say, as there are limits.
"""

import math
from dataclasses import dataclass
from random import Random

# The number of each kind in 100 task calls.
TASK_CALLS = {"list": 45, "add": 18, "complete": 14, "rename": 10, "delete": 13}
# The limits of a user per minute: task requests, and chat messages.
MOST_CALLS, MOST_TURNS = 600, 30


@dataclass(frozen=True)
class Planned:
    """A call, and its time in seconds after the start."""

    at: float
    kind: str


def plan(rng: Random, rate: float, share: float, seconds: float) -> list[Planned]:
    """The operations of one user."""
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
    """Why the application would reject this load; empty if it would not."""
    # One more of each, because the minute of the application may start at any time.
    calls, turns = 60 * rate * (1 - share) + 1, 60 * rate * share + 1
    if share and turns > MOST_TURNS:
        return f"{turns:.0f} chat turns a minute and user are more than {MOST_TURNS}"
    if calls > MOST_CALLS:
        return f"{calls:.0f} task calls a minute and user are more than {MOST_CALLS}"
    return ""
