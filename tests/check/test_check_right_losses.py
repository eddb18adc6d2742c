"""No right loss is called wrong, whatever its rows, classes, scale and dtype."""

from __future__ import annotations

import pytest
import right_losses

from xent.check._gradient import entries

SIZES = {"numpy": 12, "scipy": 2, "sklearn": 1, "torch": 9}
"""How many there are of each library: known without importing it."""


@pytest.fixture(autouse=True)
def fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a loss that is one number, a few entries and the directions are enough here."""
    monkeypatch.setattr(entries, "BUDGET", 2e5)


@pytest.mark.parametrize(("rows", "classes"), right_losses.SHAPES)
@pytest.mark.parametrize(("library", "i"), [(n, i) for n, k in SIZES.items() for i in range(k)])
def test_a_right_loss_is_not_called_wrong(library: str, i: int, rows: int, classes: int) -> None:
    name, right = list(right_losses.LIBRARIES[library]().items())[i]
    if right.task == "binary" and classes != 2:
        return
    for scale in right_losses.SCALES:
        if scale > right.largest:
            continue
        for dtype in ("float64", "float32"):
            for seed in range(2):
                report = right_losses.check(right, rows, classes, scale, dtype, seed)
                where = f"{library}, {name}, scale {scale}, {dtype}, seed {seed}:\n{report}"
                assert not report.mistakes, where
                assert report.failed == 0, where
                if right.takes == "logits" and name not in ("divergence", "kl_div"):
                    assert not report.findings, where


@pytest.mark.parametrize("library", right_losses.LIBRARIES)
def test_none_is_left_out(library: str) -> None:
    assert len(right_losses.LIBRARIES[library]()) == SIZES[library]


def test_there_are_thousands() -> None:
    number = 0
    for library in right_losses.LIBRARIES.values():
        for right in library().values():
            shapes = [k for _, k in right_losses.SHAPES if k == 2 or right.task == "classes"]
            scales = [scale for scale in right_losses.SCALES if scale <= right.largest]
            number += len(shapes) * len(scales) * 2 * 2
    assert number == 3312
