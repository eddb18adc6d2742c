"""The command line: `xent explain`, `score`, `audit`, `diagnose` and `learn`."""

from xent.cli import explain, score, check, learn  # isort: skip - the order in which help lists them
from xent.cli.app import app

__all__ = ["app", "check", "explain", "learn", "score"]
