"""The command line: `xent explain`, `glossary`, `plot`, `score`, `audit` and `diagnose`."""

from xent.cli import explain, glossary, plot, score, check  # isort: skip - as help lists them
from xent.cli.app import app

__all__ = ["app", "check", "explain", "glossary", "plot", "score"]
