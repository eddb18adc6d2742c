"""What both examples share: data split and scaled, and a fit by L-BFGS on a loss and gradient."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

Array = npt.NDArray[Any]
OUTPUT = Path(__file__).parent / "output"


class Split(NamedTuple):
    """Features scaled by the training rows' mean and deviation, and labels."""

    x_train: Array
    x_test: Array
    y_train: Array
    y_test: Array


def split(data: Any) -> Split:
    """Hold out a quarter of the rows, with the classes in proportion."""
    x_train, x_test, y_train, y_test = train_test_split(
        data.data, data.target, test_size=0.25, stratify=data.target, random_state=0
    )
    scaler = StandardScaler().fit(x_train)
    return Split(scaler.transform(x_train), scaler.transform(x_test), y_train, y_test)


def fit(loss_and_gradient: Callable[[Array], tuple[float, Array]], size: int) -> Array:
    """Parameters of least loss, from all zeros."""
    result = minimize(
        loss_and_gradient,
        np.zeros(size),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 5000, "ftol": 0, "gtol": 1e-12},
    )
    print(f"  xent + L-BFGS       regularised training loss {result.fun:.6f}")
    return np.asarray(result.x)


def written(logits: Array) -> Array:
    """Logits as they are written: to three places, which the fit gives alike on any machine."""
    return logits.round(3)


def compare(ours: Array, theirs: Array) -> None:
    """Insist that held-out probabilities are near those of scikit-learn's own fit."""
    worst = float(np.abs(ours - theirs).max())
    near = worst < 1e-4
    verdict = "agrees: held-out probabilities differ by less than 1e-4" if near else "DIFFERS"
    print(f"  scikit-learn's fit  {verdict}")
    if not near:
        message = f"held-out probabilities differ by {worst:.2g} from scikit-learn's"
        raise SystemExit(message)
