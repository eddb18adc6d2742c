# /// script
# [tool.marimo.display]
# theme = "system"
# ///

import marimo

__generated_with = "0.25.2"

app = marimo.App(app_title="Numbers break", width="medium")


@app.cell(hide_code=True)
def _():
    import marimo as mo
    import numpy as np

    import xent
    from xent import oracle
    from xent.learn import naive, show
    from xent.plots.colours import shade
    from xent.plots.style import titled

    return mo, naive, np, oracle, shade, show, titled, xent


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # Numbers break

    The formulas of the other notebooks are right, and yet a program that computes them as written
    gives `inf`, `nan` or 0 sooner or later. A computer keeps a fixed number of digits in a fixed range,
    and the exponential leaves both quickly. Three things happen:

    - **overflow**: $e^z$ is larger than the largest number, and becomes `inf`; `inf / inf` is `nan`;
    - **underflow**: a small number becomes 0, and its logarithm `-inf`;
    - **cancellation**: two nearly equal numbers are subtracted, and only their rounding errors are left.

    Two classes with the logits $(z, 0)$. Move $z$, and watch where each way of computing breaks.
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    z = mo.ui.slider(0, 800, 1, value=40, label="logit z", show_value=True, full_width=True)
    dtype = mo.ui.dropdown(["float64", "float32", "float16"], value="float64", label="numbers")
    truth = mo.ui.dropdown(
        {"class 0, favoured: right and confident": 0, "class 1: wrong and confident": 1},
        value="class 0, favoured: right and confident",
        label="true class",
    )
    mo.vstack([z, dtype, truth])
    return dtype, truth, z


@app.cell(hide_code=True)
def _(naive, np, oracle, xent):
    def library(row, label):
        return xent.cross_entropy(row, np.full(row.shape[:-1], label), reduction="none")

    WAYS = {
        "textbook, -log of the softmax": naive.textbook,
        "log-sum-exp, minus the logit": naive.log_sum_exp,
        "xent": library,
    }

    def verdict(answer, exact):
        """How many digits of an answer are right, in the dtype that it came in."""
        value, kind = float(answer), np.asarray(answer).dtype
        if np.isnan(value):
            return "not a number"
        if np.isinf(value):
            return "infinite"
        if value == 0:
            tiny = 2 * exact < float(np.finfo(kind).smallest_subnormal)
            return f"0: the loss is too small for a {kind}" if tiny else "0: every digit lost"
        off = abs(value - float(exact)) / float(exact)
        if oracle.ulps(value, exact, kind) <= 2:
            return f"all digits of a {kind} right"
        return f"{int(-np.log10(off))} digits right" if off < 0.1 else "no digit right"

    return WAYS, verdict


@app.cell(hide_code=True)
def _(WAYS, dtype, mo, np, oracle, show, truth, verdict, z):
    row = np.array([z.value, 0], dtype=dtype.value)
    exact = oracle.label_row(row.tolist(), truth.value).loss
    found = {name: way(row, truth.value) for name, way in WAYS.items()}
    mo.vstack(
        [
            show.numbers(
                [
                    *(
                        (name, f"{float(value) + 0.0:.6g}", verdict(value, exact))
                        for name, value in found.items()
                    ),
                    ("exact (50 digits, rounded)", f"{float(exact):.6g}", ""),
                ],
                heads=("loss, in nats", "value", ""),
            ),
            mo.md(
                f"A {dtype.value} keeps about {np.finfo(dtype.value).precision} digits, and nothing beyond "
                f"{float(np.finfo(dtype.value).max):.3g} or below "
                f"{float(np.finfo(dtype.value).smallest_subnormal):.2g}. The library computes half "
                "precision in float32, and returns the loss in it."
            ),
        ]
    )
    return exact, found


