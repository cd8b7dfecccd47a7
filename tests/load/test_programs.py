"""Both programs with the fake application that leaks, fails and stalls."""

import asyncio
import re
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

import command
import isolation
import load
from fake_app import FakeApp, served
from trouble import Trouble

Main = Callable[[list[str]], Coroutine[Any, Any, int]]


def isolate(given: list[str]) -> Coroutine[Any, Any, int]:
    return isolation.told(isolation.arguments(given))


def measure(given: list[str]) -> Coroutine[Any, Any, int]:
    return load.measure(load.arguments(given))


def against(app: FakeApp, main: Main, *given: str) -> int:
    """The exit code; only --resolve knows the host name."""

    async def run() -> int:
        async with served(app) as url:
            port = url.rpartition(":")[2]
            where = ["--url", f"http://todo.invalid:{port}", "--resolve", "todo.invalid=127.0.0.1"]
            return await main([*where, *given])

    return asyncio.run(run())


def test_nothing_is_found_where_nothing_leaks(capsys: pytest.CaptureFixture[str]) -> None:
    app = FakeApp()
    assert against(app, isolate, "--users", "3", "--operations", "360") == 0
    shown = capsys.readouterr().out
    assert re.search(r"^operations +360$", shown, re.MULTILINE)
    assert re.search(r"^leaks +0$", shown, re.MULTILINE)
    # All kinds were tried, and no data or user is left.
    assert all(kind in shown for kind in isolation.WEIGHTS)
    assert app.tasks == {} and app.accounts == {}


@pytest.mark.parametrize(
    "fault",
    [
        "list of all",
        "GET does not ask whose",
        "PATCH does not ask whose",
        "POST does not ask whose",
        "DELETE does not ask whose",
        "header is trusted",
        "query is trusted",
        "any conversation",
        "chat shows all",
        "chat obeys",
    ],
)
def test_every_leak_is_found(fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert against(FakeApp(fault), isolate, "--operations", "240") == 1
    shown = capsys.readouterr().out
    assert not re.search(r"^leaks +0$", shown, re.MULTILINE), shown


def test_a_wrong_answer_is_a_difference(capsys: pytest.CaptureFixture[str]) -> None:
    assert against(FakeApp("forgets"), isolate, "--operations", "200") == 1
    shown = capsys.readouterr().out
    assert re.search(r"^leaks +0$", shown, re.MULTILINE), shown
    assert "description is None and not" in shown


def test_the_same_seed_does_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    shown = []
    for seed in ("1", "1", "2"):
        against(FakeApp(), isolate, "--operations", "100", "--seed", seed)
        shown.append(capsys.readouterr().out.partition("\n")[2])
    assert shown[0] == shown[1] != shown[2]


QUICK = [
    "--users",
    "4",
    "--seconds",
    "2",
    "--warm-up",
    "0.2",
    "--rate",
    "9",
    "--chat-share",
    "0.05",
]


def test_load_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    app = FakeApp("too many")
    assert against(app, measure, *QUICK) == 0
    shown = capsys.readouterr().out
    assert re.search(r"^all task calls +6\d +0 ", shown, re.MULTILINE), shown
    assert "chat until done" in shown and "chat: first event" in shown
    assert app.tasks == {} and app.accounts == {}


def test_a_limit_that_is_exceeded_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert against(FakeApp(), measure, *QUICK, "--task-p95", "0.001") == 1
    assert "--task-p95 0.001 is exceeded" in capsys.readouterr().out


def test_errors_fail_and_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert against(FakeApp("chat fails"), measure, *QUICK, "--output", "json") == 1
    assert '"chat: error x: None"' in capsys.readouterr().out


def test_a_pause_counts_for_all_who_waited(capsys: pytest.CaptureFixture[str]) -> None:
    # A program that waits for each response would see only four slow calls.
    assert against(FakeApp("slow once"), measure, *QUICK, "--seconds", "4") == 0
    total = next(line for line in capsys.readouterr().out.splitlines() if "all task" in line)
    assert float(total.split()[-3]) > 200, total


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("program", ["load.py", "isolation.py"])
def test_who_is_ended_leaves_nothing_behind(program: str, number: signal.Signals) -> None:
    app = FakeApp()

    async def run() -> tuple[int, str]:
        async with served(app) as url:
            long = ["--seconds", "60", "--warm-up", "0"] if program == "load.py" else []
            long = long or ["--operations", "1000000"]
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-B", str(Path(__file__).parent / program), "--url", url, *long),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            while app.last_id < 110:
                await asyncio.sleep(0.05)
                assert process.returncode is None
            process.send_signal(number)
            output, _ = await asyncio.wait_for(process.communicate(), 60)
            return process.returncode or 0, output.decode()

    code, shown = asyncio.run(run())
    assert code == command.INTERRUPTED
    assert ("all task calls" if program == "load.py" else "operations") in shown
    assert app.tasks == {} and app.accounts == {}


def test_what_is_in_the_way_is_said() -> None:
    for fault, said in (("no accounts", "has no accounts"), ("no sign-up", "cannot sign up")):
        app = FakeApp(fault)
        with pytest.raises(Trouble) as trouble:
            against(app, measure, *QUICK)
        assert said in str(trouble.value)
        assert "\nhelp: " in str(trouble.value)


def test_nothing_that_listens_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        assert command.run(lambda: isolate(["--url", url])) == 2
    shown = capsys.readouterr().err
    assert "error: cannot connect to" in shown
    assert "\nhelp: " in shown
