"""MkDocs hook: what keyboards, screen readers and small screens need, and the theme leaves out."""

from __future__ import annotations

import re
from typing import Any

SCROLLED = re.compile(r'<(?:table|\w+ class="formula")(?=>)')
"""What scrolls where it is wider than the screen."""

LOST = "There is no page at this address. Search for it above, or choose a tab."

NAME = re.compile(r'(?<=<span class="doc doc-object-name )([\w-]+">)([\w.]+)')
"""The name of an object, as a heading."""


def on_page_content(html: str, **_: Any) -> str:
    """Let it take the focus: then the arrow keys scroll it."""
    return SCROLLED.sub(r'\g<0> tabindex="0"', html)


def on_post_page(output: str, **_: Any) -> str:
    """Name the search, and let long names break between their words."""
    output = NAME.sub(_breaking, output)
    return output.replace('role="dialog"', 'role="dialog" aria-label="Search"')


def on_post_template(output: str, template_name: str, **_: Any) -> str:
    """Name it on the page for wrong addresses too, and say there what to do."""
    if template_name == "404.html":
        output = output.replace("</h1>", f"</h1>\n<p>{LOST}</p>", 1)
    return on_post_page(output)


def _breaking(name: re.Match[str]) -> str:
    return name[1] + re.sub(r"(?<=\w)(?=[._])", "<wbr>", name[2])
