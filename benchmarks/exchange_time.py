"""The time of exchanges of gradients without computation, in processes of MPI.

    mpiexec -n 2 python -m benchmarks.exchange_time BYTES,BYTES,...

For each number of bytes, the transport of `cnnx.distributed` exchanges a segment of so many bytes,
one shard in each process. Process 0 prints JSON: the median seconds of each, and the seconds to add
one byte of contributions.
"""

from __future__ import annotations

import json
import statistics
import sys
import time

import cnnx
import numpy as np
from cnnx import _core
from cnnx.distributed.transport import ShardTransport

from benchmarks.options import numbers

LEAST_SECONDS = 0.3
FLOAT_BYTES = 4
ADDED_FLOATS = 1 << 20


def exchange_seconds(communicator: cnnx.distributed.Communicator, count: int) -> float:
    """The median time of the exchange of a segment of `count` floats, repeated without pauses."""
    shards = communicator.processes
    transport = ShardTransport(*communicator.channels, shards, communicator.waiting)
    transport.segments = [(0, count)]
    values, sums = np.ones(count, np.float32), np.empty(count, np.float32)

    def exchange() -> float:
        begun = time.perf_counter()
        transport.begin(shards, sums)
        transport.send(0, 0, values)
        transport.finish()
        return time.perf_counter() - begun

    first = min(exchange(), exchange())
    repetitions = communicator.in_first(lambda: max(5, min(100, int(LEAST_SECONDS / first))))
    return statistics.median(exchange() for _ in range(repetitions))


def addition_seconds() -> float:
    """Seconds to add one byte of contributions."""
    contributions = _core.contributions_of(2, 0, 2) + _core.contributions_of(2, 1, 2)
    arrays = [np.ones(ADDED_FLOATS, np.float32) for _ in contributions]
    sums = np.empty(ADDED_FLOATS, np.float32)
    seconds = []
    for _ in range(9):
        begun = time.perf_counter()
        _core.add_contributions(contributions, arrays, sums)
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds) / sum(array.nbytes for array in arrays)


def main() -> None:
    """Measure every number of bytes; the first process prints."""
    communicator = cnnx.distributed.world()
    cnnx.set_num_threads(1)
    counts = numbers(sys.argv[1])
    seconds = [exchange_seconds(communicator, count // FLOAT_BYTES) for count in counts]
    addition = addition_seconds()
    if communicator.is_first:
        print(json.dumps([*seconds, addition]))


if __name__ == "__main__":
    main()
