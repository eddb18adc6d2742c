"""What the reports of all checks have: findings by name, and an error for tests."""

from __future__ import annotations

from xent._format import counted
from xent._report import Finding, Report


class CheckError(AssertionError):
    """A check found a mistake; the text is the report."""


CheckError.__module__ = "xent.check"  # where users find it, and what pytest prints


class CheckReport(Report):
    """A report that is true if nothing is wrong, and can fail a test if something is."""

    findings: tuple[Finding, ...]
    _error: type[CheckError] = CheckError

    @property
    def mistakes(self) -> list[str]:
        """Names of the mistakes found."""
        return [finding.name for finding in self.findings if finding.level == "mistake"]

    @property
    def notes(self) -> list[str]:
        """Names of the notes."""
        return [finding.name for finding in self.findings if finding.level == "note"]

    @property
    def verdict(self) -> str:
        """The findings counted, in words."""
        mistakes, notes = len(self.mistakes), len(self.notes)
        text = counted(mistakes, "mistake") if mistakes else "no mistake found"
        return f"{text}, {counted(notes, 'note')}" if notes else text

    def __bool__(self) -> bool:
        return not self.mistakes

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
