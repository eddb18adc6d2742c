"""MkDocs hook: the lessons of the course as static pages, as `xent learn` shows them at first."""

from __future__ import annotations

import re
from typing import Any

from mkdocs.structure.files import File

from xent.learn import COURSE, Lesson
from xent.learn.static import fragment, linked

HEADING = re.compile(r"<(h[12]) id=[^>]*>(.*?)</\1>")
LIVE = "On this page nothing moves. The live lesson, on your own machine: `xent learn {}`"


def on_files(files: Any, config: Any) -> Any:
    """Add a page for each lesson."""
    for lesson in COURSE:
        files.append(File.generated(config, f"course/{lesson.name}.md", content=page(lesson)))
    return files


def page(lesson: Lesson) -> str:
    """A lesson as Markdown: its headings, and HTML between them."""
    text = HEADING.sub(_heading, linked(fragment(lesson), ".html"))
    title, rest = text.lstrip().split("\n", 1)
    return f"{title}\n\n*{LIVE.format(lesson.name)}*\n\n{rest}"


def _heading(match: re.Match[str]) -> str:
    level = int(match[1][1])
    return f"\n\n{'#' * level} {match[2]}\n\n"
