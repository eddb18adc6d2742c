"""The lesson *Debugging clinic*: every case does what is said of it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import make_clinic
import numpy as np
import pytest

import xent
from xent import learn
from xent._live.page import Live
from xent.learn import buggy_examples, pages, training
from xent.learn.buggy_examples import PATIENTS
from xent.learn.lessons import clinic
from xent.learn.training import Training

TEXT = (files("xent.learn.lessons") / "clinic.md").read_text("utf-8")
FOUND = clinic.found()
CASES = {case["name"]: case for case in FOUND["cases"]}
CHANCE = float(np.log(3))
QUARTER, REPORTED, TWICE = range(3)

each = pytest.mark.parametrize("example", PATIENTS, ids=lambda example: example.__name__)


def trained(example: Any, rate: int = REPORTED, rows: int = 24) -> tuple[Training, Training]:
    """With its code, and with the fix."""
    size = example.rate * FOUND["factors"][rate]
    return tuple(  # type: ignore[return-value]
        training.train(*code, rows, rate=size, start=example.start)
        for code in ((example.loss, example.grad), example.fix())
    )


def rises(losses: list[float]) -> int:
    return int(np.count_nonzero(np.diff(losses) > 1e-9))


def ahead(buggy: Training, fixed: Training) -> list[int]:
    """The steps after which the buggy code has the lower loss."""
    return [step for step in range(41) if buggy.true[step] < fixed.true[step] - 1e-9]


def test_the_file_is_what_the_script_finds() -> None:
    """After a wanted change: python scripts/make_clinic.py. Last digits depend on the machine."""
    made = make_clinic.clinic()
    assert close(made, FOUND)


def close(a: Any, b: Any) -> bool:
    """Equal but for the last digits of numbers."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(close(a[name], b[name]) for name in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(close, a, b))
    return bool(a == b or (isinstance(a, float) and a == pytest.approx(b, rel=1e-3, abs=2e-4)))


@each
def test_the_check_names_the_mistake_and_passes_the_fix(example: Any) -> None:
    case = CASES[example.__name__]
    healthy = example is buggy_examples.Healthy
    assert [finding["name"] for finding in case["findings"]] == [example.mistake] * (not healthy)
    assert case["verdict"] == ("pass" if healthy else "fail")
    assert case["fixed"] == "pass"
    assert sum(case["entries"]) == 96
    assert case["entries"][2] == 0


@each
def test_the_gradients_shown_are_those_of_code_and_library(example: Any) -> None:
    z, y = make_clinic.batch()
    row = FOUND["row"]
    np.testing.assert_allclose(row["logits"], z[make_clinic.ROW], atol=5e-7)
    case = CASES[example.__name__]
    np.testing.assert_allclose(case["gradient"], example.grad(z, y)[make_clinic.ROW], atol=6e-7)
    number = PATIENTS.index(example)
    found = values(number)
    _, gradient = xent.cross_entropy(np.array(row["logits"]), row["label"], return_grad=True)
    np.testing.assert_allclose(found["right"], gradient / row["rows"], rtol=1e-12)
    _, whole = xent.cross_entropy(z, y, return_grad=True)
    np.testing.assert_allclose(found["right"], whole[make_clinic.ROW], atol=1e-7)
    wrong = np.abs(np.array(case["gradient"]) - found["right"]).max() > 0.001
    assert wrong == bool(example.mistake), "the picture shows the mistake"
    assert np.abs(case["gradient"]).max() <= found["length"]


@each
@pytest.mark.parametrize("rate", [QUARTER, REPORTED, TWICE])
def test_curves_are_those_of_its_training(example: Any, rate: int) -> None:
    buggy, fixed = trained(example, rate)
    number = PATIENTS.index(example)
    for step in (0, 1, 10, 40):
        found = values(number, rate, step)
        shown = [found[name] for name in ("buggy", "told", "fixed")]
        true = [buggy.true[step], buggy.reported[step], fixed.true[step]]
        np.testing.assert_allclose(shown, true, rtol=1e-3, atol=2e-4)
    assert FOUND["cases"][number]["accuracy"][rate] == [buggy.accuracy, fixed.accuracy]


def values(number: int, rate: int = REPORTED, step: int = 40) -> dict[str, Any]:
    """All numbers of the page at a state."""
    state = {"case": number, "rate": rate, "step": step}
    return Live(state, clinic.program(), data=clinic.data()).values


def summary(number: int, rate: int, step: int) -> str:
    """The sentence that is read."""
    lesson = learn.lesson("clinic")
    text = pages.fragment(lesson, {"case": number, "rate": rate, "step": step})
    part = re.search(r'id="summary">(.*?)</p>', text, re.DOTALL)[1]  # type: ignore[index]
    shown = re.sub(r"<span[^>]* hidden>(<span[^>]*>[^<]*</span>|[^<])*</span>", "", part)
    return re.sub(r"<[^>]*>", "", shown)


@pytest.mark.parametrize(
    ("number", "rate", "step", "told"),
    [
        (0, REPORTED, 40, "with the fix: this code is behind."),
        (0, QUARTER, 10, "this code is ahead."),
        (6, QUARTER, 10, "this code is ahead."),
        (6, REPORTED, 10, "this code is behind."),
        (12, REPORTED, 40, "no difference."),
        (3, REPORTED, 40, "this code is behind. It reports 0.726 instead."),
        (4, REPORTED, 40, "8 % and 88 % of the points are classified correctly."),
    ],
)
def test_the_summary_says_what_the_curves_show(
    number: int, rate: int, step: int, told: str
) -> None:
    assert told in summary(number, rate, step)


