"""The networks people deploy against PyTorch, ONNX Runtime, OpenVINO, ncnn, MNN and TensorFlow.

    python -m benchmarks.deployed --peer-python /path/to/venv/bin/python
    [--networks resnet18,mobilenet_v2] [--tasks inference1] [--threads 1,2] [--peers torch,openvino]
    [--precision bfloat16] [--isa avx2] [--compile] [--json FILE] [--quick] [--quiet]

ResNet-18, ResNet-50 and MobileNetV2 at 224 x 224: one image, eight images, and a train step of
eight. A U-Net at 128 x 128 with a label for each pixel: the same. A LeNet of 5x5 kernels: a train
step of 64 images, inference of 64 and of one. `benchmarks/deployed_networks.py` describes them. The
method is that of `benchmarks.ladder`. ncnn and MNN take part with one image, TensorFlow
(`tf.function`) in the training of LeNet. With --isa avx2 the goals are 15 % lower.

With --precision int8, every library quantizes the three large networks, ResNet-20 and the CIFAR
network of the ladder by its own tools and the same images. OpenVINO counts with the faster of NNCF
and ONNX Runtime's file. The libraries in float32 are shown, too. --isa avx512_vnni binds all of
them to the instructions of a CPU without AMX.

With --precision bfloat16, every library computes the three large networks in bfloat16: one image,
eight, and a train step of eight. PyTorch trains by its autocast, and infers by autocast or with
converted weights; the fastest counts. ONNX Runtime has no convolution of bfloat16 for CPUs and
takes no part. The logits must be within 5 % of the largest one of cnnx in float32, the losses
within 2 %. --isa avx512_bf16 binds all libraries to the instructions of a CPU without AMX.

Exits 1 when a goal of the requested rows is missed.
"""

from __future__ import annotations

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
from benchmarks.deployed_networks import DEPLOYED
from benchmarks.network_description import BFLOAT16, FLOAT32, INT8
from benchmarks.peers import BFLOAT16_PEERS, PEERS, QUANTIZED_PEERS, Task

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
}
LARGE = ("resnet18", "resnet50", "mobilenet_v2")
QUANTIZED = (*LARGE, "resnet20", "cifar")
QUANTIZED_TASKS = ("inference1", "inference8")
COMPARISONS = {
    FLOAT32: Comparison(
        TASKS, tuple(DEPLOYED), tuple(PEERS), lambda task, network: task in TASKS_OF[network]
    ),
    INT8: Comparison(
        {name: TASKS[name] for name in QUANTIZED_TASKS}, QUANTIZED, tuple(QUANTIZED_PEERS)
    ),
    BFLOAT16: Comparison({name: TASKS[name] for name in LARGE_TASKS}, LARGE, tuple(BFLOAT16_PEERS)),
}


def large_goals(task: str, threads: int, *least: float) -> tuple[Goal, ...]:
    """The goals of ResNet-18, ResNet-50 and MobileNetV2."""
    return goals_of_each(task, threads, BEST, dict(zip(LARGE, least, strict=True)))


GOALS = (
    *large_goals("inference1", 1, 1.5, 1.25, 1.2),
    *large_goals("inference1", 2, 1.8, 1.3, 1.4),
    *large_goals("inference8", 2, 1.8, 1.25, 1.3),
    *large_goals("training8", 2, 2.4, 1.6, 2.2),
    Goal("training64", 2, "torch", ("lenet5x5",), 2.6),
    Goal("training64", 2, "tensorflow", ("lenet5x5",), 2.0),
    Goal("inference64", 2, "torch", ("lenet5x5",), 2.5),
    Goal("inference64", 2, "onnxruntime", ("lenet5x5",), 1.6),
    Goal("training8", 2, "torch", ("unet",), 2.0),
    Goal("inference1", 2, "onnxruntime", ("unet",), 1.6),
    Goal("inference8", 2, "onnxruntime", ("unet",), 1.6),
)
QUANTIZED_GOALS = (
    *quantized_goals(QUANTIZED_TASKS, QUANTIZED),
    *(Goal(task, 2, OWN_FLOAT32, ("resnet50",), 2.5) for task in QUANTIZED_TASKS),
)
# Of a CPU with AMX.
BFLOAT16_GOALS = (
    *goals_of_each("training8", 2, OWN_FLOAT32, dict.fromkeys(LARGE, 1.5)),
    *large_goals("training8", 2, 1.4, 1.4, 1.4),
    *large_goals("inference8", 2, 1.3, 1.3, 1.3),
)
GOALS_OF = {INT8: QUANTIZED_GOALS, BFLOAT16: BFLOAT16_GOALS}
AVX2_FRACTION = 0.85  # of the goals


def main() -> int:
    """Print the rows; 1 when a goal is missed."""
    options = parse(__doc__.splitlines()[0], COMPARISONS, rounds=3, seconds=0.6)
    rows = run(COMPARISONS[options.precision], options)
    if options.precision in GOALS_OF:
        return 0 if judge(GOALS_OF[options.precision], rows) else 1
    if not options.peers:
        return 0
    fraction = AVX2_FRACTION if options.isa == "avx2" else 1.0
    goals = [goal._replace(least=fraction * goal.least) for goal in GOALS]
    return 0 if judge(goals, rows) else 1


if __name__ == "__main__":
    sys.exit(main())
