"""Figures of calibration: beside other implementations, and by their definitions."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from calibrated import made, predictions
from hypothesis import given
from hypothesis import strategies as st

from xent.scoring.calibration import Outcomes, calibration_of, glance_of
from xent.scoring.calibration.bands import bands_of
from xent.scoring.calibration.classwise import classwise_of
from xent.scoring.calibration.corp import corp
from xent.scoring.calibration.curve import curve_of
from xent.scoring.calibration.draws import draws
from xent.scoring.calibration.ece import ece, largest
from xent.scoring.calibration.outcomes import bins_of, expit
from xent.scoring.calibration.pav import _one_by_one, pools
from xent.scoring.calibration.scores import class_logits, logits_of, shifted, top_logits
from xent.scoring.calibration.smooth_ece import series, smooth_ece, smoothed

# miscalibration, discrimination, uncertainty, score by model-diagnostics 1.5.0, scoring.decompose
OF_MODEL_DIAGNOSTICS = {
    ("log", False): (0.1578092718181432, 0.4328319666433238, 0.6603163491952276, 0.38529365437),
    ("Brier", False): (0.013176428044241961, 0.1624240064964, 0.2337650303773, 0.084517451925),
    ("log", True): (0.16385016877091824, 0.43317317718469, 0.6572058137704366, 0.387882805356),
    ("Brier", True): (0.01354157696716915, 0.1625877166456, 0.2322456680196, 0.083199528341),
}


@pytest.mark.parametrize(("rule", "weighted"), OF_MODEL_DIAGNOSTICS)
def test_corp_is_that_of_model_diagnostics(rule, weighted):
    p, y = predictions()
    weights = 1.0 + np.arange(len(y)) % 3 if weighted else None
    found = corp(Outcomes.of_rows(logits_of(p, "probabilities"), y, weights), rule, 0)
    figures = found.miscalibration.value, found.discrimination, found.uncertainty, found.score
    assert figures == pytest.approx(OF_MODEL_DIAGNOSTICS[rule, weighted], rel=1e-9)


def test_the_score_is_scikit_learns():
    from sklearn.metrics import brier_score_loss, log_loss

    p, y = predictions()
    outcomes = Outcomes.of_rows(logits_of(p, "probabilities"), y)
    assert corp(outcomes, "log", 0).score == pytest.approx(log_loss(y, p), rel=1e-12)
    assert corp(outcomes, "Brier", 0).score == pytest.approx(brier_score_loss(y, p), rel=1e-12)


def test_the_curve_is_scikit_learns_isotonic_regression():
    from sklearn.isotonic import IsotonicRegression

    p, y = predictions()
    weights = 1.0 + np.arange(len(y)) % 3
    found = curve_of(Outcomes.of_rows(logits_of(p, "probabilities"), y, weights))
    at = np.column_stack([found.first, found.last])
    expected = IsotonicRegression(out_of_bounds="clip").fit(p, y, weights).predict(at.ravel())
    assert np.repeat(found.observed, 2) == pytest.approx(expected, abs=1e-9)
    assert found.bands is None
    assert found.reason == "No band: it is for rows that count alike, and these 569 have weights."


def test_ece_is_that_of_scikit_learns_curve():
    from sklearn.calibration import calibration_curve

    z, y = made(500)
    p = expit(z)
    true, predicted = calibration_curve(y, p, n_bins=15)
    sizes = np.bincount(np.minimum((15 * p).astype(int), 14))
    outcomes = Outcomes.of_rows(z, y)
    assert ece(outcomes) == pytest.approx(sizes @ abs(true - predicted) / 500, rel=1e-9)
    assert largest(outcomes) == pytest.approx(abs(true - predicted).max(), rel=1e-9)


def test_smooth_ece_is_relplots():
    # relplot 1.0.3 on predictions from 0.12 to 0.88: near 0 and 1 it loses half of what is there
    z = np.linspace(-2, 2, 401)
    y = (np.arange(401) * 0.618034) % 1 < expit(z) ** 1.5
    outcomes = Outcomes.of_rows(z, y)
    assert smooth_ece(outcomes) == pytest.approx(0.12082928525137357, rel=2e-3)
    for sigma, expected in ((0.02, 0.12099402508), (0.05, 0.12093318761), (0.1, 0.12084295135)):
        found = smoothed(series(outcomes, outcomes.happened), sigma)
        assert found == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("sigma", [0.01, 0.05, 0.3])
def test_smooth_ece_is_its_definition(sigma):
    z, y = made(60, over=2, deviation=5)
    w = np.random.default_rng(1).uniform(0.2, 2, 60)
    t = np.linspace(0, 1, 20_001)
    curve = np.zeros(len(t))
    for p, label, weight in zip(expit(z), y, w, strict=True):
        for centre in (k + sign * p for k in range(-6, 7, 2) for sign in (1, -1)):
            curve += weight * (p - label) * np.exp(-(((t - centre) / sigma) ** 2) / 2)
    expected = np.trapezoid(abs(curve), t) / (sigma * math.sqrt(2 * math.pi) * w.sum())
    outcomes = Outcomes.of_rows(z, y, w)
    assert smoothed(series(outcomes, outcomes.happened), sigma) == pytest.approx(expected, rel=1e-4)


def test_smooth_ece_is_a_fixed_point():
    for over in (1.0, 3.0):
        outcomes = Outcomes.of_rows(*made(400, over))
        sigma = smooth_ece(outcomes)
        assert smoothed(series(outcomes, outcomes.happened), sigma) == pytest.approx(
            sigma, abs=2e-6
        )
    assert smooth_ece(Outcomes.of_rows(np.array([np.inf]), np.array([0]))) == pytest.approx(1)


@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(0, 5), st.integers(0, 2)), min_size=1),
)
def test_pooling_at_once_is_pooling_one_by_one(cells):
    weights, sums, steps = np.array(cells, dtype=float).T
    segment = steps.cumsum()
    assert pools(weights, sums, segment).tolist() == _one_by_one(weights, sums, segment).tolist()


def test_long_chains_are_pooled():
    sums = np.append(np.arange(1.0, 300), -1e6)  # the last cell takes the others one after another
    assert pools(np.ones(300), sums).tolist() == [0]
    sums = np.append(np.arange(1.0, 300), 200.0)
    assert pools(np.ones(300), sums).tolist() == _one_by_one(np.ones(300), sums, None).tolist()


def test_infinite_losses():
    z = np.array([-np.inf, -1.0, 1.0, np.inf])
    found = corp(Outcomes.of_rows(z, np.array([1, 0, 1, 1])), "log", 20)
    assert found.score == found.miscalibration.value == math.inf
    assert found.miscalibration.exceeds
    assert math.isfinite(found.miscalibration.mean)
    assert math.isfinite(found.discrimination)
    right = corp(Outcomes.of_rows(z, np.array([0, 0, 1, 1])), "log", 20)
    assert right.miscalibration.value == pytest.approx(0.5 * math.log1p(math.exp(-1)))
    assert math.isfinite(corp(Outcomes.of_rows(z, np.array([1, 0, 1, 1])), "Brier", 0).score)


def test_a_state_may_know_of_infinite_losses_that_bins_do_not_show():
    z, y = made(200)
    found = glance_of(z, y, kind="logits", infinite=3)
    assert found.z.z == found.miscalibration.value == math.inf
    many = np.stack([z, -z, 0 * z], axis=1)
    found = calibration_of(many, y, kind="logits", infinite=3, count=20)
    assert found.z.z == math.inf
    assert found.slope.reason == "No slope: 3 of 200 rows have probability 0 for the true class."
    assert found.gains[0].reason == "No gain: 3 of 200 rows have probability 0 for the true class."


def test_draws_have_the_predicted_frequencies():
    cells = Outcomes(np.array([-2.0, 0.0, 3.0]), np.array([1.0, 50.0, 7.0]), np.zeros(3))
    drawn = np.concatenate(list(draws(cells, 4000)))
    error = np.sqrt(cells.rows * cells.p * cells.q / 4000)
    assert abs(drawn.mean(axis=0) - cells.rows * cells.p).max() < 4 * error.max()
    assert np.array_equal(drawn, np.concatenate(list(draws(cells, 4000))))


def test_figures_of_a_calibrated_model_are_like_their_draws():
    exceeds = []
    for seed in range(20):
        found = corp(Outcomes.of_rows(*made(300, seed=seed)), "log", 40).miscalibration
        exceeds.append(found.exceeds)
        assert found.value == pytest.approx(0.037, abs=0.03)
    assert sum(exceeds) <= 4
    assert corp(Outcomes.of_rows(*made(300, over=3)), "log", 40).miscalibration.exceeds


@pytest.mark.parametrize("weighted", [False, True])
def test_bins_give_nearly_the_figures_of_rows(weighted):
    z, y = made(20_000, over=1.5)
    weights = np.random.default_rng(0).uniform(0.5, 2, len(z)) if weighted else None
    rows = Outcomes.of_rows(z, y, weights)
    coarse = rows.coarse()
    assert len(coarse.logits) <= 4096
    assert coarse.total == pytest.approx(rows.total)
    for figure in (smooth_ece, ece, lambda o: corp(o, "Brier", 0).miscalibration.value):
        assert float(figure(coarse)) == pytest.approx(float(figure(rows)), rel=0.02)


def test_infinite_logits_stay_apart_in_bins():
    z, y = made(5000)
    z[:3], y[:3] = -np.inf, 0
    z[3:6] = -30 - np.arange(3)
    coarse = Outcomes.of_rows(z, y).coarse()
    assert coarse.rows[:2].tolist() == [3, 3]
    assert coarse.logits[:2].tolist() == [-np.inf, -31]
    assert coarse.infinite_logits == 3


def test_a_histogram_stands_for_all_rows():
    z, y = made(50_000, over=1.2)
    bins = bins_of(z)
    histogram = tuple(np.bincount(bins[y == label], minlength=4096) for label in (0, 1))
    sample = glance_of(z[:500], y[:500], kind="logits", histogram=histogram)
    whole = glance_of(z, y, kind="logits", histogram=histogram)
    assert (sample.rows, sample.note, whole.note) == (50_000, "", "")
    assert sample.slope.slope.value == pytest.approx(whole.slope.slope.value, rel=1e-4)
    assert sample.z.z == pytest.approx(whole.z.z, rel=1e-3)
    assert sample.miscalibration.value == pytest.approx(whole.miscalibration.value, rel=0.01)

    histogram[0][0] = 1  # a prediction of 1e-10, or of 0
    found = glance_of(z[:500], y[:500], kind="logits", histogram=histogram)
    assert found.note == "Calibration is computed from a sample of 500 of 50,001 rows."


@pytest.mark.parametrize("over", [1.0, 1.5])
def test_the_band_holds_the_true_curve(over):
    for n in (30, 100, 1000):
        held = []
        for seed in range(40):
            z, y = made(n, over, seed)
            low, high = bands_of(Outcomes.of_rows(z, y)).at(expit(z))
            held.append(((low <= expit(z / over)) & (expit(z / over) <= high)).all())
        assert sum(held) >= 38


def test_the_band_excludes_what_is_wrong():
    found = bands_of(Outcomes.of_rows(*made(10_000, over=2)))
    (first, last, low), *_, (_, _, high) = found.excluded()
    assert (low, high) == ("too low", "too high")
    assert 0 < first < last < 0.5
    assert bands_of(Outcomes.of_rows(*made(10_000))).excluded() == []


def test_the_band_of_tied_predictions_is_clopper_and_pearsons():
    from scipy.stats import binomtest

    found = bands_of(Outcomes(np.array([0.3]), np.array([50.0]), np.array([20.0])), 0.9)
    expected = binomtest(20, 50).proportion_ci(0.9)
    assert (found.low[0], found.high[0]) == pytest.approx((expected.low, expected.high), rel=1e-9)
    p = found.low_from[0]
    outside = found.at(np.array([p - 1e-6, p + 1e-6]))
    assert outside[0].tolist() == [0, found.low[0]]
    assert outside[1].tolist() == [found.high[0], 1]


def test_the_band_of_bins_holds_for_all_that_a_bin_may_hold():
    counts = np.zeros(4096)
    counts[[1000, 3000]] = 100
    found = bands_of(Outcomes.of_histogram(counts, counts))
    cells = Outcomes.of_histogram(counts, counts)
    assert found.low_from == pytest.approx(expit(cells.high))
    assert found.high_to == pytest.approx(expit(cells.low))
    assert (cells.low < cells.logits).all()
    assert (cells.logits < cells.high).all()


def test_each_kind_of_score_gives_the_same():
    z = np.array([[1.0, -2.0, 0.5], [40.0, 0.0, -800.0]])
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    for kind, scores in (("log-probabilities", log_p), ("probabilities", np.exp(log_p))):
        u = shifted(scores, kind)
        assert np.exp(u) == pytest.approx(np.exp(shifted(z, "logits")), abs=1e-15)
        one = logits_of(scores[0], kind)
        p = np.exp(log_p[0])
        assert one == pytest.approx(np.log(p / (1 - p)), rel=1e-12)


def test_logits_are_accurate_for_confident_predictions():
    assert logits_of(np.array([-1e-20, -1e-3]), "log-probabilities") == pytest.approx(
        [20 * math.log(10), math.log(1 / math.expm1(1e-3))], rel=1e-14
    )
    u = shifted(np.array([[50.0, 0.0, 10.0]]), "logits")
    logit, right = top_logits(u, np.array([0]))
    assert logit[0] == pytest.approx(40 - math.log1p(math.exp(-10)), rel=1e-15)
    assert right[0]
    assert class_logits(u)[0, 0] == logit[0]
    p = np.exp(u[0]) / np.exp(u[0]).sum()
    assert class_logits(u)[0, 1:] == pytest.approx(np.log(p[1:] / (1 - p[1:])), rel=1e-12)


def test_many_classes():
    rng = np.random.default_rng(0)
    z = rng.normal(0, 2, (3000, 5))
    labels = (z + rng.gumbel(size=z.shape)).argmax(axis=1)
    right = calibration_of(z, labels, kind="logits", count=100)
    assert right.classwise.miscalibration.value < 1.1 * right.classwise.miscalibration.mean
    assert right.event == "the likeliest class"
    for k in range(5):  # no bins with so few rows: the figures of each class against the others
        own = Outcomes.of_rows(class_logits(shifted(z, "logits"))[:, k], labels == k)
        expected = corp(own, "log", 0).miscalibration.value
        assert right.classwise.by_class[k] == pytest.approx(expected, rel=1e-9)
    wrong = calibration_of(2 * z, labels, kind="logits", count=20)
    assert wrong.classwise.miscalibration.exceeds
    assert wrong.classwise.ece15.exceeds
    assert wrong.smooth_ece.exceeds
    assert wrong.slope.slope.contains(0.5)


def test_an_impossible_class_came_true():
    u = np.array([[0.0, -1.0, -np.inf]] * 30)
    found = classwise_of(u, np.repeat([0, 1, 2], 10))
    assert found.by_class[2] == found.miscalibration.value == math.inf
    assert np.isfinite(found.by_class[:2]).all()
    assert math.isfinite(found.miscalibration.high)


def test_too_many_classes():
    found = classwise_of(np.zeros((2, 101)), np.zeros(2, dtype=int))
    assert found.reason == "No figures by class: there are 101 classes, more than 100."


def test_two_columns_are_one():
    z, y = made(300)
    one = calibration_of(z, y, kind="logits", count=20)
    two = calibration_of(np.stack([0 * z, z], axis=1), y, kind="logits", count=20)
    assert (one.z, one.slope, one.log, one.gains) == (two.z, two.slope, two.log, two.gains)
    assert two.classwise is None


def test_labels_all_of_one_class_and_equal_predictions():
    found = calibration_of(np.full(40, 1.0), np.ones(40, dtype=int), kind="logits", count=20)
    assert found.log.uncertainty == found.log.discrimination == 0
    assert found.slope.reason == "No slope: only 0 of 40 rows are not label 1, and it takes 10."
    assert found.gains[0].reason == "No gain: only 0 of 40 rows have one of the two labels."
    found = calibration_of(np.zeros(40), np.arange(40) % 2, kind="logits", count=20)
    assert found.slope.reason == "No slope: all 40 predictions are the same."
    assert found.z.reason.startswith("No Z: the 40 predictions are all certain or uniform")


def test_no_rows():
    with pytest.raises(ValueError, match="there are no rows"):
        glance_of(np.zeros(0), np.zeros(0), kind="logits")


def test_weights_of_one_change_nothing():
    z, y = made(300, over=1.3)
    plain, weighted = (
        calibration_of(z, y, weights, kind="logits", count=20) for weights in (None, np.ones(300))
    )
    assert weighted.z.z == pytest.approx(plain.z.z)
    assert weighted.slope.slope.error == pytest.approx(plain.slope.slope.error)
    assert weighted.log.miscalibration.value == pytest.approx(plain.log.miscalibration.value)
    assert weighted.smooth_ece.value == pytest.approx(plain.smooth_ece.value)


def test_scipy_is_imported_only_for_bands():
    code = (
        "import sys, numpy as np; from xent.scoring.calibration import glance_of; "
        "glance_of(np.linspace(-1, 1, 40), np.arange(40) % 2, kind='logits'); "
        "sys.exit('scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("classes", [0, 2, 3])
@pytest.mark.parametrize("rows", [1, 3, 60])
@pytest.mark.parametrize("scale", [0.0, 1.0, 600.0, 1e150])
def test_every_figure_is_a_number_or_has_a_reason(classes, rows, scale):
    rng = np.random.default_rng(rows)
    z = scale * rng.normal(size=(rows, classes) if classes else rows)
    z[0] = -np.inf if classes == 0 else 0.0
    for weights in (None, np.full(rows, 1e-150), 10 ** rng.uniform(-12, 12, rows)):
        for labels in (rng.integers(0, max(2, classes), rows), np.zeros(rows, dtype=int)):
            found = calibration_of(z, labels, weights, kind="logits", count=3)
            told = [found.z.words, found.slope.words, *(each.words for each in found.gains)]
            assert not any("nan" in each for each in told)
            assert not math.isnan(found.log.miscalibration.value + found.smooth_ece.value)
