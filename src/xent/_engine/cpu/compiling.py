"""Tell the user, once, that kernels are being compiled, which is why a call takes so long."""

from __future__ import annotations

import logging

NOTICE = (
    "xent is compiling kernels for this machine and this kind of array. That takes some "
    "seconds, once if they can be kept on disk. To compile ahead, call xent.warmup()."
)

_notice_given = False
_log = logging.getLogger("xent")


def give_notice() -> None:
    """Log, once per process, that kernels are being compiled.

    The cache calls this when it has no compiled code for a kernel, so whether the notice appears
    depends on what is on disk and never on how long a compilation takes.
    """
    global _notice_given
    if not _notice_given:
        _notice_given = True
        _log.warning(NOTICE)
