"""The texts of the explanations, which stand in data files beside the code."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any


def texts(name: str) -> dict[str, Any]:
    """What a TOML file of this folder holds."""
    return tomllib.loads((files("xent.explanation") / name).read_text(encoding="utf-8"))
