"""An explanation's page in Chromium: moved anywhere, it shows what Python shows there."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import browser
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from live_pages import hashed, put, without_scripts

import xent

CASES: dict[str, dict[str, Any]] = {
    "logit": {"logits": 1.5, "label": 1},
    "soft logit": {"logits": -0.5, "label": 0.3},
    "logit with options": {"logits": 2.0, "label": 1, "pos_weight": 3.0, "label_smoothing": 0.1},
    "scaled logit": {
        "logits": 12.0, "label": 0, "softcap": 5.0, "temperature": 2.0, "names": ["cat", "dog"],
    },
    "features": {"features": [1.0, -2.5], "weights": [0.4, 0.3], "bias": -0.2, "label": 0},
    "probability": {"probabilities": 0.3, "label": 1},
    "shared probability": {"probabilities": 0.3, "label": 0.6, "class_weight": [1.0, 2.0]},
    "classes": {"logits": [2.0, 1.0, 0.1], "label": 0},
    "names": {
        "logits": [2.0, 1.0, 0.1, -1.234, 0.3], "label": 1,
        "names": ["cat", "dog", "<b>", "a long name", "{e}"],
    },
    "ten classes": {"logits": [2.0, 1.0, 0.1, -1.0, 0.0, 0.5, 0.25, 3.0, -2.0, 1.0], "label": 0},
    "soft classes": {"logits": [2.0, 1.0, 0.1], "label": [0.5, 0.25, 0.25]},
    "two shares": {"logits": [1.0, -1.0, 0.5], "label": [0.5, 0.0, 0.5], "temperature": 0.5},
    "every option": {
        "logits": [2.0, 1.0, 0.1], "label": 2, "class_weight": [1.0, 2.0, 0.5],
        "label_smoothing": 0.1, "softcap": 5.0, "temperature": 2.0,
    },
    "weighted classes": {"logits": [2.0, 1.0, 0.1], "label": 2, "class_weight": [1.0, 2.0, 0.0]}
    | {"label": 1},
    "large logits": {"logits": [800.0, -20.0, 0.0], "label": 1},
    "like probabilities": {"logits": [0.7, 0.2, 0.1], "label": 0},
}  # fmt: skip
NAMED = {
    "z": "logits", "label": "label", "share": "label", "eps": "label_smoothing",
    "T": "temperature", "cap": "softcap", "weight": "class_weight", "w": "weights", "b": "bias",
    "given": "probabilities",
}  # fmt: skip
"""What the page's numbers are called by `explain`."""
SCREENS = [(1280, False), (390, True)]

SEEN = r"""() => {
    const skipped = '.pictures, .controls, [data-told], [data-formula], .heard, script, dl';
    const walk = (node) => node.nodeType === Node.TEXT_NODE ? node.textContent
        : node.hidden || node.matches(skipped) ? '' : [...node.childNodes].map(walk).join('');
    const shown = (node) => !node.closest('[hidden]') && !node.closest(skipped);
    return [...document.querySelectorAll('.xent-live :is(h1, h2, p, tr, code)')].filter(shown)
        .map((block) => [walk(block).replace(/\s+/g, ' ').trim(), block.closest('section')
            ?.querySelector('b').textContent.includes('Numerical') ?? false])
        .filter(([text]) => text);
}"""
"""What a reader sees, block by block, and whether it is a numerical check."""
DECIMALS = re.compile(r"\d+\.\d+")
NUMBER = re.compile(r"-?(?:inf|\d+\.?\d*(?:e[-+]?\d+)?)")


def written(folder: Path, name: str) -> Path:
    """The page of a case."""
    path = folder / f"{name.replace(' ', '-')}.html"
    if not path.exists():
        path.write_text(xent.explain(**CASES[name]).to_page(), "utf-8")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("explained")


