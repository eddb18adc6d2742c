"""Write docs/glossary.md: the words that the explanations use.

python scripts/make_glossary.py
"""

from __future__ import annotations

import re
from pathlib import Path

from xent._report import Term
from xent._report.markdown import chain, escape
from xent._report.notation import MINUS, signed
from xent.explanation.glossary import TERMS

PAGE = Path(__file__).parents[1] / "docs" / "glossary.md"

POWER = re.compile(r"(\([^()]*\)|\b\w)\^(\w)")
"""Mathematics in a definition that is written for a terminal."""

HEAD = """\
# Glossary

{count} terms of cross-entropy, each with its meaning and, where it has one, its formula.
`xent glossary WORD` prints one of them, `xent explain --glossary` those that an explanation uses.
"""

END = """\
## How this page was made

`python scripts/make_glossary.py` writes it from the list in the library; a test compares the two.
"""


def power(found: re.Match[str]) -> str:
    """A power, typeset."""
    exponent = found[2].replace("γ", r"\gamma")
    return f"${found[1].replace(MINUS, '-')}^{exponent}$"


def chapter(term: Term) -> str:
    """A term under a heading of its own, its relatives linked."""
    links = ", ".join(f"[{name}](#{name.lower().replace(' ', '-')})" for name in term.see)
    see = f" See {links}." if term.see else ""
    definition = f"{POWER.sub(power, escape(signed(term.definition)))}{see}"
    return f"## {escape(term.name)}\n\n{definition}{chain(term.formula)}"


def page() -> str:
    """The page, as it is to be."""
    return "\n\n".join([HEAD.format(count=len(TERMS)).rstrip(), *map(chapter, TERMS), END])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.name}")
