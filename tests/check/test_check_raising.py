"""`raise_if_failed()`, as a user of pytest sees it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import xent

TESTS = """\
import numpy as np
import xent

Z, Y = np.random.default_rng(0).normal(size=(6, 3)), np.arange(6) % 3

def loss(z, y):
    return xent.cross_entropy(z, y, reduction="none")

def test_gradient():
    report = xent.check.gradient(loss, lambda z, y: xent.softmax(z), Z, Y)
    report.raise_if_failed()

def test_right():
    xent.check.gradient(loss, lambda z, y: xent.softmax(z) - np.eye(3)[y], Z, Y).raise_if_failed()

def test_batch():
    xent.check.diagnose(Z, Y + 1).raise_if_failed()

def test_audit():
    xent.check.audit(lambda z, y: loss(z, y) / np.log(2), name="mine").raise_if_failed()
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest prints of these tests."""
    folder = tmp_path_factory.mktemp("users")
    (folder / "test_mine.py").write_text(TESTS)
    command = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "test_mine.py")
    env = {**os.environ, "COLUMNS": "120"}  # of the lines of the summary
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=env)
    assert done.returncode == 1, done.stderr
    return done.stdout


def test_the_summary_names_the_mistakes(seen: str) -> None:
    short = [line for line in seen.splitlines() if line.startswith("FAILED")]
    assert short[0].startswith(
        "FAILED test_mine.py::test_gradient - xent.check.GradientError: label not subtracted"
    )
    assert short[1].startswith(
        "FAILED test_mine.py::test_batch - xent.check.CheckError: labels one-based"
    )
    assert short[2].startswith(
        "FAILED test_mine.py::test_audit - xent.check.CheckError: bits for nats"
    )
    assert "3 failed, 1 passed" in seen


def test_no_line_of_xent_is_in_the_traceback(seen: str) -> None:
    assert str(Path(xent.__file__).parent) not in seen
    assert "raising.py" not in seen
    assert "def raise_if_failed" not in seen
    assert ">       report.raise_if_failed()\n" in seen


def test_the_report_follows_its_mistakes(seen: str) -> None:
    told = [line.removeprefix("E").strip() for line in seen.splitlines() if line.startswith("E ")]
    start = told.index("xent.check.GradientError: label not subtracted")
    assert told[start : start + 6] == [
        "xent.check.GradientError: label not subtracted", "", "Gradient check: fail",
        "====================", "",
        "12 of 18 entries pass, 6 fail, 0 are inconclusive.",
    ]  # fmt: skip
    assert "MISTAKE: label not subtracted" in told[start:]


def test_what_passes_raises_nothing() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=60)
    xent.check.diagnose(3 * np.eye(3)[labels] + rng.normal(size=(60, 3)), labels).raise_if_failed()


def test_an_inconclusive_gradient_raises_too() -> None:
    z = np.array([[0.0, 1000.0], [0.0, 2000.0]])
    report = xent.check.gradient(
        lambda z, y: xent.cross_entropy(z, y, reduction="none"), lambda z, y: 0 * z + 1e-20, z,
        np.array([1, 1]), definition=None,
    )  # fmt: skip
    assert report.verdict == "inconclusive"
    words = "^the gradient check is inconclusive\n\nGradient check: inconclusive"
    with pytest.raises(xent.check.GradientError, match=words):
        report.raise_if_failed()
