"""No right loss is called wrong, whatever its rows, classes, scale and dtype."""

from __future__ import annotations

import pytest
import right_losses

from xent.check._gradient import entries

SIZES = {
    "numpy": 12, "scipy": 2, "sklearn": 1, "torch": 9, "jax": 8, "keras": 7, "objectives": 6,
}  # fmt: skip
"""How many there are of each library: known without importing it."""


NOTED = {"divergence", "kl_div", "SparseCategorical, labels first"}
"""What the report says something of, though it is right."""


@pytest.fixture(autouse=True)
def fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a loss that is one number, a few entries and the directions are enough here."""
    monkeypatch.setattr(entries, "BUDGET", 2e5)


@pytest.mark.parametrize(("rows", "classes"), right_losses.SHAPES)
@pytest.mark.parametrize(("library", "i"), [(n, i) for n, k in SIZES.items() for i in range(k)])
def test_a_right_loss_is_not_called_wrong(library: str, i: int, rows: int, classes: int) -> None:
    name, right = list(right_losses.LIBRARIES[library]().items())[i]
    if (rows, classes) not in right_losses.shapes(library, right):
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
                if right.takes == "logits" and name not in NOTED:
                    assert not report.findings, where


@pytest.mark.parametrize("library", right_losses.LIBRARIES)
def test_none_is_left_out(library: str) -> None:
    assert len(right_losses.LIBRARIES[library]()) == SIZES[library]


def test_there_are_thousands() -> None:
    number = 0
    for name, library in right_losses.LIBRARIES.items():
        for right in library().values():
            scales = [scale for scale in right_losses.SCALES if scale <= right.largest]
            number += len(right_losses.shapes(name, right)) * len(scales) * 2 * 2
    assert number == 5768
