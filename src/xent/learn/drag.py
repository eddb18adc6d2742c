"""A widget: points and a boundary on a line, moved by dragging or with the arrow keys."""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets

from xent._report.roles import colour
from xent.plots.colours import LABELS


class Line(anywidget.AnyWidget):  # type: ignore[misc]
    """Points with labels 0 and 1 on a line, and a boundary between the labels."""

    _esm = Path(__file__).with_name("drag.js")
    about = traitlets.Unicode("Points and boundary; move them with the arrow keys").tag(sync=True)
    range = traitlets.List([-6.0, 6.0]).tag(sync=True)
    points = traitlets.List().tag(sync=True)
    labels = traitlets.List().tag(sync=True)
    boundary = traitlets.Float(0.0).tag(sync=True)
    colours = traitlets.List([colour(role) for role in LABELS]).tag(sync=True)
    edge = traitlets.Unicode(colour("pull")).tag(sync=True)
