"""Write docs/mistakes-told-apart.md: what planted mistakes are named, alone and in pairs.

PYTHONPATH=tests/support python scripts/make_told_apart.py
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import composed
import planted
from composed import BINARY_PARTS, CLASS_PARTS, Composed

from xent._report import Block, Table, Text, to_markdown

PAGE = Path(__file__).parents[1] / "docs" / "mistakes-told-apart.md"
LIBRARIES = ("numpy", "torch")
PLACES = {
    "link": "link",
    "term": "terms",
    "target": "targets",
    "weight": "weights",
    "factor": "factor",
}
"""Parts of a loss: how logits become probabilities, what is added of them, ..."""

HEAD = """\
# Mistakes told apart

{singles}

A loss is composed of parts: a link (how logits become probabilities), terms, targets, weights and
a factor. In the tests every part may be wrong, alone and together with every wrong part of
another place, in losses of classes and of binary labels, as losses of rows, their mean and their
sum, in NumPy and in PyTorch. A cell says how many were named rightly, of how many: by the names
of all wrong parts and no other, as the composition that is named or as one from which the report
says that the same numbers follow. [Mistakes by name](mistakes.md) explains the names.

"""

END = """
## How this page was made

`python scripts/make_told_apart.py` writes this page: it checks the losses of
`tests/support/composed.py` and `tests/support/planted.py` again. A slow test
(`tests/check/test_check_composed.py`) compares the page with what the checks say.
"""


def tried(number: int, task: str) -> Iterator[tuple[Composed, bool]]:
    """The losses with so many wrong parts, and whether they are named rightly."""
    for library in LIBRARIES:
        for case in composed.cases(number, library):
            if case.task == task and not case.meaningless:
                yield case, case.names in composed.named(case, library)


def share(results: Iterable[bool]) -> str:
    """Named of tried."""
    found = list(results)
    return f"{sum(found)}/{len(found)}" if found else ""


def by_place(task: str) -> Table:
    """Named of tried, by the places of both wrong parts."""
    alone, pairs = list(tried(1, task)), list(tried(2, task))
    rows = []
    for first, title in PLACES.items():
        cells = [share(right for case, right in alone if case.wrong[0].place == first)]
        for second in PLACES:
            places = {first, second}
            cells.append(share(r for case, r in pairs if {p.place for p in case.wrong} == places))
        rows.append((title, *cells))
    heads = ("wrong", "alone", *(f"and {title}" for title in PLACES.values()))
    return Table(heads, tuple(rows))


def by_name(task: str) -> Table:
    """Named of tried, by the name of one wrong part and the place of the other."""
    alone, pairs = list(tried(1, task)), list(tried(2, task))
    parts = CLASS_PARTS if task == "classes" else BINARY_PARTS
    rows = []
    for name in dict.fromkeys(part.name for part in parts if part.name):
        cells = [share(right for case, right in alone if name in case.names)]
        for place in PLACES:
            with_it = (
                right
                for case, right in pairs
                if name in case.names
                and any(p.place == place and p.name != name for p in case.wrong)
            )
            cells.append(share(with_it))
        rows.append((name, *cells))
    heads = ("wrong", "alone", *(f"and {title}" for title in PLACES.values()))
    return Table(heads, tuple(rows))


def not_told_apart() -> Table:
    """The pairs that are not, what they are named, and why."""
    rows = []
    for why, pairs in composed.SAME.items():
        for pair in pairs:
            told, right, number = Counter[str](), 0, 0
            for library in LIBRARIES:
                for case in composed.cases(2, library):
                    if case.names == pair:
                        names = composed.named(case, library)
                        told[" and ".join(sorted(names[0]))] += 1
                        right, number = right + (pair in names), number + 1
            named = "; ".join(f"{name or 'nothing'} ({n})" for name, n in told.most_common())
            rows.append((" and ".join(sorted(pair)), f"{right}/{number}", named, why))
    return Table(("pair", "named", "what the report says", "why"), tuple(rows), left=(0, 2, 3))


def planted_in(bugs: list[planted.Planted]) -> Table:
    """Planted bugs, and the names they are given."""
    rows = []
    for bug in bugs:
        named = bug.check().mistakes
        told = ", ".join(named) or "nothing"
        rows.append((bug.what, told, "yes" if named == [bug.name] else f"no: {bug.name}"))
    return Table(("planted", "named", "rightly"), tuple(rows), left=(0, 1, 2))


def page() -> str:
    both = [(n, task) for n in (1, 2) for task in ("classes", "binary")]
    results = {(n, task): [right for _, right in tried(n, task)] for n, task in both}
    one = results[1, "classes"] + results[1, "binary"]
    two = results[2, "classes"] + results[2, "binary"]
    left_out = [pair for pairs in composed.SAME.values() for pair in pairs]
    others = sum(
        case.names in left_out for library in LIBRARIES for case in composed.cases(2, library)
    )
    singles = (
        f"Of {len(one):,} losses with one wrong part, {sum(one):,} are named rightly, and of "
        f"{len(two):,} with two, {sum(two):,}. Another {others}, of {len(left_out)} pairs of "
        "names, are not told apart; they are listed below, with the reason."
    )
    blocks: list[Block] = [
        Text("Classes", "section"),
        by_place("classes"),
        by_name("classes"),
        Text("Binary labels", "section"),
        by_place("binary"),
        by_name("binary"),
        Text("Pairs that are not told apart", "section"),
        not_told_apart(),
        Text("Planted bugs of classes", "section"),
        planted_in(planted.CLASS_MISTAKES),
        Text("Planted bugs of binary labels", "section"),
        planted_in(planted.BINARY_MISTAKES),
    ]
    return HEAD.format(singles=singles) + to_markdown(blocks) + END


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.name}")
