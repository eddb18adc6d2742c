"""The lessons in a real browser: moved by keyboard, they show the numbers that Python shows."""

from __future__ import annotations

import contextlib
import io
import json
import random
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import browser
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from live_pages import hashed, put, without_scripts

from xent.learn import COURSE, pages

NAMES = [lesson.name for lesson in COURSE]
LESSON = {lesson.name: lesson for lesson in COURSE}
SCREENS = [(1280, False), (390, True)]

SEEN = r"""() => {
    const lesson = document.querySelector('.xent-live');
    const walk = (node) => {
        if (node.nodeType === Node.TEXT_NODE) return node.textContent;
        if (node.hidden || node.matches?.('[data-told], .heard, script')) return '';
        return [...node.childNodes].map(walk).join('');
    };
    const text = walk(lesson).split('\n').map((line) => line.replace(/\s+/g, ' ').trim());
    const marks = [...lesson.querySelectorAll('svg [data-b]')].map((mark) =>
        ['x', 'y', 'x1', 'y1', 'x2', 'y2', 'cx', 'cy', 'r', 'width', 'height', 'd', 'opacity']
            .map((name) => mark.getAttribute(name)).filter(Boolean).join(' '));
    const held = [...lesson.querySelectorAll('[data-set]')].map((control) =>
        control.type === 'radio' ? control.checked : control.value);
    return { text: text.filter(Boolean), marks, held };
}"""
"""What a reader sees: text that is not hidden, where marks stand, and how controls are set."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The course as files."""
    found = tmp_path_factory.mktemp("course")
    assert len(list(pages.write(found))) == len(COURSE) + 1
    return found


def states(name: str, count: int = 12) -> Iterator[dict[str, Any]]:
    """Every preset, and random places of the controls within their limits."""
    text = pages.fragment(LESSON[name])
    for preset in re.findall(r"data-preset='([^']*)'", text):
        yield json.loads(preset)
    first: Mapping[str, Any] = pages.module(LESSON[name]).STATE
    rng = random.Random(name)
    sliders = re.findall(
        r'(?:data-stops="([^"]+)" )?data-set="([\w.]+)" min="([^"]+)" max="([^"]+)" step="([^"]+)"',
        text,
    )
    radios = re.findall(r'type="radio" [^>]*data-set="([\w.]+)" value="([^"]+)"', text)
    for _ in range(count):
        state = json.loads(json.dumps(dict(first)))
        for stops, path, low, high, step in sliders:
            steps = round((float(high) - float(low)) / float(step))
            value = round(float(low) + rng.randint(0, steps) * float(step), 10)
            put(state, path, float(stops.split()[int(value)]) if stops else value)
        for path in dict.fromkeys(path for path, _ in radios):
            put(state, path, float(rng.choice([value for name, value in radios if name == path])))
        yield {name: value for name, value in state.items() if value != first[name]}


@pytest.fixture(scope="module")
def plain(chromium: Any) -> Iterator[Any]:
    """A page without scripts, which shows what Python wrote."""
    with without_scripts(chromium) as page:
        yield page


@pytest.mark.parametrize("name", NAMES)
def test_a_page_shows_what_python_shows(name: str, folder: Path, chromium: Any, plain: Any) -> None:
    """For every state, text, marks and controls are those of the page that Python makes."""
    with browser.page(chromium) as page:
        for state in [{}, *states(name)]:
            page.goto("about:blank")
            page.goto(f"{(folder / name).as_uri()}.html#{hashed(state)}")
            moved = page.evaluate(SEEN)
            (folder / "state.html").write_text(pages.page(LESSON[name], state), "utf-8")
            plain.goto((folder / "state.html").as_uri())
            still = plain.evaluate(SEEN)
            assert moved["text"] == still["text"], state
            assert moved["held"] == still["held"], state
            assert len(moved["marks"]) == len(still["marks"])
            for one, other in zip(moved["marks"], still["marks"], strict=True):
                np.testing.assert_allclose(
                    numbers(one), numbers(other), atol=0.011, err_msg=str(state)
                )


def numbers(text: str) -> list[float]:
    """All numbers of an attribute."""
    return [float(found) for found in re.findall(r"-?\d+\.?\d*", text)]


@pytest.mark.parametrize(("width", "dark"), SCREENS)
@pytest.mark.parametrize("name", NAMES)
def test_a_lesson_is_moved_by_keyboard(
    name: str, width: int, dark: bool, folder: Path, chromium: Any
) -> None:
    """Each slider moves the page, in view; a reload keeps the state; axe finds nothing."""
    address = f"{(folder / name).as_uri()}.html"
    with browser.page(chromium, width=width, height=844, dark=dark) as page:
        page.goto(address)
        assert page.evaluate("document.scrollingElement.scrollWidth") <= width
        page.evaluate(
            "document.querySelectorAll('details').forEach((each) => { each.open = true })"
        )
        for slider in page.locator("input[type=range]").all():
            slider.scroll_into_view_if_needed()
            slider.focus()
            before, seen = slider.input_value(), page.evaluate(SEEN)
            page.keyboard.press("ArrowLeft")
            if slider.input_value() == before:
                page.keyboard.press("ArrowRight")
            assert slider.input_value() != before
            after = page.evaluate(SEEN)
            assert after["text"] != seen["text"] or after["marks"] != seen["marks"]
            in_view(slider)
        state = page.evaluate(SEEN)
        assert "#" in page.url or not page.locator("input[type=range]").count()
        page.reload()
        assert page.evaluate(SEEN) == state
        page.evaluate(
            "document.querySelectorAll('details').forEach((each) => { each.open = true })"
        )
        found = Axe().run(page).response["violations"]
        grave = [each for each in found if each["impact"] in ("serious", "critical")]
        assert not grave, json.dumps(grave, indent=1)[:3000]


