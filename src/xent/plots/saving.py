"""Figures as files and as inline SVG: the same bytes each time, with text kept as text."""

from __future__ import annotations

import html
import re
import warnings
from io import BytesIO, StringIO
from typing import Any, cast

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from xent.plots.colours import OTHER, PULL, PUSH, TRUE
from xent.plots.style import SIZE, settings

LARGEST = 100 * 10**6
"""Pixels of a PNG; more take gigabytes of memory, and many programs refuse them."""

INK = "#010203"
"""Stands for the colour of the page's text while a picture is drawn."""


def new_figure(size: tuple[float, float] = SIZE, rows: int = 1, columns: int = 1) -> Any:
    """A figure that is not shown in a window, and its Axes in a flat list."""
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def check_pixels(wide: float, high: float, dpi: float) -> None:
    """A PNG of these inches is one that programs can open."""
    across, down = round(wide * dpi), round(high * dpi)
    if across * down > LARGEST:
        msg = (
            f"--size {wide:g},{high:g} at --dpi {dpi:g} makes a PNG of {across} x {down} pixels; "
            f"expected at most {LARGEST // 10**6} million: give less of either, or write an SVG."
        )
        raise ValueError(msg)


def fits(figure: Figure) -> bool:
    """Do titles and labels leave room for the picture itself?"""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figure.draw_without_rendering()
    return not any("collapsed" in str(warning.message) for warning in caught)


def encoded(figure: Figure, form: str, title: str, told: str, *, dpi: float) -> tuple[bytes, bool]:
    """A figure as a PNG, SVG or PDF file that says in words what it shows.

    Also whether the font has all its characters. An SVG takes them from the reader's fonts.
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


def svg(figure: Figure, title: str, told: str) -> str:
    """A figure as an SVG document that screen readers can read aloud."""
    body = _drawn(figure)
    words = f"<title>{html.escape(title)}</title>\n<desc>{html.escape(told)}</desc>\n"
    words = words.replace("\\", r"\\")  # as re.sub reads them
    return re.sub(r"(<svg [^>]*)>\n", rf'\1 role="img">\n{words}', body, count=1)


def inline(figure: Figure, title: str, told: str, prefix: str) -> str:
    """A figure as an SVG element for a page, with names of its own and the page's colours."""
    body = _drawn(figure)
    body = body[body.index("<svg ") :]
    width, height = re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', body)[0]
    head = (
        f'<svg viewBox="0 0 {width} {height}" role="img" '
        f'aria-labelledby="{prefix}-title {prefix}-desc" '
        f'style="width:100%;max-width:{float(width):.0f}px;height:auto;'
        'stroke-linejoin:round;stroke-linecap:butt">\n'
        f'<title id="{prefix}-title">{html.escape(title)}</title>\n'
        f'<desc id="{prefix}-desc">{html.escape(told)}</desc>\n'
    )
    body = body[body.index(">") + 1 :].lstrip()
    body = re.sub(r"(?s)<defs>\s*<style.*?</style>\s*</defs>\s*", "", body)
    body = re.sub(r"(?m)^ *<!--.*?-->\n", "", body).replace("xlink:href", "href")
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', body))
    body = re.sub(r' id="([^"]+)"', lambda m: m[0] if m[1] in used else "", body)
    body = body.replace(' id="', f' id="{prefix}-')
    body = re.sub(r'(href="|url\()#', rf"\1#{prefix}-", body)
    for role, shade in (("true", TRUE), ("other", OTHER), ("pull", PULL), ("push", PUSH)):
        body = body.replace(shade, f"var(--xent-{role},{shade})")
    return head + body.replace(INK, "currentColor")


def page_ink() -> Any:
    """Settings for a picture in the text colour and on the background of its page."""
    return mpl.rc_context(cast(Any, settings(INK, "none")))


def _drawn(figure: Figure) -> str:
    file = StringIO()
    with warnings.catch_warnings():
        # Text stays text, and the reader's fonts may have the characters that matplotlib's lack.
        warnings.filterwarnings("ignore", "Glyph ")
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    body = re.sub(r"(?s) *<metadata>.*?</metadata>\n", "", file.getvalue())
    return re.sub(r"[ \t]+\n", "\n", body)
