"""Draw the pictures of the documentation into docs/pictures/, by xent.plots.

python scripts/make_pictures.py
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from xent import binary_cross_entropy, plots
from xent.plots.saving import new_figure, page_ink, themed, words

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"

HOURS = np.arange(0.5, 5.5, 0.5)
PASSED = np.array([0, 0, 0, 1, 0, 1, 0, 1, 1, 1])


def fitted() -> tuple[float, float]:
    """Weight and bias as the tutorial trains them."""
    w = b = 0.0
    for _ in range(2001):
        _, d_z = binary_cross_entropy(w * HOURS + b, PASSED, return_grad=True)
        w, b = w - 0.3 * float(d_z @ HOURS), b - 0.3 * float(d_z.sum())
    return w, b


def students(axes: list[Axes]) -> None:
    w, b = fitted()
    for frame, ax in zip((1, 2, 3, 4), axes, strict=True):
        plots.dataset(
            w * HOURS + b, PASSED, frame=frame, x=HOURS, x_name="hours of preparation", ax=ax
        )


def surprise(axes: list[Axes]) -> None:
    plots.surprise_curve(squared=True, ax=axes[0])


def curves(axes: list[Axes]) -> None:
    plots.loss_curves(2.0, 1, ax=axes[0])
    plots.gradient_curves(2.0, 1, ax=axes[1])


def classes(axes: list[Axes]) -> None:
    plots.class_bars([2.0, 1.0, 0.1], 0, ax=axes[0])


def animals(axes: list[Axes]) -> None:
    plots.class_bars([2.0, 1.0, 0.1], 0, names=["cat", "dog", "fox"], ax=axes[0])


def valley(axes: list[Axes]) -> None:
    features = np.column_stack([HOURS - HOURS.mean(), np.ones(10)])
    path = plots.descend(features, PASSED, rate=1.0, steps=60)
    plots.loss_surface(features, PASSED, path, ax=axes[0])


PICTURES: dict[str, tuple[int, int, Callable[[list[Axes]], None]]] = {
    "surprise": (1, 1, surprise),
    "curves": (1, 2, curves),
    "students": (2, 2, students),
    "classes": (1, 1, classes),
    "animals": (1, 1, animals),
    "valley": (1, 1, valley),
}


def draw(name: str, folder: Path) -> None:
    rows, columns, fill = PICTURES[name]
    with page_ink():
        figure, axes = new_figure((5.4 * columns, 3.8 * rows), rows, columns)
        figure.get_layout_engine().set(h_pad=0.12, w_pad=0.1)  # inches between the axes
        fill(axes)
        (folder / f"{name}.svg").write_text(themed(figure, *words(axes)), encoding="utf-8")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in PICTURES:
        draw(name, FOLDER)
        print(f"wrote {name}.svg")
