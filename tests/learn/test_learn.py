"""The course without a browser: it computes nothing itself, and reads well as static pages."""

from __future__ import annotations

import ast
import doctest
import html
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import HANGS

import xent
from xent import learn, plots
from xent.learn import COURSE, Lesson, buggy_examples, naive, server, show, static, training
from xent.learn.mathml import mathml

OWN_ARITHMETIC = {"exp", "log", "log2", "log10", "log1p", "expm1", "logaddexp", "tanh"}


def named(lesson: Lesson) -> str:
    return lesson.name


each_lesson = pytest.mark.parametrize("lesson", COURSE, ids=named)


@cache
def fragment(lesson: Lesson) -> str:
    return static.fragment(lesson)


def cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "xent", "learn", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=HANGS)


@each_lesson
def test_no_formula_is_written_again(lesson: Lesson) -> None:
    tree = ast.parse(lesson.path.read_text("utf-8"))
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert used & OWN_ARITHMETIC <= {"log10"}  # of an error, for its digits
    widget = Path(show.__file__).with_name("drag.js").read_text("utf-8")
    assert not re.search(r"Math\.(exp|log|pow|tanh)", widget)


@each_lesson
def test_it_reads_as_a_static_page(lesson: Lesson) -> None:
    page = static.page(lesson)
    assert "<marimo" not in page
    assert "<script" not in page
    assert not re.search(r"(src|href)=[\"']?https?:", page)
    assert "<h1 id=" in page
    assert page.count("<math") >= 1
    assert "<merror" not in page
    text = html.unescape(re.sub(r"<[^>]+>", " ", page))
    assert not re.search(r"\|\|[(\[]|\\(frac|begin|log|text)|\$", text)
    told = re.findall(r"<desc [^>]+>(.*?)</desc>", page)
    assert len(told) == page.count('role="img"') > 0
    assert all(len(words) > 20 for words in told)
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids)), "names in one picture are not those in another"
    assert "var(--xent-true," in page, "pictures are in the colours of the page"
    assert len(set(re.findall(r"--xent-true:(#\w+)", page))) == 2, "which are light or dark"
    words = re.sub(r"<(math|pre|code|svg)\b.*?</\1>", "", page, flags=re.DOTALL)
    assert not re.search(r"\b[A-Za-z][_^][-\w]", re.sub(r"<[^>]+>", " ", words)), "typeset"


@each_lesson
def test_its_python_gives_its_numbers(lesson: Lesson) -> None:
    blocks = re.findall(r"<pre[^>]*>(.*?)</pre>", fragment(lesson), re.DOTALL)
    sources = [html.unescape(re.sub(r"<[^>]+>", "", block)) for block in blocks]
    examples = [source for source in sources if ">>>" in source]
    assert len(examples) == (lesson.name != "clinic")
    for source in examples:
        test = doctest.DocTestParser().get_doctest(source + "\n", {}, lesson.name, None, 0)
        assert doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test).failed == 0


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
    assert path.read_text("utf-8") == static.page(COURSE[0])
    done = cli("--format", "html")
    message = "--format and --output are for one LESSON; for all use --static FOLDER."
    assert (done.returncode, done.stderr) == (2, f"xent: {message}\n")
    done = cli("score", "--output", "a.md")
    message = "--output is 'a.md'; expected a name that ends in .html."
    assert (done.returncode, done.stderr) == (2, f"xent: {message}\n")


def test_an_unknown_lesson_is_named() -> None:
    done = cli("calculus")
    names = "score, gradient, classes, dataset, breaks, clinic"
    assert done.stderr == f"xent: no lesson is named 'calculus'; there are {names}.\n"
    assert done.returncode == 2


def test_a_port_in_use_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = cli("--no-browser", "--port", str(port))
    said = (
        rf"xent: port {port} of 127.0.0.1 cannot be used \(.+\); leave --port out for a free one\."
    )
    assert re.fullmatch(said, done.stderr.strip())


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


@pytest.mark.parametrize("package", ["marimo", "uvicorn"])
def test_what_the_course_needs_is_said(package: str) -> None:
    code = f"import sys; sys.modules['{package}'] = None; import xent.learn.server"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    how = f"pip install {package}, or xent with its extra learn"
    assert f"the course needs {package}: {how}" in done.stderr


def test_the_contents_name_every_lesson() -> None:
    page = html.unescape(server.contents())
    for each in COURSE:
        assert f'<a href="{each.name}/">{each.title}</a>' in page
        assert each.about in page


