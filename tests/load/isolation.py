"""Checks that users of a running Todo Chatbot neither see nor change each other's data.

Users work in parallel, each on tasks with a unique mark. The program tracks what each user must
have, and compares every response with it. At random, a user tries to access another user's data:
by id, through a conversation, by naming the other user, or by asking the chat.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from random import Random

import command
import foreign
import own
from address import Address
from foreign import Attack
from marks import Findings, mark
from player import Player
from trouble import Trouble
from user import all_of, users

EXAMPLES = """examples:
  isolation.py --url http://todo-app.local --resolve todo-app.local=127.0.0.1
  isolation.py --url http://todo-app.localhost:8080 --users 5 --operations 5000 --seed 7

exit code: 0, 1 if there was a leak or a difference, 2 if nothing could be tested
The limits are 600 requests and 30 chat messages per user and minute: 1000 operations take time."""
# A user always has tasks to attack, but not too many: adds or deletes instead.
FEWEST_TASKS, MOST_TASKS = 2, 30
# Seconds between two progress lines.
PAUSE = 15.0

Own = Callable[[Player], Awaitable[None]]
# Operations and their weights, of about 107.
OWN: dict[str, tuple[Own, int]] = {
    "list": (own.list_tasks, 20),
    "add": (own.add, 14),
    "read": (own.read, 12),
    "update": (own.update, 11),
    "complete": (own.complete, 7),
    "delete": (own.delete, 9),
    "chat: add": (own.chat_add, 2),
    "chat: list": (own.chat_list, 2),
    "chat: complete": (own.chat_complete, 1),
    "chat: delete": (own.chat_delete, 1),
    "chat: history": (own.history, 2),
}
FOREIGN: dict[str, tuple[Attack, int]] = {
    "other's task: read": (foreign.read, 4),
    "other's task: update": (foreign.update, 3),
    "other's task: complete": (foreign.complete, 2),
    "other's task: delete": (foreign.delete, 3),
    "other's conversation": (foreign.conversation, 1),
    "other's name: reading": (foreign.pretend_to_read, 2),
    "other's name: writing": (foreign.pretend_to_write, 2),
    "other's name: in the chat": (foreign.pretend_in_chat, 1),
    "other's name: clearing": (foreign.pretend_to_clear, 1),
    "other's tasks: by the chat": (foreign.persuade, 2),
}
WEIGHTS = {kind: many for kind, (_, many) in (OWN | FOREIGN).items()}


async def play(player: Player, others: list[Player], operations: int) -> None:
    """Runs the operations of one user."""
    kinds: list[str] = []
    for _ in range(operations):
        # Drawn like cards from a deck, so that no kind is left out by chance.
        kinds = kinds or player.rng.sample(
            list(WEIGHTS), sum(WEIGHTS.values()), counts=list(WEIGHTS.values())
        )
        kind = kinds.pop()
        other = player.rng.choice(others)
        many = len(player.model.tasks)
        if many <= FEWEST_TASKS and kind in ("delete", "chat: delete"):
            kind = "add"
        elif many >= MOST_TASKS and kind in ("add", "chat: add"):
            kind = "delete"
        player.findings.count(kind)
        if kind in OWN:
            async with player.lock:
                await OWN[kind][0](player)
            continue
        # The other user continues meanwhile, except during the comparison.
        async with player.lock:
            tried = await FOREIGN[kind][0](player, other)
        if tried:
            async with other.lock:
                await foreign.unchanged(other, player, tried)


async def begin(player: Player) -> None:
    """Creates some tasks and a conversation as targets."""
    async with player.lock:
        for _ in range(3):
            await own.add(player)
        await own.chat_add(player)
    if not player.conversation:
        helps = "todo-bootstrap status"
        raise Trouble(f"the chat of {player.user.email} does not work", helps)


async def end(player: Player) -> None:
    """A final comparison of everything."""
    async with player.lock:
        for sentence in await player.check("at the end") + await player.check_history("at the end"):
            player.differ(sentence)


async def progress(findings: Findings, operations: int) -> None:
    """Prints the progress."""
    while True:
        await asyncio.sleep(PAUSE)
        done = sum(findings.operations.values())
        bad = f"{len(findings.leaks)} leaks, {len(findings.differences)} differences"
        command.tell(f"{done} of {operations} operations, {bad}")


async def prove(args: argparse.Namespace, findings: Findings) -> int:
    """The complete run, from the first request to the removal of the users."""
    if args.users < 2:
        raise Trouble("one user is not enough", "use --users 2 or more")
    address = Address.of(args.url, args.resolve)
    exact = await command.look(address)
    if not exact:
        command.tell("the model is not the mock: chat results are checked for leaks only")
    rngs = [Random(f"{args.seed}-{n}") for n in range(args.users)]
    marks = [mark(rng) for rng in rngs]

    def seen(n: int) -> Callable[[str, str], None]:
        return lambda where, text: findings.look(f"user {n}", marks[n], where, text)

    async with users(address, args.users, "isolation", command.tell, seen) as everyone:
        players = [
            Player(user, rngs[n], marks[n], exact, findings) for n, user in enumerate(everyone)
        ]
        await all_of(begin(player) for player in players)
        teller = asyncio.create_task(progress(findings, args.operations))
        shares = [(args.operations + n) // args.users for n in range(args.users)]
        try:
            await all_of(
                play(player, [other for other in players if other is not player], shares[n])
                for n, player in enumerate(players)
            )
            await all_of(end(player) for player in players)
        finally:
            teller.cancel()
    return 1 if findings.leaks or findings.differences else 0


async def told(args: argparse.Namespace) -> int:
    """The same; prints the findings at the end, also if it is interrupted."""
    findings = Findings()
    try:
        return await prove(args, findings)
    finally:
        if findings.operations:
            print(f"seed {args.seed}, {args.users} users\n{findings.table()}")


def arguments(given: list[str]) -> argparse.Namespace:
    """Parses the command line."""
    parser = command.parser(__doc__ or "", EXAMPLES, users=2)
    parser.add_argument("--operations", type=command.count, default=1000, help="default: 1000")
    return parser.parse_args(given)


if __name__ == "__main__":
    options = arguments(sys.argv[1:])
    sys.exit(command.run(lambda: told(options)))
