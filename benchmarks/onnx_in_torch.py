"""PyTorch's side of `onnx_parity`: networks of random weights, exported, with their results.

Runs in the peers' environment: `python -m benchmarks.onnx_in_torch FOLDER NETWORK EXPORTER OPSET`
writes `model.onnx` and `expected.npz`. The exporter is `torchscript` or `dynamo` for a network of
torchvision, `light` for a model of onnx.backend.test, whose constant weights become random.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

# Their classifiers follow an adaptive pooling that is the identity at this size only.
FULL_SIZE = ("alexnet", "vgg")
SEGMENTATION = ("deeplabv3", "fcn", "lraspp")
BATCHES, BATCH = 3, 2


def torchvision_model(name: str) -> Any:
    """The network with random weights, and random statistics of its norms, in evaluation."""
    import torch
    import torchvision

    torch.manual_seed(1)
    arguments: dict[str, Any] = {}
    if name in ("googlenet", "inception_v3"):
        arguments["init_weights"] = True
    elif name.startswith(SEGMENTATION):
        arguments["weights_backbone"] = None
    model = torchvision.models.get_model(name, weights=None, **arguments).eval()
    if name.startswith(SEGMENTATION):  # their scores are the only value of a dictionary
        model.register_forward_hook(lambda module, given, result: result["out"])
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.1)
            torch.nn.init.normal_(module.running_mean, 0, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model


def gradients(model: Any, images: Any, labels: Any) -> dict[str, np.ndarray]:
    """The gradients of the mean cross-entropy at both ends of a network, in cnnx's layout.

    An exporter folds a norm into the convolution before it, whose bias then has the gradient of the
    norm's bias.
    """
    import torch

    weighted = [m for m in model.modules() if isinstance(m, (torch.nn.Conv2d, torch.nn.Linear))]
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    model.zero_grad()
    torch.nn.functional.cross_entropy(model(images), labels).backward()

    def in_nhwc(gradient: Any) -> np.ndarray:
        array: np.ndarray = gradient.numpy()
        return array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T

    found = {
        "first_weight": in_nhwc(weighted[0].weight.grad),
        "last_weight": in_nhwc(weighted[-1].weight.grad),
    }
    if norms:
        found["first_norm_bias"] = norms[0].bias.grad.numpy()
    return found


def export_of_torch(path: Path, name: str, exporter: str, opset: int) -> dict[str, np.ndarray]:
    """Write the network's file; returns images, labels, gradients, and their errors in float32.

    The gradients have one row for each batch of images.
    """
    import torch

    model = torchvision_model(name)
    size = 224 if name.startswith(FULL_SIZE) else 96
    batches = torch.rand(BATCHES, BATCH, 3, size, size)
    labels = torch.tensor([3, 700])
    if name.startswith(SEGMENTATION):  # a class for each pixel
        labels = torch.randint(21, (BATCH, size, size))
    torch.onnx.export(
        model,
        (batches[0],),
        str(path),
        opset_version=opset,
        dynamo=exporter == "dynamo",
        verbose=False,
    )
    rounded = [gradients(model, images, labels) for images in batches]
    model.double()
    exact = [gradients(model, images.double(), labels) for images in batches]
    arrays = {"images": batches.numpy(), "labels": labels.numpy()}
    for key in exact[0]:
        arrays[key] = np.stack([each[key] for each in exact])
        arrays[f"{key}_error"] = np.array(
            [
                np.abs(own[key] - each[key]).max() / np.abs(each[key]).max()
                for own, each in zip(rounded, exact, strict=True)
            ]
        )
    return arrays


def light_model(path: Path, name: str) -> dict[str, np.ndarray]:
    """Write a light model with random weights; returns images."""
    source = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
    model = onnx.load(source / f"light_{name}.onnx")
    random = np.random.default_rng(1)
    constants = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    kept = [node for node in model.graph.node if node.op_type != "ConstantOfShape"]
    readers = {each: node for node in kept for each in node.input}
    for node in model.graph.node:
        if node.op_type == "ConstantOfShape":
            shape = constants[node.input[0]].tolist()
            values = weights_for(readers[node.output[0]], node.output[0], shape, random)
            model.graph.initializer.append(numpy_helper.from_array(values, node.output[0]))
    del model.graph.node[:]
    model.graph.node.extend(kept)
    onnx.save(model, path)
    given = next(each for each in model.graph.input if each.name not in constants)
    axes = [each.dim_value for each in given.type.tensor_type.shape.dim]
    return {"images": random.random((1, 1, *axes[1:]), np.float32)}


def weights_for(node: Any, name: str, shape: list[int], random: np.random.Generator) -> np.ndarray:
    """Random weights that keep the size of activations: He for products, near 1 for norms.

    Those of fully connected layers are smaller, so that no probability after them is 1.
    """
    if len(shape) > 1:
        deviation = np.sqrt(2 / np.prod(shape[1:])) * (0.1 if node.op_type == "Gemm" else 1)
        return random.normal(0, deviation, shape).astype(np.float32)
    position = list(node.input).index(name)
    if node.op_type == "BatchNormalization" and position in (1, 4):
        low = 0.3 if position == 1 else 1.0  # sums of residual blocks grow
        return random.uniform(low, 2 * low, shape).astype(np.float32)
    return random.normal(0, 0.1, shape).astype(np.float32)


def main() -> int:
    """Write both files."""
    folder, name, exporter, opset = sys.argv[1:]
    path = Path(folder) / "model.onnx"
    if exporter == "light":
        arrays = light_model(path, name)
    else:
        arrays = export_of_torch(path, name, exporter, int(opset))
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0].name
    outputs = [session.run(None, {given: images})[0] for images in arrays["images"]]
    np.savez(Path(folder) / "expected.npz", outputs=np.stack(outputs), **arrays)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
