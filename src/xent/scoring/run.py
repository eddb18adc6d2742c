"""Reads the rows of a source as its first rows showed that they are to be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from xent._validation import check_number
from xent.scoring.choosing_indicators import read
from xent.scoring.columns import Missing, Rows
from xent.scoring.engines import ENGINES
from xent.scoring.job import Job, Told
from xent.scoring.labels import whole_number
from xent.scoring.losses_file import LossesFile
from xent.scoring.reading import Options
from xent.scoring.saved import UNPREDICTED
from xent.scoring.slicing import slicings
from xent.scoring.sources import Source, open_truth
from xent.scoring.state import Schema
from xent.scoring.tally import Tallies


class Run:
    """A source, and how its rows are read."""

    def __init__(
        self,
        source: Source,
        *,
        tolerance: float = 1e-3,
        missing: Missing = "error",
        ignored: Sequence[str] = (),
        lenient: bool = False,
        truth: Any = None,
        key: str | Sequence[str] | None = None,
        by: Sequence[str] = (),
        score_columns: Sequence[str] | None = None,
        predicted_column: str | None = None,
        **columns: Any,
    ) -> None:
        tolerance = check_number(tolerance, "tolerance", 0, 1)
        self.source = source
        if (truth is None) != (key is None):
            msg = "truth and key go together: the table of labels, and the column that both have."
            raise ValueError(msg)
        self.source.spread()
        if key is not None:
            self.source.join(open_truth(truth, key, drops=missing == "drop"))
        self.first, self.sample = self.source.first
        options = Options(
            **columns,
            score_columns=score_columns and [self.first.called(name) for name in score_columns],
            predicted_column=predicted_column and self.first.called(predicted_column),
            by=slicings(by, self.first.names),
            ignored=frozenset(whole_number(str(each)) for each in ignored),
            tolerance=tolerance,
            lenient=lenient,
        )
        self.reading = read(self.first, self.sample, options)
        if self.source.truth is not None:
            self.reading = replace(self.reading, truth=self.source.truth.name)
        self.by_name = not score_columns
        self.how: dict[str, Any] = {
            "missing": missing, "ignored": ignored, "tolerance": tolerance, "lenient": lenient,
        }  # fmt: skip

    def tallies(
        self,
        worst: int,
        clip: float | None,
        losses: Path | None = None,
        progress: Told | None = None,
        engine: str = "local",
        workers: int = 1,
    ) -> Tallies:
        """Read all rows, and write the losses of each; a tally for each part of the reading.

        A part of the source that is left out leaves nothing.
        """
        r = self.reading
        if r.groups and len(r.parts) > 1:
            msg = "slices and clusters are for one label per row, not for labels that may be true "
            raise ValueError(msg + "at once.")
        schemas = tuple(
            Schema(
                p.kind, tuple(p.classes), p.shape == "binary", p.weight is not None, clip, worst,
                tuple(each.text for each in p.by), p.cluster,
            )
            for p in r.parts
        )  # fmt: skip
        self.source.match(r.columns)
        with LossesFile.open(losses, r, clip, self.source) as file:
            job = self._job(schemas)
            totals = ENGINES[engine](job, self.source, workers, progress, file)
            self.source.check_any()
        if self.source.truth is not None:
            for total in totals.parts:
                total.left_out[UNPREDICTED] += self.source.truth.without_prediction
        return totals

    def rows(self) -> Iterator[list[Rows]]:
        """The rows of all parts of the source, for each part of the reading."""
        self.source.match(self.reading.columns)
        job = self._job(())
        for name, opened in self.source.parts:
            reader = self.source.open(name, opened)
            job.check(reader, name)
            yield from job.batches(reader, job.layouts(reader))

    def _job(self, schemas: tuple[Schema, ...]) -> Job:
        return Job(self.reading, schemas, self.how, self.source.first_name, self.by_name)
