"""Intervals: against independent implementations, exact arithmetic and known truths; refusals."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import optimize, stats
from score_coverage_clusters import Clustered, clustered
from score_coverage_page import coverage
from score_coverage_rows import ACCURATE, RARE, Population, binary, independent
from score_coverage_tally import BALANCED, log1pexp, sigmoid
from sklearn.metrics import average_precision_score, roc_auc_score

from xent.scoring.intervals import (
    ClassMoments,
    Effective,
    Interval,
    LossMoments,
    auc,
    auc_interval,
    average_precision,
    average_precision_interval,
    class_moments,
    holm,
    jackknife_interval,
    macro_interval,
    mcnemar,
    mean_interval,
    moments_of,
    moments_of_sums,
    normal_quantile,
    paired_interval,
    proportion_interval,
    ratio_interval,
    skill_interval,
    t_quantile,
    weighted_proportion_interval,
)
from xent.scoring.intervals.skewed import hall_bounds

ONE = 1 << 1126


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(12)


def whole(values: Any) -> int:
    """The exact sum, as a state holds it."""
    total = sum((Fraction(float(value)) for value in values), Fraction(0)) * ONE
    assert total.denominator == 1
    return int(total)


def sums_of(losses: Any, weight: Any, labels: Any, classes: int) -> dict[str, list[int]]:
    """Exact sums by class of products that are rounded at every multiplication."""
    w, x = weight, losses
    products = {"wl": w * x, "wll": w * x * x, "wlll": w * x * x * x}
    products |= {"w": w, "ww": w * w, "wwl": w * w * x, "wwll": (w * x) * (w * x)}
    return {
        name: [whole(values[labels == j]) for j in range(classes)]
        for name, values in products.items()
    }


def data(rng: np.random.Generator, rows: int = 60) -> tuple[Any, Any, Any]:
    labels = rng.integers(0, 2, rows)
    return rng.gamma(1.0 + labels), rng.choice([0.5, 1.0, 2.0], rows) * (1 + labels), labels


def by_class(losses: Any, labels: Any, weight: Any = None) -> ClassMoments:
    w = np.ones(len(losses)) if weight is None else weight
    sums = sums_of(losses, w, labels, 2)
    if weight is None:
        sums = {name: sums[name] for name in ("wl", "wll", "wlll")}
    return class_moments(["no", "yes"], np.bincount(labels, minlength=2).tolist(), ONE, sums)


# Quantiles, Holm, McNemar.


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95, 0.99, 0.999])
def test_quantiles_are_scipys(level: float) -> None:
    assert normal_quantile(level) == pytest.approx(stats.norm.ppf(0.5 + level / 2), rel=1e-12)
    for freedom in (1, 2, 3, 4, 9, 30, 99, 200, 200.5, 1000, 1e6):
        expected = stats.t.ppf(0.5 + level / 2, freedom)
        assert t_quantile(level, freedom) == pytest.approx(expected, rel=1e-9), freedom
    assert t_quantile(level, 9.9) == t_quantile(level, 9)


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, 95, math.nan])
def test_a_level_is_between_0_and_1(level: float) -> None:
    with pytest.raises(ValueError, match=r"level is .*; expected a number between 0 and 1"):
        mean_interval(moments_of(np.arange(20.0)), level)
    with pytest.raises(ValueError, match="level is"):
        proportion_interval(0.5, 20, level)


def test_holm_by_its_definition(rng: np.random.Generator) -> None:
    for _ in range(200):
        values = rng.choice([0.0, 0.01, 0.02, 0.03, 0.2, 1.0, math.nan], rng.integers(0, 7))
        corrected = holm(values.tolist())
        kept = sorted(value for value in values if value == value)
        for value, found in zip(values, corrected, strict=True):
            if value != value:
                assert found != found
                continue
            below = [(len(kept) - i) * each for i, each in enumerate(kept) if each <= value]
            # Of equal values the first decides: the later ones have smaller factors.
            assert found == pytest.approx(min(1.0, max(below)))
    with pytest.raises(ValueError, match=r"a p-value is 1\.2"):
        holm([0.1, 1.2])


def score_of(b: int, c: int, n: int, difference: float) -> float:
    """Tango's statistic, with the likeliest share found by a search."""

    def surprise(q: float) -> float:
        p = q + difference
        shares = p, q, 1 - p - q
        return -sum(k * math.log(s) for k, s in zip((b, c, n - b - c), shares, strict=True) if k)

    bounds = max(0.0, -difference) + 1e-12, (1 - difference) / 2 - 1e-12
    q = optimize.minimize_scalar(surprise, bounds=bounds, method="bounded",
                                 options={"xatol": 1e-13}).x  # fmt: skip
    return (b - c - n * difference) / math.sqrt(n * (2 * q + difference * (1 - difference)))


