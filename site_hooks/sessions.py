"""MkDocs hook: Python blocks that show a session are coloured as one, without doctest's marks."""

from __future__ import annotations

import re
from typing import Any

SESSION = re.compile(r"^```python\n(?=>>> )(.*?)^```$", re.MULTILINE | re.DOTALL)


def session(match: re.Match[str]) -> str:
    """One block: doctest writes an empty line of output as <BLANKLINE>, readers need not."""
    lines = re.sub(r"^<BLANKLINE>$", "", match[1], flags=re.MULTILINE)
    lines = re.sub(r" *# doctest:.*$", "", lines, flags=re.MULTILINE)
    return f"```pycon\n{lines.rstrip()}\n```"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Rewrite the blocks of a page."""
    return SESSION.sub(session, markdown)
