"""MkDocs hook: what keyboards, screen readers and small screens need, and the theme leaves out."""

from __future__ import annotations

import re
from typing import Any

SCROLLED = re.compile(r'<(?:table|\w+ class="formula")(?=>)')
"""What scrolls where it is wider than the screen."""

LOST = "There is no page at this address. Search for it above, or choose a page from the menu."

NAME = re.compile(r'(?<=<span class="doc doc-object-name )([\w-]+">)([\w.]+)')
"""The name of an object, as a heading."""

ARTICLE = re.compile(r"(<article\b[^>]*>)(.*)(</article>)", re.DOTALL)
PIECE = re.compile(r"<(/?)(\w+)[^>]*>|<!--.*?-->|[^<]+", re.DOTALL)
"""A tag, a comment or a text."""
KEPT = {"math", "pre", "script", "style", "svg", "textarea"}
"""Elements whose text has lines of its own."""

PARTS = re.compile(r"(?<=\w)(?=[._])|(?<=[/:])(?=\w)")
"""Where a name may break: before a dot or an underscore, and after a slash or a colon."""
LONGEST, WHOLE = 20, 36
"""Characters that fit on a line of a table and of a text, both on a phone."""
TIMES = re.compile(r"(?<=\w) ([×·]) (?=\w)")
UNIT = re.compile(
    r"(?<=\d) (?=(?:ns|µs|ms|s|[kMG]i?B|ULP|nats?|bits?|%)(?!\w))"
    r"|(?<=\blabel) (?=\d\b)|(?<=\d) (?=to \d[\d.]*\))"
)
"""A blank between a number and what belongs to it."""
HYPHEN = re.compile(r"\b\d[\d.]*e[-+]\d+\b|(?<![\w)-])-inf\b")
"""A number like 1e-17, which would break after its hyphen."""
TITLE = re.compile(r'(?<=<span class="md-ellipsis">)(\s*(?:<code[^>]*></code>&nbsp;)?)([^<]+)')
"""The title of a heading in the table of contents."""
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
SPACES = (re.compile(r"\(\s+(?=<code>)"), re.compile(r"(?<=</code>)\s+(?=\))"))
"""What stands between parentheses and a type in a list of parameters."""


def on_page_content(html: str, **_: Any) -> str:
    """Let it take the focus: then the arrow keys scroll it."""
    return SCROLLED.sub(r'\g<0> tabindex="0"', html)


def on_post_page(output: str, **_: Any) -> str:
    """Name the search, and let long names break between their words and nowhere else."""
    output = NAME.sub(lambda name: name[1] + PARTS.sub("<wbr>", name[2]), output)
    output = TITLE.sub(_title, output)
    output = ARTICLE.sub(lambda found: found[1] + _text(found[2]) + found[3], output)
    return output.replace('role="dialog"', 'role="dialog" aria-label="Search"')


def on_post_template(output: str, template_name: str, **_: Any) -> str:
    """Name it on the page for wrong addresses too, and say there what to do."""
    if template_name == "404.html":
        output = output.replace("</h1>", f"</h1>\n<p>{LOST}</p>", 1)
    return on_post_page(output)


def _title(title: re.Match[str]) -> str:
    return title[1] + CAMEL.sub("<wbr>", PARTS.sub("<wbr>", title[2]))


def _text(html: str) -> str:
    """The article, with places where its text may and may not break."""
    opening, closing = SPACES
    html = closing.sub("", opening.sub("(", html))
    inside: list[str] = []

    def broken(piece: re.Match[str]) -> str:
        if name := piece[2]:
            if piece[1] and inside and inside[-1] == name:
                inside.pop()
            elif not piece[1] and name in {*KEPT, "code"} and not piece[0].endswith("/>"):
                inside.append(name)
            return piece[0]
        if KEPT.intersection(inside) or piece[0].startswith("<!--"):
            return piece[0]
        return _code(piece[0]) if inside else _prose(piece[0])

    return PIECE.sub(broken, html)


def _prose(text: str) -> str:
    """A factor, a unit or an exponent stays on the line of its number."""
    text = UNIT.sub("&nbsp;", TIMES.sub(r"&nbsp;\1&nbsp;", text))
    return HYPHEN.sub(r'<span class="whole">\g<0></span>', text)


def _code(text: str) -> str:
    """Options stay whole, and so does a name for which a line has room."""

    def whole(part: str) -> str:
        odd = (part[0] == "-" or re.search(r"[-\[({/]", part[1:])) and len(part) <= LONGEST
        return f'<span class="whole">{part}</span>' if odd else part

    def name(word: str) -> str:
        if len(word) <= LONGEST:
            return whole(word)
        kind = "name" if len(word) <= WHOLE else "long"
        return f'<span class="{kind}">{"<wbr>".join(map(whole, PARTS.split(word)))}</span>'

    return re.sub(r"\S+", lambda word: name(word[0]), text)
