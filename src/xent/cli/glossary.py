"""`xent glossary`."""

from __future__ import annotations

from typing import Annotated

import typer

from xent.cli.app import app, print_spans, width_of_terminal
from xent.explanation.glossary import TERMS, look_up
from xent.explanation.render.text import WIDTH, entry


@app.command("glossary")
def glossary_command(
    word: Annotated[
        list[str] | None, typer.Argument(metavar="WORD", help="One term; all if not given.")
    ] = None,
) -> None:
    """Say what the words of the explanations mean.

    `xent glossary perplexity`

    `xent glossary log loss`
    """
    terms = (look_up(" ".join(word)),) if word else TERMS
    for number, term in enumerate(terms):
        if number:
            print_spans([[]])
        print_spans(entry(term, width_of_terminal(WIDTH)))
