"""How a file of predictions is read: which columns, of what kind, for which classes.

Names decide where they say it, and the numbers of the first rows where only one reading of them is
possible. Where several are, an error shows each with its loss, and the option that chooses it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from shlex import quote
from typing import Any, NamedTuple

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
from xent.scoring.columns import Layout
from xent.scoring.labels import MISSING, Labels, indices, whole_number, with_last, yes_or_no
from xent.scoring.losses import losses_of
from xent.scoring.naming import ScoreSet
from xent.scoring.reading import Options, Reading, Shape, all_of, listed
from xent.scoring.sources.reader import Reader
from xent.scoring.sources.sample import Sample
from xent.scoring.values import Values, is_written_list

PERCENT = "percent"
BESIDE = 8
"""The most columns, on either side of those called as labels, that may be of other classes."""
MOST = 6
"""The most columns that an error offers."""
HOW = (
    "Scores are found by name: one column logit or prob (or a list per row under logits or "
    "probs), or one column per class, logit_CLASS or prob_CLASS. Name others with "
    "--score-columns A,B,C and --kind."
)


class Candidate(NamedTuple):
    """A reading that is possible, and the option that chooses it."""

    description: str
    option: str
    reading: Reading


def read(reader: Reader, sample: Sample, options: Options) -> Reading:
    """Decide how the file is read; an error if several ways are possible."""
    return Chooser(reader, sample, options).reading()


class Chooser:
    """Decides how a file is read; several ways are an error."""

    def __init__(
        self, reader: Reader, sample: Sample, options: Options, *, tries: bool = True
    ) -> None:
        self.reader, self.sample, self.options = reader, sample, options
        self.tries = tries
        """Are other options tried, for an error to name them?"""
        self.values = Values(reader.name)
        self.fail = self.values.fail

    def reading(self) -> Reading:
        """How the file is read, with one label per row."""
        self.check_asked()
        (label,) = self.asked_labels or (self._label(),)
        scores = self._scores(label)
        if len(scores.columns) == 1 and not self.options.lenient:
            self._check_long(label, scores.columns[0])
        chosen = (
            label,
            *scores.columns,
            self.options.weight_column,
            *self.options.show,
            *self.options.by,
            self.options.cluster,
        )
        self._check_unique(chosen)
        for name in filter(None, chosen):
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
            by=tuple(self.options.by),
            cluster=self.options.cluster,
            texts=frozenset(name for name in scores.columns if is_written_list(self.sample[name])),
        )
        reading = self._with_kind(reading, scores, matrix)
        if self.options.classes is None and not lenient:
            self._check_order(reading)
        if len(self.sample) and not lenient and self.options.classes is None:
            return self._with_labels(reading)
        return reading

    # ---- columns

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
        asked = (
            *self.asked_labels, *(o.score_columns or ()), o.weight_column, o.predicted_column,
            *o.show, *o.by, o.cluster,
        )  # fmt: skip
        for name in asked:
            if name is not None and name not in names:
                self.fail(f"no column '{name}'; the columns are {all_of(names)}.")

    def _check_unique(self, columns: Iterable[str | None]) -> None:
        counts = Counter(self.reader.names)
        for name in columns:
            if name and counts[name] > 1:
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
            several = f"several columns may hold the true labels: {listed(found)}"
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
            self.fail(f"{what}. {HOW}")
        return sets[0]

    # ---- what may be meant where names do not say it

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
                    found.append(Candidate(f"{reading.kind} in {listed(columns)}", how, reading))
                if reading is not None and kind in (None, "probabilities"):
                    break  # what the names or the rows say
        return found

    def _has_fractions(self, name: str, most: float = np.inf) -> bool:
        """Are numbers in the column no whole ones, and none larger than this, or below 0?"""
        if not self.sample.numeric(name):
            return False
        kept = _whole(self.values.numbers(self.sample[name], name, gaps=True))
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

    def _tried(self, **options: Any) -> Reading | None:
        """The reading with these options; None if it gives no loss of the sample."""
        try:
            asked = replace(self.options, **options)
            reading = type(self)(self.reader, self.sample, asked, tries=False).reading()
        except ValueError:  # FileError, too
            return None
        return reading if self._loss(reading) else None

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
        kept = _whole(matrix)
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

    # ---- classes

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
            self._check_two(label)
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
            return classes
        name = scores.classes[0]
        if len(found) == 2 and name in found and not any(map(_is_number, found)):
            return [next(text for text in found if text != name), name]
        return with_last(classes, name)

    def _check_two(self, label: str) -> None:
        """Fail where one score per row cannot be for all the labels, which are names."""
        found = self._labels_in(label)
        if self.options.lenient or len(found) <= 2 or any(map(_is_number, found)):
            return
        what = f"holds {len(found)} labels ({_few(sorted(found))}), but each row has one score, "
        self.fail(what + "which is for two. Save a score for each class.", column=label)

    def _check_order(self, reading: Reading) -> None:
        """Fail where the names of two classes do not say which one the scores are for."""
        found = sorted(self._labels_in(reading.label))
        known = reading.labels.code(found[0]) >= 0 if found else True
        if reading.shape != "binary" or len(found) != 2 or known or any(map(_is_number, found)):
            return
        self._several(
            f"the labels are {_few(found)}, and nothing says which of them the scores are for",
            [
                Candidate(f"scores for {yes}", f"--classes {quote(f'{no},{yes}')}",
                          replace(reading, labels=Labels([no, yes])))
                for no, yes in (found, found[::-1])
            ],
        )  # fmt: skip

    def _labels_in(self, label: str) -> list[str]:
        """The distinct labels of the sample, but for what says that there is none."""
        return [text for text in self.sample.texts(label) if text.lower() not in MISSING]

    def _with_labels(self, reading: Reading) -> Reading:
        """Fail where numbers as labels do not say which column is meant."""
        texts = [whole_number(text) for text in self.sample.texts(reading.label)]
        present = {t for t in texts if t.lower() not in MISSING}
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
        found = [
            Candidate(f"columns counted from {low}", f"--classes {_order(low, k)}",
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
            self._several(f"the labels are {_few(sorted(present))}, and the columns of scores are "
                          f"{listed(reading.scores)}", found)  # fmt: skip
        return reading

    def _several(self, seen: str, found: Sequence[Candidate], column: str | None = None) -> None:
        """Fail, with each reading, its loss and its option."""
        said = [each for each in found if self._loss(each.reading)]
        found = said or found
        shown = "; ".join(f"{self._loss(e.reading)}for {e.description} ({e.option})" for e in found)
        rows = f" on the first {len(self.sample)} rows" if len(self.sample) > 1 else ""
        self.fail(f"{seen}. Pass the option that is right; losses{rows}: {shown}.", column=column)

    # ---- kind

    def _with_kind(self, reading: Reading, scores: ScoreSet, matrix: Array) -> Reading:
        asked, tolerance = self.options.kind, self.options.tolerance
        if self.options.normalize:
            return self._to_normalize(reading, asked or scores.kind or "probabilities")
        if asked == PERCENT:
            return replace(reading, kind="probabilities", percent=True)
        if asked is not None:
            return replace(reading, kind=check_kind(asked, PERCENT))
        kept = _whole(matrix)
        if not len(kept):
            return reading
        if self.options.lenient:
            unnamed = scores.kind is None and reading.shape == "binary"
            found = self._of_the_predicted(reading, kept) if unnamed else []
            return found[0].reading if found else reading
        probable = are_probabilities(kept, tolerance)
        if scores.kind == "probabilities" and not probable and are_percentages(kept, tolerance):
            self._percent(reading)
        if scores.kind is not None:
            self._check_confidence(reading, kept)
            return reading
        if kept.ndim > 1:
            if are_decisions(kept) and probable:
                self.fail(f"{listed(reading.scores)} hold 0 and 1 and nothing else: predicted "
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
            self.fail(f"holds {_few(sorted(values))} and nothing else: predicted labels? Save "
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
        labels = set(self.sample.texts(reading.label))
        for name in self.sample.columns:
            if name in (reading.label, *reading.scores) or self.sample.listed(name):
                continue
            predicted = set(self.sample.texts(name))
            if len(labels) == 2 and predicted and predicted <= labels:
                of = replace(reading, kind="probabilities", predicted=name)
                option = f"--kind probabilities --predicted-column {name}"
                return [Candidate(f"probabilities of the label in '{name}'", option, of)]
        return []

    def _loss(self, reading: Reading) -> str:
        """The mean loss of the sample for this reading, in words; nothing if it has none."""
        mean = self._mean(reading)
        return "" if np.isnan(mean) else f"{mean:.4f} "

    def _mean(self, reading: Reading) -> float:
        """The mean loss of the sample for this reading, or NaN."""
        tolerance, each = self.options.tolerance, []
        try:
            batch = reading.prepared(self.sample.columns, self.values)
            for part in reading.parts:
                layout = Layout(self.reader, part, tolerance=tolerance, missing="drop")
                rows = layout.rows(batch, 0)
                each.append(losses_of(rows.scores, rows.labels, reading.kind))
        except (ValueError, TypeError):
            return np.nan
        losses = np.concatenate(each)
        return float(losses.mean()) if len(losses) else np.nan


def _whole(matrix: Array) -> Array:
    """The rows in which nothing is missing."""
    if matrix.ndim == 1:
        return matrix[~np.isnan(matrix)]
    return matrix[~np.isnan(matrix).any(axis=1)]


def _is_number(text: str) -> bool:
    return whole_number(text).lstrip("-").isdigit()


def _few(texts: Sequence[str]) -> str:
    return ", ".join(texts[:6]) + ", ..." * (len(texts) > 6)


def _order(low: int, count: int) -> str:
    names = indices(count, low)
    return ",".join(names) if count <= 12 else f"{names[0]},{names[1]},...,{names[-1]}"
