"""No right implementation, by any library, is ever called wrong."""

from __future__ import annotations

import correct
import pytest
from correct import Correct

SCALES = (0.1, 1.0, 10.0, 100.0)
SIZES = {"numpy": 12, "torch": 11, "scipy": 4, "sklearn": 2, "jax": 6}
"""How many there are of each library: known without importing it."""

CASES = [(library, i) for library, number in SIZES.items() for i in range(number)]


def entry(library: str, i: int) -> Correct:
    return correct.LIBRARIES[library]()[i]


@pytest.mark.parametrize("rows", [4, 60])
@pytest.mark.parametrize(("library", "i"), CASES)
def test_a_right_gradient_is_not_called_wrong(library: str, i: int, rows: int) -> None:
    case = entry(library, i)
    for scale in SCALES:
        if scale > case.largest:
            continue
        for dtype in ("float64", "float32"):
            report = correct.check(case, scale, dtype, rows)
            where = f"{case.name}, scale {scale}, {dtype}:\n{report}"
            assert not report.mistakes, where
            assert report.failed == 0, where
            if dtype == "float64" and scale <= 10:
                assert report.verdict == "pass", where


@pytest.mark.parametrize("library", correct.LIBRARIES)
def test_none_is_left_out(library: str) -> None:
    assert len(correct.LIBRARIES[library]()) == SIZES[library]


def test_libraries() -> None:
    assert SIZES.keys() == correct.LIBRARIES.keys()
