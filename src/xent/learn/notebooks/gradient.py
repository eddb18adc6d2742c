# /// script
# [tool.marimo.display]
# theme = "system"
# ///

import marimo

__generated_with = "0.25.2"

app = marimo.App(app_title="The gradient", width="medium")


@app.cell(hide_code=True)
def _():
    import marimo as mo
    import numpy as np

    import xent
    from xent import plots
    from xent.learn import show
    from xent.plots.colours import shade
    from xent.plots.style import titled

    return mo, np, plots, shade, show, titled, xent


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # The gradient

    The loss says how wrong a logit is; its **gradient** says where to move it. For one logit $z$
    with probability $p$ and label $y$ it is as short as can be:

    $$\frac{dL}{dz} = p - y$$

    prediction minus truth. Gradient descent moves the logit against it, $z \leftarrow z - \eta\,(p - y)$,
    with a learning rate $\eta$.

    ## Walk downhill

    Start from a logit that is confident and wrong. Press *Take a step* a few times, and look at what the
    step does to the loss: the curve is steep where the model is wrong and flat where it is right, so
    the steps become small by themselves. Then try a large learning rate: it applies from the next step
    on.
    """)
    return


@app.cell(hide_code=True)
def _(mo, show):
    get_base, set_base = mo.state(0)
    z = mo.ui.slider(
        -10, 10, 0.1, value=-3.0, label="start: logit z", show_value=True, full_width=True
    )
    y = mo.ui.dropdown({"0": 0, "1": 1}, value="1", label="true label")
    rate = mo.ui.slider(
        0.1, 10, 0.1, value=1.0, label="learning rate", show_value=True, full_width=True
    )
    step = show.Clicks("Take a step")
    rates_taken = []
    again = mo.ui.button(label="Start again", on_click=lambda _: set_base(step.value))
    buttons = mo.hstack([step, again], justify="start", wrap=True)
    show.beside(mo.vstack([z, rate]), mo.vstack([y, buttons]))
    return get_base, rate, rates_taken, step, y, z


@app.cell(hide_code=True)
def _(get_base, rate, rates_taken, show, step, xent, y, z):
    walk = [float(z.value)]
    for _rate in show.kept(rates_taken, step.value - get_base(), rate.value):
        _, push = xent.binary_cross_entropy(walk[-1], y.value, return_grad=True)
        walk.append(walk[-1] - _rate * float(push))
    return (walk,)


@app.cell(hide_code=True)
def _(mo, rate, show, walk, xent, y):
    here = walk[-1]
    loss, slope = (
        float(number) for number in xent.binary_cross_entropy(here, y.value, return_grad=True)
    )
    there = here - rate.value * slope
    after, slope_after = (
        float(number) for number in xent.binary_cross_entropy(there, y.value, return_grad=True)
    )
    rows = [
        ("logit z", here, there),
        ("probability p of label 1", float(xent.sigmoid(here)), float(xent.sigmoid(there))),
        ("gradient dL/dz = p - y", slope, slope_after),
        ("loss, in nats", loss, after),
    ]
    mo.vstack(
        [
            show.numbers(rows, heads=("", "now", "after a step")),
            mo.md(
                f"The next step is $-\\eta\\,(p - y) = -{rate.value:g} \\cdot ({slope:.4f}) = "
                f"{-rate.value * slope:.4f}$. The loss will "
                + (
                    f"fall by {loss - after:.4f}."
                    if after <= loss
                    else f"*rise* by {after - loss:.4f}."
                )
                + f" Steps taken: {len(walk) - 1}."
            ),
        ]
    )
    return here, loss, slope


@app.cell(hide_code=True)
def _(here, loss, np, plots, shade, show, slope, titled, walk, xent, y):
    def draw_walk(ax):
        plots.loss_curves(here, y.value, ax=ax)
        past = np.array(walk)
        heights = xent.binary_cross_entropy(past, np.full(past.shape, y.value), reduction="none")
        ax.plot(past, heights, ".-", color=shade("pull"), linewidth=1, label="walked")
        reach = np.array([-2.0, 2.0])
        ax.plot(here + reach, loss + slope * reach, color=shade("push"), label="slope p - y")
        titled(ax, "Loss of one row")

    show.beside(
        show.picture(
            draw_walk,
            f"The loss of label {y.value} against the logit, with the points walked so far. At "
            f"z = {here:.4f} the loss is {loss:.4f} and the tangent's slope is {slope:.4f}.",
        ),
        show.picture(
            lambda ax: plots.gradient_curves(here, y.value, ax=ax),
            "The gradient against the logit: between -1 and 0 for label 1, between 0 and 1 for label "
            f"0. At z = {here:.4f} it is {slope:.4f}.",
        ),
    )
    return


@app.cell(hide_code=True)
def _(mo, show):
    mo.vstack(
        [
            show.answer(
                "How large can the gradient become?",
                "Never beyond 1 in size, however wrong the model: p and y both lie between 0 and 1. "
                "A squared error through a sigmoid has another factor, p (1 − p), which goes to 0 just "
                "where the model is confident and wrong: it would stop learning there.",
            ),
            show.answer(
                "With which learning rate does a step first make the loss rise?",
                "For one logit alone, with none: the loss falls all the way to the right side, and a "
                "step never goes uphill, since the loss of one example has no lowest point. The loss of a "
                "data set has one, because labels disagree, and a long step goes past it: in the "
                "notebook *A whole data set* from a learning rate of about 10.",
            ),
        ]
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Why it is p − y

    By the chain rule, in two steps: how the probability follows the logit, and how the loss follows
    the probability.
    """)
    return


