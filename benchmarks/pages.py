"""The pages of measurements from their figures, without measuring anew, and their overview.

python benchmarks/pages.py
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import accuracy_page
import heat_map_page
import score_1e8_page
import score_calibration_page
import score_coverage_page
import score_speed_page
import speed_page
import training_speed_page

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
PAGES: dict[str, tuple[str, Callable[[Any], str]]] = {
    "accuracy": ("accuracy", accuracy_page.page),
    "performance": ("speed", speed_page.page),
    "sizes": ("heat_map", heat_map_page.page),
    "score-speed": ("score_speed", score_speed_page.page),
    "score-coverage": ("score_coverage", score_coverage_page.page),
    "score-calibration": ("score_calibration", score_calibration_page.page),
    "score-1e8": ("score_1e8", score_1e8_page.page),
    "training-speed": ("training_speed", training_speed_page.page),
}
"""By the name of the page, that of its figures and what makes it of them."""


def page(name: str) -> str:
    """A page, from the committed figures."""
    figures, made = PAGES[name]
    return made(json.loads((HERE / f"{figures}.json").read_text(encoding="utf-8")))


OVERVIEW = """\
# Evidence

What was measured and tested, with the finding that each page opens with.

{findings}
"""
FOUND = [*PAGES, "audit", "complaints"]


def overview() -> str:
    """docs/evidence/index.md: the first paragraph of each page."""
    findings = []
    for name in FOUND:
        title, opening, _ = (DOCS / f"{name}.md").read_text(encoding="utf-8").split("\n\n", 2)
        told = opening.replace("\n", "\n  ")
        findings.append(f"- **[{title.removeprefix('# ')}](../{name}.md)**: {told}")
    return OVERVIEW.format(findings="\n".join(findings))


if __name__ == "__main__":
    for name in PAGES:
        (DOCS / f"{name}.md").write_text(page(name), encoding="utf-8")
        print(f"wrote {name}.md")
    (DOCS / "evidence" / "index.md").write_text(overview(), encoding="utf-8")
