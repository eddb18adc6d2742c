"""Saved results: read, and merged."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from xent.scoring.errors import FileError
from xent.scoring.file_score import SAVED, STATE_FORMAT, STATE_VERSION
from xent.scoring.language import ChoiceScore, TextScore
from xent.scoring.language import report as language
from xent.scoring.language.saved import merged as merged_texts
from xent.scoring.language.saved import score_from
from xent.scoring.multilabel import MultiLabelScore
from xent.scoring.report import Score
from xent.scoring.state import State, StateError
from xent.scoring.state.label_rows import LabelRows

UNPREDICTED = "no prediction"
TUPLES = ("files", "skipped", "show")


FORMATS = {STATE_FORMAT: STATE_VERSION, language.STATE_FORMAT: language.STATE_VERSION}

Scored = TypeVar("Scored", Score, MultiLabelScore)
Result = Score | MultiLabelScore | TextScore | ChoiceScore


def load_state(path: Path) -> Result:
    """The result that was saved in a file."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise FileError(path, "no such file.") from None
    except OSError as error:
        raise FileError(path, f"cannot be opened: {error.strerror}.") from None
    except ValueError:
        text = ""
    return state_from(text, path)


def state_from(text: str, path: Path | str = "the state") -> Result:
    """The result that a text holds; errors call it by the path."""
    try:
        data = json.loads(text)
        known = FORMATS[data["format"]]
    except (ValueError, KeyError, TypeError):
        what = "is no saved state, or not a complete one: save it with --save-state."
        raise FileError(path, what) from None
    if (version := data.get("version")) != known:
        what = f"is a state of version {version!r}, but this xent reads {known}. Score the "
        raise FileError(path, what + "predictions again, or use the xent that saved it.")
    try:
        if data["format"] == language.STATE_FORMAT:
            return score_from(data)
        return _score(data, str(path))
    except StateError as error:
        raise FileError(path, str(error)) from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FileError(path, f"is damaged: {error!r}.") from None


def _score(data: dict[str, Any], name: str) -> Score | MultiLabelScore:
    states = [State.from_json(json.dumps(each), name) for each in data["states"]]
    values: dict[str, Any] = {each: bool(data[each]) for each in SAVED if each.startswith("like_")}
    values |= {each: tuple(map(str, data[each])) for each in TUPLES}
    values |= {
        "read": str(data["read"]),
        "highest": float.fromhex(data["highest"]),
        "left_out": tuple((str(why), int(n)) for why, n in data["left_out"].items()),
    }
    path, schema = str(data["path"]), states[0].schema
    if (labels := data["labels"]) is not None:
        names = tuple(map(str, labels))
        if len(names) != len(states):
            raise ValueError(names)
        rows = LabelRows.from_data(data["together"], len(names), weighted=schema.weighted)
        return MultiLabelScore(path, schema.kind, names, tuple(states), rows, **values)
    shares = data["baseline"]
    baseline = None if shares is None else tuple(map(float, shares))
    return Score(path, schema.kind, schema.classes, states[0], baseline=baseline, **values)


def merged(a: Result, b: Result) -> Result:
    """The result of the rows of both."""
    if isinstance(a, TextScore) and isinstance(b, TextScore):
        return merged_texts(a, b)
    if isinstance(a, ChoiceScore) and isinstance(b, ChoiceScore):
        return merged_texts(a, b)
    if isinstance(a, Score) and isinstance(b, Score):
        if a.baseline != b.baseline:
            msg = "These states cannot be merged. Their baselines differ."
            raise StateError(msg)
        return replace(_merged(a, b), state=a.state.merge(b.state))
    if isinstance(a, MultiLabelScore) and isinstance(b, MultiLabelScore):
        if a.labels != b.labels:
            both = f"{', '.join(a.labels)} and {', '.join(b.labels)}"
            msg = f"These states cannot be merged. The labels differ: {both}."
            raise StateError(msg)
        states = (one.merge(other) for one, other in zip(a.states, b.states, strict=True))
        together = a.together.merge(b.together)
        return replace(_merged(a, b), states=tuple(states), together=together)
    msg = f"These states cannot be merged. One is {type(a).__name__}, the other {type(b).__name__}."
    raise StateError(msg)


def _merged(a: Scored, b: Scored) -> Scored:
    """The first one, with what both say beside their states."""
    counts = Counter(dict(a.left_out)) + Counter(dict(b.left_out))
    counts.pop(UNPREDICTED, None)  # what one state lacks, the other may have
    reads = dict.fromkeys([*a.read.splitlines(), *b.read.splitlines()])
    if a.show != b.show:
        shown = [", ".join(each.show) or "no column" for each in (a, b)]
        msg = f"These states cannot be merged. One shows {shown[0]}, the other {shown[1]}."
        raise StateError(msg)
    return replace(
        a,
        path=", ".join(dict.fromkeys([*a.path.split(", "), *b.path.split(", ")])),
        like_probabilities=a.like_probabilities and b.like_probabilities,
        like_percentages=a.like_percentages and b.like_percentages,
        highest=max(a.highest, b.highest),
        like_decisions=a.like_decisions and b.like_decisions,
        read="\n".join(reads),
        left_out=tuple(sorted(counts.items())),
        files=(*a.files, *b.files),
        skipped=(*a.skipped, *b.skipped),
    )
