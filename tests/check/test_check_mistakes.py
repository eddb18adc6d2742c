"""Every planted mistake is told by its name, and only by it, in each form that a report has."""

from __future__ import annotations

import html
import json

import planted
import pytest
from planted import Planted

from xent.check.mistakes import KNOWN, NOTES, found

CASES = [
    *(pytest.param(p, id=f"classes, {p.what}") for p in planted.CLASS_MISTAKES),
    *(pytest.param(p, id=f"binary, {p.what}") for p in planted.BINARY_MISTAKES),
]


@pytest.mark.parametrize("mistake", CASES)
def test_a_planted_mistake_is_named(mistake: Planted) -> None:
    report = mistake.check()
    assert report.mistakes == [mistake.name]
    assert report.verdict == "fail"
    assert not report
    assert f"MISTAKE: {mistake.name}\n" in report.to_text()
    assert f"**MISTAKE: {mistake.name}.**" in report.to_markdown()
    assert f">MISTAKE: {html.escape(mistake.name)}</b>" in report.to_html()
    told = json.loads(json.dumps(report.to_dict()))["findings"]
    assert [f["name"] for f in told if f["level"] == "mistake"] == [mistake.name]


@pytest.mark.parametrize("kind", ["classes", "binary"])
def test_what_the_mistakes_are_made_of_is_right(kind: str) -> None:
    """Else a mistake might be named for another that was not meant."""
    if kind == "classes":
        case = Planted("none", "", planted.rows, planted.right)
    else:
        case = planted.b("none", "", planted.binary, planted.slope)
    report = case.check()
    assert report.verdict == "pass"
    assert not report.findings


def test_every_known_mistake_is_planted() -> None:
    assert {p.name for p in planted.PLANTED} == set(KNOWN) - NOTES


def test_notes_are_no_mistakes() -> None:
    assert {found(name, "").level for name in NOTES} == {"note"}
    assert {found(name, "").level for name in set(KNOWN) - NOTES} == {"mistake"}