def in_view(slider: Any) -> None:
    """The pictures of its stage are on the screen with it, or beside it can be scrolled there."""
    boxes = slider.evaluate(
        """(slider) => {
            const pictures = slider.closest('.stage')?.querySelector('.pictures');
            if (!pictures) return null;
            const boxes = [pictures, slider].map((each) => each.getBoundingClientRect());
            const beside = boxes[1].left >= boxes[0].right;
            const from = beside ? Math.min(...boxes.map(({ top }) => top)) : 0;
            return boxes.map(({ top, bottom }) => [top - from, bottom - from, innerHeight]);
        }"""
    )
    for top, bottom, height in boxes or ():
        assert top >= -1, boxes
        assert bottom <= height + 1, boxes


@pytest.mark.parametrize("name", NAMES)
def test_every_control_is_large_enough_and_has_a_name(
    name: str, folder: Path, chromium: Any
) -> None:
    with browser.page(chromium, width=390, height=844) as page:
        page.goto(f"{(folder / name).as_uri()}.html")
        small = page.evaluate(
            """() => [...document.querySelectorAll('button, input, summary, [role=slider]')]
                .filter((each) => each.offsetParent !== null || each.ownerSVGElement)
                .map((each) => [each.closest('label') ?? each, each.outerHTML.slice(0, 120)])
                .map(([each, told]) => [each.getBoundingClientRect(), told])
                .filter(([{ width, height }]) => width < 24 || height < 24)
                .map(([, told]) => told)"""
        )
        assert not small, small


@pytest.mark.parametrize("name", NAMES)
def test_a_focused_mark_shows_its_formula(name: str, folder: Path, chromium: Any) -> None:
    with browser.page(chromium) as page:
        page.goto(f"{(folder / name).as_uri()}.html")
        page.evaluate(
            "document.querySelectorAll('details').forEach((each) => { each.open = true })"
        )
        for mark in page.locator("[data-tell][tabindex]:visible").all():
            mark.focus()
            told = mark.evaluate(
                "(mark) => mark.closest('.stage').querySelector('[data-told]').textContent"
            )
            assert re.search(r"[=≈] ?−?[\d.]", told), (
                mark.evaluate("(mark) => mark.outerHTML"),
                told,
            )


@pytest.mark.parametrize("name", NAMES)
def test_two_screens_come_before_the_folds(name: str, folder: Path, chromium: Any) -> None:
    with browser.page(chromium, width=1280, height=900) as page:
        page.goto(f"{(folder / name).as_uri()}.html")
        top = page.locator("details.deeper").first.bounding_box()["y"]
        assert top <= 2 * 900, top


@pytest.mark.parametrize("name", NAMES)
def test_pages_are_light(name: str, folder: Path) -> None:
    assert (folder / f"{name}.html").stat().st_size <= 400_000
    assert len(pages.fragment(LESSON[name]).encode()) <= 150_000


@pytest.mark.parametrize("name", NAMES)
def test_code_gives_the_numbers_beside_it(name: str, folder: Path, chromium: Any) -> None:
    """Copied Python runs, and prints what its comments say."""
    with browser.page(chromium) as page:
        for state in states(name, 2):
            page.goto("about:blank")
            page.goto(f"{(folder / name).as_uri()}.html#{hashed(state)}")
            for block in page.evaluate(
                """() => [...document.querySelectorAll('.code code')].map((code) => {
                    const walk = (node) => node.hidden ? '' : node.childNodes.length
                        ? [...node.childNodes].map(walk).join('') : node.textContent;
                    return walk(code);
                })"""
            ):
                ran(block)


def ran(block: str) -> None:
    """Every `print(...)  # ≈ number`, or `# gives number: ...`, prints about that number."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(block, {})
    wanted = [found.split(", ") for found in re.findall(r"# (?:≈|gives) ([^:\n]*)", block)]
    printed = re.findall(r"-?(?:inf|nan|\d+\.?\d*(?:e[-+]?\d+)?)", said.getvalue())
    for number, each in zip((n for group in wanted for n in group), printed, strict=False):
        about = pytest.approx(float(number), rel=6e-4, abs=6e-5, nan_ok=True)
        assert float(each) == about, block
    assert not wanted or printed


def test_the_contents_list_all_lessons(folder: Path, chromium: Any) -> None:
    with browser.page(chromium) as page:
        page.goto((folder / "index.html").as_uri())
        assert page.locator("ol a").all_text_contents() == [lesson.title for lesson in COURSE]
        page.locator("ol a").first.click()
        page.wait_for_load_state()
        assert page.locator("h1").text_content() == COURSE[0].title
