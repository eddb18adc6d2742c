"""An explanation as a page whose numbers its reader can move."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby

from xent._live.conditions import Condition, some
from xent._live.page import Live, style
from xent._live.program import Program
from xent._live.widgets import code, stage
from xent._live.words import told
from xent._report import Terms, page
from xent._report.evaluation import FULL
from xent._report.expression import Expression, Number, Symbol, case, plus
from xent._report.links import Linker
from xent._report.notation import HTML, signed
from xent._report.page import STYLE
from xent.explanation.form import Form
from xent.explanation.glossary import used
from xent.explanation.live_controls import controls
from xent.explanation.live_pictures import formulas, pictures
from xent.explanation.plan import Plan, plan_of
from xent.explanation.quantities import of_classes, of_features, of_one_logit, of_one_probability
from xent.explanation.row import Row
from xent.explanation.steps import LiveStep

Write = Callable[[str], str]

OWN_STYLE = """
body { max-width: 66rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.15rem; border-bottom: 1px solid; }
h1, h2 { margin: 1.2rem 0 0.3rem; line-height: 1.3; }
.xent-live > p, section, h1, h2, details { max-width: 52rem; }
"""


def live_page(plan: Plan, row: Row, anchor: str, *, drawn: bool) -> str:
    """The page: whatever depends on the numbers that are moved follows.

    Addresses of the glossary begin with `anchor`; pictures are `drawn`, or not.
    """
    live = Live(row.inputs, program(row))
    live.values.update(row.values)
    terms = Terms(used(plan.strings()), "Words used", anchor)
    linker = Linker(terms)
    body = [
        f"<h1 data-title>{live.prose(plan.title, linker.linked)}</h1>",
        _stage(live, plan, row, linker.linked, drawn=drawn),
        *_notes(live, plan),
        *_sections(live, plan, linker.linked),
        f"<details><summary>As Python</summary>{_python(live, plan.form)}</details>",
        f"<details open><summary>{terms.heading}</summary>{linker.definitions()}</details>",
    ]
    content = "\n".join(body)
    script = f"<script>\n{{\n{live.script()}\n}}\n</script>"
    return page(
        signed(told(plan.title, row.values)),
        f'<div class="xent-live strip">\n{content}\n</div>\n{script}',
        f"{STYLE}{style()}{OWN_STYLE}",
    )


def program(row: Row) -> Program:
    """What computes the numbers of such rows."""
    form = row.form
    if form.features:
        return of_features(form.features, row.scaling)
    if form.given_p:
        return of_one_probability()
    if form.binary:
        return of_one_logit(row.scaling)
    return of_classes(form.count, row.scaling, hard=form.hard)


def _stage(live: Live, plan: Plan, row: Row, write: Write, *, drawn: bool) -> str:
    """Pictures and controls, and the sentence that sums them up."""
    summary = f"In short: {live.prose(plan.summary, write)}"
    made = pictures(live, row) if drawn else []
    shown = formulas(live, plan_of(row.form)) if drawn else []
    return stage(made, controls(live, row), summary, shown)


def _notes(live: Live, plan: Plan) -> Iterator[str]:
    """What is odd about the numbers."""
    for note in plan.notes:
        said = "<br>".join(live.prose(each) for each in (note.seen, note.matters, note.fix))
        head = f'<b style="color:var(--xent-note)">Note: {note.name}</b>'
        yield live.when(note.when, f"{head}<br>{said}", "p")


def _sections(live: Live, plan: Plan, write: Write) -> Iterator[str]:
    """The steps, numbered as they are there."""
    before: list[Condition] = []
    for section, group in groupby(plan.steps, lambda step: step.section):
        steps = list(group)
        yield live.when(some(*(step.when for step in steps)), section, "h2")
        for step in steps:
            yield live.when(step.when, _step(live, step, before, write), "section")
            before.append(step.when)


def _step(live: Live, step: LiveStep, before: list[Condition], write: Write) -> str:
    """A step; its number says how many are there before it."""
    number = (
        live.number(_counted(before))
        if any(each is not True for each in before)
        else str(len(before) + 1)
    )
    parts = [f"<p><b>{number}. {write(step.name)}</b></p>"]
    chains = [(held, _chain(chain)) for held, chain in step.formula]
    rows = live.first(tuple(chains), "tbody")
    if step.lines:
        rows += f"<tbody>{''.join(map(live.row, step.lines))}</tbody>"
    if rows:
        parts.append(f'<div class="numbers"><table>{rows}</table></div>')
    if step.why:
        parts.append(f"<p>{live.prose(step.why, write)}</p>")
    return "".join(parts)


def _counted(before: list[Condition]) -> Expression:
    """One more than how many conditions hold."""
    sure = sum(each is True for each in before)
    unsure = (case(each, 1, 0) for each in before if isinstance(each, Expression))
    return plus(Number(str(sure + 1)), *unsure)


def _chain(chain: tuple[Expression, ...]) -> str:
    """Equal expressions as rows of a table."""
    if len(chain) < 2:
        return ""
    return "".join(
        f'<tr><td>{left}</td> <td>=</td> <td colspan="3">{right}</td></tr>'
        for left, right in HTML.equations(chain)
    )


def _python(live: Live, form: Form) -> str:
    """Python that gives the same numbers."""
    numbers: dict[str, tuple[Expression, int]] = {}

    def put(tree: Expression, digits: int = FULL) -> str:
        name = f"n{len(numbers)}"
        numbers[name] = (tree, digits)
        return f"{{{name}}}"

    def listed(letter: str, count: int) -> str:
        return f"[{', '.join(put(Symbol(letter, str(j))) for j in range(count))}]"

    given = {
        "features": f"features={listed('x', form.features)}, weights={listed('w', form.features)}, "
        f"bias={put(Symbol('b'))}"
        if form.features
        else "",
        "logits": put(Symbol("z")) if form.binary else listed("z", form.count),
        "probabilities": f"probabilities={put(Symbol('given'))}" if form.given_p else "",
    }[form.source]
    label = put(form.y) if form.hard or form.binary else listed("t", form.count)
    options = [f"label={label}"]
    if form.weighted:
        options.append(f"class_weight={listed('weight', form.count)}")
    if form.smoothed:
        options.append(f"label_smoothing={put(Symbol('eps'))}")
    for key, _ in form.stages:
        options.append(f"{key}={put(Symbol('cap' if key == 'softcap' else 'T'))}")
    gradient = [Symbol("G")] if form.binary else [Symbol("G", str(j)) for j in range(form.count)]
    text = f"""
import xent

explanation = xent.explain({given}, {", ".join(options)})
print(explanation.loss)  # ≈ {put(Symbol("L"), 4)}
print(explanation.gradient)  # ≈ {", ".join(put(each, 4) for each in gradient)}
"""
    return code(live, text, numbers)
