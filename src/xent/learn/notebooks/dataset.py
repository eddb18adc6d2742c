# /// script
# [tool.marimo.display]
# theme = "system"
# ///

import marimo

__generated_with = "0.25.2"

app = marimo.App(app_title="A whole data set", width="medium")


@app.cell(hide_code=True)
def _():
    import marimo as mo
    import numpy as np

    import xent
    from xent import plots
    from xent.learn import drag, show
    from xent.plots.colours import shade
    from xent.plots.style import titled

    return drag, mo, np, plots, shade, show, titled, xent


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # A whole data set

    A model is judged by its *mean* loss over many rows. Here are ten, each with one feature $x$ and a
    label. The model is logistic regression, $z = w \cdot (x - c)$: it favours label 1 to the right of
    the boundary $c$, and grows more confident as $w$ grows.

    **Drag a point or the boundary**, or focus it with Tab and use the arrow keys.
    """)
    return


@app.cell(hide_code=True)
def _(drag, mo):
    POINTS = [-2.2, -1.4, -0.8, 0.2, 0.4, 0.8, 1.2, 2.2, 2.9, 4.6]
    LABELS = [0, 0, 1, 0, 1, 1, 1, 1, 1, 1]
    line = mo.ui.anywidget(drag.Line(points=POINTS, labels=LABELS, boundary=-0.5))
    steep = mo.ui.slider(
        0, 6, 0.1, value=1.6, label="steepness w", show_value=True, full_width=True
    )
    frame = mo.ui.dropdown(
        {"1 points": 1, "2 probabilities": 2, "3 losses": 3, "4 mean": 4, "all": 0},
        value="all",
        label="picture",
    )
    mo.vstack([line, steep, frame])
    return LABELS, frame, line, steep


@app.cell(hide_code=True)
def _(LABELS, line, np, steep, xent):
    x, y = np.array(line.value["points"], dtype=float), np.array(LABELS)
    boundary = float(line.value["boundary"])
    logits = steep.value * (x - boundary)
    losses = np.asarray(xent.binary_cross_entropy(logits, y, reduction="none"))
    mean = float(xent.binary_cross_entropy(logits, y))
    worst = int(np.argmax(losses))
    return boundary, logits, losses, mean, worst, x, y


@app.cell(hide_code=True)
def _(boundary, losses, mean, show, worst, x, xent, y):
    shares = [y.mean()] * len(y)
    show.numbers(
        [
            ("boundary c", boundary),
            ("mean loss, in nats", mean),
            ("loss of always saying 1/2", float(xent.log_loss(y, [0.5] * len(y)))),
            ("loss of always saying the share of label 1", float(xent.log_loss(y, shares))),
            (f"worst point: {worst}, at x = {x[worst]:g}, label {y[worst]}", losses[worst]),
        ]
    )
    return


@app.cell(hide_code=True)
def _(frame, logits, mean, plots, show, x, y):
    def drawing(number):
        titles = {
            1: "The points on the sigmoid of the model.",
            2: "A bar for each point: the probability of its true label.",
            3: "A bar for each point: its loss, -log of that probability.",
            4: f"The same losses with their mean, {mean:.4f} nats.",
        }
        return show.picture(
            lambda ax: plots.dataset(logits, y, number, x=x, x_name="feature x", ax=ax),
            titles[number],
        )

    show.beside(
        *[drawing(number) for number in ([frame.value] if frame.value else (1, 2, 3, 4))],
        least="24rem",
    )
    return


@app.cell(hide_code=True)
def _(mo, show):
    mo.vstack(
        [
            show.answer(
                "Why can no boundary bring the mean loss to 0 here?",
                "The labels overlap: at first the point at −0.8 has label 1 and the one at 0.2 has label "
                "0, and whatever the boundary, one of them is on the wrong side. Drag them past each "
                "other, and make w large: now the loss goes to 0, and training would increase w for ever.",
            ),
            show.answer(
                "Drag the right-most point, label 1, far to the left. What happens to the mean?",
                "It grows without limit, because of that one point: a mean of losses forgives many small "
                "doubts but no confident mistake. Look at your worst rows first; `xent score` lists them.",
            ),
        ]
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Train it

    Now let gradient descent find weight and bias, $z = w x + b$, from $w = b = 0$. There each row
    costs the chance loss $\log 2 \approx 0.6931$, whatever the data. The map shows the mean loss for
    all weights and biases, and the path of the descent; the points above can still be dragged.

    **How long may a step be?** Try the learning rates from small to large, starting again each time.
    With 1 the loss falls at every step. With 10 the first step goes across the valley and *up* the other
    side (for the points as they are at first), but later ones still find the way down. With 20 the
    descent never settles: it jumps from one side to the other. Changing the rate does not change steps
    already taken, so start with a large rate and go on with a small one.
    """)
    return


