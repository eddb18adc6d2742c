"""Saved results: read, and merged."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from xent.scoring.errors import FileError
from xent.scoring.report import STATE_FORMAT, STATE_VERSION, Score
from xent.scoring.state import State, StateError

UNPREDICTED = "no prediction"
TUPLES = ("files", "skipped", "show")


def load_state(path: Path) -> Score:
    """The result that was saved in a file."""
    try:
        data = json.loads(path.read_text("utf-8"))
        if data["format"] != STATE_FORMAT:
            raise KeyError
    except FileNotFoundError:
        raise FileError(path, "no such file.") from None
    except OSError as error:
        raise FileError(path, f"cannot be opened: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError):
        what = "is no saved state, or not a complete one: save it with --save-state."
        raise FileError(path, what) from None
    if (version := data.get("version")) != STATE_VERSION:
        what = f"is a state of version {version!r}, but this xent reads {STATE_VERSION}. Score the "
        raise FileError(path, what + "predictions again, or use the xent that saved it.")
    try:
        return _score(data, str(path))
    except StateError as error:
        raise FileError(path, str(error)) from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FileError(path, f"is damaged: {error!r}.") from None


def _score(data: dict[str, Any], name: str) -> Score:
    state = State.from_json(json.dumps(data["state"]), name)
    return Score(
        str(data["path"]),
        state.schema.kind,
        state.schema.classes,
        state,
        like_probabilities=bool(data["like_probabilities"]),
        like_percentages=bool(data["like_percentages"]),
        highest=float(data["highest"]),
        like_decisions=bool(data["like_decisions"]),
        read=str(data["read"]),
        left_out=tuple((str(why), int(n)) for why, n in data["left_out"].items()),
        **{each: tuple(map(str, data[each])) for each in TUPLES},
    )


def merged(a: Score, b: Score) -> Score:
    """The result of the rows of both."""
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
        state=a.state.merge(b.state),
        like_probabilities=a.like_probabilities and b.like_probabilities,
        like_percentages=a.like_percentages and b.like_percentages,
        highest=max(a.highest, b.highest),
        like_decisions=a.like_decisions and b.like_decisions,
        read="\n".join(reads),
        left_out=tuple(sorted(counts.items())),
        files=(*a.files, *b.files),
        skipped=(*a.skipped, *b.skipped),
    )