@app.cell(hide_code=True)
def _(WAYS, dtype, np, oracle, shade, show, titled, truth, z):
    def error_of(way, v):
        """Relative to the exact loss; 10 where the result is not finite, none where all is too small."""
        exact = oracle.label_row([float(v), 0.0], truth.value).loss
        answer = way(np.array([v, 0], dtype=dtype.value), truth.value)
        if float(exact) < float(np.finfo(np.asarray(answer).dtype).tiny):
            return np.nan
        value = float(answer)
        return max(abs(value - float(exact)) / float(exact), 1e-17) if np.isfinite(value) else 10.0

    def draw_errors(ax):
        logits = np.linspace(0, min(800, max(60, 1.5 * z.value)), 121).astype(dtype.value)
        marks = zip(WAYS.items(), ("s", "^", "."), ("push", "pull", "true"), strict=True)
        for (name, way), mark, role in marks:
            errors = [min(error_of(way, v), 10.0) for v in logits]
            ax.semilogy(
                logits, errors, mark, color=shade(role), markersize=4, label=name.split(",")[0]
            )
        ax.axvline(z.value, color=shade("other"), linewidth=1)
        ax.set(
            xlabel="logit z",
            ylabel="1: no digit; 10: inf, nan",
            ylim=(3e-18, 30),
        )
        titled(ax, f"Relative error of the loss, {dtype.value}", columns=3)

    here = "; ".join(
        f"{name.split(',')[0]} {error_of(way, z.value):.2g}" for name, way in WAYS.items()
    )
    show.picture(
        draw_errors,
        "The relative error of the three ways against the logit, logarithmic, from 1e-17 to 10 for a "
        f"result that is not finite. At z = {z.value}: {here}.",
        size=(7.4, 4.2),
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## The first logit that breaks

    The first whole logit, counting up from 0, at which each way breaks, computed now:
    """)
    return


@app.cell(hide_code=True)
def _(WAYS, naive, np, show):
    def first(way, label, dtype, broken):
        z = naive.first_break(way, label, dtype, broken)
        return "never" if z is None else f"z = {z}"

    DTYPES = ("float64", "float32", "float16")
    show.numbers(
        [
            (name, what, *[first(way, label, dtype, broken) for dtype in DTYPES])
            for name, way in WAYS.items()
            for what, label, broken in (
                ("right: loss 0", 0, lambda value: value == 0),
                ("right: not finite", 0, lambda value: not np.isfinite(value)),
                ("wrong: not finite", 1, lambda value: not np.isfinite(value)),
            )
        ],
        heads=("", "", *DTYPES),
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    The library's loss of a right and confident row does become 0 where the exact loss is below the
    smallest number there is. What it computes instead of $\log \sum e^{z_k} - z_y$: with the largest logit $z_k$,

    $$L = (z_k - z_y) + \operatorname{log1p}\Bigl(\sum_{j \ne k} e^{z_j - z_k}\Bigr)$$

    in which no term is negative, so nothing can cancel; $\operatorname{log1p}(x) = \log(1 + x)$ keeps a
    small $x$ that would be lost beside the 1.

    ## What float16 loses

    Training in half precision has two more traps. A **sum** in float16 stops growing: when the next loss
    is smaller than half the distance between two neighbouring numbers, adding it changes nothing. And the
    gradient of a **mean** over $N$ rows is divided by $N$, until it is 0.
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    power = mo.ui.slider(
        0, 12, 1, value=12, label="rows N, as a power of 2", show_value=True, full_width=True
    )
    power
    return (power,)


@app.cell(hide_code=True)
def _(np, power, show, xent):
    N = 2**power.value
    batch = np.tile(np.array([[1.0, 0.0]], dtype=np.float16), (N, 1))
    labels = np.zeros(N, dtype=int)
    each = np.asarray(xent.cross_entropy(batch, labels, reduction="none")).astype(np.float16)
    running = float(np.cumsum(each, dtype=np.float16)[-1])
    show.numbers(
        [
            ("rows N", str(N)),
            ("loss of each row", float(each[0])),
            ("mean by a running sum in float16", running / N),
            ("mean by xent, from float16 logits", float(xent.cross_entropy(batch, labels))),
        ]
    )
    return


@app.cell(hide_code=True)
def _(mo):
    depth = mo.ui.slider(
        0,
        26,
        1,
        value=23,
        label="rows in the mean, as a power of 2",
        show_value=True,
        full_width=True,
    )
    depth
    return (depth,)


@app.cell(hide_code=True)
def _(depth, mo, np, show, xent):
    _, slopes = xent.cross_entropy(
        [1.0, 0.0], 0, sample_weight=2.0**-depth.value, reduction="sum", return_grad=True
    )
    mo.vstack(
        [
            show.numbers(
                [
                    ("rows in the mean", str(2**depth.value)),
                    ("gradient for a logit of class 1", f"{slopes[1]:.4g}"),
                    ("the same in float16", f"{float(np.float16(slopes[1])):.4g}"),
                ]
            ),
            mo.md(
                "The remedies: losses and sums in float32 or better, whatever the dtype of the logits "
                "(the library does so), and *loss scaling*: multiply the loss by a large number before "
                "the backward pass, and divide the weights' gradients by it afterwards. In a language "
                "model the rows are the tokens of a batch, and there are millions."
            ),
        ]
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## Think, then open
    """)
    return


@app.cell(hide_code=True)
def _(mo, show):
    mo.vstack(
        [
            show.answer(
                "A loss is exactly 0.0 in the training log. Is the model perfect?",
                "No: p is below 1 for all finite logits. The formula has lost the digits, and since the "
                "gradient comes from the same p, the row has stopped teaching.",
            ),
            show.answer(
                "Does it help to clip p to 1e-7 and 1 − 1e-7?",
                "It hides `inf`, and makes two new mistakes: a wrong and confident row never costs more than "
                "16.1, and its gradient is 0, so that the model cannot learn from its worst rows. Pass "
                "logits, not probabilities, to the loss.",
            ),
            show.answer(
                "Where does the first nan of a training run come from, usually?",
                "From `inf - inf`, `inf / inf` or `0 · inf`. Find the first value that is not finite, not the "
                "first nan: an overflowing exponential, or the logarithm of 0, comes a few lines earlier.",
            ),
        ]
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## The same in Python
    """)
    return


@app.cell(hide_code=True)
def _(dtype, found, show, truth, z):
    show.code(
        f"""
>>> import numpy as np
>>> import xent
>>> logits = np.array([{z.value}, 0], dtype=np.{dtype.value})
>>> print(f"{{float(xent.cross_entropy(logits, {truth.value}, reduction='none')):.6g}}")
{float(found["xent"]):.6g}
"""
    )
    return


@app.cell(hide_code=True)
def _(show):
    show.around("breaks")
    return


if __name__ == "__main__":
    app.run()
