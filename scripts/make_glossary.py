"""Write docs/glossary.md: the words that the explanations use.

python scripts/make_glossary.py
"""

from __future__ import annotations

from pathlib import Path

from xent.explanation.glossary import TERMS
from xent.explanation.render.markdown import chapter

PAGE = Path(__file__).parents[1] / "docs" / "glossary.md"

HEAD = """\
# Glossary

The words of the explanations. `xent glossary WORD` prints one of them, `xent explain --glossary`
those that an explanation uses; in HTML they are linked. This page is written by
`python scripts/make_glossary.py`, and a test holds it to the list in the library.
"""


def page() -> str:
    """The page, as it is to be."""
    return "\n\n".join([HEAD.rstrip(), *map(chapter, TERMS)]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.name}")
