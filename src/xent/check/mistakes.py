"""The catalogue of mistakes: each has one name, says why it matters and what to change.

The gradient check, the audit and the batch diagnosis all take names from here, so a mistake has the
same name wherever it is found. The one who finds it adds what was seen.
"""

from __future__ import annotations

from xent._report import Finding, Level

Catalogue = dict[str, tuple[str, str]]
"""Why it matters and what to change, by name."""

IN_GRADIENTS: Catalogue = {
    # A factor of the loss or of its gradient.
    "wrong sign": (
        "A step along it raises the loss.",
        "Negate it: the loss is -log p, and its gradient p - y.",
    ),
    "mean missing": (
        "Steps grow with the size of the batch.",
        "Divide the gradient by what the loss is divided by, the number (or weight) of the rows.",
    ),
    "mean taken twice": (
        "Steps shrink with the size of the batch, until training stands still.",
        "Divide by the number (or weight) of the rows once: in the loss, or in what follows it.",
    ),
    "mean for sum": (
        "Loss and gradient disagree by the size of the batch.",
        "Take the sum, or the mean, in both. Of row losses the gradient of their sum is expected; "
        "if yours is that of their mean, pass reduction='mean'.",
    ),
    "sum for mean": (
        "The loss and its steps grow with the size of the batch.",
        "Divide by the number (or weight) of the rows.",
    ),
    "mean over the wrong axis": (
        "The divisor is the number of classes, and steps grow with the size of the batch.",
        "Divide by the number of rows: the mean runs over the batch axis.",
    ),
    "mean over classes as well": (
        "Every step is too small by the number of classes.",
        "Sum over the classes, and take the mean over the rows alone.",
    ),
    "bits for nats": (
        "A bit is log 2 nats: the optimum is the same, the steps are not.",
        "Use the natural logarithm in both, loss and gradient (or divide both by log 2).",
    ),
    "scaled": (
        "The direction is right, the length of each step is not.",
        "Look for a constant that stands in only one of loss and gradient.",
    ),
    # Another formula.
    "gradient is zero": (
        "Nothing is learned.",
        "Look for a detached or rounded value, a comparison, or an argmax in the loss.",
    ),
    "label not subtracted": (
        "p alone pushes every logit down, the true one as well.",
        "The gradient is p - y: subtract 1 at the label.",
    ),
    "derivative multiplied in again": (
        "The gradient fades where the model is certain, also where it is certain and wrong.",
        "p - y is the whole gradient for the logits; leave out the derivative of the softmax or "
        "sigmoid.",
    ),
    "log forgotten": (
        "-p in place of -log(p): a row that is certain and wrong hardly counts.",
        "Take the logarithm, best by a function that computes it from the logits.",
    ),
    "other classes forgotten": (
        "Only the true logit moves, and the others are never pushed down.",
        "The gradient of class j is p_j, also where j is not the label.",
    ),
    "rows depend on each other": (
        "A row's loss changes with another row's logits, as under batch statistics, or a softmax "
        "or maximum taken over the batch.",
        "Normalise over the class axis alone, if rows are meant to be independent.",
    ),
    "transposed": (
        "The numbers are right but stand in the wrong places.",
        "Check reshape and transpose: reshape does not exchange axes.",
    ),
    "broadcast": (
        "Logits as a column and labels as a row (or the reverse) make a table of all pairs, and "
        "the mean over it says nothing about single rows.",
        "Bring both to the same shape, for example by logits.squeeze(-1).",
    ),
    "not deterministic": (
        "A loss that changes from call to call cannot be checked.",
        "Fix the random seed inside the loss, and switch dropout off.",
    ),
    # An option left out or misplaced.
    "label smoothing missing": (
        "One of loss and gradient smooths its targets, or neither does.",
        "Use the smoothed target, (1 - s) y + s/K, in both.",
    ),
    "class weight missing": (
        "The classes do not have the weights that were asked for.",
        "Multiply loss and gradient of each row by class_weight[label].",
    ),
    "pos_weight missing": (
        "Positive rows do not have the weight that was asked for.",
        "Multiply the term of label 1, -y log p, by pos_weight.",
    ),
    "sample weight missing": (
        "The rows do not have the weights that were asked for.",
        "Multiply each row by its weight, and divide a mean by their sum.",
    ),
    "softcap missing": ("The cap was asked for.", "Cap the logits, and apply the chain rule."),
    "z-loss missing": (
        "The extra term was asked for.",
        "Add the square of logsumexp(z), times the factor of the z-loss.",
    ),
    "class weight missing from the mean": (
        "A weighted mean divides by the sum of the weights; else the loss's scale depends on "
        "which classes a batch happens to hold.",
        "Divide by the sum of class_weight[label], in the loss and in the gradient.",
    ),
    "label smoothing in the gradient only": (
        "The gradient is not that of the loss.",
        "Use the smoothed target in both, or in neither.",
    ),
    "ignored rows counted in the mean": (
        "The more rows are ignored (padding), the smaller the loss of the others.",
        "Divide by the number (or weight) of the rows that are not ignored.",
    ),
    "ignored rows given gradient": (
        "Rows that must not count move the model.",
        "Set the gradient of ignored rows to 0.",
    ),
    "ignored rows given loss": (
        "Rows that must not count are counted.",
        "Set the loss of ignored rows to 0, and leave them out of the mean.",
    ),
    "masked class given gradient": (
        "A class of logit -inf has probability 0 and no gradient; often NaN follows.",
        "Set the gradient to 0 where the logit is -inf.",
    ),
    "clipping": (
        "The worst rows, which should teach most, teach nothing.",
        "Do not clip probabilities: compute the loss from the logits, which needs no clipping.",
    ),
    # Wrong values.
    "not a number": (
        "One such row makes the mean useless.",
        "Compute from the logits, by log-sum-exp with the maximum subtracted first.",
    ),
    "digits lost": (
        "The formula is right, but 1 - p keeps few digits where p is nearly 1, and so does its "
        "logarithm.",
        "Compute from the logits, not from p: by logaddexp(0, z), log1p(exp(-|z|)) or log_softmax.",
    ),
    "not at chance": (
        "With all logits 0 every class has probability 1/K, and cross-entropy is log K.",
        "Look for a constant added, a factor, a wrong K, a mask inside the loss (masked logits "
        "are -inf), or a loss that is not cross-entropy. If another loss is meant, pass "
        "definition=None; if each logit is a row of its own, task='binary'.",
    ),
    "not cross-entropy": (
        "The gradient may be that of the loss, but the loss is another.",
        "If another loss is meant, pass definition=None; if options are, pass them by name "
        "(class_weight=, label_smoothing=, ...).",
    ),
    "no known mistake": (
        "The gradient is not the derivative of the loss, and none of the usual slips explains it.",
        "Begin with the worst entries below.",
    ),
}

