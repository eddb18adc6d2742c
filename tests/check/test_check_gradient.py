"""`check.gradient` where it is hard to be right: what random losses and gradients showed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import planted
import pytest
from helpers import import_torch

import xent
from xent.check._gradient import directions, entries
from xent.check.dtypes import rounded

check = xent.check.gradient
RNG = np.random.default_rng(7)


def grad_of(z: Any, y: Any) -> Any:
    """The right gradient of the sum of the rows, for any number of classes."""
    return planted.softmax(z) - np.eye(z.shape[1], dtype=z.dtype)[y]


def mean(z: Any, y: Any) -> Any:
    return planted.rows(z, y).mean()


def said(report: Any) -> str:
    """The report without line breaks."""
    return " ".join(str(report).split())


def batch(rows: int, classes: int, scale: float = 1.0) -> tuple[Any, Any]:
    rng = np.random.default_rng(rows * 1000 + classes)
    return rng.normal(size=(rows, classes)) * scale, rng.integers(classes, size=rows)


# The precision in which functions compute.


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_the_dtype_of_a_result_is_noticed(dtype: str) -> None:
    z, y = batch(60, 6)
    loss, grad = planted.rows, grad_of
    report = check(lambda z, y: rounded(loss(z, y), dtype), lambda z, y: rounded(grad(z, y), dtype),
                   z, y)  # fmt: skip
    assert report.precision == dtype
    assert not report.mistakes
    assert report.failed == 0


@pytest.mark.parametrize("scale", [0.003, 0.1, 1.0, 30.0, 500.0])
@pytest.mark.parametrize("rows", [1, 2, 40, 500])
def test_float32_within_float64_is_noticed(
    rows: int, scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "BUDGET", 2e5)
    z, y = batch(rows, 6, scale)

    def single(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda z, y: function(z.astype(np.float32), y)

    def logits(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda z, y: function(z.astype(np.float32).astype(np.float64), y)

    def result(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda z, y: np.float64(np.float32(function(z, y)))

    for cast in (single, logits, result):
        for loss, grad in ((planted.rows, grad_of), (mean, lambda z, y: grad_of(z, y) / rows)):
            report = check(cast(loss), cast(grad), z, y)
            assert report.precision == "float32", report
            assert report.grad_precision == "float32", report
            assert report.verdict in ("pass", "inconclusive"), report
            assert not report.mistakes
    report = check(planted.rows, grad_of, z, y)
    assert report.precision == report.grad_precision == "float64"


def test_float32_is_noticed_at_logits_of_0() -> None:
    z, y = np.zeros((4, 3)), np.array([0, 1, 2, 0])
    report = check(lambda z, y: planted.rows(np.float32(z).astype(float), y), grad_of, z, y)
    assert report.precision == "float32"


def test_a_gradient_in_float32_for_a_loss_in_float64() -> None:
    for shift in (0.0, 600.0):
        z, y = batch(30, 20)
        z += shift  # far from 0 the numbers of float32 are further apart

        def grad(z: Any, y: Any) -> Any:
            return grad_of(z.astype(np.float32), y)

        report = check(planted.rows, grad, z, y)
        assert report, report
        assert (report.precision, report.grad_precision) == ("float64", "float32")
        assert "The gradient is computed in float32." in said(report)
        off = check(planted.rows, lambda z, y: 1.001 * grad_of(z.astype(np.float32), y), z, y)
        assert off.mistakes == ["scaled"]


@pytest.mark.parametrize("shift", [0.0, 900.0])
def test_a_float32_gradient_passes_along_directions_too(
    shift: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "BUDGET", 1e5)
    z, y = batch(300, 20)
    report = check(
        lambda z, y: planted.rows(z, y).sum(), lambda z, y: grad_of(np.float32(z), y), z + shift, y
    )
    assert report
    assert report.directions is not None
    assert (report.directions.verdict == 1).all()


def test_a_gradient_that_jumps_is_not_taken_for_a_narrow_dtype() -> None:
    report = check(planted.rows, lambda z, y: np.round(grad_of(z, y), 2), planted.Z, planted.Y)
    assert report.verdict == "fail"
    assert report.failed > 40


def test_a_clipped_loss_is_not_taken_for_a_narrow_dtype() -> None:
    z, y = batch(41, 9, 30.0)
    report = check(planted.clamped, planted.clamped_grad, z, y)
    assert report.precision == "float64"
    assert report.mistakes == ["clipping"]


def test_a_loss_that_is_cut_is_not_taken_for_a_narrow_dtype() -> None:
    z, y = batch(1, 3, 0.03)
    report = check(lambda z, y: planted.rows(np.clip(z, -0.2, 0.2), y), grad_of, z, y)
    assert report.precision == "float64"
    assert report.verdict == "pass"


def test_a_loss_in_bfloat16_within_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "BUDGET", 1e5)
    torch = import_torch()
    import torch.nn.functional as F  # noqa: N812

    def lse(z: Any, y: Any) -> Any:
        z = z.bfloat16()
        return (torch.logsumexp(z, 1) - z.gather(1, y[:, None])[:, 0]).mean()

    def total(z: Any, y: Any) -> Any:
        return F.cross_entropy(z.bfloat16(), y, reduction="sum")

    # Their last digits are so coarse that hardly a step is felt: what they return tells.
    for loss, rows, classes, scale in ((lse, 229, 21, 0.12), (total, 20_000, 3, 0.01)):
        z, y = (torch.tensor(a) for a in batch(rows, classes, scale))
        report = check(loss, None, z, y)
        assert report.precision == "bfloat16"
        assert not report.mistakes


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_passes_nothing_on_the_strength_of_zeros(dtype: str) -> None:
    z, y = planted.Z, planted.Y
    detached = check(mean, lambda z, y: np.zeros_like(z), z, y, dtype=dtype)
    assert detached.passed == 0
    assert detached.verdict != "pass"
    assert check(
        lambda z, y: planted.valid(z, y).mean(),
        lambda z, y: planted.valid_grad(z, y) / planted.ROWS,
        z, planted.IGNORED, dtype=dtype,
    ).verdict != "pass"  # fmt: skip


def test_of_few_digits_no_name_is_made_up() -> None:
    report = check(
        planted.twice,
        lambda z, y: planted.jacobian(planted.softmax(z), planted.right(planted.softmax(z), y)),
        planted.Z, planted.Y, dtype="float16",
    )  # fmt: skip
    assert report.verdict == "fail"
    assert report.mistakes in (["not cross-entropy"], ["not at chance"])


def test_a_detached_loss() -> None:
    torch = import_torch()
    import torch.nn.functional as F  # noqa: N812

    z, y = torch.tensor(planted.Z), torch.tensor(planted.Y)
    for loss in (
        lambda z, y: F.cross_entropy(z, y).detach(),
        lambda z, y: F.cross_entropy(z.detach(), y),
    ):
        assert check(loss, None, z, y).mistakes == ["gradient is zero"]
    words = (
        "loss returned float, through which no gradient passes; return a tensor, without .item()."
    )
    with pytest.raises(TypeError, match=f"^{re.escape(words)}$"):
        check(lambda z, y: F.cross_entropy(z, y).item(), None, z, y)


# What is looked at of a loss that is one number.


def test_one_wrong_entry_in_a_hundred_thousand_is_caught_by_directions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(entries, "BUDGET", 1e7)
    z, y = batch(10_000, 10)
    assert y[4321] != 3

    def grad(z: Any, y: Any) -> Any:
        found = grad_of(z, y) / len(z)
        found[4321, 3] = 0
        return found

    report = check(mean, grad, z, y)
    looked_at = set(zip(report.numeric.row.tolist(), report.numeric.column.tolist(), strict=True))
    assert (4321, 3) not in looked_at
    assert report.failed == 0
    assert report.verdict == "fail"
    assert report.mistakes == ["no known mistake"]
    assert (
        "No checked entry disagrees, but random directions through all entries do: some of the "
        "other entries are wrong."
    ) in said(report)
    assert re.search(
        rf"{len(looked_at)} of 100000 entries were checked, and 4 random directions through all "
        r"of them: 0 pass, 4 fail, 0 are inconclusive\. "
        r"One that fails: \S+ analytic, \S+ numeric\. How it was checked",
        said(report),
    )
    assert check(mean, lambda z, y: grad_of(z, y) / len(z), z, y)


def scaled_right(z: Any, y: Any) -> Any:
    return grad_of(z, y) / len(z)


def test_the_report_says_which_error_the_directions_exclude() -> None:
    z, y = batch(2_000, 10)
    report = check(mean, scaled_right, z, y)
    along = report.directions
    assert along is not None
    assert along.excluded <= directions.LEAST_ERROR
    assert len(report.verdicts) < 1024
    share = f"{100 * along.excluded:.2g}%"
    assert (
        f"{len(report.verdicts)} of 20000 entries were checked, and {len(along.verdict)} random "
        f"directions through all of them: {len(along.verdict)} pass, 0 fail, 0 are inconclusive."
    ) in said(report)
    assert (
        f"An error of more than {share} of the gradient, by norm, would have shown with a "
        "probability of 1 - 1e-09."
    ) in said(report)
    told = report.to_dict()["directions"]
    assert told["excluded_error"] == along.excluded
    assert told["probability_of_missing_it"] == 1e-9


def test_a_loss_that_rounds_more_gets_more_directions() -> None:
    """Their number follows from the error that each of them can exclude."""
    z, y = batch(2_000, 10)

    def narrow(z: Any, y: Any) -> Any:
        return float(np.mean(planted.rows(z.astype(np.float32), y)))

    wide, coarse = check(mean, scaled_right, z, y), check(narrow, scaled_right, z, y)
    assert coarse.precision == "float32"
    assert wide.directions is not None
    assert coarse.directions is not None
    assert len(wide.directions.verdict) < len(coarse.directions.verdict) == directions.MOST
    assert coarse.directions.excluded > 100 * wide.directions.excluded


def test_an_error_that_is_excluded_is_found() -> None:
    """Whether it is spread over all entries or in one."""
    z, y = batch(2_000, 10)
    right = check(mean, scaled_right, z, y).directions
    assert right is not None
    rng = np.random.default_rng(5)
    missed = 0
    for seed in range(20):
        error = rng.normal(size=z.shape) if seed % 2 else np.eye(z.size)[seed].reshape(z.shape)
        error *= right.excluded * right.norm / np.linalg.norm(error)
        report = check(mean, lambda z, y, error=error: scaled_right(z, y) + error, z, y, seed=seed)
        assert report.directions is not None
        missed += not report.directions.failed
    assert missed == 0


def test_labels_and_their_neighbours_are_among_the_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else p and p - onehot(y + 1) look alike."""
    monkeypatch.setattr(entries, "BUDGET", 1e5)
    z, y = batch(160, 47)
    for seed in range(4):
        report = check(mean, lambda z, y: planted.softmax(z) / len(z), z, y, seed=seed)
        assert len(report.verdicts) < z.size
        assert report.mistakes == ["label not subtracted"]
    for step in (1, -1):
        off = check(mean, lambda z, y, s=step: grad_of(z, (y + s) % 47) / len(z), z, y)
        assert off.mistakes == ["labels off by one"]


