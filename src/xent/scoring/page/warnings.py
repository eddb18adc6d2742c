"""What `diagnose` says of the rows that a score keeps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from xent._report import Finding
from xent.scoring.page.told import Told

TOLERANCE = 1.0
"""Whether rows sum to 1 was checked as they were read."""


def warnings_of(score: Told) -> tuple[Finding, ...]:
    """Mistakes and notes of the detectors of `diagnose`; their rows are counted, not named."""
    from xent.check._batch import diagnose_rows

    rows = score.state.sample.rows
    if rows is None:
        return ()
    # Rows come sorted by what they hold; the detectors may expect any order but that.
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(rows.labels))
    schema = score.state.schema
    found = diagnose_rows(
        rows.scores[order], rows.labels[order], schema.kind, schema.classes, TOLERANCE
    )
    return tuple(replace(each) for each in found.findings)