IN_BOTH: Catalogue = {
    "labels off by one": (
        "Each row is scored against its neighbour's class.",
        "Check where labels and columns start to count (classes are counted from 0), and look for "
        "a background class.",
    ),
    "labels flipped": (
        "The model learns the opposite of what the labels say, or is scored against it.",
        "Exchange the two classes: 1 - targets; or check which class the score is of.",
    ),
    "classes permuted": (
        "Labels and columns count the classes in different orders, so each class is scored by "
        "another's logit.",
        "Put the columns in the order of the labels, or encode the labels by the model's own list "
        "of classes (often sorted by name).",
    ),
    "softmax applied twice": (
        "The loss cannot fall below log(1 + (K - 1)/e), and its gradient almost vanishes.",
        "Apply softmax once: cross-entropy from logits has its own and takes raw scores.",
    ),
    "sigmoid applied twice": (
        "Probabilities stay between 0.5 and 0.7311: label 0 is never predicted, the loss of a "
        "certain row stays above 0.3133, and the gradient almost vanishes.",
        "Apply the sigmoid once: the loss from logits has its own and takes raw scores.",
    ),
    "softmax over the wrong axis": (
        "Probabilities sum to 1 over the batch and not over the classes: rows compete with each "
        "other, and a row's probabilities depend on the rest of the batch.",
        "Normalise over the class axis: axis=-1 in NumPy and JAX, dim=1 or -1 in PyTorch.",
    ),
}

