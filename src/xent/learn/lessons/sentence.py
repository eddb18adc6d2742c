"""A sentence: what each word costs a small language model, at any temperature.

z_{s,i,j}   the logit of word j at place i of sentence s, to two decimals
w_{s,i}     the number of the word that came, and a_{s,i} its logit
o_{s,i,n}   the likeliest words: the first five, and as the last one the word that came
m_i, k_i    the largest logit at place i, and its word
R_i         the sum of e^((z_j - m)/T) over the other words
L_i         the loss of the word at place i, and `mean` that of the sentence
q_n         probabilities of the words o at the chosen place
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from xent._live.controls import choice, preset, presets, slider
from xent._live.lines import LiveLine
from xent._live.page import Live
from xent._live.picture import Picture, Role
from xent._live.program import Program, define
from xent._live.widgets import code, fact, lines, literal, stage
from xent._report.expression import (
    Extreme,
    Symbol,
    Total,
    call,
    case,
    exp,
    log,
    log1p,
    plus,
    same,
)
from xent.functions import softmax
from xent.learn import language_model
from xent.losses import cross_entropy

SENTENCES = (
    "she lost her hat in the snow .",
    "my mother made soup in the kitchen .",
    "kitchen the in soup made mother my .",
    "the child drank a cup of soup .",
    "the moon ate my shoes at night .",
)
"""None is in the text that the model was trained on. All have eight words, with the full stop."""
WORDS, LIKELIEST = 8, 5
TINY = 5e-4
"""A probability that three decimals do not show."""
COOL, HOT, STEP = 0.3, 3.0, 0.05
"""The least and the largest temperature, and the slider's step."""
HIGH = 8.0
"""A loss whose bar has its full height."""
AT_ONCE = 12
"""Sentences whose losses are computed in one call."""
SVG = 'viewBox="0 0 10 {}" preserveAspectRatio="none" aria-hidden="true"'

J, T, TOKEN, MEAN = (Symbol(name) for name in ("j", "T", "token", "mean"))
Z = Symbol("z", "sentence,i,j")
L_MEAN = Symbol("L", "mean")
CHOSEN = Symbol("L", "token")
STATE = {"sentence": 0, "token": 4, "T": 1.0}


@cache
def data() -> dict[str, Any]:
    """What the model says of the sentences, and by xent their mean loss at each temperature."""
    vocabulary = language_model.load().vocabulary
    z = np.array([np.round(language_model.logits(each), 2) + 0.0 for each in SENTENCES])
    w = np.array([language_model.labels(each) for each in SENTENCES])
    best = np.argsort(-z, axis=-1, kind="stable")[..., :LIKELIEST]
    o = np.concatenate([best, w[..., None]], axis=-1)
    temperatures = np.round(np.arange(COOL, HOT + STEP / 2, STEP), 2)
    mean = [[float(cross_entropy(z[s] / t, w[s])) for t in temperatures] for s in range(len(z))]
    return {
        "vocabulary": ["full stop" if word == "." else word for word in vocabulary],
        "z": z.tolist(),
        "w": w.tolist(),
        "a": np.take_along_axis(z, w[..., None], axis=-1)[..., 0].tolist(),
        "o": o.tolist(),
        "b": np.take_along_axis(z, o, axis=-1).tolist(),
        "means": np.round(mean, 4).tolist(),
        "lowest": np.min(mean, axis=1).round(4).tolist(),
        "best": temperatures[np.argmin(mean, axis=1)].tolist(),
    }


def program() -> Program:
    """The losses of the sentence, and the probabilities at the chosen word."""
    size = len(language_model.load().vocabulary)
    m, k, a = Symbol("m", "i"), Symbol("k", "i"), Symbol("a", "sentence,i")
    others = case(same(J, k), 0, exp((Z - m) / T))
    largest, total = Symbol("m", "token"), 1 + Symbol("R", "token")
    likely = exp((Symbol("b", "sentence,token,n") - largest) / T) / total
    return Program(
        [
            define("m_i", Extreme("max", "j", Z, size), WORDS),
            define("k_i", Extreme("argmax", "j", Z, size), WORDS),
            define("R_i", Total("j", others, size), WORDS),
            define("L_i", (m - a) / T + log1p(Symbol("R", "i")), WORDS),
            define("mean", Total("i", Symbol("L", "i"), WORDS) / WORDS),
            define("worst", Extreme("argmax", "i", Symbol("L", "i"), WORDS)),
            define("S", exp(largest / T) * total),
            define("q_n", likely, LIKELIEST + 1),
        ]
    )


