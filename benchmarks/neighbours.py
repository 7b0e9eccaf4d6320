"""How much of the CPUs others use meanwhile: other processes, and the machine's other guests."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

# A turn in which they use more is one to repeat: a fiftieth of each of two CPUs.
QUIET_SHARE = 0.04
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def _all_seconds() -> tuple[float, float]:
    """CPU seconds since the start that were used or stolen, and all that there were."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()
    user, nice, system, idle, waiting, interrupts, soft_interrupts, stolen = map(int, fields[1:9])
    used = user + nice + system + interrupts + soft_interrupts + stolen
    return used / _TICKS_PER_SECOND, (used + idle + waiting) / _TICKS_PER_SECOND


def seconds_of(process: int) -> float:
    """CPU seconds that a running process and those it started have used; NaN if nobody tells."""
    folder = Path(f"/proc/{process}")
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        children = (folder / f"task/{process}/children").read_text().split()
    except OSError:
        return math.nan
    # Of its own, its threads included, and of the children that have ended.
    seconds = sum(map(int, fields[11:15])) / _TICKS_PER_SECOND
    running = (seconds_of(int(child)) for child in children)
    return seconds + sum(each for each in running if not math.isnan(each))


class Neighbours:
    """Watches from when it is made; knows nothing where the system does not tell (Linux does)."""

    def __init__(self) -> None:
        """Begins."""
        self._known = Path("/proc/stat").exists()
        if self._known:
            self._used, self._all = _all_seconds()

    def share(self, own: float) -> float:
        """Their share of the CPUs so far, in [0, 1], when `own` CPU seconds were not theirs."""
        if not self._known:
            return math.nan
        used, everything = _all_seconds()
        return max(0.0, used - self._used - own) / max(everything - self._all, 1e-9)


def wait_until_quiet(end: float) -> None:
    """Returns once they leave the CPUs alone for a moment, or when `time.monotonic` reads `end`."""
    moment = 0.1
    while time.monotonic() < end:
        neighbours = Neighbours()
        time.sleep(moment)
        if not neighbours.share(0.0) > QUIET_SHARE:
            return
