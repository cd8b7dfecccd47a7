"""The build context that the images of the Python services share."""

import re
from pathlib import Path

import pytest

SERVICES = Path(__file__).parents[2]
DOCKERFILES = sorted(SERVICES.glob("*/Dockerfile.dockerignore"))


def included(path: Path) -> set[str]:
    """What an ignore file leaves in the build context."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*" and lines[-1] == "**/__pycache__"
    return {line.removeprefix("!") for line in lines[1:-1]}


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_an_image_depends_on_its_own_sources_and_on_the_shared_package(path: Path) -> None:
    dockerfile = path.with_name("Dockerfile").read_text()
    copied = set(re.findall(r"^COPY (?!--)(\S+) ", dockerfile, re.M))
    assert included(path) == copied and "common/todo_common" in copied
    assert all((SERVICES / source).exists() for source in copied)
    assert {source.split("/")[0] for source in copied} == {"common", path.parent.name}


def test_builders_that_know_one_ignore_file_only_get_all_sources() -> None:
    assert len(DOCKERFILES) == 3
    assert included(SERVICES / ".dockerignore") == set[str]().union(*map(included, DOCKERFILES))
