"""`xent plot`: files of each kind and format, the same bytes each time, and what it refuses."""

from __future__ import annotations

import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")

import matplotlib.image
import pytest
from commands import Output, command

import xent.__main__

SVG = "{http://www.w3.org/2000/svg}"
CSV = "prob,label\n0.9,1\n0.2,0\n0.4,1\n0.7,0\n"
KINDS: list[tuple[str, tuple[str, ...], str]] = [
    ("loss", (), "Loss of one row"),
    ("loss", ("-2.0", "--label", "1"), "At z = -2 and label 1 it is 2.1269."),
    ("gradient", ("--label", "0", "-.5"), "At z = -0.5 and label 0 it is 0.3775."),
    ("surprise", (), "The loss -log p falls from infinity at p = 0"),
    ("surprise", ("0.66", "--squared"), "At p = 0.66 it is 0.4155 nats."),
    ("sigmoid", ("-1",), "At z = -1 it is 0.2689."),
    ("classes", ("2", "1", "-.1", "--label", "dog", "--classes", "cat,dog,fox"),
     "The true class, dog, has"),
    ("classes", ("classes.csv", "--row", "0"), "The true class, b, has 0.3"),
    ("dataset", ("a.csv",), "4 rows, 2 of label 0 and 2 of label 1."),
    ("dataset", ("a.csv", "--frame", "3"), "the largest, of row 3, 1.2040."),
    ("error", ("1.0", "--method", "forward"), "is a V: rounding to the left"),
    ("surface", ("--features", "-1,1,0.5", "--labels", "0,1,0"), "a descent of 50 steps goes from"),
]  # fmt: skip


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., Output]:
    """The command in this process, in a folder of its own."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text(CSV)
    (tmp_path / "classes.csv").write_text("prob_a,prob_b,prob_c,label\n0.5,0.3,0.2,b\n")
    (tmp_path / "never.csv").write_text("prob,label\n0.5,1\n0,1\n")

    def call(*arguments: str) -> Output:
        monkeypatch.setattr(sys, "argv", ["xent", "plot", *arguments])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            xent.__main__.main()
        return Output(int(ended.value.code or 0), *capfd.readouterr())

    return call


@pytest.mark.parametrize(("kind", "arguments", "told"), KINDS)
def test_each_kind_as_svg(
    kind: str, arguments: tuple[str, ...], told: str, run: Callable[..., Output], tmp_path: Path
) -> None:
    for dark in ((), ("--dark",)):
        output = run(kind, *arguments, *dark, "--output", "out.svg")
        assert output == (0, "wrote out.svg\n", "")
        svg = ET.fromstring((tmp_path / "out.svg").read_text("utf-8"))
        assert svg.attrib["role"] == "img"
        assert svg.findtext(f"{SVG}title")
        assert told in (svg.findtext(f"{SVG}desc") or "")
        texts = ["".join(element.itertext()) for element in svg.iter(f"{SVG}text")]
        assert (svg.findtext(f"{SVG}title") or "").split("; ")[0] in texts, "text stays text"


@pytest.mark.parametrize("ending", ["svg", "pdf", "png"])
def test_the_same_bytes_each_time(ending: str, run: Callable[..., Output], tmp_path: Path) -> None:
    made = []
    for name in (f"one.{ending}", f"two.{ending}"):
        run("classes", "2", "1", "--label", "0", "-o", name)
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]
    assert made[0].startswith({"svg": b"<?xml", "pdf": b"%PDF", "png": b"\x89PNG"}[ending])


def test_the_name_is_that_of_the_kind_unless_given(
    run: Callable[..., Output], tmp_path: Path
) -> None:
    assert run("sigmoid") == (0, "wrote sigmoid.png\n", "")
    assert (tmp_path / "sigmoid.png").exists()


def test_size_and_dots(run: Callable[..., Output], tmp_path: Path) -> None:
    run("loss", "--size", "4,3", "--dpi", "50", "-o", "a.png")
    assert matplotlib.image.imread(tmp_path / "a.png").shape[:2] == (150, 200)
    run("dataset", "a.csv", "--dpi", "50", "-o", "a.png")
    assert matplotlib.image.imread(tmp_path / "a.png").shape[:2] == (420, 640)


def test_light_and_dark_ground(run: Callable[..., Output], tmp_path: Path) -> None:
    for option, light in (((), True), (("--dark",), False)):
        run("loss", *option, "-o", "a.png")
        corner = matplotlib.image.imread(tmp_path / "a.png")[0, 0, :3]
        assert (corner.mean() > 0.5) == light


def test_names_are_drawn_as_they_are(run: Callable[..., Output], tmp_path: Path) -> None:
    names = r"$x$,50% \frac{,猫"
    arguments = ("classes", "2", "1", "0", "--label", "0", "--classes", names, "--output")
    assert run(*arguments, "a.svg") == (0, "wrote a.svg\n", "")
    svg = ET.fromstring((tmp_path / "a.svg").read_text("utf-8"))
    texts = ["".join(element.itertext()) for element in svg.iter(f"{SVG}text")]
    assert {"true: $x$", r"50% \frac{", "猫"} <= set(texts)
    assert "The true class, $x$, has" in (svg.findtext(f"{SVG}desc") or "")
    output = run(*arguments, "a.png")
    assert output.err == (
        "xent: the picture's font lacks some characters of the names; an SVG is shown in the "
        "reader's fonts.\n"
    )


def test_a_longer_file_is_drawn_in_part(run: Callable[..., Output], tmp_path: Path) -> None:
    (tmp_path / "long.csv").write_text("logit,label\n" + "0.5,1\n-0.5,0\n" * 1500)
    assert run("dataset", "long.csv", "--frame", "4", "-o", "a.svg").code == 0
    assert "(first 2,000 rows)" in (tmp_path / "a.svg").read_text("utf-8")


@pytest.mark.parametrize(
    "table",
    [
        "prob\n0.9\n0.2\n",
        "logit\n2.1972\n-1.3863\n",
        "prob_0,prob_1\n0.1,0.9\n0.8,0.2\n",
        "logit_0,logit_1\n0,2.1972\n1.3863,0\n",
        "logprob\n-0.1053605\n-1.6094379\n",
    ],
)
def test_every_kind_of_binary_score(table: str, run: Callable[..., Output], tmp_path: Path) -> None:
    head, *rows = table.splitlines()
    lines = [f"{head},label", *(f"{row},{y}" for row, y in zip(rows, (1, 0), strict=True))]
    (tmp_path / "b.csv").write_text("\n".join(lines) + "\n")
    extra = ("--kind", "log-probabilities", "--score-columns", head) if head == "logprob" else ()
    output = run("dataset", "b.csv", "--frame", "4", "-o", "b.svg", *extra)
    assert output.err == ""
    assert "Their mean: 0.1643 nats" in (tmp_path / "b.svg").read_text("utf-8")


WRONG: list[tuple[tuple[str, ...], str]] = [
    (("surprise", "0"),
     "P is 0; expected the probability of the true class, above 0 and at most 1."),
    (("surprise", "-0.5"),
     "P is -0.5; expected the probability of the true class, above 0 and at most 1."),
    (("loss", "-o", "a.bmp"),
     "--output is 'a.bmp'; expected a name that ends in .png, .svg or .pdf."),
    (("loss", "-o", "a"), "--output is 'a'; expected a name that ends in .png, .svg or .pdf."),
    (("loss", "-o", "a.svg", "--format", "png"),
     "--format png does not go with --output a.svg, whose ending says svg."),
    (("loss", "--dpi", "0"), "--dpi is 0; expected 10 to 1200."),
    (("loss", "--size", "4"),
     "--size is '4'; expected width and height in inches, 2 to 50, as in 6.4,4.2."),
    (("loss", "--size", "4,900"),
     "--size is '4,900'; expected width and height in inches, 2 to 50, as in 6.4,4.2."),
    (("error", "--size", "2,2"),
     "--size is 2,2, which leaves no room for the picture; give a larger one."),
    (("loss", "--size", "4,x"), "'x' is not a number (--size)."),
    (("loss", "2"), "--label is missing: the true label, as in xent plot loss 2.0 --label 1."),
    (("gradient", "--label", "1"),
     "--label needs a logit, as in xent plot gradient 2.0 --label 1."),
    (("loss", "2", "--label", "2"), "--label is 2; expected 0 or 1."),
    (("loss", "inf", "--label", "1"), "logit is inf; a picture needs a finite one."),
    (("sigmoid", "nan"), "logit is nan; a picture needs a finite one."),
    (("sigmoid", "x"), "'x' is not a number."),
    (("error", "inf"), "logit is inf; a picture needs a finite one."),
    (("error", "--label", "3"), "--label is 3; expected 0 or 1."),
    (("classes", "2", "--label", "1"),
     "bars need two classes or more; for one logit use xent plot loss."),
    (("classes", "2", "1"),
     "--label is missing: the true label, as in xent plot classes 2.0 1.0 --label 1."),
    (("classes", "2", "1", "--label", "2"),
     "--label is 2, but there are 2 classes (0 to 1). If your labels start at 1, subtract 1."),
    (("classes", "2", "inf", "--label", "0"),
     "logits are [2.0, inf]; an explanation needs finite ones, or -inf for a mask."),
    (("classes", "a.csv", "--row", "0", "--label", "1"),
     "--row needs one FILE, which holds the label too."),
    (("classes", "a.csv", "--label", "1"),
     "'a.csv' is not a number. To explain a row of a file, add --row N."),
    (("dataset", "a.csv", "--frame", "5"), "--frame is 5; expected 1, 2, 3 or 4."),
    (("dataset", "classes.csv"),
     "classes.csv has 3 classes; this picture is for binary predictions."),
    (("dataset", "never.csv"), "the loss of row 1 is inf; a picture needs finite ones."),
    (("surface", "--features", "1,2", "--labels", "1"),
     "--features has 2 numbers and --labels 1; expected one label each."),
    (("surface", "--features", "1", "--labels", "2"),
     "--labels is '2'; expected 0 or 1 for each row."),
    (("surface", "--features", "1", "--labels", "1", "--rate", "0"),
     "--rate is 0; expected a finite number above 0, such as 1."),
    (("surface", "--features", "1", "--labels", "1", "--rate", "nan"),
     "--rate is nan; expected a finite number above 0, such as 1."),
    (("surface", "--features", "1", "--labels", "1", "--rate", "inf"),
     "--rate is inf; expected a finite number above 0, such as 1."),
    (("surface", "--features", "1", "--labels", "1", "--rate", "1e300"),
     "--rate is 1e+300, and step 1 takes the weights beyond 1e+100; expected a smaller rate, or "
     "features closer to 1 in size."),
    (("surface", "--features", "1", "--labels", "1", "--steps", "-1"),
     "--steps is -1; expected 0 or more."),
    (("surface", "--features", "1,inf", "--labels", "1,0"),
     "--features holds inf; expected finite numbers of at most 1e+100 in size."),
    (("loss", "--size", "50,40", "--dpi", "300"),
     "--size 50,40 at --dpi 300 makes a PNG of 15000 x 12000 pixels; expected at most 100 million: "
     "reduce either, or write an SVG."),
    (("dataset", "a.csv", "--dpi", "1200"),
     "--size 12.8,8.4 at --dpi 1200 makes a PNG of 15360 x 10080 pixels; expected at most 100 "
     "million: reduce either, or write an SVG."),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "message"), WRONG, ids=lambda value: str(value)[:60])
def test_wrong_use_is_answered_in_one_line(
    arguments: tuple[str, ...], message: str, run: Callable[..., Output], tmp_path: Path
) -> None:
    assert run(*arguments) == (2, "", f"xent: {message}\n")
    assert not list(tmp_path.glob("*.png"))


def test_only_a_png_has_too_many_pixels(run: Callable[..., Output]) -> None:
    output = run("loss", "--size", "50,40", "--dpi", "300", "-o", "a.svg")
    assert output == (0, "wrote a.svg\n", "")


EXTREME: list[tuple[str, ...]] = [
    ("loss", "1e308", "--label", "0"),
    ("loss", "-1e308", "--label", "0"),
    ("gradient", "1e308", "--label", "1"),
    ("sigmoid", "-1e308"),
    ("error", "1e308"),
    ("classes", "1e308", "-1e308", "--label", "1"),
    ("dataset", "far.csv"),
    ("dataset", "two.csv"),
    ("dataset", "sure.csv"),
]


@pytest.mark.parametrize("arguments", EXTREME, ids=" ".join)
def test_the_largest_logits_are_drawn_in_silence(
    arguments: tuple[str, ...], run: Callable[..., Output], tmp_path: Path
) -> None:
    (tmp_path / "far.csv").write_text("logit,label\n1e308,1\n-1e308,1\n0.5,0\n")
    (tmp_path / "two.csv").write_text("logit_0,logit_1,label\n1e308,-1e308,0\n-1e308,1e308,1\n")
    (tmp_path / "sure.csv").write_text("prob,label\n0,0\n1,1\n0.3,1\n")
    for name in ("a.svg", "a.png"):
        assert run(*arguments, "-o", name) == (0, f"wrote {name}\n", "")
    title = ET.fromstring((tmp_path / "a.svg").read_text("utf-8")).findtext(f"{SVG}title") or ""
    assert all(len(part) < 60 for part in title.split("; "))


def test_a_folder_that_is_not_there(run: Callable[..., Output]) -> None:
    output = run("loss", "-o", "nowhere/a.png")
    assert output == (1, "", "xent: nowhere/a.png: there is no folder nowhere.\n")


@pytest.mark.parametrize("form", ["svg", "pdf", "png"])
def test_a_picture_on_standard_output(form: str, tmp_path: Path) -> None:
    program = (sys.executable, "-m", "xent", "plot", "sigmoid", "1")
    written = subprocess.run([*program, "-o", f"a.{form}"], cwd=tmp_path, capture_output=True)
    assert written.stderr == b""
    printed = subprocess.run([*program, "--format", form], cwd=tmp_path, capture_output=True)
    assert (printed.returncode, printed.stderr) == (0, b"")
    assert printed.stdout == (tmp_path / f"a.{form}").read_bytes()
    assert not (tmp_path / "sigmoid.png").exists()


def test_a_slip_in_the_kind(run: Callable[..., Output]) -> None:
    output = run("sigmod")
    assert output.code == 2
    assert "Did you mean 'sigmoid'?" in output.err


def test_the_help_names_every_kind(run: Callable[..., Output]) -> None:
    out = run("--help").out
    for kind in {kind for kind, _, _ in KINDS}:
        assert kind in out
        assert "--output" in run(kind, "--help").out


def test_without_matplotlib_the_extra_is_named() -> None:
    start = (
        "import sys; sys.modules['matplotlib'] = None; sys.argv[0] = 'xent'; "
        "import xent.__main__ as m; m.main()"
    )
    output = command("plot", "loss", program=(sys.executable, "-c", start))
    assert output == (
        1,
        "",
        "xent: plots need matplotlib: pip install matplotlib, or xent with its extra plot\n",
    )