@pytest.mark.parametrize(("b", "c", "n"), [(12, 3, 100), (3, 12, 100), (1, 0, 40), (40, 44, 90)])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_bounds_of_paired_accuracies_are_just_not_rejected(
    b: int, c: int, n: int, level: float
) -> None:
    found, z = paired_interval(b, c, n, level), stats.norm.ppf((1 + level) / 2)
    assert score_of(b, c, n, found.low) == pytest.approx(z, rel=1e-4)
    assert score_of(b, c, n, found.high) == pytest.approx(-z, rel=1e-4)
    turned = paired_interval(c, b, n, level)
    assert (turned.low, turned.high) == (-found.high, -found.low)


def test_paired_accuracies_at_their_ends() -> None:
    assert paired_interval(0, 0, 20).low == -paired_interval(0, 0, 20).high < 0
    assert paired_interval(20, 0, 20).high == 1.0
    assert paired_interval(3, 1, 9).reason == "only 9 rows: an interval needs 10"
    assert 0 < paired_interval(44, 5, 2_000_000).low < 39 / 2_000_000


@pytest.mark.parametrize(
    ("p", "q"), [(0.02, 0.02), (0.05, 0.02), (0.1, 0.0), (0.3, 0.1), (0.5, 0.4)]
)
def test_intervals_of_paired_accuracies_cover(p: float, q: float) -> None:
    n = 30  # summed over all outcomes
    covered = 0.0
    for b, c in itertools.product(range(n + 1), range(n + 1)):
        chance = stats.multinomial.pmf([b, c, n - b - c], n, [p, q, 1 - p - q]) if b + c <= n else 0
        if chance > 1e-7:
            found = paired_interval(b, c, n)
            covered += chance * (found.low <= p - q <= found.high)
    assert covered > 0.929


def test_mcnemar_is_the_binomial_test() -> None:
    for b, c in itertools.product(range(25), range(25)):
        expected = stats.binomtest(b, b + c).pvalue if b + c else 1.0
        assert mcnemar(b, c) == pytest.approx(expected, rel=1e-12)
    for b, c in ((5000, 5300), (20_000, 20_300), (3, 400)):
        assert mcnemar(b, c) == pytest.approx(stats.binomtest(b, b + c).pvalue, rel=1e-8)
    with pytest.raises(ValueError, match="counts of rows are -1 and 2"):
        mcnemar(-1, 2)


# Means.


def test_the_bounds_solve_halls_cubic() -> None:
    for a, b in ((0.1, 0.05), (-0.2, 0.1), (0.4, 0.2), (1e-7, 0.0)):
        for value, bound in zip((2.0, -2.0), hall_bounds(1.0, 0.5, 2.0, a, b), strict=True):
            found = 2 * (1.0 - bound)
            assert found + a * found**2 + b + a * a * found**3 / 3 == pytest.approx(value)


