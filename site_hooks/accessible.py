"""MkDocs hook: what keyboards and screen readers need, and the theme leaves out."""

from __future__ import annotations

import re
from typing import Any

SCROLLED = re.compile(r'<(?:table|\w+ class="formula")(?=>)')
"""What scrolls where it is wider than the screen."""


def on_page_content(html: str, **_: Any) -> str:
    """Let it take the focus: then the arrow keys scroll it."""
    return SCROLLED.sub(r'\g<0> tabindex="0"', html)


def on_post_page(output: str, **_: Any) -> str:
    """Name the search."""
    return output.replace('role="dialog"', 'role="dialog" aria-label="Search"')


on_post_template = on_post_page
"""The page for wrong addresses is made of a template alone."""
