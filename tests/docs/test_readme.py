"""Every command shown in the README and in docs/ prints what the page says."""

from __future__ import annotations

import pytest
from console import ROOT, commands, run

README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
SHOWN = [(page, pair) for page in PAGES for pair in commands(page.read_text("utf-8"))]
IDS = [f"{page.relative_to(ROOT)}: {command}" for page, (command, _) in SHOWN]


@pytest.fixture(scope="module", autouse=True)
def predictions() -> None:
    """The files that the commands read, made by the examples as `make run` makes them."""
    for example in ("breast_cancer", "digits"):
        printed = run(f"python examples/{example}.py")
        assert "agrees" in printed, printed


@pytest.fixture(scope="module", autouse=True)
def written_by_pages(predictions: None) -> None:  # noqa: ARG001 - after it
    """A page's commands may read what its Python blocks write, so these are run first."""
    for page in sorted({page for page, _ in SHOWN} - {README}):
        assert run(f"python -m doctest {page.relative_to(ROOT)}") == ""


def test_the_readme_shows_commands() -> None:
    assert sum(page == README for page, _ in SHOWN) >= 5


@pytest.mark.parametrize(("page", "pair"), SHOWN, ids=IDS)
def test_output_is_as_shown(page: object, pair: tuple[str, str]) -> None:
    command, output = pair
    assert run(command) == output, page
