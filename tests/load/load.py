"""Measures how long a running Todo Chatbot takes to answer: tasks and chat, many users at once.

Each user sends at times that are settled before; a call's time counts from the moment at which it
should have been sent, so an answer that is late cannot hide that others had to wait behind it.
"""

import argparse
import asyncio
import json
import sys
import time
from random import Random

import httpx2

import command
from address import Address
from figures import Figures, percentile
from person import Person
from schedule import Planned, beyond_limits, plan
from trouble import Trouble
from user import all_of, users

EXAMPLES = """examples:
  load.py --url http://todo-app.local --resolve todo-app.local=127.0.0.1
  load.py --url http://todo-app.localhost:8080 --users 50 --seconds 300
  load.py --url http://127.0.0.1:3000 --task-p95 200 --chat-p95 2000 --output json

exit code: 0, 1 if a call failed or took longer than it may, 2 if nothing could be measured"""
SHOWN = 5
# The delay of this program itself, in milliseconds, from which it prints a warning.
LATE = 50.0


class Drive:
    """The working users."""

    def __init__(self, warm_up: float) -> None:
        self.figures = Figures()
        self.warm_up = warm_up
        self.late: list[float] = []

    async def user(self, person: Person, planned: list[Planned], began: float) -> None:
        """Sends the calls of one user, each at its time, independent of the others."""
        chatting = asyncio.Lock()
        async with asyncio.TaskGroup() as calls:
            for one in planned:
                await asyncio.sleep(began + one.at - time.monotonic())
                self.late.append((time.monotonic() - began - one.at) * 1000)
                calls.create_task(self._call(person, one, began, chatting))

    async def _call(
        self, person: Person, one: Planned, began: float, chatting: asyncio.Lock
    ) -> None:
        kind, error, first = person.settled(one), "", None
        try:
            if kind == "chat":
                # One turn at a time, like the page. The wait for the previous turn counts.
                async with chatting:
                    turn = await person.chat()
                error, first = turn.failure(), turn.first_at
            else:
                error = await person.do(kind)
        except (httpx2.HTTPError, Trouble) as failure:
            error = f"{type(failure).__name__} {failure}".strip()
        took = (time.monotonic() - began - one.at) * 1000
        if one.at >= self.warm_up:
            self.figures.add(kind, took, error)
            if first is not None:
                self.figures.first_event((first - began - one.at) * 1000)
        elif error:
            self.figures.errors.append(f"{kind} (warming up): {error}")


async def measure(args: argparse.Namespace) -> int:
    """The whole run, from the first check to the removal of the users."""
    address = Address.of(args.url, args.resolve)
    refused = beyond_limits(args.rate, args.chat_share)
    if refused:
        raise Trouble(refused, "lower --rate or --chat-share, and use more --users for more load")
    await command.look(address)
    drive = Drive(args.warm_up)
    ended = False
    try:
        async with users(address, args.users, "load", command.tell) as everyone:
            people = [Person(u, Random(f"{args.seed}-{n}")) for n, u in enumerate(everyone)]
            await all_of(person.begin() for person in people)
            command.tell(f"{args.warm_up:g} s to warm up, then {args.seconds:g} s count")
            began, seconds = time.monotonic() + 0.1, args.warm_up + args.seconds
            plans = [plan(person.rng, args.rate, args.chat_share, seconds) for person in people]
            await all_of(
                drive.user(person, planned, began)
                for person, planned in zip(people, plans, strict=True)
            )
            ended = True
    finally:
        if not ended and drive.figures.times:
            print(shown(drive.figures, args))
    return told(drive, args)


def told(drive: Drive, args: argparse.Namespace) -> int:
    """Prints the measurements; returns the exit code."""
    print(shown(drive.figures, args))
    late = percentile(sorted(drive.late), 0.95)
    if late > LATE:
        command.tell(f"this program was late itself (p95 {late:.0f} ms), its machine is too busy")
    return 1 if drive.figures.errors or exceeded(drive.figures, args) else 0


def exceeded(figures: Figures, args: argparse.Namespace) -> list[str]:
    """The limits that were exceeded."""
    limits = [
        ("task-p95", figures.tasks(), args.task_p95),
        ("chat-p95", figures.chat(), args.chat_p95),
    ]
    return [
        f"--{name} {limit:g} is exceeded: {row['p95']:.1f} ms"
        for name, row, limit in limits
        if limit is not None and row["p95"] > limit
    ]


def shown(figures: Figures, args: argparse.Namespace) -> str:
    """The result, as a table or as JSON."""
    if args.output == "json":
        options = {"users": args.users, "seconds": args.seconds, "rate": args.rate}
        result = options | {
            "kinds": figures.kinds(),
            "tasks": figures.tasks(),
            "chat": figures.chat(),
            "errors": len(figures.errors),
            "first_errors": figures.errors[:SHOWN],
            "exceeded": exceeded(figures, args),
        }
        return json.dumps(result, indent=2)
    more = len(figures.errors) - SHOWN
    lines = [figures.table(), f"errors: {len(figures.errors)}"]
    lines += [f"  {error}" for error in figures.errors[:SHOWN]]
    lines += [f"  and {more} more"] if more > 0 else []
    return "\n".join(lines + exceeded(figures, args))


def arguments(given: list[str]) -> argparse.Namespace:
    """The parsed command line."""
    parser = command.parser(__doc__ or "", EXAMPLES, users=20)
    number = command.positive
    parser.add_argument("--seconds", type=number, default=60.0, help="that count; default: 60")
    parser.add_argument("--warm-up", type=seconds, default=5.0, help="before them; default: 5")
    parser.add_argument("--rate", type=number, default=1.0, help="calls per user and second")
    parser.add_argument("--chat-share", type=share, default=0.1, help="of them; default: 0.1")
    parser.add_argument("--task-p95", type=number, metavar="MS", help="95 of 100 task calls")
    parser.add_argument("--chat-p95", type=number, metavar="MS", help="95 of 100 chat turns")
    parser.add_argument("--output", choices=["table", "json"], default="table")
    return parser.parse_args(given)


def seconds(text: str) -> float:
    """A number of at least 0."""
    return 0.0 if text == "0" else command.positive(text)


def share(text: str) -> float:
    """A number from 0 to 1."""
    found = seconds(text)
    if found > 1:
        raise argparse.ArgumentTypeError(f"{text} is more than 1; help: use a share such as 0.1")
    return found


if __name__ == "__main__":
    options = arguments(sys.argv[1:])
    sys.exit(command.run(lambda: measure(options)))
