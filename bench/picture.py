"""The bench's ratios as a picture for docs/: one bar an operation, what is possible as a line."""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Final

_LEFT, _WIDTH, _ROW, _BAR = 90, 560, 26, 16
_STYLE: Final = (
    "text{font:13px system-ui,sans-serif;fill:#333}.title{font-weight:600}.bar{fill:#3b6ea8}.floor{stroke:#b3432b}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.bar{fill:#7fb0e6}.floor{stroke:#ff8a70}}"
)


def drawn(scenarios: Iterable[tuple[str, Mapping[str, float]]]) -> str:
    """Draw the ratio of each operation, scenario by scenario, as SVG that is readable on light and on dark."""
    scenarios = list(scenarios)
    parts: list[str] = []
    most = max(1.0, *(ratio for _, ratios in scenarios for ratio in ratios.values()))
    floor = _LEFT + _WIDTH / most
    y = 24
    for title, ratios in scenarios:
        parts.append(f'<text class="title" x="0" y="{y}">{escape(title)}</text>')
        top = y + 8
        for operation, ratio in ratios.items():
            y += _ROW
            length = ratio / most * _WIDTH
            number = _LEFT + length + 6
            # The line does not go through a number.
            number = floor + 6 if floor - 34 < number < floor + 6 else number
            parts += (
                f'<text x="0" y="{y}">{escape(operation)}</text>',
                f'<rect class="bar" x="{_LEFT}" y="{y - _BAR + 3}" width="{length:.0f}" height="{_BAR}"/>',
                f'<text x="{number:.0f}" y="{y}">{ratio:.2f}</text>',
            )
        parts.append(f'<line class="floor" x1="{floor:.0f}" x2="{floor:.0f}" y1="{top}" y2="{y + 6}"/>')
        y += _ROW + 12
    parts.append(f'<text x="{_LEFT}" y="{y}">seconds, as a multiple of what is possible (the line)</text>')
    size = f'width="{_LEFT + _WIDTH + 50}" height="{y + 12}"'
    title = "<title>Seconds of pulumi up, as a multiple of what is possible</title>"
    lines = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">\n{title}<style>{_STYLE}</style>\n{lines}\n</svg>\n'
    )
