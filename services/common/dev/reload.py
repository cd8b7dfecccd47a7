"""Runs a service under a debugger, and again after each change of its sources (`up --env dev`).

The root file system of the container is read-only, so the sources run from a copy in /tmp/app: what
`kubectl cp` puts there is used at once, and forgotten with the pod.
"""

import importlib.util
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from watchfiles import PythonFilter, watch

IMAGE = Path("/app")
COPY = Path("/tmp/app")
# Only for `kubectl port-forward`: who can reach the debugger can run any code.
DEBUGGER = ("127.0.0.1", 5678)
# Seconds until a service that was told to end is killed; longer than it gives its connections.
GRACE_S = 8


def command(module: str) -> list[str]:
    """The service under the debugger: that of this environment, with the service's own Python."""
    found = importlib.util.find_spec("debugpy")
    places = found.submodule_search_locations if found else None
    if not places or not freed():
        say("the debugger is not available")
        return ["python3", "-m", module]
    host, port = DEBUGGER
    # Modules of the interpreter are not debugged: without this, it warns that it cannot.
    python = ["python3", "-X", "frozen_modules=off"]
    return [*python, places[0], "--listen", f"{host}:{port}", "-m", module]


def freed() -> bool:
    """Whether the debugger's port is free, which takes a moment after the last one ended."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(DEBUGGER)
            except OSError:
                time.sleep(0.1)
            else:
                return True
    return False


def say(text: str) -> None:
    print(f"reload: {text}", file=sys.stderr, flush=True)


def end(service: subprocess.Popen[bytes]) -> int:
    service.terminate()
    try:
        return service.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        service.kill()
        return service.wait()


def main(module: str) -> int:
    if not COPY.exists():
        shutil.copytree(IMAGE, COPY)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    service = subprocess.Popen(command(module), cwd=COPY)
    # A service that failed is started again by the next change, or by the liveness probe.
    changes = watch(COPY, watch_filter=PythonFilter(), stop_event=stopped, rust_timeout=200)
    for change in changes:
        names = sorted({str(Path(path).relative_to(COPY)) for _, path in change})
        say(f"{', '.join(names)} changed")
        end(service)
        service = subprocess.Popen(command(module), cwd=COPY)
    return end(service)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