def build(state: Mapping[str, Any] = STATE) -> tuple[Live, dict[str, str]]:
    """The lesson's numbers and pictures."""
    live = Live(state, program(), data=data())
    uniform = float(np.log(len(data()["vocabulary"])))
    options: dict[float, str] = {
        number: each.replace(" .", ".") for number, each in enumerate(SENTENCES)
    }
    controls = [
        slider(live, "T", "temperature T", COOL, HOT, STEP),
        choice(live, "sentence", "sentence", options),
        presets(
            [
                preset("as trained", T=1),
                preset("too confident", T=COOL),
                preset("almost uniform", T=HOT),
                preset("bug: words reversed", sentence=2, token=2, T=1),
                preset("bug: T = 0.5 left on after sampling", sentence=4, token=5, T=0.5),
            ]
        ),
    ]
    formulas = [
        live.formula(f"q{n}", _probability(n), told=f" for “{_likely(live, n)}”")
        for n in range(LIKELIEST + 1)
    ]
    parts = {
        "stage": stage(
            [_tokens(live, uniform), _likeliest(live), _temperature(live, uniform)],
            controls,
            _summary(live, uniform),
            [*formulas, live.formula("mean", *_lines()[-2:])],
        ),
        "lines": lines(live, *_lines()),
        "python": _python(live),
        **_facts(),
    }
    return live, parts


def _word(live: Live, place: str, tag: str = "span") -> str:
    """The word at a place of the sentence."""
    return live.word(Symbol("w", f"sentence,{place}"), "vocabulary", tag)


def _likely(live: Live, n: int, tag: str = "span") -> str:
    """One of the likeliest words at the chosen place; the last is the word that came."""
    return live.word(Symbol("o", f"sentence,token,{n}"), "vocabulary", tag)


def _tokens(live: Live, uniform: float) -> str:
    """The sentence as radio buttons, each with its loss as a bar and as a number."""
    made = []
    for i in range(WORDS):
        loss = Symbol("L", str(i))
        share = call("min", 1, loss / HIGH)
        tint = live.places(opacity=0.5 * share)
        bar = live.places(y=60 - 60 * share, height=60 * share)
        level = 60 - 60 * uniform / HIGH
        checked = " checked" if live.state["token"] == i else ""
        made.append(
            f'<label data-role="loss"><input type="radio" name="token" data-set="token" '
            f'value="{i}"{checked}><svg class="tint" {SVG.format(1)}>'
            f'<rect class="fill" width="10" height="1"{tint}/></svg><svg {SVG.format(60)}>'
            f'<rect class="fill" x="3" width="4"{bar}/>'
            f'<line class="rule" data-role="plain" x1="0" x2="10" y1="{level:.1f}" '
            f'y2="{level:.1f}" stroke-dasharray="2 1.5" stroke-width="1"/></svg>'
            f"<span>{_word(live, str(i))}</span> <b>{live.number(loss, 2, 'fixed')}</b></label>"
        )
    title = f"What each word costs, in nats (dashed: a uniform guess, {fact(uniform, 2)})"
    return (
        f'<figure class="wide"><figcaption>{title}</figcaption><fieldset class="tokens">'
        f'<legend class="heard">word</legend>{"".join(made)}</fieldset></figure>'
    )


def _likeliest(live: Live) -> str:
    picture = Picture(
        live,
        "likeliest",
        (-0.5, 6.2),
        (0, 1),
        "",
        "probability",
        (),
        (0, 0.25, 0.5, 0.75, 1),
        height=200,
    )
    for n in range(LIKELIEST + 1):
        last = n == LIKELIEST
        role: Role = "true" if last else "other"
        x, p = n + 0.6 * last, Symbol("q", str(n))
        label = "The word that came" if last else f"Number {n + 1} of the likeliest words"
        picture.bar(x, p, role, width=36, tell=f"q{n}", label=label)
        text: Role = role if last else "plain"
        picture.text(x, p, p, role=text, dy=-5, digits=3, kind="fixed", seen=p >= TINY)
        picture.text(x, p, p, role=text, dy=-5, digits=1, kind="general", seen=p < TINY)
        place, word = live.places(x=picture.across(x)), _likely(live, n, "tspan")
        picture.raw(f'<text class="small" y="177" text-anchor="middle"{place}>{word}</text>')
    picture.raw(
        '<text class="small" x="194" y="195" text-anchor="middle">the five likeliest</text>'
    )
    picture.raw('<text class="small" x="377" y="195" text-anchor="middle">what came</text>')
    return picture.svg(
        f"What the model expects in place of “{_word(live, 'token')}”",
        "Bars: the probabilities of the five likeliest words, and apart from them that of the "
        "word that came.",
    )


def _temperature(live: Live, uniform: float) -> str:
    picture = Picture(
        live,
        "temperature",
        (COOL, HOT),
        (0, HIGH),
        "temperature T",
        "mean loss, nats",
        (0.5, 1, 1.5, 2, 2.5, 3),
        (0, 2, 4, 6, 8),
        height=200,
    )
    count = len(data()["means"][0])
    best = Symbol("best", "sentence")
    picture.segment((COOL, uniform), (HOT, uniform), "plain", "rule dashed")
    picture.text(HOT, uniform, "uniform guess", anchor="end", dy=14, style="small")
    picture.trail(COOL + STEP * Symbol("i"), Symbol("means", "sentence,i"), "i", count, "loss")
    picture.segment((best, 0), (best, Symbol("lowest", "sentence")), "good", "rule dashed")
    picture.text(best, 0.4, "lowest", role="good", style="small", anchor="end", dx=-5)
    height = call("min", MEAN, HIGH)
    picture.point(T, height, "loss", tell="mean", label="The mean loss")
    picture.handle(T, height, "temperature", drag_x="T", step=STEP, tell="mean")
    return picture.svg(
        "The mean loss at each temperature",
        "A curve with one lowest point, which is marked. A point on the curve shows the chosen "
        "temperature.",
    )


