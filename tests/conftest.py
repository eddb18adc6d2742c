"""Settings and fixtures of the whole suite."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import browser
import hypothesis
import pytest
from commands import Output
from helpers import LIBRARIES, Library, import_torch

import xent.__main__
from xent._engine import cpu

PAGES = r"README\.md|docs/.*\.md|tests/docs/test_readme\.py"
"""Files for one process: their examples write the same files."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Files whole, since their fixtures are shared, and the pages together."""
    from xdist.scheduler import LoadFileScheduling

    class Files(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return "pages" if re.fullmatch(PAGES, file) else file

    return Files(config, log)


hypothesis.settings.register_profile("local", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")


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


PEERS = {"torch", "transformers", "jax", "sklearn", "scipy", "numpydoc", "typer"}
"""What `make test-light` does without; CI, where nothing may be skipped, has them all."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Iterator[None]:
    yield from skip_without_peer()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    yield from skip_without_peer()


def skip_without_peer() -> Iterator[None]:
    """Skip a test for want of a library that is only compared with."""
    try:
        yield
    except ModuleNotFoundError as error:
        if os.environ.get("CI") or error.name not in PEERS:
            raise
        pytest.skip(f"{error.name} is not installed")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail CI on a skip, unless it is for want of a GPU."""
    reporter = session.config.pluginmanager.getplugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    others = [report for report in skipped if "GPU" not in str(report.longrepr)]
    if os.environ.get("CI") and others:
        names = "\n".join(report.nodeid for report in others)
        print(f"\nskipped, though not for want of a GPU:\n{names}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


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
