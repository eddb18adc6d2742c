"""`watch`: every mistake planted in a training run is named, and nothing in a right run."""

from __future__ import annotations

import html
import json
from typing import Any

import numpy as np
import pytest
from training_runs import PLANTED, X, Y, logistic_regression, network, planted, softmax_regression

import xent
from xent.check import TrainingReport


@pytest.mark.parametrize("case", PLANTED)
def test_what_is_planted_is_found_and_nothing_else(case: str) -> None:
    name, _, told = PLANTED[case]
    report = planted(case)
    assert [finding.name for finding in report.findings] == [name]
    (finding,) = report.findings
    for phrase in told:
        assert phrase in f"{finding.seen} {finding.matters} {finding.fix}", finding
    assert bool(report) is (finding.level == "note")
    for part in (finding.seen, finding.matters, finding.fix):
        assert part.endswith(".")
        assert part == " ".join(part.split())


def names(report: TrainingReport) -> list[str]:
    return [finding.name for finding in report.findings]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "options",
    [
        {"rate": 0.01},
        {"rate": 0.3, "rows": 8},
        {"rate": 0.1, "rows": 0, "steps": 120},
        {"rate": 0.02, "momentum": 0.9},
        {"decay": 0.01},
        {"smoothing": 0.1},
        {"start": 0.05, "told": {"every": 1}},
        {"steps": 30},
        {"steps": 1},
    ],
    ids=str,
)
def test_nothing_is_found_in_a_right_regression(options: dict[str, Any], seed: int) -> None:
    assert names(softmax_regression(seed=seed, **options)) == []


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "options",
    [{}, {"share": 0.2}, {"rows": 1, "rate": 0.02, "steps": 800}, {"rows": 0}],
    ids=str,
)
def test_nothing_is_found_in_a_right_binary_regression(options: dict[str, Any], seed: int) -> None:
    assert names(logistic_regression(seed=seed, **options)) == []


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "options",
    [
        {"rate": 0.05},
        {"rate": 0.3, "rows": 16},
        {"optimizer": "Adam", "rate": 1e-3},
        {"optimizer": "Adam", "rate": 1e-2, "rows": 16},
        {"optimizer": "AdamW", "rate": 3e-3, "clip": 1.0, "evaluate": True},
        {"smoothing": 0.1, "told": {"label_smoothing": 0.1}},
        {"half": True},
    ],
    ids=str,
)
def test_nothing_is_found_in_a_right_network(options: dict[str, Any], seed: int) -> None:
    pytest.importorskip("torch")
    assert names(network(seed=seed, **options)) == []


def test_random_labels_at_the_beginning_are_no_mistake() -> None:
    order = np.random.default_rng(0).permutation(Y)
    assert names(softmax_regression(y=order, steps=60)) == []


def test_a_model_that_was_trained_before_need_not_learn() -> None:
    from training_runs import centroids

    fitted = softmax_regression(start=centroids(0.3), rate=1e-3)
    assert fitted.first_loss < 1
    assert names(fitted) == []


def test_reports_in_every_form() -> None:
    report = planted("learning rate 30")
    assert repr(report) == "<TrainingReport: 1 mistake: learning rate too high>"
    assert report.verdict == "1 mistake"
    assert "MISTAKE: learning rate too high\n" in report.to_text()
    assert "**MISTAKE: learning rate too high.**" in report.to_markdown()
    assert f">{html.escape('MISTAKE: learning rate too high')}</b>" in report.to_html()
    assert report.to_page().startswith("<!doctype html>")
    data = json.loads(report.to_json())
    assert data["mistakes"] == report.mistakes == ["learning rate too high"]
    assert data["steps"] == 300
    assert data["sampled"] == [*range(10), *range(20, 300, 20)]
    assert data["floor"] is None
    assert [part["first_step"] for part in data["course"]][:2] == [0, 1]
    assert data["course"][-1]["last_step"] == 299
    assert report.notes == []
    assert "steps 0 to 9 and every 20th step: 24 of 300" in " ".join(report.to_text().split())


def test_a_run_without_steps() -> None:
    report = xent.check.watch().report()
    assert report
    assert report.to_text().splitlines()[0] == "Training run: no mistake found"
    assert report.to_dict()["first_loss"] is None


def test_losses_alone() -> None:
    watch = xent.check.watch()
    for step in range(200):
        watch.step(2.0 / (1 + step))
    report = watch.report()
    assert report
    assert "cross-entropy" not in report.to_text()
    watch = xent.check.watch()
    for step in range(20):
        watch.step(2.0 if step < 7 else np.nan)
    (finding,) = watch.report().findings
    assert finding.name == "NaN in the loss"
    assert finding.seen == "The loss of step 7 is NaN, the first that is not finite."


def test_the_figures_are_those_of_the_run() -> None:
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(30, 4)), rng.integers(3, size=30)
    watch = xent.check.watch(classes=4, label_smoothing=0.2)
    loss = xent.cross_entropy(z, y, label_smoothing=0.2)
    watch.step(loss, z, y)
    report = watch.report()
    shares = np.bincount(y) / 30
    assert report.first_loss == report.last_loss == loss
    assert report.chance == np.log(4)
    assert report.base_loss == pytest.approx(-(shares * np.log(shares)).sum())
    smoothed = np.array([0.85, 0.05, 0.05, 0.05])
    assert report.floor == pytest.approx(-(smoothed * np.log(smoothed)).sum())
    (part,) = report.parts
    assert part.plain == pytest.approx(xent.cross_entropy(z, y))
    assert part.accuracy == (z.argmax(axis=1) == y).mean()
    assert part.scale == pytest.approx(np.sqrt(z.var(axis=1).mean()))


