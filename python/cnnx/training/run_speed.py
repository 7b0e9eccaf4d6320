"""Speed of a fit, the time that it has left, and both in words."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping

from cnnx.metric_kinds import MAIN_METRICS, is_of_one_output, kind_of, metric_words
from cnnx.training.history import Progress


def _in_brief(name: str) -> str:
    return metric_words(name, brief=True)


def _in_few(name: str) -> str:
    """As `_in_brief`, without that of an accuracy, which is a percentage."""
    return "" if name in ("accuracy", "validation_accuracy") else _in_brief(name)


# Forms of a line, from wide to narrow: words for a metric, which of duration, speed and time left
# follow, and whether the metrics of each of several outputs are among them.
_FORMS: tuple[tuple[Callable[[str], str], tuple[int, ...], bool], ...] = (
    (metric_words, (0, 1, 2), True),
    (_in_brief, (0, 1, 2), True),
    (_in_brief, (0, 1, 2), False),
    (_in_brief, (0, 2), False),
    (_in_brief, (2,), False),
    (_in_brief, (), False),
    (_in_few, (), False),
)


class RunSpeed:
    """Speed of a fit, measured by its steps.

    Attributes:
        steps: number of steps so far.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self.begin()

    def now(self) -> float:
        """The time in seconds."""
        return self._clock()

    def begin(self) -> None:
        """Start measuring, at the beginning of a fit."""
        self.steps = 0
        self._started = self._last_step = self._epoch_started = self._clock()
        self._images = self._images_before = 0
        self._is_new_epoch = True
        self._steps_of_epoch = 0

    def step(self, progress: Progress) -> float:
        """Count a step, and return the time of its end in seconds."""
        self.steps += 1
        self._last_step = self._clock()
        if self._is_new_epoch:
            # A resumed epoch begins in its middle.
            self._images_before = progress.images * (progress.step - 1) // progress.step
            self._is_new_epoch = False
        self._images = progress.images
        return self._last_step

    def end_epoch(self, progress: Progress) -> None:
        """Begin to measure the next epoch."""
        self._steps_of_epoch = progress.step
        self._epoch_started = self._clock()
        self._is_new_epoch = True

    @property
    def images_per_second(self) -> float:
        """Images per second of the current epoch, without its validation; 0 if unknown."""
        seconds = self._last_step - self._epoch_started
        return (self._images - self._images_before) / seconds if seconds > 0 else 0.0

    def seconds_left(self, progress: Progress) -> float:
        """Seconds to the end of the run at the speed so far; 0 if unknown."""
        steps = progress.steps or self._steps_of_epoch
        if not self.steps or not steps:
            return 0.0
        left = max(0, (progress.epochs - progress.epoch + 1) * steps - progress.step)
        return (self._clock() - self._started) / self.steps * left


def number_of(metric: str, value: float) -> str:
    """A metric as text: an accuracy in percent, others with four decimals."""
    kind = kind_of(metric)
    if kind is not None and kind.is_percentage:
        return f"{value:.2%}"
    return f"{value:.4f}" if value == 0 or abs(value) >= 0.001 else f"{value:.2e}"


def measured(metrics: Mapping[str, float]) -> dict[str, str]:
    """The metrics of an epoch that were measured, as text by name."""
    names = dict.fromkeys([*MAIN_METRICS, *filter(kind_of, metrics)])
    found = {name: metrics.get(name, math.nan) for name in names}
    return {name: number_of(name, value) for name, value in found.items() if not math.isnan(value)}


def epoch_line(
    epoch: int,
    epochs: int,
    metrics: Mapping[str, float],
    *,
    images_per_second: float = 0,
    seconds_left: float = 0,
    columns: int | None = None,
) -> str:
    """Metrics of one epoch in one line, without those that were not measured.

    Args:
        epoch: number of the epoch.
        epochs: number of epochs of the fit.
        metrics: metrics of the epoch, as in `History`.
        images_per_second: speed, or 0.
        seconds_left: time left, or 0.
        columns: width of the terminal, for which words become shorter; None is any width.
    """
    texts = measured(metrics)
    seconds, speed = f"{metrics['seconds']:.1f} s", rate(images_per_second)
    times = (seconds, speed, left(seconds_left))
    # All lines of a run have the same words, also those that are shorter: the first ones, and the
    # last one, without a time left.
    longest = (seconds, speed, left(seconds_left or 1))
    line = ""
    for words, chosen, has_outputs in _FORMS:
        own = [
            f"{words(name)} {text}".strip()
            for name, text in texts.items()
            if has_outputs or not is_of_one_output(name)
        ]
        line = _line(f"{epoch}/{epochs}", own, [times[k] for k in chosen])
        wide = _line(f"{epochs}/{epochs}", own, [longest[k] for k in chosen])
        if columns is None or len(wide) < columns:
            break
    return line


def _line(place: str, metrics: Iterable[str], times: list[str]) -> str:
    tail = ", ".join(filter(None, times))
    return f"epoch {place}: {', '.join(metrics)}{f' ({tail})' if tail else ''}"


def rate(images_per_second: float) -> str:
    """A speed as text; "" for an unknown one."""
    if not images_per_second:
        return ""
    return f"{images_per_second:,.{0 if images_per_second >= 10 else 1}f} images/s"


def left(seconds: float) -> str:
    """The time left as text; "" for none."""
    return f"{duration(seconds)} left" if seconds else ""


def duration(seconds: float) -> str:
    """Duration in seconds, minutes and seconds, or hours and minutes.

    Example:
        >>> duration(7.6), duration(200), duration(7500)
        ('8 s', '3:20 min', '2:05 h')
    """
    whole = math.ceil(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02} h"
