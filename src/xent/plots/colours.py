"""The colours of curves, labels, bars and arrows."""

BLUE, ORANGE, GREEN, GREY = "#3b8bc4", "#e8761c", "#1f9e77", "#8c8c8c"
"""Colour-blind readers can tell them apart, on light and dark backgrounds."""

LABEL_COLOURS = (BLUE, ORANGE)
"""The colours of labels 0 and 1."""

TRUE, OTHER, PULL, PUSH = ORANGE, GREY, GREEN, BLUE
"""The true class and the others; a gradient that raises its logit, or lowers it."""
