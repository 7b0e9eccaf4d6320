"""How long a call takes: samples of enough calls each, and what is made of them."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterable, Sequence

# A sample is at least this long: the clock's own cost and resolution do not show in it.
SAMPLE_SECONDS = 0.005


# The process's CPU time is blind to other processes' turns, but it adds up the threads'.
CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}


def sample(call: Callable[[], object], seconds: float, clock: str = "wall") -> list[float]:
    """Seconds per call, over and over for about `seconds`, after a fifth of that as warm-up.

    At least three samples. The warm-up wakes threads, fills caches and tells how many calls make
    a sample.
    """
    now = CLOCKS[clock]
    calls, begun = 0, now()
    while calls < 2 or now() - begun < seconds / 5:
        call()
        calls += 1
    per_sample = max(1, round(SAMPLE_SECONDS * calls / (now() - begun)))
    samples: list[float] = []
    end = now() + seconds
    while len(samples) < 3 or now() < end:
        begun = now()
        for _ in range(per_sample):
            call()
        samples.append((now() - begun) / per_sample)
    return samples


def median_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """The median of the ratios formed within each round."""
    return statistics.median(a / b for a, b in zip(numerators, denominators, strict=True))


def geometric_mean(values: Iterable[float]) -> float:
    """The mean of ratios: twice as fast and half as fast make 1."""
    logarithms = [math.log(value) for value in values]
    return math.exp(sum(logarithms) / len(logarithms))
