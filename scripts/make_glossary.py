"""Write docs/glossary.md: the words that the explanations use.

python scripts/make_glossary.py
"""

from __future__ import annotations

from pathlib import Path

from xent._report import Term
from xent._report.markdown import chain, escape
from xent.explanation.glossary import TERMS

PAGE = Path(__file__).parents[1] / "docs" / "glossary.md"

HEAD = """\
# Glossary

The words of the explanations. `xent glossary WORD` prints one of them, `xent explain --glossary`
those that an explanation uses; in HTML they are linked. This page is written by
`python scripts/make_glossary.py`, and a test holds it to the list in the library.
"""


def chapter(term: Term) -> str:
    """A term under a heading of its own, its relatives linked."""
    links = ", ".join(f"[{name}](#{name.lower().replace(' ', '-')})" for name in term.see)
    see = f" See {links}." if term.see else ""
    definition = f"{escape(term.definition)}{see}"
    return f"## {escape(term.name)}\n\n{definition}{chain(term.formula)}"


def page() -> str:
    """The page, as it is to be."""
    return "\n\n".join([HEAD.rstrip(), *map(chapter, TERMS)]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.name}")
