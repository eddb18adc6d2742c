"""Predictions of three real models on a real data set, for the tests of `compare`."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def models() -> dict[str, Any]:
    return {
        "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        "boosted": GradientBoostingClassifier(n_estimators=25, random_state=0),
        "forest": RandomForestClassifier(30, random_state=0),
    }


@cache
def breast_cancer() -> pd.DataFrame:
    """Out-of-fold probabilities of label 1; the forest gives exact zeros."""
    x, y = load_breast_cancer(return_X_y=True)
    rng = np.random.default_rng(0)
    columns = {
        f"prob_{name}": cross_val_predict(model, x, y, method="predict_proba", cv=3)[:, 1]
        for name, model in models().items()
    }
    n = len(y)
    return pd.DataFrame(
        {
            "id": rng.permutation(n) + 100,
            "label": y,
            **columns,
            "size": np.where(x[:, 0] > np.median(x[:, 0]), "large", "small"),
            "site": rng.integers(0, 25, n),
            "w": rng.integers(1, 5, n) / 2,
        }
    )


@cache
def digits() -> pd.DataFrame:
    """Out-of-fold probabilities of ten classes by two models."""
    x, y = (each[:600] for each in load_digits(return_X_y=True))
    found: dict[str, Any] = {"label": y}
    for name in ("logistic", "forest"):
        p = cross_val_predict(models()[name], x, y, method="predict_proba", cv=3)
        p = (p + 1e-3) / (p + 1e-3).sum(axis=1, keepdims=True)
        found |= {f"{name}_{k}": p[:, k] for k in range(10)}
    return pd.DataFrame(found)