def test_the_browser_is_opened_where_the_course_is(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(server.webbrowser, "open", opened.append)
    monkeypatch.setattr(server.threading.Thread, "start", lambda thread: thread.run())
    said: list[str] = []
    server._announce("http://127.0.0.1:1/", said.append, browser=True)
    server._announce("http://127.0.0.1:2/", said.append, browser=False)
    assert said == ["http://127.0.0.1:1/", "http://127.0.0.1:2/"]
    assert opened == said[:1]


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


def test_the_rates_of_the_lesson_overshoot_where_it_says_so() -> None:
    text = learn.lesson("dataset").path.read_text("utf-8")
    values = {
        name: np.array(ast.literal_eval(re.search(rf"{name} ?= ?(\[.*?\])", text)[1]))  # type: ignore[index]
        for name in ("POINTS", "LABELS", "steps")
    }
    x, y, rates = values["POINTS"], values["LABELS"], values["steps"]
    features = np.stack([x, np.ones(10)], axis=1)

    def losses(rate: float) -> list[float]:
        path = plots.descend(features, y, rate=rate, steps=100)
        return [float(xent.binary_cross_entropy(features @ weights, y)) for weights in path]

    assert rises(losses(1)) == 0
    assert losses(10)[1] > losses(10)[0]
    assert rises(losses(10)) == 1
    assert rises(losses(20)) > 30
    assert {1, 10, 20} <= set(rates)
    assert (np.diff(rates) > 0).all()


def test_a_slider_in_steps_is_told_by_its_values() -> None:
    said = re.findall(
        r"(learning rate[^<]*)<b>([^<]+)</b> <small>([^<]+)<", fragment(learn.lesson("dataset"))
    )
    assert said == [
        ("learning rate: ", "1", "(a slider from 0.1 to 50)"),
        ("learning rate, three classes: ", "0.5", "(a slider from 0.1 to 50)"),
    ]


def test_the_lessons_map_shows_its_valley() -> None:
    outputs = fragment(learn.lesson("dataset"))
    picture = re.search(r">Mean loss \(nats\)<.*?</svg>", outputs, re.DOTALL)[0]  # type: ignore[index]
    levels = sorted({float(text) for text in re.findall(r">(\d\.\d+)</text>", picture)})
    assert sum(0.305 < level < 0.6 for level in levels) >= 3


def test_steps_keep_their_rates() -> None:
    taken: list[float] = []
    assert show.kept(taken, 2, 1.0) == [1.0, 1.0]
    assert show.kept(taken, 2, 5.0) == [1.0, 1.0], "moving the slider is no step"
    assert show.kept(taken, 3, 5.0) == [1.0, 1.0, 5.0]
    assert show.kept(taken, 0, 5.0) == []
    assert show.kept(taken, 1, 2.0) == [2.0]


def test_symbols_in_reasons_are_typeset() -> None:
    said = "Each x_i moves by w_i; e^-|z|, e^z_j; only y_j = 1; -z_y, L_+ and log1p(x) = a."
    assert show.INDEXED.sub(r"$\1\2{\3}\4$", said) == (
        "Each $x_{i}$ moves by $w_{i}$; $e^{-|z|}$, $e^{z_j}$; only $y_{j} = 1$; $-z_{y}$, "
        "$L_{+}$ and log1p(x) = a."
    )


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
        return xent.cross_entropy(row, label, reduction="none")

    assert first(library, 0, "float64", lambda v: v == 0) == 746  # e^-746 is below the smallest
    assert first(library, 1, "float64", lambda v: not np.isfinite(v)) is None


def test_figures_in_tables() -> None:
    assert [show._cell(v) for v in (0.0, 2.0, -0.12345, 1e-7, 1e7)] == [
        "0.0000", "2.0000", "-0.1235", "1.0000e-07", "1.0000e+07",
    ]  # fmt: skip


def test_formulas_become_mathml() -> None:
    two = mathml(
        r"\begin{aligned} a &= b \\ &\approx \operatorname{log1p}(c) \end{aligned}", block=True
    )
    assert two.count("<mtr>") == 2
    assert "<mtext>log1p</mtext>" in two
    assert 'display="block"' in two
    assert "&</mi>" not in two


def test_an_unknown_control_is_an_error() -> None:
    with pytest.raises(ValueError, match="no static form of <marimo-piano> is known"):
        static._control("marimo-piano", {})
    with pytest.raises(ValueError, match="no lesson is named 'x'"):
        learn.lesson("x")
