"""Builds inline SVG. Colours are CSS classes of the page, so that light mode, dark mode and print need one drawing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rackflow.escape import escape_html as escape

# Units of the viewBox; the page scales the drawing. 760 is the width of the text column, so that font sizes look alike.
WIDTH = 760
LEFT, RIGHT, TOP = 62, 14, 24
HATCH = (
    '<defs><pattern id="{0}" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="6" height="6" class="void"/><line y1="0" y2="6" class="hatch"/></pattern></defs>'
)


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear scale from values to positions: `low` is drawn at `start`, `high` at `end`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The position of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Four to eight round values."""
        step = nice((self.high - self.low) / 5)
        first = math.ceil(self.low / step - 1e-9)
        return [step * each for each in range(first, math.floor(self.high / step + 1e-9) + 1)]


def nice(step: float) -> float:
    """Round up to 1, 2 or 5 times a power of ten."""
    # The small factor keeps a rounding error of the logarithm from doubling the step.
    power = 10.0 ** math.floor(math.log10(step)) if step > 0 else 1.0
    return next(power * each for each in (1, 2, 5, 10) if power * each >= step * (1 - 1e-9))


def up_to(highest: float, start: float, end: float) -> Scale:
    """A scale from 0 to a round value that is at least `highest`."""
    step = nice(highest / 5) if highest > 0 else 1.0
    return Scale(0.0, step * max(1, math.ceil(highest / step - 1e-9)), start, end)


def rect(*, x: float, y: float, width: float, height: float, style: str, title: str = "") -> str:
    """A rectangle. `style` are attributes: `class="…"` or `fill="…"`. `title` is shown when the pointer rests on it."""
    inside = f"<title>{escape(title)}</title>" if title else ""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" {style}>{inside}</rect>'


def text(x: float, y: float, words: str, anchor: str = "middle", css: str = "t") -> str:
    """A text label."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{css}">{escape(words)}</text>'


def line(points: Sequence[tuple[float, float]], css: str) -> str:
    """A line through points."""
    return f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}" class="{css}"/>'


def dot(x: float, y: float, css: str, title: str) -> str:
    """A point; `title` is shown when the pointer rests on it."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" class="{css}"><title>{escape(title)}</title></circle>'


def axis(scale: Scale, unit: str, side: str = "left") -> str:
    """A vertical axis with its values; the left one has grid lines."""
    is_left = side == "left"
    label_x, anchor = (LEFT - 6, "end") if is_left else (WIDTH - RIGHT - 36, "start")
    ticks = scale.ticks()
    decimals = max(0, -math.floor(math.log10(ticks[1] - ticks[0]) + 1e-9)) if len(ticks) > 1 else 0
    marks = "".join(text(label_x, scale.at(each) + 4, f"{each:,.{decimals}f}", anchor) for each in ticks)
    across = "".join(f'<path d="M{LEFT} {scale.at(each):.1f}H{WIDTH - RIGHT}" class="g"/>' for each in ticks)
    return (across if is_left else "") + marks + text(label_x, 10, unit, anchor)


def drawing(name: str, title: str, description: str, height: float, parts: Sequence[str]) -> str:
    """A complete drawing with title and description for screen readers. `name` must be unique on the page."""
    head = f'<title id="{name}-t">{escape(title)}</title><desc id="{name}-d">{escape(description)}</desc>'
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-labelledby="{name}-t {name}-d">'
        f"{head}{HATCH.format(f'{name}-h')}{''.join(parts)}</svg>"
    )
