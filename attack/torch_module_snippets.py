"""Modules and functions that the programs of the attack on PyTorch's files contain."""

from __future__ import annotations

import warnings
from typing import Any

import cnnx
import numpy as np

MODULES = """
import torch


class Affine(torch.nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.register_buffer("mean", torch.rand(channels, 1, 1) - 0.5)
        self.register_buffer("std", torch.rand(channels, 1, 1) + 0.5)

    def forward(self, x):
        return (x - self.mean) / self.std


class Gate(torch.nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.layer = torch.nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        return x * torch.sigmoid(self.layer(x.mean((2, 3), keepdim=True)))


class Halves(torch.nn.Module):
    def forward(self, x):
        a, b = x.chunk(2, 1)
        return torch.cat([b, torch.relu(a)], 1)


class Shortcut(torch.nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.layer = torch.nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return x + self.layer(x)


class Shuffle(torch.nn.Module):
    def forward(self, x):
        n, c, h, w = x.shape
        return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


class Rows(torch.nn.Module):
    def forward(self, x):
        return x.flatten(2).transpose(1, 2)


class LastChannels(torch.nn.Module):
    def forward(self, x):
        return x.permute(0, 2, 3, 1)


class Means(torch.nn.Module):
    def forward(self, x):
        return x.mean((2, 3))


class Scaled(torch.nn.Module):
    def forward(self, x):
        return x * 2.5 + 0.25
"""


def exported(module: Any, x: Any, *, opset: int, dynamo: bool, is_open: bool) -> None:
    """Write the module to the file theirs.onnx."""
    import torch

    options: dict[str, Any] = {"opset_version": opset, "input_names": ["pixels"]}
    if is_open and dynamo:
        options["dynamic_shapes"] = ({0: torch.export.Dim.DYNAMIC},)
    elif is_open:
        options["dynamic_axes"] = {"pixels": {0: "count"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, (x,), "theirs.onnx", dynamo=dynamo, output_names=["scores"], **options
        )


def results(path: str, x: Any) -> tuple[Any, list[Any]]:
    """The output of a file in ONNX Runtime, and its inputs and outputs."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    values = [*session.get_inputs(), *session.get_outputs()]
    forms = [(value.name, value.type, len(value.shape)) for value in values]
    return session.run(["scores"], {"pixels": x})[0], forms


def compare(x: Any) -> None:
    """Raise an exception if the file that cnnx saves differs from the one that it has loaded."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", cnnx.Warning)
            model = cnnx.onnx.load("theirs.onnx")
    except cnnx.onnx.UnsupportedError:
        return
    cnnx.onnx.save(model, "own.onnx")
    (expected, theirs), (got, own) = results("theirs.onnx", x), results("own.onnx", x)
    if own != theirs or got.shape != expected.shape:
        raise AssertionError(f"{own} of {got.shape}, expected {theirs} of {expected.shape}")
    noise = np.random.default_rng(0).standard_normal(x.shape)
    nearby, _ = results("theirs.onnx", (x + 1e-6 * noise).astype(np.float32))
    size = np.max(np.abs(expected))
    if np.max(np.abs(nearby - expected)) > 1e-4 * size:  # sums whose terms cancel
        return
    error = np.max(np.abs(got - expected)) / size
    if not error <= 1e-4:
        raise AssertionError(f"scores are off by {error:.2g} of the largest")
