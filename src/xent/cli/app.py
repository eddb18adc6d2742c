"""The application, and what its commands share: options, styles, printing."""

from __future__ import annotations

import html
import shutil
import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.text import Text

import xent
from xent.explanation.render.colours import TERMINAL

app = typer.Typer(
    help="Cross-entropy: explained, scored, checked.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

STYLES = {
    **TERMINAL,
    "title": "bold",
    "section": "bold",
    "name": "bold",
    "moral": "bold",
    "word": "bold",
    "why": "dim",
    "head": "bold",
    "note": "yellow",
    "good": "green",
    "bad": "bold red",
}


class ReportFormat(StrEnum):
    """Forms of a report on a batch."""

    text = "text"
    markdown = "markdown"
    html = "html"
    json = "json"


LabelColumn = Annotated[
    str | None, typer.Option(metavar="NAME", help="Column of the labels, if not found by name.")
]
ScoreColumns = Annotated[
    str | None,
    typer.Option(metavar="A,B,...", help="Columns of the scores, in the order of the classes."),
]
Kind = Annotated[
    str | None,
    typer.Option(
        metavar="KIND", help="What the scores are: logits, probabilities or log-probabilities."
    ),
]
Classes = Annotated[
    str | None,
    typer.Option(metavar="A,B,...", help="Names of the classes, in the order of the scores."),
]
LabelsFile = Annotated[
    Path | None,
    typer.Option("--labels", metavar="FILE", help="NPY file of labels, for an NPY of scores."),
]
Tolerance = Annotated[
    float, typer.Option(help="How far a row of probabilities may be from summing to 1.")
]


@app.callback(invoke_without_command=True)
def common(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Cross-entropy: explained step by step, scored from files of predictions, and checked."""
    if version:
        print(f"xent {xent.__version__}")
        raise typer.Exit


def page(title: str, fragment: str) -> str:
    """A fragment of HTML as a page of its own, which says that it is UTF-8."""
    head = f'<meta charset="utf-8">\n<title>{html.escape(title)}</title>'
    return f'<!doctype html>\n<html lang="en">\n{head}\n{fragment}</html>\n'


def print_lines(lines: Iterable[tuple[str, str]]) -> None:
    """Print lines in the colours of their roles, if the terminal has colours."""
    console = Console(highlight=False, soft_wrap=True)
    for role, text in lines:
        console.print(Text(text, style=STYLES.get(role, "")))


def print_spans(lines: Iterable[Iterable[tuple[str, str]]]) -> None:
    """Print lines whose pieces have roles of their own."""
    console = Console(highlight=False, soft_wrap=True)
    for spans in lines:
        line = Text()
        for role, text in spans:
            line.append(text, STYLES.get(role, ""))
        line.rstrip()
        console.print(line)


def width_of_terminal(most: int) -> int:
    """Columns for prose: `most`, or fewer in a narrow terminal."""
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else most
    return max(40, min(most, columns))


def names_of(text: str | None) -> list[str] | None:
    """Names between commas."""
    return None if text is None else [name.strip() for name in text.split(",")]


def usage(message: str) -> NoReturn:
    """Say that the command was used wrongly."""
    raise ValueError(message)
