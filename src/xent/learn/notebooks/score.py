# /// script
# [tool.marimo.display]
# theme = "system"
# ///

import marimo

__generated_with = "0.25.2"

app = marimo.App(app_title="From score to loss", width="medium")


@app.cell(hide_code=True)
def _():
    import marimo as mo

    import xent
    from xent import plots
    from xent.learn import show

    return mo, plots, show, xent


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # From score to loss

    A model that tells two classes apart outputs one number for each example: the **logit** $z$. Above
    0 it favours label 1, below 0 label 0; the further from 0, the more confident it is.

    Two steps lead to the loss. The **sigmoid** turns the logit into a probability $p$ of label 1.
    The **loss** is $-\log$ of the probability that was given to the *true* label: small where the
    model was right, large where it was confident and wrong.

    Move the logit, with the mouse or with Tab and the arrow keys, and change the true label. All
    numbers, curves and formulas follow.
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    z = mo.ui.slider(-10, 10, 0.1, value=2.0, label="logit z", show_value=True, full_width=True)
    y = mo.ui.dropdown({"0": 0, "1": 1}, value="1", label="true label")
    mo.vstack([z, y])
    return y, z


@app.cell(hide_code=True)
def _(show, xent, y, z):
    story = xent.explain(z.value, label=y.value)
    p, loss = float(story.probabilities), story.loss
    meant = float(xent.sigmoid(z.value if y.value else -z.value))
    show.numbers(
        [
            ("logit z", z.value),
            ("probability p of label 1", p),
            (f"probability of the true label {y.value}", meant),
            ("loss, in nats", loss),
        ]
    )
    return loss, p, story


@app.cell(hide_code=True)
def _(loss, p, plots, show, y, z):
    show.beside(
        show.picture(
            lambda ax: plots.sigmoid_curve(z.value, ax=ax),
            f"The sigmoid rises from 0 to 1 in the shape of an S; at z = {z.value:g} it is {p:.4f}.",
        ),
        show.picture(
            lambda ax: plots.loss_curves(z.value, y.value, ax=ax),
            "The loss against the logit: a curve that falls for label 1, its mirror image for "
            f"label 0. At z = {z.value:g} and label {y.value} it is {loss:.4f} nats.",
        ),
    )
    return


@app.cell(hide_code=True)
def _(show, story):
    show.steps(story, "Exponential", "Probability of label 1", "Loss")
    return


@app.cell(hide_code=True)
def _(show, story):
    show.steps(story, "The loss in other units and in comparison")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What a mistake costs

    The loss has no upper limit. Right answers differ by little, wrong ones by much: well on the wrong
    side each further unit of the logit costs nearly one nat more.
    """)
    return


@app.cell(hide_code=True)
def _(show, xent, y):
    scores = [-8.0, -4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0, 8.0]
    show.numbers(
        [
            (
                f"{score:g}",
                float(xent.sigmoid(score)),
                float(xent.binary_cross_entropy(score, y.value)),
            )
            for score in scores
        ],
        heads=("logit z", "probability p", f"loss for label {y.value}"),
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
                "A model knows nothing and says z = 0. What does each example cost, whatever its label?",
                f"$-\\log \\frac12 = \\log 2 \\approx {float(xent.binary_cross_entropy(0.0, 1)):.4f}$ "
                "nats, one bit. It is the *chance loss*: a model that costs more than this on average "
                "would do better to say nothing.",
            ),
            show.answer(
                "Label 1 at z = 2, and label 0 at z = −2: which costs more?",
                "Neither: both gave 0.8808 to the truth, and cost "
                f"{float(xent.binary_cross_entropy(2.0, 1)):.4f} nats. The sigmoid of −z is 1 minus the "
                "sigmoid of z, so the two curves are mirror images.",
            ),
            show.answer(
                "p was cut to 0.817, and −log 0.817 gives 0.202. The exact loss at z = 1.5 is "
                f"{float(xent.binary_cross_entropy(1.5, 1)):.4f}, which rounds to 0.201. Why?",
                "Cutting p too early changed the last digit of the loss; p is 0.8176. Compute with all "
                "digits, and round only what is shown, once, at the end.",
            ),
            show.answer(
                "Is log p a loss?",
                "No, the loss is −log p. log p is the *log-likelihood*: at most 0, and to be "
                "maximised. Whoever calls it the loss finds the gradient 1 − p where it should be p − 1.",
            ),
            show.answer(
                "At what logit is the loss exactly 0?",
                "At none: p < 1 for every finite logit. At z = 40 the loss of label 1 is "
                f"{float(xent.binary_cross_entropy(40.0, 1)):.3g}, though p is printed as 1. Formulas "
                "that compute p first give 0 there; see the notebook *Numbers break*.",
            ),
        ]
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Where a logit comes from

    In logistic regression it is a weighted sum of features, $z = w \cdot x + b$. Here with two
    features, $x = (1, -2.5)$: move the weights and the bias.
    """)
    return


@app.cell(hide_code=True)
def _(mo, show):
    w0 = mo.ui.slider(-2, 2, 0.1, value=0.4, label="weight w0", show_value=True)
    w1 = mo.ui.slider(-2, 2, 0.1, value=0.3, label="weight w1", show_value=True)
    bias = mo.ui.slider(-2, 2, 0.1, value=-0.2, label="bias b", show_value=True)
    show.beside(w0, w1, bias, least="12rem")
    return bias, w0, w1


@app.cell(hide_code=True)
def _(bias, show, w0, w1, xent, y):
    linear = xent.explain(
        features=[1.0, -2.5], weights=[w0.value, w1.value], bias=bias.value, label=y.value
    )
    show.steps(linear, *[step.name for step in linear.steps if step.section == "Prediction"])
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## The same in Python
    """)
    return


@app.cell(hide_code=True)
def _(loss, p, show, y, z):
    show.code(
        f"""
>>> import xent
>>> print(f"{{xent.sigmoid({z.value:g}):.4f}}")
{p:.4f}
>>> print(f"{{xent.binary_cross_entropy({z.value:g}, {y.value}):.4f}}")
{loss:.4f}
>>> print(xent.explain({z.value:g}, label={y.value}))  # doctest: +SKIP
"""
    )
    return


@app.cell(hide_code=True)
def _(show):
    show.around("score")
    return


if __name__ == "__main__":
    app.run()
