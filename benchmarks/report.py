"""Medians, tables, and a chart."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from math import inf
from statistics import median

OURS, CORE = "qq_mail", "smtp"

_WIDTH, _BAR, _GAP, _LEFT, _RIGHT = 720, 18, 8, 250, 110
_COLOURS = {OURS: "#0277bd", CORE: "#90a4ae"}


@dataclass(frozen=True)
class Row:
    """One thing that was measured, of both or of ours alone."""

    what: str
    unit: str
    ours: Sequence[float]
    core: Sequence[float] = ()
    chart: bool = False
    most: float = inf
    """What ours has to stay below."""


def shown(values: Sequence[float]) -> str:
    """Return the median, with the range where there is one."""
    if not values:
        return "-"
    middle = _number(median(values))
    low, high = _number(min(values)), _number(max(values))
    return middle if low == high else f"{middle} ({low} to {high})"


def ratio(row: Row) -> str:
    """Return what ours is of core's: half of it is twice as fast."""
    if not row.core or not median(row.core):
        return "-"
    return _number(median(row.ours) / median(row.core))


def table(rows: Iterable[Row]) -> str:
    """Return the rows in Markdown."""
    lines = [
        f"| | `{OURS}` | core's `{CORE}` | ratio |",
        "| --- | ---: | ---: | ---: |",
        *(
            f"| {row.what}, {row.unit} | {shown(row.ours)} | {shown(row.core)}"
            f" | {ratio(row)} |"
            for row in rows
        ),
    ]
    return "\n".join(lines) + "\n"


def chart(rows: Iterable[Row]) -> str:
    """Return bars in SVG, each pair to its own scale; shorter is better."""
    pairs = [row for row in rows if row.chart]
    parts = []
    y = _GAP
    for row in pairs:
        medians = {OURS: median(row.ours), CORE: median(row.core)}
        parts.append(_text(_LEFT - 12, y + _BAR + 4, row.what, "end"))
        for name, value in medians.items():
            width = (_WIDTH - _LEFT - _RIGHT) * value / max(medians.values())
            parts.append(
                f'<rect x="{_LEFT}" y="{y}" width="{max(width, 2):.0f}"'
                f' height="{_BAR}" rx="3" fill="{_COLOURS[name]}"/>'
            )
            label = f"{_number(value)} {row.unit}"
            parts.append(_text(_LEFT + max(width, 2) + 8, y + _BAR - 4, label, "start"))
            y += _BAR + 2
        y += 2 * _GAP
    x = _LEFT
    for name, colour in _COLOURS.items():
        parts.append(
            f'<rect x="{x}" y="{y}" width="12" height="12" rx="3" fill="{colour}"/>'
        )
        parts.append(_text(x + 18, y + 11, name, "start"))
        x += 120
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y + 24}"'
        ' font-family="Helvetica, Arial, sans-serif" font-size="13">\n'
        # For a page in the dark as well.
        "<style>text{fill:#24292f}"
        "@media(prefers-color-scheme:dark){text{fill:#e6edf3}}</style>\n"
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.0f}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'


def _number(value: float) -> str:
    """Return three digits at most, unless there are more before the point."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004
