"""From what is named to a comparison: sources are opened, models found, rows paired."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import PurePath
from shlex import quote
from typing import Any

from xent._format import reasons
from xent.scoring import naming
from xent.scoring.comparing.agreement import shared_columns
from xent.scoring.comparing.models import Asked, found_models, open_side, placed, readings
from xent.scoring.comparing.report import Comparison
from xent.scoring.comparing.run import CompareRun, Progress, check_classes
from xent.scoring.comparing.schema import Schema
from xent.scoring.comparing.sides import Side
from xent.scoring.errors import FileError
from xent.scoring.labels import whole_number
from xent.scoring.reading import Reading
from xent.scoring.slicing import slicings
from xent.scoring.sources import Source
from xent.scoring.sources.keys import key_of
from xent.scoring.sources.memory import is_named
from xent.scoring.state import Schema as Scoring

MOST_MODELS = 50
"""Beyond it there would be more than a thousand pairs."""

Models = Mapping[str, Any] | Sequence[str] | None


def compare_any(
    sources: Sequence[Any],
    *,
    models: Models,
    labels: Any,
    kind: str | Mapping[str, str] | None,
    score_columns: Sequence[str] | None,
    truth: Any,
    key: Any,
    baseline_model: str | None,
    clip: float | None,
    differing: int,
    level: float,
    margin: float | None,
    missing: Any,
    ignored: Sequence[str],
    tolerance: float,
    progress: Progress | None,
    **options: Any,
) -> Comparison:
    """The comparison of the models whose scores the sources hold."""
    if truth is not None and key is None:
        msg = "truth needs a key: the column that it and the predictions have."
        raise ValueError(msg)
    asks = (models, score_columns, truth, kind, options["label_column"], options["classes"])
    how: dict[str, Any] = {"truth": truth, "key": key, "drops": missing == "drop"}
    how["plain"] = all(each is None for each in asks)
    called = list(models or _names(sources)) if len(sources) > 1 else [""]
    opened = [
        open_side(each, labels, name, **how)
        for each, name in zip_longest(sources, called[: len(sources)], fillvalue="")
    ]
    options |= {
        "ignored": frozenset(whole_number(str(each)) for each in ignored),
        "tolerance": tolerance,
        "keys": () if key is None else key_of(key).predictions,
    }
    columns = [name for source in opened for name in source.first[0].names]
    options["by"] = slicings(options["by"], columns)
    asked = _asked(sources, opened, models, score_columns, options)
    names = [name for each in asked for name in each]
    _check_models(names, opened, baseline_model, kind)
    sides: list[Side] = []
    for source, own, extras in zip(opened, asked, placed(opened, options), strict=True):
        own = {name: each._replace(kind=_kind(kind, name)) for name, each in own.items()}
        found = readings(source, own, extras, options)
        shared = shared_columns(sides, source, found)
        sides.append(Side(source, found, missing, ignored, tolerance, shared))
    by_name = {name: reading for side in sides for name, reading in side.models.items()}
    schema = Schema(
        tuple(names),
        check_classes(by_name),
        options["weight_column"] is not None,
        clip,
        differing,
        tuple(each.text for each in options["by"]),
        options["cluster"],
        None if baseline_model is None else names.index(baseline_model),
        tuple(_scoring(reading, clip, options) for reading in by_name.values()),
    )
    run = CompareRun(sides, key, schema, options["show"])
    state = run.state(progress)
    left_out = tuple((why, n) for why, n in sorted(run.left_out.items()) if n)
    path = " and ".join(dict.fromkeys(side.name for side in sides))
    if not state.totals.rows:
        only_weights = [why for why, _ in left_out] == ["weight 0"]
        what = f"no row is left: {reasons(left_out)}." if left_out else "holds no rows."
        raise FileError(path, "holds no row of weight above 0." if only_weights else what)
    return Comparison(
        path,
        state,
        level,
        margin,
        tuple(reading.description for reading in by_name.values()),
        left_out,
        tuple(dict.fromkeys(part for part, _ in opened[0].parts)),
        options["show"],
        _unused_weights(sides[0]),
    )


def _asked(
    sources: Sequence[Any],
    opened: Sequence[Source],
    models: Models,
    score_columns: Sequence[str] | None,
    options: Mapping[str, Any],
) -> list[dict[str, Asked]]:
    """The models of each source, by name."""
    named = None if models is None else list(models)
    columns = dict(models) if isinstance(models, Mapping) else {}
    if len(opened) == 1:
        if score_columns is not None:
            msg = "score_columns are those of one model in each of several sources; of one source, "
            raise ValueError(msg + "name the columns of each model: --model NAME=COLUMNS.")
        if named is None:
            found = found_models(opened[0], options)
            return [{name: Asked(each, found=True) for name, each in found.items()}]
        for name in named:
            if not columns.get(name):
                msg = f"model {name} has no columns, but there is one source: --model {name}=COLUMN"
                raise ValueError(msg + ", or name a file for each model.")
        return [{name: Asked(_columns(columns[name])) for name in named}]
    if named is None:
        named = _names(sources)
    if len(named) != len(opened):
        msg = f"{len(named)} models are named, but there are {len(opened)} sources; of several "
        raise ValueError(msg + "sources, each holds one model.")
    _check_distinct(named)
    return [{name: Asked(_columns(columns.get(name) or score_columns))} for name in named]


def _columns(named: Any) -> tuple[str, ...] | None:
    if named is None:
        return None
    return (named,) if isinstance(named, str) else tuple(named)


def _names(sources: Sequence[Any]) -> list[str]:
    """Names of models after their sources: of files, less what they have in common."""
    if not all(is_named(each) for each in sources):
        return [chr(ord("A") + i) if i < 26 else f"model {i + 1}" for i in range(len(sources))]
    paths = [
        PurePath(str(each[0] if isinstance(each, (list, tuple)) else each)) for each in sources
    ]
    for short in ([path.name.partition(".")[0] for path in paths], [path.name for path in paths],
                  [str(path) for path in paths]):  # fmt: skip
        if len(set(short)) == len(short) and all(short):
            return short
    return [f"{path} ({i})" for i, path in enumerate(paths, 1)]


def _check_distinct(names: Sequence[str]) -> None:
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        msg = f"two models are called {twice[0]}; each needs a name of its own."
        raise ValueError(msg)


def _check_models(
    names: Sequence[str],
    opened: Sequence[Source],
    baseline: str | None,
    kind: str | Mapping[str, str] | None,
) -> None:
    _check_distinct(names)
    if len(names) < 2:
        msg = "there is one model; expected two or more."
        raise ValueError(msg)
    if len(names) > MOST_MODELS:
        msg = f"{len(names)} models in {opened[0].name}; at most {MOST_MODELS} are compared. "
        raise ValueError(msg + "Name those that matter: --model NAME=COLUMNS.")
    asked = [] if baseline is None else [baseline]
    for name in [*asked, *(kind if isinstance(kind, Mapping) else ())]:
        if name not in names:
            msg = f"there is no model {name}; the models are {', '.join(names)}."
            raise ValueError(msg)


def _kind(kind: str | Mapping[str, str] | None, model: str) -> str | None:
    return kind.get(model) if isinstance(kind, Mapping) else kind


def _scoring(reading: Reading, clip: float | None, options: Mapping[str, Any]) -> Scoring:
    """How `score` would keep the rows of a model."""
    return Scoring(
        reading.kind, tuple(reading.classes), reading.shape == "binary",
        options["weight_column"] is not None, clip,
        by=tuple(each.text for each in options["by"]), cluster=options["cluster"],
    )  # fmt: skip


def _unused_weights(side: Side) -> str:
    """Says that there is a column of weights that does not count."""
    used = set(side.columns)
    names = side.source.first[0].names
    found = [n for n in names if naming.WEIGHT.fullmatch(n.strip()) and n not in used]
    if side.first.weight or not found:
        return ""
    return f"Rows count alike; --weight-column {quote(found[0])} would weigh them."
