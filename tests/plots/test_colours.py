"""Colours are seen on their grounds, and told apart, by deuteranopes too: computed, not judged."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from helpers import contrast

from xent import plots
from xent._report.roles import COLOURS
from xent.plots.colours import shade
from xent.plots.saving import DRAWN

WHITE, DARK = "#ffffff", ("#121212", "#14171a", "#1e2129")
"""Grounds: of pages by day; by night of a browser, of `plots.style`, and of the site."""

APART = 20
"""The least difference (CIE76) of two colours with different meanings in one picture. 2.3 is just
seen; the green and the grey that stood here before had 8 for a deuteranope."""

DEUTERANOPIA = np.array([
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.011820, 0.042940, 0.968881],
])  # fmt: skip
"""Of linear RGB. Machado, Oliveira & Fernandes (2009), doi:10.1109/TVCG.2009.113, severity 1."""

XYZ = np.array([
    [0.4124564, 0.3575761, 0.1804375],
    [0.2126729, 0.7151522, 0.0721750],
    [0.0193339, 0.1191920, 0.9503041],
])  # fmt: skip
"""Of linear sRGB, with the white of D65."""


def linear(colour: str) -> np.ndarray[Any, Any]:
    c = np.array(mpl.colors.to_rgb(colour))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(light: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """CIELAB of linear RGB."""
    x, y, z = np.cbrt(XYZ @ light.clip(0, 1) / XYZ.sum(axis=1))  # none is so dark as to need more
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_the_measure_of_difference() -> None:
    """Values of published tables: red is (53.24, 80.09, 67.20), and white is white to all."""
    np.testing.assert_allclose(lab(linear("#ff0000")), [53.24, 80.09, 67.20], atol=0.02)
    np.testing.assert_allclose(lab(DEUTERANOPIA @ linear("#ffffff")), [100, 0, 0], atol=0.02)
    old_green, old_grey = (lab(DEUTERANOPIA @ linear(c)) for c in ("#1f9e77", "#8c8c8c"))
    assert np.linalg.norm(old_green - old_grey) < 10


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(("one", "other"), list(combinations(DRAWN, 2)))
def test_colours_of_a_picture_differ(one: str, other: str, dark: bool) -> None:
    first, second = linear(COLOURS[one][dark]), linear(COLOURS[other][dark])
    assert np.linalg.norm(lab(first) - lab(second)) >= APART
    assert np.linalg.norm(lab(DEUTERANOPIA @ first) - lab(DEUTERANOPIA @ second)) >= APART


@pytest.mark.parametrize(("role", "shades"), list(COLOURS.items()))
def test_colours_are_seen_on_their_ground(role: str, shades: tuple[str, str]) -> None:
    """Contrast after WCAG: 4.5 for text, 3 for shapes."""
    light, dark = shades
    least = 3 if role == "other" else 4.5  # bars, no text
    assert contrast(light, WHITE) >= least
    for ground in DARK:
        assert contrast(dark, ground) >= least
        assert contrast(light, ground) >= 3, "the light one also stands where no ground is known"


def test_a_picture_takes_the_colours_of_its_ground() -> None:
    shown = {}
    for dark in (False, True):
        with plots.style(dark=dark):
            shown[dark] = shade("pull")
    assert shown == dict(enumerate(COLOURS["pull"]))
    with mpl.rc_context({"axes.facecolor": "none"}):  # the ground of a page
        assert shade("pull") == COLOURS["pull"][0]
