"""MkDocs hook: what the search ranks higher or lower, and what it leaves out."""

from __future__ import annotations

from typing import Any

BOOSTS = {"questions.md": 5.0} | dict.fromkeys(
    (
        "accuracy.md",
        "architecture.md",
        "audit.md",
        "changelog.md",
        "comparison.md",
        "complaints.md",
        "mistakes.md",
        "mistakes-told-apart.md",
        "performance.md",
        "reference/cli.md",
        "score-coverage.md",
        "score-calibration.md",
        "score-speed.md",
        "sizes.md",
        "training-speed.md",
    ),
    0.5,
)
"""Answers before long lists: the search adds up all words that begin like one of the reader's, even
like "a" or "is", so that the longest texts would come first."""
LESSONS = 0.1
"""Lessons are long, and the page of questions leads to them."""
MADE = '<h2 id="how-this-page-was-made"'


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Weigh the page, and leave out how it was made."""
    lesson = LESSONS if page.file.src_uri.startswith("course/") else None
    if boost := BOOSTS.get(page.file.src_uri, lesson):
        page.meta["search"] = {"boost": boost}
    return html.replace(MADE, f'{MADE} data-search-exclude="1"')
