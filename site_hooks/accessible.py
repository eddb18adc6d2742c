"""MkDocs hook: what keyboards, screen readers and small screens need, and the theme leaves out."""

from __future__ import annotations

import re
from typing import Any

SCROLLED = re.compile(r'<(?:table|\w+ class="formula")(?=>)')
"""What scrolls where it is wider than the screen."""

NAME = re.compile(r'(?<=<span class="doc doc-object-name )([\w-]+">)([\w.]+)')
"""The name of an object, as a heading."""


def on_page_content(html: str, **_: Any) -> str:
    """Let it take the focus: then the arrow keys scroll it."""
    return SCROLLED.sub(r'\g<0> tabindex="0"', html)


def on_post_page(output: str, **_: Any) -> str:
    """Name the search, and let long names break between their words."""
    output = NAME.sub(_breaking, output)
    return output.replace('role="dialog"', 'role="dialog" aria-label="Search"')


on_post_template = on_post_page
"""The page for wrong addresses is made of a template alone."""


def _breaking(name: re.Match[str]) -> str:
    return name[1] + re.sub(r"(?<=\w)(?=[._])", "<wbr>", name[2])
