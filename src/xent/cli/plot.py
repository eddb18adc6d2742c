"""`xent plot`: the pictures of xent.plots as files."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import typer

from xent._validation import Array
from xent.cli.app import MARKUP, Group, app, usage
from xent.cli.numbers import NumberCommand, label_of, number_of, numbers_of, scores_of
from xent.cli.options import Columns, form_of, put, with_options
from xent.scoring import read_predictions, read_row

LACKING = (
    "xent: the picture's font lacks some characters of the names; an SVG is shown in the "
    "reader's fonts."
)

MOST_ROWS = 2000
"""Rows of a file that a picture has room for."""

FORMS = {"png": ".png", "svg": ".svg", "pdf": ".pdf"}

plot = typer.Typer(
    cls=Group,
    help="Draw loss, gradient, probabilities and more as a PNG, SVG or PDF file.",
    no_args_is_help=True,
    rich_markup_mode=MARKUP,
)
app.add_typer(plot, name="plot")

Draw = Callable[[Any, Any], Any]
"""Draws by `xent.plots`, which is given, into an Axes. Matplotlib is loaded only then."""


@dataclass(frozen=True)
class Picture:
    """Where a picture goes, and how it looks."""

    form: Literal["png", "svg", "pdf"] | None = None
    output: Path | None = None
    dark: bool = False
    dpi: float = 150.0
    size: str | None = None

    def __post_init__(self) -> None:
        form_of(self.form, self.output, FORMS)  # refuse before anything is computed
        if not 10 <= self.dpi <= 1200:
            usage(f"--dpi is {self.dpi:g}; expected 10 to 1200.")

    def draw(self, kind: str, *draws: Draw) -> None:
        """Draw into a new figure, with an Axes for each part, and put it where it belongs."""
        from xent import plots
        from xent.plots.saving import check_pixels, encoded, fits, new_figure, words
        from xent.plots.style import SIZE, small

        output = self.output or (None if self.form else Path(f"{kind}.png"))
        form = form_of(self.form, output, FORMS) or "png"
        side = 1 if len(draws) == 1 else 2
        wide, high = self._inches() if self.size else (SIZE[0] * side, SIZE[1] * side)
        if form == "png":
            check_pixels(wide, high, self.dpi)
        with plots.style(dark=self.dark), small(wide / side):
            figure, axes = new_figure((wide, high), side, side)
            for draw, ax in zip(draws, axes, strict=True):
                draw(plots, ax)
            if not fits(figure):
                room = "leaves no room for the picture; give a larger one."
                usage(f"--size is {self.size}, which {room}")
            content, whole = encoded(figure, form, *words(axes), dpi=self.dpi)
        put(content, output)
        if not whole:
            print(LACKING, file=sys.stderr)

    def _inches(self) -> tuple[float, float]:
        sides = numbers_of(self.size, "--size", "")
        if len(sides) != 2 or not all(2 <= side <= 50 for side in sides):
            expected = "expected width and height in inches, 2 to 50, as in 6.4,4.2."
            usage(f"--size is {self.size!r}; {expected}")
        return sides[0], sides[1]


@plot.command("loss", cls=NumberCommand)
@with_options
def loss_command(*, logit: str | None = None, label: str | None = None, picture: Picture) -> None:
    """Loss against the logit, for both labels.

    `xent plot loss 2.0 --label 1 --output loss.svg`
    """
    z, y = _point(logit, label, "loss")
    picture.draw("loss", lambda plots, ax: plots.loss_curves(z, y, ax=ax))


@plot.command("gradient", cls=NumberCommand)
@with_options
def gradient_command(
    *, logit: str | None = None, label: str | None = None, picture: Picture
) -> None:
    """Gradient of the loss against the logit, for both labels.

    `xent plot gradient -1.5 --label 1`
    """
    z, y = _point(logit, label, "gradient")
    picture.draw("gradient", lambda plots, ax: plots.gradient_curves(z, y, ax=ax))


@plot.command("sigmoid", cls=NumberCommand)
@with_options
def sigmoid_command(*, logit: str | None = None, picture: Picture) -> None:
    """The sigmoid, from logit to probability, and its slope.

    `xent plot sigmoid 2.0`
    """
    z = None if logit is None else number_of(logit)
    picture.draw("sigmoid", lambda plots, ax: plots.sigmoid_curve(z, ax=ax))


@plot.command("surprise", cls=NumberCommand)
@with_options
def surprise_command(
    *, probability: str | None = None, squared: bool = False, picture: Picture
) -> None:
    """The loss -log p against the probability p of the true class.

    `xent plot surprise 0.66 --squared`
    """
    p = None if probability is None else number_of(probability)
    if p is not None and not 0 < p <= 1:
        usage(f"P is {p:g}; expected the probability of the true class, above 0 and at most 1.")
    picture.draw("surprise", lambda plots, ax: plots.surprise_curve(p, squared=squared, ax=ax))


@plot.command("classes", cls=NumberCommand)
@with_options
def classes_command(
    *,
    values: list[str],
    label: str | None = None,
    row: int | None = None,
    columns: Columns,
    picture: Picture,
) -> None:
    """Probabilities of the classes as bars, the gradient as arrows.

    `xent plot classes 2.0 1.0 0.1 --label 0 --classes cat,dog,fox`

    `xent plot classes predictions.parquet --row 17`
    """
    from xent.explanation import explain

    if row is not None:
        if len(values) != 1 or label is not None:
            usage("--row needs one FILE, which holds the label too.")
        arguments = read_row(values[0], row, **columns.arguments)
    else:
        example = "xent plot classes 2.0 1.0 --label 1"
        arguments = scores_of(values, columns)
        arguments |= {"label": label_of(label, columns.names, example), "names": columns.names}
    found = explain(**arguments)
    if found.probabilities.ndim == 0:
        usage("bars need two classes or more; for one logit use xent plot loss.")

    def draw(_: Any, ax: Any) -> None:
        from xent.plots.bars import draw_classes

        p, gradient, index = found.probabilities, found.gradient, found.inputs["label"]
        draw_classes(p, gradient, found.loss, index, found.inputs.get("names"), ax)

    picture.draw("classes", draw)


@plot.command("dataset")
@with_options
def dataset_command(
    *, file: str, frame: int | None = None, columns: Columns, picture: Picture
) -> None:
    """From scores to the loss of a data set, in four frames.

    Points on the sigmoid; the probability of each true label; the same as -log p; their mean.
    Only the first 2,000 rows of a longer file are drawn.

    `xent plot dataset predictions.csv --frame 3`
    """
    if frame not in (None, 1, 2, 3, 4):
        usage(f"--frame is {frame}; expected 1, 2, 3 or 4.")
    found = read_predictions(file, most_rows=MOST_ROWS, **columns.arguments)
    logits = _binary_logits(found.scores, found.kind, file)
    part = "" if found.whole else f" (first {len(logits):,} rows)"

    def draw(number: int, plots: Any, ax: Any) -> None:
        plots.dataset(logits, found.labels, number, ax=ax)
        ax.set_xlabel(ax.get_xlabel() + part)

    frames = (1, 2, 3, 4) if frame is None else (frame,)
    picture.draw("dataset", *(partial(draw, number) for number in frames))


@plot.command("error", cls=NumberCommand)
@with_options
def error_command(
    *,
    logit: str = "1.0",
    label: str = "1",
    method: Literal["central", "forward", "richardson"] = "central",
    picture: Picture,
) -> None:
    """Error of a numerical gradient against its step h: a V-shaped curve.

    `xent plot error 1.0 --label 1 --method forward`
    """
    z, y = number_of(logit), label_of(label, None, "")
    picture.draw("error", lambda plots, ax: plots.gradient_error(z, y, method=method, ax=ax))


@plot.command("surface")
@with_options
def surface_command(
    *, features: str, labels: str, rate: float = 1.0, steps: int = 50, picture: Picture
) -> None:
    """Mean loss over weight and bias as a map, with gradient descent on it.

    `xent plot surface --features -2,-1,0.5,1,2 --labels 0,0,1,0,1`
    """
    pair = "--features and --labels"
    x, y = numbers_of(features, "--features", pair), numbers_of(labels, "--labels", pair)
    if len(x) != len(y):
        usage(f"--features has {len(x)} numbers and --labels {len(y)}; expected one label each.")
    if not set(y) <= {0.0, 1.0}:
        usage(f"--labels is {labels!r}; expected 0 or 1 for each row.")
    if steps < 0:
        usage(f"--steps is {steps}; expected 0 or more.")
    if not 0 < rate < math.inf:
        usage(f"--rate is {rate:g}; expected a finite number above 0, such as 1.")

    def draw(plots: Any, ax: Any) -> None:
        rows, truth = [[value, 1.0] for value in x], [int(value) for value in y]
        path = plots.descend(rows, truth, rate=rate, steps=steps) if steps else None
        plots.loss_surface(rows, truth, path, ax=ax)

    picture.draw("surface", draw)


def _point(logit: str | None, label: str | None, kind: str) -> tuple[float | None, int | None]:
    """A logit and its label, or neither."""
    if logit is None and label is None:
        return None, None
    if logit is None:
        usage(f"--label needs a logit, as in xent plot {kind} 2.0 --label 1.")
    return number_of(logit), label_of(label, None, f"xent plot {kind} 2.0 --label 1")


def _binary_logits(scores: Array, kind: str, file: str) -> Array:
    """One logit per row, of binary scores of any kind or of two classes."""
    import numpy as np

    if scores.ndim == 2 and scores.shape[1] != 2:
        usage(f"{file} has {scores.shape[1]} classes; this picture is for binary predictions.")
    two = scores.ndim == 2
    with np.errstate(divide="ignore", over="ignore"):
        if kind == "probabilities":
            low, high = (scores[:, 0], scores[:, 1]) if two else (1 - scores, scores)
            return np.asarray(np.log(high) - np.log(low))
        if two:
            return np.asarray(scores[:, 1] - scores[:, 0])
        if kind == "log-probabilities":
            return np.asarray(scores - np.log(-np.expm1(scores)))
    return scores
