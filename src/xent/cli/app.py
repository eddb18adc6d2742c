"""The application, and how its commands print."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from typing import Annotated, Any, Literal, NoReturn

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup

import xent
from xent._report import Block, Layout
from xent._report.roles import TERMINAL
from xent._report.text import WIDTH, Spans

WIDEST = 100
"""Columns of the longest lines: a number and its operands are better kept on one line."""

FRAMED = 60
"""Columns that the frames of help texts need: in fewer they would cut the options' names."""


def columns() -> int:
    """How wide the terminal is."""
    return shutil.get_terminal_size((WIDTH, 24)).columns


class Group(TyperGroup):
    """Commands whose summaries are wrapped, not cut, where help texts have no frames."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, with its summary."""
        command = super().get_command(ctx, cmd_name)
        if command is not None and command.help and not command.short_help:
            command.short_help = " ".join(command.help.partition("\n\n")[0].split())
        return command


MARKUP: Literal["markdown"] | None = "markdown" if columns() >= FRAMED else None

NARROW: dict[str, Any] = {} if columns() >= FRAMED else {"terminal_width": columns()}
"""Settings for help texts: by default they would be 50 columns wide at least."""

app = typer.Typer(
    cls=Group,
    help="Cross-entropy: explained, scored, checked.",
    no_args_is_help=True,
    rich_markup_mode=MARKUP,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], **NARROW},
)


@app.callback(invoke_without_command=True)
def common(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Cross-entropy: explained step by step, scored from files of predictions, and checked."""
    if version:
        print(f"xent {xent.__version__}")
        raise typer.Exit


def print_blocks(*blocks: Block) -> None:
    """Print blocks in the colours of their roles, no wider than the terminal."""
    print_lines(terminal().lines(blocks))


def print_lines(lines: Iterable[Spans]) -> None:
    """Print lines in the colours of their roles, if the terminal has colours."""
    console = Console(highlight=False, soft_wrap=True)
    for spans in lines:
        line = Text()
        for role, text in spans:
            line.append(text, TERMINAL.get(role, ""))
        line.rstrip()
        console.print(line)
    sys.stdout.flush()


def terminal() -> Layout:
    """Lines as wide as the terminal, up to where they are still easily read, in its signs."""
    return Layout(min(columns(), WIDEST), sys.stdout.encoding or "utf-8")


def usage(message: str) -> NoReturn:
    """Say that the command was used wrongly."""
    raise ValueError(message)
