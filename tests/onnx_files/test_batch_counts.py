"""Graphs that compute with the number of images, which their files leave open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from onnx_models import OnnxModel, reference_output

pytest.importorskip("onnx", reason="needs onnx: install the extra onnx")

Build = Callable[[OnnxModel, str], Any]


def floats(m: OnnxModel, sizes: str) -> Any:
    return m.node("Cast", sizes, to=1)


def size(m: OnnxModel, x: str, axis: int) -> Any:
    return m.node("Gather", m.node("Shape", x), m.constant([axis]))


def mean_of_images(m: OnnxModel, x: str) -> Any:
    return m.node("Div", x, floats(m, m.node("Shape", x, start=0, end=1)))


def mean_of_numbers(m: OnnxModel, x: str) -> Any:
    return m.node("Div", x, floats(m, m.node("Size", x)))


def scaled_by_a_product(m: OnnxModel, x: str) -> Any:
    elements = m.node("Mul", size(m, x, 0), size(m, x, 2))
    return m.node("Mul", x, m.node("Sqrt", floats(m, elements)))


def merged_with_rows(m: OnnxModel, x: str) -> Any:
    rows = m.node("Reshape", x, m.constant([-1, 3, 5]))
    return m.node("Mul", rows, floats(m, size(m, rows, 0)))


def scaled_by_channels(m: OnnxModel, x: str) -> Any:
    return m.node("Div", x, m.node("Sqrt", floats(m, size(m, x, 1))))


def mean_of_pixels(m: OnnxModel, x: str) -> Any:
    pixels = m.node("Div", m.node("Size", x), size(m, x, 0))
    return m.node("Div", x, floats(m, pixels))


def ones_of_every_image(m: OnnxModel, x: str) -> Any:
    ones = m.node("ConstantOfShape", m.node("Shape", x), value=one_tensor())
    return m.node("Add", x, ones)


def reshaped_by_its_batch(m: OnnxModel, x: str) -> Any:
    shape = m.node("Concat", size(m, x, 0), m.constant([-1]), axis=0)
    return m.node("Gemm", m.node("Reshape", x, shape), m.weight(4 * 15, 3))


def divided_by_its_length(m: OnnxModel, x: str) -> Any:
    length = m.node("Clip", m.node("ReduceL2", x, axes=[1], keepdims=1), m.constant(1e-12))
    return m.node("Div", x, m.node("Expand", length, m.node("Shape", x)))


def one_tensor() -> Any:
    import onnx

    return onnx.helper.make_tensor("value", onnx.TensorProto.FLOAT, [1], [1.0])


def model(build: Build, *, open_batch: bool) -> tuple[OnnxModel, Any]:
    m = OnnxModel(2, 3, 3, 5, open_batch=open_batch)
    return m, build(m, m.node("Conv", "x", m.weight(4, 3, 1, 1)))


def check(m: OnnxModel, output: str, x: Any, folder: Path) -> None:
    """Compare the outputs of the loaded model with ONNX's."""
    loaded = cnnx.onnx.load(m.save(folder / "model.onnx", output))
    expected = reference_output(m.proto(output), x)
    if expected.ndim == 4:
        expected = expected.transpose(0, 2, 3, 1)
    images = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    np.testing.assert_allclose(loaded(images), expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(
    "build",
    [mean_of_images, mean_of_numbers, scaled_by_a_product, merged_with_rows],
    ids=lambda build: build.__name__,
)
def test_numbers_that_depend_on_an_open_batch_are_refused(build: Build, tmp_path: Path) -> None:
    m, output = model(build, open_batch=True)
    with pytest.raises(
        cnnx.onnx.UnsupportedError, match="computes with the number of images, which the"
    ):
        cnnx.onnx.load(m.save(tmp_path / "model.onnx", output))


@pytest.mark.parametrize(
    "build",
    [
        *(scaled_by_channels, mean_of_pixels, ones_of_every_image, reshaped_by_its_batch),
        divided_by_its_length,
    ],
    ids=lambda build: build.__name__,
)
def test_other_numbers_of_an_open_batch_are_computed(build: Build, tmp_path: Path) -> None:
    m, output = model(build, open_batch=True)
    check(m, output, np.concatenate([m.input(), m.input()[:1]]), tmp_path)


def test_a_fixed_batch_is_computed(tmp_path: Path) -> None:
    m, output = model(mean_of_images, open_batch=False)
    check(m, output, m.input(), tmp_path)
