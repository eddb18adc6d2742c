"""`log_loss` of rows of 0 and 1: one class of each row, or labels that may be true at once."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import sklearn.metrics
import torch
from helpers import close
from mpmath import mp, mpf

import xent
from xent._plausible import ROUNDING
from xent.scoring import FileError, score

RNG = np.random.default_rng(3)
Y = np.array([[1, 1, 0], [0, 0, 0], [1, 0, 1], [0, 0, 0]])
P = np.array([[0.95, 0.8, 0.3], [0.05, 0.02, 0.03], [0.7, 0.1, 0.6], [0.2, 0.05, 0.1]])
ROWS = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6], [0.5, 0.3, 0.2]])
CLASSES = np.eye(3, dtype=int)[[0, 1, 2, 1]]


def exact(true, p, weights=None):
    """The weighted mean of binary losses, with 50 digits."""
    weights = np.ones(true.shape) if weights is None else np.broadcast_to(weights, true.shape)
    with mp.workdps(50):
        terms = [
            (Fraction(w), -mp.log(mpf(q) if y else 1 - mpf(q)))
            for y, q, w in zip(true.flat, p.flat, weights.flat, strict=True)
        ]
        whole = sum(w for w, _ in terms)
        return float(sum(mpf(w.numerator) / w.denominator * loss for w, loss in terms)
                     * whole.denominator / whole.numerator)  # fmt: skip


@pytest.mark.parametrize("kind", [int, bool, np.uint8, np.int32])
def test_several_labels_true_at_once(kind):
    true = Y.astype(kind)
    close(xent.log_loss(true, P), exact(Y, P))
    close(xent.log_loss(true, P), xent.log_loss(true.ravel(), P.ravel()))
    columns = [sklearn.metrics.log_loss(Y[:, j], P[:, j], labels=[0, 1]) for j in range(3)]
    close(xent.log_loss(true, P), np.mean(columns))
    close(xent.log_loss(true, P, reduction="sum"), 12 * exact(Y, P))
    each = xent.log_loss(true, P, reduction="none")
    close(each, -np.log(np.where(Y, P, 1 - P)))
    assert each.shape == Y.shape


@pytest.mark.parametrize("kind", [int, bool, np.uint8])
def test_one_class_per_row(kind):
    true = CLASSES.astype(kind)
    assert xent.log_loss(true, ROWS) == xent.log_loss([0, 1, 2, 1], ROWS)
    close(xent.log_loss(true, ROWS), sklearn.metrics.log_loss(CLASSES, ROWS))
    assert xent.log_loss(true, ROWS, reduction="none").shape == (4,)
    assert xent.log_loss(true.T, ROWS.T, axis=0) == xent.log_loss(true, ROWS)
    weights = {"class_weight": [1, 2, 3], "sample_weight": [1, 0, 2, 3]}
    assert xent.log_loss(true, ROWS, **weights) == xent.log_loss([0, 1, 2, 1], ROWS, **weights)


def test_many_random_cells():
    p = RNG.uniform(size=(200, 7))
    true = (RNG.uniform(size=p.shape) < p).astype(int)
    columns = [sklearn.metrics.log_loss(t, q) for t, q in zip(true.T, p.T, strict=True)]
    close(xent.log_loss(true, p), np.mean(columns), rtol=1e-14)
    close(xent.log_loss(true.T, p.T, axis=0), np.mean(columns), rtol=1e-14)
    cube = (true[:196].reshape(4, 49, 7), p[:196].reshape(4, 49, 7))
    close(xent.log_loss(*cube), xent.log_loss(true[:196], p[:196]))


def test_weights_are_those_of_rows():
    w = [0.5, 2, 0, 3]
    close(xent.log_loss(Y, P, sample_weight=w), exact(Y, P, np.array(w)[:, None]))
    close(xent.log_loss(Y.T, P.T, axis=0, sample_weight=w), xent.log_loss(Y, P, sample_weight=w))
    # A row of weight 0 may hold anything.
    odd = P.copy()
    odd[2] = np.nan
    assert xent.log_loss(Y, odd, sample_weight=w) == xent.log_loss(Y, P, sample_weight=w)
    # Class weights are those of false and true, as for binary labels.
    cells = np.where(Y, 5.0, 2.0)
    close(xent.log_loss(Y, P, class_weight=[2, 5]), exact(Y, P, cells))


def test_ignored_entries():
    true, odd = Y.copy(), P.copy()
    true[0, 1], odd[0, 1] = -1, np.nan
    kept = true >= 0
    close(xent.log_loss(true, odd, ignore_index=-1), exact(Y[kept], P[kept]))
    # A row of a class is ignored whole.
    rows = CLASSES.copy()
    rows[1] = -1
    expected = xent.log_loss([0, 2, 1], ROWS[[0, 2, 3]])
    close(xent.log_loss(rows, ROWS, ignore_index=-1), expected)
    with pytest.raises(ValueError, match="Every row is ignored"):
        xent.log_loss(np.full_like(Y, -1), P, ignore_index=-1)


def test_a_single_column():
    p = np.array([[0.9], [0.2]])
    close(xent.log_loss([[1], [0]], p), -np.log([0.9, 0.8]).mean())
    close(xent.log_loss([[1], [1]], p), -np.log([0.9, 0.2]).mean())


def test_edges():
    assert xent.log_loss([[1, 1]], [[1.0, 1.0]]) == 0
    assert xent.log_loss([[0, 1, 1]], [[1.0, 0.5, 0.0]]) == np.inf
    clipped = -np.log([0.01, 0.5, 0.01]).mean()
    close(xent.log_loss([[0, 1, 1]], [[1.0, 0.5, 0.0]], clip=0.01), clipped)
    close(xent.log_loss([[0, 0]], [[1e-20, 1e-20]]), 1e-20, atol=0)


def test_tensors():
    true, p = torch.tensor(Y), torch.tensor(P)
    close(xent.log_loss(true, p), exact(Y, P))
    close(xent.log_loss(true.bool(), p), exact(Y, P))
    assert xent.log_loss(true, p, reduction="none").shape == Y.shape
    close(xent.log_loss(torch.tensor(CLASSES), torch.tensor(ROWS)), xent.log_loss(CLASSES, ROWS))


@pytest.mark.parametrize("beyond", [0.9 * ROUNDING, -0.9 * ROUNDING])
def test_rounding_beyond_0_and_1(beyond, tmp_path):
    """What is beyond 0 or 1 by rounding counts as 0 or 1, in a file too."""
    high, low = 1 + max(beyond, 0), min(beyond, 0)
    path = tmp_path / "a.csv"
    path.write_text(f"label,prob\n1,{high!r}\n0,{low!r}\n1,0.5\n")
    close(xent.log_loss([1, 0, 1], [high, low, 0.5]), np.log(2) / 3)
    close(score(path).loss, np.log(2) / 3)
    path.write_text(f"label,prob_0,prob_1\n0,{high!r},{low!r}\n1,0.5,0.5\n")
    close(xent.log_loss([0, 1], [[high, low], [0.5, 0.5]]), np.log(2) / 2)
    close(score(path).loss, np.log(2) / 2)
    close(xent.log_loss([[1, 1]], [[high, 0.5]]), np.log(2) / 2)
    close(xent.log_loss([0], np.float32([[high, low]])), 0)


@pytest.mark.parametrize("pair", [(1 + 2e-6, 0.0), (1.0, -2e-6), (1.0005, 0.0), (1.0005, -0.0005)])
def test_further_out_is_an_error(pair, tmp_path):
    rule = "a probability lies between 0 and 1"
    for name, given in (("prob_0,prob_1", "{},{}"), ("probs", '"[{}, {}]"'), ("0,1", "{},{}")):
        path = tmp_path / "a.csv"
        path.write_text(f"label,{name}\n0,{given.format(*pair)}\n1,{given.format(0.5, 0.5)}\n")
        with pytest.raises(FileError, match=rule):
            score(path)
    with pytest.raises(ValueError, match=rule):
        xent.log_loss([0, 1], [pair, (0.5, 0.5)])
    with pytest.raises(ValueError, match=rule):
        xent.log_loss([0], pair[:1] if pair[0] > 1 else pair[1:])
