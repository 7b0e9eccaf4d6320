"""Imported networks against ONNX Runtime and PyTorch; goals: 1e-4, gradients 1e-3.

    python -m benchmarks.onnx_parity --peer-python PYTHON [--networks resnet18,vgg11]
                                     [--exporters torchscript,dynamo] [--opsets 11,17,20] [--quick]

Eighteen networks of torchvision, three of them for segmentation, exported by PyTorch's two
exporters at several opsets, and the nine light models of onnx.backend.test. All have random
weights: the constant weights of the light models would hide a wrong layout. Outputs are compared
with ONNX Runtime's, relative to the largest; gradients of the mean cross-entropy at both ends of
the network with PyTorch's in float64. The error of PyTorch itself in float32 stands in brackets. It
varies by a factor of three between images, and a gradient may also have four times that.

Exits 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cnnx
import numpy as np
from numpy.typing import NDArray

from benchmarks.libraries import ROOT
from benchmarks.options import add_peer_python, names_from, numbers

NETWORKS = (
    "alexnet",
    "convnext_tiny",
    "deeplabv3_mobilenet_v3_large",
    "densenet121",
    "efficientnet_b0",
    "fcn_resnet50",
    "googlenet",
    "lraspp_mobilenet_v3_large",
    "mnasnet0_5",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "regnet_y_400mf",
    "resnet18",
    "resnext50_32x4d",
    "shufflenet_v2_x0_5",
    "squeezenet1_1",
    "swin_t",
    "vgg11",
)
LIGHT = (
    "bvlc_alexnet",
    "densenet121",
    "inception_v1",
    "inception_v2",
    "resnet50",
    "shufflenet",
    "squeezenet",
    "vgg19",
    "zfnet512",
)
GOAL_OUTPUTS = 1e-4
GOAL_GRADIENTS = 1e-3
Case = tuple[str, str, int]  # network, exporter, opset


def cases(options: argparse.Namespace) -> Iterator[Case]:
    """The exports to compare."""
    for exporter in options.exporters:
        for name in LIGHT if exporter == "light" else options.networks:
            for opset in (9,) if exporter == "light" else options.opsets:
                yield name, exporter, opset


def relative_error(actual: NDArray[Any], expected: NDArray[Any]) -> float:
    """The largest difference relative to the largest value; infinite for another shape."""
    if actual.shape != expected.shape:
        return float("inf")
    return float(np.abs(actual - expected).max() / np.abs(expected).max())


class GradientError(NamedTuple):
    """Relative error of a gradient, and that of PyTorch in float32; medians over the batches.

    Rounding may change which element is the largest of a window, or the sign of an input of ReLU,
    and then gradients before it differ by more than rounding, in any library.
    """

    own: float
    of_torch: float

    @property
    def is_small(self) -> bool:
        """Whether it is within the goal, or about as small as PyTorch's."""
        return self.own <= max(GOAL_GRADIENTS, 4 * self.of_torch)


def gradient_errors(model: cnnx.Model, expected: dict[str, NDArray[Any]]) -> list[GradientError]:
    """The errors of the gradients of the first and the last layer with weights."""
    for layer in model.layers:
        if layer.kind == "batch_norm2d":
            layer.trainable = False  # as in PyTorch's evaluation
    shapes = {name: each.ndim for name, each in model.parameters.items()}
    products = [name for name, ndim in shapes.items() if name.endswith(".weight") and ndim > 1]
    first, last = products[0], products[-1]
    kept_norm = any(layer.kind == "batch_norm2d" for layer in model.layers[:2])
    if "first_norm_bias" in expected and not kept_norm:
        pairs = [(first.replace(".weight", ".bias"), "first_norm_bias"), (last, "last_weight")]
    else:
        pairs = [(first, "first_weight"), (last, "last_weight")]
    trainer = cnnx.Trainer(model)
    errors: dict[str, list[float]] = {its: [] for _, its in pairs}
    for k, images in enumerate(in_nhwc(expected["images"])):
        trainer.compute_gradients(images, expected["labels"])
        found = dict(gradients_by_name(trainer))
        for own, its in pairs:
            errors[its].append(relative_error(found[own], expected[its][k]))
    return [
        GradientError(statistics.median(own), float(np.median(expected[f"{its}_error"])))
        for its, own in errors.items()
    ]


def in_nhwc(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Images or maps with the channels as the last axis, not the third from the end."""
    return np.ascontiguousarray(np.moveaxis(images, -3, -1))


def gradients_by_name(trainer: cnnx.Trainer) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """The trainer's gradients by the names of the parameters."""
    begin = 0
    for name, values in trainer.model.parameters.items():
        end = begin + values.size
        yield name, trainer.gradients[begin:end].reshape(values.shape)
        begin = end


def compare(case: Case, python: str) -> tuple[float, list[GradientError]]:
    """The errors of the outputs, and of the gradients of a network of PyTorch."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [python, "-W", "ignore", "-m", "benchmarks.onnx_in_torch", folder, *map(str, case)],
            check=True,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        expected = dict(np.load(Path(folder) / "expected.npz"))
        model = cnnx.onnx.load(Path(folder) / "model.onnx")
    images = in_nhwc(expected["images"])
    flat = images.reshape(-1, *images.shape[2:])
    results = expected["outputs"]
    if results.ndim > 3:  # scores of every pixel
        results = in_nhwc(results)
    error = relative_error(model(flat).reshape(results.shape), results)
    return error, [] if case[1] == "light" else gradient_errors(model, expected)


def main() -> int:
    """Compare; returns 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_peer_python(parser)
    exporters = ("torchscript", "dynamo", "light")
    parser.add_argument("--networks", type=names_from(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--exporters", type=names_from(exporters), default=list(exporters))
    parser.add_argument("--opsets", type=numbers, default=[11, 17, 20])
    parser.add_argument("--quick", action="store_true", help="one network: does it run?")
    options = parser.parse_args()
    if options.peer_python is None:
        print("onnx_parity: no --peer-python, which exports the networks: nothing to compare")
        return 0
    if options.quick:
        options.networks, options.exporters, options.opsets = ["resnet18"], ["torchscript"], [17]
    warnings.simplefilter("ignore", cnnx.Warning)
    missed = 0
    print(f"relative errors of outputs (goal {GOAL_OUTPUTS}) and gradients (goal {GOAL_GRADIENTS})")
    for case in cases(options):
        error, errors = compare(case, options.peer_python)
        met = error <= GOAL_OUTPUTS and all(each.is_small for each in errors)
        missed += not met
        shown = "  ".join(f"{each.own:.1e} ({each.of_torch:.1e})" for each in errors)
        name, exporter, opset = case
        verdict = "" if met else "  goal missed"
        print(f"{name:28} {exporter:12} {opset:3}   {error:.1e}   {shown}{verdict}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
