"""Proves on a running Todo Chatbot that users see and change nothing of each other.

Users work in parallel, each on tasks with a mark of their own. What each of them must have is kept
here, and every answer is compared with it. Now and then one of them tries to get at what belongs to
another: by ids, by a conversation, by naming the other, by asking the chat for it.
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

exit code: 0, 1 if there was a leak or a difference, 2 if nothing could be tried
A user may ask 600 times a minute, and the chat 30 times: 1000 operations take some minutes."""
# Keeps the number of tasks of a user in these limits.
FEWEST_TASKS, MOST_TASKS = 2, 30
# Seconds between two lines of progress.
PAUSE = 15.0

Own = Callable[[Player], Awaitable[None]]
# The operations with their weights.
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
    """The operations of one user."""
    kinds: list[str] = []
    for _ in range(operations):
        # Shuffled like cards, so that no kind is missing by chance.
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
        # The other user continues meanwhile, and pauses only for the comparison.
        async with player.lock:
            tried = await FOREIGN[kind][0](player, other)
        if tried:
            async with other.lock:
                await foreign.unchanged(other, player, tried)


async def begin(player: Player) -> None:
    """Creates a few tasks and a conversation as a target."""
    async with player.lock:
        for _ in range(3):
            await own.add(player)
        await own.chat_add(player)
    if not player.conversation:
        helps = "see the backend's log; is the chat on, and are all parts ready?"
        raise Trouble(f"the chat of {player.user.email} does not work", helps)


async def end(player: Player) -> None:
    """Compares everything at the end."""
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
    """The whole run, from the first check to the removal of the users."""
    if args.users < 2:
        raise Trouble("the test needs at least two users", "use --users 2 or more")
    address = Address.of(args.url, args.resolve)
    exact = await command.look(address)
    if not exact:
        command.tell("the AI is a real one: what the chat does is searched for leaks only")
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
    """The same, with the findings printed at the end, also after an interruption."""
    findings = Findings()
    try:
        return await prove(args, findings)
    finally:
        if findings.operations:
            print(f"seed {args.seed}, {args.users} users\n{findings.table()}")


def arguments(given: list[str]) -> argparse.Namespace:
    """The parsed command line."""
    parser = command.parser(__doc__ or "", EXAMPLES, users=2)
    parser.add_argument("--operations", type=command.count, default=1000, help="of all users")
    return parser.parse_args(given)


if __name__ == "__main__":
    options = arguments(sys.argv[1:])
    sys.exit(command.run(lambda: told(options)))
