"""Every command shown in the README prints what the README says."""

from __future__ import annotations

import pytest
from console import ROOT, commands, run

PAIRS = commands((ROOT / "README.md").read_text("utf-8"))


@pytest.fixture(scope="module", autouse=True)
def predictions() -> None:
    """The files that the commands read, made by the examples as `make run` makes them."""
    for example in ("breast_cancer", "digits"):
        printed = run(f"python examples/{example}.py")
        assert "agrees" in printed, printed


def test_the_readme_shows_commands() -> None:
    assert len(PAIRS) >= 5


@pytest.mark.parametrize(("command", "output"), PAIRS, ids=[command for command, _ in PAIRS])
def test_output_is_as_shown(command: str, output: str) -> None:
    assert run(command) == output
