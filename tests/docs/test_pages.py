"""Pages that are made by scripts are what the scripts make."""

from __future__ import annotations

import json
import re
from pathlib import Path

import make_glossary
import make_mistakes
import make_pictures
import make_vectors
import pages
import pytest

from xent.check.mistakes import catalogue


def test_the_mistakes_are_as_the_check_names_them() -> None:
    page = make_mistakes.page()
    assert make_mistakes.PAGE.read_text(encoding="utf-8") == page
    assert "Blamed for another bug" not in page
    counts = make_mistakes.counts()
    assert counts.named == counts.planted


def test_the_glossary_page_is_that_of_the_explanations() -> None:
    assert make_glossary.PAGE.read_text(encoding="utf-8") == make_glossary.page()


@pytest.mark.parametrize("name", pages.PAGES)
def test_a_page_of_measurements_is_that_of_its_figures(name: str) -> None:
    assert (pages.DOCS / f"{name}.md").read_text(encoding="utf-8") == pages.page(name)


def test_the_overview_says_what_the_pages_open_with() -> None:
    overview = (pages.DOCS / "evidence" / "index.md").read_text(encoding="utf-8")
    assert overview == pages.overview()
    assert "units in the last place" in overview


HISTORY = re.compile(r"[Mm]easured on \d|written by `python|writes this page")


@pytest.mark.parametrize(
    "name",
    [*pages.FOUND[:-1], "glossary", "mistakes", "mistakes-told-apart", "reference/cli"],
)
def test_a_page_says_last_how_it_was_made(name: str) -> None:
    text = (pages.DOCS / f"{name}.md").read_text(encoding="utf-8")
    content, made, history = text.partition("\n## How this page was made\n")
    assert made, "no word of how it was made"
    assert "## " not in history
    assert "python scripts/" in history or "benchmarks" in history
    assert not HISTORY.search(content)


def test_the_documents_say_how_many() -> None:
    readme = (make_mistakes.PAGE.parents[1] / "README.md").read_text(encoding="utf-8")
    said = re.search(r"(\d+) mistakes are known by name", readme)
    assert said is not None
    assert int(said[1]) == sum(not entry.note for entry in catalogue().values())
    vectors = (make_mistakes.PAGE.parent / "test-vectors.md").read_text(encoding="utf-8")
    groups = json.loads(make_vectors.FILE.read_text(encoding="utf-8"))["groups"]
    assert f"holds {len(groups)} groups" in vectors


@pytest.mark.parametrize("name", make_pictures.PICTURES)
def test_the_pictures_say_what_is_drawn_now(name: str, tmp_path: Path) -> None:
    """Their words and numbers; how lines are written differs between versions of matplotlib."""
    make_pictures.draw(name, tmp_path)

    def said(folder: Path) -> list[str]:
        return re.findall(r"<text[^>]*>([^<]+)", (folder / f"{name}.svg").read_text("utf-8"))

    assert said(make_pictures.FOLDER) == said(tmp_path)
    assert said(tmp_path)
