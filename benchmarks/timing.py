"""The time of a call: samples of several calls each, and their statistics."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterable, Sequence

# The least duration of a sample: it hides the clock's own cost and resolution.
SAMPLE_SECONDS = 0.005


# The process's CPU time ignores the turns of other processes, but it adds up all threads.
CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}


def sample(call: Callable[[], object], seconds: float, clock: str = "wall") -> list[float]:
    """Seconds per call, measured repeatedly for about `seconds`, after a fifth of that as warm-up.

    Takes at least three samples, or one where a call is longer than `seconds`. The warm-up wakes
    threads, fills caches and finds the number of calls per sample.
    """
    now = CLOCKS[clock]
    calls, begun = 0, now()
    while calls < 1 or (calls < 2 and now() - begun < seconds) or now() - begun < seconds / 5:
        call()
        calls += 1
    per_sample = max(1, round(SAMPLE_SECONDS * calls / (now() - begun)))
    least_samples = 3 if now() - begun < seconds * calls else 1
    samples: list[float] = []
    end = now() + seconds
    while len(samples) < least_samples or now() < end:
        begun = now()
        for _ in range(per_sample):
            call()
        samples.append((now() - begun) / per_sample)
    return samples


def median_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """The median of the ratios formed within each round."""
    return statistics.median(a / b for a, b in zip(numerators, denominators, strict=True))


def geometric_mean(values: Iterable[float]) -> float:
    """The geometric mean of ratios."""
    logarithms = [math.log(value) for value in values]
    return math.exp(sum(logarithms) / len(logarithms))
