"""SVG charts of points with intervals, with one row for each compared item. They are light or dark like the reader's
page.

          0        10        20 %
json      ●─        ──●──              one line of points for each series, in the order of the legend
pickle    ●          ─●─
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Optional

from common.intervals import Interval

WIDTH = 760
LABELS = 190
"""Width of the rows' names."""
RIGHT = 30
LINE = 9
"""Height of one series within a row."""
GAP = 12
"""Space between rows."""
HEAD = 78
"""Height of the title, the note and the legend."""
FOOT = 44
"""Height of the axis with its name."""
LEGEND = 40
TICKS = 6

STYLE = """
text { font: 12px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328; }
.title { font-size: 15px; font-weight: 600; }
.note, .tick { fill: #59636e; }
.strong { font-weight: 600; }
.page { fill: #ffffff; }
.grid { stroke: #d1d9e0; }
.zero { stroke: #59636e; }
.s0 { stroke: #0969da; fill: #0969da; }
.s1 { stroke: #8250df; fill: #8250df; }
.s2 { stroke: #bc4c00; fill: #bc4c00; }
.s3 { stroke: #1a7f37; fill: #1a7f37; }
.truth { stroke: #1f2328; fill: #1f2328; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; }
  .note, .tick { fill: #9198a1; }
  .page { fill: #0d1117; }
  .grid { stroke: #3d444d; }
  .zero { stroke: #9198a1; }
  .s0 { stroke: #4493f8; fill: #4493f8; }
  .s1 { stroke: #ab7df8; fill: #ab7df8; }
  .s2 { stroke: #f0883e; fill: #f0883e; }
  .s3 { stroke: #3fb950; fill: #3fb950; }
  .truth { stroke: #f0f6fc; fill: #f0f6fc; }
}
"""


@dataclass(frozen=True)
class Row:
    name: str
    points: Sequence[Optional[Interval]]
    """One point for each series, or None if a series has none."""
    truth: Optional[float] = None
    """The value of a mark across the row."""
    is_strong: bool = False


@dataclass(frozen=True)
class Chart:
    title: str
    note: str
    axis: str
    series: Sequence[str]
    rows: Sequence[Row]
    truth: str = ""
    """The meaning of the marks across the rows."""


def step_of(span: float) -> float:
    """Return 1, 2 or 5 times a power of ten, so that there are about TICKS steps."""
    rough = span / TICKS
    power: float = 10 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)


class Scale:
    """Maps values to positions from left to right. Covers whole steps, and includes zero."""

    def __init__(self, values: Sequence[float]) -> None:
        low, high = min(0.0, *values), max(0.0, *values)
        self.step = step_of((high - low) or 1)
        self.low = math.floor(low / self.step) * self.step
        self.high = math.ceil(high / self.step) * self.step or self.step

    def x(self, value: float) -> float:
        return LABELS + (value - self.low) / (self.high - self.low) * (WIDTH - LABELS - RIGHT)

    def ticks(self) -> list[float]:
        return [self.low + self.step * number for number in range(round((self.high - self.low) / self.step) + 1)]


def svg(chart: Chart) -> str:
    scale = Scale(values_of(chart))
    height_of_row = LINE * len(chart.series) + GAP
    bottom = HEAD + height_of_row * len(chart.rows)
    height = bottom + FOOT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        ' role="img">',
        f"<title>{escape(chart.title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{height}"/>',
        text(16, 24, chart.title, "title"),
        text(16, 44, chart.note, "note"),
        *legend(chart),
        *axis(scale, bottom, chart.axis),
    ]
    for number, row in enumerate(chart.rows):
        parts += drawn(row, HEAD + height_of_row * number + GAP / 2, scale, len(chart.series))
    return "\n".join([*parts, "</svg>", ""])


def values_of(chart: Chart) -> list[float]:
    points = [point for row in chart.rows for point in row.points if point]
    return [value for point in points for value in point] + [row.truth for row in chart.rows if row.truth is not None]


def legend(chart: Chart) -> list[str]:
    parts, x = [], 16.0
    for number, name in enumerate(chart.series):
        parts += [f'<circle class="s{number}" cx="{x + 4:.1f}" cy="60" r="4"/>', text(x + 14, 64, name)]
        x += LEGEND + 6.2 * len(name)
    if chart.truth:
        parts += [f'<path class="truth" d="M{x + 4:.1f} 53v14" stroke-width="2"/>', text(x + 14, 64, chart.truth)]
    return parts


def axis(scale: Scale, bottom: float, name: str) -> list[str]:
    parts = []
    for value in scale.ticks():
        x = scale.x(value)
        kind = "zero" if abs(value) < scale.step / 2 else "grid"
        parts.append(f'<path class="{kind}" d="M{x:.1f} {HEAD}V{bottom}"/>')
        parts.append(text(x, bottom + 16, f"{value:g}".replace("-", "−"), "tick", "middle"))
    parts.append(text((LABELS + WIDTH - RIGHT) / 2, bottom + 34, name, "tick", "middle"))
    return parts


def drawn(row: Row, top: float, scale: Scale, series: int) -> list[str]:
    middle = top + LINE * series / 2
    parts = [text(LABELS - 12, middle + 4, row.name, "strong" if row.is_strong else "", "end")]
    if row.truth is not None:
        x = scale.x(row.truth)
        parts.append(f'<path class="truth" d="M{x:.1f} {top - 2:.1f}v{LINE * series + 4}" stroke-width="2"/>')
    for number, point in enumerate(row.points):
        if point is None:
            continue
        y = top + LINE * (number + 0.5)
        low, high = scale.x(point.low), scale.x(point.high)
        parts.append(f'<path class="s{number}" d="M{low:.1f} {y:.1f}H{high:.1f}" stroke-width="2"/>')
        parts.append(f'<circle class="s{number}" cx="{scale.x(point.middle):.1f}" cy="{y:.1f}" r="3.5"/>')
    return parts


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    of_kind = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{of_kind}>{escape(words)}</text>'
