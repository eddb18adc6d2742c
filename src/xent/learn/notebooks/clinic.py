# /// script
# [tool.marimo.display]
# theme = "system"
# ///

import marimo

__generated_with = "0.25.2"

app = marimo.App(app_title="Debugging clinic", width="medium")


@app.cell(hide_code=True)
def _():
    import marimo as mo
    import numpy as np

    import xent
    from xent.learn import buggy_examples, show, training
    from xent.plots.colours import shade
    from xent.plots.style import titled

    return buggy_examples, mo, np, shade, show, titled, training, xent


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # Debugging clinic

    A wrong gradient seldom crashes. Training just goes badly, and there are a hundred possible reasons.
    Each case here has one mistake in its loss or its gradient. Read the symptom and the code, make a
    guess, then open the verdict of `xent.check.gradient`: it compares the gradient with numerical
    derivatives of the loss, and the loss with cross-entropy, and names the mistake.
    """)
    return


@app.cell(hide_code=True)
def _(buggy_examples, mo):
    who = mo.ui.dropdown(
        {example.symptom(): example for example in buggy_examples.EXAMPLES},
        value=buggy_examples.EXAMPLES[0].symptom(),
        label="case",
    )
    ROWS = 24
    rows = mo.ui.slider(
        6, 48, 1, value=ROWS, label="rows in the batch", show_value=True, full_width=True
    )
    scale = mo.ui.slider(
        0.5, 8, 0.5, value=2, label="spread of the logits", show_value=True, full_width=True
    )
    mo.vstack([who, rows, scale])
    return ROWS, rows, scale, who


@app.cell(hide_code=True)
def _(np, rows, scale):
    rng = np.random.default_rng(20)
    z = scale.value * rng.normal(size=(48, 4))[: rows.value]
    y = np.arange(48)[: rows.value] % 4
    return y, z


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## The code
    """)
    return


@app.cell(hide_code=True)
def _(buggy_examples, mo, show, who):
    shared = [
        buggy_examples.source(buggy_examples.softmax),
        buggy_examples.source(buggy_examples.one_hot),
    ]
    mo.vstack(
        [
            show.code(
                "\n\n".join(
                    [buggy_examples.source(who.value.loss), buggy_examples.source(who.value.grad)]
                )
            ),
            mo.Html(
                "<details><summary>softmax and one_hot, which are right</summary>"
                + show.code("\n\n".join(shared)).text
                + "</details>"
            ),
        ]
    )
    return


@app.cell(hide_code=True)
def _(mo, who, xent, y, z):
    report = xent.check.gradient(who.value.loss, who.value.grad, z, y, progress=False)
    hidden = (
        "<p>With these logits the mistake does not show. Spread them out more, and look again.</p>"
        if report
        else ""
    )
    mo.Html(
        "<details><summary>The verdict</summary>"
        f'<div style="overflow-x:auto">{report.to_html()}</div>{hidden}</details>'
    )
    return (report,)


@app.cell(hide_code=True)
def _(np, report, rows, show, who, xent, y, z):
    given = np.asarray(who.value.grad(z, y))
    loss, due = xent.cross_entropy(z, y, return_grad=True)
    show.numbers(
        [
            ("rows in the batch", str(rows.value)),
            ("loss by the code", float(who.value.loss(z, y))),
            ("loss by xent", float(loss)),
            ("length of the code's gradient", float(np.linalg.norm(given))),
            ("length of the gradient by xent", float(np.linalg.norm(due))),
            ("entries that fail", f"{report.failed} of {given.size}"),
        ]
    )
    return


@app.cell(hide_code=True)
def _(buggy_examples, mo, show, who, xent, y, z):
    fixed_loss, fixed_grad = who.value.fix()
    after = xent.check.gradient(fixed_loss, fixed_grad, z, y, progress=False)
    changed = [
        buggy_examples.source(new)
        for new, old in ((fixed_loss, who.value.loss), (fixed_grad, who.value.grad))
        if new is not old
    ]
    body = show.code("\n\n".join(changed)).text
    mo.Html(
        f"<details><summary>The fix, and the check after it</summary>{body}"
        f'<div style="overflow-x:auto">{after.to_html()}</div></details>'
    )
    return fixed_grad, fixed_loss


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What it does to training

    Softmax regression on points of three classes in a plane, as many as the batch has rows, by gradient
    descent with the code's gradient and with the fixed one. Solid: the true mean loss. Dotted: what the
    code reports. Training starts at chance, $\log 3 \approx 1.0986$, or, where only confident mistakes
    show the symptom, far from it. The initial batch and learning rate are chosen to show it; change
    them to see when it disappears.
    """)
    return


@app.cell(hide_code=True)
def _(mo, who):
    rate = mo.ui.slider(
        steps=[0.1, 0.2, 0.5, 1, 2, 3, 5, 8, 10],
        value=who.value.rate,
        label="learning rate",
        show_value=True,
        full_width=True,
    )
    rate
    return (rate,)


@app.cell(hide_code=True)
def _(fixed_grad, fixed_loss, rate, rows, training, who):
    def train(loss, grad):
        return training.train(loss, grad, rows.value, rate=rate.value, start=who.value.start)

    wrong, right = train(who.value.loss, who.value.grad), train(fixed_loss, fixed_grad)
    return right, wrong


@app.cell(hide_code=True)
def _(ROWS, mo, rate, right, rows, shade, show, titled, who, wrong):
    def draw_training(ax):
        ax.plot(wrong.true, "s-", color=shade("push"), markersize=3, label="the code")
        ax.plot(wrong.reported, ":", color=shade("pull"), label="what the code reports", zorder=4)
        ax.plot(right.true, ".-", color=shade("true"), markersize=5, label="with the fix")
        ax.set(xlabel="step", ylabel="loss (nats)")
        ax.set_ylim(0, min(1.1 * max(*wrong.true, *right.true, *wrong.reported), 15))
        titled(ax, "Mean loss in training")

    def at(step):
        return wrong.true[step], wrong.reported[step], right.true[step]

    show.beside(
        show.picture(
            draw_training,
            f"The mean loss in training with the symptom: {who.value.symptom().lower()}. With the "
            f"code's gradient it goes from {wrong.true[0]:.4f} to {wrong.true[-1]:.4f}, with the fixed "
            f"one to {right.true[-1]:.4f}.",
        ),
        mo.vstack(
            [
                show.numbers(
                    [
                        ("loss at the start", *at(0)),
                        ("after 10 steps", *at(10)),
                        ("after 40 steps", *at(40)),
                        ("accuracy then", wrong.accuracy, "", right.accuracy),
                    ],
                    heads=("mean loss", "the code", "as reported", "with the fix"),
                ),
                mo.md(
                    who.value.seen
                    if rate.value == who.value.rate and rows.value == ROWS
                    else "*(At other settings the symptom may not show.)*"
                ),
            ]
        ),
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## With your own code

    The same for a loss of your own, in NumPy, PyTorch or JAX:

    ```python
    report = xent.check.gradient(my_loss, my_grad, logits, labels)
    print(report)            # the verdict, the mistake, the worst entries
    assert report            # in a test
    ```

    `xent audit my_module:my_loss` compares a loss with exact answers, and `xent diagnose predictions.csv`
    checks a file of predictions.
    """)
    return


@app.cell(hide_code=True)
def _(show):
    show.around("clinic")
    return


if __name__ == "__main__":
    app.run()
