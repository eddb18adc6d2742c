import marimo

__generated_with = "0.25.2"

app = marimo.App(app_title="Debugging clinic", width="medium")


@app.cell(hide_code=True)
def _():
    import marimo as mo
    import numpy as np

    import xent
    from xent.learn import buggy_examples, show

    return buggy_examples, mo, np, show, xent


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # Debugging clinic

    A wrong gradient seldom crashes. Training just goes badly, and there are a hundred possible reasons.
    Each patient here has one mistake in its loss or its gradient. Read the complaint and the code, make
    a guess, then open the verdict of `xent.check.gradient`: it compares the gradient with numerical
    derivatives of the loss, the loss with cross-entropy, and gives the mistake its name.
    """)
    return


@app.cell(hide_code=True)
def _(buggy_examples, mo):
    who = mo.ui.dropdown(
        {example.symptom(): example for example in buggy_examples.EXAMPLES},
        value=buggy_examples.EXAMPLES[0].symptom(),
        label="patient",
    )
    rows = mo.ui.slider(
        6, 48, 1, value=12, label="rows in the batch", show_value=True, full_width=True
    )
    scale = mo.ui.slider(
        0.5, 8, 0.5, value=2, label="spread of the logits", show_value=True, full_width=True
    )
    mo.vstack([who, rows, scale])
    return rows, scale, who


@app.cell(hide_code=True)
def _(np, rows, scale):
    rng = np.random.default_rng(20)
    z = scale.value * rng.normal(size=(48, 4))[: rows.value]
    y = np.arange(48)[: rows.value] % 4
    return y, z


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## The patient's code
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
        "<p>With these logits the mistake does not show. Spread them further, and look again.</p>"
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
            ("loss of the patient", float(who.value.loss(z, y))),
            ("loss by xent", float(loss)),
            ("length of the patient's gradient", float(np.linalg.norm(given))),
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
        f"<details><summary>The cure, and the check after it</summary>{body}"
        f'<div style="overflow-x:auto">{after.to_html()}</div></details>'
    )
    return fixed_grad, fixed_loss


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## What it does to training

    Softmax regression on points of three classes in a plane, as many as the batch has rows, by gradient
    descent with the patient's gradient and with the cured one. Drawn is the true mean loss, by xent, and
    for the patient also what its own loss says. Training starts at chance, $\log 3 \approx 1.0986$;
    only the patient whose worst rows never get better starts where a model is sure and wrong.
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    rate = mo.ui.slider(
        0.1, 3, 0.1, value=1.0, label="learning rate", show_value=True, full_width=True
    )
    rate
    return (rate,)


@app.cell(hide_code=True)
def _(np, rows):
    cloud_rng = np.random.default_rng(3)
    kinds = np.arange(rows.value) % 3
    middles = np.array([[-1.2, -0.6], [1.2, -0.6], [0.0, 1.2]])
    cloud = middles[kinds] + 0.7 * cloud_rng.normal(size=(48, 2))[: rows.value]
    return cloud, kinds, middles


@app.cell(hide_code=True)
def _(cloud, fixed_grad, kinds, middles, np, rate, who, xent):
    def train(gradient, own):
        weight = who.value.start * middles
        true, said = [], []
        for _ in range(41):
            scores = cloud @ weight.T
            true.append(float(xent.cross_entropy(scores, kinds)))
            said.append(float(own(scores, kinds)))
            weight = weight - rate.value * np.asarray(gradient(scores, kinds)).T @ cloud
        return true, said

    ill, said = train(who.value.grad, who.value.loss)
    well, _ = train(fixed_grad, who.value.loss)
    return ill, said, well


@app.cell(hide_code=True)
def _(ill, said, show, well, who):
    def draw_training(ax):
        ax.plot(ill, "s-", color="#3b8bc4", markersize=3, label="patient")
        ax.plot(said, ":", color="#8c8c8c", label="what the patient's loss says")
        ax.plot(well, ".-", color="#e8761c", markersize=5, label="cured")
        ax.set(title="Mean loss in training", xlabel="step", ylabel="loss (nats)")
        ax.set_ylim(0, min(1.1 * max(*ill, *well, *said), 12))
        ax.legend(loc="best")

    show.beside(
        show.picture(
            draw_training,
            f"The mean loss in training with the complaint: {who.value.symptom().lower()}. With the "
            f"patient's gradient it goes from {ill[0]:.4f} to {ill[-1]:.4f}, with the cured one to "
            f"{well[-1]:.4f}.",
        ),
        show.numbers(
            [
                ("loss at the start", ill[0], said[0], well[0]),
                ("after 10 steps", ill[10], said[10], well[10]),
                ("after 40 steps", ill[40], said[40], well[40]),
            ],
            heads=("mean loss", "patient", "as it says", "cured"),
        ),
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## At home

    The same for a loss of your own, of NumPy, PyTorch or JAX:

    ```python
    report = xent.check.gradient(my_loss, my_grad, logits, labels)
    print(report)            # the verdict, the mistake, the worst entries
    assert report            # in a test
    ```

    `xent audit my_module:my_loss` holds a loss against exact answers, and `xent diagnose predictions.csv`
    looks at a file of predictions.
    """)
    return


@app.cell(hide_code=True)
def _(show):
    show.around("clinic")
    return


if __name__ == "__main__":
    app.run()
