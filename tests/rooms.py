"""
The drawing of docs/architecture.md: rooms, what they import, and the path of a message.

    .venv/bin/python tests/rooms.py > docs/rooms.svg
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent / "src/budstikke"


class Box(NamedTuple):
    """A room: where it is drawn, and a line that says what is in it."""

    x: int
    y: int
    width: int
    line: str


ROOMS = {
    "servers": Box(150, 100, 150, "HTTP in: login, limits"),
    "workers": Box(640, 100, 160, "servers in processes"),
    "dialects": Box(150, 230, 150, "APIs: parse, render"),
    "clients": Box(150, 360, 150, "HTTP and SMTP out"),
    "flow": Box(380, 230, 170, "accept, send, settle, notify"),
    "store": Box(380, 360, 170, "verbs, two engines"),
    "carriers": Box(640, 230, 160, "SMPP, MM7, simulator"),
    "smpp": Box(640, 360, 70, "PDUs"),
    "mm7": Box(725, 360, 75, "SOAP, MIME"),
    "provisioning": Box(380, 100, 170, "what apply reads and writes"),
    "console": Box(640, 20, 160, "pages for people"),
    "domain": Box(
        150,
        490,
        650,
        "rules without I/O: text, segments, numbers, prices, states; for every room",
    ),
}

OUTSIDE = {
    "customers": (5, 230, 90),
    "operators": (870, 230, 100),
}

HEIGHT = 54

PATH = (
    # number, from (x, y), to (x, y), what happens
    (1, (95, 246), (150, 127), "a request"),
    (2, (225, 154), (225, 230), "parse"),
    (3, (300, 250), (380, 250), "an order"),
    (4, (430, 284), (430, 360), "commit"),
    (5, (550, 246), (640, 246), "offer parts"),
    (6, (800, 246), (870, 246), "submit"),
    (7, (870, 272), (800, 272), "report, inbound"),
    (8, (640, 272), (550, 272), "settle"),
    (9, (380, 276), (300, 372), "callback"),
    (10, (150, 387), (50, 284), "callback"),
)
"""The way of a message, drawn by hand: the imports below are drawn from the code."""


def imports() -> set[tuple[str, str]]:
    """Find which room imports which, but for ``domain``, which all of them may."""
    pairs = set()
    for file in ROOT.rglob("*.py"):
        here = file.relative_to(ROOT).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                names = node.module.split(".")
                if names[0] == "budstikke":
                    pairs.add((here, (names + [a.name for a in node.names])[1]))
    return {
        (here, there)
        for here, there in pairs
        if here in ROOMS and there in ROOMS and there not in (here, "domain")
    }


def middle(box: Box) -> tuple[float, float]:
    return box.x + box.width / 2, box.y + HEIGHT / 2


def edge(box: Box, towards: tuple[float, float]) -> tuple[float, float]:
    """Find where the line from a box's middle to a point leaves the box."""
    x, y = middle(box)
    dx, dy = towards[0] - x, towards[1] - y
    scale = min(
        (box.width / 2) / abs(dx) if dx else 9e9, (HEIGHT / 2) / abs(dy) if dy else 9e9
    )
    return x + dx * scale, y + dy * scale


STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1c2733; }
.room { fill: #eef3f8; stroke: #5b7690; }
.outside { fill: #fff7e6; stroke: #c08a2b; }
.name { font-weight: 600; }
.line, .label { font-size: 11px; fill: #4a5a6a; }
.import { stroke: #9fb0c0; stroke-dasharray: 4 3; fill: none; }
.path { stroke: #b3261e; stroke-width: 2; fill: none; }
.dot { fill: #b3261e; }
.number { font-size: 10px; font-weight: 700; fill: #fff; text-anchor: middle; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .line, .label { fill: #a9b8c6; }
  .room { fill: #1d2a36; } .outside { fill: #3a2f17; }
}
""".strip()


def draw() -> str:
    """Write the drawing."""
    parts = [
        (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 980 560" role="img"'
            ' aria-labelledby="title">'
        ),
        '<title id="title">Packages of Budstikke and the path of a message</title>',
        f"<style>{STYLE}</style>",
        (
            '<defs><marker id="a" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7"'
            ' markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="#9fb0c0"/>'
            '</marker><marker id="b" viewBox="0 0 8 8" refX="8" refY="4"'
            ' markerWidth="5" markerHeight="5" orient="auto">'
            '<path d="M0 0 8 4 0 8z" fill="#b3261e"/>'
            "</marker></defs>"
        ),
        (
            '<text x="150" y="40" class="name">Path of a message (red) and imports'
            " between packages (dashed)</text>"
        ),
        (
            '<text x="150" y="60" class="line">app.py and gateway.py join the packages;'
            " cli, config and demo start them</text>"
        ),
    ]
    for here, there in sorted(imports()):
        start = edge(ROOMS[here], middle(ROOMS[there]))
        end = edge(ROOMS[there], middle(ROOMS[here]))
        parts.append(
            f'<line class="import" x1="{start[0]:.0f}" y1="{start[1]:.0f}"'
            f' x2="{end[0]:.0f}" y2="{end[1]:.0f}" marker-end="url(#a)"/>'
        )
    for name, (x, y, width) in OUTSIDE.items():
        parts.append(
            f'<rect class="outside" x="{x}" y="{y}" width="{width}" height="{HEIGHT}"'
            f' rx="8"/><text class="name" x="{x + 8}" y="{y + 31}">{name}</text>'
        )
    for name, box in ROOMS.items():
        parts.append(
            f'<rect class="room" x="{box.x}" y="{box.y}" width="{box.width}"'
            f' height="{HEIGHT}" rx="8"/>'
            f'<text class="name" x="{box.x + 8}" y="{box.y + 22}">{name}</text>'
            f'<text class="line" x="{box.x + 8}" y="{box.y + 41}">{box.line}</text>'
        )
    for number, (x1, y1), (x2, y2), label in PATH:
        cx, cy = (x1 + x2) / 2, (y1 + y2) / 2
        parts.append(
            f'<line class="path" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"'
            ' marker-end="url(#b)"/>'
            f'<circle class="dot" cx="{cx:.0f}" cy="{cy:.0f}" r="8"/>'
            f'<text class="number" x="{cx:.0f}" y="{cy + 3.5:.0f}">{number}</text>'
            f"<title>{label}</title>"
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    print(draw(), end="")  # noqa: T201 - its output is the drawing
