"""Lessons are Markdown with a few blocks of their own.

    :::guess QUESTION          a guess before the answer: options `- ( ) text`, the right one
    ...                        `- (x) text`, and below them the answer
    :::

    :::remember                the one thing to remember
    :::deeper TITLE            folded away

`[[name]]` is a part made by the lesson's Python, `$...$` a formula.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from markdown import Extension, Markdown
from markdown.inlinepatterns import InlineProcessor

from xent.learn.mathml import mathml

FORMULA = r"(?<![\\$\w])\$(?![\s$])((?:[^$\\\n]|\\.|\n(?!\n))+?)(?<!\s)\$(?![\w$])"
INLINE = rf"(\(?){FORMULA}([.,;:?!)]*)"
ABOVE_ESCAPES = 185
"""Priority: after code, whose dollars are none of ours, and before backslashes are eaten."""
BLOCK = re.compile(r"^:::(\w+) ?(.*)\n((?:.*\n)*?):::$", re.MULTILINE)
OPTION = re.compile(r"^- \((x| )\) (.*)\n", re.MULTILINE)
PART = re.compile(r"(<p>)?\[\[([\w-]+)\]\](?(1)</p>|)")


class Mathematics(Extension):  # type: ignore[misc]
    """Python-Markdown extension for `$...$`."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - its name
        """Add the pattern, and let a backslash escape what it escapes elsewhere."""
        md.inlinePatterns.register(_Dollars(INLINE, md), "dollars", ABOVE_ESCAPES)
        md.ESCAPED_CHARS.extend("$&<|~")


class _Dollars(InlineProcessor):  # type: ignore[misc]
    def handleMatch(self, m: re.Match[str], data: str) -> Any:  # noqa: ARG002, N802 - its name
        before, formula, after = m.groups()
        made = mathml(formula)
        if before or after:  # a line would break between a formula and a full stop
            made = f'<span style="white-space:nowrap">{before}{made}{after}</span>'
        return self.md.htmlStash.store(made), m.start(0), m.end(0)


def rendered(text: str, parts: Mapping[str, str]) -> str:
    """A lesson as HTML.

    Parameters
    ----------
    text : str
        Its Markdown.
    parts : mapping
        HTML by name.

    Returns
    -------
    str
        The HTML.

    Examples
    --------
    >>> from xent.learn.markdown import rendered
    >>> rendered("It is **[[n]]**.", {"n": "<span>4</span>"})
    '<p>It is <strong><span>4</span></strong>.</p>'
    """
    markdown = Markdown(extensions=["md_in_html", "tables", "attr_list", Mathematics()])
    made = str(markdown.convert(BLOCK.sub(_block, text)))
    missing = set(parts) - {found[1] for found in PART.findall(made)}
    if missing:
        msg = f"the lesson does not show {', '.join(sorted(missing))}."
        raise ValueError(msg)
    return PART.sub(lambda match: parts[match[2]], made)


def _block(match: re.Match[str]) -> str:
    kind, title, body = match.groups()
    if kind == "guess":
        options = "".join(
            f'<button type="button" data-guess="{"right" if mark == "x" else "wrong"}">'
            f"{told}</button>"
            for mark, told in OPTION.findall(body)
        )
        answer = OPTION.sub("", body).strip()
        return (
            f'<div class="guess" markdown="1">\n**A guess first.** {title}\n\n'
            f'<div class="options" markdown="span">{options}</div>\n\n'
            f'<details markdown="1"><summary>The answer</summary>\n\n{answer}\n\n</details>\n</div>'
        )
    if kind == "deeper":
        head = f'<details class="deeper" markdown="1"><summary>Dig deeper: {title}</summary>'
        return f"{head}\n\n{body}\n</details>"
    if kind == "remember":
        return f'<div class="remember" markdown="1">\n**Remember.** {body.strip()}\n</div>'
    msg = f"no block is named {kind!r}; there are guess, remember and deeper."
    raise ValueError(msg)