def _summary(live: Live, uniform: float) -> str:
    against = live.choose((MEAN - uniform < 0, "less than"), otherwise="more than")
    bits, perplexity = live.number(MEAN / log(2), 2), live.number(exp(MEAN), 1)
    best = Symbol("best", "sentence")
    where = live.choose(
        (best < HOT, f"near T = {live.number(best, 2)}"),
        otherwise=f"at the highest T here, {HOT:g}",
    )
    return (
        f"Mean loss {live.number(MEAN, 2)} nats ({bits} bits): perplexity {perplexity}, {against} "
        f"the {len(data()['vocabulary'])} of a uniform guess. The most surprising word: "
        f"“{_word(live, 'worst')}”. The lowest mean loss: {where}."
    )


def _probability(n: int) -> LiveLine:
    """The probability of one of the likeliest words; the last is the word that came."""
    z, s, t = Symbol("z"), Symbol("S"), Symbol("T")
    operands = {z: Symbol("b", f"sentence,token,{n}"), t: T, s: s}
    return LiveLine(Symbol("p"), Symbol("q", str(n)), exp(z / t) / s, operands, rounded=None)


def _lines() -> list[LiveLine]:
    p = Symbol("p")
    loss = {p: Symbol("q", str(LIKELIEST))}
    each = [Symbol("L", str(i)) for i in range(WORDS)]
    total = Symbol("(L₁ + … + L₈)")
    return [
        _probability(LIKELIEST),
        LiveLine(Symbol("L"), CHOSEN, -log(p), loss, rounded=None),
        LiveLine(L_MEAN, MEAN, total / WORDS, {total: plus(*each)}, rounded=None),
        LiveLine(Symbol("perplexity"), exp(MEAN), exp(L_MEAN), {L_MEAN: MEAN}, rounded=None),
    ]


def _python(live: Live) -> str:
    words = " ".join(_word(live, str(i)) for i in range(WORDS - 1)) + " ."
    return code(
        live,
        """
import numpy as np
import xent
from xent.learn import language_model

sentence = "{sentence}"
z = language_model.logits(sentence).round(2)
y = language_model.labels(sentence)
losses = xent.cross_entropy({logits}, y, reduction="none")
print(losses[{token}])  # ≈ {loss}
print(losses.mean())  # ≈ {mean}
print(np.exp(losses.mean()))  # ≈ {perplexity}
""",
        {
            "sentence": words,
            "logits": live.choose((same(T, 1), "z"), otherwise=f"z / {literal(live, T)}"),
            "token": TOKEN,
            "loss": (CHOSEN, 4),
            "mean": (MEAN, 4),
            "perplexity": (exp(MEAN), 4),
        },
    )


@cache
def _facts() -> dict[str, str]:
    """What simple guesses and the model cost, on all of the text."""
    vocabulary = language_model.load().vocabulary
    seen, kept = (_rows(language_model.text(held_out=kept)) for kept in (False, True))
    counts = np.bincount(np.concatenate([w for _, w in seen]), minlength=len(vocabulary))
    frequencies = [(np.tile(np.log(counts), (len(w), 1)), w) for _, w in kept]
    losses = {
        "uniform": np.log(len(vocabulary)),
        "frequencies": _mean(frequencies),
        "kept": _mean(kept),
        "seen": _mean(seen),
    }
    grid = np.round(np.arange(COOL, HOT, STEP), 2)
    best = grid[np.argmin([_mean(kept, t) for t in grid])]
    first = softmax(np.array(data()["z"])[0])
    w = data()["w"][0]
    return {
        **{name: fact(loss, 2) for name, loss in losses.items()},
        **{f"{name}-perplexity": fact(round(np.exp(loss), 1), 1) for name, loss in losses.items()},
        "words": str(len(vocabulary)),
        "sentences": str(len(language_model.text())),
        "kept-sentences": str(len(language_model.text(held_out=True))),
        "kept-best": fact(best, 2),
        "stop": fact(100 * first[4, vocabulary.index(".")], 0),
        "in": fact(-np.log(first[4, w[4]]), 2),
    }


def _rows(sentences: list[str]) -> list[tuple[Any, Any]]:
    """Logits and labels of each."""
    return [(language_model.logits(each), language_model.labels(each)) for each in sentences]


def _mean(rows: list[tuple[Any, Any]], temperature: float = 1.0) -> float:
    """The mean loss of all words. Some sentences at a time: for so few no kernels are loaded."""
    losses = []
    for start in range(0, len(rows), AT_ONCE):
        z, w = (np.concatenate(part) for part in zip(*rows[start : start + AT_ONCE], strict=True))
        losses.append(cross_entropy(z / temperature, w, reduction="none"))
    return float(np.concatenate(losses).mean())
