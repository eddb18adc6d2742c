"""The command line: `xent explain`, `glossary`, `plot`, `learn`, `score`, `audit`, `diagnose`."""

from xent.cli import explain, glossary, plot, learn, score, check  # isort: skip - as help lists them
from xent.cli.app import app

__all__ = ["app", "check", "explain", "glossary", "learn", "plot", "score"]