IN_BATCHES: Catalogue = {
    # Scores.
    "NaN scores": (
        "The mean of the losses is NaN, and so is every weight after one step.",
        "Find the first NaN: a learning rate too high, 0/0 in a normalisation, log(0), float16 "
        "beyond 65504, or NaN in the inputs.",
    ),
    "infinite logits": (
        "It stands for certainty: the loss is 0 or infinite there, or NaN where a row has two.",
        "Look for an overflow (float16 ends at 65504) or a division by 0 in the last layer. To "
        "mask a class, give it -inf.",
    ),
    "not probabilities": (
        "The loss is negative beyond 1, and NaN below 0.",
        "If they are raw scores, pass kind='logits'.",
    ),
    "not log-probabilities": (
        "The exponential is a probability above 1, and the loss is negative.",
        "If they are raw scores, pass kind='logits'.",
    ),
    "rows do not sum to 1": (
        "They are no distribution over the classes, and -log p rewards raising all of them.",
        "Use softmax over the classes, not a sigmoid for each; or divide by the sums. If they "
        "were rounded when written, pass a larger tolerance=.",
    ),
    "probabilities given as logits": (
        "The loss applies its softmax (or sigmoid) to them once more: however good the model, it "
        "cannot fall below log(1 + (K - 1)/e), and its gradient almost vanishes.",
        "Leave the softmax or sigmoid out of the model, the loss has its own; or say what they "
        "are: kind='probabilities' here, xent.log_loss(targets, probabilities) for the loss.",
    ),
    "log-probabilities given as logits": (
        "Harmless with one column per class: the softmax of log-probabilities gives the "
        "probabilities back. A single binary one is never above 0, which stands for 0.5: label 1 "
        "is never predicted, and the loss of a certain row stays at log 2 = 0.6931.",
        "With one column per class, nothing: a log_softmax before the loss is only wasted time. "
        "Binary: pass the raw scores (log-odds), or say kind='log-probabilities'.",
    ),
    "every class masked": (
        "There is nothing to choose from: the softmax is 0/0, and the loss inf or NaN.",
        "Leave one class free in each row's mask, or leave the row out (ignore_index).",
    ),
    "label on a masked class": (
        "The loss of such a row is infinite, and with it the mean.",
        "Never let the mask hide the true class, or leave such rows out.",
    ),
    "probability 0 for the label": (
        "The loss of such a row is infinite, and with it the mean.",
        "Keep logits or log-probabilities, which do not round to 0; or set a floor (clip= in "
        "xent.log_loss), which changes the loss.",
    ),
    "identical rows": (
        "Nothing of the input reaches the output.",
        "Expected before the first step if the last layer starts at 0. Otherwise look for inputs "
        "that are all alike, dead units, or one row repeated (broadcast).",
    ),
    "duplicate columns": (
        "They can never be told apart: where one is right, the other takes half of its "
        "probability.",
        "Look for weights that are shared or copied, or a column written twice.",
    ),
    # Labels.
    "labels one-based": (
        "The highest label is an error or an index out of bounds, and every other label names "
        "its neighbour's class.",
        "Subtract 1 where the labels are made: targets - 1.",
    ),
    "labels -1 and +1": (
        "The formula -y log p - (1 - y) log(1 - p) is for 0 and 1: with y = -1 it rewards "
        "lowering p without end, and the loss goes below 0.",
        "Pass (targets + 1) / 2.",
    ),
    "labels out of range": (
        "There is no such class: the loss is an error, or a number read from beyond the array.",
        "Look at how the labels are made; class indices count from 0.",
    ),
    "every row ignored": (
        "There is nothing to learn from: the loss is 0, or NaN where it divides by the rows.",
        "Look at how the labels are made (padding, a mask that hides everything).",
    ),
    # Scores and labels together.
    "labels one row off": (
        "Each row is scored against another row's label.",
        "Pair rows and labels again. For a language model the targets are the inputs, one token "
        "on.",
    ),
    "logits negated": (
        "The lowest score marks the label: these are distances, energies or losses, or a sign "
        "was lost.",
        "Pass -logits.",
    ),
    "worse than chance": (
        "Holding all classes equally likely would do better: scores and labels do not belong "
        "together, the scores are far too large, or a bias favours classes that few labels have.",
        "Before training: make the last layer's weights smaller. Later: check whether rows and "
        "labels were shuffled apart, and the order of the classes.",
    ),
}

