"""CPU use by other processes and by the machine's other guests during a measurement."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

# A turn with more use by others is repeated: a fiftieth of each of two CPUs.
QUIET_FRACTION = 0.04
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def _all_seconds() -> tuple[float, float]:
    """CPU seconds since the start that were used or stolen, and the total."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()
    user, nice, system, idle, waiting, interrupts, soft_interrupts, stolen = map(int, fields[1:9])
    used = user + nice + system + interrupts + soft_interrupts + stolen
    return used / _TICKS_PER_SECOND, (used + idle + waiting) / _TICKS_PER_SECOND


def seconds_of(process: int) -> float:
    """CPU seconds of a running process and its children; NaN if the system does not report them."""
    folder = Path(f"/proc/{process}")
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        children = (folder / f"task/{process}/children").read_text().split()
    except OSError:
        return math.nan
    # Its own, threads included, and those of the children that have ended.
    seconds = sum(map(int, fields[11:15])) / _TICKS_PER_SECOND
    running = (seconds_of(int(child)) for child in children)
    return seconds + sum(each for each in running if not math.isnan(each))


class Neighbours:
    """Watches the CPUs from its construction on; reports NaN where the system has no counters (not
    Linux).
    """

    def __init__(self) -> None:
        """Start watching."""
        self._known = Path("/proc/stat").exists()
        if self._known:
            self._used, self._all = _all_seconds()

    def fraction(self, own: float) -> float:
        """Fraction of the CPUs that others have used so far, in [0, 1], given `own` CPU seconds."""
        if not self._known:
            return math.nan
        used, everything = _all_seconds()
        return max(0.0, used - self._used - own) / max(everything - self._all, 1e-9)


def wait_until_quiet(end: float) -> None:
    """Wait until others leave the CPUs idle for a moment, at most until `time.monotonic` reads
    `end`.
    """
    moment = 0.1
    while time.monotonic() < end:
        neighbours = Neighbours()
        time.sleep(moment)
        if not neighbours.fraction(0.0) > QUIET_FRACTION:
            return
