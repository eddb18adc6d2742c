"""Softmax regression on the handwritten digits, by xent's fused linear layer and loss."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from training import OUTPUT, Array, compare, fit, split, written

import xent

PENALTY = 1.0
CLASSES = 10


def main() -> None:
    """Fit, compare with scikit-learn, and write the held-out logits."""
    data = split(load_digits())
    rows, features = data.x_train.shape
    print(f"digits: {rows} training rows, {features} features, {CLASSES} classes")

    def loss_and_gradient(parameters: Array) -> tuple[float, Array]:
        table = parameters.reshape(CLASSES, features + 1)
        weights, bias = table[:, :-1], table[:, -1]
        loss, (_, d_weights, d_bias) = xent.linear_cross_entropy(
            data.x_train, weights, data.y_train, bias, return_grad=True
        )
        penalty = PENALTY / (2 * rows) * np.sum(weights**2)
        gradient = np.column_stack([d_weights + PENALTY / rows * weights, d_bias])
        return float(loss + penalty), gradient.ravel()

    parameters = fit(loss_and_gradient, CLASSES * (features + 1))
    table = parameters.reshape(CLASSES, features + 1)
    logits = data.x_test @ table[:, :-1].T + table[:, -1]

    peer = LogisticRegression(C=1 / PENALTY, tol=1e-10, max_iter=5000)
    peer.fit(data.x_train, data.y_train)
    compare(xent.softmax(logits), peer.predict_proba(data.x_test))

    OUTPUT.mkdir(exist_ok=True)
    columns = {f"logit_{digit}": written(logits[:, digit]) for digit in range(CLASSES)}
    pyarrow.parquet.write_table(
        pa.table({**columns, "label": data.y_test}), OUTPUT / "digits.parquet"
    )
    print(f"  written             {len(logits)} held-out rows to digits.parquet")


if __name__ == "__main__":
    main()
