"""The lessons as pages: each works from a server, from a file, and inside the documentation."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

from xent._live.page import style
from xent._report import page as shell
from xent._report.files import write_file
from xent._report.page import THEME
from xent.learn import COURSE, Lesson
from xent.learn.markdown import rendered
from xent.learn.mathml import STYLE as MATH_STYLE

FONT = base64.b64encode((files("xent.learn") / "math.woff").read_bytes()).decode()
"""Few systems have a font with mathematical metrics (`site_hooks/math_font.py`)."""

STYLE = f"""
@font-face {{ font-family: "xent math"; src: url(data:font/woff;base64,{FONT}) format("woff") }}
math {{ font-family: "xent math", math, serif }}
{THEME}
body {{ font: 1.05rem/1.55 system-ui, sans-serif; overflow-wrap: anywhere }}
body {{ max-width: 60rem; margin: 0 auto; padding: 0 .8rem 2rem }}
p, ul, ol, .guess, .remember {{ max-width: 46rem }}
h1 {{ line-height: 1.2; margin: .5rem 0 }}
nav {{ display: flex; flex-wrap: wrap; gap: .3rem 1rem; margin: .8rem 0 }}
nav a, li a {{ display: inline-block; min-height: 24px }}
a {{ color: inherit }} td, th {{ text-align: left; padding: .15rem .8rem .15rem 0 }}
{MATH_STYLE}"""


def fragment(lesson: Lesson, state: Mapping[str, Any] | None = None) -> str:
    """A lesson as HTML, with its style and its code, to be put into any page.

    Parameters
    ----------
    lesson : Lesson
        Which one.
    state : mapping, optional
        Where its controls stand, if not as they do at first.

    Returns
    -------
    str
        One element.

    Examples
    --------
    >>> from xent import learn
    >>> from xent.learn.pages import fragment
    >>> fragment(learn.lesson("score")).count("<script>")
    1
    """
    made = module(lesson)
    live, parts = made.build({**made.STATE, **(state or {})})
    text = (files("xent.learn.lessons") / f"{lesson.name}.md").read_text("utf-8")
    body = rendered(text, parts)
    return (
        f'<style>{style()}</style>\n<div class="xent-live" id="lesson">\n{body}\n</div>\n'
        f"<script>\n{{\n{live.script()}\n}}\n</script>\n"
    )


def module(lesson: Lesson) -> Any:
    """The lesson's module."""
    return import_module(f"xent.learn.lessons.{lesson.name}")


def page(lesson: Lesson, state: Mapping[str, Any] | None = None) -> str:
    """A lesson as a page of its own, with links to the ones before and after."""
    number = COURSE.index(lesson)
    links = ['<a href="index.html">All lessons</a>']
    if number:
        before = COURSE[number - 1]
        links.append(f'<a href="{before.name}.html">← {html.escape(before.title)}</a>')
    if number + 1 < len(COURSE):
        after = COURSE[number + 1]
        links.append(f'<a href="{after.name}.html">{html.escape(after.title)} →</a>')
    around = f"<nav>{''.join(links)}</nav>"
    heading = f"<h1>{html.escape(lesson.title)}</h1>"
    return shell(lesson.title, f"{around}\n{heading}\n{fragment(lesson, state)}\n{around}", STYLE)


def contents() -> str:
    """The page that lists the lessons."""
    items = "".join(
        f'<li><a href="{each.name}.html">{html.escape(each.title)}</a><br>'
        f"{html.escape(each.about)}</li>"
        for each in COURSE
    )
    body = (
        "<h1>Cross-entropy, live</h1>\n<p>Move a slider or drag a point, and every number, curve "
        "and formula that depends on it follows. Nothing leaves this machine.</p>\n"
        f"<ol>{items}</ol>"
    )
    return shell("xent: the course", body, STYLE)


def write(folder: Path, lessons: Iterable[Lesson] = COURSE) -> Iterator[Path]:
    """Write pages into a folder, with a table of contents, and give their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for each in lessons:
        path = folder / f"{each.name}.html"
        write_file(path, page(each))
        yield path
    path = folder / "index.html"
    write_file(path, contents())
    yield path
