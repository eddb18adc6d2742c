"""Loads the module that reads sources once it is needed: only it needs PyArrow."""

from __future__ import annotations

from typing import Any


def loaded() -> Any:
    """The module that reads sources."""
    try:
        import xent.scoring.dispatch as module
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        how = f"pip install {package}, or xent with its extra score"
        msg = f"reading files of predictions needs {package}: {how}"
        raise ModuleNotFoundError(msg, name=error.name) from None
    return module
