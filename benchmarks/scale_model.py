"""A model of the train step of several processes: when it computes, and when it communicates.

The gradients of a step are exchanged in buckets while backward still runs. The network carries one
transfer after the other. A bucket is sent to its owners in an all-to-all, added by them, and
gathered by all. Messages take processor time, which the computation loses. MPI only proceeds while
it is called, which is after a bucket: until the next one the kernel sends what its socket buffers
hold, and a collective of several rounds stays in its round.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from cnnx import _core

# MPICH gathers messages of fewer bytes in a logarithmic number of rounds, larger ones in a ring.
RING_BYTES = 524_288
# Messages that an all-to-all of MPICH has on their way at a time.
ALL_TO_ALL_MESSAGES = 32
# Linux's largest send buffer of a socket, unless it is told otherwise (net.ipv4.tcp_wmem).
SOCKET_BYTES = 4 << 20


# Of a message, for rounding.
LEAST_BYTES = 1e-3


class Bucket(NamedTuple):
    """Backward of some layers, and the gradients that are complete after it."""

    seconds: float
    count: int  # bytes


class Compute(NamedTuple):
    """The computation of one shard in a step, without communication, in seconds."""

    forward: float
    buckets: tuple[Bucket, ...]
    update: float

    def scaled(self, factor: float) -> Compute:
        """The same on a machine that needs `factor` times as long."""
        buckets = tuple(Bucket(factor * seconds, count) for seconds, count in self.buckets)
        return Compute(factor * self.forward, buckets, factor * self.update)

    def seconds(self, shards: int) -> float:
        """A step of so many shards in one process."""
        backward = sum(bucket.seconds for bucket in self.buckets)
        return shards * (self.forward + backward) + self.update


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
    """The connection of a machine to the switch.

    Attributes:
        latency: seconds from machine to machine.
        bytes_per_second: in each direction.
        buffer: bytes to another machine that move without a call of MPI.
    """

    latency: float
    bytes_per_second: float
    buffer: float = SOCKET_BYTES


class Step(NamedTuple):
    """A predicted step: its seconds, and the share of the communication behind backward."""

    seconds: float
    hidden: float


class Transfer:
    """A collective on its way.

    Attributes:
        latency: seconds before its bytes flow, in which others can flow.
        begins: time at which they do.
        rest: seconds of the network that are left.
        load: of the processor.
        speed: bytes per second.
        round_bytes: of the messages of a round.
        left: bytes of this round, after which MPI must be called.
    """

    def __init__(self, moved: float, rounds: int, link: Link, costs: Costs) -> None:
        processor = moved * costs.byte
        self.latency = rounds * (link.latency + costs.message)
        self.begins = 0.0
        self.rest = max(moved / link.bytes_per_second, processor, 1e-9)
        self.load = processor / self.rest
        self.speed = moved / self.rest
        self.round_bytes = moved / rounds
        self.left = 0.0


class Exchange:
    """The transfers of a bucket; the second one begins after the addition."""

    def __init__(self, transfers: list[Transfer], addition: float) -> None:
        self.transfers = deque(transfers)
        self.addition = addition
        self.waits = False  # for the addition

    def proceeds(self) -> bool:
        """Whether it goes on without a call of MPI."""
        return not self.waits and self.transfers[0].left > 0

    def begin(self, time: float) -> None:
        """Begin the next transfer."""
        self.waits = False
        self.transfers[0].begins = time + self.transfers[0].latency


def all_to_all_rounds(processes: int) -> int:
    """Messages one after the other in an all-to-all."""
    return math.ceil((processes - 1) / ALL_TO_ALL_MESSAGES)


def all_gather_rounds(processes: int, count: int) -> int:
    """Messages one after the other in an all-gather of `count` bytes in total."""
    return math.ceil(math.log2(processes)) if count < RING_BYTES else processes - 1


def senders(shards: int, processes: int) -> list[int]:
    """How many processes send a sum after their first shard, their second, and so on."""
    counts = [0] * (shards // processes)
    for process in range(processes):
        for _, _, last in _core.contributions_of(shards, process, processes):
            counts[last] += 1
    return counts


def exchanges(
    count: int, shards: int, processes: int, link: Link, costs: Costs
) -> list[Exchange | None]:
    """The exchanges of a bucket of `count` bytes, after the first shard, the second, and so on."""
    part = count / processes
    sending = senders(shards, processes)
    found: list[Exchange | None] = []
    for number in sending:
        # The busiest link sends a part to all others, or receives one from each sender.
        moved = part * max(processes - 1, number - (number == processes))
        transfer = Transfer(moved, all_to_all_rounds(processes), link, costs)
        found.append(Exchange([transfer], 0.0) if number else None)
    last = found[-1]
    assert last is not None
    sent, rounds = part * (processes - 1), all_gather_rounds(processes, count)
    last.transfers.append(Transfer(sent, rounds, link, costs))
    last.addition = part * sum(sending) * costs.addition
    return found


def less(count: float, moved: float) -> float:
    """The bytes that are left."""
    return count - moved if count - moved > LEAST_BYTES else 0.0


class Simulation:
    """The state of a process in a step."""

    def __init__(self, buffer: float) -> None:
        self.time = 0.0
        self.buffer = buffer  # bytes that move without a call of MPI
        self.buffered = 0.0  # bytes that are left of these
        self.begun: float | None = None
        self.flying: list[Exchange] = []

    def call(self, new: Exchange | None) -> None:
        """Call MPI, and add what has arrived."""
        if new is not None:
            self.begun = self.time if self.begun is None else self.begun
            self.flying.append(new)
            new.begin(self.time)
        for exchange in self.flying:
            if exchange.waits:
                self.time += exchange.addition
                exchange.begin(self.time)
            exchange.transfers[0].left = exchange.transfers[0].round_bytes
        self.buffered = self.buffer

    def compute(self, seconds: float) -> None:
        """Compute, while the kernel sends and receives."""
        while seconds > 0:
            able = [each for each in self.flying if each.proceeds()]
            begins = min((each.transfers[0].begins for each in able), default=math.inf)
            if self.buffered <= 0 or begins >= self.time + seconds:
                self.time += seconds
                return
            if begins > self.time:
                seconds, self.time = seconds - (begins - self.time), begins
            active = next(each for each in able if each.transfers[0].begins <= self.time)
            transfer = active.transfers[0]
            left = max(1e-3, 1.0 - transfer.load)
            passed = min(seconds / left, transfer.rest)
            passed = min(passed, transfer.left / transfer.speed, self.buffered / transfer.speed)
            moved = transfer.speed * passed
            transfer.left, self.buffered = less(transfer.left, moved), less(self.buffered, moved)
            seconds -= left * passed
            self._proceed(active, passed)

    def finish(self) -> None:
        """Wait for all transfers."""
        while self.flying:
            self.call(None)
            self.time = max(self.time, min(each.transfers[0].begins for each in self.flying))
            active = next(each for each in self.flying if each.transfers[0].begins <= self.time)
            self._proceed(active, active.transfers[0].rest)

    def _proceed(self, active: Exchange, seconds: float) -> None:
        self.time += seconds
        active.transfers[0].rest -= seconds
        if active.transfers[0].rest <= 1e-12:
            active.transfers.popleft()
            active.waits = bool(active.transfers)
            if not active.transfers:
                self.flying.remove(active)


def simulate(compute: Compute, processes: int, link: Link, costs: Costs, shards: int = 0) -> Step:
    """The step of one of `processes` equal processes.

    Args:
        compute: of one shard.
        processes: that take part.
        link: of every process.
        costs: of an exchange.
        shards: of a batch, 0 for one in each process.
    """
    shards = shards or processes
    if processes == 1:
        return Step(compute.seconds(shards), 1.0)
    by_bucket = [
        exchanges(bucket.count, shards, processes, link, costs) if bucket.count else []
        for bucket in compute.buckets
    ]
    state = Simulation(link.buffer * (processes - 1))
    for shard in range(shards // processes):
        state.compute(compute.forward)
        for bucket, by_shard in zip(compute.buckets, by_bucket, strict=True):
            # The gradients are added to those of the process.
            state.compute(bucket.seconds + bucket.count * costs.addition)
            if bucket.count:
                state.call(by_shard[shard])
    ended = state.time
    state.finish()
    flying = state.time - (state.begun or 0.0)
    # The loss of every shard is gathered, too.
    losses = all_gather_rounds(processes, 0) * (link.latency + costs.message)
    seconds = state.time + losses + compute.update
    return Step(seconds, 1.0 - (state.time - ended) / flying if flying > 0 else 1.0)


def fit(counts: Sequence[int], seconds: Sequence[float], addition: float, processes: int) -> Costs:
    """Costs by least squares of the relative errors.

    Args:
        counts: bytes of buckets.
        seconds: of their exchanges, a shard in each process, on a network whose latency and rate
            cost nothing.
        addition: seconds to add a byte.
        processes: that took part.
    """
    rows = []
    for count, measured in zip(counts, seconds, strict=True):
        rounds = all_to_all_rounds(processes) + all_gather_rounds(processes, count)
        sent = 2 * count * (processes - 1) / processes
        rows.append([each / (measured - count * addition) for each in (rounds, sent)])
    message, byte = np.linalg.lstsq(np.array(rows), np.ones(len(rows)), rcond=None)[0]
    return Costs(max(0.0, float(message)), max(0.0, float(byte)), addition)
