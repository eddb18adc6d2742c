"""LaTeX formulas as MathML, which browsers typeset without script and without network."""

from __future__ import annotations

import re

from latex2mathml.converter import convert

STYLE = """
math { font-size: 1.1em }
math[display="block"] { display: block; margin: 0.6em 0; overflow-x: auto; overflow-y: hidden }
mtd[columnalign="right"] { text-align: right } mtd[columnalign="left"] { text-align: left }
"""
"""Browsers do not read MathML's own alignment of columns."""


def mathml(latex: str, *, block: bool = False) -> str:
    """A formula, in the line or on lines of its own.

    Parameters
    ----------
    latex : str
        The formula, without its dollar signs.
    block : bool, default False
        Whether it stands alone.

    Returns
    -------
    str
        A `<math>` element.

    Examples
    --------
    >>> from xent.learn.mathml import mathml
    >>> "<msub>" in mathml("p_1")
    True
    """
    latex = re.sub(r"(begin|end)\{aligned\}", r"\1{align*}", latex)
    latex = re.sub(r"\\(?:operatorname|mathrm)\{(\w+)\}", r"\\text{\1}", latex)
    return str(convert(latex, display="block" if block else "inline"))