def test_moments_from_exact_sums_are_those_of_arrays(rng: np.random.Generator) -> None:
    losses, weight, labels = data(rng)
    plain = moments_of_sums(len(losses), ONE, sums_of(losses, weight**0, labels * 0, 1))
    assert_moments(plain, moments_of(losses))
    unweighted = {
        name: amounts
        for name, amounts in sums_of(losses, weight**0, labels, 2).items()
        if name in ("wl", "wll", "wlll")
    }
    assert_moments(moments_of_sums(np.bincount(labels).tolist(), ONE, unweighted), plain)
    # With weights that are equal in a class, sums by class say all.
    weight = 1.0 + 4 * labels
    sums = sums_of(losses, weight, labels, 2)
    found = moments_of_sums(np.bincount(labels).tolist(), ONE, sums)
    assert_moments(found, moments_of(losses, weight))
    squares = (weight * (losses - found.mean)) ** 2
    n = len(losses)
    assert found.error == pytest.approx(math.sqrt(n / (n - 1) * squares.sum()) / weight.sum())
    assert found.effective == pytest.approx(weight.sum() ** 2 / (weight**2).sum())


def assert_moments(found: LossMoments, expected: LossMoments) -> None:
    for name in ("rows", "mean", "variance", "third", "effective", "error", "pull"):
        assert getattr(found, name) == pytest.approx(
            getattr(expected, name), rel=1e-9, abs=1e-14
        ), name


def test_moments_of_nearly_equal_losses_do_not_cancel() -> None:
    losses = 5.0 + np.arange(50) % 3 * 2.0**-18  # whose squares are exact
    sums = sums_of(losses, np.ones(50), np.zeros(50, int), 1)
    found = moments_of_sums(50, ONE, sums)
    with mpmath.workdps(100):
        values = [mpmath.mpf(float(value)) for value in losses]
        mean = sum(values) / 50
        error = mpmath.sqrt(sum((value - mean) ** 2 for value in values) / 49 / 50)
    assert found.mean == float(mean)
    assert found.error == pytest.approx(float(error), rel=1e-14)
    # Beyond that, what is left of the squares is their rounding.
    same = moments_of_sums(50, ONE, sums_of(losses**0 * 0.1, np.ones(50), np.zeros(50, int), 1))
    refusal(mean_interval(same), "all 50 rows have the same loss: its spread is unknown")


def test_the_interval_of_a_mean_is_halls_formula(rng: np.random.Generator) -> None:
    losses = rng.exponential(1.0, 200)
    n, g = 200, stats.skew(losses)
    s, u = losses.std(ddof=1), stats.t.ppf([0.975, 0.025], 199) / math.sqrt(200)
    expected = losses.mean() - s * (3 / g) * (np.cbrt(1 + g * (u - g / (6 * n))) - 1)
    found = mean_interval(moments_of(losses))
    assert [found.low, found.high] == pytest.approx(expected, rel=1e-10)
    assert found.error == pytest.approx(s / math.sqrt(n))
    assert found.known
    assert found.method == "Hall"


# Proportions and clusters.


def test_wilson_is_scipys() -> None:
    for hits in (0, 1, 37, 99, 100):
        expected = stats.binomtest(hits, 100).proportion_ci(0.9, method="wilson")
        found = proportion_interval(hits / 100, 100, 0.9)
        assert [found.low, found.high] == pytest.approx([expected.low, expected.high], abs=1e-12)


@pytest.mark.parametrize("rows", [10, 50, 300, 1000, 12345, 10**8])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.999])
def test_no_proportion_and_the_whole_are_bounds_without_rounding(rows: int, level: float) -> None:
    assert proportion_interval(0.0, rows, level).low == 0
    assert proportion_interval(1.0, rows, level).high == 1
    assert proportion_interval(1 / rows, rows, level).low > 0
    assert proportion_interval(1 - 1 / rows, rows, level).high < 1


def test_a_weighted_proportion_takes_its_error_from_the_classes(rng: np.random.Generator) -> None:
    right, labels = rng.random(400) < 0.7, rng.integers(0, 2, 400)
    weight = 1.0 + 9 * labels
    of = [labels == 0, labels == 1]
    parts = (np.array([v[rows].sum() for rows in of]) for v in (weight * right, weight, weight**2))
    found = weighted_proportion_interval(*parts, 400)
    share = weight @ right / weight.sum()
    error = math.sqrt(((weight * (right - share)) ** 2).sum()) / weight.sum()
    assert found.error == pytest.approx(error)


