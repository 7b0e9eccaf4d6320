"""Every layer of a model against the limits of the machine: time, GFLOP/s, GB/s, share of a limit.

    python -m benchmarks.roofline MODEL [--threads 1,2] [--batch 1] [--training] [--rounds 9]
    [--by-kind]

MODEL is a function of `cnnx.models`, such as mobilenet_v2, or a model's file. The limits are
measured in the same run: the peak of fused multiply-adds before and after every round, and the
bandwidth of copies of arrays as large as the layer's. A layer's limit is the longer one of the time
of its multiply-adds at the peak, and the time of its arrays at the bandwidth. The limit counts the
multiply-adds of the direct method, so that a layer computed by Winograd's method may take less than
its limit. `lost` is the time beyond the limit. Fused layers are one row.

In a train step, a backward convolution has twice the multiply-adds of the forward one, and reads or
writes its input and its output three times in all.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cnnx
import numpy as np

from benchmarks import machine
from benchmarks.layer_work import LayerWork
from benchmarks.limits import MOST_BYTES, Limits
from benchmarks.network_description import MOMENTUM, TIMED_RATE
from benchmarks.options import RoundOptions, numbers, round_parser

# Of one round.
ROUND_SECONDS = 0.2


class Row(NamedTuple):
    """Layers that ran together."""

    kind: str
    names: tuple[str, ...]
    size: str
    seconds: float
    operations: float
    moved: float
    peak: float
    bandwidth: float

    @property
    def limit(self) -> float:
        """The least seconds that the machine allows."""
        return max(self.operations / self.peak, self.moved / self.bandwidth)


def open_model(name: str) -> cnnx.Model:
    """A model by its builder's name or its file."""
    if name in cnnx.models.__all__:
        model: cnnx.Model = getattr(cnnx.models, name)()
        return model
    return cnnx.load(Path(name))


class Sample(NamedTuple):
    """One step of the model in one round; backward only in training."""

    names: tuple[str, ...]
    forward: float  # seconds
    backward: float


def inference_sampler(model: cnnx.Model, batch: int) -> Callable[[int], list[Sample]]:
    """Measures the steps of several predictions."""
    x = np.random.default_rng(0).random((batch, *model.input_shape), dtype=np.float32)

    def sample(repetitions: int) -> list[Sample]:
        times = model._core.layer_times(x, repetitions)
        return [Sample(tuple(names), seconds / repetitions, 0.0) for names, seconds in times]

    return sample


def training_sampler(model: cnnx.Model, batch: int) -> Callable[[int], list[Sample]]:
    """Measures the steps of several train steps."""
    random = np.random.default_rng(0)
    x = random.random((batch, *model.input_shape), dtype=np.float32)
    y = random.integers(0, model.output_shape[-1], batch)
    trainer = cnnx.Trainer(model, optimizer=cnnx.SGD(TIMED_RATE, momentum=MOMENTUM))
    trainer.step(x, y)

    def sample(repetitions: int) -> list[Sample]:
        trainer.start_profile()
        for _ in range(repetitions):
            trainer.step(x, y)
        profile = trainer.profile()
        return [
            Sample(each.layers, each.forward / repetitions, each.backward / repetitions)
            for each in profile.layers
        ]

    return sample


def measure(model: cnnx.Model, limits: Limits, options: Options) -> list[Row]:
    """A row per step, in training two."""
    sampler = training_sampler if options.training else inference_sampler
    sample = sampler(model, options.batch)
    rounds, peaks, repetitions = [], [limits.peak()], 1
    for _ in range(options.rounds):
        rounds.append(sample(repetitions))
        peaks.append(limits.peak())
        seconds = sum(each.forward + each.backward for each in rounds[-1])
        repetitions = max(1, int(ROUND_SECONDS / seconds))
    work, peak = LayerWork(model), statistics.median(peaks)
    rows = []
    for same in zip(*rounds, strict=True):
        each = work.of(same[0].names)
        images = options.batch * (each.input_bytes + each.output_bytes)
        forward = statistics.median(sample.forward for sample in same)
        backward = statistics.median(sample.backward for sample in same)
        for phase, seconds, times in (("forward", forward, 1), ("backward", backward, 2)):
            if phase == "backward" and not options.training:
                continue
            moved = times * each.weight_bytes + images * (1.5 if times == 2 else 1)
            rows.append(
                Row(
                    each.kind + (f" {phase}" if options.training else ""),
                    same[0].names,
                    each.size,
                    seconds,
                    times * options.batch * each.operations,
                    moved,
                    peak,
                    limits.bandwidth(moved),
                )
            )
    return rows