@app.cell(hide_code=True)
def _(mo, show):
    get_base, set_base = mo.state(-10)
    rate = mo.ui.slider(
        steps=[0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50],
        value=1,
        label="learning rate",
        show_value=True,
        full_width=True,
    )
    rates_taken = []
    one, ten, hundred = (show.Clicks(name) for name in ("1 step", "10 steps", "100 steps"))
    restart = mo.ui.button(
        label="Start again",
        on_click=lambda _: set_base(one.value + 10 * ten.value + 100 * hundred.value),
    )
    mo.vstack([rate, mo.hstack([one, ten, hundred, restart], justify="start", wrap=True)])
    return get_base, hundred, one, rate, rates_taken, ten


@app.cell(hide_code=True)
def _(get_base, hundred, one, rate, rates_taken, show, ten):
    steps = min(one.value + 10 * ten.value + 100 * hundred.value - get_base(), 1000)
    rates = show.kept(rates_taken, steps, rate.value)
    return rates, steps


@app.cell(hide_code=True)
def _(np, plots, rates, steps, x, xent, y):
    features = np.stack([x, np.ones(len(x))], axis=1)
    path = plots.descend(features, y, rate=rates, steps=steps)
    trained = [float(xent.binary_cross_entropy(features @ weights, y)) for weights in path]
    return features, path, trained


@app.cell(hide_code=True)
def _(features, np, path, plots, shade, show, trained, y):
    def draw_losses(ax):
        ax.plot(np.arange(len(trained)), trained, ".-", color=shade("true"), markersize=4)
        ax.set(title="Mean loss in training", xlabel="step", ylabel="loss (nats)")
        ax.locator_params(axis="x", integer=True)
        ax.set(xlim=(-0.5, max(10, len(trained))), ylim=(0, 1.1 * max(trained)))

    show.beside(
        show.picture(
            lambda ax: plots.loss_surface(features, y, path, ax=ax),
            "A contour map of the mean loss over weight and bias, with the descent from (0, 0) to "
            f"({path[-1][0]:.4f}, {path[-1][1]:.4f}).",
        ),
        show.picture(
            draw_losses,
            f"The mean loss against the step, from {trained[0]:.4f} to {trained[-1]:.4f}.",
        ),
    )
    return


