"""Pictures of cross-entropy. Each function draws into a matplotlib Axes and returns it.

All curves and bars are computed by the library's own functions. Text and lines use matplotlib's
current style, or xent's inside ``with xent.plots.style(dark=True):``.
"""

from xent.plots.style import description, style  # isort: skip - first: it says what is not installed
from xent.plots.bars import class_bars
from xent.plots.curves import gradient_curves, gradient_error, loss_curves, sigmoid_curve
from xent.plots.data import dataset
from xent.plots.differences import difference_dots
from xent.plots.losses import loss_histogram
from xent.plots.reliability import reliability_curve
from xent.plots.slices import slice_dots
from xent.plots.surface import descend, loss_surface
from xent.plots.surprise import surprise_curve

__all__ = [
    "class_bars",
    "dataset",
    "descend",
    "description",
    "difference_dots",
    "gradient_curves",
    "gradient_error",
    "loss_curves",
    "loss_histogram",
    "loss_surface",
    "reliability_curve",
    "sigmoid_curve",
    "slice_dots",
    "style",
    "surprise_curve",
]
