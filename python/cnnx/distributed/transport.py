"""Transport of the gradients of a distributed step over MPI.

The block of gradients is divided into segments, and each segment into one piece per process, its
owner. When a segment's sums are complete, a process sends every owner its piece. The owner adds
what it received in the order of the shards, in C++, and then all gather the pieces. Both are
non-blocking collectives, which proceed while backward computes the next segments.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnx import _core
from cnnx.arguments import FloatArray
from cnnx.distributed.watch import Waiting

# Shards from the first to before the second, and the shard of the process that completes them.
_Contribution = tuple[int, int, int]


@dataclass
class CommunicationTimes:
    """Seconds of communication of all steps so far.

    Attributes:
        in_flight: from the first send of a step to the end of its communication.
        exposed: the part of it after the last backward, in which nothing was computed.
        steps: number of steps.
    """

    in_flight: float = 0.0
    exposed: float = 0.0
    steps: int = 0

    @property
    def hidden(self) -> float:
        """Share of the communication that ran behind backward."""
        return 1 - self.exposed / self.in_flight if self.in_flight > 0 else 1.0


@dataclass
class _Segment:
    """Exchange of one segment in a step.

    Attributes:
        bounds: first float of each process's piece, and the end.
        requests: of the sends and receives so far.
        received: contributions to the own piece, each with its process and place.
        rounds: number of rounds that have been sent.
    """

    bounds: list[int]
    requests: list[Any] = field(default_factory=list)
    received: list[tuple[_Contribution, FloatArray]] = field(default_factory=list)
    rounds: int = 0


class ShardTransport:
    """Transport of one trainer, called by the core in each step (`cnnx/distributed.h`).

    Attributes:
        segments: first float and number of floats of each segment of the block.
        times: seconds of communication so far.
    """

    def __init__(self, reducing: Any, gathering: Any, shards: int, waiting: Waiting) -> None:
        """Use two communicators of mpi4py.

        Collectives of one communicator must be started in one order. Gathers start when their
        segment is complete, so they have a communicator of their own.
        """
        from mpi4py import MPI

        self._MPI, self._waiting = MPI, waiting
        self.times = CommunicationTimes()
        self.segments: list[tuple[int, int]] = []
        self._shards = shards
        self._process, self._processes = reducing.Get_rank(), reducing.Get_size()
        self._reducing, self._gathering = reducing, gathering
        self._contributions: list[list[_Contribution]] = [
            _core.contributions_of(shards, process, self._processes)
            for process in range(self._processes)
        ]
        self._rounds = len({last for each in self._contributions for _, _, last in each})
        self._present: list[dict[int, _Contribution]] = []
        self._memory: dict[tuple[int, int, int], FloatArray] = {}
        self._sums: FloatArray = np.empty(0, np.float32)
        self._exchanges: list[_Segment] = []
        self._gathers: list[Any] = []
        self._begun = 0.0

    def begin(self, rows: int, sums: FloatArray) -> None:
        """Begin a batch of `rows` rows whose sums go to `sums`."""
        self._present = [
            {each[2]: each for each in own if _core.has_rows(each, rows, self._shards)}
            for own in self._contributions
        ]
        self._sums = sums
        self._exchanges = [_Segment(self._bounds(count)) for _, count in self.segments]
        self._gathers = []
        self._begun = 0.0

    def send(self, round_number: int, number: int, values: FloatArray | None) -> None:
        """Send the own contribution of a round to a segment, if there is one; receive others."""
        self._begun = self._begun or time.perf_counter()
        segment = self._exchanges[number]
        bounds, mine = segment.bounds, self._process
        size = bounds[mine + 1] - bounds[mine]
        sources = [process for process, own in enumerate(self._present) if round_number in own]
        is_source = mine in sources
        received = self._received(round_number, number, size * len(sources))
        send_counts = [b - a if is_source else 0 for a, b in pairwise(bounds)]
        receive_counts = [size if process in sources else 0 for process in range(self._processes)]
        send_counts[mine] = receive_counts[mine] = 0
        starts = [
            size * sources.index(process) if process in sources else 0
            for process in range(self._processes)
        ]
        float_type = self._MPI.FLOAT
        sent = values if is_source else np.empty(0, np.float32)
        segment.requests.append(
            self._reducing.Ialltoallv(
                [sent, (send_counts, bounds[:-1]), float_type],
                [received, (receive_counts, starts), float_type],
            )
        )
        for process in sources:
            piece = received[starts[process] : starts[process] + size]
            if process == mine and values is not None:
                piece = values[bounds[mine] : bounds[mine + 1]]
            segment.received.append((self._present[process][round_number], piece))
        segment.rounds += 1
        self._proceed()

    def finish(self) -> None:
        """Wait until `sums` has the sums of all segments."""
        begun = time.perf_counter()
        with self._waiting("exchanges the gradients of a step"):
            while len(self._gathers) < len(self._exchanges):
                self._MPI.Request.Waitall(self._exchanges[len(self._gathers)].requests)
                self._gather()
            self._MPI.Request.Waitall(self._gathers)
        ended = time.perf_counter()
        self.times.exposed += ended - begun
        self.times.in_flight += ended - (self._begun or begun)
        self.times.steps += 1

    def share_rows(self, table: NDArray[np.float64]) -> None:
        """Fill in the rows of a table that other processes have computed."""
        rows, columns = table.shape
        bounds = [bound * columns for bound in self._bounds(rows)]
        counts = [b - a for a, b in pairwise(bounds)]
        with self._waiting("exchanges the metrics of a batch"):
            self._gathering.Allgatherv(
                self._MPI.IN_PLACE, [table, (counts, bounds[:-1]), self._MPI.DOUBLE]
            )

    def share_text(self, text: str, process: int) -> str:
        """The text of a process, in all processes."""
        with self._waiting("waits for the error of a shard"):
            return str(self._gathering.bcast(text, root=process))

    def _bounds(self, count: int) -> list[int]:
        """The beginning of each process's part of `count` things, and their end."""
        return [count * process // self._processes for process in range(self._processes + 1)]

    def _received(self, round_number: int, number: int, floats: int) -> FloatArray:
        """Memory for what a round receives of a segment, which steps use again."""
        key = (round_number, number, floats)
        if key not in self._memory:
            self._memory[key] = np.empty(floats, np.float32)
        return self._memory[key]

    def _proceed(self) -> None:
        """Let MPI work on what is under way, and gather segments that have arrived, in order."""
        while len(self._gathers) < len(self._exchanges):
            segment = self._exchanges[len(self._gathers)]
            arrived = self._MPI.Request.Testall(segment.requests)
            if not arrived or segment.rounds < self._rounds:
                break
            self._gather()
        if self._gathers:
            self._MPI.Request.Testall(self._gathers)

    def _gather(self) -> None:
        """Add up the own piece of the next segment, and begin to gather the pieces of all."""
        number = len(self._gathers)
        segment, (first, count) = self._exchanges[number], self.segments[number]
        sums = self._sums[first : first + count]
        bounds = segment.bounds
        piece = sums[bounds[self._process] : bounds[self._process + 1]]
        # In the order of the shards, not of the rounds.
        ordered = sorted(segment.received, key=lambda each: each[0][0])
        _core.add_contributions(
            [contribution for contribution, _ in ordered], [array for _, array in ordered], piece
        )
        counts = [b - a for a, b in pairwise(bounds)]
        self._gathers.append(
            self._gathering.Iallgatherv(
                self._MPI.IN_PLACE, [sums, (counts, bounds[:-1]), self._MPI.FLOAT]
            )
        )
