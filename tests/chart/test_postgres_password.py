"""What a database pod does with POSTGRES_PASSWORD, tested with PostgreSQL itself."""

import functools
import os
import shutil
import signal
import stat
import subprocess
import time
import unittest

from pods import USER, OfficialPod, Pod, programs

FIRST = "first-password"
HOSTILE = [
    "plain",
    r"""'; DROP ROLE x; -- " \' \\ $(id) `id` ${HOME} $$ %s & ; | * ? ! # ~""",
    "ends in a backslash\\",
    "'",
    "''\"\"",
    " spaces \t and a tab ",
    # Contains bytes that shells use as internal markers (0x81 to 0x88).
    "Ünïcödé ÁÂÃÄÅÆÇÈ 😀",
    "x" * 500,
]


@functools.cache
def made(kind: type[Pod]) -> Pod:
    """A stopped pod whose database has the first password: creating one takes the most time."""
    pod = kind()
    unittest.addModuleCleanup(pod.remove)
    pod.password = FIRST
    pod.start()
    pod.stop()
    return pod


class Passwords(unittest.TestCase):
    """`self.pod` has a database with the first password."""

    kind: type[Pod] = OfficialPod

    def setUp(self) -> None:
        self.pod = self.kind()
        self.addCleanup(self.pod.remove)
        self.pod.copy(made(self.kind))

    def prepared(self, password: str) -> str:
        self.pod.password = password
        run = self.pod.prepare()
        self.assertEqual(run.returncode, 0, run.stdout)
        self.assertNotIn(password, run.stdout)
        return run.stdout

    def refused(self, password: str, path: str = "/usr/bin:/bin") -> str:
        self.pod.password = password
        run = self.pod.prepare(path)
        self.assertEqual(run.returncode, 1, run.stdout)
        self.assertRegex(run.stdout, r"(?m)^error: .+\n  help: .+$")
        self.assertNotIn(password, run.stdout)
        return run.stdout

    def accepts(self, password: str, *others: str) -> None:
        self.pod.start()
        self.assertEqual(self.pod.sql("SELECT 1", password), "1")
        for other in others:
            self.assertIsNone(self.pod.sql("SELECT 1", other))
        self.pod.stop()


class OfficialImage(Passwords):
    def test_a_changed_password_is_taken_over(self) -> None:
        self.prepared("second")
        self.accepts("second", FIRST)

    def test_the_image_alone_ignores_it(self) -> None:
        self.pod.password = "second"
        self.accepts(FIRST, "second")

    def test_a_new_volume_is_left_to_the_image(self) -> None:
        shutil.rmtree(self.pod.data)
        self.assertIn("has no database yet", self.prepared("of a new volume"))
        self.assertFalse(self.pod.data.exists())
        self.pod.data.mkdir(mode=0o700)
        if USER:
            shutil.chown(self.pod.data, USER, USER)
        self.assertIn("has no database yet", self.prepared("of a new volume"))
        self.assertEqual(os.listdir(self.pod.data), [])
        self.accepts("of a new volume", FIRST)

    def test_rows_of_a_killed_server_stay(self) -> None:
        self.pod.start()
        self.pod.sql("CREATE TABLE kept AS SELECT 7 AS n", FIRST)
        file = self.pod.data / "postmaster.pid"
        number, rest = file.read_text().split("\n", 1)
        os.kill(int(number), signal.SIGKILL)
        self.pod.stop()
        # In a new pod, this PID belongs to another process of the same user.
        other = subprocess.Popen(["sleep", "600"], user=USER)
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        file.write_text(f"{other.pid}\n{rest}")
        self.prepared("after a crash")
        self.pod.start()
        self.assertEqual(self.pod.sql("SELECT n FROM kept", "after a crash"), "7")


class OwnImage(OfficialImage):
    kind = Pod

    def test_a_server_that_still_runs_is_waited_for(self) -> None:
        self.pod.start()
        self.pod.password = "second"
        with self.pod.preparing() as run:
            self.assertIn("waiting until it stops", run.stdout.readline())
            time.sleep(1.5)
            self.assertIsNone(run.poll())
            self.pod.stop()
            said, _ = run.communicate(timeout=30)
        self.assertEqual(run.returncode, 0, said)
        self.accepts("second", FIRST)