def states(text: str, count: int) -> Iterator[dict[str, Any]]:
    """Random places of a page's controls."""
    first = json.loads(re.search(r"state: (.*), lists", text)[1])  # type: ignore[index]
    rng = random.Random(text)
    sliders = re.findall(r'data-set="([\w.]+)" min="([^"]+)" max="([^"]+)" step="([^"]+)"', text)
    radios = re.findall(r'type="radio" [^>]*data-set="([\w.]+)" value="([^"]+)"', text)
    for number in range(count):
        state = json.loads(json.dumps(first))
        for path, *limits in sliders:
            low, high, step = map(float, limits)
            if number % 3 == 1 and path[0] == "z":  # small logits are the usual ones
                low, high = max(low, -2 * max(step, 1)), min(high, 2 * max(step, 1))
            value = round(low + rng.randint(0, round((high - low) / step)) * step, 10)
            put(state, path, 1.05 if path == "T" and value == 1 else value)
            if number % 3 == 2 and path[0] == "z":  # and often they are the same
                put(state, path, 0.0)
        for path in dict.fromkeys(path for path, _ in radios):
            put(state, path, int(rng.choice([value for name, value in radios if name == path])))
        yield {name: value for name, value in state.items() if value != first[name]}


@pytest.fixture(scope="module")
def plain(chromium: Any) -> Iterator[Any]:
    """A page without scripts, which shows what Python wrote."""
    with without_scripts(chromium) as page:
        yield page


@pytest.mark.parametrize("name", CASES)
def test_a_page_shows_what_python_shows(
    name: str, folder: Path, chromium: Any, plain: Any, tmp_path: Path
) -> None:
    path = written(folder, name)
    text = path.read_text("utf-8")
    with browser.page(chromium) as page:
        for state in [{}, *states(text, 9)]:
            given = {
                k: v for k, v in CASES[name].items() if k != "pos_weight" or "weight" not in state
            }
            page.goto("about:blank")
            page.goto(f"{path.as_uri()}#{hashed(state)}")
            moved = page.evaluate(SEEN)
            fresh = xent.explain(**{**given, **{NAMED[k]: v for k, v in state.items()}})
            (tmp_path / "fresh.html").write_text(fresh.to_page(), "utf-8")
            plain.goto((tmp_path / "fresh.html").as_uri())
            still = plain.evaluate(SEEN)
            assert page.title() == plain.title() == fresh.title.replace(" -", " −")
            compare(moved, still, state)


def trimmed(text: str) -> str:
    """Without zeros at the end of decimals, and without what says whether these are exact."""
    text = DECIMALS.sub(lambda number: number[0].rstrip("0").rstrip("."), text)
    return text.replace("≈", "=")


def compare(moved: list[tuple[str, bool]], still: list[tuple[str, bool]], state: Any) -> None:
    """The same blocks.

    The numbers of a numerical check have its rounding. The last bit of a number decides whether it
    is 1.3, or 1.3000 after rounding; that it decides on another digit is rare.
    """
    digits = 0
    for (one, checked), (other, _) in zip(moved, still, strict=False):
        if one == other:
            continue
        one, other = one.replace("−", "-"), other.replace("−", "-")
        digits += not checked and trimmed(one) != trimmed(other)
        words, others = (NUMBER.sub("", text).replace("≈", "=") for text in (one, other))
        assert words == others, state
        size = 1e-8 if checked else 1e-12
        for a, b in zip(NUMBER.findall(one), NUMBER.findall(other), strict=True):
            assert abs(float(a) - float(b)) < size * (1 + abs(float(a))), (one, other, state)
    assert digits <= 2, state
    assert len(moved) == len(still), state


