"""A comparison as plain data, for JSON: infinities as "inf", what is not defined as null."""

from __future__ import annotations

from typing import Any

from xent._format import plain
from xent.scoring.comparing.compared import Compared
from xent.scoring.comparing.differing import DifferingRow
from xent.scoring.comparing.figures import ModelFigures, PairFigures, SliceFigures
from xent.scoring.comparing.recalibrated import made_up_for
from xent.scoring.figure import data_of
from xent.scoring.page.data import calibration_data, figures_data
from xent.scoring.page.findings import findings
from xent.scoring.report import Score

SCHEMA_VERSION = 1
"""A key that is removed or changes its meaning raises it."""


NOT_ALIKE = "McNemar's test is of rows that are independent and count alike"
"""Why it is not made with clusters or weights."""


def comparison_data(comparison: Compared) -> dict[str, Any]:
    """What may be concluded, the figures of each model, and those of each pair."""
    schema, clusters = comparison.state.schema, comparison.state.clusters
    scores = comparison.scores
    return {
        "schema_version": SCHEMA_VERSION,
        "sources": comparison.path,
        "rows": comparison.rows,
        "rows_left_out": dict(comparison.left_out),
        "level": comparison.level,
        "margin_nats": comparison.margin,
        "baseline_model": comparison.baseline,
        "conclusion": comparison.conclusion,
        "conclusions": comparison.conclusions,
        "findings": [each._asdict() for each in made_up_for(comparison)],
        "models": [_model(model, scores[model.name]) for model in comparison.models],
        "pairs": [_pair(pair, margin=comparison.margin is not None) for pair in comparison.pairs],
        "slices": {
            column: [_slice(each) for each in comparison.by_value(column)] for column in schema.by
        },
        "clusters": clusters.sizes.number if schema.cluster is not None else None,
        "differing_rows": [_row(row, schema.classes) for row in comparison.differing],
        "notes": comparison.notes,
    }


def _model(model: ModelFigures, score: Score) -> dict[str, Any]:
    return {
        "model": model.name,
        "read": score.read,
        "scores": score.kind,
        "log_loss_nats": plain(model.loss),
        "log_loss_interval": data_of(model.loss_interval),
        "accuracy": plain(model.accuracy),
        "accuracy_interval": data_of(model.accuracy_interval),
        "infinite_rows": model.infinite,
        "same_scores_in_each_row": model.constant,
        **figures_data(score),
        "calibration": calibration_data(score),
        "findings": [each._asdict() for each in findings(score)],
    }


def _pair(pair: PairFigures, *, margin: bool) -> dict[str, Any]:
    data = {
        "first": pair.first,
        "second": pair.second,
        "difference_nats": plain(pair.difference),
        "interval": data_of(pair.interval),
        "p": plain(pair.p),
        "p_holm": plain(pair.corrected),
        "detectable_nats": plain(pair.detectable),
        "rows_lower": list(pair.lower),
        "rows_equal": pair.equal,
        "infinite_rows": list(pair.infinite),
        "accuracy_difference": plain(pair.accuracy_difference),
        "accuracy_difference_interval": data_of(pair.accuracy_interval),
        "rows_right_alone": list(pair.right_alone),
        "mcnemar_p": plain(pair.mcnemar),
    }
    if pair.mcnemar != pair.mcnemar:
        data["mcnemar_p_reason"] = NOT_ALIKE
    if margin:
        data["worse_by_at_most_nats"] = [plain(each) for each in pair.bounds]
        data["p_worse_by_margin"] = [plain(each) for each in pair.not_worse]
    return data


def _slice(found: SliceFigures) -> dict[str, Any]:
    return {
        "value": found.value,
        "first": found.first,
        "second": found.second,
        "rows": found.rows,
        "difference_nats": plain(found.difference),
        "interval": data_of(found.interval),
        "p": plain(found.p),
        "p_holm": plain(found.corrected),
    }


def _row(row: DifferingRow, classes: tuple[str, ...]) -> dict[str, Any]:
    return {
        "file": row.source,
        "row": row.row,
        "shown": [*row.key],
        "label": classes[row.label],
        "predicted": [classes[each] for each in row.predicted],
        "log_losses_nats": [plain(loss) for loss in row.losses],
    }
