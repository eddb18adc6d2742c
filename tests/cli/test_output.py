"""`--format` and `--output` of every command, and what they refuse."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import Output

import xent
from xent._report import files

CSV = "prob_cat,prob_dog,label\n0.9,0.1,cat\n0.2,0.8,cat\n0.6,0.4,dog\n"
LOSSES = """\
import xent

def right(logits, labels):
    return xent.cross_entropy(logits, labels, reduction="none")
"""
COMMANDS: dict[str, tuple[str, ...]] = {
    "explain": ("explain", "2", "1", "0.1", "--label", "0"),
    "glossary": ("glossary",),
    "glossary of one": ("glossary", "odds"),
    "score": ("score", "a.csv"),
    "compare": ("compare", "models.csv"),
    "diagnose": ("diagnose", "a.csv"),
    "audit": ("audit", "losses_to_audit:right"),
}
ENDINGS = {"text": ".txt", "markdown": ".md", "latex": ".tex", "html": ".html", "json": ".json"}
every_command = pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text(CSV)
    (tmp_path / "models.csv").write_text("label,prob_A,prob_B\n1,0.9,0.8\n0,0.2,0.1\n1,0.4,0.3\n")
    (tmp_path / "losses_to_audit.py").write_text(LOSSES)


@every_command
def test_a_file_holds_what_is_printed(
    command: tuple[str, ...], run: Callable[..., Output], tmp_path: Path
) -> None:
    for form, ending in ENDINGS.items():
        printed = run(*command, "--format", form)
        assert (printed.code, printed.err) == (0, "")
        name = f"out{ending.upper() if form == 'html' else ending}"
        assert run(*command, "--output", name) == (0, f"wrote {name}\n", "")
        written = (tmp_path / name).read_text("utf-8")
        assert written == printed.out, "where no terminal is, text has no colours either"
        assert run(*command, "-o", name, "--format", form).code == 0, "they agree"
    json.loads((tmp_path / "out.json").read_text("utf-8"))
    page = (tmp_path / "out.HTML").read_text("utf-8")
    assert page.startswith('<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>')
    assert page.count("<h3>") <= 1
    latex = (tmp_path / "out.tex").read_text("utf-8")
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}")
    assert latex.count("{") - latex.count(r"\{") == latex.count("}") - latex.count(r"\}")


def test_score_as_markdown_and_latex(run: Callable[..., Output]) -> None:
    markdown = run("score", "a.csv", "--format", "markdown", "--worst", "1").out
    assert markdown.startswith("# a.csv: 3 rows, probabilities\n\n**The log loss is ")
    assert "\n\nLabels in 'label'; probabilities in" in markdown
    assert "| :-- | --: | :-- | :-- |\n| log loss |" in markdown
    assert "\n| class | rows | log loss | 95 % | accuracy |\n| :-- | --: |" in markdown
    assert "\n| 1 | cat | dog | 0.2000 | 1.6094 |\n" in markdown
    latex = run("score", "a.csv", "--format", "latex", "--worst", "1").out
    assert latex.startswith("\\section*{a.csv: 3 rows, probabilities}\n\nLabels in")
    assert "\n\n\\begin{tabular}{lrll}\n" in latex
    assert "\nclass & rows & share & log loss & 95 \\% & accuracy \\\\\n\\hline\n" in latex
    assert xent.score("a.csv", worst=1).to_markdown() == markdown


def test_the_glossary_as_data(run: Callable[..., Output]) -> None:
    found = json.loads(run("glossary", "odds", "--format", "json").out)
    assert found["odds"]["formula"] == "odds = p / (1 - p)"
    assert found["odds"]["see"] == ["logit"]
    assert len(json.loads(run("glossary", "--format", "json").out)) > 20
    page = run("glossary", "--format", "html").out
    for target in re.findall(r'href="#([^"]+)"', page):
        assert f'<dt id="{target}">' in page


WRONG: list[tuple[tuple[str, ...], int, str]] = [
    (("-o", "a.pdf"), 2, "--output is 'a.pdf'; expected a name that ends in .txt, .md, .tex, "
     ".html or .json."),
    (("-o", "a"), 2, "--output is 'a'; expected a name that ends in .txt, .md, .tex, .html or "
     ".json."),
    (("-o", "a.md", "--format", "html"), 2,
     "--format html does not go with --output a.md, whose ending says markdown."),
    (("-o", "nowhere/a.md"), 1, "nowhere/a.md: there is no folder nowhere."),
    (("-o", "folder.md"), 1, "folder.md: is a folder; expected the name of a file."),
]  # fmt: skip


@every_command
@pytest.mark.parametrize(("arguments", "code", "message"), WRONG)
def test_wrong_outputs_are_refused_before_anything_is_computed(
    command: tuple[str, ...],
    arguments: tuple[str, ...],
    code: int,
    message: str,
    run: Callable[..., Output],
    tmp_path: Path,
) -> None:
    (tmp_path / "folder.md").mkdir()
    (tmp_path / "a.csv").unlink()
    before = sorted(path.name for path in tmp_path.iterdir())
    if command[0] in ("audit", "diagnose"):
        code = 2  # since 1 says that something is wrong with what they check
    assert run(*command, *arguments) == (code, "", f"xent: {message}\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_diagnosis_is_written_though_a_mistake_is_found(
    run: Callable[..., Output], tmp_path: Path
) -> None:
    (tmp_path / "b.csv").write_text("logit_0,logit_1,label\nnan,1,0\n1,2,1\n")
    assert run("diagnose", "b.csv", "-o", "b.json") == (1, "wrote b.json\n", "")
    assert json.loads((tmp_path / "b.json").read_text("utf-8"))["mistakes"]


def test_the_quiz_writes_no_file(run: Callable[..., Output]) -> None:
    output = run("explain", "2", "--label", "1", "--quiz", "-o", "a.txt")
    message = "--quiz asks in the terminal; it cannot be combined with --output a.txt."
    assert output == (2, "", f"xent: {message}\n")


def test_the_kind_of_scores_given_as_numbers(run: Callable[..., Output]) -> None:
    wanted = xent.explain(probabilities=[0.25, 0.75], label=1).to_text()
    given = ("explain", "0.25", "0.75", "--label", "1")
    assert run(*given, "--kind", "probabilities").out == wanted
    assert run(*given, "--probabilities").out == wanted


# Writing.


def test_a_failure_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    before = sorted(tmp_path.iterdir())

    def full(self: Path, _: bytes) -> None:
        self.touch()
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(files.Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left") as caught:
        files.write_file(path, "new")
    assert caught.value.filename == str(path)
    assert sorted(tmp_path.iterdir()) == before
    assert path.read_text() == "old"


def test_a_file_keeps_its_mode_and_a_link_stays_one(tmp_path: Path) -> None:
    path, link = tmp_path / "a.txt", tmp_path / "link.txt"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    files.write_file(link, "σ")
    assert link.is_symlink()
    assert path.read_text("utf-8") == "σ"
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o640
