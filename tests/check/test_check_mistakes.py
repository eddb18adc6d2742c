"""Every planted mistake is told by its name, and only by it, in each form that a report has."""

from __future__ import annotations

import html
import inspect
import json
import re

import batches
import planted
import pytest
import training_runs
from planted import Planted

import xent
from xent.check.mistakes import catalogue, found

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


@pytest.mark.parametrize("task", ["classes", "binary"])
def test_what_the_mistakes_are_made_of_is_right(task: str) -> None:
    """Else a mistake might be named for another that was not meant."""
    if task == "classes":
        case = Planted("none", "", planted.rows, planted.right)
    else:
        case = planted.b("none", "", planted.binary, planted.slope)
    report = case.check()
    assert report.verdict == "pass"
    assert not report.findings


NOTES = {name for name, entry in catalogue().items() if entry.note}
MISTAKES = set(catalogue()) - NOTES
IN_GRADIENTS = {p.name for p in planted.PLANTED}
IN_BATCHES = {name for name, *_ in batches.PLANTED.values()}
IN_RUNS = {name for name, *_ in training_runs.PLANTED.values()}
NOTED = {
    "not compared", "log-probabilities as targets", "entropy of the targets taken off",
    "computed in half precision",
    "takes probabilities", "takes log-probabilities", "called otherwise", "warnings",
    "gradient for the logits", "arguments named the wrong way round",
}  # fmt: skip
"""In tests/check/test_check_arguments.py, test_check_real.py, test_check_composed.py and
test_check_called.py."""


def test_every_known_mistake_is_planted() -> None:
    unasked = {f.name for p in planted.PLANTED if "unspoken" in p.what for f in p.check().findings}
    noted = NOTED | unasked & NOTES
    assert IN_GRADIENTS | IN_BATCHES | IN_RUNS | noted == set(catalogue())
    assert not IN_GRADIENTS & NOTES


def test_a_mistake_has_the_same_name_in_a_gradient_and_in_a_batch() -> None:
    both = [
        "classes permuted", "labels -1 and +1", "labels flipped", "labels off by one",
        "logits negated", "sigmoid applied twice", "softmax applied twice",
        "softmax over the wrong axis",
    ]  # fmt: skip
    assert sorted(IN_GRADIENTS & IN_BATCHES) == both


def test_levels() -> None:
    assert {found(name, "").level for name in NOTES} == {"note"}
    assert {found(name, "").level for name in MISTAKES} == {"mistake"}
    assert found("identical rows", "", level="note").level == "note"


def test_the_catalogue_is_of_one_piece() -> None:
    options = inspect.signature(xent.check.gradient).parameters
    for name, entry in catalogue().items():
        assert not entry.formula or name in IN_GRADIENTS, name
        assert not entry.option or (entry.formula and entry.option in options), name
        assert set(entry.explains) <= NOTES, name
        assert entry.matters != entry.fix, name
        for text in (entry.matters, entry.shows, entry.recognised, entry.fix):
            assert re.fullmatch(r"\S.*[^.]\.", text), name
            assert "  " not in text, name
