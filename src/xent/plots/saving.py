"""Figures as files and as inline SVG: the same bytes each time, with text kept as text."""

from __future__ import annotations

import html
import re
import warnings
from collections.abc import Iterable
from io import BytesIO, StringIO
from typing import Any, cast

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from xent._report.roles import COLOURS, colour, variables
from xent.plots.style import GROUNDS, SIZE, description, settings

LARGEST = 100 * 10**6
"""The most pixels of a PNG: more take gigabytes of memory, and many programs refuse them."""

INK = "#010203"
"""Stands for the colour of the page's text while a picture is drawn."""

DRAWN = ("true", "loss", "pull", "push", "other")
"""The roles whose colours are used in pictures."""


def new_figure(size: tuple[float, float] = SIZE, rows: int = 1, columns: int = 1) -> Any:
    """A figure that is not shown in a window, and its Axes in a flat list."""
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def check_pixels(wide: float, high: float, dpi: float) -> None:
    """Check that a PNG of this size is one that programs can open."""
    across, down = round(wide * dpi), round(high * dpi)
    if across * down > LARGEST:
        msg = (
            f"--size {wide:g},{high:g} at --dpi {dpi:g} makes a PNG of {across} x {down} pixels; "
            f"expected at most {LARGEST // 10**6} million: reduce either, or write an SVG."
        )
        raise ValueError(msg)


def fits(figure: Figure) -> bool:
    """Do titles and labels leave room for the picture itself?"""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figure.draw_without_rendering()
    return not any("collapsed" in str(warning.message) for warning in caught)


def encoded(figure: Figure, form: str, title: str, told: str, *, dpi: float) -> tuple[bytes, bool]:
    """A figure as a PNG, SVG or PDF file, with a description in words.

    Also whether the font has all its characters. An SVG uses the reader's fonts.
    """
    file = BytesIO()
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", "Glyph ")
        if form == "svg":
            file.write(svg(figure, title, told).encode())
        else:
            is_pdf = form == "pdf"
            about = {"Subject": told, "CreationDate": None} if is_pdf else {"Description": told}
            figure.savefig(file, format=form, dpi=dpi, metadata={"Title": title, **about})
    whole = not any(str(warning.message).startswith("Glyph ") for warning in caught)
    return file.getvalue(), whole


def words(axes: Iterable[Axes]) -> tuple[str, str]:
    """Title and description of a figure: those of its Axes, without repetition."""
    title = "; ".join(ax.get_title() for ax in axes)
    return title, " ".join(dict.fromkeys(description(ax) for ax in axes))


def svg(figure: Figure, title: str, told: str) -> str:
    """A figure as an SVG document that screen readers can read aloud."""
    head = f"<title>{html.escape(title)}</title>\n<desc>{html.escape(told)}</desc>\n"
    head = head.replace("\\", r"\\")  # escaped for re.sub
    return re.sub(r"(<svg [^>]*)>\n", rf'\1 role="img">\n{head}', _drawn(figure), count=1)


def page_ink() -> Any:
    """Settings for a picture in the colours of its page, to be made by `themed` or `inline`."""
    return mpl.rc_context(cast(Any, settings(INK, "none")))


def themed(figure: Figure, title: str, told: str) -> str:
    """A figure drawn with `page_ink`, as an SVG document that is light or dark like the screen."""
    body = svg(figure, title, told)
    for role in DRAWN:
        body = body.replace(COLOURS[role][0], colour(role))
    light, dark = (
        f":root {{ color: {GROUNDS[d][0]}; {variables(dark=d)} }}" for d in (False, True)
    )
    theme = (
        f"<style>:root {{ color-scheme: light dark }} {light} "
        f"@media (prefers-color-scheme: dark) {{ {dark} }}</style>\n"
    )
    return body.replace(INK, "currentColor").replace("</desc>\n", f"</desc>\n{theme}", 1)


def inline(figure: Figure, title: str, told: str, prefix: str) -> str:
    """A figure drawn with `page_ink` as an SVG element of a page; see `inlined`."""
    return inlined(themed(figure, title, told), prefix)


def inlined(document: str, prefix: str) -> str:
    """What `themed` made, as an element of a page and in the page's colours.

    The page sets `--xent-` variables for its theme. Ids in the element begin with the prefix.
    """
    body = document[document.index("<svg ") :]
    width, height = re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', body)[0]
    head = (
        f'<svg viewBox="0 0 {width} {height}" role="img" '
        f'aria-labelledby="{prefix}-title {prefix}-desc" '
        f'style="width:100%;max-width:{float(width):.0f}px;height:auto;'
        'stroke-linejoin:round;stroke-linecap:butt">\n'
    )
    body = body[body.index(">") + 1 :].lstrip()
    body = re.sub(r"(?s)<defs>\s*<style.*?</style>\s*</defs>\s*", "", body)
    body = re.sub(r"<style>.*?</style>\n", "", body)
    body = re.sub(r"(?m)^ *<!--.*?-->\n", "", body).replace("xlink:href", "href")
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', body))
    body = re.sub(r' id="([^"]+)"', lambda m: m[0] if m[1] in used else "", body)
    body = body.replace(' id="', f' id="{prefix}-')
    body = re.sub(r'(href="|url\()#', rf"\1#{prefix}-", body)
    for name in ("title", "desc"):
        body = body.replace(f"<{name}>", f'<{name} id="{prefix}-{name}">', 1)
    return head + body.rstrip()


def _drawn(figure: Figure) -> str:
    file = StringIO()
    with warnings.catch_warnings():
        # Text stays text, and the reader's fonts may have the characters that matplotlib's lack.
        warnings.filterwarnings("ignore", "Glyph ")
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    body = re.sub(r"(?s) *<metadata>.*?</metadata>\n", "", file.getvalue())
    return re.sub(r"[ \t]+\n", "\n", body)