def test_clusters_are_the_jackknife_that_leaves_one_out(rng: np.random.Generator) -> None:
    sizes = rng.integers(1, 9, 40).astype(float)
    sums = rng.gamma(sizes)
    found = ratio_interval(sums, sizes)
    without = (sums.sum() - sums) / (sizes.sum() - sizes)
    centre = sums.sum() / sizes.sum()
    assert found.error == pytest.approx(math.sqrt(39 / 40 * ((without - centre) ** 2).sum()))
    # Equal clusters: as the mean of independent values.
    one, other = ratio_interval(sums, sizes**0), mean_interval(moments_of(sums))
    assert [one.low, one.high] == pytest.approx([other.low, other.high])


def test_the_jackknife_of_a_mean_is_its_standard_error(rng: np.random.Generator) -> None:
    x = rng.random(30)
    found = jackknife_interval(x.mean(), (x.sum() - x) / 29, np.ones(30))
    expected = stats.t.interval(0.95, 29, x.mean(), stats.sem(x))
    assert [found.low, found.high] == pytest.approx(expected)
    share = jackknife_interval(x.mean(), (x.sum() - x) / 29, np.ones(30), share=True)
    middle = (math.log(p / (1 - p)) for p in (share.low, share.high))
    assert sum(middle) / 2 == pytest.approx(math.log(x.mean() / (1 - x.mean())))


# Figures over classes.


def skill(losses: Any, labels: Any, weight: Any) -> float:
    shares = np.bincount(labels, weight) / weight.sum()
    return float(1 - losses @ weight / weight.sum() / -(shares @ np.log(shares)))


def test_the_error_of_skill_is_that_of_small_changes_of_weights(rng: np.random.Generator) -> None:
    for weighted in (False, True):
        losses, weight, labels = data(rng, 80)
        weight = weight if weighted else weight**0
        slopes = np.empty(80)
        for i in range(80):  # the derivative by a factor of the row's weight
            up, down = weight.copy(), weight.copy()
            up[i], down[i] = weight[i] * (1 + 1e-5), weight[i] * (1 - 1e-5)
            slopes[i] = (skill(losses, labels, up) - skill(losses, labels, down)) / 2e-5
        found = skill_interval(by_class(losses, labels, weight if weighted else None))
        assert found.error == pytest.approx(math.sqrt(80 / 79 * (slopes**2).sum()), rel=1e-6)
        assert found.low < skill(losses, labels, weight) < found.high


def test_skill_against_a_given_baseline_is_a_ratio(rng: np.random.Generator) -> None:
    losses, _, labels = data(rng, 80)
    surprise = np.where(labels == 1, -math.log(0.3), -math.log(0.7))
    found = skill_interval(by_class(losses, labels), baseline=np.array([0.7, 0.3]))
    ratio = losses.sum() / surprise.sum()
    off = losses - ratio * surprise
    assert found.error == pytest.approx(math.sqrt(80 / 79 * (off @ off)) / surprise.sum())
    with pytest.raises(ValueError, match=r"baseline has shape \(3,\); expected \(2,\)"):
        skill_interval(by_class(losses, labels), baseline=np.ones(3) / 3)


def test_the_error_of_the_macro_loss_adds_those_of_the_classes(rng: np.random.Generator) -> None:
    losses, _, labels = data(rng)
    found = macro_interval(by_class(losses, labels))
    errors = [stats.sem(losses[labels == j]) for j in (0, 1)]
    assert found.error == pytest.approx(math.hypot(*errors) / 2)
    welch = stats.ttest_ind(losses[labels == 0], losses[labels == 1], equal_var=False).df
    half = t_quantile(0.95, welch) * found.error
    assert found.high - found.low == pytest.approx(2 * half, rel=0.1)


