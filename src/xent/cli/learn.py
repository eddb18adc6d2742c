"""`xent learn`."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated, Literal

import typer

from xent.cli.app import app, usage
from xent.cli.options import form_of, put
from xent.learn import COURSE, lesson


@app.command("learn")
def learn_command(
    name: Annotated[
        str | None,
        typer.Argument(metavar="LESSON", help="Which one: " + ", ".join(e.name for e in COURSE)),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; a free one if 0.")
    ] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only say where the course is.")
    ] = False,
    form: Annotated[
        Literal["html"] | None,
        typer.Option("--format", help="Print the lesson as a page that needs no server."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write that page; ends in .html."),
    ] = None,
    static: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write the lessons as HTML files that need no server."),
    ] = None,
) -> None:
    """Open the course: six live notebooks on cross-entropy, in the browser.

    `xent learn`

    `xent learn gradient`

    `xent learn gradient --output gradient.html`

    They are served by this machine to this machine, and need no network. Ctrl-C ends it.
    """
    if name is not None:
        lesson(name)
    if form_of(form, output, {"html": ".html"}):
        if name is None:
            usage("--format and --output are for one LESSON; for all there is --static FOLDER.")
        from xent.learn.static import page

        put(page(lesson(name)), output)
        return
    if static is not None:
        from xent.learn.static import write

        for path in write(static, [lesson(name)] if name else COURSE):
            print(path)
        return
    from xent.learn.server import serve

    def said(address: str) -> None:
        print(f"The course is at {address} (Ctrl-C ends it)", flush=True)

    if hasattr(signal, "SIGPIPE"):  # as set for `head`, a page closed early would end the server
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    serve(name or "", port, browser=not no_browser, said=said)
