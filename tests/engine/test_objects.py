"""Machine code that is kept on disk and loaded without Numba."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from xent._engine.cpu import objects
from xent._engine.cpu.score_job import CHUNK, LIMBS, SUM_JOB


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    return tmp_path


def total(kernel: Callable[[int], int]) -> int:
    """The sum of 1, 2 and 4 by a kernel, in units of 2**-1074."""
    values, limbs, scratch = np.array([1.0, 2.0, 4.0]), np.zeros(LIMBS, np.int64), np.empty(CHUNK)
    job = np.zeros(1, SUM_JOB)
    job["size"], job["groups"], job["values"] = 3, 1, values.ctypes.data
    job["limbs"], job["scratch"] = limbs.ctypes.data, scratch.ctypes.data
    assert kernel(job.ctypes.data) == 0
    return sum(int(limb) << (32 * place) for place, limb in enumerate(limbs))


def test_a_kernel_is_compiled_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert total(objects.kernel_of("sums")) == 7 << 1074
    (file,) = folder.iterdir()
    assert file.name.startswith("scoring.sums-")
    monkeypatch.setattr(objects, "_compiled", None)
    assert total(objects.kernel_of("sums")) == 7 << 1074


@pytest.mark.parametrize(
    "damage", [lambda code: code[:-1], lambda code: b"", lambda code: b"x\n" * 9]
)
def test_a_damaged_file_is_made_anew(
    damage: Callable[[bytes], bytes], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects.kernel_of("sums")
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert total(objects.kernel_of("sums")) == 7 << 1074
    monkeypatch.setattr(objects, "_compiled", None)
    assert total(objects.kernel_of("sums")) == 7 << 1074


def test_older_versions_are_deleted(folder: Path) -> None:
    for name in ("scoring.sums-0123456789abcdef0123.xo", "scoring.other-0123.xo"):
        (folder / name).touch()
    objects.kernel_of("sums")
    left = sorted(file.name for file in folder.iterdir())
    assert len(left) == 2
    assert left[0] == "scoring.other-0123.xo"


def test_without_a_folder_kernels_are_compiled(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(folder / "file" / "below"))
    assert total(objects.kernel_of("sums")) == 7 << 1074


@pytest.mark.usefixtures("folder")
def test_kernels_on_disk_need_no_numba() -> None:
    objects.kernel_of("sums")
    code = (
        "import sys; from xent._engine.cpu.objects import kernel_of; kernel_of('sums');"
        "assert 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
