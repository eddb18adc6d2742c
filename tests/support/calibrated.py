"""Binary predictions to test figures of calibration: real ones, and made ones of known truth."""

from __future__ import annotations

import numpy as np

from xent.scoring.calibration.outcomes import expit


def predictions():
    """Real predictions: naive Bayes on five columns of the breast cancer data, held out."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import cross_val_predict
    from sklearn.naive_bayes import GaussianNB

    x, y = load_breast_cancer(return_X_y=True)
    p = cross_val_predict(GaussianNB(), x[:, :5], y, cv=5, method="predict_proba")[:, 1]
    return p, y


def made(n, over=1.0, seed=0, deviation=2.0):
    """Logits and labels of a model whose logits are `over` times the true ones."""
    rng = np.random.default_rng(seed)
    z = rng.normal(0, deviation, n)
    return over * z, (rng.random(n) < expit(z)).astype(int)
