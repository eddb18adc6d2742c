"""`xent compare`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from xent.cli.app import app, usage
from xent.cli.conditions import exit_if
from xent.cli.options import Columns, Output, names_of, with_options
from xent.cli.progress import shown_progress
from xent.scoring.comparing import compare
from xent.scoring.conditions import Condition


@app.command("compare")
@with_options
def compare_command(
    *,
    files: list[str],
    model: list[str] | None = None,
    baseline_model: str | None = None,
    level: float = 0.95,
    margin: float | None = None,
    weight_column: str | None = None,
    clip: float | None = None,
    missing: Literal["error", "drop"] = "error",
    ignore_label: list[str] | None = None,
    by: str | None = None,
    cluster: str | None = None,
    show: str | None = None,
    differing: int = 5,
    fail_if: list[str] | None = None,
    columns: Columns,
    out: Output,
) -> None:
    """Compare models on the same rows: which has the lower log loss, and how sure that is.

    `xent compare logistic.csv boosted.csv`

    `xent compare logistic.csv boosted.csv --key id --truth labels.csv`

    `xent compare predictions.csv`

    `xent compare predictions.csv --model logistic=prob_lr --model boosted=prob_gb`

    `xent compare old.csv new.csv --fail-if 'difference.new.old > 0'`

    One file holds all models in its columns: `prob_A` and `prob_B`, or `A_cat`, `A_dog`, `B_cat`
    and `B_dog`. Of several files (folders, patterns in quotes, addresses), each holds one model,
    with the same rows: in the same order, or found by `--key`. Labels must agree, and so must
    weights and columns of `--by` and `--cluster` that several files have.

    Exit codes: 0, or 1 if a file cannot be read or lacks a column, 2 if the command is used
    wrongly, 3 if a condition of `--fail-if` is true.
    """
    conditions = [Condition.of(text) for text in fail_if or ()]
    chosen = {**columns.arguments, "kind": _kinds(columns.kind)}
    options: dict[str, Any] = {
        "models": _models(model), "baseline_model": baseline_model, "level": level,
        "margin": margin, "weight_column": weight_column, "clip": clip, "missing": missing,
        "ignored": ignore_label or (), "by": names_of(by) or (), "cluster": cluster,
        "show": names_of(show) or (), "differing": differing, **chosen,
    }  # fmt: skip
    _check_target(out.output, files)
    with shown_progress() as progress:
        result = compare(*files, progress=progress, **options)
    _check_target(out.output, result.files)  # those of folders, too
    out.put(result)
    exit_if(conditions, result)


def _models(named: Sequence[str] | None) -> dict[str, list[str] | None] | None:
    """Models with their columns, if these are named: NAME or NAME=A,B,..."""
    if not named:
        return None
    found: dict[str, list[str] | None] = {}
    for each in named:
        name, _, columns = each.partition("=")
        name = name.strip()
        if not name:
            usage(f"--model is {each!r}; expected NAME or NAME=COLUMNS.")
        if name in found:
            usage(f"two models are called {name}; each needs a name of its own.")
        found[name] = names_of(columns or None)
    return found


def _kinds(kind: str | None) -> str | dict[str, str] | None:
    """One kind, or that of each model: A=logits,B=probabilities."""
    if kind is None or "=" not in kind:
        return kind
    pairs = [each.partition("=") for each in kind.split(",")]
    return {name.strip(): value.strip() for name, _, value in pairs}


def _check_target(target: Path | None, read: Sequence[str]) -> None:
    """Fail where a file that was read would be overwritten."""
    if target is not None and target.exists():
        for name in read:
            if Path(name).exists() and Path(name).samefile(target):
                usage(f"{target} is a file of the predictions; name another to write to.")