@app.cell(hide_code=True)
def _(here, show, xent, y):
    story = xent.explain(here, label=y.value)
    show.steps(
        story,
        *[step.name for step in story.steps if step.section == "Where the gradient comes from"],
        "Gradient for the logit",
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Trust, but check

    A derivation may be wrong, and a program even more easily. The check: move the logit by a small $h$, and
    see what the loss does.

    $$\frac{L(z + h) - L(z)}{h} \quad\text{(forward)} \qquad \frac{L(z + h) - L(z - h)}{2h} \quad\text{(central)}$$

    How small? Too large a step misses the bend of the curve (*truncation*); too small a step is lost in
    the last digits of the loss (*rounding*). The best one lies between. Find it.
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    size = mo.ui.slider(
        -13, 0, 0.25, value=-5, label="log10 of the step h", show_value=True, full_width=True
    )
    method = mo.ui.dropdown(["forward", "central"], value="forward", label="difference")
    mo.vstack([size, method])
    return method, size


@app.cell(hide_code=True)
def _(here, method, mo, show, size, xent, y):
    h = 10.0**size.value
    report = xent.check.gradient(
        xent.binary_cross_entropy,
        lambda z, target: xent.binary_cross_entropy(z, target, return_grad=True)[1],
        here,
        y.value,
        method=method.value,
        h=h,
        progress=False,
    )
    numeric, analytic = float(report.numeric.value[0]), float(report.analytic[0])
    mo.vstack(
        [
            show.numbers(
                [
                    ("step h", f"{h:.3g}"),
                    ("numerical", f"{numeric:.15g}"),
                    ("analytic, p - y", f"{analytic:.15g}"),
                    ("difference", f"{abs(numeric - analytic):.3g}"),
                    ("estimated truncation", f"{float(report.numeric.truncation[0]):.3g}"),
                    ("estimated rounding, at most", f"{float(report.numeric.rounding[0]):.3g}"),
                ]
            ),
            mo.md(
                "Both estimates come from the losses alone, without knowing the answer. That is "
                "how `xent.check.gradient` tells a wrong gradient from a bad step."
            ),
        ]
    )
    return analytic, h, numeric


@app.cell(hide_code=True)
def _(analytic, h, here, method, numeric, plots, shade, show, y):
    def draw_error(ax):
        plots.gradient_error(here, y.value, method=method.value, points=27, ax=ax)
        ax.axvline(h, color=shade("other"), linewidth=1)
        ax.plot([h], [max(abs(numeric - analytic), 1e-17)], "o", color=shade("true"), markersize=8)

    show.picture(
        draw_error,
        f"The error of the {method.value} difference against the step h, both logarithmic: a V whose "
        f"left side is rounding and whose right side is truncation. At h = {h:.3g} the error is "
        f"{abs(numeric - analytic):.3g}.",
        size=(7.0, 4.2),
    )
    return


@app.cell(hide_code=True)
def _(mo, show):
    mo.vstack(
        [
            show.answer(
                "Why does the central difference reach a smaller error?",
                "Its truncation shrinks with h², the forward one's with h, while their rounding is "
                "similar. So the V of the central difference has its tip at a larger h, and lower.",
            ),
            show.answer(
                "The study notes take h = 1e-5, forward, at z = 1, and find a difference of 9.83e-07. "
                "Is the gradient wrong?",
                "No: half of h times the second derivative p (1 − p) is just that, 9.83e-07. It is the "
                "truncation of a forward difference. Take the central one at the same h.",
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
def _(here, loss, show, slope, y):
    show.code(
        f"""
>>> import xent
>>> loss, slope = xent.binary_cross_entropy({here!r}, {y.value}, return_grad=True)
>>> print(f"{{loss:.4f}} {{slope:.4f}}")
{loss:.4f} {slope:.4f}
"""
    )
    return


@app.cell(hide_code=True)
def _(show):
    show.around("gradient")
    return


if __name__ == "__main__":
    app.run()
