"""Smoke test of an installed xent: it is whole, it is not the source tree, and it computes.

Run by `make dist` with the interpreter of an environment that has xent and its dependencies alone.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

import xent

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src" / "xent"


def main() -> None:
    installed = Path(xent.__file__).parent
    assert installed.is_relative_to(sys.prefix), f"xent is taken from {installed}"
    tracked = subprocess.run(
        ["git", "ls-files", "."], cwd=SOURCES, capture_output=True, text=True, check=True
    ).stdout.split()
    missing = [name for name in tracked if not (installed / name).is_file()]
    assert tracked
    assert not missing, f"not in the package: {missing}"
    for name in set(xent.__all__) - {"score"}:  # scoring needs pyarrow
        getattr(xent, name)
    assert round(float(xent.cross_entropy([[2.0, 1.0, 0.1]], [0])), 4) == 0.417
    large = np.zeros((1 << 14, 4), np.float32)  # computed by compiled kernels
    assert np.isclose(xent.cross_entropy(large, np.zeros(1 << 14, int)), np.log(4))
    assert "L = " in str(xent.explain(1.5, label=1))
    command = [str(Path(sys.executable).with_name("xent")), "--version"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (
        said.stderr
        == "xent: the command line needs typer: pip install typer, or xent with its extra cli\n"
    ), said
    print(f"xent {xent.__version__} works as installed in {installed}")


if __name__ == "__main__":
    main()
