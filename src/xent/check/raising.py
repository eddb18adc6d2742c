"""Reports that fail a test: by an AssertionError whose text is the report."""

from __future__ import annotations

from xent._report import Report


class CheckError(AssertionError):
    """A check found a mistake; the text is the report."""


CheckError.__module__ = "xent.check"  # where users find it, and what pytest prints


class CheckReport(Report):
    """A report that is true if nothing is wrong, and can fail a test if something is."""

    _error: type[CheckError] = CheckError

    @property
    def mistakes(self) -> list[str]:
        """Names of the mistakes found."""
        raise NotImplementedError

    def __bool__(self) -> bool:
        raise NotImplementedError

    def raise_if_failed(self) -> None:
        """Raise CheckError (an AssertionError) with the report, unless the report is true.

        The first line of its text names the mistakes.
        """
        __tracebackhide__ = True  # pytest shows the test, and not this frame
        if not self:
            msg = f"{self._failed()}\n\n{self.to_text()}"
            raise self._error(msg)

    def _failed(self) -> str:
        """What failed, in a line."""
        return ", ".join(self.mistakes)
