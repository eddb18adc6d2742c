"""The explanations kept in tests/golden, and how to write them anew after a change of words:

python scripts/make_golden.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xent

FOLDER = Path(__file__).parents[1] / "tests" / "golden"
CASES: dict[str, dict[str, Any]] = {
    "logit": {"logits": 1.5, "label": 1},
    "logits": {"logits": [2.0, 1.0, 0.1], "label": 0},
    "features": {"features": [1.0, -2.5], "weights": [0.4, 0.3], "bias": -0.2, "label": 0},
    "probability": {"probabilities": 0.1, "label": 1},
}
FORMS = {"txt": "text", "md": "markdown", "tex": "latex", "html": "html"}


def printed(case: str, suffix: str) -> str:
    """What the printer for a suffix makes of a case."""
    options = {"pictures": False} if suffix == "html" else {}  # theirs are matplotlib's words
    text: str = getattr(xent.explain(**CASES[case]), f"to_{FORMS[suffix]}")(**options)
    return text


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for case in CASES:
        for suffix in FORMS:
            (FOLDER / f"{case}.{suffix}").write_text(printed(case, suffix), "utf-8")
