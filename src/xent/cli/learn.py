"""`xent learn`."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated, Literal

import typer

from xent.cli.app import app, usage
from xent.cli.options import form_of, put, with_options
from xent.learn import COURSE, lesson


@app.command("learn")
@with_options
def learn_command(
    *,
    name: Annotated[
        str | None,
        typer.Argument(metavar="LESSON", help="Which lesson: " + ", ".join(e.name for e in COURSE)),
    ] = None,
    port: int = 0,
    no_browser: bool = False,
    form: Literal["html"] | None = None,
    output: Path | None = None,
    static: Path | None = None,
) -> None:
    """Open the course in the browser: lessons on cross-entropy whose pictures and numbers move.

    `xent learn`

    `xent learn gradient`

    `xent learn gradient --output gradient.html`

    The pages come from this machine and need no network. Ctrl-C stops the server; pages written by
    --output and --static need none.
    """
    if name is not None:
        lesson(name)
    if form_of(form, output, {"html": ".html"}):
        if name is None:
            usage("--format and --output are for one LESSON; for all use --static FOLDER.")
        from xent.learn.pages import page

        put(page(lesson(name)), output)
        return
    if static is not None:
        from xent.learn.pages import write

        for path in write(static, [lesson(name)] if name else COURSE):
            print(path)
        return
    from xent.learn.server import serve

    def said(address: str) -> None:
        print(f"The course is at {address} (Ctrl-C stops it)", flush=True)

    if hasattr(signal, "SIGPIPE"):  # as set for `head`, a page closed early would end the server
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    serve(name or "", port, browser=not no_browser, said=said)
