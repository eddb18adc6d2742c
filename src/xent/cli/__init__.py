"""The command line: `xent explain`, `glossary`, `learn`, `score`, `compare`, `audit` and others."""

from importlib import import_module

import typer

from xent.cli.app import app

MODULES = {
    "explain": "explain",
    "glossary": "glossary",
    "learn": "learn",
    "score": "score",
    "compare": "compare",
    "audit": "check",
    "diagnose": "check",
    "plot": "plot",
}
"""The module of each command, in the order in which `xent --help` lists them."""


def application(command: str | None = None) -> typer.Typer:
    """The application with one command, which starts sooner, or with all unless it is known."""
    names = [command] if command in MODULES else MODULES
    for module in dict.fromkeys(MODULES[name] for name in names):
        import_module(f"xent.cli.{module}")
    # Whoever imports a module of a command earlier must not change the order.
    order = list(MODULES)
    app.registered_commands.sort(key=lambda each: order.index(str(each.name)))
    return app