# Ranks.


def ranked(rng: np.random.Generator, rows: int = 90) -> tuple[Any, Any]:
    labels = rng.random(rows) < 0.4
    return np.clip(rng.normal(10 + 3 * labels, 3).astype(int), 0, 19), labels


def test_auc_and_average_precision_are_scikit_learns(rng: np.random.Generator) -> None:
    scores, labels = ranked(rng)
    weight = rng.random(90)
    for w in (np.ones(90), weight):
        negatives, positives = (np.bincount(scores[of], w[of], 20) for of in (~labels, labels))
        assert auc(negatives, positives) == pytest.approx(
            roc_auc_score(labels, scores, sample_weight=w)
        )
        assert average_precision(negatives, positives) == pytest.approx(
            average_precision_score(labels, scores, sample_weight=w)
        )
    assert math.isnan(auc(np.zeros(3), np.ones(3)))
    assert math.isnan(average_precision(np.ones(3), np.zeros(3)))


def test_the_error_of_auc_is_delongs_on_raw_scores(rng: np.random.Generator) -> None:
    scores, labels = ranked(rng)
    high, low = scores[labels], scores[~labels]
    wins = (high[:, None] > low) + 0.5 * (high[:, None] == low)
    variance = wins.mean(axis=1).var(ddof=1) / len(high) + wins.mean(axis=0).var(ddof=1) / len(low)
    counts = [np.bincount(each, minlength=20) for each in (low, high)]
    found = auc_interval(*counts)
    assert found.error == pytest.approx(math.sqrt(variance))
    assert found.low < wins.mean() < found.high
    # Weights that are all 3 change nothing but the number of effective rows that is given.
    same = auc_interval(
        *(3.0 * each for each in counts),
        effective=Effective(len(low), len(high)),
        rows=(len(low), len(high)),
    )
    assert [same.low, same.high] == pytest.approx([found.low, found.high])


def test_the_error_of_average_precision_is_that_of_small_changes(rng: np.random.Generator) -> None:
    scores, labels = ranked(rng)
    counts = [np.bincount(scores[of], minlength=20).astype(float) for of in (~labels, labels)]
    squares = 0.0
    for side, place in itertools.product((0, 1), range(20)):
        changed = [[each.copy() for each in counts] for _ in range(2)]
        changed[0][side][place] += 1e-5
        changed[1][side][place] -= 1e-5 if counts[side][place] else 0.0
        if counts[side][place]:
            slope = (average_precision(*changed[0]) - average_precision(*changed[1])) / 2e-5
            squares += counts[side][place] * slope**2
    n = labels.sum()
    found = average_precision_interval(*counts)
    assert found.error == pytest.approx(math.sqrt(n / (n - 1) * squares), rel=1e-6)


# Coverage: a small part of benchmarks/score_coverage.py, with the same code.


@pytest.mark.parametrize(
    ("population", "rows"),
    [
        (binary(ACCURATE, 2.0), 100),
        (binary(RARE, 2.0), 1000),
        (binary(BALANCED, 2.0, weighted=True), 1000),
    ],
    ids=["accurate", "rare", "weights"],
)
def test_intervals_hold_the_truth(population: Population, rows: int) -> None:
    found = independent(population, rows, 400, seed=4)
    for name, tally in found.items():
        if name != "normal" and tally["shown"]:
            # 400 sets: a few standard errors beside 93 to 98 %.
            assert 89 < coverage(tally) <= 99.8, name
    if rows == 1000 and not population.weighted:
        assert coverage(found["normal"]) < coverage(found["log loss"]) - 2


def test_intervals_over_clusters_hold_the_truth() -> None:
    found = clustered(Clustered((0.0, 1.5)), 30, 500, seed=4)
    for name in ("log loss", "Brier", "accuracy", "skill", "AUC"):
        assert 90.5 < coverage(found[name]) <= 99, name
    assert coverage(found["as if independent"]) < 90


