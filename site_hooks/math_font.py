"""A font with mathematical metrics, cut down to the signs in use: few systems have one.

    python site_hooks/math_font.py

writes that of the lessons as pages of their own; the site makes its own when it is built.
"""

from __future__ import annotations

import io
import re
import sys
import unicodedata
from importlib.resources import as_file, files
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

from xent.learn import COURSE, pages

FILE = Path(pages.__file__).parent / "math.woff"
ITALICS = {
    unicodedata.normalize("NFKC", character): character
    for character in map(chr, [0x210E, *range(0x1D434, 0x1D468), *range(0x1D6FC, 0x1D71C)])
    if unicodedata.name(character, "")
}
"""Browsers show a variable of one letter by these."""


def signs(made: str) -> set[str]:
    """The signs that a browser shows for the formulas in a page."""
    formulas = " ".join(re.findall(r"<math.*?</math>", made, re.DOTALL))
    plain = set(re.sub(r"<[^>]*>", "", formulas))
    return plain | {ITALICS[each] for each in plain if each in ITALICS}


def cut(used: set[str]) -> bytes:
    """STIX Two Math with these signs, digits and brackets alone, as WOFF."""
    options = subset.Options()
    options.name_IDs = ["*"]  # among them the licence, SIL OFL 1.1
    subsetter = subset.Subsetter(options)
    subsetter.populate(text="".join(sorted(used)) + "0123456789()[]{}|")
    made = io.BytesIO()
    with (
        as_file(files("ziamath.fonts") / "STIXTwoMath-Regular.ttf") as path,
        TTFont(path, recalcTimestamp=False) as font,
    ):
        subsetter.subset(font)
        font.flavor = "woff"
        font.save(made)
    return made.getvalue()


def of_lessons() -> set[str]:
    """The signs of all lessons."""
    return set.union(*(signs(pages.fragment(lesson)) for lesson in COURSE))


if __name__ == "__main__":
    FILE.write_bytes(cut(of_lessons()))
    sys.stdout.write(f"{FILE.name}: {FILE.stat().st_size} bytes\n")
