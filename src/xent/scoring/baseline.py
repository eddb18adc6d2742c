"""Shares of the classes in other data, such as those that a model was trained on."""

from __future__ import annotations

from typing import Any

import numpy as np

from xent.scoring.errors import FileError
from xent.scoring.labels import GONE, NO_CLASS
from xent.scoring.reading import Reading, all_of
from xent.scoring.sources import open_source
from xent.scoring.values import Values


def shares_of(source: Any, reading: Reading) -> tuple[float, ...]:
    """Shares of the classes among the labels of a source, in the order of the classes.

    The labels are in a column of the same name, or in the only column that there is. Rows without a
    label do not count.
    """
    opened = open_source(source)
    counts = np.zeros(len(reading.classes), np.int64)
    for name, opens in opened.parts:
        reader = opened.open(name, opens)
        label = _column(reader.names, reading.label, name)
        values = Values(name)
        first = 0
        for batch in reader.batches([label], []):
            codes, distinct = values.labels(batch[label], label)
            of = np.array([*map(reading.labels.code, distinct), GONE], np.int64)[codes]
            if (of == NO_CLASS).any():
                row = int((of == NO_CLASS).argmax())
                what = reading.labels.unknown(distinct[codes[row]])
                row += first
                raise FileError(name, what, column=label).at(row, reader.line(row))
            counts += np.bincount(of[of >= 0], minlength=len(counts))
            first += len(of)
    if not counts.any():
        raise FileError(opened.name, "holds no label, so it has no shares for --baseline.")
    return tuple((counts / counts.sum()).tolist())


def _column(names: list[str], label: str, file: str) -> str:
    if label in names:
        return label
    if len(names) == 1:
        return names[0]
    what = f"has no column '{label}' of labels, as the predictions have; the columns are "
    raise FileError(file, f"{what}{all_of(names)}.")
