"""Z, slope, temperature and gain: beside other implementations, and where the truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from calibrated import made, predictions

from xent.scoring.calibration.gain import gain_of_classes, gains, isotonic
from xent.scoring.calibration.newton import minimum
from xent.scoring.calibration.outcomes import Outcomes, expit
from xent.scoring.calibration.scores import logits_of, shifted
from xent.scoring.calibration.slope import slope_of
from xent.scoring.calibration.temperature import temperature_of
from xent.scoring.calibration.words import Estimate, confidence
from xent.scoring.calibration.z_test import p_value, z_of, z_of_classes


def of_classes(n, over=1.0, seed=0, classes=4):
    """Shifted logits and labels of a model whose logits are `over` times the true ones."""
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 1.5, (n, classes))
    return shifted(over * z, "logits"), (z + rng.gumbel(size=z.shape)).argmax(axis=1)


def test_z_is_its_definition():
    p, y = predictions()
    p = np.clip(p, 1e-9, 1 - 1e-9)
    loss = -np.log(np.where(y, p, 1 - p))
    entropy = -p * np.log(p) - (1 - p) * np.log1p(-p)
    variance = p * np.log(p) ** 2 + (1 - p) * np.log1p(-p) ** 2 - entropy**2
    w = 1.0 + np.arange(len(y)) % 3
    expected = w @ (loss - entropy) / math.sqrt(w**2 @ variance)
    z = logits_of(p, "probabilities")
    assert z_of(Outcomes.of_rows(z, y, w)).z == pytest.approx(expected, rel=1e-6)
    two = shifted(np.stack([0 * z, z], axis=1), "logits")
    assert z_of_classes(two, y, w).z == pytest.approx(expected, rel=1e-6)


def test_z_of_classes_has_its_first_three_moments():
    u = shifted(np.log([[0.7, 0.2, 0.1]]), "logits")
    p = np.array([0.7, 0.2, 0.1])
    each = [z_of_classes(u, np.array([k])) for k in range(3)]
    z = np.array([one.z for one in each])
    assert [p @ z, p @ z**2, p @ z**3] == pytest.approx([0, 1, each[0].skewness], abs=1e-12)


def test_z_of_confident_rows_keeps_its_accuracy():
    z = np.array([40.0])  # 1 - p is 4e-18, so p is 1 in float64
    found = z_of(Outcomes.of_rows(z, np.array([1])))
    assert found.z == pytest.approx(-math.exp(-20), rel=1e-12)
    two = z_of_classes(shifted(np.array([[0.0, 40.0]]), "logits"), np.array([1]))
    assert two.z == pytest.approx(-math.exp(-20), rel=1e-12)


@pytest.mark.parametrize("classes", [False, True])
def test_z_of_calibrated_models_is_standard_normal(classes):
    if classes:
        found = [z_of_classes(*of_classes(200, seed=i)) for i in range(1000)]
    else:
        found = [z_of(Outcomes.of_rows(*made(200, seed=i))) for i in range(1000)]
    z = np.array([each.z for each in found])
    assert abs(z.mean()) < 4 / math.sqrt(1000)
    assert z.std() == pytest.approx(1, abs=0.09)
    below = np.mean([each.p_value < 0.05 for each in found])
    assert 0.03 < below < 0.075


def test_z_of_over_confident_models():
    assert z_of(Outcomes.of_rows(*made(1000, over=2))).z > 5
    assert z_of(Outcomes.of_rows(*made(1000, over=0.5))).z < -4
    assert "higher than" in z_of(Outcomes.of_rows(*made(1000, over=2))).words
    assert "lead to expect (Z =" in z_of(Outcomes.of_rows(*made(1000))).words


def test_z_is_refused_where_few_rows_decide():
    z = np.full(400, -9.0)
    found = z_of(Outcomes.of_rows(z, np.zeros(400)))
    assert math.isnan(found.p_value)
    assert found.words.startswith("No p-value of Z: a few of the 400 rows decide it")


def test_p_values_are_those_of_a_pearson_type_iii_distribution():
    from scipy.stats import pearson3

    for z in (-2.5, -1.0, 0.5, 2.0, 3.0):
        for skewness in (0.1, 0.5, 1.0):
            tails = pearson3.cdf(z, skewness), pearson3.sf(z, skewness)
            assert p_value(z, skewness) == pytest.approx(2 * min(tails), rel=0.1, abs=2e-3)


def test_the_slope_is_scikit_learns_logistic_regression():
    from sklearn.linear_model import LogisticRegression

    p, y = predictions()
    w = 1.0 + np.arange(len(y)) % 3
    z = np.clip(logits_of(p, "probabilities"), -6, 6)
    found = slope_of(Outcomes.of_rows(z, y, w))
    peer = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12)
    peer.fit(z[:, None], y, w)
    assert found.slope.value == pytest.approx(peer.coef_[0, 0], rel=1e-7)
    assert found.intercept.value == pytest.approx(peer.intercept_[0], rel=1e-7)


def test_errors_of_the_slope_are_those_of_statsmodels():
    # GLM(y, [1, z], Binomial()).fit(cov_type="HC0"), statsmodels 0.14
    p, y = predictions()
    found = slope_of(Outcomes.of_rows(np.clip(logits_of(p, "probabilities"), -6, 6), y))
    estimates = found.intercept.value, found.slope.value
    assert estimates == pytest.approx((-0.28352866, 0.53556049), rel=1e-6)
    errors = found.intercept.error, found.slope.error
    assert errors == pytest.approx((0.17889468, 0.0395721), rel=1e-6)


@pytest.mark.parametrize("over", [0.5, 1.0, 2.0])
def test_the_slope_of_a_model_too_sure_by_a_factor_is_its_inverse(over):
    slopes = [slope_of(Outcomes.of_rows(*made(1000, over, i))).slope for i in range(40)]
    assert sum(each.contains(1 / over) for each in slopes) >= 34
    assert np.mean([each.value for each in slopes]) == pytest.approx(1 / over, rel=0.03)
    slopes = [temperature_of(*of_classes(500, over, i)).slope for i in range(40)]
    assert sum(each.contains(1 / over) for each in slopes) >= 34
    assert np.mean([each.value for each in slopes]) == pytest.approx(1 / over, rel=0.03)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e5])
def test_logits_of_any_size_are_fitted(scale):
    z, y = made(300)
    expected = slope_of(Outcomes.of_rows(z, y)).slope
    found = slope_of(Outcomes.of_rows(scale * z, y)).slope
    assert found.value * scale == pytest.approx(expected.value, rel=1e-9)
    assert found.error * scale == pytest.approx(expected.error, rel=1e-9)
    u, labels = of_classes(300)
    expected = temperature_of(u, labels).slope
    assert temperature_of(scale * u, labels).slope.value * scale == pytest.approx(expected.value)


def test_words_of_the_slope():
    words = slope_of(Outcomes.of_rows(*made(5000, over=1.2))).words
    assert words.startswith("over-confident: divide the logits by 1.19 (slope 0.843, ")
    assert "no sign that label 1 is predicted too often or too rarely" in words
    z, y = made(5000)
    words = slope_of(Outcomes.of_rows(z + 1, y)).words
    assert words.startswith("no sign of over- or under-confidence (slope ")
    assert "; predicts label 1 too often: mean prediction 0.6" in words
    words = slope_of(Outcomes.of_rows(1.5 * z - 1, y)).words
    assert words.startswith("over-confident: divide the logits by 1.")
    assert ", then add 0." in words
    assert "predicts label 1 too rarely" in words


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (1.1, 1.3, "under-confident: multiply the logits by 1.2 "),
        (0.7, 0.9, "over-confident: divide the logits by 1.25 "),
        (0.9, 1.1, "no sign of over- or under-confidence "),
        (-0.1, 1.1, "it cannot be told whether the model is over- or under-confident "),
        (-0.1, 0.3, "over-confident: no sign that the predictions tell anything "),
        (-0.3, -0.1, "the wrong way round"),
    ],
)
def test_words_say_no_more_than_the_interval(low, high, words):
    assert confidence(Estimate((low + high) / 2, (high - low) / 4, low, high)).startswith(words)


def test_refused_slopes():
    z = np.linspace(-1, 1, 40)
    separated = slope_of(Outcomes.of_rows(z, z > 0.3))
    assert separated.words == (
        "No slope: a threshold at probability 0.57 separates the labels of all 40 rows, so no "
        "finite slope is the best one."
    )
    touching = Outcomes(np.array([-1.0, 0, 1]), np.array([20.0, 10, 20]), np.array([0.0, 5, 20]))
    assert "separates" in slope_of(touching).words
    z[0] = -np.inf
    assert slope_of(Outcomes.of_rows(z, np.arange(40) % 2)).words == (
        "No slope: 1 of 40 predictions are exactly 0 or 1, so their logits are infinite."
    )
    few = slope_of(Outcomes.of_rows(np.linspace(-1, 1, 40), np.arange(40) % 8 == 0))
    assert few.words == "No slope: only 5 of 40 rows are label 1, and it takes 10."


def test_refused_temperatures():
    u, labels = of_classes(100)
    right = u.argmax(axis=1)
    assert temperature_of(u, right).words == (
        "No slope: only 0 of 100 true classes are not the likeliest, and it takes 10."
    )
    masked = u.copy()
    masked[0, labels[0]] = -np.inf
    assert temperature_of(masked, labels).words == (
        "No slope: 1 of 100 rows have probability 0 for the true class."
    )
    assert temperature_of(0 * u, labels).words == "No slope: all 100 predictions are uniform."


def test_a_masked_class_leaves_the_temperature():
    u, labels = of_classes(400)
    masked = np.column_stack([u, np.full(400, -np.inf)])
    assert temperature_of(masked, labels).slope == pytest.approx(temperature_of(u, labels).slope)


def test_there_is_nothing_to_gain_for_calibrated_models():
    low = [gains(Outcomes.of_rows(*made(300, seed=i)))[0].gain.low for i in range(40)]
    assert sum(each > 0 for each in low) <= 2
    means = [gains(Outcomes.of_rows(*made(2000, seed=i)))[0].gain.value for i in range(20)]
    assert abs(np.mean(means)) < 1e-3
    assert "nothing to gain" in gains(Outcomes.of_rows(*made(300, seed=1)))[0].words


def test_the_gain_is_what_recalibrating_gains():
    z, y = made(20_000, over=2)
    outcomes = Outcomes.of_rows(z, y)
    truth = (
        np.logaddexp(0, np.where(y, -z, z)).mean() - np.logaddexp(0, np.where(y, -z, z) / 2).mean()
    )
    found = {each.method: each.gain for each in gains(outcomes)}
    assert list(found) == ["Platt", "temperature", "isotonic"]
    for gain in found.values():
        assert gain.low > 0
        assert gain.value == pytest.approx(truth, abs=3e-3)
    assert found["temperature"].value >= found["isotonic"].value


def test_given_folds_are_those_of_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    z, y = made(400, over=1.5)
    order = np.argsort(z)
    z, y = z[order], y[order]
    folds = np.random.default_rng(0).integers(0, 4, 400)
    new = np.empty(400)
    for part in range(4):
        peer = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10)
        peer.fit(z[folds != part, None], y[folds != part])
        new[folds == part] = peer.decision_function(z[folds == part, None])
    gap = np.logaddexp(0, np.where(y, -z, z)) - np.logaddexp(0, np.where(y, -new, new))
    found = gains(Outcomes.of_rows(z, y), folds)[0].gain
    assert found.value == pytest.approx(gap.mean(), rel=1e-6)
    assert found.error == pytest.approx(gap.std() / 20, rel=1e-6)


def test_isotonic_steps_are_never_certain():
    z = np.linspace(-3, 3, 50)
    steps = isotonic(z, np.ones(50), (z > 0).astype(float))
    assert expit(steps(np.array([-9.0, 9.0]))) == pytest.approx([1 / 26, 25 / 26])
    assert (np.diff(steps(np.linspace(-4, 4, 200))) >= 0).all()


def test_the_gain_of_a_temperature():
    u, labels = of_classes(3000, over=2)
    found = gain_of_classes(u, labels).gain
    own = u[np.arange(3000), labels]
    truth = [np.mean(np.log(np.exp(b * u).sum(axis=1)) - b * own) for b in (1, 0.5)]
    assert found.value == pytest.approx(truth[0] - truth[1], abs=5e-3)
    assert found.low > 0
    assert abs(gain_of_classes(*of_classes(3000)).gain.value) < 1e-3


def test_infinite_losses_have_no_gain():
    z, y = made(100)
    z[:2], y[:2] = -np.inf, 1
    assert gains(Outcomes.of_rows(z, y))[0].words == (
        "No gain: 2 of 100 rows have an infinite loss, so any finite loss would be an infinite "
        "gain."
    )
    z[1], y[1] = 0, 0
    assert "1 of 100 rows has" in gains(Outcomes.of_rows(z, y))[0].words


def test_newton_ends_where_there_is_no_minimum():
    def falling(at):
        e = np.exp(-at)
        return float(e[0]), -e, np.diag(e)

    assert minimum(lambda at: (0.0, np.ones(1), np.zeros((1, 1))), np.zeros(1)) is None
    found = minimum(falling, np.zeros(1))
    assert found is None or found[0] > 20
