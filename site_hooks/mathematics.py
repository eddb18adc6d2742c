"""MkDocs hook: formulas become MathML when the site is built, and need no script to be read.

`$...$` within a line, and blocks fenced as `math`: both are what code hosts typeset, too. Few
systems have a font with mathematical metrics, so the site brings one, cut down to its signs.
"""

from __future__ import annotations

import re
import unicodedata
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from fontTools import subset
from fontTools.ttLib import TTFont
from mkdocs.plugins import event_priority

from xent.learn.markdown import Mathematics
from xent.learn.mathml import mathml

ITALICS = [
    character
    for character in map(chr, [0x210E, *range(0x1D434, 0x1D468), *range(0x1D6FC, 0x1D71C)])
    if unicodedata.name(character, "")
]
"""Browsers show a variable of one letter by these."""

_used: set[str] = set()


def typeset(tex: str, *, block: bool = False) -> str:
    """A formula as MathML; its signs go into the font."""
    made = mathml(tex, block=block)
    _used.update(re.sub(r"<[^>]*>", "", made))
    return made


def fenced(source: str, *_: Any, **__: Any) -> str:
    """A fenced block of mathematics, in a box that scrolls if it is too wide."""
    return f'<div class="formula">{typeset(source, block=True)}</div>'


@event_priority(100)  # before mkdocstrings copies the extensions
def on_config(config: Any) -> Any:
    """Add both forms to whatever Markdown is configured."""
    config.markdown_extensions.append(Mathematics(typeset))
    fences = config.mdx_configs.setdefault("pymdownx.superfences", {})
    fence = {"name": "math", "class": "formula", "format": fenced}
    fences.setdefault("custom_fences", []).append(fence)
    return config


def on_post_build(config: Any) -> None:
    """Write the font, with the signs that formulas of this build hold."""
    options = subset.Options()
    options.name_IDs = ["*"]  # among them the licence, SIL OFL 1.1
    options.flavor = "woff"
    subsetter = subset.Subsetter(options)
    subsetter.populate(text="".join(_used) + "".join(ITALICS) + "0123456789()[]{}|")
    with as_file(files("ziamath.fonts") / "STIXTwoMath-Regular.ttf") as path, TTFont(path) as font:
        subsetter.subset(font)
        font.flavor = "woff"
        font.save(Path(config.site_dir) / "assets" / "math.woff")
