# /// script
# [tool.marimo.display]
# theme = "system"
# ///

import marimo

__generated_with = "0.25.2"

app = marimo.App(app_title="Many classes", width="medium")


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
    # Many classes

    With $K$ classes a model gives $K$ logits, one for each. The **softmax** turns them into
    probabilities, $p_j = e^{z_j} / \sum_k e^{z_k}$: all positive, with the sum 1. The loss is again $-\log$ of the
    probability given to the true class, and the gradient again prediction minus truth, for each logit:

    $$\frac{\partial L}{\partial z_j} = p_j - y_j$$

    where $y_j$ is 1 for the true class and 0 for the others.

    ## Bars and arrows

    A bar is a probability. The arrow beside it shows where gradient descent pushes the logit; it points
    from the probability to the target. The others are pushed down by exactly as much as the true class
    is pulled up: the arrows sum to zero.
    """)
    return


@app.cell(hide_code=True)
def _(mo, show):
    get_base, set_base = mo.state(0)
    sliders = [
        mo.ui.slider(
            -6, 6, 0.1, value=start, label=f"start: logit z{k}", show_value=True, full_width=True
        )
        for k, start in enumerate([2.0, 1.0, 0.1])
    ]
    truth = mo.ui.dropdown(
        {"class 0": 0, "class 1": 1, "class 2": 2, "soft: 0.7, 0.2, 0.1": [0.7, 0.2, 0.1]},
        value="class 0",
        label="truth",
    )
    smoothing = mo.ui.slider(
        0, 0.5, 0.05, value=0, label="label smoothing", show_value=True, full_width=True
    )
    rate = mo.ui.slider(
        0.1, 5, 0.1, value=1.0, label="learning rate", show_value=True, full_width=True
    )
    step = show.Clicks("Take a step")
    again = mo.ui.button(label="Start again", on_click=lambda _: set_base(step.value))
    controls = mo.ui.array(sliders)
    rates_taken = []
    buttons = mo.hstack([step, again], justify="start", wrap=True)
    show.beside(mo.vstack([*controls]), mo.vstack([truth, smoothing, rate, buttons]))
    return controls, get_base, rate, rates_taken, smoothing, step, truth


@app.cell(hide_code=True)
def _(controls, get_base, np, rate, rates_taken, show, smoothing, step, truth, xent):
    logits = [float(start) for start in controls.value]
    steps = step.value - get_base()
    for size in show.kept(rates_taken, steps, rate.value):
        _, push = xent.cross_entropy(
            logits, truth.value, label_smoothing=smoothing.value, return_grad=True
        )
        logits = (np.array(logits) - size * np.asarray(push)).tolist()
    return logits, steps


@app.cell(hide_code=True)
def _(logits, np, smoothing, truth, xent):
    _options = {"label_smoothing": smoothing.value, "return_grad": True}
    loss, grad = xent.cross_entropy(logits, truth.value, **_options)
    loss, grad, p = float(loss), np.asarray(grad), np.asarray(xent.softmax(logits))
    target = p - grad
    return grad, loss, p, target


@app.cell(hide_code=True)
def _(grad, logits, loss, p, plots, show, smoothing, steps, target, truth):
    show.beside(
        show.picture(
            lambda ax: plots.class_bars(
                logits, truth.value, label_smoothing=smoothing.value, ax=ax
            ),
            "A bar for each class with its probability, and an arrow with the step of its logit: "
            + "; ".join(
                f"class {k}: {share:.4f}, arrow {-push:+.4f}"
                for k, (share, push) in enumerate(zip(p, grad, strict=True))
            )
            + ".",
        ),
        show.numbers(
            [
                *((f"class {k}", logits[k], p[k], target[k], grad[k]) for k in range(3)),
                ("sum", "", p.sum(), target.sum(), abs(grad.sum().round(12))),
                ("loss, in nats", loss, "", "", ""),
                ("steps taken", str(steps), "", "", ""),
            ],
            heads=("", "logit z", "probability p", "target y", "gradient p - y"),
        ),
    )
    return


@app.cell(hide_code=True)
def _(logits, loss, mo, p, show, smoothing, target, truth, xent):
    label = truth.value if isinstance(truth.value, int) else 0
    story = xent.explain(logits, label=label)
    softmax = show.steps(story, "Exponentials", "Sum of the exponentials", "Probabilities")
    if isinstance(truth.value, int) and not smoothing.value:
        own = show.steps(story, "Loss")
    else:
        terms = " + ".join(
            rf"{y:.4f} \cdot \log({share:.4f})" for y, share in zip(target, p, strict=True)
        )
        own = mo.md(rf"""
    **Loss**

    $$L = -\sum_j y_j \log p_j = -({terms}) \approx {loss:.4f}$$

    The target gives a share to each class, and each share pays for its own surprise. The gradient
    stays $p_j - y_j$, and the arrows end at the target's shares. The loss no longer goes to 0, but
    to the entropy of the target. (Soft labels are the votes of several annotators, or the predictions
    of a larger model: *distillation*.)
    """)
    mo.vstack([softmax, own])
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Only differences count

    Add the same number to all logits: numerator and denominator both grow by the factor $e^c$, and
    nothing changes. So the largest logit can be subtracted first, and then no exponential overflows; the
    notebook *Numbers break* shows what happens otherwise.
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    constant = mo.ui.slider(
        -50, 50, 1, value=10, label="constant c for all logits", show_value=True, full_width=True
    )
    constant
    return (constant,)


@app.cell(hide_code=True)
def _(constant, logits, np, p, show, xent):
    moved = np.array(logits) + constant.value
    show.numbers(
        [
            (f"class {k}", logits[k], p[k], moved[k], float(share))
            for k, share in enumerate(xent.softmax(moved))
        ],
        heads=("", "logit z", "softmax", "z + c", "softmax"),
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Smoothing keeps a model from being overconfident

    With hard labels the loss always falls when the true logit grows, so nothing limits its
    confidence. Label smoothing spreads a part of the target over all classes. Then there is a best margin
    between the true logit and the others, and beyond it the loss rises again.
    """)
    return


