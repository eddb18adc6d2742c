"""Lessons as static pages: a notebook's first outputs, without server, scripts or network."""

from __future__ import annotations

import html
import json
import re
import runpy
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import marimo as mo

from xent._report import page as shell
from xent._report.files import write_file
from xent._report.page import THEME
from xent._report.roles import colour
from xent.learn import COURSE, Lesson
from xent.learn.mathml import STYLE as MATH_STYLE
from xent.learn.mathml import mathml

STYLE = f"""
{THEME}
body {{ font: 1rem/1.55 system-ui, sans-serif }}
main {{ max-width: 56rem; margin: 2rem auto; padding: 0 0.5rem }}
pre {{ overflow-x: auto; padding: 0.8rem; background: #8881 }}
.formula {{ display: block; overflow-x: auto; overflow-y: hidden }}
.control {{ border-left: 3px solid {colour("push")}; padding-left: 0.8rem }}
{MATH_STYLE}"""
TEX = re.compile(r"\|\|([(\[])(.*)\|\|[)\]]", re.DOTALL)
SPANS = {"markdown": ("", ""), "paragraph": ("<p>", "</p>")}
"""Spans that marimo's style sheet turns into other elements, by class."""
HIDDEN = "marimo-ui-element"
"""The element around every control; it shows nothing itself."""


def fragment(lesson: Lesson) -> str:
    """The outputs of a lesson as HTML.

    Parameters
    ----------
    lesson : Lesson
        Which one; it is run.

    Returns
    -------
    str
        Headings, text, tables, pictures and formulas; controls are described in words.
    """
    parts = []
    outputs, _ = runpy.run_path(str(lesson.path), run_name=f"lesson_{lesson.name}")["app"].run()
    for output in outputs:
        if output is None:  # a cell that shows nothing
            continue
        writer = _Writer()
        writer.feed(mo.as_html(output).text)
        writer.close()
        parts.append("".join(writer.parts))
    return "\n".join(parts)


def page(lesson: Lesson) -> str:
    """A lesson as a page of its own; links lead to the other lessons' files."""
    return _page(lesson.title, linked(fragment(lesson), ".html"))


def linked(fragment: str, suffix: str) -> str:
    """The fragment with links to the files of the other lessons."""
    fragment = re.sub(r'href="\.\./(\w+)/"', rf'href="\1{suffix}"', fragment)
    return fragment.replace('href="../"', f'href="index{suffix}"')


def write(folder: Path, lessons: Iterable[Lesson] = COURSE) -> Iterator[Path]:
    """Write pages into a folder, with a table of contents, and give their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for each in lessons:
        path = folder / f"{each.name}.html"
        write_file(path, page(each))
        yield path
    items = "".join(
        f'<li><a href="{each.name}.html">{html.escape(each.title)}</a>: '
        f"{html.escape(each.about)}</li>"
        for each in COURSE
    )
    path = folder / "index.html"
    write_file(path, _page("Cross-entropy", f"<h1>Cross-entropy</h1><ol>{items}</ol>"))
    yield path


def _page(title: str, body: str) -> str:
    return shell(title, body, STYLE)


class _Writer(HTMLParser):
    """Copies HTML, with marimo's own elements replaced by what any browser shows."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.parts: list[str] = []
        self.formula: list[str] | None = None
        self.spans: list[str] = []
        """The closing tags of the open spans."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        opening = self.get_starttag_text() or ""
        if tag == "marimo-tex":
            self.formula = []
            opening = ""
        elif tag.startswith("marimo-"):
            opening = "" if tag == HIDDEN else _control(tag, dict(attrs))
        elif tag == "span":
            kind = (dict(attrs).get("class") or "").split(" ")[0]
            opening, closing = SPANS.get(kind, (opening, "</span>"))
            self.spans.append(closing)
        self.parts.append(opening)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.parts.append(self.get_starttag_text() or "")  # within a picture

    def handle_endtag(self, tag: str) -> None:
        if tag == "marimo-tex":
            found = TEX.match(html.unescape("".join(self.formula or [])).strip())
            if found and found[1] == "[":  # a wide formula scrolls in a box of its own
                self.parts.append(f'<span class="formula">{mathml(found[2], block=True)}</span>')
            elif found:
                self.parts.append(mathml(found[2]))
            self.formula = None
        elif tag == "span":
            self.parts.append(self.spans.pop())
        elif not tag.startswith("marimo-"):
            self.parts.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        (self.parts if self.formula is None else self.formula).append(data)

    def handle_entityref(self, name: str) -> None:
        self.handle_data(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.handle_data(f"&#{name};")


def _control(tag: str, attributes: dict[str, str | None]) -> str:
    """A control in words: its name, and the value it has on this page."""

    def read(name: str) -> Any:
        text = attributes.get(f"data-{name}")
        return None if text is None else json.loads(text)

    label = re.sub(r"<[^>]+>", "", read("label") or "")
    value = read("initial-value")
    kind = tag.removeprefix("marimo-")
    if kind == "slider":
        first, last = read("start"), read("stop")
        if steps := read("steps"):  # then the value is the number of its step
            value, first, last = steps[int(value)], steps[0], steps[-1]
        span = f"from {first:g} to {last:g}"
        said = f"{label}: <b>{value:g}</b> <small>(a slider {span})</small>"
    elif kind == "dropdown":
        options = read("options")
        others = ", ".join(map(str, options))
        several = f"of {html.escape(others)}" if len(others) <= 80 else f"one of {len(options)}"
        said = f"{label}: <b>{html.escape(str(value[0]))}</b> <small>({several})</small>"
    elif kind == "button":
        said = f"<small>[a button: {label}]</small>"
    elif kind == "anywidget":
        said = "<small>(In the live lesson: points and a boundary to drag.)</small>"
    else:
        msg = f"no static form of <{tag}> is known."
        raise ValueError(msg)
    return f'<p class="control">{said}</p>'
