"""Which columns of a file belong to which model, by their names."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from shlex import quote

from xent.scoring import naming
from xent.scoring.choosing import Chooser
from xent.scoring.labels import whole_number
from xent.scoring.naming import ScoreSet
from xent.scoring.reading import all_of, quoted

Columns = tuple[str, ...]
HOW = "Name a file for each model, or the columns of each: "


class ModelFinder(Chooser):
    """Finds models in the columns of a file: prob_A and prob_B, or A_cat, A_dog, B_cat, B_dog."""

    def models(self, taken: Collection[str]) -> dict[str, Columns]:
        """The columns of each model; `taken` are columns that hold something else."""
        self.check_asked()
        if not len(self.sample):
            self.fail("holds no rows.")
        (label,) = self.asked_labels or (self._label(),)
        labels = {whole_number(text) for text in self._labels_in(label)}
        usable = [
            name
            for name in self.reader.names
            if name not in {label, *taken}
            and not naming.INDEX.fullmatch(name.strip())
            and not naming.WEIGHT.fullmatch(name.strip())
            and (self.sample.holds_numbers(name) or naming.kind_of(name))
        ]
        sets = naming.score_sets(usable)
        sets = [each for each in sets if each.kind] or sets
        found = _distinct([pair for each in sets for pair in self._of_set(each, labels)])
        if len(found) < 2:
            known = {name for columns in found.values() for name in columns}
            apart = by_model([name for name in usable if name not in known], labels)
            found |= {model: tuple(columns.values()) for model, columns in apart.items()}
        if len(found) < 2:
            self._fail_at_one(found, [name for name in usable if not self.sample.listed(name)])
        return found

    def _of_set(self, scores: ScoreSet, labels: set[str]) -> list[tuple[str, Columns]]:
        """The models of columns that are called alike, each with its name."""
        columns, classes = scores.columns, scores.classes
        alone: list[tuple[str, Columns]] = [
            (name, (column,)) for name, column in zip(classes, columns, strict=False)
        ]
        if len(columns) == 1 or all(map(self.sample.listed, columns)):
            return alone or [(columns[0], columns)]
        whole = (_stem(columns[0]), columns)
        if labels <= set(classes):
            return [whole]
        if apart := by_model(classes, labels):
            of = dict(zip(classes, columns, strict=True))
            return [(m, tuple(of[each] for each in names.values())) for m, names in apart.items()]
        # Columns that sum to 1 are the classes of one model, whatever they are called.
        if len(labels) > 2 or (scores.kind != "logits" and self._are_rows(columns)):
            return [whole]
        return alone

    def _fail_at_one(self, found: dict[str, Columns], usable: Sequence[str]) -> None:
        some = [name for name in usable if self._has_fractions(name)] or usable
        example = [*some, "COLUMN", "COLUMN"][:2]
        how = " ".join(f"--model {quote(f'{n}={c}')}" for n, c in zip("AB", example, strict=True))
        if found:
            (columns,) = found.values()
            self.fail(f"holds the scores of one model, in {quoted(columns)}. {HOW}{how}.")
        what = f"no columns of models among {all_of(self.reader.names)}. They are found by name: "
        self.fail(f"{what}prob_A and prob_B, or A_cat, A_dog, B_cat, B_dog. {HOW}{how}.")


class OneScore(Chooser):
    """Reads a column that is named after a model, not after a class."""

    def _scores(self, label: str) -> ScoreSet:  # noqa: ARG002
        (column,) = self.options.score_columns or ()
        return ScoreSet((column,), naming.kind_of(column))


def by_model(names: Sequence[str], labels: set[str]) -> dict[str, dict[str, str]]:
    """Names that join a model and a class: the name for each model and class.

    Examples
    --------
    >>> by_model(["A_cat", "A_dog", "B_cat", "B_dog"], {"cat", "dog"})
    {'A': {'cat': 'A_cat', 'dog': 'A_dog'}, 'B': {'cat': 'B_cat', 'dog': 'B_dog'}}
    >>> by_model(["cat.A", "dog.A", "cat.B"], {"cat", "dog"})
    {}
    """
    known = "|".join(map(re.escape, labels))
    for form in (rf"(?P<model>{{model}}){naming.BESIDE}(?P<name>{{name}})",
                 rf"(?P<name>{{name}}){naming.BESIDE}(?P<model>{{model}})"):  # fmt: skip
        of_a_label = [_parts(form, name, ".+", known) for name in names if labels]
        found: dict[str, dict[str, str]] = {}
        for model in dict.fromkeys(each["model"] for each in of_a_label if each):
            parts = [(_parts(form, name, re.escape(model), ".+"), name) for name in names]
            found[model] = {each["name"]: name for each, name in parts if each}
        classes = [set(each) for each in found.values()]
        columns = [column for each in found.values() for column in each.values()]
        alike = all(each == classes[0] and labels <= each for each in classes)
        if len(found) > 1 and alike and len(columns) == len(set(columns)) > len(found):
            return found
    return {}


def _parts(form: str, name: str, model: str, of_class: str) -> dict[str, str]:
    """Model and class in a name of this form; nothing if it has another one."""
    match = re.fullmatch(form.format(model=model, name=of_class), name, re.DOTALL)
    return match.groupdict() if match else {}


def _stem(column: str) -> str:
    found = naming.named(column)
    return found[1] if found else column


def _distinct(pairs: Sequence[tuple[str, Columns]]) -> dict[str, Columns]:
    """Models by name; those that would be called alike are called as their columns."""
    names = [name for name, _ in pairs]
    return {
        (name if names.count(name) == 1 else ",".join(columns)): columns for name, columns in pairs
    }
