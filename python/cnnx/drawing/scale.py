"""Scales of axes: the position of a value, limits and ticks at round numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

MOST_TICKS = 6
_STEPS = (1, 2, 5, 10)
_MOST_DECIMALS = 6  # of a tick; others are written with an exponent
_LARGEST_PLAIN = 1e7


@dataclass(frozen=True)
class Scale:
    """Positions of the values from `low` to `high` along an axis.

    Attributes:
        low: value at `start`.
        high: value at `end`, above `low`.
        start: position of `low` in the drawing.
        end: position of `high`.
        log: whether equal distances are equal factors; then `low` is positive.
        whole: whether ticks are whole numbers only.
        percent: whether ticks are written as percentages.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False
    whole: bool = False
    percent: bool = False

    def shows(self, value: float) -> bool:
        """Whether a value has a position: it is finite, and positive on a logarithmic axis."""
        return math.isfinite(value) and not (self.log and value <= 0)

    def place(self, value: float) -> float:
        """Position of a value; one outside the limits is placed at the limit."""
        inside = min(max(value, self.low), self.high)
        if self.log:
            fraction = math.log(inside / self.low) / math.log(self.high / self.low)
        else:
            # Halves, so that the difference of two large numbers stays finite.
            fraction = (inside / 2 - self.low / 2) / (self.high / 2 - self.low / 2)
        return self.start + fraction * (self.end - self.start)

    def ticks(self, most: int = MOST_TICKS) -> list[tuple[float, str]]:
        """At most about `most` round values within the limits, each with its text."""
        if self.log:
            return [(value, f"{value:g}") for value in _powers(self.low, self.high, most)]
        step = round_step(self.low, self.high, most, whole=self.whole)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [(k * step, self._text(k * step, step)) for k in range(first, last + 1)]

    def _text(self, value: float, step: float) -> str:
        if self.percent:
            return f"{100 * value:.{_decimals(100 * step)}f}%"
        decimals = _decimals(step)
        if decimals > _MOST_DECIMALS or max(abs(self.low), abs(self.high)) >= _LARGEST_PLAIN:
            return f"{value:.3g}"
        return f"{value:,.{decimals}f}"


def fitted(
    values: Iterable[float],
    start: float,
    end: float,
    *,
    log: bool = False,
    whole: bool = False,
    percent: bool = False,
    tight: bool = False,
) -> Scale:
    """The scale whose limits are round numbers around all values that it shows.

    Args:
        values: values, of which those that are not finite are ignored; on a logarithmic axis those
            that are not positive, too.
        start: position of the lower limit in the drawing.
        end: position of the upper limit.
        log: whether the axis is logarithmic.
        whole: whether ticks are whole numbers only.
        percent: whether ticks are percentages; limits stay within 0 and 1 if the values do.
        tight: whether the limits are the smallest and largest value themselves.
    """
    finite = [float(each) for each in values if math.isfinite(each) and not (log and each <= 0)]
    low, high = (min(finite), max(finite)) if finite else (0.1 if log else 0.0, 1.0)
    within = percent and low >= 0 and high <= 1
    if low == high:
        low, high = _around(low, log=log, whole=whole)
    elif log and not tight:
        low, high = 10.0 ** math.floor(math.log10(low)), 10.0 ** math.ceil(math.log10(high))
    elif not tight:
        low, high = _rounded(low, high, whole=whole)
    if within:
        low, high = max(low, 0.0), min(high, 1.0)
    return Scale(low, high, start, end, log=log, whole=whole, percent=percent)


def round_step(low: float, high: float, most: int, *, whole: bool = False) -> float:
    """The smallest 1, 2 or 5 times a power of ten of which at most `most` fill a range."""
    raw = high / most - low / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in _STEPS if factor * power >= raw * (1 - 1e-9))
    return max(1.0, step) if whole else step


def _around(value: float, *, log: bool, whole: bool) -> tuple[float, float]:
    """Limits around a single value."""
    if log:
        return value / 10, value * 10
    if whole:
        return value - 0.5, value + 0.5
    distance = abs(value) / 10 or 1.0
    return value - distance, value + distance


def _rounded(low: float, high: float, *, whole: bool) -> tuple[float, float]:
    """Limits at ticks. A wider range may have a longer step, so it is rounded again."""
    begin, end, step = low, high, 0.0
    while (longer := round_step(begin, end, MOST_TICKS, whole=whole)) != step:
        step = longer
        begin = step * math.floor(low / step + 1e-9)
        end = step * math.ceil(high / step - 1e-9)
    return begin, end


def _powers(low: float, high: float, most: int) -> list[float]:
    """Powers of ten within the limits; 2 and 5 times them, too, if these are few."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = max(1, math.ceil((last - first + 1) / most))
    factors = (1, 2, 5) if last - first <= 2 else (1,)
    values = [f * 10.0**power for power in range(first, last + 1, every) for f in factors]
    return [value for value in values if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]


def _decimals(step: float) -> int:
    return max(0, -math.floor(math.log10(step) + 1e-9))
