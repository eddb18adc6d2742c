"""MkDocs hook: formulas become MathML when the site is built, and need no script to be read.

`$...$` within a line, and blocks fenced as `math`: both are what code hosts typeset, too. Few
systems have a font with mathematical metrics, so the site brings one, cut down to its signs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from math_font import cut, signs
from mkdocs.plugins import event_priority

from xent.learn.markdown import Mathematics
from xent.learn.mathml import mathml

_used: set[str] = set()


def fenced(source: str, *_: Any, **__: Any) -> str:
    """A fenced block of mathematics, in a box that scrolls if it is too wide."""
    return f'<div class="formula">{mathml(source, block=True)}</div>'


@event_priority(100)  # before mkdocstrings copies the extensions
def on_config(config: Any) -> Any:
    """Add both forms to whatever Markdown is configured."""
    config.markdown_extensions.append(Mathematics())
    fences = config.mdx_configs.setdefault("pymdownx.superfences", {})
    fence = {"name": "math", "class": "formula", "format": fenced}
    fences.setdefault("custom_fences", []).append(fence)
    return config


def on_post_page(output: str, **_: Any) -> None:
    """Collect the signs of its formulas."""
    _used.update(signs(output))


def on_post_build(config: Any) -> None:
    """Write the font, with the signs that formulas of this build hold."""
    (Path(config.site_dir) / "assets" / "math.woff").write_bytes(cut(_used))