def still(buggy: Training, _: Training) -> bool:
    """The loss does not move."""
    return bool(np.ptp(buggy.true) < 1e-12)


def jumps(losses: list[float]) -> int:
    """How often a loss below chance is above three times chance, three steps later."""
    pairs = zip(losses[:-3], losses[3:], strict=True)
    return sum(before < CHANCE and after > 3 * CHANCE for before, after in pairs)


SEEN: dict[str, Callable[[Training, Training], bool]] = {
    "ExplodingSteps": lambda buggy, fixed: (
        max(buggy.true) > 10 * CHANCE and not ahead(buggy, fixed)
        and jumps(buggy.true) >= 3
    ),
    "Uphill": lambda buggy, fixed: rises(buggy.true) == 40 and rises(fixed.true) == 0,
    "Sinking": lambda buggy, fixed: still(buggy, fixed) and abs(buggy.true[0] - CHANCE) < 1e-12,
    "Stalled": lambda buggy, fixed: (
        min(buggy.reported) > np.log(1 + 2 / np.e) and buggy.true[-1] < 0.5 * CHANCE
        and not ahead(buggy, fixed)
    ),
    "NeighboursClass": lambda buggy, _: (
        buggy.accuracy < 0.5 / 3 and rises(buggy.true) == 40
        and bool(np.allclose(buggy.true, buggy.reported))
    ),
    "GivesUp": lambda buggy, fixed: (
        still(buggy, fixed) and buggy.true[0] > 4 * buggy.reported[0]
        and np.allclose(buggy.reported, -np.log(0.05), rtol=1e-12)
    ),
    "TooLong": lambda buggy, fixed: (
        rises(buggy.true) > 9 and rises(fixed.true) == 0 and not ahead(buggy, fixed)
    ),
    "BatchMates": lambda buggy, fixed: (
        buggy.reported[-1] > 5 * buggy.true[-1]
        and all(a > b for a, b in zip(buggy.true[1:], fixed.true[1:], strict=True))
    ),
    "SlowStarter": lambda buggy, fixed: buggy.true[0] > 6 and buggy.true[10] > 10 * fixed.true[10],
    "HalfTaught": lambda buggy, fixed: (
        buggy.true[5] < 1.05 * fixed.true[5] and rises(buggy.true[:5]) == 0
        and buggy.true[-1] > 1.5 * buggy.true[5]
    ),
    "Reshaped": lambda buggy, _: rises(buggy.true) == 40,
    "Unmoved": still,
    "Healthy": lambda buggy, fixed: buggy == fixed and 0.389 < buggy.true[-1] < 0.395,
}  # fmt: skip
"""What symptom and answer say of training at the rate of the report."""


@each
def test_training_shows_what_the_text_says(example: Any) -> None:
    buggy, fixed = trained(example)
    assert SEEN[example.__name__](buggy, fixed)
    assert rises(fixed.true) == 0
    if example.mistake:
        assert buggy.true[-1] > 1.02 * fixed.true[-1]


def test_other_rates_and_batches_hide_a_mistake() -> None:
    """As the answers of cases 1 and 7 say: at a quarter of the rate they are ahead."""
    first, seventh = buggy_examples.ExplodingSteps, buggy_examples.TooLong
    assert PATIENTS[0] is first
    assert PATIENTS[6] is seventh
    assert rises(trained(first, rows=6)[0].true) == 0, "stable with 6 rows"
    assert 5 < len(ahead(*trained(first, QUARTER))) < 35, "for a while"
    assert len(ahead(*trained(seventh, QUARTER))) == 40
    assert rises(trained(seventh, QUARTER)[0].true) == 0
    assert "24 times" in first.seen
    assert f"{1 / np.log(2):.2f}" in seventh.seen


def test_numbers_in_the_answers_are_right() -> None:
    assert f"{np.log(1 + 2 / np.e):.4f}" in buggy_examples.Stalled.seen
    assert f"{-np.log(0.05):.4f}" in buggy_examples.GivesUp.seen
    cloud, kinds = training.points(24)
    weights = np.zeros((3, 2))
    for _ in range(2000):
        loss, slope = xent.cross_entropy(cloud @ weights.T, kinds, return_grad=True)
        weights -= slope.T @ cloud
    assert np.abs(slope.T @ cloud).max() < 1e-12, "the lowest point of a convex function"
    assert f"{float(loss):.4f}" in buggy_examples.Healthy.seen


@each
def test_a_guess_has_one_right_answer(example: Any) -> None:
    made = clinic._guess(example, PATIENTS.index(example))
    options = re.findall(r'data-guess="(\w+)">([^<]*)<', made)
    assert [mark for mark, _ in options].count("right") == 1
    assert len({told for _, told in options}) == len(options) == 4
    assert dict(options)["right"] == example.cause


def test_right_answers_stand_at_different_places() -> None:
    places = [
        re.findall(r'data-guess="(\w+)"', clinic._guess(one, number)).index("right")
        for number, one in enumerate(PATIENTS)
    ]
    assert min(np.bincount(places, minlength=4)) >= 2


def test_the_text_counts_right() -> None:
    assert len(PATIENTS) == len(FOUND["cases"]) == 13
    assert sum(bool(one.mistake) for one in PATIENTS) == 12
    assert "thirteen bug reports: twelve" in TEXT
    unusual = [number + 1 for number, one in enumerate(PATIENTS) if one.start]
    assert "cases {} and {}".format(*unusual) in TEXT
    assert len({one.complaint for one in PATIENTS}) == 13


def test_the_page_does_not_wait_for_the_check() -> None:
    code = (
        "import sys; from xent import learn; from xent.learn import pages; "
        "pages.page(learn.lesson('clinic')); assert 'xent.check' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
