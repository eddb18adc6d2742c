"""Every command shown in the README and in docs/ prints what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from console import ROOT, commands, run

README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
SHOWN = {page: commands(page.read_text("utf-8")) for page in PAGES}
SESSIONS = [page for page, pairs in SHOWN.items() if pairs]


@pytest.fixture(scope="module", autouse=True)
def predictions() -> None:
    """The files that the commands read, made by the examples as `make run` makes them."""
    for example in ("breast_cancer", "digits"):
        made = run(f"python examples/{example}.py")
        assert "agrees" in made.out, made


@pytest.fixture(scope="module", autouse=True)
def written_by_pages(predictions: None) -> None:  # noqa: ARG001 - after it
    """A page's commands may read what its Python blocks write, so these are run first."""
    for page in SESSIONS[1:]:
        assert run(f"python -m doctest {page.relative_to(ROOT)}").shown == ""


def test_the_readme_shows_commands() -> None:
    assert SESSIONS[0] == README
    assert len(SHOWN[README]) >= 3


@pytest.mark.parametrize("page", SESSIONS, ids=lambda page: str(page.relative_to(ROOT)))
def test_output_is_as_shown(page: Path) -> None:
    """A page is one session: a command may read what those above it wrote."""
    wrong = []
    for command, output in SHOWN[page]:
        result = run(command)
        if missing := re.search(r"No module named '(\w+)'", result.err):
            raise ModuleNotFoundError(missing[0], name=missing[1])  # a skip, but in CI
        if result.shown != output:
            wrong.append(
                f"$ {command}\n{result.shown}--- shown:\n{output}--- stderr:\n{result.err}"
            )
    assert wrong == [], "\n".join(wrong)


def test_a_notice_is_not_output_but_an_error_message_is() -> None:
    notice = run("echo output; echo notice >&2")
    assert (notice.shown, notice.err) == ("output\n", "notice\n")
    assert run("echo output; echo message >&2; exit 3").shown == "output\nmessage\n"