@pytest.mark.parametrize(("width", "dark"), SCREENS)
@pytest.mark.parametrize("name", CASES)
def test_a_page_is_moved_by_keyboard(
    name: str, width: int, dark: bool, folder: Path, chromium: Any
) -> None:
    """Each control moves the page, its picture in view; a reload keeps the state; axe agrees."""
    path = written(folder, name)
    with browser.page(chromium, width=width, height=844, dark=dark) as page:
        page.goto(path.as_uri())
        assert page.evaluate("document.scrollingElement.scrollWidth") <= width
        for slider in page.locator("input[type=range]").all():
            slider.scroll_into_view_if_needed()
            slider.focus()
            before = page.evaluate(SEEN)
            page.keyboard.press("ArrowLeft")
            if page.evaluate(SEEN) == before:
                page.keyboard.press("ArrowRight")
            assert page.evaluate(SEEN) != before
            box = slider.evaluate(
                """(slider) => [slider.closest('.stage').querySelector('.pictures'), slider]
                    .map((each) => each.getBoundingClientRect())
                    .flatMap(({ top, bottom }) => [top, innerHeight - bottom])"""
            )
            assert min(box) >= -1, box
        for radio in page.locator("input[type=radio]:not(:checked)").all()[:1]:
            before = page.evaluate(SEEN)
            radio.check()
            assert page.evaluate(SEEN) != before
        assert "#" in page.url
        state = page.evaluate(SEEN)
        told = next(text for text, _ in state if text.startswith("In short"))
        heard = "(told) => document.querySelector('.heard').textContent === told"
        page.wait_for_function(heard, arg=told)
        page.reload()
        assert page.evaluate(SEEN) == state
        for mark in page.locator("[data-tell]").all():
            mark.focus()
            assert re.search(r"[=≈] ?−?[\d.i]", page.locator("[data-told]").text_content())
        page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
        small = page.evaluate(
            """() => [...document.querySelectorAll('button, input, summary, [role=slider]')]
                .map((each) => (each.closest('label') ?? each).getBoundingClientRect())
                .filter(({ width, height }) => width < 24 || height < 24).length"""
        )
        assert not small
        found = Axe().run(page).response["violations"]
        grave = [each for each in found if each["impact"] in ("serious", "critical")]
        assert not grave, json.dumps(grave, indent=1)[:3000]


@pytest.mark.parametrize("name", CASES)
def test_pages_are_light(name: str, folder: Path) -> None:
    size = written(folder, name).stat().st_size
    assert size <= (200_000 if name == "ten classes" else 130_000)


@pytest.mark.parametrize("name", CASES)
def test_the_page_has_python_that_gives_its_numbers(name: str, folder: Path, chromium: Any) -> None:
    with browser.page(chromium) as page:
        page.goto(written(folder, name).as_uri())
        block = page.locator(".code code").text_content()
    found: dict[str, Any] = {}
    exec(block, found)
    explained = xent.explain(**CASES[name])
    assert found["explanation"].loss == explained.loss
    np.testing.assert_array_equal(found["explanation"].gradient, explained.gradient)


STILL: dict[str, dict[str, Any]] = {
    "eleven classes": {"logits": np.linspace(-1, 1, 11), "label": 4},
    "a mask": {"logits": [1.0, -np.inf, 2.0], "label": 0},
    "probabilities": {"probabilities": [0.7, 0.2, 0.1], "label": 0},
}


@pytest.mark.parametrize("name", STILL)
def test_what_cannot_move_is_a_page_without_scripts(name: str) -> None:
    assert "<script" not in xent.explain(**STILL[name]).to_page()


def test_without_pictures_the_numbers_still_move() -> None:
    text = xent.explain(1.5, label=1).to_page(pictures=False)
    assert "<svg" not in text
    assert 'data-set="z"' in text


@pytest.mark.parametrize("part", ["prediction", "loss", "gradient", "check", "why", "meaning"])
def test_one_part_of_a_page(part: str, chromium: Any, tmp_path: Path) -> None:
    explanation = xent.explain([2.0, 1.0, 0.1], label=0).only(part)
    for number, each in enumerate(
        (explanation, explanation.short() if part == "loss" else explanation)
    ):
        path = tmp_path / f"{number}.html"
        path.write_text(each.to_page(), "utf-8")
        with browser.page(chromium) as page:
            page.goto(path.as_uri())
            names = page.locator("section:not([hidden]) > p:first-child").all_text_contents()
            assert names == [f"{i}. {step.name}" for i, step in enumerate(each.steps, start=1)]
