"""LaTeX formulas as MathML, which browsers typeset without scripts and without a network."""

from __future__ import annotations

import html
import re

from latex2mathml.converter import convert

STYLE = """
math { font-size: 1.1em }
math[display="block"] { display: block; margin: 0.6em 0 }
mtd[columnalign="right"] { text-align: right } mtd[columnalign="left"] { text-align: left }
"""
"""Browsers ignore MathML's own attributes for the alignment of columns."""

NAMED = r"<m[io]>(?:log|exp|log1p|tanh|max|min|softplus)</m[io]>"
BEFORE = re.compile(rf"(?<=</mi>|</mn>)(?={NAMED})|(?<=</msub>|</msup>|>\)</mo>)(?={NAMED})")
AFTER = re.compile(rf"((?<!<msub>){NAMED}|<msub>{NAMED}<m[in]>\w</m[in]></msub>)(?=<m(?!o))")
THIN = '<mspace width="0.17em"/>'
MENDED = (
    (re.compile(r"<mo>(max|min|∞)</mo>"), r"<mi>\1</mi>"),
    (re.compile(r'<mo( stretchy="false")?>\|</mo>'), r'<mo\1 lspace="0" rspace="0">|</mo>'),
    (re.compile(r"(<mo[^>]*>[(,=≈]</mo>)<mo>−</mo>"), r'\1<mo form="prefix">−</mo>'),
    (re.compile(r"<mo>/</mo>"), '<mo lspace="0" rspace="0">/</mo>'),
    (re.compile(r"<mi>&</mi>"), "<mi>&amp;</mi>"),
    (re.compile(r"<mo><</mo>"), "<mo>&lt;</mo>"),
)
"""Corrections: operators that must have no space around them, and characters to escape."""


def mathml(latex: str, *, block: bool = False) -> str:
    """A formula, inline or as a block.

    Parameters
    ----------
    latex : str
        The formula, without its dollar signs.
    block : bool, default False
        Whether it is a block of its own.

    Returns
    -------
    str
        A `<math>` element, with thin spaces around the names of functions.

    Examples
    --------
    >>> from xent.learn.mathml import mathml
    >>> "<msub>" in mathml("p_1")
    True
    """
    tex = re.sub(r"(begin|end)\{aligned\}", r"\1{align*}", latex.strip())
    tex = re.sub(r"\\(?:operatorname|mathrm)\{(\w+)\}", r"\\text{\1}", tex)
    made = str(convert(tex, display="block" if block else "inline"))
    made = re.sub(r"&#x([0-9A-F]+);", lambda match: chr(int(match[1], 16)), made)
    made = made.replace("\\%", "%")
    for pattern, mended in MENDED:
        made = pattern.sub(mended, made)
    spaced = AFTER.sub(rf"\1{THIN}", BEFORE.sub(THIN, made))
    # For screen readers that do not know MathML.
    return spaced.replace("<math ", f'<math alttext="{html.escape(latex.strip())}" ', 1)