NOTES: Catalogue = {
    # Of a loss.
    "smoothed labels": (
        "Allowed, but not plain cross-entropy.",
        "If it is meant, say so: label_smoothing=.",
    ),
    "weighted classes": (
        "Allowed, but not plain cross-entropy.",
        "If it is meant, say so: class_weight=.",
    ),
    "not compared": (
        "The gradient may be that of the loss, but the loss may not be the one that is meant.",
        "Bring logits and targets to the shapes that cross-entropy takes; if another loss is "
        "meant, pass definition=None.",
    ),
    # Of a batch.
    "ignored rows": (
        "They count neither in the loss nor in its mean.",
        "Nothing, if that is meant. xent.cross_entropy has to be told by ignore_index=.",
    ),
    "class masked in every row": (
        "It can never be predicted, and a label on it costs an infinite loss.",
        "Nothing, if the mask means it.",
    ),
    "constant column": (
        "It does not depend on the input: a dead output, or weights that get no gradient.",
        "Nothing, if it is the reference class of a model with K - 1 outputs. Otherwise look at "
        "its weights and their gradient.",
    ),
    "saturated rows": (
        "In the usual formulas their loss and gradient are exactly 0 there, so they teach nothing "
        "more; xent keeps the digits.",
        "Nothing, if training is over. Otherwise label smoothing or weight decay keeps logits "
        "smaller.",
    ),
    "certain and wrong rows": (
        "A few rows rule the mean: p(label) is below 5e-05 there.",
        "Look at these rows first: they are often labelled wrongly.",
    ),
    "only one class in the labels": (
        "Always answering that class is right: what is learned is a bias.",
        "Shuffle the rows, or draw from every class (data sorted by class is the usual cause).",
    ),
    "class never in the labels": (
        "The output of such a class is only ever pushed down.",
        "Nothing, if the class is rare or unused. Otherwise look at how the labels are made and "
        "the rows drawn.",
    ),
    "class never predicted": (
        "Usual before training and for rare classes; later a sign that the model has collapsed.",
        "Look again when the loss is below that of the labels' shares; then try class weights, "
        "or more rows of the class.",
    ),
    "at chance": (
        "This is what a model looks like that has learned nothing yet.",
        "Nothing, before the first step. Later check whether rows and labels were shuffled "
        "together, the learning rate, and whether gradients reach the weights.",
    ),
    "worse than the labels' shares": (
        "The inputs have not helped so far: a constant does better.",
        "Start the last layer's bias at the logarithms of the shares, and look at the "
        "calibration of a model that is trained.",
    ),
    "overconfident": (
        "The wrong rows are wrong with near certainty, and cost more than the right ones save.",
        "Divide the logits by a temperature fitted on held-out rows; against overfitting, use "
        "weight decay, label smoothing, or stop earlier.",
    ),
}

MISTAKES: Catalogue = IN_GRADIENTS | IN_BOTH | IN_BATCHES
KNOWN: Catalogue = MISTAKES | NOTES

FORMULAS = {
    "label not subtracted": "p, where p - y is expected",
    "labels off by one": "that of label {}",
    "labels flipped": "that of the other label",
    "softmax applied twice": "that of probabilities passed on as logits",
    "sigmoid applied twice": "that of probabilities passed on as logits",
    "derivative multiplied in again": "p - y times {}",
    "log forgotten": "that of -p, where -log(p) is expected",
    "other classes forgotten": "0, except at the label",
    "softmax over the wrong axis": "that of a softmax over the rows",
    "classes permuted": "right for another order of the classes: {}",
    "transposed": "right, but in the place of another",
    "label smoothing missing": "that without label smoothing",
    "class weight missing": "that without class weights",
    "pos_weight missing": "that without pos_weight",
    "sample weight missing": "that without sample weights",
    "softcap missing": "that without the softcap",
    "z-loss missing": "that without the z-loss",
    "broadcast": "that of every logit with every label",
    "label smoothing in the gradient only": "that of smoothed labels ({})",
}
"""What a loss or gradient is where it follows the formula of a mistake."""

OPTION_MISSING = {
    name.removesuffix(" missing").replace(" ", "_").replace("-", "_"): name
    for name in FORMULAS
    if name.endswith(" missing")
}
"""The mistake of leaving an option out, by the option's name."""

FLAT_SCORES = {
    "probabilities given as logits",
    "log-probabilities given as logits",
    "softmax applied twice",
    "sigmoid applied twice",
    "softmax over the wrong axis",
    "not probabilities",
    "not log-probabilities",
}
WRONG_LABELS = {
    "labels flipped",
    "labels off by one",
    "labels one row off",
    "classes permuted",
    "logits negated",
    "worse than chance",
}
EXPLAINED_BY = {
    "class never predicted": FLAT_SCORES,
    "at chance": FLAT_SCORES,
    "worse than the labels' shares": FLAT_SCORES,
    "certain and wrong rows": WRONG_LABELS,
}
"""Notes that add nothing where one of these mistakes was found."""


def found(name: str, seen: str, *, level: Level | None = None, fix: str = "") -> Finding:
    """The finding of this name; `level` and `fix` replace the catalogue's."""
    matters, usual_fix = KNOWN[name]
    return Finding(
        name, seen, matters, fix or usual_fix, level or ("note" if name in NOTES else "mistake")
    )
