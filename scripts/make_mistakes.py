"""Write docs/mistakes.md: what the check knows by name, and the planted bugs it was held to.

PYTHONPATH=tests/support python scripts/make_mistakes.py
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import batches
import planted
import training_runs

from xent._report import Block, Table, Text, to_markdown
from xent.check import diagnose
from xent.check.mistakes import Mistake, catalogue

INDEXED = re.compile(r"\b[a-z]_[a-z]\b")
"""Mathematics in a text that is written for a terminal."""

PAGE = Path(__file__).parents[1] / "docs" / "mistakes.md"

HEAD = """\
# Mistakes by name

{finding}

`xent.check.gradient` compares three gradients: the one you give it, the numerical derivative of
your loss, and the gradient of the cross-entropy that the loss should be. Which of them agree, and
the formula and factor by which they differ, show the mistake. `xent.check.diagnose` looks at a
batch of scores and labels, `xent.check.watch` at a training run. All use the same catalogue, so a
mistake has the same name in each.

*Planted* is the number of bugs of that kind in the tests, *named* how many of them the check named
correctly, and *blamed in error* how often it gave that name to another bug.

"""

END = """
## How this page was made

{planted} bugs are planted in `tests/support/planted.py`, in losses, in gradients and in both, of
rows and of means. A bug counts as named if its name is the only one given. Correct implementations
in NumPy, PyTorch, SciPy, scikit-learn and JAX (`tests/support/correct.py`) are tested not to be
called wrong, with logits of scale 0.1 to 100, in float64 and float32
(`tests/check/test_check_correct.py`).

Training runs are planted in `tests/support/training_runs.py`: regressions in NumPy and networks in
PyTorch on scikit-learn's digits. Right runs of the same kinds, with several seeds and settings, are
tested to have no finding (`tests/check/test_check_watch.py`).

`python scripts/make_mistakes.py` writes this page, and a test compares it with what the checks say.
"""


def every_bug(task: str, bugs: list[planted.Planted]) -> Table:
    """Planted bugs, and the names they are given."""
    rows = []
    for bug in bugs:
        named = bug.check().mistakes
        told = ", ".join(named) or "nothing"
        rows.append((bug.what, told, "yes" if named == [bug.name] else f"no: {bug.name}"))
    return Table((f"planted in {task}", "named", "correctly"), tuple(rows), left=(0, 1, 2))


def in_gradients() -> Table:
    """How often each mistake was planted, and how often it was named, rightly or wrongly."""
    planted_, right, wrong = Counter[str](), Counter[str](), Counter[str]()
    for bug in planted.PLANTED:
        planted_[bug.name] += 1
        for name in bug.check().mistakes:
            (right if name == bug.name else wrong)[name] += 1
    names = sorted(set(planted_) | set(wrong), key=list(catalogue()).index)
    rows = [
        (name, *texts(catalogue()[name]), str(planted_[name]), str(right[name]), str(wrong[name]))
        for name in names
    ]
    heads = ("mistake", "why it matters", "what to change", "planted", "named", "blamed in error")
    return Table(heads, tuple(rows), left=(0, 1, 2))


def in_batches() -> Table:
    """How often each mistake was planted in a batch, and how often named."""
    planted_, named = Counter[str](), Counter[str]()
    for name, level, arguments, options, _ in batches.PLANTED.values():
        if level == "mistake":
            planted_[name] += 1
            named[name] += name in diagnose(*arguments, **options).mistakes
    rows = tuple(
        (name, *texts(entry), str(planted_[name]), str(named[name]))
        for name, entry in catalogue().items()
        if planted_[name]
    )
    heads = ("mistake", "why it matters", "what to change", "planted", "named")
    return Table(heads, rows, left=(0, 1, 2))


def in_runs() -> Table:
    """How often each mistake was planted in a training run, and how often named, alone."""
    planted_, named = Counter[str](), Counter[str]()
    for case, (name, *_) in training_runs.PLANTED.items():
        planted_[name] += 1
        found = training_runs.planted(case).findings
        named[name] += [finding.name for finding in found] == [name]
    rows = tuple(
        (name, *texts(entry), str(planted_[name]), str(named[name]))
        for name, entry in catalogue().items()
        if planted_[name] and not entry.note
    )
    heads = ("mistake", "why it matters", "what to change", "planted", "named")
    return Table(heads, rows, left=(0, 1, 2))


def texts(entry: Mistake) -> tuple[str, str]:
    return entry.matters, entry.fix


def page() -> str:
    bugs = planted.PLANTED
    named = sum(bug.check().mistakes == [bug.name] for bug in bugs)
    known = sum(not entry.note for entry in catalogue().values())
    finding = (
        f"The checks know {known} mistakes by name. Of {len(bugs)} bugs planted in losses and "
        f"gradients they name {named} correctly, and they call no correct implementation wrong."
    )
    notes = tuple((name, *texts(entry)) for name, entry in catalogue().items() if entry.note)
    blocks: list[Block] = [
        in_gradients(),
        Text("In a batch", "section"),
        in_batches(),
        Text("In a training run", "section"),
        in_runs(),
        Text("Not mistakes, but worth saying", "section"),
        Table(("note", "why it matters", "what to change"), notes, left=(0, 1, 2)),
        Text("Every planted bug", "section"),
        every_bug("softmax cross-entropy", planted.CLASS_MISTAKES),
        every_bug("binary cross-entropy", planted.BINARY_MISTAKES),
    ]
    tables = INDEXED.sub(r"$\g<0>$", to_markdown(blocks))
    return HEAD.format(finding=finding) + tables + END.format(planted=len(bugs))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.name}")