def test_clipping_is_seen_in_a_sample_of_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "BUDGET", 2e6)
    z, y = batch(176, 13, 2.0)
    for loss in (planted.clamped, planted.padded):
        report = check(lambda z, y, loss=loss: loss(z, y).mean(),
                       lambda z, y: grad_of(z, y) / len(z), z, y)  # fmt: skip
        assert len(report.verdicts) < z.size
        assert report.mistakes == ["clipping"]


# Edges, and rows that depend on each other.


def test_rows_that_depend_on_each_other_by_a_class_without_label() -> None:
    """Class 0 has no label: only moving all classes of a row shows what ties it to the others."""
    z, y = batch(11, 46)
    y = np.where(y == 0, 1, y)
    report = check(
        planted.across,
        lambda z, y: planted.softmax(z, 0) * np.bincount(y, minlength=46) - np.eye(46)[y],
        z, y,
    )  # fmt: skip
    assert report.mistakes == ["softmax over the wrong axis"]
    assert not report.independent
    assert "Rows are not independent, so entries were moved one at a time." in said(report)


def test_what_seems_to_tie_rows_may_be_chance() -> None:
    calls = 0

    def seldom(z: Any, y: Any) -> Any:
        """Changes with every fifth call only."""
        nonlocal calls
        calls += 1
        return planted.rows(z, y) + (calls // 5) * 0.01

    report = check(seldom, grad_of, planted.Z, planted.Y)
    assert report.mistakes == ["not deterministic"]


def test_a_single_row_may_be_a_mean_as_well() -> None:
    torch = import_torch()
    import torch.nn.functional as F  # noqa: N812

    weight = np.array([0.5, 2.0, 3.0])
    report = check(
        lambda z, y: F.cross_entropy(z, y, weight=torch.tensor(weight)),
        None, torch.tensor([0.3, -1.0, 2.0], dtype=torch.float64), torch.tensor(1),
        class_weight=weight,
    )  # fmt: skip
    assert report.verdict == "pass"


def test_rows_without_weight_are_judged_by_nothing() -> None:
    options: dict[str, Any] = {"class_weight": np.array([2.0, 0.0]), "label_smoothing": 0.1}
    report = check(
        lambda z, t: xent.binary_cross_entropy(z, t, **options),
        lambda z, t: xent.binary_cross_entropy(z, t, return_grad=True, **options)[1],
        np.array([0.3, -0.4]), np.array([1, 1]), task="binary", **options,
    )  # fmt: skip
    assert not report.mistakes


def test_numbers_that_are_none_are_told_once() -> None:
    z, y = planted.Z, planted.Y

    def broken(z: Any, y: Any) -> Any:
        return np.where(y == 0, np.inf, planted.rows(z, y))

    report = check(broken, planted.right, z, y)
    assert report.mistakes == ["not a number"]
    assert report.failed == 0

    def nan(z: Any, y: Any) -> Any:
        return np.where((y == 0)[:, None], np.nan, planted.right(z, y))

    report = check(planted.rows, nan, z, y)
    assert report.mistakes == ["not a number"]
    report = check(lambda z, y: planted.rows(z, y).mean() * np.nan, planted.right, z, y)
    assert report.mistakes == ["not a number"]
    assert "The loss is nan." in said(report)


def test_a_mean_over_no_rows() -> None:
    torch = import_torch()
    import torch.nn.functional as F  # noqa: N812

    z, y = torch.tensor(planted.Z), torch.full((planted.ROWS,), -100)
    report = check(F.cross_entropy, None, z, y)
    assert "The loss is nan where no row counts." in said(report)
    assert not check(F.cross_entropy, None, z, y, definition=None)


def test_functions_may_change_what_they_are_given() -> None:
    z, y = planted.Z.copy(), planted.IGNORED.copy()

    def loss(z: Any, y: Any) -> Any:
        found = planted.valid(z, y)
        z[:] = 0
        y[:] = 0
        return found

    assert check(loss, planted.valid_grad, z, y)
    assert (z == planted.Z).all()
    assert (y == planted.IGNORED).all()


def test_soft_targets_of_jax_keep_their_digits() -> None:
    import jax
    import optax

    z = jax.numpy.asarray(planted.Z)
    soft = jax.numpy.asarray(planted.softmax(-planted.Z))
    assert check(optax.softmax_cross_entropy, None, z, soft)


# Corners and bends.


@pytest.mark.parametrize("method", ["central", "richardson"])
@pytest.mark.parametrize("steps", [0, 0.2, 0.4, 0.67, 0.8, 0.95, 1.05, 1.5, 3])
def test_a_corner_near_a_logit_is_no_failure(steps: float, method: Any) -> None:
    h = 2.0**-10
    z = np.concatenate([[steps * h, -steps * h], RNG.normal(size=20) + 3])
    report = check(
        lambda z: np.maximum(z, 0) + 9 * z, lambda z: (z > 0) + 9.0, z, task="binary",
        method=method, h=h,
    )  # fmt: skip
    assert report.failed == 0, report
    assert report.verdict == "pass"
    wrong = check(
        lambda z: np.maximum(z, 0) + 9 * z, lambda z: (z > 0) + 9.1, z, task="binary",
        method=method, h=h,
    )  # fmt: skip
    assert wrong.failed >= 10  # what is nearest to a corner is not told


@pytest.mark.parametrize("method", ["central", "richardson"])
def test_a_jump_of_the_curvature_is_no_failure(method: Any) -> None:
    def huber(z: Any) -> Any:
        return np.where(np.abs(z) < 1, z * z / 2, np.abs(z) - 0.5)

    z = np.array([-1.0, 0.0, 1.0, 2.5])
    report = check(huber, lambda z: np.clip(z, -1, 1), z, task="binary", method=method)
    assert report.failed == 0, report
    assert check(huber, lambda z: np.clip(z, -1, 1) + 1e-3, z, task="binary").failed == 4


def test_a_bend_sharper_than_the_step_is_no_failure() -> None:
    z = np.array([0.0, 1.0, 2.0])
    report = check(lambda z: np.tanh(1e6 * z) + z, lambda z: 1e6 / np.cosh(1e6 * z) ** 2 + 1, z,
                   task="binary")  # fmt: skip
    assert report.verdicts.tolist() == [0, 1, 1]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_directions_may_step_over_corners(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "BUDGET", 1e4)
    z = np.random.default_rng(3).normal(size=(60, 20)) * 0.1
    report = check(
        lambda z: np.maximum(z, 0).sum(), lambda z: (z > 0) * 1.0, z, dtype=dtype, task="binary"
    )
    assert report.directions is not None
    assert report.verdict == ("pass" if dtype == "float64" else "inconclusive"), report


# Blame.


def test_softmax_twice_is_not_called_clipping() -> None:
    for rows, classes, scale in ((3, 3, 8.0), (12, 5, 30.0), (44, 9, 10.0), (5, 15, 20.0)):
        z, y = batch(rows, classes, scale)
        report = check(
            lambda z, y: planted.twice(z, y).mean(), lambda z, y: grad_of(z, y) / len(z), z, y
        )
        assert report.mistakes == ["softmax applied twice"]


def test_labels_flipped_in_certain_rows_are_not_called_clipping() -> None:
    """What should be large is 0, and what should be 0 is large."""
    z, y = np.array([[9.0, -9.0], [-12.0, 8.0], [3.0, 21.0]]), np.array([0, 0, 1])
    report = check(planted.rows, lambda z, y: grad_of(z, 1 - y), z, y)
    assert report.mistakes == ["labels flipped"]


def test_clipping_where_all_other_rows_are_certain() -> None:
    z = np.array([[9.0, -9.0], [-9.5, 9.0], [30.0, -1.0], [0.0, 40.0]])
    y = np.array([1, 0, 0, 1])
    report = check(planted.clamped, planted.clamped_grad, z, y)
    assert report.mistakes == ["clipping"]
    assert "is constant in 2 rows whose true class has a probability of 1.52e-08 or less" in (
        said(report)
    )
    z[2:] *= 2
    report = check(planted.rows, planted.clamped_grad, z, y)
    assert report.mistakes == ["clipping"]


def test_two_rows_are_not_enough_for_smoothing_or_weights() -> None:
    z, y = np.array([[0.4, -0.3], [-0.2, 0.9]]), np.array([0, 0])

    def focal(z: Any, y: Any) -> Any:
        return (1 - np.exp(-planted.rows(z, y))) ** 2 * planted.rows(z, y)

    report = check(focal, grad_of, z, y)
    assert report.mistakes[0] == "not at chance"
    assert not [f for f in report.findings if f.level == "note"]
    # One row of a class of its own tells nothing of the class.
    z, y = batch(6, 9)
    y[:] = [0, 1, 2, 3, 4, 4]
    factor = np.array([1.0, 1, 1, 2, 1, 1])
    report = check(lambda z, y: factor * planted.rows(z, y),
                   lambda z, y: factor[:, None] * grad_of(z, y), z, y)  # fmt: skip
    assert report.mistakes == ["not at chance"]


def test_a_weight_that_was_asked_for_comes_before_one_that_nobody_spoke_of() -> None:
    z, y = batch(9, 4)
    y[:] = [0, 0, 0, 1, 1, 2, 2, 3, 3]
    weight = np.array([1.0, 1, 1, 3, 3, 1, 1, 3, 3])  # by rows, and by classes too
    report = check(planted.rows, grad_of, z, y, sample_weight=weight)
    assert report.mistakes == ["sample weight missing"]


def test_of_two_formulas_that_fit_the_one_that_needs_no_factor() -> None:
    z, y = batch(8, 2)  # of two classes p(1 - p) and the Jacobian differ by a factor of 2
    report = check(
        mean, lambda z, y: planted.jacobian(planted.softmax(z), grad_of(z, y)) / len(z), z, y
    )
    assert report.mistakes == ["derivative multiplied in again"]
    assert "diag(p) - pp'" in said(report)


def naive(z: Any, t: Any) -> Any:
    """As in many a notebook: 1 - p loses its digits where p is nearly 1."""
    p = planted.sigmoid(z)
    return -t * np.log(p) - (1 - t) * np.log(1 - p)


@pytest.mark.parametrize("loss", [naive, lambda z, t: naive(z, t).mean()], ids=["rows", "mean"])
def test_a_naive_binary_loss(loss: Any) -> None:
    z, t = np.random.default_rng(0).normal(size=40) * 2, np.arange(40) % 2

    def grad(z: Any, t: Any) -> Any:
        return planted.slope(z, t) / (1 if np.ndim(loss(z, t)) else len(z))

    assert check(loss, grad, z, t)
    # At moderate logits its rounding is measured, and what it hides is inconclusive.
    z[::4] = np.linspace(13, 19, 10)
    report = check(loss, grad, z, t)
    assert not report.mistakes
    assert report.failed == 0
    # At large ones it stands still, and then jumps to infinity.
    z[:10:2] = [33.0, 34.5, 35.0, 31.0, 30.0]
    report = check(naive, planted.slope, z, t)
    assert report.mistakes == ["digits lost"]
    assert re.search(r"In row \d the probability is nearly 1 or 0\. The loss", said(report))


def test_one_wrong_entry_of_many_classes_is_caught_by_directions() -> None:
    z, y = batch(20, 2000)

    def grad(z: Any, y: Any) -> Any:
        found = grad_of(z, y)
        found[7, 999] += 0.3
        return found

    report = check(planted.rows, grad, z, y)
    assert not ((report.numeric.row == 7) & (report.numeric.column == 999)).any()
    assert report.failed == 0
    assert report.verdict == "fail"
    assert check(planted.rows, grad_of, z, y)


def test_directions_tell_nothing_of_an_infinite_loss() -> None:
    z, y = batch(3, 400)
    z[1, y[1]] = -np.inf  # a label of probability 0 costs infinity, as it should

    def rows(z: Any, y: Any) -> Any:
        return xent.cross_entropy(z, y, reduction="none")

    report = check(rows, lambda z, y: np.nan_to_num(grad_of(z, y)), z, y)
    assert report.directions is not None
    assert not (report.directions.verdict == -1).any()


def test_weights_that_were_not_asked_for_do_not_spoil_the_factor_of_a_mean() -> None:
    weight = np.array([1.0, 3.0, 0.5])
    z, y = batch(30, 3)

    def weighted(z: Any, y: Any) -> Any:
        return xent.cross_entropy(z, y, class_weight=weight)

    def grad(z: Any, y: Any) -> Any:
        return xent.cross_entropy(z, y, class_weight=weight, return_grad=True)[1]

    report = check(weighted, grad, z, y)
    assert not report.mistakes, report
    [note] = report.findings
    assert note.name == "weighted classes"
    assert note.seen.endswith("up to a factor.")
