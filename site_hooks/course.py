"""MkDocs hook: the lessons of the course, as `xent learn` shows them."""

from __future__ import annotations

import re
from typing import Any

from mkdocs.structure.files import File

from xent.learn import COURSE, Lesson
from xent.learn.pages import fragment

CODE = re.compile(r"<pre.*?</pre>", re.DOTALL)


def on_files(files: Any, config: Any) -> Any:
    """Add a page for each lesson."""
    for lesson in COURSE:
        files.append(File.generated(config, f"course/{lesson.name}.md", content=page(lesson)))
    return files


def page(lesson: Lesson) -> str:
    """A lesson as Markdown: its heading, and HTML below it that Markdown leaves alone.

    Blank lines would end it; those of code are kept by an empty element.
    """
    made = CODE.sub(lambda found: found[0].replace("\n\n", "\n<span></span>\n"), fragment(lesson))
    body = "\n".join(line for line in made.splitlines() if line.strip())
    return f'# {lesson.title}\n\n<div class="no-copy">\n{body}\n</div>\n'
