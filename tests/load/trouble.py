"""Errors that the user can fix."""


class Trouble(Exception):
    """A problem in one sentence, and how to fix it."""

    def __init__(self, problem: str, help: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.help = help

    def __str__(self) -> str:
        return f"{self.problem}\nhelp: {self.help}"
