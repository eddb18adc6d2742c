"""The mistakes that are known by name: why each matters, and what to change."""

from __future__ import annotations

from xent._report import Finding, Level

KNOWN: dict[str, tuple[str, str]] = {
    # Factors.
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
        "Look for a constant that stands in one of the two only.",
    ),
    # Formulas.
    "gradient is zero": (
        "Nothing is learned.",
        "Look for a detached or rounded value, a comparison, or an argmax in the loss.",
    ),
    "label not subtracted": (
        "p alone pushes every logit down, the true one as well.",
        "The gradient is p - y: subtract 1 at the label.",
    ),
    "label off by one": (
        "Each row is taught its neighbour's class.",
        "Check where labels start: classes are counted from 0.",
    ),
    "labels flipped": (
        "The model learns the opposite of what the labels say.",
        "Exchange the two classes, or use 1 - y.",
    ),
    "softmax applied twice": (
        "The loss cannot fall below log(1 + (K - 1)/e), and its gradient almost vanishes.",
        "Pass raw scores: cross-entropy from logits has its own softmax.",
    ),
    "sigmoid applied twice": (
        "Probabilities stay between 0.5 and 0.731, and the gradient almost vanishes.",
        "Pass raw scores: the loss from logits has its own sigmoid.",
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
    "softmax over the wrong axis": (
        "Probabilities sum to 1 over the batch and not over the classes: rows depend on each "
        "other.",
        "Normalise over the class axis (dim=-1, axis=-1 or 1).",
    ),
    "rows depend on each other": (
        "A row's loss changes with another row's logits, as under batch statistics, or a softmax "
        "or maximum taken over the batch.",
        "Normalise over the class axis alone, if rows are meant to be independent.",
    ),
    "classes permuted": (
        "Each class is taught another's logit.",
        "Bring columns and labels into the same order.",
    ),
    "transposed": (
        "The numbers are right and stand in the wrong places.",
        "Check reshape and transpose: reshape does not exchange axes.",
    ),
    "broadcast": (
        "Logits as a column and labels as a row (or the other way about) make a table of all "
        "pairs, and the mean over it says nothing of single rows.",
        "Bring both to the same shape, for example by logits.squeeze(-1).",
    ),
    "not deterministic": (
        "Nothing can be told of a loss that changes from call to call.",
        "Fix the random seed inside the loss, and switch dropout off.",
    ),
    # Options.
    "class weight missing": (
        "Classes count otherwise than was asked.",
        "Multiply loss and gradient of each row by class_weight[label].",
    ),
    "class weight missing from the mean": (
        "A weighted mean divides by the sum of the weights; else the loss's scale depends on "
        "which classes a batch happens to hold.",
        "Divide by the sum of class_weight[label], in the loss and in the gradient.",
    ),
    "sample weight missing": (
        "Rows count otherwise than was asked.",
        "Multiply each row by its weight, and divide a mean by their sum.",
    ),
    "pos_weight missing": (
        "Positive rows count otherwise than was asked.",
        "Multiply the term of label 1, -y log p, by pos_weight.",
    ),
    "label smoothing missing": (
        "One of loss and gradient smooths its targets, or neither does.",
        "Use the smoothed target, (1 - s) y + s/K, in both.",
    ),
    "label smoothing in the gradient only": (
        "The gradient is not that of the loss.",
        "Use the smoothed target in both, or in neither.",
    ),
    "softcap missing": ("The cap was asked for.", "Cap the logits, and apply the chain rule."),
    "z-loss missing": ("The extra term was asked for.", "Add z_loss * logsumexp(z)**2."),
    "ignored rows counted in the mean": (
        "The more rows are ignored (padding), the smaller is the loss of the others.",
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
    # Values.
    "not a number": (
        "One such row makes the mean useless.",
        "Compute from the logits, by log-sum-exp with the maximum taken out.",
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
        "definition=None; if each logit is a row of its own, kind='binary'.",
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
    "smoothed labels": (
        "Allowed, but not plain cross-entropy.",
        "If it is meant, say so: label_smoothing=.",
    ),
    "weighted classes": (
        "Allowed, but not plain cross-entropy.",
        "If it is meant, say so: class_weight=.",
    ),
}

FOLLOWS = {
    "label not subtracted": "p, where p - y is due",
    "label off by one": "that of label {}",
    "labels flipped": "that of the other label",
    "softmax applied twice": "that of probabilities passed on as logits",
    "sigmoid applied twice": "that of probabilities passed on as logits",
    "derivative multiplied in again": "p - y times {}",
    "log forgotten": "that of -p, where -log(p) is due",
    "other classes forgotten": "0, but at the label",
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
"""What measured numbers are, where they follow the formula of a mistake."""

NOTES = {"smoothed labels", "weighted classes"}


def found(name: str, seen: str) -> Finding:
    """The finding of this name, with what was seen of it."""
    matters, fix = KNOWN[name]
    level: Level = "note" if name in NOTES else "mistake"
    return Finding(name, seen, matters, fix, level)
