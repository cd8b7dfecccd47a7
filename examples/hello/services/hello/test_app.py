"""Run with: python3 -m unittest"""

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path
from unittest import mock

import app


class Served(unittest.TestCase):
    """Starts a server for each test."""

    token = ""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        quiet = mock.patch.object(app, "log")
        quiet.start()
        self.addCleanup(quiet.stop)
        settings = app.Settings(greeting="<Hi>", token=self.token, data=self.folder, port=0)
        self.server = app.Server(settings)
        thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_port, timeout=5)
        self.addCleanup(connection.close)
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        text = response.read()
        connection.close()
        return response, text


class Pages(Served):
    def test_greeting_is_escaped(self) -> None:
        response, text = self.ask("GET", "/")
        self.assertEqual(response.status, 200)
        self.assertEqual(response.headers["Content-Type"], "text/html; charset=utf-8")
        self.assertIn(b"<h1>&lt;Hi&gt;</h1>", text)

    def test_head_has_no_body(self) -> None:
        response, text = self.ask("HEAD", "/")
        self.assertEqual((response.status, text), (200, b""))

    def test_health(self) -> None:
        for path in ("/healthz", "/readyz"):
            response, text = self.ask("GET", path)
            self.assertEqual((response.status, json.loads(text)), (200, {"status": "ok"}))

    def test_not_ready_without_its_data(self) -> None:
        self.server.notes.folder = self.folder / "gone"
        self.assertEqual(self.ask("GET", "/readyz")[0].status, 503)
        self.assertEqual(self.ask("GET", "/healthz")[0].status, 200)

    def test_unknown_page(self) -> None:
        self.assertEqual(self.ask("GET", "/none")[0].status, 404)


class NotesOverHttp(Served):
    def test_a_note_is_kept(self) -> None:
        self.assertEqual(self.ask("GET", "/notes/a")[0].status, 404)
        self.assertEqual(self.ask("PUT", "/notes/a", b"one")[0].status, 201)
        self.assertEqual(self.ask("PUT", "/notes/a", b"two")[0].status, 200)
        self.assertEqual(self.ask("GET", "/notes/a")[1], b"two")
        self.assertEqual(json.loads(self.ask("GET", "/notes")[1]), {"notes": ["a"]})
        self.assertEqual([file.name for file in self.folder.iterdir()], ["a"])

    def test_names_lead_nowhere_else(self) -> None:
        for path in (
            "/notes/..%2fx",
            "/notes/../x",
            "/notes/.a",
            "/notes/",
            "/notes/A",
            "/notes/a/b",
        ):
            self.assertEqual(self.ask("PUT", path, b"x")[0].status, 404, path)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_a_large_note_is_refused(self) -> None:
        response, _ = self.ask("PUT", "/notes/a", b"x" * (app.MAX_NOTE + 1))
        self.assertEqual(response.status, 413)


class Guarded(Served):
    token = "secret"

    def test_writing_needs_the_token(self) -> None:
        self.assertEqual(self.ask("PUT", "/notes/a", b"x")[0].status, 401)
        self.assertEqual(
            self.ask("PUT", "/notes/a", b"x", Authorization="Bearer no")[0].status, 401
        )
        self.assertEqual(
            self.ask("PUT", "/notes/a", b"x", Authorization="Bearer secret")[0].status, 201
        )


class Process(unittest.TestCase):
    def test_sigterm_ends_it_cleanly(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            env = {**os.environ, "PORT": "0", "DATA_DIR": folder}
            process = subprocess.Popen(
                [sys.executable, app.__file__], env=env, stdout=subprocess.PIPE, text=True
            )
            self.assertEqual(json.loads(process.stdout.readline())["message"], "listening")
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=10)
        self.assertEqual(process.returncode, 0)
        self.assertEqual(
            [json.loads(line)["message"] for line in output.splitlines()], ["stopping", "stopped"]
        )


if __name__ == "__main__":
    unittest.main()
