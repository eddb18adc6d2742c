"""The command line: `xent explain`, `score`, `audit` and `diagnose`."""

from xent.cli import explain, score, check  # isort: skip - the order in which help lists them
from xent.cli.app import app

__all__ = ["app", "check", "explain", "score"]
