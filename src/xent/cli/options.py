"""The options of commands. Several share a record for files of predictions, and one for outputs.

What `--help` says of each is in `options.toml`. A parameter that is a record stands for an option
per field: see `with_options`.
"""

from __future__ import annotations

import inspect
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints

import typer

from xent._kind import Kind
from xent._report import Report
from xent._report.files import check_folder, write_file
from xent.cli.app import print_blocks, usage

TEXTS = tomllib.loads((files("xent.cli") / "options.toml").read_text("utf-8"))
"""What `--help` says of each option and argument, by command or record and by parameter."""


@dataclass(frozen=True)
class Columns:
    """What the columns of a file of predictions hold."""

    label_column: str | None = None
    score_columns: str | None = None
    predicted_column: str | None = None
    kind: str | None = None
    classes: str | None = None
    labels: str | None = None
    truth: str | None = None
    key: str | None = None
    normalize: bool = False
    tolerance: float = 1e-3

    @property
    def names(self) -> list[str] | None:
        """Names of the classes."""
        return names_of(self.classes)

    @property
    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of `score`, `read_row` and `read_predictions`."""
        lists = {
            "score_columns": names_of(self.score_columns),
            "classes": self.names,
            "key": names_of(self.key),
        }
        return {**vars(self), **lists}


def names_of(text: str | None) -> list[str] | None:
    """Names between commas."""
    return None if text is None else [name.strip() for name in text.split(",")]


def _parts() -> list[str]:
    from xent.explanation.steps import PARTS

    return list(PARTS.values())


def _words() -> list[str]:
    from xent.explanation.glossary import TERMS

    return [term.name for term in TERMS]


KNOWN: dict[tuple[str, str], Callable[[], list[str]]] = {
    ("explain", "only"): _parts,
    ("glossary", "word"): _words,
    ("Columns", "kind"): lambda: [*get_args(Kind), "percent"],
}
"""Values that a shell can complete, by command or record and by parameter."""


def _completing(known: Callable[[], list[str]]) -> Callable[[str], list[str]]:
    return lambda incomplete: [value for value in known() if value.startswith(incomplete)]


FORMS = {"text": ".txt", "markdown": ".md", "latex": ".tex", "html": ".html", "json": ".json"}
"""Forms of a report, and how the names of their files end."""


@dataclass(frozen=True)
class Output:
    """Where a report goes, and in which form."""

    form: Literal["text", "markdown", "latex", "html", "json"] | None = None
    output: Path | None = None

    def __post_init__(self) -> None:
        form_of(self.form, self.output, FORMS)  # refuse before anything is computed

    @property
    def chosen(self) -> str:
        """The form, by --format or by the file's ending."""
        return form_of(self.form, self.output, FORMS) or "text"

    def put(self, report: Report, **options: Any) -> None:
        """Print the report or write it; the options are those of its method for the form."""
        if self.chosen == "text" and self.output is None:
            print_blocks(*report.blocks(**options))
            return
        method = {"html": "page", "json": "json"}.get(self.chosen, self.chosen)
        put(getattr(report, f"to_{method}")(**options), self.output)


def put(content: str | bytes, output: Path | None) -> None:
    """Write to a file and say so, or to standard output."""
    if output is not None:
        write_file(output, content)
        print(f"wrote {output}")
    elif isinstance(content, str):
        sys.stdout.write(content)
    else:
        sys.stdout.buffer.write(content)


def form_of(form: str | None, output: Path | None, forms: Mapping[str, str]) -> str | None:
    """The form by the ending of the file, which must agree with the one asked for."""
    if output is None:
        return form
    found = next((name for name, end in forms.items() if end == output.suffix.lower()), None)
    if found is None:
        *first, last = forms.values()
        endings = f"{', '.join(first)} or {last}" if first else last
        usage(f"--output is {str(output)!r}; expected a name that ends in {endings}.")
    if form not in (None, found):
        usage(f"--format {form} does not go with --output {output}, whose ending says {found}.")
    check_folder(output)
    return found


def _described(owner: str, name: str, kind: Any, default: Any) -> inspect.Parameter:
    """A parameter with what `options.toml` says of it; `owner` is a command or a record."""
    if about := TEXTS.get(owner, {}).get(name) or TEXTS["shared"].get(name):
        make = typer.Argument if about.get("argument") else typer.Option
        details = {key: about[key] for key in about.keys() - {"argument", "names"}}
        details["rich_help_panel"] = TEXTS["panels"].get(owner)
        if known := KNOWN.get((owner, name)):
            details["autocompletion"] = _completing(known)
        kind = Annotated[kind, make(*about.get("names", ()), **details)]
    keyword = inspect.Parameter.KEYWORD_ONLY  # so that an option may stand before an argument
    return inspect.Parameter(name, keyword, default=default, annotation=kind)


def with_options(function: Callable[..., None]) -> Callable[..., None]:
    """The command with its options as described, one for each field of a record among them."""
    records: dict[str, Any] = {}
    parameters = []
    owner = function.__name__.removesuffix("_command")
    for name, parameter in inspect.signature(function, eval_str=True).parameters.items():
        record = parameter.annotation
        if not (isinstance(record, type) and is_dataclass(record)):
            parameters.append(_described(owner, name, record, parameter.default))
            continue
        records[name] = record
        hints = get_type_hints(record)
        parameters += [
            _described(record.__name__, each.name, hints[each.name], each.default)
            for each in fields(record)
        ]

    def command(**given: Any) -> None:
        for name, record in records.items():
            own = {each.name: given.pop(each.name) for each in fields(record)}
            given[name] = record(**own)
        function(**given)

    # Typer reads the signature and, to resolve its types, the annotations. functools.wraps would
    # set __wrapped__, which leads back to the records.
    command.__doc__ = function.__doc__
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    vars(command)["__signature__"] = inspect.Signature(parameters)
    return command
