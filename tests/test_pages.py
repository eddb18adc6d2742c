"""Pages that are made by scripts are what the scripts make."""

from __future__ import annotations

import json
import re

import make_glossary
import make_mistakes
import make_vectors

from xent.check.mistakes import KNOWN


def test_the_mistakes_are_as_the_check_names_them() -> None:
    page = make_mistakes.page()
    assert make_mistakes.PAGE.read_text(encoding="utf-8") == page
    assert " no: " not in page, "a planted bug is named otherwise"


def test_the_glossary_page_is_that_of_the_explanations() -> None:
    assert make_glossary.PAGE.read_text(encoding="utf-8") == make_glossary.page()


def test_the_documents_say_how_many() -> None:
    readme = (make_mistakes.PAGE.parents[1] / "README.md").read_text(encoding="utf-8")
    said = re.search(r"(\d+) mistakes are known by name", readme)
    assert said is not None
    assert int(said[1]) == len(KNOWN)
    vectors = (make_mistakes.PAGE.parent / "test-vectors.md").read_text(encoding="utf-8")
    groups = json.loads(make_vectors.FILE.read_text(encoding="utf-8"))["groups"]
    assert f"holds {len(groups)} groups" in vectors