@app.cell(hide_code=True)
def _(path, show, steps, trained):
    show.numbers(
        [
            ("steps", str(steps)),
            ("weight w", path[-1][0]),
            ("bias b", path[-1][1]),
            ("mean loss at the start", trained[0]),
            ("mean loss now", trained[-1]),
        ]
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Three classes, two features

    The same with softmax: a row of weights for each class, all zero at first. The chance loss is
    $\log 3 \approx 1.0986$. One call of `xent.linear_cross_entropy` gives the loss and the gradients
    of weights and biases.
    """)
    return


@app.cell(hide_code=True)
def _(mo, show):
    get_start, set_start = mo.state(-10)
    speed = mo.ui.slider(
        steps=[0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50],
        value=0.5,
        label="learning rate, three classes",
        show_value=True,
        full_width=True,
    )
    names = ("1 step, three classes", "10 steps, three classes", "100 steps, three classes")
    first, second, third = (show.Clicks(name) for name in names)
    anew = mo.ui.button(
        label="Start again, three classes",
        on_click=lambda _: set_start(first.value + 10 * second.value + 100 * third.value),
    )
    speeds_taken = []
    mo.vstack([speed, mo.hstack([first, second, third, anew], justify="start", wrap=True)])
    return first, get_start, second, speed, speeds_taken, third


@app.cell(hide_code=True)
def _(first, get_start, second, show, speed, speeds_taken, third):
    learnt = min(first.value + 10 * second.value + 100 * third.value - get_start(), 1000)
    speeds = show.kept(speeds_taken, learnt, speed.value)
    return (speeds,)


@app.cell(hide_code=True)
def _(np):
    rng = np.random.default_rng(3)
    kinds = np.repeat(np.arange(3), 20)
    middles = np.array([[-1.2, -0.6], [1.2, -0.6], [0.0, 1.2]])
    cloud = middles[kinds] + rng.normal(scale=0.7, size=(60, 2))
    return cloud, kinds


@app.cell(hide_code=True)
def _(cloud, kinds, np, speeds, xent):
    weight, bias = np.zeros((3, 2)), np.zeros(3)
    curve = [float(xent.linear_cross_entropy(cloud, weight, kinds, bias))]
    for size in speeds:
        _, (_, to_weight, to_bias) = xent.linear_cross_entropy(
            cloud, weight, kinds, bias, return_grad=True
        )
        weight, bias = weight - size * to_weight, bias - size * to_bias
        curve.append(float(xent.linear_cross_entropy(cloud, weight, kinds, bias)))
    right = float(np.mean((cloud @ weight.T + bias).argmax(axis=1) == kinds))
    return bias, curve, right, weight


@app.cell(hide_code=True)
def _(bias, cloud, curve, kinds, np, right, shade, show, titled, weight, xent):
    def draw_regions(ax):
        sides = np.linspace(-3, 3, 61)
        grid = np.stack(np.meshgrid(sides, sides), axis=-1)
        sure = np.asarray(xent.softmax(grid @ weight.T + bias)).max(axis=-1)
        if np.ptp(sure) > 0:
            marks = ax.contour(
                sides, sides, sure, levels=[0.4, 0.6, 0.8, 0.9], colors=shade("other")
            )
            ax.clabel(marks, fmt="%.1f", fontsize="x-small", colors=ax.title.get_color())
        for kind, (role, sign) in enumerate(zip(("push", "true", "pull"), "os^", strict=True)):
            points = cloud[kinds == kind].T
            ax.scatter(*points, color=shade(role), marker=sign, label=f"class {kind}")
        ax.set(xlabel="feature 0", ylabel="feature 1")
        titled(ax, "Probability of the likeliest class", columns=3)

    def draw_curve(ax):
        ax.plot(curve, ".-", color=shade("true"), markersize=4)
        ax.set(title="Mean loss in training", xlabel="step", ylabel="loss (nats)")
        ax.locator_params(axis="x", integer=True)
        ax.set(xlim=(-0.5, max(10, len(curve))), ylim=(0, 1.1 * max(curve)))

    show.beside(
        show.picture(
            draw_regions,
            "60 points of three classes in a plane"
            + (
                ", with contours of the probability of the likeliest class: low along the borders "
                "between the classes."
                if len(curve) > 1
                else "; untrained, every class has the same probability everywhere."
            ),
        ),
        show.picture(draw_curve, f"The mean loss from {curve[0]:.4f} to {curve[-1]:.4f}."),
        show.numbers(
            [
                ("steps, three classes", str(len(curve) - 1)),
                ("loss at the start", curve[0]),
                ("loss now", curve[-1]),
                ("accuracy", right),
            ]
        ),
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## The same in Python
    """)
    return


@app.cell(hide_code=True)
def _(logits, mean, show, y):
    show.code(
        f"""
>>> import xent
>>> logits = {logits.round(4).tolist()}
>>> labels = {y.tolist()}
>>> print(f"{{xent.binary_cross_entropy(logits, labels):.4f}}")
{mean:.4f}
"""
    )
    return


@app.cell(hide_code=True)
def _(show):
    show.around("dataset")
    return


if __name__ == "__main__":
    app.run()
