"""The common parts of both programs: arguments, first check, and exit code."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import httpx2

from address import Address
from trouble import Trouble

INTERRUPTED = 130


def parser(about: str, examples: str, users: int) -> argparse.ArgumentParser:
    """The common arguments."""
    made = argparse.ArgumentParser(
        description=about, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--url", required=True, help="the address of the page")
    made.add_argument(
        "--resolve", default="", metavar="HOST=ADDRESS", help="ask this address for the URL's host"
    )
    made.add_argument("--users", type=count, default=users, metavar="N", help=f"default: {users}")
    made.add_argument("--seed", type=int, default=1, metavar="N", help="the same again; default: 1")
    return made


def count(text: str) -> int:
    """An integer of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(
            f"{text} is not a number of at least 1; help: use a number such as 20"
        )
    return int(text)


def positive(text: str) -> float:
    """A number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e9:
        raise argparse.ArgumentTypeError(
            f"{text} is not a number above 0; help: use a number such as 1.5"
        )
    return number


async def look(address: Address) -> bool:
    """Checks that a Todo Chatbot with accounts responds; returns whether its AI is the mock."""
    async with address.client() as client:
        try:
            answer = await client.get("/api/config")
        except httpx2.HTTPError as error:
            raise address.unreachable(error) from None
    said = f"{address.origin}/api/config answers with status {answer.status_code}"
    if answer.is_redirect:
        helps = f"give that address: {answer.headers.get('location', 'see curl -i')}"
        raise Trouble(f"{said}, a redirection", helps)
    try:
        config = answer.json()
        accounts, stand_in = config["accounts"], config["ai"]["mock"]
    except (ValueError, KeyError, TypeError):
        helps = "give the address of the page, and wait until the application is ready"
        raise Trouble(f"{said} and is not a Todo Chatbot", helps) from None
    if accounts is not True:
        helps = "install it with accounts (AUTH_JWKS_URL of the backend)"
        raise Trouble(f"{address.origin} has no accounts", helps)
    return stand_in is True


def tell(line: str) -> None:
    """Prints progress to standard error; standard output has the result only."""
    print(line, file=sys.stderr, flush=True)


def run(main: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Runs the program; returns its exit code. Ctrl-C stops it cleanly, a second one at once."""

    async def until_told() -> int:
        task = asyncio.current_task()
        assert task is not None
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        return await main()

    try:
        return asyncio.run(until_told())
    except Trouble as trouble:
        tell(f"error: {trouble}")
        return 2
    except httpx2.HTTPError as error:
        helps = "see that the application runs (todo-bootstrap status)"
        tell(f"error: connection lost: {type(error).__name__} {error}\nhelp: {helps}")
        return 2
    except (KeyboardInterrupt, asyncio.CancelledError):
        tell("ended before its time")
        return INTERRUPTED
