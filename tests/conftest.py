"""Fixtures of the tests."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import browser
import pytest
from commands import Output
from helpers import LIBRARIES, Library, import_torch

import xent.__main__
from xent._engine import cpu


@pytest.fixture(scope="session", params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> Library:
    """Each array library in turn. One that is not installed is an error, never a skip."""
    return LIBRARIES[request.param]()


@pytest.fixture(scope="module", params=["numpy", "kernels"])
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """What computes: NumPy alone, or the compiled kernels whatever the size."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cpu, "SMALLEST", 1 if request.param == "kernels" else 1 << 62)
        yield request.param


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """One Chromium for a module's tests; closed after it, since its event loop blocks others."""
    with browser.launched() as running:
        yield running


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Output]:
    """The command in this process: as far, but faster."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setenv("COLUMNS", "80")

    def call(*arguments: str | Path) -> Output:
        monkeypatch.setattr(sys, "argv", ["xent", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            xent.__main__.main()
        return Output(int(ended.value.code or 0), *capfd.readouterr())

    return call


@pytest.fixture
def quiet_transformers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is asked of the hub; one thread; transformers' log only reports errors."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import_torch()
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    yield
    logging.set_verbosity(verbosity)
