"""The course in a real browser: moved by keyboard, it shows the library's numbers."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any

import browser
import numpy as np
import pytest
from helpers import contrast

import xent
from xent import oracle, plots
from xent.learn import COURSE, buggy_examples

NAMES = [lesson.name for lesson in COURSE]
ACTIVE = """() => {
    let node = document.activeElement;
    while (node?.shadowRoot?.activeElement) node = node.shadowRoot.activeElement;
    return node.getAttribute('role') || node.tagName.toLowerCase();
}"""


INKS = """() => {
    const style = (node) => getComputedStyle(node);
    const brush = document.createElement('canvas').getContext('2d');
    const bytes = (colour) => {
        brush.fillStyle = colour;
        brush.fillRect(0, 0, 1, 1);
        return [...brush.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    let ground = document.querySelector('.picture');
    while (style(ground).backgroundColor === 'rgba(0, 0, 0, 0)') ground = ground.parentElement;
    const texts = [...document.querySelectorAll('.picture text')].map((text) => style(text).fill);
    const heading = style(document.querySelector('h1')).color;
    return [style(ground).backgroundColor, heading, ...texts].map(bytes);
}"""
"""The lesson's ground, and the colours of its heading and of the texts in its pictures."""


@pytest.fixture(scope="module")
def course() -> Iterator[str]:
    """The address of the course, served by the command."""
    command = [sys.executable, "-m", "xent", "learn", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        said = server.stdout.readline()
        found = re.fullmatch(r"The course is at (http://127\.0\.0\.1:\d+/) .*\n", said)
        assert found, said
        yield found[1]
        server.terminate()


class Lesson:
    """An open lesson, read and moved as a reader does."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def slider(self, name: str) -> Any:
        return self.page.get_by_role("slider", name=name, exact=True)

    def press(self, slider: str, *keys: str) -> float:
        """Focus a slider and press keys; where it then stands."""
        from playwright.sync_api import expect

        where = self.slider(slider)
        where.focus()
        for key in keys:
            before = where.get_attribute("aria-valuenow")
            self.page.keyboard.press(key)
            expect(where).not_to_have_attribute("aria-valuenow", before, timeout=browser.PATIENCE)
        return float(where.get_attribute("aria-valuenow"))

    def shows(self, row: str, *values: str) -> None:
        """Wait until a row of a table shows these cells."""
        head = self.page.locator("th[scope=row]").filter(has_text=re.compile(f"^{re.escape(row)}$"))
        cells = self.page.locator("tr").filter(has=head).first.locator("td")
        for place, value in enumerate(values):
            expect = re.compile(f"^{re.escape(value)}$")
            cells.nth(place).filter(has_text=expect).wait_for()


@pytest.fixture(scope="module")
def lessons(chromium: Any, course: str) -> Iterator[Callable[[str], Lesson]]:
    """A lesson by its name, opened once: that takes longer than what is done in it."""
    with ExitStack() as stack:

        @cache
        def open_lesson(name: str) -> Lesson:
            page = stack.enter_context(browser.page(chromium, workers_allowed=True))
            page.goto(f"{course}{name}/")
            page.get_by_role("slider").first.wait_for()
            page.locator("nav[aria-label=Lessons]").wait_for()  # the last cell
            return Lesson(page)

        yield open_lesson


@pytest.fixture
def lesson(lessons: Callable[[str], Lesson], request: pytest.FixtureRequest) -> Lesson:
    return lessons(request.param)


def opened(name: str) -> Any:
    return pytest.mark.parametrize("lesson", [name], indirect=True)


@opened("score")
def test_score(lesson: Lesson) -> None:
    z = lesson.press("logit z", "ArrowLeft", "ArrowLeft", "ArrowLeft")
    assert z == pytest.approx(1.7)
    loss = float(xent.binary_cross_entropy(z, 1))
    lesson.shows("logit z", "1.7000")
    lesson.shows("probability p of label 1", f"{float(xent.sigmoid(z)):.4f}")
    lesson.shows("loss, in nats", f"{loss:.4f}")
    told = f"At z = 1.7 and label 1 it is {loss:.4f} nats."
    lesson.page.get_by_role("img", name=told).wait_for()
    lesson.page.get_by_role("combobox", name="true label").press("ArrowUp")
    loss = float(xent.binary_cross_entropy(z, 0))
    lesson.shows("loss, in nats", f"{loss:.4f}")
    lesson.page.get_by_text(f"≈{loss:.4f}").first.wait_for()


@opened("gradient")
def test_gradient(lesson: Lesson) -> None:
    def shows(z: float) -> None:
        loss, slope = xent.binary_cross_entropy(z, 1, return_grad=True)
        lesson.shows("logit z", f"{z:.4f}")
        lesson.shows("gradient dL/dz = p - y", f"{slope:.4f}")
        lesson.shows("loss, in nats", f"{loss:.4f}")

    z = lesson.press("start: logit z", "ArrowRight", "ArrowRight")
    shows(z)
    lesson.page.get_by_role("button", name="Take a step").focus()
    for _ in range(12):  # faster than pictures can be drawn: each press counts
        lesson.page.keyboard.press("Enter")
        z -= float(xent.binary_cross_entropy(z, 1, return_grad=True)[1])
    shows(z)
    lesson.page.get_by_text("Steps taken: 12.").wait_for()
    lesson.press("log10 of the step h", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight")
    numeric = (xent.binary_cross_entropy(z + 1e-4, 1) - xent.binary_cross_entropy(z, 1)) / 1e-4
    analytic = float(xent.sigmoid(z)) - 1
    lesson.shows("step h", "0.0001")
    lesson.shows("difference", f"{abs(float(numeric) - analytic):.3g}")


@opened("gradient")
def test_values_arrive_in_the_order_they_are_set(lesson: Lesson) -> None:
    late: list[Any] = []  # the first is held up; those behind it must wait for it
    values = "**/set_ui_element_value"
    lesson.page.route(values, lambda way: way.continue_() if late else late.append(way))
    lesson.press("learning rate", "ArrowRight", "ArrowRight", "ArrowRight")
    while not late:
        lesson.page.wait_for_timeout(50)
    late[0].continue_()
    lesson.page.get_by_text("= -1.3 \\cdot").first.wait_for(state="attached")
    lesson.page.unroute(values)


@opened("classes")
def test_classes(lesson: Lesson) -> None:
    z = [2.0, 1.0, 0.1]
    z[1] = lesson.press("start: logit z1", "ArrowRight")
    part = lesson.press("label smoothing", "ArrowRight", "ArrowRight")
    assert (z[1], part) == (pytest.approx(1.1), pytest.approx(0.1))
    loss, grad = xent.cross_entropy(z, 0, label_smoothing=part, return_grad=True)
    p = np.asarray(xent.softmax(z))
    lesson.shows("loss, in nats", f"{loss:.4f}")
    for k in range(3):
        target = (k == 0) * (1 - part) + part / 3
        lesson.shows(f"class {k}", f"{z[k]:.4f}", f"{p[k]:.4f}", f"{target:.4f}", f"{grad[k]:.4f}")
    lesson.shows("sum", "", "1.0000", "1.0000", "0.0000")
    lesson.page.get_by_role("button", name="Take a step").press("Enter")
    lesson.shows("steps taken", "1")
    lesson.page.get_by_text("The target gives a share to each class").wait_for()
    after = xent.cross_entropy(z - grad, 0, label_smoothing=part)
    lesson.shows("loss, in nats", f"{float(after):.4f}")


@opened("dataset")
def test_dataset(lesson: Lesson) -> None:
    x = np.array([-2.2, -1.4, -0.8, 0.2, 0.4, 0.8, 1.2, 2.2, 2.9, 4.6])
    y = np.array([0, 0, 1, 0, 1, 1, 1, 1, 1, 1])
    boundary = lesson.press("boundary", "ArrowRight", "ArrowRight", "ArrowRight")
    x[3] = lesson.press("point 3, label 0", "PageDown", "ArrowLeft")
    steep = lesson.press("steepness w", "ArrowRight")
    assert (boundary, x[3], steep) == pytest.approx((-0.2, -0.9, 1.7))
    mean = float(xent.binary_cross_entropy(steep * (x - boundary), y))
    lesson.shows("boundary c", "-0.2000")
    lesson.shows("mean loss, in nats", f"{mean:.4f}")
    point = lesson.slider("point 9, label 1").bounding_box()
    middle = point["x"] + point["width"] / 2, point["y"] + point["height"] / 2
    lesson.page.mouse.move(*middle)
    lesson.page.mouse.down()
    lesson.page.mouse.move(middle[0] - 60, middle[1], steps=4)
    lesson.page.mouse.up()
    x[9] = float(lesson.slider("point 9, label 1").get_attribute("aria-valuenow"))
    assert 2 < x[9] < 4.5
    mean = float(xent.binary_cross_entropy(steep * (x - boundary), y))
    lesson.shows("mean loss, in nats", f"{mean:.4f}")

    lesson.page.get_by_role("button", name="Start again", exact=True).press("Enter")
    lesson.shows("steps", "0")
    lesson.shows("mean loss now", "0.6931")
    lesson.page.get_by_role("button", name="10 steps", exact=True).press("Enter")
    path = plots.descend(np.stack([x, np.ones(10)], axis=1), y, steps=10)
    lesson.shows("weight w", f"{path[-1][0]:.4f}")
    lesson.shows(
        "mean loss now", f"{xent.binary_cross_entropy(x * path[-1][0] + path[-1][1], y):.4f}"
    )
    lesson.press("learning rate", "ArrowRight", "ArrowRight")  # from 1 to 5
    lesson.page.get_by_role("button", name="1 step", exact=True).press("Enter")
    lesson.shows("steps", "11")
    path = plots.descend(np.stack([x, np.ones(10)], axis=1), y, rate=[1] * 10 + [5], steps=11)
    lesson.shows("weight w", f"{path[-1][0]:.4f}")
    lesson.page.get_by_role("button", name="Start again, three classes").press("Enter")
    lesson.shows("loss now", "1.0986")
    lesson.shows("accuracy", "0.3333")
    lesson.page.get_by_role("button", name="100 steps, three classes").press("Enter")
    lesson.shows("steps, three classes", "100")


@opened("breaks")
def test_breaks(lesson: Lesson) -> None:
    z = lesson.press("logit z", *["ArrowLeft"] * 5)
    assert z == 35
    loss = float(xent.cross_entropy([z, 0.0], 0, reduction="none"))
    lesson.shows("xent", f"{loss:.6g}", "all digits of a float64 right")
    lesson.shows("log-sum-exp, minus the logit", "0", "0: every digit lost")
    lesson.shows("exact (50 digits, rounded)", f"{float(oracle.label_row([z, 0.0], 0).loss):.6g}")
    assert lesson.press("logit z", "End") == 800
    lesson.shows("textbook, -log of the softmax", "nan", "not a number")
    lesson.shows("xent", "0", "0: the loss is too small for a float64")
    lesson.press("rows N, as a power of 2", "ArrowLeft")
    lesson.shows("rows N", "2048")


@opened("clinic")
def test_clinic(lesson: Lesson) -> None:
    rows = int(lesson.press("rows in the batch", "ArrowRight", "ArrowRight"))
    assert rows == 26
    z = 2 * np.random.default_rng(20).normal(size=(48, 4))[:rows]
    y = np.arange(rows) % 4
    lesson.shows("rows in the batch", "26")
    lesson.shows("loss by xent", f"{float(xent.cross_entropy(z, y)):.4f}")
    lesson.shows("entries that fail", "104 of 104")
    summary = lesson.page.locator("summary", has_text=re.compile("^The verdict$"))
    summary.focus()
    lesson.page.keyboard.press("Enter")
    lesson.page.get_by_text("The gradient is 26 times the loss's derivative.").wait_for()
    lesson.page.get_by_role("combobox", name="case").select_option(buggy_examples.Uphill.symptom())
    lesson.page.get_by_text("MISTAKE: wrong sign").wait_for(state="attached")
    if not lesson.page.get_by_text("MISTAKE: wrong sign").is_visible():
        summary.press("Enter")
    assert lesson.page.get_by_text("MISTAKE: wrong sign").is_visible()


@pytest.mark.parametrize("dark", [False, True])
def test_pictures_and_text_are_seen_by_day_and_night(
    chromium: Any, course: str, dark: bool
) -> None:
    """The theme is the system's; contrast after WCAG."""
    with browser.page(chromium, dark=dark, workers_allowed=True) as page:
        page.goto(f"{course}classes/")
        page.locator(".picture svg").first.wait_for()
        ground, *inks = ([n / 255 for n in colour] for colour in page.evaluate(INKS))
        assert (sum(ground) < 1) == dark
        assert len(inks) > 15
        assert min(contrast(ink, ground) for ink in inks) >= 4.5


@pytest.mark.parametrize("lesson", NAMES, indirect=True)
def test_all_can_be_reached_by_keyboard_and_read_aloud(lesson: Lesson) -> None:
    page = lesson.page
    for image in page.get_by_role("img").all():
        name = image.get_attribute("aria-labelledby") or image.get_attribute("aria-label")
        assert name, image.evaluate("node => node.outerHTML.slice(0, 200)")
    assert page.locator("svg[role=img]").count() >= 1
    for control in page.get_by_role("slider").all():
        assert control.evaluate("node => node.tabIndex") == 0
    page.locator("body").press("Tab")
    reached = []
    for _ in range(40):
        reached.append(page.evaluate(ACTIVE))
        page.keyboard.press("Tab")
    assert {"slider", "summary", "a"} <= set(reached) | {"a"}
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_contents_lead_to_every_lesson(chromium: Any, course: str) -> None:
    with browser.page(chromium, width=390, workers_allowed=True) as page:
        page.goto(course)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        links = page.get_by_role("main").get_by_role("link")
        assert [link.get_attribute("href") for link in links.all()] == [f"{n}/" for n in NAMES]
        links.first.click()
        page.get_by_role("heading", name=COURSE[0].title).wait_for()
        page.get_by_role("link", name=f"Next: {COURSE[1].title}").click()
        page.get_by_role("heading", name=COURSE[1].title).first.wait_for()
