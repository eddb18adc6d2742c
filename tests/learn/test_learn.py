"""The course without a browser: the command, the server, and what the clinic says."""

from __future__ import annotations

import html
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import HANGS
from fontTools.ttLib import TTFont
from math_font import ITALICS

import xent
from xent import learn
from xent.learn import COURSE, buggy_examples, naive, pages, server, training
from xent.learn.markdown import rendered
from xent.learn.mathml import mathml


def cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "xent", "learn", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=HANGS)


def test_pages_link_to_each_other(tmp_path: Path) -> None:
    done = cli("--static", str(tmp_path / "course"))
    assert done.returncode == 0, done.stderr
    paths = [Path(line) for line in done.stdout.split()]
    assert [path.name for path in paths] == [
        *(f"{each.name}.html" for each in COURSE),
        "index.html",
    ]
    for path in paths:
        for link in re.findall(r'href="([^"#]+)"', path.read_text("utf-8")):
            assert link == "data:," or (path.parent / link).is_file(), (path, link)


def test_one_lesson_alone(tmp_path: Path) -> None:
    done = cli("score", "--static", str(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index.html", "score.html"]
    assert done.stdout.splitlines() == [str(tmp_path / "score.html"), str(tmp_path / "index.html")]


def test_one_lesson_as_a_page(tmp_path: Path) -> None:
    path = tmp_path / "score.html"
    done = cli("score", "--output", str(path))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"wrote {path}\n", "")
    assert path.read_text("utf-8") == pages.page(learn.lesson("score"))
    done = cli("--format", "html")
    message = "--format and --output are for one LESSON; for all use --static FOLDER."
    assert (done.returncode, done.stderr) == (2, f"xent: {message}\n")
    done = cli("score", "--output", "a.md")
    message = "--output is 'a.md'; expected a name that ends in .html."
    assert (done.returncode, done.stderr) == (2, f"xent: {message}\n")


def test_an_unknown_lesson_is_named() -> None:
    done = cli("calculus")
    names = ", ".join(each.name for each in COURSE)
    assert done.stderr == f"xent: no lesson is named 'calculus'; there are {names}.\n"
    assert done.returncode == 2


def test_a_port_in_use_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = cli("--no-browser", "--port", str(port))
    said = rf"xent: --port {port} of 127.0.0.1 cannot be used \(.+\)"
    assert re.fullmatch(said + r"; leave --port out for a free one\.", done.stderr.strip())


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="Windows has no such signal")
def test_a_page_that_is_closed_early_does_not_end_it() -> None:
    command = [sys.executable, "-m", "xent", "learn", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as course:
        assert course.stdout is not None
        address = re.search(r"http://\S+", course.stdout.readline())[0]  # type: ignore[index]
        course.send_signal(signal.SIGPIPE)  # as does a write to a connection that is gone
        with urllib.request.urlopen(address) as answer:
            assert answer.status == 200
        course.terminate()


@pytest.fixture
def course() -> Iterator[str]:
    """The address of the course, served by the command."""
    command = [sys.executable, "-m", "xent", "learn", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as served:
        assert served.stdout is not None
        said = re.fullmatch(
            r"The course is at (http://127\.0\.0\.1:\d+/) .*\n", served.stdout.readline()
        )
        assert said
        yield said[1]
        served.terminate()


def test_the_server_sends_pages(course: str) -> None:
    with urllib.request.urlopen(course) as answer:
        text = html.unescape(answer.read().decode())
    for each in COURSE:
        assert f'<a href="{each.name}.html">{each.title}</a>' in text
        assert each.about in text
    with urllib.request.urlopen(f"{course}score.html?x=1") as answer:
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.read().decode() == pages.page(learn.lesson("score"))
    asked = urllib.request.Request(f"{course}score.html", method="HEAD")
    with urllib.request.urlopen(asked) as answer:
        assert answer.read() == b""
    with pytest.raises(urllib.error.HTTPError, match="404") as refused:
        urllib.request.urlopen(f"{course}calculus.html")
    assert refused.value.read().decode() == server.ABSENT


def test_the_browser_is_opened_where_the_course_is(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(server.webbrowser, "open", opened.append)
    monkeypatch.setattr(server.threading.Thread, "start", lambda thread: thread.run())
    monkeypatch.setattr(server._Server, "serve_forever", lambda self: None)
    said: list[str] = []
    server.serve("score", said=said.append)
    server.serve(browser=False, said=said.append)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/score\.html", said[0])
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", said[1])
    assert opened == said[:1]


def test_the_server_needs_nothing_but_python() -> None:
    code = "import sys, xent.learn.server; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=HANGS
    )
    heavy = {"matplotlib", "numba", "pyarrow", "torch", "jax", "mpmath"}
    assert not heavy & set(done.stdout.split())


SEEN = {"GivesUp": 2.0}
"""The spread of logits from which a mistake shows: where none is clipped, nothing is wrong."""


@pytest.mark.parametrize("example", buggy_examples.EXAMPLES, ids=lambda example: example.__name__)
@pytest.mark.parametrize("rows", [6, 48])
@pytest.mark.parametrize("spread", [0.5, 2.0, 8.0])
def test_the_clinic_names_and_fixes(example: Any, rows: int, spread: float) -> None:
    z = spread * np.random.default_rng(20).normal(size=(48, 4))[:rows]
    y = np.arange(rows) % 4
    report = xent.check.gradient(example.loss, example.grad, z, y, progress=False)
    shows = spread >= SEEN.get(example.__name__, 0)
    assert report.mistakes == [example.mistake] * shows
    assert xent.check.gradient(*example.fix(), z, y, progress=False)


def clinic(example: Any, rows: int = 24) -> tuple[training.Training, training.Training]:
    """The training of an example, and with its fix, as the lesson first shows them."""
    return tuple(  # type: ignore[return-value]
        training.train(*code, rows, rate=example.rate, start=example.start)
        for code in ((example.loss, example.grad), example.fix())
    )


def rises(losses: list[float]) -> int:
    return int(np.count_nonzero(np.diff(losses) > 1e-9))


CHANCE = float(np.log(3))
SYMPTOMS: dict[str, Callable[[training.Training, training.Training], bool]] = {
    "ExplodingSteps": lambda wrong, right: max(wrong.true) > 5 * CHANCE and rises(wrong.true) > 8,
    "Uphill": lambda wrong, right: rises(wrong.true) == training.STEPS,
    "Sinking": lambda wrong, right: np.ptp(wrong.true) < 1e-12,
    "Stalled": lambda wrong, right: (
        min(wrong.reported) > np.log(1 + 2 / np.e) and wrong.true[-1] < 0.5 * CHANCE
    ),
    "NeighboursClass": lambda wrong, right: wrong.accuracy < 0.5 / 3 and rises(wrong.true) == 40,
    "GivesUp": lambda wrong, right: (
        np.ptp(wrong.true) == 0 and wrong.true[0] > 4 * wrong.reported[0]
        and wrong.reported[-1] == pytest.approx(-np.log(0.05))
    ),
    "TooLong": lambda wrong, right: rises(wrong.true) > 9 and rises(right.true) == 0,
    "BatchMates": lambda wrong, right: wrong.reported[-1] > 5 * wrong.true[-1],
    "SlowStarter": lambda wrong, right: (
        wrong.true[0] > 6 and wrong.true[10] > 10 * right.true[10]
    ),
    "HalfTaught": lambda wrong, right: (
        wrong.true[5] < 1.05 * right.true[5] and wrong.true[-1] > 1.5 * wrong.true[5]
    ),
    "Reshaped": lambda wrong, right: rises(wrong.true) == training.STEPS,
    "Unmoved": lambda wrong, right: np.ptp(wrong.true) == 0,
}  # fmt: skip
"""What the symptom of each example says of its training."""


@pytest.mark.parametrize("example", buggy_examples.EXAMPLES, ids=lambda example: example.__name__)
def test_training_shows_the_symptom(example: Any) -> None:
    wrong, right = clinic(example)
    assert SYMPTOMS[example.__name__](wrong, right)
    assert wrong.true[-1] > 1.02 * right.true[-1], "the fix is better, and is seen to be"
    assert right.true[-1] < 0.4
    assert rises(right.true) == 0
    assert example.seen.endswith(".")


def test_small_batches_and_rates_hide_what_large_ones_show() -> None:
    """As their symptoms say."""
    wrong, _ = clinic(buggy_examples.ExplodingSteps, rows=6)
    assert rises(wrong.true) == 0
    code = buggy_examples.TooLong.loss, buggy_examples.TooLong.grad
    assert rises(training.train(*code, 24, rate=1.0).true) == 0


def test_an_examples_source_is_what_runs() -> None:
    for example in buggy_examples.EXAMPLES:
        names: dict[str, Any] = {"np": np}
        parts = [buggy_examples.softmax, buggy_examples.one_hot, example.loss, example.grad]
        exec("\n".join(buggy_examples.source(part) for part in parts), names)
        z, y = np.arange(12.0).reshape(4, 3) % 5, np.array([0, 1, 2, 0])
        np.testing.assert_array_equal(names["loss"](z, y), example.loss(z, y))
        np.testing.assert_array_equal(names["grad"](z, y), example.grad(z, y))


def test_where_textbook_formulas_break() -> None:
    def first(way: Any, label: int, dtype: str, broken: Any) -> int | None:
        return naive.first_break(way, label, dtype, broken)

    assert first(naive.textbook, 0, "float64", np.isnan) == 710  # exp(709.78) is the largest
    assert first(naive.textbook, 0, "float32", np.isnan) == 89
    assert first(naive.textbook, 0, "float16", np.isnan) == 12
    assert first(naive.textbook, 0, "float64", lambda v: v == 0) == 37  # 1 + e^-37 is 1
    assert first(naive.log_sum_exp, 0, "float64", np.isnan) is None

    def library(row: Any, label: int) -> Any:
        return xent.cross_entropy(row, np.full(row.shape[:-1], label), reduction="none")

    assert first(library, 0, "float64", lambda v: v == 0) == 746  # e^-746 is below the smallest
    assert first(library, 1, "float64", lambda v: not np.isfinite(v)) is None


def test_formulas_become_mathml() -> None:
    two = mathml(
        r"\begin{aligned} a &= b \\ &\approx \operatorname{log1p}(c) \end{aligned}", block=True
    )
    assert two.count("<mtr>") == 2
    assert "<mtext>log1p</mtext>" in two
    assert 'display="block"' in two
    assert "&</mi>" not in two


def test_the_font_has_the_signs_of_all_formulas() -> None:
    """After a change: python site_hooks/math_font.py."""
    used = set[str]()
    for each in COURSE:
        formulas = re.findall(r"<math.*?</math>", pages.fragment(each), re.DOTALL)
        used |= set(re.sub(r"<[^>]*>|\s", "", "".join(formulas)))
    with TTFont(Path(pages.__file__).parent / "math.woff") as font:
        signs = {chr(code) for code in font.getBestCmap()}
        assert "MATH" in font
        assert "SIL Open Font License" in str(font["name"].getDebugName(13))
    assert used
    assert used <= signs
    assert {ITALICS[sign] for sign in used & ITALICS.keys()} <= signs


def test_an_unknown_lesson_is_an_error() -> None:
    with pytest.raises(ValueError, match="no lesson is named 'x'"):
        learn.lesson("x")


def test_what_a_lesson_does_not_show_is_an_error() -> None:
    with pytest.raises(ValueError, match="the lesson does not show steps"):
        rendered("[[stage]]", {"stage": "", "steps": ""})
    with pytest.raises(ValueError, match="no block is named 'aside'; there are guess"):
        rendered(":::aside\nText\n:::", {})
