"""Errors of cross-entropy losses and gradients against the exact values.

python benchmarks/accuracy.py            measure; write accuracy.json and docs/accuracy.md
python benchmarks/accuracy.py --check    measure xent alone; fail if it exceeds its limits, or
                                         if docs/accuracy.md does not belong to accuracy.json
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import accuracy_page
import exact
import inputs
import machine
import numpy as np
from accuracy_page import Record, Report
from exact import Exact
from inputs import Batch
from peers import SCIPY, SKLEARN, TORCH, XENT, XENT_SMALL, Array, Peer

HERE = Path(__file__).parent
RESULTS = HERE / "accuracy.json"
PAGE = HERE.parent / "docs" / "accuracy.md"
LIMITS = {"loss": 2.0, "gradient": 3.0}


def measure(peers: list[Peer]) -> Iterator[Record]:
    """Figures of every library on every batch."""
    for batch in inputs.batches():
        losses, gradient = exact.answers(batch)
        problems = {
            peer.name: (peer.binary if batch.kind == "binary" else peer.classes)(
                batch.logits, batch.labels
            )
            for peer in peers
        }
        got_losses = {name: problem.losses() for name, problem in problems.items()}
        yield record(batch, "loss", losses, got_losses, np.ones(len(batch.labels), bool))
        got = {name: problem.gradient() for name, problem in problems.items()}
        if batch.kind == "binary":
            yield record(batch, "gradient", gradient, got, np.ones(len(batch.labels), bool))
        else:
            at_label = np.arange(batch.logits.shape[1]) == batch.labels[:, None]
            yield record(batch, "gradient at the label", gradient, got, at_label)
            yield record(batch, "gradient elsewhere", gradient, got, ~at_label)


def record(
    batch: Batch, quantity: str, values: Exact, got: dict[str, Array], entries: Array
) -> Record:
    """Figures of every library for one quantity of a batch."""
    usable = entries & exact.normal(values, batch.dtype)
    return Record(
        kind=batch.kind,
        name=batch.name,
        dtype=batch.dtype,
        quantity=quantity,
        compared=int(usable.sum()),
        subnormal=int((entries & ~usable).sum()),
        by={
            name: exact.figure(array[usable], values.where(usable), batch.dtype)
            for name, array in got.items()
        },
    )


def excesses(records: list[Record]) -> Iterator[str]:
    """Where xent is further from the exact value than it promises."""
    for r in records:
        limit = LIMITS[r["quantity"].split()[0]]
        for name in (XENT.name, XENT_SMALL.name):
            own = r["by"][name]
            if own["zeros"] or own["not_finite"] or (own["max"] or 0.0) > limit:
                where = f"{name}, {r['dtype']}, {r['name']}, {r['quantity']}"
                yield f"{where}: {own}; allowed: {limit} ULP"


def dump(report: Report) -> str:
    """JSON with one record to a line, so that a change is a readable diff."""
    records = ",\n".join("  " + json.dumps(r, ensure_ascii=False) for r in report["records"])
    versions = json.dumps(report["versions"])
    head = f' "date": {json.dumps(report["date"])},\n "versions": {versions},\n'
    return f'{{\n{head} "records": [\n{records}\n ]\n}}\n'


def check() -> list[str]:
    """Everything wrong with xent's accuracy or with the committed page."""
    committed: Report = json.loads(RESULTS.read_text(encoding="utf-8"))
    wrong = [f"accuracy.json: {line}" for line in excesses(committed["records"])]
    wrong += [f"measured now: {line}" for line in excesses(list(measure([XENT, XENT_SMALL])))]
    if accuracy_page.page(committed) != PAGE.read_text(encoding="utf-8"):
        wrong.append("docs/accuracy.md was not made from accuracy.json: run benchmarks/accuracy.py")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="check xent; write nothing")
    if parser.parse_args().check:
        wrong = check()
        print("\n".join(wrong) or "within limits; page and figures agree")
        return int(bool(wrong))
    report = Report(
        date=machine.today(),
        versions=machine.versions("xent", "numpy", "torch", "scipy", "scikit-learn", "mpmath"),
        records=list(measure([XENT, XENT_SMALL, TORCH, SCIPY, SKLEARN])),
    )
    RESULTS.write_text(dump(report), encoding="utf-8")
    PAGE.write_text(accuracy_page.page(report), encoding="utf-8")
    print("\n".join(excesses(report["records"])) or f"wrote {RESULTS.name} and {PAGE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
