"""The table of sentences: what each of them wants."""

import pytest

from mock_llm.grammar import parse
from mock_llm.slips import mended
from tests.support import table, told

TABLE = table("sentences.txt")


def test_the_table_is_long_and_has_no_sentence_twice() -> None:
    assert len(TABLE) >= 350
    assert len({sentence for sentence, _ in TABLE}) == len(TABLE)


@pytest.mark.parametrize(("sentence", "wanted"), TABLE)
def test_a_sentence(sentence: str, wanted: str) -> None:
    said = " && ".join(told(intent) for intent in parse(sentence))
    assert said.strip() == wanted.strip()


@pytest.mark.parametrize(("sentence", "wanted"), TABLE[:80])
def test_case_space_and_curly_apostrophes_change_nothing(sentence: str, wanted: str) -> None:
    changed = "  " + sentence.replace(" ", "   ").replace("n't", "n’t").replace("'s", "’s") + " "
    said = " && ".join(told(intent) for intent in parse(changed.upper()))
    assert " ".join(said.casefold().split()) == wanted.strip().casefold()


def test_lists_of_several_lines() -> None:
    for text in (
        "Add these tasks:\n- milk\n- call Bob, then Eve\n- bread",
        "add the following tasks:\n1. milk\n2. call Bob, then Eve\n3. bread",
        "Please add tasks:\n\n* milk\n* call Bob, then Eve\n* bread\n",
    ):
        (only,) = parse(text)
        assert told(only) == "add milk | call Bob, then Eve | bread"


def test_titles_are_never_mended() -> None:
    for title in ("delte teh tsak", "remeber Finnish homwork", "lsit adn shwo"):
        (only,) = parse(f"add a task to {title}")
        assert told(only) == f"add {title}"
    assert mended("show clean snow shop", 9) == "show clean snow shop"
