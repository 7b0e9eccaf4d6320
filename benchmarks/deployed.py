"""The networks people deploy against PyTorch, ONNX Runtime, OpenVINO, ncnn, MNN and TensorFlow.

    python -m benchmarks.deployed --peer-python /path/to/venv/bin/python
    [--networks resnet18,mobilenet_v2] [--tasks inference1] [--threads 1,2] [--peers torch,openvino]
    [--isa avx2] [--compile] [--json FILE] [--quick] [--quiet]

ResNet-18, ResNet-50 and MobileNetV2 at 224 x 224: one image, eight images, and a train step of
eight. A LeNet of 5x5 kernels: a train step of 64 images, inference of 64 and of one. A U-Net at
128 x 128: one image and eight. `benchmarks/deployed_networks.py` describes them. The method is that
of `benchmarks.ladder`. ncnn and MNN take part with one image, TensorFlow (`tf.function`) in the
training of LeNet. Exits 1 when a goal of the requested rows is missed. With --isa avx2 the goals
are 15 % lower.
"""

from __future__ import annotations

import sys

from benchmarks.comparison import (
    BEST,
    PEERS,
    Comparison,
    Goal,
    Task,
    goals_of_each,
    judge,
    parse,
    run,
)
from benchmarks.deployed_networks import DEPLOYED

TASKS = {
    "inference1": Task("inference, one image", False, 1),
    "inference8": Task("inference, batch 8", False, 8),
    "training8": Task("train step, batch 8", True, 8),
    "inference64": Task("inference, batch 64", False, 64),
    "training64": Task("train step, batch 64", True, 64),
}
SMALL_TASKS = ("inference1", "inference64", "training64")
LARGE_TASKS = ("inference1", "inference8", "training8")
TASKS_OF = {
    **dict.fromkeys(DEPLOYED, LARGE_TASKS),
    "lenet5x5": SMALL_TASKS,
    # No loss takes an image of classes.
    "unet": ("inference1", "inference8"),
}
COMPARISON = Comparison(
    TASKS, tuple(DEPLOYED), tuple(PEERS), lambda task, network: task in TASKS_OF[network]
)


def large_goals(task: str, threads: int, *least: float) -> tuple[Goal, ...]:
    """The goals of ResNet-18, ResNet-50 and MobileNetV2."""
    names = ("resnet18", "resnet50", "mobilenet_v2")
    return goals_of_each(task, threads, BEST, dict(zip(names, least, strict=True)))


GOALS = (
    *large_goals("inference1", 1, 1.5, 1.25, 1.2),
    *large_goals("inference1", 2, 1.8, 1.3, 1.4),
    *large_goals("inference8", 2, 1.8, 1.25, 1.3),
    *large_goals("training8", 2, 2.4, 1.6, 2.2),
    Goal("training64", 2, "torch", ("lenet5x5",), 2.6),
    Goal("training64", 2, "tensorflow", ("lenet5x5",), 2.0),
    Goal("inference64", 2, "torch", ("lenet5x5",), 2.5),
    Goal("inference64", 2, "onnxruntime", ("lenet5x5",), 1.6),
)
AVX2_FRACTION = 0.85  # of the goals


def main() -> int:
    """Print the rows; 1 when a goal is missed."""
    options = parse(__doc__.splitlines()[0], COMPARISON, rounds=3, seconds=0.6)
    rows = run(COMPARISON, options)
    if not options.peers:
        return 0
    fraction = AVX2_FRACTION if options.isa == "avx2" else 1.0
    goals = [goal._replace(least=fraction * goal.least) for goal in GOALS]
    return 0 if judge(goals, rows) else 1


if __name__ == "__main__":
    sys.exit(main())
