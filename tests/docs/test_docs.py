"""The sources of the documentation: links, blocks of code, the command line, the public names."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import make_cli_reference
import pytest
from console import ROOT

from xent.learn import COURSE

DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]

FENCE = re.compile(r"^(```+)(\S*)[^\n]*\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^()\s]+(?:\([^()\s]*\)[^()\s]*)*)\)")
ALT = re.compile(r"!\[(.*?)\]\(")
LESSONS = {ROOT / "docs" / "course" / f"{lesson.name}.md" for lesson in COURSE}
"""Pages that are made when the site is built."""
RUN = {"python", "py", "pycon", "python3"}
"""Languages of blocks that pytest runs, as doctests; `console` blocks are run by test_readme."""


def text_of(page: Path) -> str:
    """The page without its blocks and spans of code."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", page.read_text("utf-8")))


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    for link in LINK.findall(text_of(page)):
        parts = urlsplit(link)
        if not parts.scheme and parts.path:
            target = page.parent / unquote(parts.path)
            assert target.exists() or target in LESSONS, link


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_picture_says_what_it_shows(page: Path) -> None:
    assert all(alt.strip() for alt in ALT.findall(text_of(page)))


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_python_block_is_run(page: Path) -> None:
    """Pytest runs what follows >>>; a block without it would only look as if it worked."""
    for _, language, body in FENCE.findall(page.read_text("utf-8")):
        if language.lower() in RUN:
            assert ">>> " in body, f"not run:\n{body}"
        else:
            assert language, f"a block of no language:\n{body}"


def test_these_checks_see_what_they_look_for() -> None:
    blocks = FENCE.findall("a\n```python\nx = 1\n```\n\n```sh\nls\n```\n")
    assert [(language, body) for _, language, body in blocks] == [
        ("python", "x = 1\n"),
        ("sh", "ls\n"),
    ]
    assert LINK.findall("[a](b.md#c) ![d](e.svg) [f](https://g_(h))") == [
        "b.md#c",
        "e.svg",
        "https://g_(h)",
    ]


def words(text: str) -> list[str]:
    """The words of a page of help; its boxes and types are Typer's, and change with it."""
    return re.sub(r"<[^>\n]*>|[─│╭╮╰╯┏┓┗┛━┃+|]", " ", text).split()


def test_the_cli_reference_is_the_help() -> None:
    assert words(make_cli_reference.PAGE.read_text("utf-8")) == words(make_cli_reference.page())


COMMANDS = list(make_cli_reference.commands())


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_every_command_is_documented(name: str, command: Any) -> None:
    assert command.help
    for parameter in command.params:
        assert getattr(parameter, "help", ""), f"{name}: {parameter.name} has no help"
    elsewhere = [page for page in PAGES if page != make_cli_reference.PAGE]
    shown = re.compile(rf"{name}\b")
    assert any(shown.search(page.read_text("utf-8")) for page in elsewhere)


@pytest.mark.parametrize(
    "module", ["xent", "xent.check", "xent.plots", "xent.torch", "xent.torch.huggingface"]
)
def test_every_public_name_has_its_place_in_the_reference(module: str) -> None:
    pages = [page.read_text("utf-8") for page in (DOCS / "reference").glob("*.md")]
    placed = {name for page in pages for name in re.findall(r"^::: (\S+)", page, re.MULTILINE)}
    for name in importlib.import_module(module).__all__:
        # A function that shares its module's name is found only inside of it.
        assert {f"{module}.{name}", f"{module}.{name}.{name}"} & placed, name
