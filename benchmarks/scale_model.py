"""A model of the train step of several processes: when it computes, and when it communicates.

The gradients of a step are exchanged in buckets while backward still runs. The network carries one
exchange after the other. An exchange is an all-to-all of the contributions, their addition, and an
all-gather of the sums. Its messages also cost processor time, which the computation loses.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# MPICH gathers messages of fewer bytes in a logarithmic number of rounds, larger ones in a ring.
RING_BYTES = 524_288
# Messages that an all-to-all of MPICH has on their way at a time.
ALL_TO_ALL_MESSAGES = 32


class Bucket(NamedTuple):
    """Backward of some layers, and the gradients that are complete after it."""

    seconds: float
    count: int  # bytes


class Compute(NamedTuple):
    """The computation of one process in a step, without communication, in seconds."""

    forward: float
    buckets: tuple[Bucket, ...]
    update: float

    @property
    def backward(self) -> float:
        """Of all buckets."""
        return sum(bucket.seconds for bucket in self.buckets)

    def scaled(self, factor: float) -> Compute:
        """The same on a machine that needs `factor` times as long."""
        buckets = tuple(Bucket(factor * seconds, count) for seconds, count in self.buckets)
        return Compute(factor * self.forward, buckets, factor * self.update)


class Costs(NamedTuple):
    """What an exchange costs a process.

    Attributes:
        message: seconds of a message of no bytes, on a network without latency.
        byte: processor seconds per byte that a process sends while it receives as much.
        addition: seconds to add a byte of contributions.
    """

    message: float
    byte: float
    addition: float


class Link(NamedTuple):
    """The connection of a machine to the switch."""

    latency: float  # seconds
    bytes_per_second: float


class Phase(NamedTuple):
    """A part of an exchange: its seconds, and how much of the processor it needs meanwhile."""

    seconds: float
    load: float


class Step(NamedTuple):
    """A predicted step."""

    seconds: float
    computing: float
    communicating: float

    @property
    def hidden(self) -> float:
        """The part of the communication that takes place during computation."""
        exposed = self.seconds - self.computing
        return 1.0 - min(1.0, max(0.0, exposed) / self.communicating) if self.communicating else 1.0


def all_to_all_rounds(processes: int) -> int:
    """Messages one after the other in an all-to-all."""
    return math.ceil((processes - 1) / ALL_TO_ALL_MESSAGES)


def all_gather_rounds(processes: int, count: int) -> int:
    """Messages one after the other in an all-gather of `count` bytes in total."""
    return math.ceil(math.log2(processes)) if count < RING_BYTES else processes - 1


def exchange(
    count: int, processes: int, contributions: int, link: Link, costs: Costs
) -> tuple[Phase, ...]:
    """The phases of the exchange of a bucket of `count` bytes."""
    if processes == 1:
        return ()
    sent = count * (processes - 1) / processes
    added = count * contributions

    def transfer(moved: float, rounds: int) -> Phase:
        waiting = rounds * (link.latency + costs.message)
        processor = moved * costs.byte
        seconds = waiting + max(moved / link.bytes_per_second, processor)
        return Phase(seconds, processor / seconds)

    return (
        transfer(sent * contributions, all_to_all_rounds(processes)),
        Phase(added * costs.addition, 1.0),
        transfer(sent, all_gather_rounds(processes, count)),
    )


def simulate(
    compute: Compute, processes: int, link: Link, costs: Costs, shards: int = 1, sent: int = 1
) -> Step:
    """The step of one of `processes` equal processes.

    Args:
        compute: of one shard.
        processes: that take part.
        link: of every process.
        costs: of an exchange.
        shards: that a process computes one after the other.
        sent: contributions that a process sends, `shards` unless it adds them itself.
    """
    alone = (shards - 1) * (compute.forward + compute.backward) + compute.forward
    work = deque([[alone, 0]] + [[seconds, count] for seconds, count in compute.buckets])
    carried: deque[list[float]] = deque()
    time = communicating = 0.0
    while work or carried:
        load = carried[0][1] if carried else 0.0
        speed = max(1e-9, 1.0 - load)
        passed = min(
            work[0][0] / speed if work else math.inf, carried[0][0] if carried else math.inf
        )
        time += passed
        if carried:
            communicating += passed
            carried[0][0] -= passed
        if work:
            work[0][0] -= passed * speed
        if carried and carried[0][0] <= 1e-12:
            carried.popleft()
        if work and work[0][0] <= 1e-12:
            count = int(work.popleft()[1])
            if count:
                carried += map(list, exchange(count, processes, sent, link, costs))
    computing = alone + compute.backward + compute.update
    return Step(time + compute.update, computing, communicating)


def fit(times: Sequence[tuple[int, float, float, float]], processes: int) -> Costs:
    """Costs by least squares of the relative errors.

    Args:
        times: bytes of a bucket and seconds of its all-to-all, addition and all-gather, on a
            network whose latency and rate cost nothing.
        processes: that took part.
    """
    rows, seconds, additions = [], [], []
    for count, to_all, adding, gathering in times:
        sent = count * (processes - 1) / processes
        rows += [
            (all_to_all_rounds(processes), sent),
            (all_gather_rounds(processes, count), sent),
        ]
        seconds += [to_all, gathering]
        additions.append((count, adding))
    target = np.array(seconds)
    message, byte = np.linalg.lstsq(
        np.array(rows) / target[:, None], np.ones_like(target), rcond=None
    )[0]
    largest, longest = max(additions)
    return Costs(max(0.0, float(message)), max(0.0, float(byte)), longest / largest)
