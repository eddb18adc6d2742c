"""docs/sizes.md and its pictures from the timings of the heat map, and from nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import TypedDict

from machine import MADE, Circumstances, measured
from speed_page import duration

LOSS, GRADIENT = "loss", "loss and gradient"
TENSORS, NUMPY, TORCH, COMPILED = "xent.torch", "xent", "torch", "torch.compile"


class Cell(TypedDict):
    """The times of one shape: seconds per call of every column, one for each repetition."""

    rows: int
    classes: int
    task: str
    seconds: dict[str, list[float]]


class Report(Circumstances):
    """What heat_map.json holds."""

    repetitions: int
    note: str
    """What else has to be known of this measurement."""
    cells: list[Cell]


PAGE = """\
# Every size

{finding}

Loss, and loss with gradient, of 8 to 8,192 rows and 2 to 131,072 classes, beside PyTorch's
`cross_entropy`, eager and compiled, in one process, on the same float32 logits, in turns. Each
cell is **PyTorch's time over xent's**, the median of {repetitions}: above 1 xent is faster
(purple), below 1 PyTorch is (orange). *Tensors* is `xent.torch.cross_entropy`, with `backward()`
where there is a gradient; *arrays* is `xent.cross_entropy` of the same numbers in NumPy, beside
the same calls of PyTorch.

