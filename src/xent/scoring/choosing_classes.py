"""The classes that the scores of a file are for, and which of them its labels mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from shlex import quote

from xent._validation import Array
from xent.scoring import naming
from xent.scoring.choosing_base import (
    BaseChooser,
    Candidate,
    few,
    is_number,
    order,
)
from xent.scoring.labels import MARKS, Labels, indices, present, whole_number, with_last, yes_or_no
from xent.scoring.naming import ScoreSet
from xent.scoring.reading import Reading, Shape, quoted


class ClassChooser(BaseChooser):
    """Decides which class is which."""

    def _classes(
        self, scores: ScoreSet, shape: Shape, matrix: Array, label: str
    ) -> tuple[list[str], Mapping[str, int]]:
        """The names of the classes, and what else their labels may be called."""
        width = 2 if shape == "binary" else matrix.shape[1] if matrix.ndim == 2 else 0
        if self.options.classes is not None:
            classes = list(self.options.classes)
            if len(set(classes)) != len(classes):
                msg = f"classes {', '.join(classes)} contain duplicates."
                raise ValueError(msg)
            if width and len(classes) != width and len(self.sample):
                msg = f"{len(classes)} classes are named, but the scores are for {width}."
                raise ValueError(msg)
            return classes, {}
        if shape == "binary":
            self._check_two(label, scores)
            return self._two_classes(scores, label), {}
        if shape == "lists":
            if len(self.sample) and width < 2:
                what = f"{width} scores per row; expected 2 or more, one per class. "
                what += "A binary score is a plain number: save scores[:, 0]."
                self.fail(what, column=scores.columns[0])
            return indices(width), {}
        if len(set(scores.classes)) != len(scores.classes):
            msg = f"classes {', '.join(scores.classes)} contain duplicates."
            raise ValueError(msg)
        present = {whole_number(text) for text in self._labels_in(label)}
        classes = naming.fitting(scores.classes, present)
        return classes, {name: j for j, name in enumerate(scores.columns)}

    def _two_classes(self, scores: ScoreSet, label: str) -> list[str]:
        """The classes, of which the second is the one that the scores are for."""
        found = self._labels_in(label)
        classes = yes_or_no(found) or ["0", "1"]
        if not scores.classes:
            if self.options.predicted_column and len(found) == 2 and yes_or_no(found) is None:
                # Scores of whichever label was predicted: the order does not matter.
                return classes if any(map(is_number, found)) else sorted(found)
            return classes
        name = scores.classes[0]
        if len(found) == 2 and name in found and not any(map(is_number, found)):
            return [next(text for text in found if text != name), name]
        return with_last(classes, name)

    def _check_two(self, label: str, scores: ScoreSet) -> None:
        """Fail where one score per row cannot be for all the labels."""
        found = {*map(whole_number, self._labels_in(label))} - MARKS
        numbers = [*map(is_number, found)]
        # Of wrong numbers `diagnose` says more; a name among numbers is an error of its row.
        if len(found) <= 2 or (any(numbers) and (self.options.lenient or not all(numbers))):
            return
        name = scores.columns[0]
        values = {*map(whole_number, present(self.sample.texts(name)))}
        if not self.sample.numeric(name) or values <= found:  # other errors say so
            return
        what = f"holds {len(found)} labels ({few(sorted(found))}), but each row has one score, "
        if len({text.lower() for text in found}) == 2:
            what = (
                f"holds {len(found)} labels ({few(sorted(found))}), of which some differ only in "
            )
            self.fail(
                what + "case: write labels alike, as df[label].str.lower() does.", column=label
            )
        predicted = self._predicted_column(label, scores.columns)
        if predicted is None:
            what += "which is for two. Save a score for each class."
        else:
            what += f"'{name}': the confidence in the label in '{predicted}'? Where "
            what += "that is wrong, it does not say how probable the true label was. Save the "
            what += "probabilities of all classes, as predict_proba and pipelines with top_k=None "
            what += "return them, in a column for each: " + _example(sorted(found)) + "."
        self.fail(what, column=label)

    def _check_order(self, reading: Reading) -> None:
        """Fail where the names of two classes do not say which one the scores are for."""
        found = sorted(self._labels_in(reading.label))
        known = reading.labels.code(found[0]) >= 0 if found else True
        if reading.shape != "binary" or len(found) != 2 or known or any(map(is_number, found)):
            return
        self._several(
            f"the labels are {few(found)}, and nothing says which of them the scores are for",
            [
                Candidate(f"scores for {yes}", f"--classes={quote(f'{no},{yes}')}"
                          if no.startswith("-") else f"--classes {quote(f'{no},{yes}')}",
                          replace(reading, labels=Labels([no, yes])))
                for no, yes in (found, found[::-1])
            ],
        )  # fmt: skip

    def _with_labels(self, reading: Reading) -> Reading:
        """Fail where numbers as labels do not say which column is meant."""
        present = {whole_number(text) for text in self._labels_in(reading.label)}
        classes, k = reading.classes, len(reading.classes)
        if not present or not all(text.lstrip("-").isdigit() for text in present):
            return reading
        by_name = all(reading.labels.code(text) >= 0 for text in present)
        if reading.shape != "columns" or reading.labels.are_indices:
            return reading
        if self.options.score_columns and not by_name and {"0"} <= present <= set(indices(k)):
            # Columns that are asked for are in the order of the classes.
            places = {place: j for j, place in enumerate(indices(k))}
            return replace(reading, labels=Labels(classes, places))
        numbered = all(map(is_number, classes)) and classes not in (indices(k), indices(k, 1))
        if numbered and not by_name:  # a label without a column, as the row's error says
            return reading
        found = [
            Candidate(f"columns counted from {low}", f"--classes {order(low, k)}",
                      replace(reading, labels=Labels(indices(k, low))))
            for low in (0, 1)
            if present <= set(indices(k, low)) and indices(k, low) != classes
        ]  # fmt: skip
        if by_name:
            # Labels from 0 beside columns from 1 are all names, too, where the last one is absent.
            kept = Candidate("classes by name", f"--classes {','.join(classes)}", reading)
            better = [each for each in found if self._mean(each.reading) < self._mean(reading)]
            if not better:
                return reading
            found = [kept, *better]
        elif k == 2 and present <= {"0", "1"}:
            of = Labels(["0", "1"])
            for name in reading.scores:
                alone = replace(reading, scores=(name,), shape="binary", labels=of)
                found.append(Candidate(f"{name} alone", f"--score-columns {name}", alone))
        if found:
            self._several(f"the labels are {few(sorted(present))}, and the columns of scores are "
                          f"{quoted(reading.scores)}", found)  # fmt: skip
        return reading


def _example(labels: Sequence[str]) -> str:
    return ", ".join(f"prob_{label}" for label in labels[:3]) + ", ..." * (len(labels) > 3)
