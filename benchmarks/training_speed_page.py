"""docs/training-speed.md from the timings, and from nothing else."""

from __future__ import annotations

from statistics import median

from machine import MADE, Circumstances, Timing, measured
from speed_page import duration, extent, middle, spread

ROWS, FEATURES, VOCABULARY = 4096, 1024, 32000
CHUNK = 1024
"""Rows of logits that the bare products hold at a time."""
MIB = 2**20


class Report(Circumstances):
    """What training_speed.json holds."""

    losses: list[Timing]
    extras: list[Timing]
    small: list[Timing]
    linear: Timing
    extra_bytes: dict[str, int]
    gradient_bytes: int


HEAD = """\
# Training speed

{finding}

Loss and gradient, as a training step computes them: `xent.torch` beside PyTorch's own functions, in
one process, on the same tensors, in turns, on {cores} threads. The first column is xent's own time.
All others are **that function's time over xent's**, the median of five with the smallest and the
largest in parentheses. Each step frees its gradients before the next, as a training loop does. xent
then reuses the memory of the previous gradients ([how](howto/pytorch.md)), while PyTorch asks the
system for new memory.

## Losses

Mean over the rows and its gradient, logits normal with standard deviation 2, random labels.

"""

EXTRAS = """
## With log-sum-exp, entropy and accuracy

The same, with what a training loop logs for each row: by `return_lse`, `return_entropy` and
`return_accuracy` in xent's one pass, in PyTorch by `logsumexp`, `argmax` and `log_softmax`.

"""

END = """
{made}

{measured}

`python benchmarks/training_speed.py` writes this page and `benchmarks/training_speed.json`. Other
machines, and other versions, give other ratios.
"""


def page(report: Report) -> str:
    """The whole page."""
    parts = [HEAD.format(finding=finding(report), cores=report["cores"])]
    parts.append(table("logits", report["losses"], ["torch", "torch.compile"]))
    parts.append(EXTRAS)
    parts.append(table("logits", report["extras"], ["xent, loss alone", "torch", "torch.compile"]))
    parts.append("\n## A small batch\n\n")
    parts.append("With `backward()`, 2,000 times; float32.\n\n")
    parts.append(inverse_table(report["small"]))
    parts.append(linear_part(report))
    parts.append(END.format(made=MADE, measured=measured(report)))
    return "".join(parts)


def finding(report: Report) -> str:
    """What the tables say, in three sentences."""
    beside = [
        extent([middle(t["seconds"][peer], t["seconds"]["xent"]) for t in report["losses"]])
        for peer in ("torch", "torch.compile")
    ]
    small = extent([middle(t["seconds"]["xent"], t["seconds"]["torch"]) for t in report["small"]])
    linear = report["linear"]["seconds"]
    own, theirs = (round(report["extra_bytes"][name] / MIB) for name in ("xent", "torch"))
    return (
        f"For large batches PyTorch's loss and gradient take {beside[0]} times as long as xent's, "
        f"and {beside[1]} times if compiled; for a batch of 8 × 10 xent takes {small} times as "
        "long as PyTorch.\n"
        "Fused with a linear layer, xent takes "
        f"{middle(linear['xent'], linear['products']):.2f} times as long as the matrix products "
        f"alone, and {own} MiB of memory where PyTorch takes {theirs}."
    )


def table(head: str, timings: list[Timing], peers: list[str]) -> str:
    lines = [f"| {head} | xent | {' | '.join(peers)} |", "|---" * (len(peers) + 2) + "|"]
    for t in timings:
        own = t["seconds"]["xent"]
        cells = [spread(t["seconds"][peer], own) for peer in peers]
        lines.append(f"| {t['case']} | {duration(median(own))} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def inverse_table(timings: list[Timing]) -> str:
    lines = ["| logits | xent | torch | xent ÷ torch |", "|---|---|---|---|"]
    for t in timings:
        own, other = t["seconds"]["xent"], t["seconds"]["torch"]
        times = f"{duration(median(own))} | {duration(median(other))}"
        lines.append(f"| {t['case']} | {times} | {spread(own, other)} |")
    return "\n".join(lines) + "\n"


def linear_part(report: Report) -> str:
    seconds, extra = report["linear"]["seconds"], report["extra_bytes"]
    own = seconds["xent"]
    lines = [
        f"""
## Linear layer and loss

Loss and gradients of inputs and weight: {ROWS:,} rows of {FEATURES:,} features, {VOCABULARY:,}
classes, float32. *Products* are the three matrix products that any such function must compute, by
`torch.mm` alone, {CHUNK:,} rows at a time; *whole* with all the logits at once. Memory is the most
that the process held beyond what it held before, the gradients
({report["gradient_bytes"] / MIB:.0f} MiB) included.

| function | time ÷ xent's | memory |
|---|---|---|
| xent ({duration(median(own))}) | 1 | {extra["xent"] / MIB:.0f} MiB |"""
    ]
    for name, times in seconds.items():
        if name != "xent":
            held = f"{extra[name] / MIB:.0f} MiB" if name in extra else "–"
            lines.append(f"| {name} | {spread(times, own)} | {held} |")
    ratio = spread(own, seconds["products"])
    lines.append(f"\nxent takes {ratio} of the time of the products alone.\n")
    return "\n".join(lines)