![Loss: time of PyTorch over that of xent](sizes-loss.svg#wide)

![Loss and gradient: time of PyTorch over that of xent](sizes-gradient.svg#wide)

## Where xent is slower

{behind}

The reasons, as far as they are known for this machine:

- **Calls**: a step through an empty `autograd.Function` in Python takes 25 µs. PyTorch's whole step
  of 8 × 10 takes 33 µs, xent's 42 µs. The difference is spent on checking the arguments, and on
  preparing and running the kernel (6 µs).
- **Threads**: PyTorch's threads wait for the next call in a busy loop. Losses of tensors run on
  them too; losses of arrays run on xent's own threads, which sleep after 100 µs without work.
  Waking one costs about 50 µs, so below about 200,000 elements (130,000 of few classes; a quarter
  of that on PyTorch's threads) xent uses one thread (`python benchmarks/threads.py`).
- **A loss alone** of a small batch takes little longer than the call itself: PyTorch takes
  11 µs for 128 × 128. Arrays of fewer than 16,384 elements never wait for a compilation: NumPy
  computes them.

## Times

xent's own time on tensors. In parentheses: the smallest and largest ratio of torch's time to it.
{tables}

{made}

{measured}{note}

`python benchmarks/heat_map.py` writes this page, its pictures and `benchmarks/heat_map.json`. No
test asserts a time. Other machines, and other versions, give other ratios.
"""


def ratios(cell: Cell, peer: str, ours: str) -> list[float]:
    """The peer's times over ours, by repetition."""
    pairs = zip(cell["seconds"][peer], cell["seconds"][ours], strict=True)
    return [theirs / own for theirs, own in pairs]


def finding(cells: list[Cell]) -> str:
    """What the maps say of tensors beside eager PyTorch, in two sentences."""
    ahead, slower = [], []
    for task in (LOSS, GRADIENT):
        chosen = [cell for cell in cells if cell["task"] == task]
        lost = [cell for cell in chosen if median(ratios(cell, TORCH, TENSORS)) < 1]
        ahead.append(f"in {len(chosen) - len(lost)} of {len(chosen)} sizes for the {task}")
        slower += lost
    largest = max((cell["rows"] * cell["classes"] for cell in slower), default=0)
    return (
        f"`xent.torch` is faster than eager PyTorch {' and '.join(ahead)}.\n"
        f"No size of more than {largest:,} logits is slower."
    )


def behind(report: Report) -> Iterator[str]:
    """Where the median ratio is below 1, by column."""
    for ours in (TENSORS, NUMPY):
        for peer in (TORCH, COMPILED):
            for task in (LOSS, GRADIENT):
                found = [
                    f"{cell['rows']:,} × {cell['classes']:,} ({ratio:.2f})"
                    for cell in report["cells"]
                    if cell["task"] == task and (ratio := median(ratios(cell, peer, ours))) < 1
                ]
                if found:
                    yield f"- `{ours}` beside {peer}, {task}: {', '.join(found)}."


def tables(report: Report) -> Iterator[str]:
    """Times on tensors, a table for each task."""
    classes = sorted({cell["classes"] for cell in report["cells"]})
    for task in (LOSS, GRADIENT):
        yield f"\n### {task.capitalize()}\n"
        yield "| rows | " + " | ".join(f"{n:,} classes" for n in classes) + " |"
        yield "|" + "---|" * (len(classes) + 1)
        for rows in sorted({cell["rows"] for cell in report["cells"]}):
            found = {
                c["classes"]: c for c in report["cells"] if (c["rows"], c["task"]) == (rows, task)
            }
            texts = [shown(found[n]) if n in found else "–" for n in classes]
            yield f"| {rows:,} | " + " | ".join(texts) + " |"


def shown(cell: Cell) -> str:
    """xent's time and the spread of the ratio."""
    found = ratios(cell, TORCH, TENSORS)
    return f"{duration(median(cell['seconds'][TENSORS]))} ({min(found):.2f}–{max(found):.2f})"


def page(report: Report) -> str:
    """The page."""
    return PAGE.format(
        finding=finding(report["cells"]),
        made=MADE,
        measured=measured(report),
        repetitions=report["repetitions"],
        note=f" {report['note']}" if report["note"] else "",
        behind="\n".join(behind(report)) or "Nowhere on this map.",
        tables="\n".join(tables(report)),
    )


def picture(report: Report, task: str, path: Path) -> None:
    """Four maps: tensors and arrays beside PyTorch, eager and compiled."""
    import matplotlib as mpl
    import numpy as np

    from xent.plots.saving import new_figure, page_ink, themed

    rows = sorted({cell["rows"] for cell in report["cells"]})
    classes = sorted({cell["classes"] for cell in report["cells"]})
    colours, scale = mpl.colormaps["PuOr"], mpl.colors.LogNorm(1 / 16, 16)
    title = f"{task.capitalize()}: time of PyTorch over that of xent"
    with page_ink():
        figure, axes = new_figure((13, 8), 2, 2)
        for (ours, peer), ax in zip(
            [(ours, peer) for ours in (TENSORS, NUMPY) for peer in (TORCH, COMPILED)],
            axes,
            strict=True,
        ):
            values = np.full((len(rows), len(classes)), np.nan)
            for cell in report["cells"]:
                if cell["task"] == task:
                    place = rows.index(cell["rows"]), classes.index(cell["classes"])
                    values[place] = median(ratios(cell, peer, ours))
            ax.imshow(values, cmap=colours, norm=scale, aspect="auto", origin="lower")
            for i, j in np.argwhere(np.isfinite(values)):
                light = np.array(colours(scale(values[i, j]))[:3]) ** 2.2 @ [0.21, 0.72, 0.07]
                ink = "black" if light > 0.18 else "white"  # whichever has the higher contrast
                ax.text(j, i, f"{values[i, j]:.2g}", ha="center", va="center", color=ink)
            kind = "tensors" if ours == TENSORS else "arrays"
            ax.set_title(f"{kind}, beside {peer}")
            ax.set_xticks(range(len(classes)), [f"{n:,}" for n in classes])
            ax.set_yticks(range(len(rows)), [f"{n:,}" for n in rows])
            ax.tick_params(labelsize=10)
            ax.set_xlabel("classes")
            ax.set_ylabel("rows")
        figure.suptitle(title, x=0.01, ha="left")  # seen on a phone, too, where the rest scrolls
        told = (
            "A cell for each number of rows and classes holds the ratio: above 1, xent is faster."
        )
        path.write_text(themed(figure, title, told), encoding="utf-8")


def write(report: Report, docs: Path) -> None:
    """Write the page and its pictures."""
    (docs / "sizes.md").write_text(page(report), encoding="utf-8")
    picture(report, LOSS, docs / "sizes-loss.svg")
    picture(report, GRADIENT, docs / "sizes-gradient.svg")