def test_true_figures_are_those_of_a_large_sample(rng: np.random.Generator) -> None:
    z = rng.normal(0, 1.5, 400_000)
    true = rng.random(len(z)) < sigmoid(z)
    loss = log1pexp(np.where(true, -2 * z, 2 * z))
    truth = binary(BALANCED, 2.0).truth
    assert truth["log loss"] == pytest.approx(loss.mean(), abs=0.005)
    assert truth["AUC"] == pytest.approx(roc_auc_score(true, z), abs=0.004)
    assert truth["average precision"] == pytest.approx(average_precision_score(true, z), abs=0.005)
    assert truth["skill"] == pytest.approx(1 - loss.mean() / math.log(2), abs=0.008)


# Refusals.


def refusal(interval: Interval, reason: str) -> None:
    assert not interval.known
    assert interval.reason == reason
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)


def test_means_that_are_refused() -> None:
    x = np.arange(20.0)
    plain = moments_of(x)
    refusal(
        mean_interval(plain, infinite=1), "1 row has an infinite loss: the mean has no interval"
    )
    refusal(
        mean_interval(plain, infinite=1200),
        "1,200 rows have an infinite loss: the mean has no interval",
    )
    for rows, words in ((0, "0 rows"), (1, "1 row"), (9, "9 rows")):
        refusal(mean_interval(moments_of(x[:rows])), f"only {words}: an interval needs 10")
    refusal(
        mean_interval(moments_of_sums(0, ONE, {"wl": 0, "wll": 0, "wlll": 0})),
        "only 0 rows: an interval needs 10",
    )
    refusal(
        mean_interval(plain, counts={"no": 17, "yes": 3}),
        "only 3 rows of class 'yes': an interval needs 5",
    )
    refusal(
        mean_interval(plain, counts={"no": 20, "yes": 0}),
        "no row of class 'yes': an interval needs 5",
    )
    refusal(
        mean_interval(plain, counts={"a": 20, "b": 0, "c": 0}),
        "only one class occurs: nothing is known of the others' losses",
    )
    assert mean_interval(plain, counts={"a": 10, "b": 9, "c": 1}).known
    refusal(
        mean_interval(moments_of(x**0)), "all 20 rows have the same loss: its spread is unknown"
    )
    refusal(
        mean_interval(moments_of(x, np.array([100.0, 100.0, *[1.0] * 18]))),
        "the weights make 20 rows count like 2.4: an interval needs 10",
    )
    refusal(
        mean_interval(moments_of(np.array([*[0.0] * 998, 5.0, 5.0]))),
        "about 2.0 of 1,000 rows decide it: an interval needs 3",
    )


def test_proportions_that_are_refused() -> None:
    refusal(proportion_interval(1.0, 1), "only 1 row: an interval needs 10")
    refusal(
        proportion_interval(0.5, 100, effective=4.0),
        "the weights make 100 rows count like 4.0: an interval needs 10",
    )
    refusal(
        weighted_proportion_interval(np.array([98.0]), np.array([100.0]), np.array([100.0]), 100),
        "the weights make the wrong rows count like 2.0: an interval needs 8",
    )
    with pytest.raises(ValueError, match=r"share is 1.5; expected a proportion from 0 to 1"):
        proportion_interval(1.5, 100)


