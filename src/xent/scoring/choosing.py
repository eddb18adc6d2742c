"""How a file of predictions is read: which columns, of what kind, for which classes.

Names decide where they say it, and the numbers of the first rows where only one reading of them is
possible. Where several are, an error shows each with its loss, and the option that chooses it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from shlex import quote
from typing import Any

import numpy as np

from xent._plausible import (
    are_percentages,
    are_probabilities,
    within,
)
from xent._validation import Array
from xent.scoring import naming
from xent.scoring.choosing_base import (
    Candidate,
    whole_rows,
)
from xent.scoring.choosing_classes import ClassChooser
from xent.scoring.choosing_kinds import KindChooser
from xent.scoring.labels import Labels, indices, whole_number
from xent.scoring.naming import ScoreSet
from xent.scoring.reading import Options, Reading, Shape, all_of, quoted
from xent.scoring.sources.reader import Reader
from xent.scoring.sources.sample import Sample
from xent.scoring.values import is_written_list

BESIDE = 8
"""The most columns, on either side of those called as labels, that may be of other classes."""
MOST = 6
"""The most columns that an error offers."""
HOW = (
    "Scores are found by name: one column logit or prob (or a list per row under logits or "
    "probs), or one column per class, logit_CLASS or prob_CLASS. Name others with "
    "--score-columns A,B,C and --kind."
)


def read(reader: Reader, sample: Sample, options: Options) -> Reading:
    """Decide how the file is read; an error if several ways are possible."""
    return Chooser(reader, sample, options).reading()


class Chooser(KindChooser, ClassChooser):
    """Decides how a file is read; several ways are an error."""

    def reading(self) -> Reading:
        """How the file is read, with one label per row."""
        self.check_asked()
        (label,) = self.asked_labels or (self._label(),)
        scores = self._scores(label)
        if len(scores.columns) == 1 and not self.options.lenient:
            self._check_long(label, scores.columns[0])
        chosen = (label, *scores.columns, *self.options.more)
        self._check_unique(chosen)
        for name in chosen:
            if name not in self.sample.columns:
                self.reader.check(name)
        asked = self.options.classes
        if asked and scores.classes and len(asked) > 1 and set(asked) == set(scores.classes):
            # Names say which column is of which class: only their order is asked for.
            columns = dict(zip(scores.classes, scores.columns, strict=True))
            scores = ScoreSet(tuple(columns[name] for name in asked), scores.kind, tuple(asked))
        shape, matrix = self._matrix(scores)
        classes, aliases = self._classes(scores, shape, matrix, label)
        lenient = self.options.lenient
        reading = Reading(
            label,
            scores.columns,
            shape,
            scores.kind or "logits",
            Labels(classes, aliases, self._labels_in(label), lenient=lenient),
            self.options.weight_column,
            self.options.predicted_column,
            normalize=self.options.normalize,
            show=tuple(self.options.show),
            by=self.options.by,
            cluster=self.options.cluster,
            texts=frozenset(name for name in scores.columns if is_written_list(self.sample[name])),
        )
        reading = self._with_kind(reading, scores, matrix)
        if self.options.classes is None and not lenient:
            self._check_order(reading)
        if len(self.sample) and not lenient and self.options.classes is None:
            return self._with_labels(reading)
        return reading

    @property
    def asked_labels(self) -> tuple[str, ...]:
        """The columns of labels that were asked for; a text may name several between commas."""
        asked = self.options.label_column or ()
        if not isinstance(asked, str):
            return tuple(asked)
        if asked in self.reader.names or "," not in asked:
            return (asked,)
        return tuple(name.strip() for name in asked.split(","))

    def check_asked(self) -> None:
        """Fail if a column that was asked for is not there."""
        o, names = self.options, self.reader.names
        predicted = [o.predicted_column] if o.predicted_column else []
        for name in (*self.asked_labels, *(o.score_columns or ()), *predicted, *o.more):
            if name not in names:
                self.fail(f"no column '{name}'; the columns are {all_of(names)}.")

    def _check_unique(self, columns: Iterable[str]) -> None:
        counts = Counter(self.reader.names)
        for name in columns:
            if counts[name] > 1:
                self.fail(f"{counts[name]} columns are called '{name}'.")

    def _label(self) -> str:
        taken = {*(self.options.score_columns or ()), self.options.weight_column}
        names = self.reader.label_names
        sure, unsure = naming.labels(name for name in names if name not in taken)
        found = sure or unsure
        found = [name for name in found if not self.sample.nested(name)] or found
        if not found:
            return self._only_other(taken)
        values = [self.sample.texts(name) for name in found]
        if any(each != values[0] for each in values):
            several = f"several columns may hold the true labels: {quoted(found)}"
            if likely := self.tries and self._likely_labels(found):
                self._several(several, likely)
            self.fail(f"{several}. Name one with --label-column.")
        return found[0]

    def _only_other(self, taken: set[str | None]) -> str:
        """The only column beside one of lists, as in an NPZ file whose arrays have no names."""
        names = [name for name in self.sample.columns if name not in taken]
        plain = [name for name in names if not self.sample.listed(name)]
        if len(names) == 2 and len(plain) == 1 and self.reader.unnamed:
            return plain[0]
        what = f"no label column among {all_of(self.reader.label_names)}"
        if likely := self.tries and self._likely_labels():
            self._several(what, likely)
        what += (
            ". It must be called one of label, target, y_true, truth, gold, actual, y or class, "
        )
        what += "or be named with --label-column; labels of another table need --truth FILE --key "
        what += "COLUMN."
        if self.reader.scores_only:
            what = "holds only scores, no labels. Give the file of labels with --labels FILE.npy."
        return self.fail(what)

    def _scores(self, label: str) -> ScoreSet:
        if self.options.score_columns:
            return naming.asked_set(list(self.options.score_columns))
        named = [
            name
            for name in self.reader.names
            if name not in (label, self.options.weight_column)
            and not naming.INDEX.fullmatch(name.strip())
        ]
        usable = [name for name in named if self.sample.holds_numbers(name)]
        numeric = set(usable)
        # What is called a score by its kind is one, and an error if it holds something else.
        sets = naming.score_sets([n for n in named if n in numeric or naming.kind_of(n)])
        # A column alone that is named after a class says nothing where there are others.
        sets = [each for each in sets if each.kind] or sets
        # Nor do predicted labels say anything beside scores.
        sure = [each for each in sets if each.kind or not self._repeats(each, label)]
        known = {name for each in sets for name in each.columns}
        beside = [name for name in usable if name not in known]
        sets = sure or self._bare(beside, label) or sets
        if len(sets) != 1:
            shown = " and ".join(each.columns[0] for each in sets) or "none"
            every = all_of(self.reader.names)
            what = f"no single set of score columns among {every}: found {shown}"
            if likely := self.tries and self._likely(sets, usable, label):
                self._several(what, likely)
            if self._has_fractions(label, 1):
                what = f"'{label}' holds numbers between 0 and 1, and no other column holds scores"
                self.fail(f"{what}: predictions? Labels of another table need --truth FILE --key "
                          "COLUMN.")  # fmt: skip
            self._check_unique(name for each in sets for name in each.columns)
            self.fail(f"{what}. {HOW}")
        return sets[0]

    def _likely(
        self, sets: Sequence[ScoreSet], usable: Sequence[str], label: str
    ) -> list[Candidate]:
        """Readings by columns of scores, of which each is an option."""
        texts = {whole_number(text) for text in self._labels_in(label)}
        groups = [each.columns for each in sets]
        if not groups:
            alike = {name: naming.head(name) for name in usable}
            for each in dict.fromkeys(alike.values()):
                columns = tuple(n for n in usable if alike[n] == each and (each or n in texts))
                if len(columns) > 1 and texts <= {*columns, *naming.fitting(columns, texts)}:
                    groups.append(columns)
        if not groups:
            fractions = [name for name in usable if self._has_fractions(name)]
            shares = [name for name in fractions if self._has_fractions(name, 1)]
            groups = [(name,) for name in (shares or fractions)[-MOST:]]
        found: list[Candidate] = []
        for columns in groups[:MOST]:
            option = f"--score-columns {quote(','.join(columns))}"
            for kind in (None, "probabilities", "log-probabilities", "logits"):
                how = option if kind is None else f"{option} --kind {kind}"
                reading = self._tried(label_column=label, score_columns=columns, kind=kind)
                if reading is not None:
                    found.append(Candidate(f"{reading.kind} in {quoted(columns)}", how, reading))
                if reading is not None and kind in (None, "probabilities"):
                    break  # what the names or the rows say
        return found

    def _has_fractions(self, name: str, most: float = np.inf) -> bool:
        """Are numbers in the column no whole ones, and none larger than this, or below 0?"""
        if not self.sample.numeric(name):
            return False
        kept = whole_rows(self.values.numbers(self.sample[name], name, gaps=True))
        least = 0 if most < np.inf else -most
        return bool((kept % 1).any()) and within(kept, least, most)

    def _likely_labels(self, names: Sequence[str] = ()) -> list[Candidate]:
        """Readings by columns of labels, of which each is an option."""
        found: list[Candidate] = []
        for name in names or self.reader.label_names:
            # A label occurs more than once; predictions are none.
            few = 2 <= len(self.sample.texts(name)) < max(3, len(self.sample))
            if not names and (not few or naming.named(name)):
                continue
            if len(found) < MOST and (reading := self._tried(label_column=name)):
                how = f"--label-column {quote(name)}"
                found.append(Candidate(f"labels in '{name}'", how, reading))
        return found

    def _repeats(self, scores: ScoreSet, label: str) -> bool:
        """Is it one column, which holds nothing but labels?"""
        values = {whole_number(text) for text in self.sample.texts(scores.columns[0])}
        labels = {whole_number(text) for text in self.sample.texts(label)}
        return len(scores.columns) == 1 and bool(values) and values <= labels

    def _bare(self, usable: Sequence[str], label: str) -> list[ScoreSet]:
        """Columns whose names are the labels, with or without what all names begin with."""
        listed = [name for name in usable if self.sample.listed(name)]
        plain = [name for name in usable if name not in listed]
        labels = {whole_number(text) for text in self.sample.texts(label)}
        alike = {name: naming.head(name) for name in plain}
        groups = [plain, [name for name in plain if name in labels]]
        groups += [[n for n in plain if alike[n] == each] for each in dict.fromkeys(alike.values())]
        groups.append(self._neighbours(plain, labels))
        for columns in groups:
            short = naming.short_names(columns)
            known = set(columns) | set(short) | set(indices(len(columns)))
            if len(columns) > 1 and labels <= known and self._are_rows(columns):
                classes = columns if labels & set(columns) else short
                return [ScoreSet(tuple(columns), None, tuple(classes))]
        return [ScoreSet((listed[0],), None)] if len(listed) == 1 else []

    def _neighbours(self, columns: Sequence[str], labels: set[str]) -> list[str]:
        """The fewest neighbouring columns, with all that are called as labels, that sum to 1."""
        places = [i for i, name in enumerate(columns) if name in labels]
        if not places or not labels <= set(columns):
            return []
        first, last = places[0], places[-1] + 1
        runs: dict[int, list[list[str]]] = {}
        for a in range(max(0, first - BESIDE), first + 1):
            for b in range(last, min(len(columns), last + BESIDE) + 1):
                if b - a > 1 and self._are_rows(columns[a:b]):
                    runs.setdefault(b - a, []).append(list(columns[a:b]))
        shortest = runs[min(runs)] if runs else []
        return shortest[0] if len(shortest) == 1 else []

    def _are_rows(self, columns: Sequence[str]) -> bool:
        """Do the columns hold a distribution in each row?"""
        _, matrix = self._matrix(ScoreSet(tuple(columns), None, tuple(columns)))
        kept = whole_rows(matrix)
        tolerance = self.options.tolerance
        if self.options.normalize and within(kept, 0, np.inf):
            return bool(len(kept))
        if len(matrix) and not len(kept):
            return False
        return are_probabilities(kept, tolerance) or are_percentages(kept, tolerance)

    def _matrix(self, scores: ScoreSet) -> tuple[Shape, Array]:
        """The scores of the sample; what is missing is NaN."""
        name = scores.columns[0]
        if len(scores.columns) == 1 and self.sample.listed(name):
            if not len(self.sample):
                return "lists", np.empty((0, 0))
            return "lists", self.values.lists(self.sample[name], name, gaps=True)
        columns = []
        for name in scores.columns:
            if self.sample.numeric(name):
                columns.append(self.values.numbers(self.sample[name], name, gaps=True))
            else:  # an error says so once the row is read
                self._check_percent_signs(name)
                columns.append(np.full(len(self.sample), np.nan))
        if len(columns) == 1:
            return "binary", columns[0]
        return "columns", np.stack(columns, axis=1)

    def _check_percent_signs(self, name: str) -> None:
        texts = self.sample.texts(name)
        if texts and all(text.endswith("%") for text in texts):
            what = f"{texts[0]:.40} is not a number. Remove the signs % and pass --kind percent."
            self.fail(what, column=name)

    def _check_long(self, label: str, name: str) -> None:
        """Fail where each example has a row for each class, whose probabilities sum to 1."""
        if not (len(self.sample) > 1 and self.sample.numeric(name)) or self.options.classes:
            return
        p = self.values.numbers(self.sample[name], name, gaps=True)
        for key in self.sample.columns:
            if key in (label, name) or self.sample.listed(key) or self.sample.nested(key):
                continue
            groups = self.sample.runs(key)
            if len(groups) > 1 and min(map(len, groups[:-1])) > 1:
                sums = np.array([p[group].sum() for group in groups[:-1]])
                if (np.abs(sums - 1) <= self.options.tolerance).all():
                    of = f"the scores of each '{key}' sum to 1: one row for each class?"
                    how = self._pivot(key, label, name, groups[:-1])
                    self.fail(f"{of} Give each one row, with a column for each class: {how}.")

    def _pivot(self, key: str, label: str, name: str, groups: Sequence[Array]) -> str:
        """What makes a row of those of a key, in pandas."""
        plain = [each for each in self.sample.columns if self.sample.texts(each)]
        values = {each: np.array(self.sample.values(each), object) for each in plain}

        def sets(each: str) -> list[frozenset[Any]]:
            return [frozenset(values[each][group].tolist()) for group in groups]

        size, classes = max(map(len, groups)), "CLASS"
        for each in plain:
            if each not in (key, name) and len({*sets(each)}) == 1 and len(sets(each)[0]) == size:
                classes = each
        scores = f"columns={classes!r}, values={name!r})"
        if all(len(found) == 1 for found in sets(label)):
            return f"df.pivot(index={[key, label]!r}, {scores}"
        if {whole_number(text) for text in self.sample.texts(label)} == {"0", "1"}:
            true = f"df[df[{label!r}] == 1].set_index({key!r})[{classes!r}].rename('label')"
            return f"df.pivot(index={key!r}, {scores}.join({true})"
        return f"df.pivot(index={key!r}, {scores}"
