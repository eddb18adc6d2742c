"""Signs that an encoding lacks, in words or ASCII: sigma for σ, and never a question mark."""

from __future__ import annotations

import codecs
import unicodedata

WORDS = {
    "σ": "sigma",
    "Σ": "sum",
    "ε": "eps",
    "γ": "gamma",
    "∂": "d",
    "·": "*",
    "×": "x",
    "≈": "~=",
    "≠": "!=",
    "≤": "<=",
    "≥": ">=",
    "±": "+/-",
    "−": "-",
    "→": "->",
    "∞": "inf",
    "√": "sqrt",
    "²": "^2",
    "³": "^3",
    "–": "-",
    "—": "-",
    "…": "...",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    "•": "*",
    "✓": "ok",
    "│": "|",
    "─": "-",
    "╭": "+",
    "╮": "+",
    "╰": "+",
    "╯": "+",
    "\N{NO-BREAK SPACE}": " ",
}
"""What stands for a sign. The last ones are those that help texts are framed with."""

HANDLER = "xent-words"
"""The name under which streams find the replacement, as their `errors`."""


def written(text: str, encoding: str) -> str:
    """The text with the signs that the encoding lacks in words."""
    return text.encode(encoding, HANDLER).decode(encoding)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    return "".join(_word(sign, error.encoding) for sign in signs), error.end


def _word(sign: str, encoding: str) -> str:
    """The word for a sign; else the letter without its accent; else its code point."""
    letter = WORDS.get(sign) or unicodedata.normalize("NFKD", sign)
    try:
        letter.encode(encoding)
    except UnicodeEncodeError:
        plain = "".join(part for part in letter if not unicodedata.combining(part))
        return plain if plain.isascii() else sign.encode("ascii", "backslashreplace").decode()
    return letter


codecs.register_error(HANDLER, _replaced)