def test_ignored_rows_do_not_count() -> None:
    z, y = np.eye(3)[[0, 1, 2, 0]] * 3, np.array([0, 1, 2, 255])
    watch = xent.check.watch(ignore_index=255)
    watch.step(xent.cross_entropy(z, y, ignore_index=255), z, y)
    report = watch.report()
    assert report.parts[0].accuracy == 1
    assert report.parts[0].plain == pytest.approx(report.first_loss)
    watch = xent.check.watch()
    watch.step(0.0, z, np.full(4, -100))
    assert names(watch.report()) == ["every row ignored"]


def test_other_axes_soft_labels_and_several_labels_at_once() -> None:
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(5, 3, 7)), rng.integers(3, size=(5, 7))
    watch = xent.check.watch(axis=1)
    watch.step(xent.cross_entropy(z, y, axis=1), z, y)
    assert watch.report().parts[0].plain == pytest.approx(xent.cross_entropy(z, y, axis=1))
    z, soft = rng.normal(size=(50, 3)), rng.dirichlet(np.ones(3), size=50)
    watch = xent.check.watch()
    watch.step(xent.cross_entropy(z, soft), z, soft)
    assert watch.report().parts[0].plain == pytest.approx(xent.cross_entropy(z, soft))
    assert np.isnan(watch.report().base_loss)
    z, many = rng.normal(size=(40, 6)), rng.integers(2, size=(40, 6))
    watch = xent.check.watch()
    watch.step(xent.binary_cross_entropy(z, many), z, many)
    assert watch.report().parts[0].plain == pytest.approx(xent.binary_cross_entropy(z, many))


def test_of_a_large_batch_some_rows_are_read() -> None:
    z = np.zeros((4, 2000, 3), np.float32)
    y = np.zeros((4, 2000), np.int64)
    y[:, 1::2] = 1
    watch = xent.check.watch()
    watch.step(np.log(3), z, y)
    report = watch.report()
    assert report.parts[0].plain == pytest.approx(np.log(3))
    assert 0.4 < report.parts[0].accuracy < 0.6, "rows of odd and of even positions"


def test_the_place_of_a_nan_is_named_by_all_axes() -> None:
    z, y = np.zeros((3, 4, 5)), np.zeros((3, 4), np.int64)
    watch = xent.check.watch()
    for step in range(30):
        if step == 13:
            z[2, 1, 3] = np.inf
        watch.step(np.nan if step == 13 else 1.6, z, y)
    (finding,) = (f for f in watch.report().findings if f.name == "NaN in the logits")
    assert finding.seen == (
        "The loss of step 13 is NaN, the first that is not finite. In its batch, a logit is inf in "
        "row [2, 1]."
    )


NOT_FINITE: dict[str, tuple[Any, Any, str]] = {
    "targets": (np.zeros(3), np.array([0.0, np.nan, 1.0]), "A target is not finite in row 1."),
    "ignored": (np.zeros((2, 3)), np.array([-100, -100]), "Every row is ignored."),
    "overflow": (
        np.array([[90.0, 0.0]], np.float32),
        np.array([0]),
        "The exponential of such a logit overflows in float32.",
    ),
    "no rows": (np.zeros((0, 3)), np.zeros(0, int), "the batch has no rows."),
    "unknown": (np.zeros((2, 3)), np.array([0, 1]), "the largest of magnitude 0.0000."),
    "zero": (
        np.array([[0.0, 200.0], [0.0, 0.0]], np.float32),
        np.array([0, 0]),
        "The label's probability rounds to 0 in float32 in row 0: its logarithm is -200.0000.",
    ),
}


@pytest.mark.parametrize("case", NOT_FINITE)
def test_what_a_batch_of_finite_logits_shows(case: str) -> None:
    z, y, told = NOT_FINITE[case]
    watch = xent.check.watch()
    for _ in range(11):
        watch.step(0.7)
    watch.step(np.inf, z, y)
    (finding,) = watch.report().findings
    assert finding.name == "NaN in the loss"
    assert finding.seen.endswith(told)


def test_row_losses_are_averaged_and_lists_are_taken() -> None:
    watch = xent.check.watch()
    watch.step(np.array([1.0, 2.0]), [[0.5, 1.0], [2.0, 0.0]], [0, 1])
    assert watch.report().first_loss == 1.5


def test_the_loss_of_a_sum_is_told_per_row() -> None:
    report = softmax_regression(loss_of=lambda z, y, loss: loss * len(y))
    assert names(report) == []


def test_a_gap_in_the_losses_does_not_end_the_watch() -> None:
    """A scaler of losses leaves such steps out."""
    seen = iter(range(10_000))
    report = softmax_regression(
        rate=30.0, loss_of=lambda z, y, loss: np.inf if next(seen) == 40 else loss
    )
    assert names(report) == ["NaN in the loss", "learning rate too high"]


MESSAGES = """
xent.check.watch(classes=2.5)
    TypeError: classes is 2.5; expected an integer.
xent.check.watch(every=0)
    ValueError: every is 0; expected 1 or more.
xent.check.watch(every="10")
    TypeError: every is '10'; expected an integer.
xent.check.watch(10)
    TypeError: model is int; expected a torch.nn.Module. For a loop without PyTorch, leave it out:
    watch(classes=10).
xent.check.watch(label_smoothing=2)
    ValueError: label_smoothing is 2; expected a number between 0 and 1.
"""


def test_errors() -> None:
    from messages import cases, error_of

    for call, words in cases(MESSAGES):
        assert error_of(call, {"xent": xent}) == words
    with pytest.raises(ValueError, match="targets has shape"):
        xent.check.watch().step(1.0, X[:5, :10], Y[:4])
