"""`xent explain`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from xent.cli.app import app, usage
from xent.cli.numbers import NumberCommand, numbers_of, scores_of, target_of
from xent.cli.options import Columns, Output, with_options
from xent.cli.quiz import ask
from xent.explanation import explain
from xent.scoring import read_row

LINEAR = "--features and --weights"
LISTED = "numbers of one option stand between commas, as in --features 1.0,-2.5"


@dataclass(frozen=True)
class Loss:
    """The options of the loss."""

    class_weight: str | None = None
    pos_weight: float | None = None
    label_smoothing: float = 0.0
    softcap: float | None = None
    temperature: float = 1.0

    @property
    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of `explain`."""
        if self.class_weight is None:
            return dict(vars(self))
        return {**vars(self), "class_weight": numbers_of(self.class_weight, "--class-weight", "")}


@app.command("explain", cls=NumberCommand)
@with_options
def explain_command(
    *,
    values: list[str] | None = None,
    label: str | None = None,
    probabilities: bool = False,
    features: str | None = None,
    weights: str | None = None,
    bias: float | None = None,
    row: int | None = None,
    short: bool = False,
    only: str | None = None,
    glossary: bool = False,
    pictures: bool = True,
    quiz: bool = False,
    loss: Loss,
    columns: Columns,
    out: Output,
) -> None:
    """Show the loss and its gradient step by step.

    `xent explain 2.0 --label 1`

    `xent explain 2.0 1.0 0.1 --label 0`

    `xent explain --features 1.0,-2.5 --weights 0.4,0.3 --bias -0.2 --label 0`

    `xent explain 0.7 0.2 0.1 --label 0 --probabilities --short`

    `xent explain 2.0 1.0 0.1 --label 0.5,0.25,0.25 --only loss`

    `xent explain predictions.csv --row 17`

    `xent explain 2.0 1.0 0.1 --label 0 --quiz`
    """
    if quiz and (out.output or out.chosen != "text"):
        other = f"--output {out.output}" if out.output else f"--format {out.chosen}"
        usage(f"--quiz asks in the terminal; it cannot be combined with {other}.")
    if short and only:
        usage("--short and --only cannot be combined.")
    values = values or []
    linear = (features, weights, bias) != (None, None, None)
    arguments: dict[str, Any]
    if probabilities:
        if columns.kind not in (None, "probabilities"):
            usage(f"--probabilities cannot be combined with --kind {columns.kind}.")
        columns = replace(columns, kind="probabilities")
    if row is not None:
        if len(values) != 1:
            usage("--row needs one FILE.")
        if label is not None or linear:
            usage("--row takes label and scores from the file; leave the other inputs out.")
        arguments = read_row(values[0], row, **columns.arguments)
    else:
        of_files = columns.labels, columns.label_column, columns.score_columns
        if any((*of_files, columns.predicted_column)):
            usage("--labels, --label-column and --score-columns need FILE --row N.")
        if linear:
            if values or probabilities or columns.kind:
                either = "give either --features with --weights, or logits or probabilities"
                taken = f" {values[0].strip()!r} was taken for a logit: {LISTED}." if values else ""
                usage(f"{either}, not both.{taken}")
            x = numbers_of(features, "--features", LINEAR)
            w = numbers_of(weights, "--weights", LINEAR)
            arguments = {"features": x, "weights": w, "bias": bias or 0.0}
        elif values:
            arguments = scores_of(values, columns)
        else:
            usage("nothing to explain: give logits, --features with --weights, or FILE --row N.")
        arguments["label"] = target_of(label, columns.names, "xent explain 2.0 --label 1")
        arguments["names"] = columns.names
    explanation = explain(**arguments, **loss.arguments)
    if short:
        explanation = explanation.short()
    if only:
        explanation = explanation.only(only)
    if quiz:
        ask(explanation)
    elif out.chosen == "html":
        out.put(explanation, pictures=pictures)
    else:
        out.put(explanation, glossary=glossary)
