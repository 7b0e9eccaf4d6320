"""The time of a single image against the time to read its network's parameters from memory.

    python -m benchmarks.single_image [--rounds 7]

One thread. Every network of `benchmarks/networks.py` predicts one image, and NumPy finds the
maximum of as many numbers as the network has parameters, which only reads them. Where the reading
takes most of the time, no library with float32 weights can be much faster on this CPU. Prints
figures only; `benchmarks.ladder` has the goals.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

from benchmarks import machine
from benchmarks.network_description import NetworkTask, draw_parameters
from benchmarks.network_in_cnnx import prepare
from benchmarks.networks import NETWORKS
from benchmarks.peak import gaussians

TURN_SECONDS = 0.05


def microseconds(call: Callable[[], object]) -> float:
    """The median of a turn."""
    samples = []
    end = time.perf_counter() + TURN_SECONDS
    while time.perf_counter() < end:
        begun = time.perf_counter()
        call()
        samples.append(time.perf_counter() - begun)
    return 1e6 * statistics.median(samples)


def main() -> None:
    """Print a row per network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds: int = parser.parse_args().rounds
    print(machine.headline())
    print(f"{'':14}{'parameters':>12}{'one image':>14}{'reading them':>15}")
    for name, network in NETWORKS.items():
        image, _ = prepare(NetworkTask(name, batch=1, training=False, threads=1))
        count = sum(array.size for drawn in draw_parameters(network) for array in drawn.arrays())
        values = gaussians((count,))
        turns = [(microseconds(image), microseconds(values.max)) for _ in range(rounds)]
        one, reading = (statistics.median(times) for times in zip(*turns, strict=True))
        print(f"{name:14}{4e-6 * count:9.2f} MB{one:11.1f} us{reading:12.1f} us")


if __name__ == "__main__":
    main()
