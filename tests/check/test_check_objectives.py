"""Custom objectives in the forms of XGBoost and LightGBM are checked as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import planted
import pytest

import xent

check = xent.check.gradient
Z, Y, B, T = planted.Z, planted.Y, planted.B, planted.T


def losses(logits: Any, y: Any) -> Any:
    return planted.rows(logits, y)


def softprob(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """XGBClassifier(objective=...) and LGBMClassifier(objective=...): labels first, raw scores."""
    p = planted.softmax(y_pred)
    return p - np.eye(p.shape[1])[y_true], np.maximum(2 * p * (1 - p), 1e-6)


def logistic(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    p = planted.sigmoid(y_pred)
    return p - y_true, p * (1 - p)


class Dataset:
    """What `xgboost.DMatrix` and `lightgbm.Dataset` are to an objective."""

    def __init__(self, label: Any) -> None:
        self.label = label

    def get_label(self) -> Any:
        return self.label


def native(predt: Any, dtrain: Dataset) -> tuple[Any, Any]:
    """xgboost.train(obj=...) and LightGBM's params["objective"]."""
    return softprob(dtrain.get_label(), predt)


def flat(preds: Any, train_data: Dataset) -> tuple[Any, Any]:
    """As LightGBM before version 4 took it: class by class."""
    grad, hess = native(preds, train_data)
    return grad.ravel(order="F"), hess.ravel(order="F")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_right_objective_passes(dtype: str) -> None:
    for loss, objective, z, y in (
        (losses, softprob, Z, Y),
        (losses, lambda z, y: native(z, Dataset(y)), Z, Y),
        (planted.binary, logistic, B, T),
        (xent.log_loss, lambda y_true, y_prob: -np.eye(5)[y_true] / y_prob / len(Z), Z, Y),
    ):
        report = check(loss, objective, z, y, dtype=dtype)
        assert not report.mistakes, report
        assert report.failed == 0
    assert check(xent.cross_entropy, lambda z, y: softprob(y, z)[0] / len(z), Z, Y)


def test_a_wrong_one_is_named() -> None:
    def of_scores(y_true: Any, y_pred: Any) -> Any:
        return y_pred - np.eye(5)[y_true], np.ones_like(y_pred)

    def negated(y_true: Any, y_pred: Any) -> Any:
        grad, hess = softprob(y_true, y_pred)
        return -grad, hess

    assert check(losses, of_scores, Z, Y).mistakes == ["softmax left out"]
    assert check(losses, negated, Z, Y).mistakes == ["wrong sign"]
    assert check(xent.cross_entropy, softprob, Z, Y).mistakes == ["mean missing"]


def test_a_flat_gradient_has_to_be_reshaped() -> None:
    with pytest.raises(ValueError, match=r"flat: reshape it, with order='F' if it goes class by"):
        check(losses, lambda z, y: flat(z, Dataset(y)), Z, Y)

    def reshaped(z: Any, y: Any) -> Any:
        return flat(z, Dataset(y))[0].reshape(z.shape, order="F")

    assert check(losses, reshaped, Z, Y)
    mistaken = check(losses, lambda z, y: flat(z, Dataset(y))[0].reshape(z.shape), Z, Y)
    assert mistaken.mistakes == ["transposed"]
