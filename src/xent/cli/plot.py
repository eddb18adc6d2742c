"""`xent plot`: the pictures of xent.plots as files."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from xent._validation import Array
from xent.cli.app import (
    Classes,
    Kind,
    LabelColumn,
    LabelsFile,
    ScoreColumns,
    Tolerance,
    app,
    names_of,
    usage,
)
from xent.cli.numbers import NumberCommand, label_of, number_of, numbers_of
from xent.scoring import read_predictions, read_row

if TYPE_CHECKING:  # matplotlib is loaded only once something is drawn
    from matplotlib.axes import Axes

LACKING = (
    "xent: the picture's font lacks some characters of the names; an SVG is shown in the "
    "reader's fonts."
)

MOST_ROWS = 2000
"""Rows of a file that a picture has room for."""

plot = typer.Typer(
    help="Draw loss, gradient, probabilities and more into a PNG, SVG or PDF file.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
app.add_typer(plot, name="plot")


class Method(StrEnum):
    """Ways to take a numerical gradient."""

    central = "central"
    forward = "forward"
    richardson = "richardson"


Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FILE", help="Ends in .png, .svg or .pdf; KIND.png if not given."
    ),
]
Dark = Annotated[bool, typer.Option("--dark", help="Light lines on a dark ground.")]
Dpi = Annotated[float, typer.Option(help="Dots per inch of a PNG.")]
Size = Annotated[str | None, typer.Option(metavar="W,H", help="Inches, 6.4,4.2 unless given.")]
Logit = Annotated[str | None, typer.Argument(metavar="LOGIT", help="Your own point, with --label.")]
Label = Annotated[
    str | None, typer.Option(metavar="LABEL", help="The true label: its index, or its name.")
]


@plot.command("loss", cls=NumberCommand)
def loss_command(
    logit: Logit = None,
    label: Label = None,
    output: Output = None,
    dark: Dark = False,
    dpi: Dpi = 150.0,
    size: Size = None,
) -> None:
    """Loss against the logit, for both labels.

    `xent plot loss 2.0 --label 1 --output loss.svg`
    """
    z, y = _point(logit, label, "loss")

    def draw(axes: Sequence[Axes]) -> None:
        from xent.plots import loss_curves

        loss_curves(z, y, ax=axes[0])

    _draw("loss", draw, output, dark, dpi, size)


@plot.command("gradient", cls=NumberCommand)
def gradient_command(
    logit: Logit = None,
    label: Label = None,
    output: Output = None,
    dark: Dark = False,
    dpi: Dpi = 150.0,
    size: Size = None,
) -> None:
    """Gradient of the loss against the logit, for both labels.

    `xent plot gradient -1.5 --label 1`
    """
    z, y = _point(logit, label, "gradient")

    def draw(axes: Sequence[Axes]) -> None:
        from xent.plots import gradient_curves

        gradient_curves(z, y, ax=axes[0])

    _draw("gradient", draw, output, dark, dpi, size)


@plot.command("sigmoid", cls=NumberCommand)
def sigmoid_command(
    logit: Annotated[str | None, typer.Argument(metavar="LOGIT", help="Your own point.")] = None,
    output: Output = None,
    dark: Dark = False,
    dpi: Dpi = 150.0,
    size: Size = None,
) -> None:
    """The sigmoid, from logit to probability, and its slope.

    `xent plot sigmoid 2.0`
    """
    z = None if logit is None else number_of(logit)

    def draw(axes: Sequence[Axes]) -> None:
        from xent.plots import sigmoid_curve

        sigmoid_curve(z, ax=axes[0])

    _draw("sigmoid", draw, output, dark, dpi, size)


@plot.command("classes", cls=NumberCommand)
def classes_command(
    values: Annotated[
        list[str],
        typer.Argument(metavar="LOGIT... | FILE", help="K class logits, or a file with --row."),
    ],
    label: Label = None,
    row: Annotated[int | None, typer.Option(help="Row of the file, counted from 0.")] = None,
    classes: Classes = None,
    label_column: LabelColumn = None,
    score_columns: ScoreColumns = None,
    kind: Kind = None,
    labels: LabelsFile = None,
    tolerance: Tolerance = 1e-3,
    output: Output = None,
    dark: Dark = False,
    dpi: Dpi = 150.0,
    size: Size = None,
) -> None:
    """Probabilities of the classes as bars, the gradient as arrows.

    `xent plot classes 2.0 1.0 0.1 --label 0 --classes cat,dog,fox`

    `xent plot classes predictions.parquet --row 17`
    """
    from xent.explanation import explain

    names = names_of(classes)
    if row is not None:
        if len(values) != 1 or label is not None:
            usage("--row goes with one FILE, which holds the label too.")
        arguments = read_row(
            values[0],
            row,
            labels=labels,
            label_column=label_column,
            score_columns=names_of(score_columns),
            kind=kind,
            classes=names,
            tolerance=tolerance,
        )
    else:
        example = "xent plot classes 2.0 1.0 --label 1"
        logits = [number_of(value) for value in values]
        arguments = {"logits": logits, "label": label_of(label, names, example), "names": names}
    found = explain(**arguments)
    if found.probabilities.ndim == 0:
        usage("bars need two classes or more; for one logit there is xent plot loss.")

    def draw(axes: Sequence[Axes]) -> None:
        from xent.plots.bars import draw_classes

        p, gradient, index = found.probabilities, found.gradient, found.inputs["label"]
        draw_classes(p, gradient, found.loss, index, found.inputs.get("names"), axes[0])

    _draw("classes", draw, output, dark, dpi, size)


@plot.command("dataset")
def dataset_command(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Binary predictions, as xent score reads them.")
    ],
    frame: Annotated[
        int | None, typer.Option(metavar="1..4", help="One of the four frames; all if not given.")
    ] = None,
    label_column: LabelColumn = None,
    score_columns: ScoreColumns = None,
    kind: Kind = None,
    classes: Classes = None,
    labels: LabelsFile = None,
    tolerance: Tolerance = 1e-3,
    output: Output = None,
    dark: Dark = False,
    dpi: Dpi = 150.0,
    size: Size = None,
) -> None:
    """From scores to the loss of a data set, in four frames.

    Points on the sigmoid; the probability of each true label; the same as -log p; their mean.
    Of a longer file the first 2000 rows are drawn.

    `xent plot dataset predictions.csv --frame 3`
    """
    if frame not in (None, 1, 2, 3, 4):
        usage(f"--frame is {frame}; expected 1, 2, 3 or 4.")
    found = read_predictions(
        file,
        most_rows=MOST_ROWS,
        labels=labels,
        label_column=label_column,
        score_columns=names_of(score_columns),
        kind=kind,
        classes=names_of(classes),
        tolerance=tolerance,
    )
    logits = _binary_logits(found.scores, found.kind, file)
    frames = (1, 2, 3, 4) if frame is None else (frame,)
    part = "" if found.whole else f"first {len(logits)} rows"

    def draw(axes: Sequence[Axes]) -> None:
        from xent.plots import dataset

        for ax, number in zip(axes, frames, strict=True):
            dataset(logits, found.labels, cast(Literal[1, 2, 3, 4], number), ax=ax)
            if part:
                ax.set_xlabel(f"{ax.get_xlabel()} ({part})")

    _draw("dataset", draw, output, dark, dpi, size, len(frames))


@plot.command("error", cls=NumberCommand)
def error_command(
    logit: Annotated[
        str, typer.Argument(metavar="LOGIT", help="Where the gradient is taken.")
    ] = "1.0",
    label: Label = "1",
    method: Annotated[Method, typer.Option(help="How.")] = Method.central,
    output: Output = None,
    dark: Dark = False,
    dpi: Dpi = 150.0,
    size: Size = None,
) -> None:
    """Error of a numerical gradient against its step h: a V.

    `xent plot error 1.0 --label 1 --method forward`
    """
    z, y = number_of(logit), label_of(label, None, "")

    def draw(axes: Sequence[Axes]) -> None:
        from xent.plots import gradient_error

        gradient_error(z, y, method=method.value, ax=axes[0])

    _draw("error", draw, output, dark, dpi, size)


@plot.command("surface")
def surface_command(
    features: Annotated[
        str, typer.Option(metavar="X,X,...", help="The feature x of each row, in f = w·x + b.")
    ],
    labels: Annotated[str, typer.Option(metavar="Y,Y,...", help="The label of each row, 0 or 1.")],
    rate: Annotated[float, typer.Option(help="Size of a step of the descent.")] = 1.0,
    steps: Annotated[int, typer.Option(help="Steps of the descent; 0 for none.")] = 50,
    output: Output = None,
    dark: Dark = False,
    dpi: Dpi = 150.0,
    size: Size = None,
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

    def draw(axes: Sequence[Axes]) -> None:
        from xent.plots import descend, loss_surface

        rows, truth = [[value, 1.0] for value in x], [int(value) for value in y]
        path = descend(rows, truth, rate=rate, steps=steps) if steps else None
        loss_surface(rows, truth, path, ax=axes[0])

    _draw("surface", draw, output, dark, dpi, size)


def _point(logit: str | None, label: str | None, kind: str) -> tuple[float | None, int | None]:
    """A logit and its label, or neither."""
    if logit is None and label is None:
        return None, None
    if logit is None:
        usage(f"--label goes with a logit, as in xent plot {kind} 2.0 --label 1.")
    return number_of(logit), label_of(label, None, f"xent plot {kind} 2.0 --label 1")


def _binary_logits(scores: Array, kind: str, file: Path) -> Array:
    """One logit per row, of binary scores of any kind or of two classes."""
    import numpy as np

    if scores.ndim == 2 and scores.shape[1] != 2:
        usage(f"{file} has {scores.shape[1]} classes; this picture is of binary predictions.")
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


def _draw(
    kind: str,
    draw: Callable[[Sequence[Axes]], None],
    output: Path | None,
    dark: bool,
    dpi: float,
    size: str | None,
    frames: int = 1,
) -> None:
    """Draw into a new figure, write it, and say where."""
    from xent.plots.saving import check_ending, check_pixels, fits, new_figure, save
    from xent.plots.style import SIZE, description, style

    path = Path(f"{kind}.png") if output is None else output
    check_ending(path)
    if not 10 <= dpi <= 1200:
        usage(f"--dpi is {dpi:g}; expected 10 to 1200.")
    side = 1 if frames == 1 else 2
    wide, high = _inches(size) if size else (SIZE[0] * side, SIZE[1] * side)
    check_pixels(path, wide, high, dpi)
    with style(dark=dark):
        figure, axes = new_figure((wide, high), side, side)
        draw(axes)
        if not fits(figure):
            usage(f"--size is {size}, which leaves no room for the picture; give more inches.")
        told = " ".join(dict.fromkeys(description(ax) for ax in axes))
        title = "; ".join(ax.get_title() for ax in axes)
        whole = save(figure, path, title, told, dpi=dpi, dark=dark)
    print(f"wrote {path}")
    if not whole:
        print(LACKING, file=sys.stderr)


def _inches(size: str) -> tuple[float, float]:
    numbers = numbers_of(size, "--size", "")
    if len(numbers) != 2 or not all(2 <= number <= 50 for number in numbers):
        usage(f"--size is {size!r}; expected width and height in inches, 2 to 50, as in 6.4,4.2.")
    return numbers[0], numbers[1]
