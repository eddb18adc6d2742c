"""The command line: the real command in a subprocess where that matters, else in process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import typer
from commands import HANGS, XENT, Output, command
from helpers import close

import xent
import xent.__main__
from xent.cli import application
from xent.cli.options import TEXTS
from xent.scoring import score

CSV = "prob_cat,prob_dog,label\n0.9,0.1,cat\n0.2,0.8,cat\n0.5,0.5,dog\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "predictions of größe 猫.csv"
    path.write_text(CSV, encoding="utf-8")
    return path


EXPLAINED: list[tuple[tuple[str, ...], dict[str, Any]]] = [
    (("2.0", "--label", "1"), {"logits": 2.0, "label": 1}),
    (("-2.0", "--label", "1"), {"logits": -2.0, "label": 1}),
    (("--label", "0", "-.5"), {"logits": -0.5, "label": 0}),
    (("-1e-3", "--label=0"), {"logits": -1e-3, "label": 0}),
    (("2", "-1", "-.5", "--label", "2"), {"logits": [2, -1, -0.5], "label": 2}),
    (("-inf", "0", "1", "--label", "1"), {"logits": [-np.inf, 0, 1], "label": 1}),
    (("0.9", "--label", "1", "--probabilities"), {"probabilities": 0.9, "label": 1}),
    (("--probabilities", ".2", ".8", "--label", "0"), {"probabilities": [0.2, 0.8], "label": 0}),
    (("1", "2", "--label", "dog", "--classes", "cat,dog"),
     {"logits": [1, 2], "label": 1, "names": ["cat", "dog"]}),
    (("--features", "-1,2", "--weights", "-.5,.25", "--bias", "-0.5", "--label", "0"),
     {"features": [-1, 2], "weights": [-0.5, 0.25], "bias": -0.5, "label": 0}),
    (("--features=1 2", "--weights=3 4", "--label", "1"),
     {"features": [1, 2], "weights": [3, 4], "label": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "same"), EXPLAINED, ids=lambda value: str(value)[:50])
def test_explain_is_that_of_the_library(
    arguments: tuple[str, ...], same: dict[str, Any], run: Callable[..., Output]
) -> None:
    expected = xent.explain(**same)
    output = run("explain", *arguments, "--format", "json")
    assert (output.code, output.err) == (0, "")
    assert json.loads(output.out) == json.loads(json.dumps(expected.to_dict()))
    for form, wanted in (
        ("markdown", expected.to_markdown()),
        ("latex", expected.to_latex()),
        ("html", expected.to_page()),
    ):
        assert run("explain", *arguments, "--format", form).out.rstrip() == wanted.rstrip()
    text = run("explain", *arguments).out
    assert [line.rstrip() for line in text.splitlines()] == [
        line.rstrip() for line in expected.to_text().splitlines()
    ]


def test_the_loss_of_the_real_command() -> None:
    output = command("explain", "-2.0", "-.5", "--label", "1", "--format", "json")
    assert (output.code, output.err) == (0, "")
    close(json.loads(output.out)["loss"], xent.cross_entropy([[-2.0, -0.5]], [1]))


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet", ".npz"])
def test_a_row_of_a_file(ending: str, tmp_path: Path, run: Callable[..., Output]) -> None:
    logits, labels = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.0]]), [0, 1, 1]
    path = tmp_path / f"a{ending}"
    if ending == ".csv":
        lines = [f"{a},{b},{y}" for (a, b), y in zip(logits, labels, strict=True)]
        path.write_text("\n".join(["logit_0,logit_1,label", *lines]))
    elif ending == ".jsonl":
        rows = zip(logits.tolist(), labels, strict=True)
        path.write_text("\n".join(json.dumps({"logits": z, "label": y}) for z, y in rows))
    elif ending == ".parquet":
        table = pa.table({"logits": logits.tolist(), "label": labels})
        pyarrow.parquet.write_table(table, path)
    else:
        np.savez(path, logits=logits, label=labels)
    output = run("explain", path, "--row", "1", "--format", "json")
    assert json.loads(output.out)["loss"] == xent.explain([3.0, -1.0], 1).loss


def test_score_as_json_is_that_of_the_library(file: Path, run: Callable[..., Output]) -> None:
    output = run("score", file, "--format", "json", "--worst", "1", "--clip", "0.15")
    assert (output.code, output.err) == (0, "")
    assert json.loads(output.out) == score(file, worst=1, clip=0.15).to_dict()


def test_score_as_text_has_the_figures(file: Path) -> None:
    output = command("score", file)
    assert (output.code, output.err) == (0, "")
    assert output.out.splitlines()[0] == f"{file}: 3 rows, probabilities"
    result = score(file)
    for figure in (result.loss, result.bits, result.perplexity, result.base_loss, result.skill):
        assert f"{figure:.4f}" in output.out
    assert "\x1b" not in output.out, "no colours where no terminal is"
    assert output.out == str(result).replace(result.path, str(file))
    assert not any(line.endswith(" ") for line in output.out.splitlines())
    assert repr(result) == f"Score({str(file)!r}, rows=3, loss={result.loss:.6g})"


def test_options_reach_the_library(tmp_path: Path, run: Callable[..., Output]) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b,truth,w\n0.5,0.52,yes,2\n0.1,0.9,no,1\n")
    output = run(
        "score", path, "--score-columns", "a, b", "--label-column", "truth", "--weight-column", "w",
        "--kind", "probabilities", "--classes", "no,yes", "--tolerance", "0.05", "--format", "json",
    )  # fmt: skip
    close(json.loads(output.out)["log_loss_nats"], -np.log(0.52**2 * 0.1) / 3)


def test_class_names_are_printed_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "[bold]a.csv"
    path.write_text("prob_[red],prob_[/],label\n0.9,0.1,[red]\n0.2,0.8,[/]\n")
    for arguments in (("score", path), ("explain", path, "--row", "0")):
        output = command(*arguments)
        assert (output.code, output.err) == (0, "")
        assert "[red]" in output.out
        assert "[/]" in output.out
    assert command("score", path).out.startswith(f"{path}: 2 rows")


# Wrong use: exit code 2, one line, no traceback.
USAGE: list[tuple[tuple[str, ...], str]] = [
    (("explain",), "nothing to explain: give logits, --features with --weights, or FILE --row N."),
    (("explain", "2.0"),
     "--label is missing: the true label, as in xent explain 2.0 --label 1."),
    (("explain", "abc", "--label", "1"), "'abc' is not a number."),
    (("explain", "1,2", "--label", "1"), "'1,2' is not a number. Separate logits by spaces."),
    (("explain", "a.csv"),
     "'a.csv' is not a number. To explain a row of a file, add --row N."),
    (("explain", "1", "2", "--label", "2"),
     "--label is 2, but there are 2 classes (0 to 1). If your labels start at 1, subtract 1."),
    (("explain", "1", "2", "--label", "-1"), "--label is -1, but there are 2 classes (0 to 1)."),
    (("explain", "1", "2", "--label", "cat"),
     "--label is 'cat'; expected the index of a class, from 0."),
    (("explain", "1", "2", "--label", "c", "--classes", "a,b"),
     "--label is 'c'; expected the index of a class, from 0 or one of a, b."),
    (("explain", "1", "2", "--label", "0.5"),
     "--label is 0.5; expected the index of the true class, an integer, or 2 shares that sum to "
     "1."),
    (("explain", "1", "2", "--label", "1.5"),
     "--label is '1.5'; expected the index of a class, from 0."),
    (("explain", "1", "2", "--label", "0.5,x"), "'x' is not a number (--label)."),
    (("explain", "1", "2", "--label", "0.5,0.6"),
     "the shares of label sum to 1.1; they must sum to 1 (within 0.001)."),
    (("explain", "1", "--label", "1", "--short", "--only", "loss"),
     "--short and --only cannot be combined."),
    (("explain", "1", "--label", "1", "--only", "limerick"),
     "this explanation has no part 'limerick'; it has prediction, loss, gradient, check, why, "
     "meaning."),
    (("explain", "1", "--label", "1", "--class-weight", "1,x"),
     "'x' is not a number (--class-weight)."),
    (("explain", "nan", "--label", "1"), "the logit is nan; an explanation needs a finite one."),
    (("explain", "2", "--probabilities", "--label", "1"),
     "probabilities are 2.0; each must lie between 0 and 1."),
    (("explain", "2", "--bias", "1", "--label", "1"),
     "give either --features with --weights, or logits or probabilities, not both. '2' was taken "
     "for a logit: numbers of one option stand between commas, as in --features 1.0,-2.5."),
    (("explain", "--features", "1", "-2.5", "--weights", "0.4,0.3", "--label", "1"),
     "give either --features with --weights, or logits or probabilities, not both. '-2.5' was "
     "taken for a logit: numbers of one option stand between commas, as in --features 1.0,-2.5."),
    (("explain", "--features", "1", "--weights", "2", "--probabilities", "--label", "1"),
     "give either --features with --weights, or logits or probabilities, not both."),
    (("explain", "--features", "1", "--label", "1"),
     "--weights is missing; --features and --weights go together."),
    (("explain", "--weights", "1", "--label", "1"),
     "--features is missing; --features and --weights go together."),
    (("explain", "--features", "1,x", "--weights", "1,2", "--label", "1"),
     "'x' is not a number (--features)."),
    (("explain", "2", "--label", "1", "--label-column", "y"),
     "--labels, --label-column and --score-columns need FILE --row N."),
    (("explain", "2", "--label", "1", "--kind", "prob"),
     "--kind is 'prob'; expected logits, probabilities, log-probabilities."),
    (("explain", "2", "--label", "1", "--kind", "logits", "--probabilities"),
     "--probabilities cannot be combined with --kind logits."),
    (("explain", "2", "--label", "1", "--kind", "log-probabilities"),
     "log-probabilities are 2.0; none may be above 0."),
    (("explain", "--row", "1"), "--row needs one FILE."),
    (("explain", "a.csv", "--row", "1", "--label", "0"),
     "--row takes label and scores from the file; leave the other inputs out."),
    (("score", "a.csv", "--worst", "-1"),
     "--worst is -1; expected a number of rows, 0 or more."),
    (("score", "a.csv", "--clip", "0"),
     "--clip is 0.0; expected a number above 0 and at most 0.5."),
    (("score", "a.csv", "--tolerance", "2"),
     "--tolerance is 2.0; expected a number between 0 and 1."),
    (("score", "a.csv", "--kind", "prob"),
     "--kind is 'prob'; expected logits, probabilities, log-probabilities, percent."),
    (("score", "a.csv", "--classes", "a,b,c"),
     "3 classes are named, but the scores are for 2."),
    (("score", "lm.jsonl", "--by", "X"),
     "--by is for predictions of classes, but lm.jsonl holds log-probabilities of a language "
     "model."),
    (("score", "lm.jsonl", "--cluster=X"),
     "--cluster is for predictions of classes, but lm.jsonl holds log-probabilities of a language "
     "model."),
    (("score", "a.csv", "--by", "x:b"),
     "--by has 'x:b'; expected a column, or one with rising edges of bins, as in "
     "'age:18:40:65'."),
    (("score", "a.csv", "--classes", "a,a"), "--classes a, a contain duplicates."),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "message"), USAGE, ids=lambda value: str(value)[:60])
def test_wrong_use_is_answered_in_one_line(
    arguments: tuple[str, ...],
    message: str,
    run: Callable[..., Output],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "a.csv").write_text("prob,label\n0.5,1\n")
    (tmp_path / "lm.jsonl").write_text('{"logprobs": [-0.1, -2]}\n{"logprobs": [-0.3]}\n')
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == (2, "", f"xent: {message}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("score", "none.csv"), "none.csv: no such file."),
        (("score", "empty"), "empty: a folder without files of predictions: nothing."),
        (("explain", "none.csv", "--row", "0"), "none.csv: no such file."),
        (("explain", "a.csv", "--row", "1"),
         "a.csv: there is no row 1; the file has rows 0 to 0."),
        (("explain", "a.csv", "--row", "-1"),
         "a.csv: there is no row -1; the file has rows 0 to 0."),
        (("score", "a.csv", "--labels", "a.csv"),
         "a.csv: labels come from a column of this file, not from --labels. Labels of "
         "another table need --truth FILE --key COLUMN."),
    ],
)  # fmt: skip
def test_a_bad_file_has_exit_code_1(
    arguments: tuple[str, ...],
    message: str,
    run: Callable[..., Output],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "a.csv").write_text("prob,label\n0.5,1\n")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == (1, "", f"xent: {message}\n")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("scroe", "a.csv"), "Did you mean 'score'?"),
        (("score", "a.csv", "--worts", "3"), "--worst"),
        (("explain", "2", "--lable", "1"), "--label"),
        (("explain", "2", "--label", "1", "--format", "pdf"), "'markdown'"),
        (("explain", "a.csv", "--row", "x"), "--row"),
        (("audit", "xent:cross_entropy", "--task", "multi"), "'binary'"),
        (("score",), "Missing argument 'FILES'"),
        (("audit", "xent:cross_entropy", "b.csv"), "unexpected extra argument"),
    ],
)
def test_a_slip_is_answered_with_a_hint(
    arguments: tuple[str, ...], hint: str, run: Callable[..., Output]
) -> None:
    output = run(*arguments)
    assert (output.code, output.out) == (2, "")
    assert hint in output.err
    assert "Traceback" not in output.err


def test_every_option_is_described_and_every_description_is_of_an_option() -> None:
    commands: dict[str, Any] = typer.main.get_command(application()).commands  # type: ignore[attr-defined]
    commands |= commands.pop("plot").commands
    helps = set()
    for name, each in commands.items():
        for parameter in each.params:
            if parameter.name not in ("help", "install_completion", "show_completion"):
                assert parameter.help, (name, parameter.name)
                helps.add(parameter.help)
    sections = [section for name, section in TEXTS.items() if name != "panels"]
    described = {about["help"] for section in sections for about in section.values()}
    assert described <= helps


def test_version_and_help(run: Callable[..., Output]) -> None:
    assert run("--version") == (0, f"xent {xent.__version__}\n", "")
    assert run("--help").code == 0
    without = run()
    assert without.code == 2
    for name in ("explain", "score"):
        assert name in without.out + without.err
        help_ = run(name, "--help")
        assert help_.code == 0
        assert "--format" in help_.out


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("xent exp", ["explain"]),
        ("xent explain --tem", ["--temperature"]),
        ("xent explain --only c", ["check"]),
        ("xent explain --kind l", ["logits", "log-probabilities"]),
        ("xent explain --format h", ["html"]),
        ("xent glossary te", ["temperature"]),
        ("xent plot sur", ["surprise", "surface"]),
    ],
)
def test_shells_complete(typed: str, completed: list[str]) -> None:
    words = typed.split()
    environment = {"_XENT_COMPLETE": "complete_bash", "COMP_WORDS": typed}
    program = (str(Path(sys.executable).with_name("xent")),)
    output = command(program=program, COMP_CWORD=str(len(words) - 1), **environment)
    assert (output.code, sorted(output.out.split())) == (0, sorted(completed))


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_signs_that_an_encoding_lacks_are_words(file: Path, encoding: str) -> None:
    logit = ("explain", "2", "--label", "1", "--glossary")
    for arguments in (("score", file), logit, ("--help",), ("explain", "--help"), ("glossary",)):
        output = command(*arguments, PYTHONIOENCODING=encoding)
        assert (output.code, output.err) == (0, "")
        assert "?" not in output.out
    text = command(*logit, PYTHONIOENCODING="ascii").out
    assert "   p = sigma(z) = 1 / (1 + e^-z)\n" in text
    assert "   p = 1 / (1 + 0.1353) ~= 0.8808\n" in text
    missing = command("score", "größe猫.csv", PYTHONIOENCODING="ascii")
    assert (missing.code, missing.err) == (1, "xent: gro\\xdfe\\u732b.csv: no such file.\n")


def test_a_closed_pipe_is_quiet(file: Path) -> None:
    for arguments in (("score", str(file)), ("explain", "1", "2", "--label", "0")):
        process = subprocess.Popen(
            [*XENT, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()  # as `head` does, only sooner
        assert process.stderr.read() == b""
        process.stderr.close()
        assert process.wait() == -signal.SIGPIPE


SLOW = """
import signal, sys, time, xent.scoring
signal.signal(signal.SIGINT, signal.default_int_handler)
def score(*_, **__):
    print("started", flush=True)
    time.sleep(900)
xent.scoring.score = score
sys.argv = ["xent", "score", "a.csv"]
from xent.__main__ import main
main()
"""


def test_an_interrupt_is_quiet_and_130() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"started\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=HANGS)
    assert (process.returncode, out, err) == (130, b"", b"")


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("typer", "the command line needs typer: pip install typer, or xent with its extra cli"),
        ("rich", "the command line needs rich: pip install rich, or xent with its extra cli"),
        (
            "pyarrow",
            "reading files of predictions needs pyarrow: pip install pyarrow, or xent with its "
            "extra score",
        ),
    ],
)
def test_what_is_not_installed_is_named(missing: str, message: str, file: Path) -> None:
    start = (
        f"import sys; sys.modules['{missing}'] = None; "
        "sys.argv[0] = 'xent'; import xent.__main__ as m; m.main()"
    )
    output = command("score", file, program=(sys.executable, "-c", start))
    assert output == (1, "", f"xent: {message}\n")


def test_explain_needs_no_pyarrow() -> None:
    start = "import sys; sys.modules['pyarrow'] = None; import xent.__main__ as m; m.main()"
    output = command("explain", "2", "--label", "1", program=(sys.executable, "-c", start))
    assert (output.code, output.err) == (0, "")
