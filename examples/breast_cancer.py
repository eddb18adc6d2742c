"""Logistic regression on the Wisconsin breast cancer data, by xent's loss and gradient."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.csv
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from training import OUTPUT, Array, compare, fit, split, written

import xent

PENALTY = 1.0


def main() -> None:
    """Fit, compare with scikit-learn, and write the held-out logits."""
    data = split(load_breast_cancer())
    rows, features = data.x_train.shape
    print(f"breast cancer: {rows} training rows, {features} features, 2 classes")

    def loss_and_gradient(parameters: Array) -> tuple[float, Array]:
        weights, bias = parameters[:-1], parameters[-1]
        logits = data.x_train @ weights + bias
        loss, d_logits = xent.binary_cross_entropy(logits, data.y_train, return_grad=True)
        d_weights = data.x_train.T @ d_logits + PENALTY / rows * weights
        penalty = PENALTY / (2 * rows) * weights @ weights
        return float(loss + penalty), np.append(d_weights, d_logits.sum())

    parameters = fit(loss_and_gradient, features + 1)
    logits = data.x_test @ parameters[:-1] + parameters[-1]

    peer = LogisticRegression(C=1 / PENALTY, tol=1e-10, max_iter=5000)
    peer.fit(data.x_train, data.y_train)
    compare(xent.sigmoid(logits), peer.predict_proba(data.x_test)[:, 1])

    OUTPUT.mkdir(exist_ok=True)
    table = pa.table({"logit": written(logits), "label": data.y_test})
    pyarrow.csv.write_csv(table, OUTPUT / "breast_cancer.csv")
    print(f"  written             {len(logits)} held-out rows to breast_cancer.csv")


if __name__ == "__main__":
    main()
