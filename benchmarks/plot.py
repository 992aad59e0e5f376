"""Load time against the size of the data as an SVG: two log axes, a label at each line's end."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

OURS = ("first load", "cached reload")
_WIDTH, _HEIGHT = 760, 460
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 150, 56, 62
_LABEL_GAP = 15.0
_STEPS = (1, 2, 5)

# Colours that stay apart for colour-blind readers (Okabe and Ito), readable on light and dark.
_COLOURS = {
    "first load": "#0072b2",
    "cached reload": "#56b4e9",
    "psql -f": "#d55e00",
    "pg_restore -j2": "#cc79a7",
    "dslr restore": "#009e73",
}
_STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #333 }
  .title { font-size: 15px; font-weight: 600 }
  .axis, .tick { fill: #777 }
  .grid { stroke: #ddd; stroke-width: 1 }
  .line { fill: none; stroke-width: 1.75; stroke-linejoin: round }
  .ours { stroke-width: 3 }
  .name { font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    text { fill: #ddd } .axis, .tick { fill: #999 } .grid { stroke: #444 }
  }
"""


@dataclass(frozen=True, slots=True)
class Axis:
    """A logarithmic axis: values `low` to `high` at pixels `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Return 1, 2 and 5 of every power of ten within the axis."""
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        ticks = [step * 10.0**power for power in range(first, last + 1) for step in _STEPS]
        return [tick for tick in ticks if self.low * 0.999 <= tick <= self.high * 1.001]


def draw(growth: Mapping[str, Mapping[int, float]], backup_mb: Mapping[int, float]) -> str:
    """Draw each load's seconds by scale; `backup_mb` labels the scales. Returns the SVG's text."""
    lines = {name: dict(line) for name, line in growth.items() if line}
    scales = sorted({scale for line in lines.values() for scale in line})
    times = [seconds for line in lines.values() for seconds in line.values()]
    if len(scales) < 2:
        return _document("")
    x = Axis(scales[0], scales[-1], _LEFT, _WIDTH - _RIGHT)
    y = Axis(_nice_below(min(times)), _nice_above(max(times)), _HEIGHT - _BOTTOM, _TOP)
    parts = [*_grid(x, y, scales, backup_mb), *_lines(x, y, lines), *_labels(x, y, lines)]
    return _document("\n".join(parts))


def _grid(x: Axis, y: Axis, scales: list[int], backup_mb: Mapping[int, float]) -> Iterator[str]:
    for tick in y.ticks():
        at = y.at(tick)
        yield f'<line class="grid" x1="{x.start}" x2="{x.end}" y1="{at:.1f}" y2="{at:.1f}"/>'
        label = f"{tick:g} s"
        yield _text(x.start - 8, at + 4, label, "tick", anchor="end")
    for scale in scales:
        at = x.at(scale)
        yield f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{y.start}" y2="{y.end}"/>'
        yield _text(at, y.start + 18, f"{scale}x", "tick", anchor="middle")
        if scale in backup_mb:
            yield _text(at, y.start + 34, f"{backup_mb[scale]:.0f} MB", "tick", anchor="middle")
    yield _text((x.start + x.end) / 2, _HEIGHT - 8, "size of the backup", "axis", anchor="middle")


def _lines(x: Axis, y: Axis, lines: Mapping[str, Mapping[int, float]]) -> Iterator[str]:
    # Ours last, so that they lie on top.
    for name in sorted(lines, key=lambda name: name in OURS):
        points = [(x.at(scale), y.at(lines[name][scale])) for scale in sorted(lines[name])]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        colour, weight = _COLOURS[name], " ours" if name in OURS else ""
        yield f'<polyline class="line{weight}" stroke="{colour}" points="{path}"/>'
        for a, b in points:
            yield f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3.5" fill="{colour}"/>'


def _labels(x: Axis, y: Axis, lines: Mapping[str, Mapping[int, float]]) -> Iterator[str]:
    """Name each line where it ends; names that would touch are moved apart."""
    ends = {name: max(line) for name, line in lines.items()}
    for scale in sorted(set(ends.values())):
        names = sorted((n for n in lines if ends[n] == scale), key=lambda n: lines[n][scale])
        lowest = math.inf
        for name in names:
            at = min(y.at(lines[name][scale]) + 4, lowest - _LABEL_GAP)
            lowest = at
            text = f"{name}, {lines[name][scale]:.2g} s"
            yield _text(x.at(scale) + 9, at, text, "name", colour=_COLOURS[name])


def _text(
    x: float, y: float, text: str, kind: str, *, anchor: str = "start", colour: str = ""
) -> str:
    style = f' style="fill:{colour}"' if colour else ""
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{style}>{text}</text>'
    )


def _nice_below(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return max(step * power for step in _STEPS if step * power <= value)


def _nice_above(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return min(step * power for step in (*_STEPS, 10) if step * power >= value)


def _document(body: str) -> str:
    title = "Time until the database holds the backup"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
        f' role="img" aria-label="{title}">\n<style>{_STYLE}</style>\n'
        f"{_text(_LEFT - 40, 26, title, 'title')}\n{body}\n</svg>\n"
    )
