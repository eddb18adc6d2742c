"""How a file is read whose labels are columns, or lists, of 0 and 1.

They are one-hot rows of classes if each row has a single 1 and the scores of a row sum to 1. They
are labels that may be true at once if neither holds. If only one does, an error shows both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from xent._kind import check_kind
from xent._plausible import are_log_probabilities, are_percentages, are_probabilities, within
from xent._validation import Array
from xent.scoring import choosing, naming, several_labels
from xent.scoring.choosing import Chooser
from xent.scoring.choosing_base import PERCENT, Candidate
from xent.scoring.indicators import Indicators, MultiLabel, OneHot, TruthLabels, indicators, numbers
from xent.scoring.labels import MARKS, Labels, indices, present, whole_number, yes_or_no
from xent.scoring.naming import ScoreSet
from xent.scoring.reading import Options, Reading, quoted
from xent.scoring.sources.reader import Reader
from xent.scoring.sources.sample import Sample
from xent.scoring.values import is_written_list

Test = Callable[[Array, float], bool]
NAME_BOTH = "Name both in the same order: --label-column A,B,... --score-columns C,D,..."
OTHERS = 10
"""The most values beside 0 and 1 of a column that is to say whether labels are true."""
NO_COLUMNS = (
    "no labels that may be true at once. They are found by name: label_X, true_X or target_X (or X "
    "alone) with prob_X or logit_X, for each label X; or a list per row under label and prob. "
)


def read(reader: Reader, sample: Sample, options: Options) -> Reading:
    """Decide how the file is read; an error if several ways are possible."""
    chooser = _IndicatorChooser(reader, sample, options)
    found = chooser.columns()
    if found is not None:
        return chooser.chosen(found)
    if options.multi_label:
        chooser.fail(NO_COLUMNS + NAME_BOTH)
    return choosing.read(reader, sample, options)


class Pairs(NamedTuple):
    """Columns of truth, and those of the scores in the same order; or one of lists each."""

    truths: tuple[str, ...]
    scores: ScoreSet
    names: tuple[str, ...]


class _IndicatorChooser(Chooser):
    # ---- columns

    def columns(self) -> Pairs | None:
        """The columns of truth and of scores; None if a column holds one label per row."""
        self.check_asked()
        asked = self.asked_labels
        if len(asked) > 1:
            return self._asked(asked)
        sure, unsure = naming.labels(self.reader.label_names)
        named = asked or tuple(sure or unsure)
        lists = [name for name in named if self.sample.listed(name)]
        if len(lists) == 1:
            return self._lists(lists[0])
        return None if named else self._by_name()

    def _asked(self, asked: Sequence[str]) -> Pairs:
        scores = list(self.options.score_columns or ())
        if scores and len(scores) != len(asked):
            columns = "column" if len(scores) == 1 else "columns"
            self.fail(f"{len(asked)} label columns are named, but {len(scores)} score {columns}.")
        stripped = [each for each in naming.label_sets(asked) if len(each) == len(asked)]
        names = tuple(stripped[0]) if stripped else tuple(asked)
        if scores:
            kinds = {naming.kind_of(name) for name in scores}
            kind = kinds.pop() if len(kinds) == 1 else None
            return Pairs(tuple(asked), ScoreSet(tuple(scores), kind, names), names)
        return self._matched([dict(zip(names, asked, strict=True))], self._score_sets(asked))

    def _by_name(self) -> Pairs | None:
        """Columns of scores, and those of truth with the same names of labels."""
        labels = self.reader.label_names
        truths = naming.label_sets(labels)
        scores = self._score_sets([column for each in truths for column in each.values()])
        for each in [] if truths else scores:
            if set(each.classes) <= set(labels) and all(map(self._is_truth, each.classes)):
                truths.append({name: name for name in each.classes})
        return self._matched(truths, scores) if truths and scores else None

    def _score_sets(self, truths: Sequence[str]) -> list[ScoreSet]:
        """Columns of scores that are named after labels."""
        left_out = {*truths, self.options.weight_column}
        asked = self.options.score_columns
        usable = asked or [
            name
            for name in self.reader.names
            if name not in left_out and (self.sample.numeric(name) or naming.kind_of(name))
        ]
        sets = [each for each in naming.score_sets(list(usable)) if len(each.columns) > 1]
        return [each for each in sets if each.kind] or sets

    def _is_truth(self, name: str) -> bool:
        """Does the column hold 0 and 1? Of something else, an error tells the row."""
        found = {whole_number(text).lower() for text in present(self.sample.texts(name))}
        others = found - {"0", "1", "false", "true"} - MARKS
        return not self.sample.listed(name) and len(others) <= min(len(found) - 1, OTHERS)

    def _matched(self, truths: Sequence[dict[str, str]], scores: Sequence[ScoreSet]) -> Pairs:
        pairs = [
            (truth, each)
            for truth in truths
            for each in scores
            if truth.keys() == set(each.classes) and len(truth) == len(each.classes)
        ]
        if len(pairs) == 1:
            truth, found = pairs[0]
            of = dict(zip(found.classes, found.columns, strict=True))
            names = tuple(truth)
            return Pairs(
                tuple(truth.values()),
                ScoreSet(tuple(of[name] for name in names), found.kind, names),
                names,
            )
        shown = " and ".join(quoted(list(each.values())) for each in truths)
        beside = " and ".join(quoted(each.columns) for each in scores) or "none"
        what = f"the columns of labels are {shown}, those of scores {beside}. {NAME_BOTH}"
        return self.fail(what)

    def _lists(self, label: str) -> Pairs | None:
        """A list of truth in each row beside one of scores of the same length."""
        scores = self._scores(label)
        name = scores.columns[0]
        if len(scores.columns) > 1 or not self.sample.listed(name) or not len(self.sample):
            return None
        p = self.values.lists(self.sample[name], name, gaps=True)
        rows = [] if is_written_list(self.sample[label]) else self.sample.values(label)
        if what := several_labels.in_numbered_lists(rows, p.shape[1], label):
            self.fail(what, column=label)
        truth = self.values.lists(numbers(self.sample[label]), label, gaps=True)
        if truth.shape != p.shape or truth.shape[1] < 2:
            return None
        return Pairs((label,), scores, tuple(indices(truth.shape[1])))

    # ---- one class per row, or several labels

    def chosen(self, pairs: Pairs) -> Reading:
        """The reading of these columns."""
        names, options = self._named(pairs.names), self.options
        self._check_unique([*pairs.truths, *pairs.scores.columns, *options.more])
        for name in (*pairs.truths, *pairs.scores.columns):
            if name not in self.sample.columns:
                self.reader.check(name)
        _, matrix = self._matrix(pairs.scores)
        several = self._several_labels(pairs, names)
        label = " ".join(["one-hot", *pairs.truths])
        one = OneHot(**{**vars(several), "label": label, "normalize": options.normalize})
        truth = indicators(self.sample.columns, pairs.truths, several.each, self.values)
        whole = (truth >= 0).all(axis=1) & ~np.isnan(matrix).any(axis=1)
        single = bool((truth[whole].sum(axis=1) == 1).all())
        asked = options.multi_label
        if asked is None and len(matrix[whole]):
            asked = not single
            if (
                self._exclusive(matrix[whole], options.kind or pairs.scores.kind) is not single
                and not options.lenient
            ):
                self._either(pairs, several, one, matrix[whole], single=single)
        if asked is False:
            return self._with_kind(one, pairs.scores, matrix)
        if options.normalize or options.predicted_column:
            option = "--normalize" if options.normalize else "--predicted-column"
            self.fail(
                f"{option} is for one label per row, not for labels that may be true at once."
            )
        return self._with_kind(several, pairs.scores, matrix.reshape(-1))

    def _named(self, names: tuple[str, ...]) -> tuple[str, ...]:
        classes = self.options.classes
        if classes is None:
            return names
        if len(classes) != len(names) or len(set(classes)) != len(classes):
            msg = f"classes are {', '.join(classes)}; expected {len(names)} different names."
            raise ValueError(msg)
        return tuple(classes)

    def _several_labels(self, pairs: Pairs, names: Sequence[str]) -> MultiLabel:
        lenient, lists = self.options.lenient, len(pairs.truths) == 1
        texts = [[]] * len(names) if lists else [self.sample.texts(name) for name in pairs.truths]
        columns = (*pairs.truths, *pairs.scores.columns)
        return MultiLabel(
            pairs.truths[0],
            pairs.scores.columns,
            "lists" if len(pairs.scores.columns) == 1 else "columns",
            pairs.scores.kind or "logits",
            Labels(names, lenient=lenient),
            self.options.weight_column,
            show=tuple(self.options.show),
            by=self.options.by,
            cluster=self.options.cluster,
            texts=frozenset(name for name in columns if is_written_list(self.sample[name])),
            truths=pairs.truths,
            ignored=self.options.ignored,
            each=tuple(TruthLabels(yes_or_no(t) or ["0", "1"], lenient=lenient) for t in texts),
        )

    def _exclusive(self, matrix: Array, kind: str | None) -> bool:
        """Are the scores of a row those of classes that exclude each other?"""
        if self.options.normalize:
            return within(matrix, 0, np.inf)
        kinds: dict[str, Test] = {
            "probabilities": are_probabilities,
            "percent": are_percentages,
            "log-probabilities": are_log_probabilities,
        }
        likely = {kind, "percent"} if kind == "probabilities" else {kind}
        return any(
            test(matrix, self.options.tolerance)
            for name, test in kinds.items()
            if kind is None or name in likely
        )

    def _either(
        self, pairs: Pairs, several: Indicators, one: Indicators, matrix: Array, *, single: bool
    ) -> None:
        """Fail, with both readings and their losses, where only one of the two signs is there."""
        kind, asked = pairs.scores.kind, self.options.kind
        percent = asked == PERCENT or are_percentages(matrix.reshape(-1), 0)
        if asked not in (None, PERCENT):
            kind = check_kind(str(asked), PERCENT)
        elif kind is None:
            kind = "probabilities" if asked or within(matrix, 0, 1) else "logits"
        several = replace(several, kind=kind, percent=percent and kind == "probabilities")
        found = [Candidate("labels that may be true at once", "--multi-label", several)]
        if single:
            rows = "each row has a single label"
            seen = f"{rows}, and logits do not say whether labels exclude each other"
            if kind != "logits":
                seen = f"{rows}, but the scores of a row do not sum to 1"
                one = replace(one, normalize=True)
            option = "--no-multi-label" + " --normalize" * (kind != "logits")
            one = replace(one, kind=kind)
            found.append(Candidate("classes of which each row has one", option, one))
        else:
            seen = "some rows have several labels or none, but the scores of each row sum to 1"
        self._several(seen, found)

    def _of_the_predicted(self, reading: Reading, kept: Array) -> list[Candidate]:  # noqa: ARG002
        """Columns of 0 and 1 are those of other labels."""
        return []
