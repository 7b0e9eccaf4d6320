"""Models as ONNX files, run by ONNX Runtime, and the outputs that they should have.

Not part of the package. Only `run_onnx` and `checked` need other packages than cnnx's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cnnx
import numpy as np
import numpy.typing as npt
import pytest
from cnnx.onnx.exporting import graph_of
from cnnx.onnx.forms import form_for
from cnnx.onnx.graph import Graph
from cnnx.onnx.model_proto import encoded

Array = npt.NDArray[Any]

_LARGE = ("convnext_tiny", "resnet18", "resnet34", "resnet50", "vgg11")  # for the fast tier
MODELS = [
    pytest.param(name, marks=[pytest.mark.slow] if name in _LARGE else [])
    for name in cnnx.models.__all__
    if name != "fast_cifar_recipe"
]


def graph(model: cnnx.Model, *, pixels: bool = True, labels: bool = True, opset: int = 18) -> Graph:
    """The graph that `cnnx.onnx.save` writes."""
    return graph_of(model._core, form_for(model._core, pixels, None, labels), opset)


def content(model: cnnx.Model, **settings: Any) -> bytes:
    """The bytes that `cnnx.onnx.save` writes."""
    return b"".join(encoded(graph(model, **settings), cnnx.__version__))


def random_pixels(model: cnnx.Model, count: int = 2, seed: int = 0) -> npt.NDArray[np.uint8]:
    shape = (count, *model.input_shape)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def as_tensor(model: cnnx.Model, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Preprocessed images, (batch, channels, height, width)."""
    mean = np.array(model.preprocessing.mean, np.float32)
    std = np.array(model.preprocessing.std, np.float32)
    normalised = (pixels.astype(np.float32) / np.float32(255) - mean) / std
    return np.ascontiguousarray(normalised.transpose(0, 3, 1, 2))


def expected(model: cnnx.Model, pixels: npt.NDArray[np.uint8]) -> tuple[str, Array]:
    """Name and value of the graph's first output."""
    kind = model._core.probability_kind
    shape = model.output_shape
    if kind == "none":
        name, values = "values", model(pixels)
    elif kind == "softmax" and (len(shape) > 1 or shape[0] < 2):
        name, values = "output", model(pixels)
    else:
        name, values = "probabilities", model.predict_proba(pixels)
    return name, values.transpose(0, 3, 1, 2) if values.ndim == 4 else values


def checked(file: bytes) -> Any:
    """The file as the package onnx reads it, after its full check."""
    import onnx

    proto = onnx.load_model_from_string(file)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def run_onnx(
    file: bytes, images: Array, input_name: str = "images", *, signed_bytes: bool = False
) -> Mapping[str, Array]:
    """Outputs of ONNX Runtime by name.

    signed_bytes: a `QGemm` has an int8 input, which ONNX Runtime's exact kernels do not have.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Without it, a float32 input of a matrix of int8 is rounded, too.
    options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "1")
    if not signed_bytes:  # Without it, sums of products saturate on a CPU of AVX2 without VNNI.
        options.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]
    return dict(zip(names, session.run(names, {input_name: images}), strict=True))


def assert_onnx_runtime_agrees(model: cnnx.Model, *, pixels: bool = True, **settings: Any) -> None:
    """Compare the outputs of a model in ONNX Runtime with its own, to 1e-4 of the largest."""
    file = content(model, pixels=pixels, **settings)
    checked(file)
    images = random_pixels(model)
    name, values = expected(model, images)
    outputs = run_onnx(file, images if pixels else as_tensor(model, images))
    assert outputs[name].shape == values.shape
    scale = float(np.abs(values).max()) + 1e-30
    np.testing.assert_allclose(outputs[name] / scale, values / scale, rtol=0, atol=1e-4)
    if "label" in outputs:
        assert outputs["label"].tolist() == np.asarray(model.predict(images)).tolist()
