"""What the names of columns say: which hold labels, which hold scores, and of what kind."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from xent._kind import Kind

LABELS = (
    "y true,truth,true,true label,true labels,true class,gold,gold label,ground truth,actual,"
    "actual label,obs,observed,y test,reference",
    "label,labels,target,targets,y,class,outcome",
)
"""Names of columns of true labels; those of the second line may be of predicted ones, too."""

STEMS: dict[Kind | None, str] = {
    "logits": "logit,logits,raw score,raw scores,margin,output margin,decision function,decision",
    "log-probabilities": "logprob,logprobs,log prob,log probs,log proba,log probability,"
    "log probabilities,logp,log p",
    "probabilities": "prob,probs,probability,probabilities,proba,p,pr,y prob,y probs,y proba,"
    "y pred prob,y pred proba,pred prob,pred probs,pred proba,predict proba,predicted prob,"
    "predicted proba,predicted probability,predicted probabilities,estimated probability",
    None: "score,scores,y score,y scores,pred,preds,y pred,y hat,yhat,prediction,predictions,"
    "predicted,predict,output,outputs,confidence",
}
"""Names of columns of scores, by their kind; None if the name does not say it."""

ANY = re.IGNORECASE | re.DOTALL
"""A name in quotes may have several lines."""
APART = r"[\s._-]?"
BESIDE = r"[\s._:-]+"


def _pattern(name: str) -> str:
    return APART.join(map(re.escape, name.split()))


def _stems() -> list[tuple[Kind | None, str, re.Pattern[str]]]:
    """Each with the forms in which a class may stand beside it, the longest first."""
    found = [(kind, name) for kind, names in STEMS.items() for name in names.split(",")]
    found.sort(key=lambda pair: -len(pair[1]))
    forms = r"{0}|{0}(?:{1}|(?=\d))(?P<after>.+)|{0}\s*\((?P<inside>.+)\)|(?P<before>.+){1}{0}"
    return [
        (kind, name, re.compile(rf"[._]?(?:{forms.format(_pattern(name), BESIDE)})", ANY))
        for kind, name in found
    ]


KNOWN = _stems()
TRUE = [re.compile("|".join(map(_pattern, names.split(","))), re.IGNORECASE) for names in LABELS]
BEFORE_LABELS = "true label,ground truth,y true,labels,label,targets,target,truth,true,gold,actual"
OF_LABEL = re.compile(
    rf"({'|'.join(map(_pattern, BEFORE_LABELS.split(',')))}){BESIDE}(?P<name>.+)", re.IGNORECASE
)
"""Columns that say of each row whether a label is true."""
PREDICTED = re.compile(r"(?:y[\s._-]?)?(?:pred|hat(?![a-z])).*|.*[\s._-]pred(?:iction|icted)?", ANY)
"""Columns that may hold predicted labels."""
INDEX = re.compile(r"|index|unnamed: ?\d+|__index_level_\d+__", re.IGNORECASE)
"""Columns that pandas writes beside the data."""


WEIGHT = re.compile(r"(?:sample|case|row|instance)?[ _.-]?weights?|w", re.IGNORECASE)
"""Columns that may hold weights, which count only if that is asked for."""


@dataclass(frozen=True)
class ScoreSet:
    """Columns that hold the scores of one model: one for each class, or one alone."""

    columns: tuple[str, ...]
    kind: Kind | None
    """What the names say that they hold."""
    classes: tuple[str, ...] = ()
    """What the names say of the class of each column, if they say it."""


def named(column: str) -> tuple[Kind | None, str, str] | None:
    """Kind, stem and class of a column of scores by its name; None if it is no such name."""
    for kind, stem, pattern in KNOWN:
        if match := pattern.fullmatch(column.strip()):
            parts = match.groupdict()
            return kind, stem, parts["after"] or parts["inside"] or parts["before"] or ""
    return None


def kind_of(column: str) -> Kind | None:
    """What a column's name says that it holds, if it says so."""
    found = named(column)
    return found[0] if found else None


def labels(columns: Iterable[str]) -> tuple[list[str], list[str]]:
    """Columns whose names are those of true labels, and those that may be of predicted ones."""
    kept = [column for column in columns if not INDEX.fullmatch(column.strip())]
    lower = [column.strip().lower() for column in kept]
    if "false" in lower:  # then true is a class, too
        kept = [column for column, name in zip(kept, lower, strict=True) if name != "true"]
    sure, unsure = ([c for c in kept if form.fullmatch(c.strip())] for form in TRUE)
    return sure, unsure


def label_sets(columns: Iterable[str]) -> list[dict[str, str]]:
    """The sets of columns of which each says whether a label is true: columns by label."""
    groups: dict[str, dict[str, str]] = {}
    for column in columns:
        if found := OF_LABEL.fullmatch(column.strip()):
            groups.setdefault(found[1].lower(), {})[found["name"]] = column
    return [each for each in groups.values() if len(each) > 1]


def score_sets(columns: Sequence[str]) -> list[ScoreSet]:
    """The sets of columns of scores, by their names."""
    groups: dict[tuple[str, bool], list[tuple[str, Kind | None, str]]] = {}
    for column in columns:
        if found := named(column):
            kind, stem, class_ = found
            groups.setdefault((stem, bool(class_)), []).append((column, kind, class_))
    sets = []
    for (_, of_classes), members in groups.items():
        names, kinds, classes = zip(*members, strict=True)
        if of_classes and len(members) > 1:
            sets.append(ScoreSet(names, kinds[0], classes))
        else:
            sets += [
                ScoreSet((name,), kind, (class_,) if class_ else ())
                for name, kind, class_ in members
            ]
    return sets


def asked_set(columns: Sequence[str]) -> ScoreSet:
    """The columns that were asked for; what their names have in common is no part of a class."""
    found = [named(column) for column in columns]
    if all(found):
        kinds, stems, classes = zip(*(each for each in found if each), strict=True)
        if len(columns) == 1:
            return ScoreSet(tuple(columns), kinds[0], classes if classes[0] else ())
        if len(set(stems)) == 1 and all(classes):
            return ScoreSet(tuple(columns), kinds[0], classes)
    return ScoreSet(tuple(columns), None, tuple(columns) if len(columns) > 1 else ())


def fitting(classes: Sequence[str], labels: Collection[str]) -> list[str]:
    """The classes without what all their names have in common, if that makes them the labels.

    A whole number is not cut.

    Examples
    --------
    >>> fitting(["Class=cat", "Class=dog"], {"cat"})
    ['cat', 'dog']
    """
    found = list(classes)
    label = next(iter(labels), "")
    if not label or set(labels) <= set(found):
        return found
    for name in found:
        for at in re.finditer(rf"(?<!\d){re.escape(label)}(?!\d)", name):
            before, after = name[: at.start()], name[at.end() :]
            if all(each.startswith(before) and each.endswith(after) for each in found):
                short = [each[len(before) : len(each) - len(after)] for each in found]
                if set(labels) <= set(short) and len(set(short)) == len(short) and all(short):
                    return short
    return found


def short_names(columns: Sequence[str]) -> list[str]:
    """The columns' names without what all of them begin with, up to a mark between words.

    Examples
    --------
    >>> short_names(["Class_1", "Class_2"])
    ['1', '2']
    """
    heads = {head(column) for column in columns}
    common = heads.pop() if len(heads) == 1 else ""
    return [column[len(common) :] for column in columns]


def head(column: str) -> str:
    """What stands before the first mark between words, and this mark."""
    found = re.match(rf".*?{BESIDE}", column)
    return found[0] if found else ""