def test_clusters_that_are_refused() -> None:
    ones = np.ones(12)
    refusal(ratio_interval(ones[:1], ones[:1]), "only 1 cluster: an interval needs 10")
    sizes = np.array([100.0, *ones[:11]])
    refusal(
        ratio_interval(sizes, sizes),
        "the sizes make 12 clusters count like 1.2: an interval needs 5",
    )
    refusal(ratio_interval(ones, ones), "all 12 clusters have the same mean: its spread is unknown")
    refusal(
        ratio_interval(ones, ones, infinite=2),
        "2 rows have an infinite loss: the mean has no interval",
    )
    refusal(
        ratio_interval(np.arange(12.0), ones, counts={"no": 10, "yes": 2}),
        "only 2 rows of class 'yes': an interval needs 5",
    )
    refusal(
        ratio_interval(np.array([5.0, 5.0, *[0.0] * 60]), np.ones(62)),
        "about 2.2 of 62 clusters decide it: an interval needs 3",
    )
    refusal(
        jackknife_interval(0.5, ones, ones, positive=1),
        "only 1 cluster has a row of the rarer class: an interval needs 10",
    )
    refusal(
        jackknife_interval(0.5, np.array([math.nan, *ones[1:]]), ones),
        "without one of the clusters the figure is not defined",
    )
    refusal(
        jackknife_interval(0.5, ones, ones),
        "no cluster of 12 changes the figure: its spread is unknown",
    )


def test_figures_over_classes_that_are_refused(rng: np.random.Generator) -> None:
    losses, _, labels = data(rng)
    refusal(
        skill_interval(by_class(losses, labels * 0)), "only one class occurs: skill has no interval"
    )
    few = np.zeros(60, int)
    few[:4] = 1
    refusal(
        skill_interval(by_class(losses, few)), "only 4 rows of class 'yes': an interval needs 10"
    )
    refusal(
        macro_interval(by_class(losses, few)), "only 4 rows of class 'yes': an interval needs 5"
    )
    refusal(
        skill_interval(by_class(np.where(labels == 1, 0.5, 0.9), labels)),
        "the rows of each class have the same loss: nothing tells its spread",
    )
    refusal(
        macro_interval(by_class(np.where(labels == 1, 0.5, 0.75), labels)),
        "all rows of a class have the same loss: its spread is unknown",
    )
    refusal(
        skill_interval(by_class(losses, labels), baseline=np.array([1.0, 0.0])),
        "the baseline gives class 'yes' a share of 0: skill is infinite",
    )
    heavy = np.ones(60)
    heavy[np.flatnonzero(labels == 1)[:2]] = 1000.0
    for interval, least in ((skill_interval, 10), (macro_interval, 5)):
        reason = interval(by_class(losses, labels, heavy)).reason
        rows = int(labels.sum())
        assert reason.startswith(f"the weights make {rows} rows of class 'yes' count like 2.")
        assert reason.endswith(f": an interval needs {least}")


def test_ranks_that_are_refused() -> None:
    none, many = np.array([0, 0, 0]), np.array([20, 0, 0])
    refusal(auc_interval(many, none), "no row of class '1': an interval needs 10")
    refusal(
        auc_interval(np.array([1, 0, 2]), many, names=("no", "yes")),
        "only 3 rows of class 'no': an interval needs 10",
    )
    for counts, value in (((many, many[::-1]), 1), ((many, many), 0.5)):
        refusal(
            auc_interval(*counts),
            f"the AUC of 20 and 20 rows is {value} without any spread: "
            "how far it may be off is unknown",
        )
    refusal(
        auc_interval(many, many, effective=Effective(20.0, 2.0), rows=(20, 20)),
        "the weights make 20 rows of class '1' count like 2.0: an interval needs 10",
    )
    refusal(
        average_precision_interval(many, np.array([0, 0, 9])),
        "only 9 rows of class '1': an interval needs 10",
    )
    refusal(
        average_precision_interval(many, many[::-1]),
        "the average precision of 20 rows of class '1' is 1: how far it may be off is unknown",
    )
    refusal(
        average_precision_interval(many, many, weighted=True),
        "the rows have weights, for which no interval is known to hold",
    )


def test_huge_losses_are_refused() -> None:
    losses = np.array([*[0.5] * 20, 1e100, 1e100])
    sums = sums_of(losses, np.ones(22), np.zeros(22, int), 1)
    found = moments_of_sums(22, ONE, {name: sums[name] for name in ("wl", "wll", "wlll")})
    assert found.mean == pytest.approx(losses.mean())
    assert mean_interval(found).reason == "about 2.7 of 22 rows decide it: an interval needs 3"
