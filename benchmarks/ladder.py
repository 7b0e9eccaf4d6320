"""Seven whole networks against PyTorch and ONNX Runtime: train step, inference, a single image.

    python -m benchmarks.ladder --peer-python /path/to/venv/bin/python
    [--peers torch,onnxruntime] [--threads 1,2] [--networks lenet,cifar] [--precision bfloat16]
    [--tasks training,inference64,inference1] [--isa avx2] [--compile] [--json FILE] [--quick]

The networks (`benchmarks/networks.py`) have the same weights in every library. All libraries must
give the same logits and the same losses in the first steps of training. Training is SGD with
momentum and cross-entropy; the loss is read as a number after every step. PyTorch runs eagerly in
both of its layouts, and the better one counts; --compile also shows torch.compile. ONNX Runtime
runs a network built for the batch size, with all its graph optimisations.

Each library runs in its own process, stopped between its turns. A ratio is the peer's time over
that of cnnx within one round, and the median over the rounds counts. --isa avx2 restricts cnnx and
PyTorch to AVX2. ONNX Runtime has no such setting, so its ratio is judged only where the CPU
multiplies no faster with wider vectors. --precision int8 compares quantized networks, OpenVINO's
too, as `benchmarks.deployed` does. --precision bfloat16 compares computation in bfloat16, with
OpenVINO instead of ONNX Runtime, which has no convolution of it for CPUs. Exits 1 when a goal of
the requested tasks is missed.
"""

from __future__ import annotations

import os
import subprocess
import sys

from benchmarks.comparison import (
    BEST,
    OWN_FLOAT32,
    Comparison,
    Goal,
    goals_of_each,
    judge,
    parse,
    quantized_goals,
    run,
)
from benchmarks.network_description import BFLOAT16, FLOAT32, INT8
from benchmarks.networks import NETWORKS
from benchmarks.peers import BFLOAT16_PEERS, QUANTIZED_PEERS, Task

PLAIN = ("lenet", "mnist", "cifar", "resnet_trunk")
TASKS = {
    "training": Task("train step, batch 64", True, 64),
    "inference64": Task("inference, batch 64", False, 64),
    "inference1": Task("inference, one image", False, 1),
}
INFERENCE = {name: task for name, task in TASKS.items() if not task.training}
COMPARISONS = {
    FLOAT32: Comparison(TASKS, tuple(NETWORKS), peers=("torch", "onnxruntime")),
    INT8: Comparison(INFERENCE, tuple(NETWORKS), peers=tuple(QUANTIZED_PEERS)),
    BFLOAT16: Comparison(TASKS, tuple(NETWORKS), peers=tuple(BFLOAT16_PEERS)),
}
QUANTIZED_GOALS = quantized_goals(tuple(INFERENCE), ("cifar", "resnet20"))
# Geometric means, of a CPU with AMX.
BFLOAT16_GOALS = (
    Goal("training", 2, OWN_FLOAT32, tuple(NETWORKS), 1.0),
    Goal("training", 2, BEST, tuple(NETWORKS), 1.4),
    Goal("inference64", 2, BEST, tuple(NETWORKS), 1.3),
)
GOALS_OF = {INT8: QUANTIZED_GOALS, BFLOAT16: BFLOAT16_GOALS}


def make_goals(
    task: str, threads: int, peer: str, each: dict[str, float], mean: float | None = None
) -> tuple[Goal, ...]:
    """One goal per network, and one for the plain networks together."""
    together = () if mean is None else (Goal(task, threads, peer, PLAIN, mean),)
    return (*goals_of_each(task, threads, peer, each), *together)


GOALS = (
    *make_goals(
        "training",
        2,
        "torch",
        dict.fromkeys(PLAIN, 2.0) | {"mobilenet": 1.2, "resnet20": 2.0, "mobilenet_norm": 1.2},
        mean=2.4,
    ),
    *make_goals(
        "inference64",
        2,
        "onnxruntime",
        dict.fromkeys(PLAIN, 1.5) | {"mobilenet": 1.0, "resnet20": 1.8},
        mean=1.9,
    ),
    *make_goals("inference1", 1, "onnxruntime", dict.fromkeys(PLAIN, 1.7)),
    *make_goals(
        "inference1",
        2,
        "onnxruntime",
        dict.fromkeys(("mnist", "cifar", "resnet_trunk", "resnet20"), 1.6)
        | {"lenet": 1.7, "mobilenet": 1.3},
    ),
)
# ONNX Runtime cannot be restricted to AVX2: only fair where wider vectors multiply no faster.
AVX2_GOALS_WHERE_EQUAL = (
    *make_goals("inference64", 2, "onnxruntime", dict.fromkeys(PLAIN, 1.4), mean=1.7),
    *make_goals("inference1", 1, "onnxruntime", dict.fromkeys(PLAIN, 1.5)),
    *make_goals(
        "inference1",
        2,
        "onnxruntime",
        dict.fromkeys(("mnist", "cifar", "resnet_trunk", "resnet20"), 1.36)
        | {"lenet": 1.45, "mobilenet": 1.1},
    ),
)
AVX2_GOALS = make_goals("training", 2, "torch", dict.fromkeys(PLAIN, 1.8) | {"mobilenet": 1.2}, 2.2)


def peak_of(isa: str) -> float:
    """Fused multiply-adds per second on one thread; 0 if the CPU lacks the instructions."""
    command = [sys.executable, "-c", "from benchmarks.peak import Peak; print(Peak()())"]
    environment = {**os.environ, "CNNX_ISA": isa}
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return float(found.stdout) if found.returncode == 0 else 0.0


def goals_of(isa: str | None) -> tuple[Goal, ...]:
    """The goals of a CPU restricted to this instruction set."""
    if isa != "avx2":
        return GOALS
    narrow, wide = peak_of("avx2"), peak_of("avx512")
    print(f"peak of one thread: AVX2 {narrow / 1e9:.0f} GFLOP/s, AVX-512 {wide / 1e9:.0f} GFLOP/s")
    return AVX2_GOALS + (AVX2_GOALS_WHERE_EQUAL if wide < 1.15 * narrow else ())


def main() -> int:
    """Print the ladder; 1 when a goal is missed."""
    options = parse(__doc__.splitlines()[0], COMPARISONS, rounds=5, seconds=0.5)
    rows = run(COMPARISONS[options.precision], options)
    if not options.peers:
        return 0
    goals = GOALS_OF.get(options.precision) or goals_of(options.isa)
    return 0 if judge(goals, rows) else 1


if __name__ == "__main__":
    sys.exit(main())
