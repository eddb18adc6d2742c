"""What the scores of a file are: logits, probabilities, log-probabilities or percentages."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from xent._kind import check_kind
from xent._plausible import (
    are_confidences,
    are_decisions,
    are_log_probabilities,
    are_percentages,
    are_probabilities,
    within,
)
from xent._validation import Array
from xent.scoring import naming
from xent.scoring.choosing_base import (
    PERCENT,
    BaseChooser,
    Candidate,
    few,
)
from xent.scoring.labels import Labels, present, whole_number
from xent.scoring.naming import ScoreSet
from xent.scoring.reading import Reading, quoted


class KindChooser(BaseChooser):
    """Decides what the scores are."""

    def _with_kind(self, reading: Reading, scores: ScoreSet, matrix: Array) -> Reading:
        asked, tolerance = self.options.kind, self.options.tolerance
        if self.options.normalize:
            return self._to_normalize(reading, asked or scores.kind or "probabilities")
        if asked == PERCENT:
            return replace(reading, kind="probabilities", percent=True)
        if asked is not None:
            return replace(reading, kind=check_kind(asked, PERCENT))
        kept = self._counting(matrix, reading.label)
        if not len(kept):
            return reading
        probable = are_probabilities(kept, tolerance)
        if self.options.lenient:
            if scores.kind is None and kept.ndim > 1 and probable:
                return replace(reading, kind="probabilities")
            unnamed = scores.kind is None and reading.shape == "binary"
            found = self._of_the_predicted(reading, kept) if unnamed else []
            return found[0].reading if found else reading
        if scores.kind == "probabilities" and not probable and are_percentages(kept, tolerance):
            self._check_few(reading, matrix)
            self._percent(reading)
        if scores.kind is not None:
            self._check_confidence(reading, kept)
            return reading
        if kept.ndim > 1:
            if are_decisions(kept) and probable:
                self.fail(f"{quoted(reading.scores)} hold 0 and 1 and nothing else: predicted "
                          "labels? Save probabilities, as predict_proba returns them. Or say what "
                          "they are with --kind.")  # fmt: skip
            if probable:
                return replace(reading, kind="probabilities")
            if within(kept, 0, 1) and (kept > 0).any(axis=1).all():
                divided = replace(reading, kind="probabilities", normalize=True)
                self._several(
                    "all scores lie between 0 and 1, and those of a row do not sum to 1",
                    [
                        Candidate("probabilities, each row divided by its sum",
                                  "--kind probabilities --normalize", divided),
                        Candidate("logits", "--kind logits", reading),
                    ],
                )  # fmt: skip
            if are_percentages(kept, tolerance):
                self._percent(reading)
            if are_log_probabilities(kept, tolerance):
                return replace(reading, kind="log-probabilities")
            return reading
        return self._alone(reading, kept)

    def _check_confidence(self, reading: Reading, kept: Array) -> None:
        """Fail where probabilities are not below 1/2 even beside the other predicted label."""
        if reading.shape != "binary" or reading.kind != "probabilities":
            return
        for found in self._of_the_predicted(reading, kept):
            name = found.reading.predicted or ""
            if len(self._labels_in(name)) == 2:
                plain = Candidate("probabilities of label 1", "--kind probabilities", reading)
                self._several(f"no score is below 1/2, and '{name}' holds predicted labels",
                              [found, plain], reading.scores[0])  # fmt: skip

    def _to_normalize(self, reading: Reading, kind: str) -> Reading:
        if kind not in ("probabilities", PERCENT):
            self.fail(f"--normalize is for probabilities, but the scores are {kind}.")
        if reading.shape == "binary":
            self.fail("--normalize is for rows of several classes, but each row has one score.")
        return replace(reading, kind="probabilities")

    def _check_few(self, reading: Reading, matrix: Array) -> None:
        """Fail where most numbers that may be percentages are probabilities."""
        above = matrix > 1
        if matrix.ndim > 1 or above.mean() > 1 / 2:
            return
        cell = int(above.argmax())
        row, j = divmod(cell, len(reading.parts))
        column = reading.scores[j if len(reading.scores) > 1 else 0]
        percent = self._loss(replace(reading, kind="probabilities", percent=True)).strip()
        what = f"{matrix[cell]}: a probability lies between 0 and 1, as {int((matrix <= 1).sum())} "
        what += f"of the first {len(matrix)} do. Correct the others; or, if all are percentages, "
        what += f"pass --kind percent (log loss {percent})."
        self.fail(what, row=row, column=column)

    def _percent(self, reading: Reading) -> None:
        of = reading.shape == "binary" or len(reading.parts) > 1
        seen = "all scores lie between 0 and 100" if of else "the scores of each row sum to 100"
        percent = replace(reading, kind="probabilities", percent=True)
        loss = self._loss(percent).strip()
        told = f" (log loss {loss})" if loss else ""
        what = f"{seen}: percentages? Then pass --kind percent{told}."
        self.fail(what + " Raw scores need --kind logits.")

    def _alone(self, reading: Reading, kept: Array) -> Reading:
        """One number per row, whose name does not say what it is."""
        name, tolerance = reading.scores[0], self.options.tolerance
        labels = {whole_number(text) for text in self.sample.texts(reading.label)}
        values = {whole_number(repr(float(value))) for value in np.unique(kept).tolist()}
        if values <= labels and len(values) > 1:
            self.fail(f"holds {few(sorted(values))} and nothing else: predicted labels? Save "
                      "probabilities, as predict_proba returns them. Or say what they are with "
                      "--kind.", column=name)  # fmt: skip
        found: list[Candidate] = []
        if are_probabilities(kept, tolerance):
            found += self._of_the_predicted(reading, kept)
            found.append(Candidate("probabilities", "--kind probabilities",
                                   replace(reading, kind="probabilities")))  # fmt: skip
        elif are_percentages(kept, tolerance):
            percent = replace(reading, kind="probabilities", percent=True)
            found.append(Candidate("percentages", "--kind percent", percent))
        elif are_log_probabilities(kept, tolerance):
            found.append(Candidate("log-probabilities", "--kind log-probabilities",
                                   replace(reading, kind="log-probabilities")))  # fmt: skip
        if found:
            found.append(Candidate("logits", "--kind logits", reading))
            seen = "its name does not say what it holds"
            sure = naming.labels([reading.label])[0] or reading.predicted
            if are_confidences(kept) and not sure and len(found) == 2 and len(kept) > 10:
                seen += f", and none is below 1/2: if '{reading.label}' is what was predicted, add "
                seen += "a column of the true labels"
            self._several(seen, found, name)
        return reading

    def _of_the_predicted(self, reading: Reading, kept: Array) -> list[Candidate]:
        """Where no score is below 1/2, it may be the probability of a label in another column."""
        if reading.predicted or not are_confidences(kept):
            return []
        labels = set(self._labels_in(reading.label))
        for name in self.sample.columns:
            if name in (reading.label, *reading.scores) or self.sample.listed(name):
                continue
            predicted = set(present(self.sample.texts(name)))
            if len(labels) == 2 and predicted and predicted <= labels:
                of = replace(reading, kind="probabilities", predicted=name)
                if not any(reading.labels.code(text) >= 0 for text in labels):
                    of = replace(of, labels=Labels(sorted(labels)))  # the order does not matter
                option = f"--kind probabilities --predicted-column {name}"
                return [Candidate(f"probabilities of the label in '{name}'", option, of)]
        return []
