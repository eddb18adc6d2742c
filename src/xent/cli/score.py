"""`xent score`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from xent._report.files import check_folder
from xent.cli.app import app, usage
from xent.cli.conditions import exit_if
from xent.cli.options import Columns, Output, names_of, with_options
from xent.cli.progress import shown_progress
from xent.scoring import columns_of, merge, score
from xent.scoring.conditions import Condition


@app.command("score")
@with_options
def score_command(
    *,
    files: list[str],
    weight_column: str | None = None,
    clip: float | None = None,
    worst: int = 5,
    missing: Literal["error", "drop"] = "error",
    ignore_label: list[str] | None = None,
    skip_bad: bool = False,
    show: str | None = None,
    by: str | None = None,
    cluster: str | None = None,
    level: float = 0.95,
    baseline: str | None = None,
    losses: Path | None = None,
    part: Literal["prompt", "generated"] | None = None,
    save_state: Path | None = None,
    merge_states: bool = False,
    multi_label: bool | None = None,
    engine: Literal["local", "ray"] = "local",
    threads: int | None = None,
    fail_if: list[str] | None = None,
    show_columns: bool = False,
    columns: Columns,
    out: Output,
) -> None:
    """Score predictions in files: log loss, skill, classes, worst rows.

    `xent score predictions.csv`

    `xent score predictions.csv --columns`

    `xent score runs/2026-11/ --save-state november.state`

    `xent score samples_arc_easy.jsonl`

    `xent score --merge october.state november.state`

    `xent score predictions.csv --by country --fail-if 'slices.country.*.loss > 0.5'`

    Labels are in a column called `label`, `target`, `y_true`, `truth` or similar. Scores are in a
    column `logit` or `prob` (binary, or a list per row), or in one column per class: `logit_CLASS`,
    `prob_CLASS`, or columns called as the labels. If the names and the numbers allow several
    readings, each is shown with its loss and the option that chooses it. Labels that may be true at
    once are columns of 0 and 1, such as `label_X` beside `prob_X`.

    Exit codes: 0, or 1 if a file cannot be read or lacks a column, 2 if the command is used
    wrongly, 3 if a condition of `--fail-if` is true.
    """
    conditions = [Condition.of(text) for text in fail_if or ()]
    chosen = {
        "weight_column": weight_column, "multi_label": multi_label, **columns.arguments
    }  # fmt: skip
    if show_columns:
        if conditions:
            usage("--columns scores nothing, so --fail-if cannot be checked.")
        out.put(columns_of(files, part=part, **chosen))
        return
    options: dict[str, Any] = {
        "clip": clip, "worst": worst, "missing": missing, "ignored": ignore_label or (),
        "skip_bad": skip_bad, "show": names_of(show) or (), "by": names_of(by) or (),
        "cluster": cluster, "level": level, "baseline": baseline, "losses": losses, "part": part,
        "engine": engine, "threads": threads, **chosen,
    }  # fmt: skip
    targets = [save_state, out.output]
    _check_targets(targets, files)  # before anything is computed
    if save_state is not None:
        check_folder(save_state)
    if merge_states:
        _check_alone(options)
        result = merge(files)
    else:
        with shown_progress() as progress:
            result = score(files, progress=progress, **options)
    _check_targets(targets, getattr(result, "files", ()))  # those of folders, too
    if save_state is not None:
        result.save_state(save_state)
    out.put(result)
    exit_if(conditions, result)


def _check_alone(options: Mapping[str, Any]) -> None:
    """Fail where states are merged and something is asked for that they have decided."""
    defaults = inspect.signature(score).parameters
    for name, value in options.items():
        if value != defaults[name].default:
            option = {"ignored": "ignore-label"}.get(name, name.replace("_", "-"))
            usage(f"--merge takes saved results as they are: --{option} belongs to their scoring.")


def _check_targets(targets: Sequence[Path | None], read: Sequence[str]) -> None:
    """Fail where a file that was read would be overwritten."""
    for target in targets:
        if target is not None and target.exists():
            for name in read:
                if Path(name).exists() and Path(name).samefile(target):
                    usage(f"{target} is a file of the predictions; name another to write to.")