def totals(rows: list[Row]) -> dict[str, tuple[int, float, float, float]]:
    """Count, seconds, operations and lost seconds per kind of layer, those with most loss first."""
    found: dict[str, tuple[int, float, float, float]] = {}
    for row in rows:
        count, seconds, operations, lost = found.get(row.kind, (0, 0.0, 0.0, 0.0))
        found[row.kind] = (
            count + 1,
            seconds + row.seconds,
            operations + row.operations,
            lost + row.seconds - row.limit,
        )
    return dict(sorted(found.items(), key=lambda each: -each[1][3]))


def show(rows: list[Row], limits: Limits, options: Options) -> None:
    """Print the table of layers and that of kinds."""
    peak, whole = rows[0].peak, sum(row.seconds for row in rows)
    what = "train step" if options.training else "inference"
    print(
        f"{options.model}, {what}, batch {options.batch}, threads {limits.threads}: "
        f"{1000 * whole:.3f} ms; peak {peak / 1e9:.0f} GFLOP/s, "
        f"copies of 128 MB {limits.bandwidth(MOST_BYTES) / 1e9:.0f} GB/s"
    )
    if not options.by_kind:
        print(
            f"  {'first layer':34} {'kind':22} {'size':30} {'us':>9} {'of all':>7} {'GFLOP/s':>8} "
            f"{'GB/s':>6} {'limit':>8} {'of it':>6} {'lost us':>8}"
        )
    for row in () if options.by_kind else rows:
        bound = "FMA" if row.operations / row.peak > row.moved / row.bandwidth else "memory"
        print(
            f"  {row.names[0]:34} {row.kind:22} {row.size:30} {1e6 * row.seconds:9.1f} "
            f"{row.seconds / whole:7.1%} {row.operations / row.seconds / 1e9:8.1f} "
            f"{row.moved / row.seconds / 1e9:6.1f} {bound:>8} {row.limit / row.seconds:6.0%} "
            f"{1e6 * (row.seconds - row.limit):8.1f}"
        )
    print(f"  {'kind':24} {'layers':>7} {'us':>9} {'of all':>7} {'GFLOP/s':>8} {'lost us':>8}")
    for kind, (count, seconds, operations, lost) in totals(rows).items():
        print(
            f"  {kind:24} {count:7} {1e6 * seconds:9.1f} {seconds / whole:7.1%} "
            f"{operations / seconds / 1e9:8.1f} {1e6 * lost:8.1f}"
        )


class Options(RoundOptions):
    """The command line."""

    model: str
    threads: list[int]
    batch: int
    training: bool
    by_kind: bool


def main() -> None:
    """Print a table for each number of threads."""
    parser = round_parser(__doc__.splitlines()[0], rounds=9)
    parser.add_argument("model", help="a function of cnnx.models, or a model's file")
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--training", action="store_true", help="a train step, not inference")
    parser.add_argument("--by-kind", action="store_true", help="only the sums by kind of layer")
    options = parser.parse_args(namespace=Options())
    if options.quick:
        options.rounds = 1
    before, tables = machine.describe(), {}
    print(f"{machine.headline()}, {cnnx.isa()}")
    for threads in options.threads:
        cnnx.set_num_threads(threads)
        limits = Limits(threads)
        rows = measure(open_model(options.model), limits, options)
        show(rows, limits, options)
        tables[str(threads)] = [row._asdict() for row in rows]
    if options.json:
        machine.save(options.json, before, {"model": options.model, "threads": tables})


if __name__ == "__main__":
    main()