class Script(Passwords):
    """Tests that do not depend on the image."""

    def test_any_character_may_stand_in_names_and_passwords(self) -> None:
        self.pod.start()
        users = [f"user '\"\\{number}" for number in range(len(HOSTILE))]
        for user in users:
            self.pod.sql(f'CREATE ROLE "{user.replace(chr(34), chr(34) * 2)}" LOGIN', FIRST)
        self.pod.stop()
        for self.pod.user, password in zip(users, HOSTILE):
            self.pod.password = password
            run = self.pod.prepare()
            self.assertEqual(run.returncode, 0, run.stdout)
        self.pod.start()
        for self.pod.user, password in zip(users, HOSTILE):
            with self.subTest(password=password):
                self.assertEqual(self.pod.sql("SELECT 1", password), "1")
                self.assertIsNone(self.pod.sql("SELECT 1", FIRST))

    def test_the_same_password_again_does_no_harm(self) -> None:
        self.prepared(FIRST)
        self.prepared(FIRST)
        self.accepts(FIRST, "another")

    def test_an_empty_password_changes_nothing(self) -> None:
        self.assertEqual(self.pod.prepare().returncode, 0)
        self.accepts(FIRST, "another")

    def test_lines_are_refused(self) -> None:
        self.refused("two\nlines")
        self.refused("a line\n")

    def test_rights_of_the_group_are_taken_back(self) -> None:
        self.pod.data.chmod(0o770)
        self.prepared("second")
        self.assertEqual(stat.S_IMODE(self.pod.data.stat().st_mode), 0o700)

    def test_settings_of_the_server_count(self) -> None:
        self.pod.settings["wal_level"] = "logical"
        self.pod.start()
        self.pod.sql("SELECT pg_create_logical_replication_slot('s', 'pgoutput')", FIRST)
        self.pod.stop()
        # Data with this slot cannot be opened without the setting.
        self.prepared("second")

    def test_another_user_must_exist(self) -> None:
        self.pod.user = 'no"body'
        said = self.refused("second")
        self.assertIn('ERROR: role "no"body" does not exist', said)
        self.assertIn("help: set POSTGRES_USER back", said)

    def test_a_missing_database_is_told(self) -> None:
        self.assertNotIn("warning", self.prepared("second"))
        self.pod.database = "it's"
        self.assertIn("warning: there is no database it's", self.prepared("second"))

    def test_a_refusal_tells_the_reason_and_no_secret(self) -> None:
        self.pod.settings |= {
            "shared_preload_libraries": "passwordcheck",
            "log_statement": "all",
            "log_min_error_statement": "debug5",
        }
        self.assertIn("password is too short", self.refused("Sh0rt:"))
        self.pod.settings["shared_preload_libraries"] = ""
        self.accepts(FIRST, "Sh0rt:")

    def test_data_of_another_version_are_told(self) -> None:
        (self.pod.data / "PG_VERSION").write_text("9.6\n")
        said = self.refused("second", f"{programs()}:/usr/bin:/bin")
        self.assertIn("FATAL: database files are incompatible with server DETAIL: ", said)

    def test_no_program_is_told_the_password_by_its_arguments(self) -> None:
        seen = self.pod.folder / "seen"
        seen.touch()
        seen.chmod(0o666)
        own = self.pod.folder / "bin"
        own.mkdir()
        real = {name: shutil.which(name) for name in ("sed", "cat", "flock", "chmod", "rm")}
        for name, program in {**real, "postgres": programs() / "postgres"}.items():
            (own / name).write_text(f'#!/bin/sh\necho {name} "$@" >>{seen}\nexec {program} "$@"\n')
            (own / name).chmod(0o755)
        self.pod.password = "in no argument"
        run = self.pod.prepare(f"{own}:/usr/bin:/bin")
        self.assertEqual(run.returncode, 0, run.stdout)
        programs_seen = {line.split()[0] for line in seen.read_text().splitlines()}
        self.assertEqual(programs_seen, {*real, "postgres"})
        self.assertNotIn("in no argument", seen.read_text())


if __name__ == "__main__":
    unittest.main()
