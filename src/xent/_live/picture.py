"""Pictures as SVG whose marks stand where formulas put them."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from xent._live.javascript import printed
from xent._live.page import Live, NumberKind
from xent._report.evaluation import function_of
from xent._report.expression import Expression, Number, Operand, Symbol, call, wrap

Role = Literal["true", "loss", "pull", "push", "other", "good", "bad", "plain", ""]
"""What a mark stands for; '' is that of the group around it."""
SAMPLES = 121
"""Points of a curve."""
HANDLE = 18
"""Radius of what can be grasped, in pixels of the picture: more than 24 px across on a phone."""
TOP, RIGHT = 12, 12
Span = tuple[float, float]


@dataclass
class Picture:
    """Axes, and marks at places in their units."""

    live: Live
    name: str
    """Short and its own within the page."""
    x: Span
    y: Span
    x_label: str = ""
    y_label: str = ""
    x_ticks: Sequence[float] | Mapping[float, str] = ()
    y_ticks: Sequence[float] | Mapping[float, str] = ()
    """Places, or what is written at each."""
    width: int = 420
    height: int = 280
    left: int = 54
    bottom: int = 38
    """Pixels below the axis, for its numbers and its name, and for what else stands there."""
    body: list[str] = field(default_factory=list)

    def across(self, place: Operand) -> Expression:
        """Pixels from the left."""
        return _mapped(place, self.x, (self.left, self.width - RIGHT))

    def down(self, place: Operand) -> Expression:
        """Pixels from the top."""
        return _mapped(place, self.y, (self.height - self.bottom, TOP))

    def curve(
        self, tree: Expression, over: str, role: Role, *, span: Span | None = None, style: str = ""
    ) -> None:
        """A curve of a formula over one symbol; `style` may be "dashed" and "thin".

        It moves where the formula has other symbols that the state changes.
        """
        low, high = span or self.x
        place = Number(repr(low)) + Symbol("i") * Number(repr((high - low) / (SAMPLES - 1)))
        across, down = self.across(Symbol(over)), self.down(self._within(tree))
        places, x, y = map(function_of, (place, across, down))
        values = dict(self.live.values)
        points = []
        for i in range(SAMPLES):
            values[over] = places({"i": i})
            points.append((x(values), y(values)))
        names = {over, "i"}
        pair = f"[{printed(across, names)}, {printed(down, names)}]"
        code = (
            f"v => numbers({SAMPLES}, (i) => "
            f"{{ const {over} = {printed(place, names)}; return {pair} }})"
        )
        mark = "" if self._fixed(tree, over) else self.live.bind("path", code)
        kind = f'class="curve {style}" data-role="{role}" clip-path="url(#{self.name}-clip)"'
        self._add(f'<path {kind} d="{_path(points)}"{mark}/>')

    def path(
        self, points: Sequence[tuple[Operand, Operand]], role: Role, style: str = "curve"
    ) -> None:
        """A line through points; of the style "fill", the area in it."""
        pairs = [(self.across(x), self.down(y)) for x, y in points]
        now = [(self.live.value(x), self.live.value(y)) for x, y in pairs]
        code = ", ".join(f"[{printed(x)}, {printed(y)}]" for x, y in pairs)
        mark = self.live.bind("path", f"v => [{code}]")
        self._add(f'<path class="{style}" data-role="{role}" d="{_path(now)}"{mark}/>')

    def trail(
        self, x: Expression, y: Expression, index: str, size: int, role: Role, style: str = ""
    ) -> None:
        """A line through the points of lists: x and y have an index that counts to `size`."""
        now, code = self._points(x, self._within(y), index, size)
        clip = f'class="curve {style}" data-role="{role}" clip-path="url(#{self.name}-clip)"'
        self._add(f'<path {clip} d="{_path(now)}"{self.live.bind("path", f"v => {code}")}/>')

    def dots(
        self, x: Expression, y: Expression, index: str, size: int, role: Role, style: str = ""
    ) -> None:
        """Small points instead of the line, or "squares"."""
        now, code = self._points(x, y, index, size)
        mark = self.live.bind("dots", f"v => {code}")
        self._add(f'<path class="dots {style}" data-role="{role}" d="{_dots(now)}"{mark}/>')

    def region(self, x: Expression, y: Expression, index: str, size: int, role: Role) -> None:
        """The area within points, one for each number of an index."""
        now, code = self._points(x, y, index, size)
        clip = f'class="region" data-role="{role}" clip-path="url(#{self.name}-clip)"'
        self._add(f'<path {clip} d="{_path(now)}"{self.live.bind("path", f"v => {code}")}/>')

    def _points(
        self, x: Expression, y: Expression, index: str, size: int
    ) -> tuple[list[tuple[float, float]], str]:
        """Places for the numbers of an index, and their code."""
        pair = self.across(x), self.down(y)
        across, down = map(function_of, pair)
        values = ({**self.live.values, index: i} for i in range(size))
        now = [(across(each), down(each)) for each in values]
        told = ", ".join(printed(each, {index}) for each in pair)
        return now, f"numbers({size}, ({index}) => [{told}])"

    def segment(
        self,
        start: tuple[Operand, Operand],
        end: tuple[Operand, Operand],
        role: Role,
        style: str = "rule",
    ) -> None:
        """A straight line."""
        (x1, y1), (x2, y2) = start, end
        places = self.live.places(
            x1=self.across(x1), y1=self.down(y1), x2=self.across(x2), y2=self.down(y2)
        )
        self._add(f'<line class="{style}" data-role="{role}" stroke-width="2"{places}/>')

    def arrow(self, x: Operand, start: Operand, end: Operand, role: Role) -> None:
        """A vertical arrow; no longer than its head, it is the head alone."""
        x_at, tip = self.across(x), self.down(end)
        sign = call("max", -1, call("min", 1, (self.down(start) - tip) / 6))
        places = self.live.places(x1=x_at, y1=self.down(start), x2=x_at, y2=tip)
        self._add(f'<line class="rule" data-role="{role}" stroke-width="4"{places}/>')
        base = tip + 9 * sign
        corners = [(x_at, tip), (x_at - 7, base), (x_at + 7, base)]
        now = [(self.live.value(a), self.live.value(b)) for a, b in corners]
        code = ", ".join(f"[{printed(a)}, {printed(b)}]" for a, b in corners)
        mark = self.live.bind("path", f"v => [{code}]")
        self._add(f'<path class="fill" data-role="{role}" d="{_path(now)}"{mark}/>')

    def bar(
        self,
        x: Operand,
        top: Operand,
        role: Role,
        *,
        bottom: Operand = 0,
        width: float = 30,
        tell: str = "",
        label: str = "",
        style: str = "fill",
    ) -> None:
        """A bar around x, `width` pixels wide; with `tell` it can be pointed at and focused."""
        upper, lower = self.down(call("max", top, bottom)), self.down(call("min", top, bottom))
        places = self.live.places(
            x=self.across(x) - width / 2, y=upper, height=call("max", lower - upper, 0)
        )
        more = _told(tell, label)
        self._add(f'<rect class="{style}" data-role="{role}" width="{width:g}"{places}{more}/>')

    def box(
        self,
        x: tuple[Operand, Operand],
        y: tuple[Operand, Operand],
        role: Role,
        *,
        tell: str = "",
        label: str = "",
        style: str = "fill",
    ) -> None:
        """A rectangle from x[0] to x[1] and from y[0] to y[1]; its style may be "outline", too."""
        left, right = map(self.across, x)
        upper, lower = self.down(call("max", *y)), self.down(call("min", *y))
        sides = {"width": call("max", right - left, 0), "height": lower - upper}
        places = self.live.places(x=left, y=upper, **sides)
        more = _told(tell, label)
        self._add(f'<rect class="{style}" data-role="{role}"{places}{more}/>')

    def point(
        self,
        x: Operand,
        y: Operand,
        role: Role,
        *,
        radius: float = 7,
        tell: str = "",
        label: str = "",
        style: str = "point",
    ) -> None:
        """A round point, or a "hollow" one."""
        places = self.live.places(cx=self.across(x), cy=self.down(y))
        more = _told(tell, label)
        self._add(f'<circle class="{style}" data-role="{role}" r="{radius:g}"{places}{more}/>')

    def handle(
        self,
        x: Operand,
        y: Operand,
        label: str,
        *,
        drag_x: str = "",
        drag_y: str = "",
        x_span: Span | None = None,
        y_span: Span | None = None,
        step: float = 0.1,
        tell: str = "",
        moves: tuple[Expression, Expression, int] | None = None,
    ) -> None:
        """What is dragged, over a mark that is seen: it sets `drag_x` and `drag_y` of the state.

        By keyboard, the arrow keys move it. With `moves` it sets a whole list: where the handle is
        now, what element j of the list becomes when it is moved to `to`, and the list's length.
        """
        places = self.live.places(cx=self.across(x), cy=self.down(y))
        more, now = "", self.live.state
        if moves:
            here, moved, size = moves
            code = f"v => numbers({size}, (j) => {printed(moved, {'j'})})"
            mark = self.live.bind("list", f"v => {printed(here)}", code)
            more = mark.replace("data-b", "data-list")
        for way, path, span in (("x", drag_x, x_span or self.x), ("y", drag_y, y_span or self.y)):
            if path:
                ends = [
                    self.live.value((self.across if way == "x" else self.down)(s)) for s in span
                ]
                numbers = " ".join(f"{n:g}" for n in (*span, step, *ends))
                more += f' data-drag-{way}="{path} {numbers}"'
                name, _, place = path.partition(".")
                value = now[name][int(place)] if place else now[name]
                value = self.live.value(moves[0]) if moves else value
                if "aria-valuenow" not in more:
                    more += f' aria-valuemin="{span[0]:g}" aria-valuemax="{span[1]:g}"'
                    more += f' aria-valuenow="{value:g}"'
        told = f' data-tell="{tell}"' if tell else ""
        self._add(
            f'<circle class="handle" r="{HANDLE}" role="slider" tabindex="0" '
            f'aria-label="{html.escape(label)}"{more}{told}{places}/>'
        )

    def text(
        self,
        x: Operand,
        y: Operand,
        content: str | Expression | Sequence[str | Expression],
        *,
        role: Role = "plain",
        anchor: str = "middle",
        dx: float = 0,
        dy: float = 0,
        digits: int = 2,
        kind: NumberKind = "number",
        style: str = "",
        seen: Expression | None = None,
    ) -> None:
        """Words, a number, or a list of both; shifted by pixels, and there where `seen` holds."""
        places = self.live.places(x=self.across(x) + dx, y=self.down(y) + dy)
        pieces = [content] if isinstance(content, (str, Expression)) else content
        written = ""
        for piece in pieces:
            if isinstance(piece, Expression):
                # A second binding of one element: the outer one places it, the inner one fills it.
                written += f"<tspan{self.live.following(piece, digits, kind)}</tspan>"
            else:
                written += html.escape(piece)
        made = (
            f'<text class="ink {style}" data-role="{role}" text-anchor="{anchor}"{places}>'
            f"{written}</text>"
        )
        self._add(made if seen is None else self.live.when(seen, made, "g"))

    def raw(self, content: str) -> None:
        """Any SVG."""
        self._add(content)

    def svg(self, title: str, description: str) -> str:
        """The picture, its title above it; the description is read aloud."""
        marks = "".join(self.body)
        role = "group" if "tabindex" in marks else "img"
        width, height = self.width - RIGHT - self.left, self.height - self.bottom - TOP
        clip = (
            f'<clipPath id="{self.name}-clip"><rect x="{self.left - 1}" y="{TOP - 2}" '
            f'width="{width + 2}" height="{height + 3}"/></clipPath>'
        )
        head = f'viewBox="0 0 {self.width} {self.height}" role="{role}"'
        return (
            f"<figure><figcaption>{title}</figcaption>"
            f'<svg {head} aria-label="{html.escape(description)}">'
            f"{clip}{self._axes()}{marks}</svg></figure>"
        )

    def _add(self, content: str) -> None:
        self.body.append(content)

    def _within(self, tree: Expression) -> Expression:
        """Not far outside of the axes, where it is cut off."""
        low, high = self.y
        margin = (high - low) / 10
        return call("max", low - margin, call("min", high + margin, tree))

    def _fixed(self, tree: Expression, over: str) -> bool:
        """Does the formula have no symbol but this one?"""
        return "v." not in printed(tree, {over})

    def _axes(self) -> str:
        left, bottom, right = self.left, self.height - self.bottom, self.width - RIGHT
        made = [f'<line class="axis" x1="{left}" y1="{bottom}" x2="{right}" y2="{bottom}"/>']
        for tick in self.x_ticks:
            place = f'x="{self.live.value(self.across(tick)):.1f}" y="{bottom + 15}"'
            made.append(_label(_tick(self.x_ticks, tick), place, "small"))
        for tick in self.y_ticks:
            at = self.live.value(self.down(tick))
            ends = f'x1="{left}" y1="{at:.1f}" x2="{right}" y2="{at:.1f}"'
            made.append(f'<line class="grid" {ends}/>')
            place = f'x="{left - 5}" y="{at + 4:.1f}"'
            made.append(_label(_tick(self.y_ticks, tick), place, "small", "end"))
        if self.x_label:
            place = f'x="{(left + right) / 2}" y="{bottom + 32}"'
            made.append(_label(self.x_label, place))
        if self.y_label:
            place = f'transform="translate(12 {(TOP + bottom) / 2}) rotate(-90)"'
            made.append(_label(self.y_label, place))
        return "".join(made)


def _label(text: str, place: str, style: str = "", anchor: str = "middle") -> str:
    return f'<text class="{style}" {place} text-anchor="{anchor}">{html.escape(text)}</text>'


def _mapped(place: Operand, span: Span, pixels: tuple[float, float]) -> Expression:
    """From units to pixels."""
    (low, high), (first, last) = span, pixels
    scale = (last - first) / (high - low)
    return Number(repr(first - low * scale)) + wrap(place) * Number(repr(scale))


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "".join(f"{'L' if i else 'M'}{x:.2f} {y:.2f}" for i, (x, y) in enumerate(points))


def _dots(points: Sequence[tuple[float, float]]) -> str:
    return "".join(f"M{x:.2f} {y:.2f}h0" for x, y in points)


def _told(tell: str, label: str) -> str:
    """Makes a mark take the focus, and show its formula; with no label, where pointed at only."""
    if not tell:
        return ""
    if not label:
        return f' data-tell="{tell}"'
    return f' data-tell="{tell}" tabindex="0" role="img" aria-label="{html.escape(label)}"'


def _tick(ticks: Sequence[float] | Mapping[float, str], value: float) -> str:
    return ticks[value] if isinstance(ticks, Mapping) else f"{value:g}".replace("-", "−")
