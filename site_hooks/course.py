"""MkDocs hook: the lessons of the course, as `xent learn` shows them."""

from __future__ import annotations

from typing import Any

from mkdocs.structure.files import File

from xent.learn import COURSE, Lesson
from xent.learn.pages import fragment


def on_files(files: Any, config: Any) -> Any:
    """Add a page for each lesson."""
    for lesson in COURSE:
        files.append(File.generated(config, f"course/{lesson.name}.md", content=page(lesson)))
    return files


def page(lesson: Lesson) -> str:
    """A lesson as Markdown: its heading, and HTML below it that Markdown leaves alone."""
    body = "\n".join(line for line in fragment(lesson).splitlines() if line.strip())
    return f"# {lesson.title}\n\n<div>\n{body}\n</div>\n"
