"""
Bar charts as SVG, for docs/performance.md: lying bars in groups, with their figures.

Each bar has its name and its figure beside it, so that nothing hangs on colours; a thin
line across a bar's end shows the extremes of the rounds. Colour-blind people can
tell the colours apart (Okabe and Ito's); all else has a colour for light and one for
dark.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, LEFT, RIGHT = 720, 190, 90
BAR, GAP, HEADING, TOP = 18, 6, 30, 64
"""Pixels: a bar, what is between two, a group's heading, and what is above them."""

SVG = "http://www.w3.org/2000/svg"
ROLE = 'role="img" aria-labelledby="title desc"'
STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #1c2733; }
.title { font-size: 16px; font-weight: 600; }
.small { font-size: 12px; fill: #4a5a6a; }
.group { font-weight: 600; }
.axis { stroke: #9fb0c0; }
.range { stroke: #1c2733; stroke-width: 1.5; }
.c0 { fill: #0072b2; } .c1 { fill: #56b4e9; } .c2 { fill: #e69f00; }
.c3 { fill: #8a97a5; } .c4 { fill: #009e73; } .c5 { fill: #cc79a7; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .small { fill: #a9b8c6; }
  .axis { stroke: #5b7690; } .range { stroke: #e6edf3; }
  .c0 { fill: #3f9fdc; }
}"""
COLOURS = 6


@dataclass(frozen=True, slots=True)
class Bar:
    """
    One bar.

    Attributes:
        name: Whose figure it is.
        colour: Its number among the colours; the same for the same name in all charts.
        value: The median; ``low`` and ``high`` are the extremes.

    """

    name: str
    colour: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Group:
    """Bars that are compared with each other, under a heading."""

    title: str
    bars: Sequence[Bar]


@dataclass(frozen=True, slots=True)
class Chart:
    """
    A chart.

    Attributes:
        title: What is shown.
        note: The unit, and which direction is better.

    """

    title: str
    note: str
    groups: Sequence[Group]


def number(value: float) -> str:
    """Write large numbers whole, small ones with three figures."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def alternative(chart: Chart) -> str:
    """Write the chart's figures as a sentence, for who does not see it."""
    groups = [
        f"{group.title}: "
        + ", ".join(f"{b.name} {number(b.value)}" for b in group.bars)
        for group in chart.groups
    ]
    return f"{chart.title} ({chart.note}). " + ". ".join(groups) + "."


def _bar(bar: Bar, y: float, scale: float) -> list[str]:
    """Draw a bar with its name, its figure, and its extremes."""
    middle, length = y + BAR / 2, bar.value * scale
    text = f'y="{middle + 4.5:.1f}"'
    place = f'class="c{bar.colour % COLOURS}" x="{LEFT}" y="{y:.1f}"'
    lines = [
        f'<text x="{LEFT - 8}" {text} text-anchor="end">{escape(bar.name)}</text>',
        f'<rect {place} width="{max(length, 1):.1f}" height="{BAR}" rx="2"/>',
    ]
    end = max(length, bar.high * scale)
    if bar.high > bar.low:
        low, high = LEFT + bar.low * scale, LEFT + bar.high * scale
        lines.append(
            f'<line class="range" x1="{low:.1f}" y1="{middle:.1f}" '
            f'x2="{high:.1f}" y2="{middle:.1f}"/>'
        )
    lines.append(f'<text x="{LEFT + end + 6:.1f}" {text}>{number(bar.value)}</text>')
    return lines


def draw(chart: Chart) -> str:
    """Draw a chart. Its length is by the longest bar; an empty chart has only text."""
    longest = max((b.high for g in chart.groups for b in g.bars), default=0.0)
    scale = (WIDTH - LEFT - RIGHT) / longest if longest else 0.0
    lines: list[str] = []
    y = float(TOP)
    for group in chart.groups:
        heading = escape(group.title)
        lines.append(f'<text class="group" x="8" y="{y + 12:.0f}">{heading}</text>')
        y += HEADING - GAP
        began = y
        for bar in group.bars:
            lines += _bar(bar, y, scale)
            y += BAR + GAP
        lines.append(
            f'<line class="axis" x1="{LEFT}" y1="{began - 3:.0f}" '
            f'x2="{LEFT}" y2="{y - 3:.0f}"/>'
        )
        y += GAP * 2
    return "\n".join(
        [
            f'<svg xmlns="{SVG}" viewBox="0 0 {WIDTH} {y:.0f}" {ROLE}>',
            f'<title id="title">{escape(chart.title)}</title>',
            f'<desc id="desc">{escape(alternative(chart))}</desc>',
            f"<style>{STYLE}</style>",
            f'<text class="title" x="8" y="24">{escape(chart.title)}</text>',
            f'<text class="small" x="8" y="44">{escape(chart.note)}</text>',
            *lines,
            "</svg>\n",
        ]
    )
