"""The time of the exchanges of a train step without computation, in processes of MPI.

    mpiexec -n 2 python -m benchmarks.exchange_time BYTES,BYTES,...

For each number of bytes the processes exchange buckets as `cnnx.distributed` does. Process
0 prints the medians of the repetitions as JSON: bytes, and seconds of the all-to-all, of the
additions, and of the all-gather.
"""

from __future__ import annotations

import json
import os
import sys
import time
from itertools import pairwise

import numpy as np
from mpi4py import MPI

from benchmarks.options import numbers

LEAST_SECONDS = 0.2
POLL_SECONDS = 1e-5
FLOAT_BYTES = 4


def parts(count: int, processes: int) -> list[int]:
    """Lengths of nearly equal parts of `count` numbers."""
    bounds = [count * process // processes for process in range(processes + 1)]
    return [end - begin for begin, end in pairwise(bounds)]


def wait(request: MPI.Request) -> None:
    """Wait for a request; between looks a process sleeps if others need its core."""
    crowded = MPI.COMM_WORLD.size > (os.cpu_count() or 1)
    while not request.Test():
        if crowded:
            time.sleep(POLL_SECONDS)


class Exchange:
    """The exchange of one bucket."""

    def __init__(self, count: int) -> None:
        """Allocate the arrays of a bucket of `count` floats."""
        self.communicator = MPI.COMM_WORLD
        self.lengths = parts(count, self.communicator.size)
        own = self.lengths[self.communicator.rank]
        self.gradients = np.ones(count, np.float32)
        self.received = np.zeros((self.communicator.size, own), np.float32)
        self.sums = np.zeros(own, np.float32)

    def run(self) -> tuple[float, float, float]:
        """Seconds of the all-to-all, of the additions, and of the all-gather."""
        own = self.lengths[self.communicator.rank]
        begun = time.perf_counter()
        wait(
            self.communicator.Ialltoallv(
                [self.gradients, self.lengths, MPI.FLOAT],
                [self.received, [own] * self.communicator.size, MPI.FLOAT],
            )
        )
        exchanged = time.perf_counter()
        np.copyto(self.sums, self.received[0])
        for received in self.received[1:]:
            self.sums += received
        added = time.perf_counter()
        wait(
            self.communicator.Iallgatherv(
                [self.sums, own, MPI.FLOAT], [self.gradients, self.lengths, MPI.FLOAT]
            )
        )
        ended = time.perf_counter()
        return exchanged - begun, added - exchanged, ended - added


def medians(exchange: Exchange) -> list[float]:
    """Repeat an exchange without pauses; the medians of its times, averaged over the processes."""
    communicator = exchange.communicator
    exchange.run()
    first = communicator.allreduce(sum(exchange.run()), MPI.MAX)
    samples = [exchange.run() for _ in range(max(5, min(100, int(LEAST_SECONDS / first))))]
    gathered = communicator.gather(np.median(samples, axis=0))
    return np.mean(gathered, axis=0).tolist() if gathered else []


def main() -> None:
    """Measure every number of bytes."""
    found = [(count, *medians(Exchange(count // FLOAT_BYTES))) for count in numbers(sys.argv[1])]
    if MPI.COMM_WORLD.rank == 0:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
