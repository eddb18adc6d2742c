"""MkDocs hook: pictures made by `xent.plots` become part of the page, and take its colours.

So they follow the page's theme when it is switched, and their text can be selected and read aloud.
Elsewhere (on code hosts) the same files are images that follow the system's theme.
"""

from __future__ import annotations

import re
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Any

from xent._report.roles import variables
from xent.plots.saving import inlined

IMAGE = re.compile(r'<img [^>]*src="([^":#]+\.svg)(#wide)?"[^>]*>')
"""Pictures of several frames are marked by #wide: on a phone they scroll in a box of their own."""

THEMES = (
    f"<style>:root {{ {variables(dark=False)} }} "
    f'[data-md-color-scheme="slate"] {{ {variables(dark=True)} }}</style>\n</head>'
)


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Put the file of each picture in its place, and the colours of both themes into the head."""
    used = set()

    def element(match: re.Match[str]) -> str:
        path = normpath(join(dirname(page.url), match[1]))
        used.add(path)
        svg = inlined((Path(config.docs_dir) / path).read_text("utf-8"), f"picture{len(used)}")
        plain = 'class="picture"'
        wide = 'class="picture wide" tabindex="0"'  # the arrow keys scroll what has the focus
        return f"<span {wide if match[2] else plain}>{svg}</span>"

    output = IMAGE.sub(element, output)
    return output.replace("</head>", THEMES, 1) if "var(--xent-" in output else output
