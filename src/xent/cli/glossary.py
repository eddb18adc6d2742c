"""`xent glossary`."""

from __future__ import annotations

from xent.cli.app import app
from xent.cli.options import Output, with_options
from xent.explanation.glossary import TERMS, Glossary, look_up


@app.command("glossary")
@with_options
def glossary_command(*, word: list[str] | None = None, out: Output) -> None:
    """Define the words that the explanations use.

    `xent glossary perplexity`

    `xent glossary log loss`
    """
    out.put(Glossary((look_up(" ".join(word)),) if word else TERMS))