@app.cell(hide_code=True)
def _(np, shade, show, smoothing, titled, xent):
    def draw_margin(ax):
        margins = np.linspace(0, 12, 121)
        rows = np.stack([margins, 0 * margins, 0 * margins], axis=1)
        labels = np.zeros(len(rows), dtype=int)
        for part, dashes, colour in (
            (0.0, "--", shade("push")),
            (smoothing.value or 0.1, "-", shade("true")),
        ):
            losses = xent.cross_entropy(rows, labels, label_smoothing=part, reduction="none")
            name = f"smoothing {part:g}"
            if part:
                best = int(np.argmin(losses))
                ax.plot(margins[best], losses[best], "o", color=colour)
                name += f": best margin {margins[best]:.1f}"
            ax.plot(margins, losses, dashes, color=colour, label=name)
        ax.set(xlabel="margin of the true logit over the others", ylabel="loss (nats)")
        titled(ax, "Loss of 3 classes, label 0")

    show.picture(
        draw_margin,
        "The loss against the margin of the true logit over the others. Without smoothing it falls "
        "towards 0; with smoothing it has a lowest point and rises again.",
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## Think, then open
    """)
    return


@app.cell(hide_code=True)
def _(mo, show, xent):
    mo.vstack(
        [
            show.answer(
                "A new network with K classes is not yet trained. What should its first loss be?",
                "About log K: all logits are nearly equal, and each class gets 1/K. For 10 classes "
                f"{float(xent.cross_entropy([0.0] * 10, 3)):.4f}, for 1000 "
                f"{float(xent.cross_entropy([0.0] * 1000, 3)):.4f}. If it is far from that, find the "
                "mistake before training.",
            ),
            show.answer(
                "Two classes, logits (2, 0): is that the binary loss?",
                "Yes: softmax of two logits is the sigmoid of their difference. The loss of label 0 is "
                f"{float(xent.cross_entropy([2.0, 0.0], 0)):.4f}, and the binary loss at z = 2, label 1, is "
                f"{float(xent.binary_cross_entropy(2.0, 1)):.4f}.",
            ),
            show.answer(
                "The study notes give the third probability as 0.098. What is it?",
                f"{float(xent.softmax([2.0, 1.0, 0.1])[2]):.4f}: to three places 0.099. It was cut off, "
                "not rounded.",
            ),
            show.answer(
                "Softmax is applied in the model, and again in the loss. What is the lowest loss for 10 classes?",
                "The second softmax sees numbers between 0 and 1, at best one 1 and nine 0: the loss never "
                f"goes below {float(xent.cross_entropy([1.0] + [0.0] * 9, 0)):.4f}. Training stalls, and "
                "there is no error message; see the *Debugging clinic*.",
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
def _(grad, logits, loss, show, smoothing, truth):
    show.code(
        f"""
>>> import xent
>>> loss, grad = xent.cross_entropy({logits!r}, {truth.value!r}, label_smoothing={smoothing.value!r}, return_grad=True)
>>> print(f"{{loss:.4f}}", grad.round(4))
{loss:.4f} {grad.round(4)}
"""
    )
    return


@app.cell(hide_code=True)
def _(show):
    show.around("classes")
    return


if __name__ == "__main__":
    app.run()
