"""Sentences that were written before the grammar was made to read them, and what holds for them."""

import pytest

from tests.support import User, table
from tests.unseen import LIST, misses

TABLE = table("unseen.txt")


def test_the_list_is_long_and_has_no_sentence_twice() -> None:
    assert len({sentence for sentence, _ in TABLE}) == len(TABLE) >= 2000


def test_every_sentence_is_understood() -> None:
    assert misses("unseen.txt") == []


@pytest.mark.parametrize("verb", ["delete", "remove", "complete", "i finished", "cancel", "done:"])
@pytest.mark.parametrize("title", LIST)
def test_a_title_with_one_more_word_is_asked_about(verb: str, title: str) -> None:
    user = User(*LIST)
    user.says(f"{verb} {title.removeprefix('*')} zelda")
    assert not user.changes()


@pytest.mark.parametrize(
    "sentence",
    [one for one, wanted in TABLE if wanted.startswith(("delete", "complete")) and " " in one],
)
def test_what_is_forbidden_is_not_done(sentence: str) -> None:
    if sentence.lower().startswith(("delete ", "remove ", "complete ", "mark ", "erase ", "tick ")):
        user = User(*LIST)
        user.says(f"don't {sentence}")
        assert not user.changes()
