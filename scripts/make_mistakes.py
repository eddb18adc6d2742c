"""Write docs/mistakes.md: what the checks know by name, from the catalogue that they use.

PYTHONPATH=tests/support python scripts/make_mistakes.py
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import batches
import planted
import training_runs

from xent._report.markdown import escape
from xent.check import diagnose
from xent.check.mistakes import KINDS, Mistake, anchor, catalogue, setup, symptoms

INDEXED = re.compile(r"\b[a-z]_[a-z]\b")
"""Mathematics in a text that is written for a terminal."""

PAGE = Path(__file__).parents[1] / "docs" / "mistakes.md"

HEAD = """\
# Mistakes by name

{known} mistakes, each with its smallest code, how it shows in training, how it is recognised and
how it is fixed. Of {planted} that are planted in losses, gradients, batches and training runs,
{named} are named rightly, and no correct implementation is called wrong.

All checks use this catalogue, so a mistake has the same name wherever it is found:
`xent.check.gradient` finds it in a loss or a gradient, `xent.check.diagnose` in a batch of scores
and labels, `xent.check.watch` in a training run. [How surely](mistakes-told-apart.md) mistakes
are told apart, alone and in pairs, has a page of its own.

"""

CODE = """
## How to read the code

Lines with a minus are those of the mistake, lines with a plus those of its correction. A test
runs both: the first must be given the name of the mistake and no other, the second must pass.
Every example begins with

```text
{setup}```

"""

END = """
## How this page was made

`python scripts/make_mistakes.py` writes this page from `src/xent/check/catalogue/`, from which
the checks take their words, and `tests/check/test_check_catalogue.py` runs every example. Bugs
are planted in losses, in gradients and in both, of rows and of means
(`tests/support/planted.py`), in batches (`tests/support/batches.py`), and in training runs, which
are regressions in NumPy and networks in PyTorch on scikit-learn's digits
(`tests/support/training_runs.py`). A bug in a loss, a gradient or a run counts as named if its
name is the only one given; a batch may have further findings beside it.
"""


class Counts(NamedTuple):
    """How often each mistake was planted, and how often it was named, rightly or wrongly."""

    planted: Counter[str]
    named: Counter[str]
    blamed: Counter[str]


@cache
def counts() -> Counts:
    planted_, named, blamed = Counter[str](), Counter[str](), Counter[str]()
    for bug in planted.PLANTED:
        planted_[bug.name] += 1
        told = bug.check().mistakes
        named[bug.name] += told == [bug.name]
        blamed.update(set(told) - {bug.name})
    for name, _, arguments, options, _ in batches.PLANTED.values():
        planted_[name] += 1
        told = [finding.name for finding in diagnose(*arguments, **options).findings]
        named[name] += name in told
        blamed.update([] if name in told else told)
    for case, (name, *_) in training_runs.PLANTED.items():
        planted_[name] += 1
        told = [finding.name for finding in training_runs.planted(case).findings]
        named[name] += told == [name]
        blamed.update(set(told) - {name})
    return Counts(planted_, named, blamed)


def link(name: str) -> str:
    return f"[{escape(name)}](#{anchor(name)})"


def of_kind(kind: str) -> dict[str, Mistake]:
    return {name: entry for name, entry in catalogue().items() if entry.kind == kind}


def overview() -> Iterator[str]:
    """Tables of all names: by what one sees, and by kind."""
    yield "| what you see | likely mistakes |"
    yield "| :-- | :-- |"
    for seen, names in symptoms().items():
        yield f"| {escape(seen)} | {' · '.join(map(link, names))} |"
    yield "\nAll of them, by kind:\n"
    yield "| kind | mistakes |"
    yield "| :-- | :-- |"
    for kind, title in KINDS.items():
        yield f"| [{title}](#{anchor(title)}) | {' · '.join(map(link, of_kind(kind)))} |"


def section(name: str, entry: Mistake) -> Iterator[str]:
    """What is known of one mistake."""
    yield f"### {escape(name)}\n"
    yield f"{prose(entry.matters)}\n"
    yield f"```diff\n{entry.code}```\n"
    yield f"- **How it shows:** {prose(entry.shows)}"
    yield f"- **How it is recognised:** {prose(entry.recognised)}"
    yield f"- **How to fix it:** {prose(entry.fix)}"
    if number := counts().planted[name]:
        named, blamed = counts().named[name], counts().blamed[name]
        also = f" Blamed for another bug: {blamed}." if blamed else ""
        yield f"- In the tests: {named} of {number} planted ones are named.{also}"
    yield ""


def prose(text: str) -> str:
    return INDEXED.sub(r"$\g<0>$", escape(text))


def page() -> str:
    lines = [*overview(), CODE.format(setup=setup())]
    for kind, title in KINDS.items():
        lines.append(f"## {title}\n")
        for name, entry in of_kind(kind).items():
            lines += section(name, entry)
    known = sum(not entry.note for entry in catalogue().values())
    head = HEAD.format(known=known, planted=counts().planted.total(), named=counts().named.total())
    return head + "\n".join(lines).rstrip() + "\n" + END


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.name}")
