"""The pictures in an explanation's page: fitting, told in words, and at home in any page."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest

import xent
from xent import plots
from xent._report.roles import COLOURS
from xent.plots.saving import inlined, new_figure, page_ink, themed, words

CASES: list[tuple[dict[str, Any], list[str]]] = [
    ({"logits": 2.0, "label": 0},
     ["From logit to probability", "Loss of one row", "Gradient of the loss"]),
    ({"features": [1.0, -2.5], "weights": [0.4, 0.3], "label": 0},
     ["From logit to probability", "Loss of one row", "Gradient of the loss"]),
    ({"probabilities": 0.1, "label": 1},
     ["From logit to probability", "Loss of one row", "Gradient of the loss"]),
    ({"logits": 1000.0, "label": 0},
     ["From logit to probability", "Loss of one row", "Gradient of the loss"]),
    ({"logits": 1e308, "label": 0},
     ["From logit to probability", "Loss of one row", "Gradient of the loss"]),
    ({"features": [1e154], "weights": [-1e154], "label": 1},
     ["From logit to probability", "Loss of one row", "Gradient of the loss"]),
    ({"logits": [1e308, -1e308], "label": 1}, ["Loss inf nats"]),
    ({"logits": [-1e308, 0.0, 0.0], "label": 0}, ["Loss 1.0000e+308 nats"]),
    ({"probabilities": 1.0, "label": 1}, []),
    ({"logits": [2.0, 1.0, 0.1], "label": 0}, ["Loss 0.4170 nats"]),
    ({"logits": [2.0, 1.0], "label": 0, "names": ["<b>", "a&b"]}, ["Loss 0.3133 nats"]),
    ({"logits": [1.0, 2.0, -np.inf], "label": 2}, ["Loss inf nats (the true class is masked)"]),
    ({"logits": np.linspace(-3, 3, 100), "label": 5}, ["Loss 8.5281 nats"]),
    ({"probabilities": [0.25, 0.75], "label": 1}, ["Loss 0.2877 nats"]),
]  # fmt: skip
SVG = re.compile(r"<svg .*?</svg>", re.S)


@pytest.mark.parametrize(("arguments", "titles"), CASES)
def test_the_fitting_pictures_with_words(arguments: dict[str, Any], titles: list[str]) -> None:
    found = SVG.findall(xent.explain(**arguments).to_html())
    assert len(found) == len(titles)
    for text, title in zip(found, titles, strict=True):
        svg = ET.fromstring(text)
        assert svg.attrib["role"] == "img"
        named, told = svg[0], svg[1]
        assert (named.tag, told.tag) == ("title", "desc")
        assert named.text == title
        assert len(told.text or "") > 40
        both = f"{named.attrib['id']} {told.attrib['id']}"
        assert svg.attrib["aria-labelledby"] == both
        assert "text" in {element.tag for element in svg.iter()}, "text stays text"


def test_the_words_are_the_explanations() -> None:
    (classes,) = SVG.findall(xent.explain([2.0, 1.0, 0.1], 0, names=["a<", "b", "c"]).to_html())
    assert (
        "Probabilities of 3 classes. The true class, a&lt;, has 0.6590; others: b 0.2424, "
        "c 0.0986. The loss is 0.4170 nats. Gradient descent moves the true class by 0.3410, and "
        "the others down.</desc>"
    ) in classes
    loss = SVG.findall(xent.explain(2.0, label=0).to_html())[1]
    assert "At z = 2 and label 0 it is 2.1269.</desc>" in loss


@pytest.mark.parametrize(("arguments", "titles"), CASES)
def test_a_picture_brings_nothing_into_the_page(
    arguments: dict[str, Any], titles: list[str]
) -> None:
    text = xent.explain(**arguments).to_html()
    for unwanted in ("<script", "<style", "://", "<?xml", "<!DOCTYPE", "<metadata", "#010203"):
        assert unwanted not in text
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', text))
    assert used <= set(ids)
    assert text.count("currentColor") >= 10 * len(titles), "ink is the page's"


def test_two_explanations_share_no_name() -> None:
    one, two = (
        set(re.findall(r' id="([^"]+)"', xent.explain([1.0, z], 0).to_html())) for z in (2.0, 3.0)
    )
    assert not one & two


def test_the_same_bytes_each_time() -> None:
    explanation = xent.explain([2.0, 1.0, 0.1], label=0)
    assert explanation.to_html() == explanation.to_html()


def test_the_page_is_for_light_and_dark_and_for_narrow_screens() -> None:
    text = xent.explain(2.0, label=1).to_page(pictures=False)
    assert "color-scheme: light dark" in text
    assert "prefers-color-scheme: dark" in text
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in text
    assert "<svg" not in text


def lines_of(code: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, encoding="utf-8"
    )
    return done.stdout.splitlines()


def test_matplotlib_is_loaded_for_a_page_and_not_before() -> None:
    code = (
        "import sys, xent; e = xent.explain(2.0, label=1); "
        "e.to_text(), e.to_markdown(), e.to_latex(), e.to_dict(), e._repr_html_(); "
        "print('matplotlib' in sys.modules); e.to_html(); print('matplotlib' in sys.modules)"
    )
    assert lines_of(code) == ["False", "True"]


def test_without_matplotlib_there_are_none() -> None:
    code = (
        "import sys, xent; sys.modules['matplotlib'] = None; e = xent.explain(2.0, label=1); "
        "print(e.to_html() == e.to_html(pictures=False))"
    )
    assert lines_of(code) == ["True"]


def test_a_file_is_light_or_dark_as_its_reader() -> None:
    with page_ink():
        figure, (ax,) = new_figure()
        plots.class_bars([2.0, 1.0, 0.1], 0, names=["a", "b", "<c>"], ax=ax)
        document = themed(figure, *words([ax]))
    svg = ET.fromstring(document.encode())
    assert svg.attrib["role"] == "img"
    assert [element.tag.split("}")[1] for element in svg][:3] == ["title", "desc", "style"]
    theme = svg[2].text or ""
    light, dark = theme.split("@media (prefers-color-scheme: dark)")
    for role in ("true", "pull", "push", "other"):
        assert f"--xent-{role}:{COLOURS[role][0]}" in light
        assert f"--xent-{role}:{COLOURS[role][1]}" in dark
        assert f"var(--xent-{role}," in document
    assert "#010203" not in document
    assert "color-scheme: light dark" in light, "opened alone, it stands on a ground that fits"
    element = inlined(document, "one")
    assert "<style" not in element, "within a page its variables count"
    assert "prefers-color-scheme" not in element
    ET.fromstring(element)
