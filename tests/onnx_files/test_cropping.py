"""Crops and strided selections of pixels in ONNX graphs, in all forms that exporters write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from comparison import assert_same_bits
from onnx_exports import random_pixels
from onnx_models import OnnxModel, check, imported, kinds, reference_output

pytest.importorskip("onnx", reason="needs onnx: install the extra onnx")

Build = Callable[[OnnxModel], Any]
FAR = 2**63 - 1
CROP, SELECT = "crop2d", "max_pool2d"


def sliced(
    m: OnnxModel, x: str, starts: list[int], ends: list[int], axes: list[int], *steps: int
) -> str:
    more = [m.constant(list(steps))] if steps else []
    output: str = m.node("Slice", x, m.constant(starts), m.constant(ends), m.constant(axes), *more)
    return output


def channels_last(m: OnnxModel) -> str:
    last = m.node("Transpose", "x", perm=[0, 2, 3, 1])
    part = sliced(m, last, [2, 1, 3], [6, -2, 7], [1, 2, 3])
    output: str = m.node("Transpose", part, perm=[0, 3, 1, 2])
    return output


# Graphs on an image of shape (2, 8, 9, 7), their layers, and the cropping of a single crop2d.
SLICES: dict[str, tuple[Build, list[str], tuple[int, int, int, int] | None]] = {
    "both axes": (lambda m: sliced(m, "x", [2, 1], [7, 6], [2, 3]), [CROP], (2, 2, 1, 1)),
    "axes in another order": (
        lambda m: sliced(m, "x", [1, 2], [6, 7], [-1, -2]),
        [CROP],
        (2, 2, 1, 1),
    ),
    "negative ends": (lambda m: sliced(m, "x", [2, 0], [-3, -1], [2, 3]), [CROP], (2, 3, 0, 1)),
    "negative starts": (lambda m: sliced(m, "x", [-4], [-1], [2]), [CROP], (5, 1, 0, 0)),
    "to the end": (lambda m: sliced(m, "x", [3], [FAR], [3]), [CROP], (0, 0, 3, 0)),
    "from before the start": (
        lambda m: sliced(m, "x", [-99, 4], [3, 99], [3, 2]),
        [CROP],
        (4, 0, 0, 4),
    ),
    "all axes": (
        lambda m: sliced(m, "x", [0, 0, 1, 2], [2, 8, 8, 7], [0, 1, 2, 3]),
        [CROP],
        (1, 1, 2, 0),
    ),
    "steps of 1": (lambda m: sliced(m, "x", [1], [5], [3], 1), [CROP], (0, 0, 1, 2)),
    "an axis per node": (
        lambda m: sliced(m, sliced(m, "x", [2], [7], [2]), [1], [6], [3]),
        [CROP],
        (2, 2, 1, 1),
    ),
    "a crop of a crop": (
        lambda m: sliced(m, sliced(m, "x", [2], [8], [2]), [1], [-1], [2]),
        [CROP],
        (3, 2, 0, 0),
    ),
    "to one pixel": (lambda m: sliced(m, "x", [8, 3], [9, 4], [2, 3]), [CROP], (8, 0, 3, 3)),
    "channels, too": (
        lambda m: sliced(m, "x", [2, 1, 3], [6, -2, 7], [2, 3, 1]),
        ["slice_channels", CROP],
        (2, 3, 1, 2),
    ),
    "channels last": (channels_last, ["slice_channels", CROP], (2, 3, 1, 2)),
    "steps": (lambda m: sliced(m, "x", [0, 0], [99, 99], [2, 3], 3, 2), [SELECT], None),
    "steps from a start": (
        lambda m: sliced(m, "x", [1, 2], [99, 99], [2, 3], 3, 2),
        [CROP, SELECT],
        (1, 0, 2, 0),
    ),
    "steps to an end": (lambda m: sliced(m, "x", [0], [8], [2], 4), [CROP, SELECT], (0, 4, 0, 0)),
    "steps to an end that they pass over": (
        lambda m: sliced(m, "x", [0], [-1], [3], 5),
        [SELECT],
        None,
    ),
    "steps of steps": (
        lambda m: sliced(m, sliced(m, "x", [1], [99], [2], 2), [1], [99], [2], 2),
        [CROP, SELECT],
        (3, 0, 0, 0),
    ),
    "one of many steps": (lambda m: sliced(m, "x", [5], [99], [2], 99), [CROP], (5, 3, 0, 0)),
    "a step per node": (
        lambda m: sliced(m, sliced(m, "x", [0], [FAR], [2], 2), [1], [FAR], [3], 2),
        [CROP, SELECT],
        (0, 0, 1, 0),
    ),
    "a row": (lambda m: m.node("Gather", "x", m.constant(3), axis=2), [CROP], (3, 5, 0, 0)),
    "every second column": (
        lambda m: m.node("Gather", "x", m.constant([1, 3, 5]), axis=3),
        [CROP, SELECT],
        (0, 0, 1, 0),
    ),
    "neighbouring columns": (
        lambda m: m.node("Gather", "x", m.constant([2, 3, 4]), axis=3),
        [CROP],
        (0, 0, 2, 2),
    ),
}


@pytest.mark.parametrize("name", SLICES)
def test_a_slice_is_one_crop_and_one_selection(name: str) -> None:
    build, expected, cropping = SLICES[name]
    model = OnnxModel(2, 8, 9, 7)
    output, x = build(model), model.input()
    result = imported(model, output)
    assert kinds(result) == expected
    assert_same_bits(result.run(x), reference_output(model.proto(output), x))
    crops = [settings for kind, settings, *_ in result.model._core.layers if kind == CROP]
    assert [each["cropping"] for each in crops] == ([list(cropping)] if cropping else [])


def test_attributes_of_early_operator_sets() -> None:
    model = OnnxModel(2, 8, 9, 7, opset=9)
    output = model.node("Slice", "x", starts=[1, -5], ends=[-1, 2**31 - 1], axes=[2, 3])
    assert kinds(check(model, output)) == [CROP]


def test_signals_are_cropped() -> None:
    model = OnnxModel(2, 8, 9)
    first = model.node("Conv", "x", model.weight(4, 8, 3))
    assert kinds(check(model, sliced(model, first, [1], [-2], [2], 2))) == ["conv2d", CROP, SELECT]


def test_a_crop_that_others_read_stays() -> None:
    model = OnnxModel(2, 8, 9, 7)
    outer = sliced(model, "x", [1], [8], [2])
    inner = sliced(model, model.node("Relu", outer), [1], [6], [2])
    again = sliced(model, outer, [1], [6], [2])
    result = check(model, model.node("Add", inner, again))
    assert sorted(kinds(result)) == ["add", CROP, CROP, CROP, "relu"]


@pytest.mark.parametrize("axis", [2, 3])
def test_split_of_pixels(axis: int) -> None:
    model = OnnxModel(2, 8, 9, 9)
    first, second = model.node("Split", "x", model.constant([4, 5]), count=2, axis=axis)
    part = sliced(model, second, [1], [5], [axis])
    assert kinds(check(model, model.node("Add", first, part))) == [CROP, CROP, "add"]


# Pads of height and width of an image of shape (2, 8, 9, 7): begins, then ends.
PADS: dict[str, tuple[list[int], dict[str, Any], list[str]]] = {
    "crop": ([-1, -2, -3, 0], {}, [CROP]),
    "crop by edge": ([-1, 0, 0, -2], {"mode": "edge"}, [CROP]),
    "crop and zeros": ([-2, 1, 3, -1], {}, [CROP, "zero_pad2d"]),
    "crop and edge": ([-2, 1, 0, -1], {"mode": "edge"}, [CROP, "pad2d"]),
    "crop and reflection": ([2, -1, -3, 3], {"mode": "reflect"}, [CROP, "pad2d"]),
    "crop to one row and zeros": ([-8, 0, 2, 0], {}, [CROP, "zero_pad2d"]),
}


@pytest.mark.parametrize("name", PADS)
@pytest.mark.parametrize("last", [False, True])
def test_negative_pads_crop(name: str, last: bool) -> None:
    """Against NumPy, because ONNX's reference refuses negative pads."""
    (top, left, bottom, right), settings, expected = PADS[name]
    model = OnnxModel(2, 8, 9, 7)
    order = [0, 2, 3, 1] if last else [0, 1, 2, 3]
    pads = np.array([[0, 0, top, left], [0, 0, bottom, right]])[:, order].reshape(-1)
    source = model.node("Transpose", "x", perm=order)
    output = model.node("Pad", source, model.constant(pads), **settings)
    x = model.input()
    image = x[:, :, max(-top, 0) : 9 - max(-bottom, 0), max(-left, 0) : 7 - max(-right, 0)]
    sides = [(0, 0), (0, 0), (max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0))]
    padded = np.pad(image, sides, mode=settings.get("mode", "constant"))
    result = imported(model, output)
    assert kinds(result) == expected
    assert_same_bits(result.run(x), padded.transpose(order))


def test_negative_pads_beside_another_number() -> None:
    model = OnnxModel(2, 8, 9, 7)
    pads = model.constant([0, 0, -2, 1, 0, 0, 1, -3])
    output = model.node("Pad", "x", pads, model.constant(np.float32(0.5)))
    x = model.input()
    expected = np.pad(x[:, :, 2:, :4], [(0, 0), (0, 0), (0, 1), (1, 0)], constant_values=0.5)
    np.testing.assert_allclose(imported(model, output).run(x), expected, atol=1e-6)


# Graphs on the output of a convolution, which is channels first, and the reason of the refusal.
REFUSED: dict[str, tuple[Callable[[OnnxModel, str], Any], str]] = {
    "backwards": (
        lambda m, x: sliced(m, x, [-1], [-99], [2], -1),
        "selects -1 to the beginning of axis 2 in steps of -1",
    ),
    "no rows": (lambda m, x: sliced(m, x, [5], [3], [2]), "selects 5 to 3 of an axis, which is no"),
    "no columns in steps": (lambda m, x: sliced(m, x, [7], [9], [3], 2), "in steps of 2"),
    "images": (
        lambda m, x: sliced(m, x, [0], [1], [0]),
        "selects images of the batch",
    ),
    "rows apart": (
        lambda m, x: m.node("Gather", x, m.constant([0, 5, 6]), axis=2),
        r"selects rows or columns \[0, 5, 6\], expected them in equal steps",
    ),
    "pads that leave nothing": (
        lambda m, x: m.node("Pad", x, m.constant([0, 0, -4, 0, 0, 0, -5, 1])),
        "which leave nothing of the image",
    ),
    "pads of channels": (
        lambda m, x: m.node("Pad", x, m.constant([0, -1, 0, 0, 0, 0, 0, 0])),
        "pads or resizes another axis",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_selections_are_refused(name: str) -> None:
    build, reason = REFUSED[name]
    model = OnnxModel(2, 8, 9, 7)
    with pytest.raises(cnnx.onnx.UnsupportedError, match=reason):
        imported(model, build(model, model.node("Conv", "x", model.weight(8, 8, 1, 1))))


def test_axes_that_are_given_twice_are_malformed() -> None:
    model = OnnxModel(2, 8, 9, 7)
    with pytest.raises(cnnx.FormatError, match=r"its axes are \[2, -2\], expected each once"):
        imported(model, sliced(model, "x", [1, 1], [5, 5], [2, -2]))


def test_bytes_that_are_cropped_are_rounded_once() -> None:
    """As ONNX Runtime quantizes a Slice: both sides have the same scale."""
    model = OnnxModel(2, 8, 9, 7, opset=19)
    scale = (model.constant(np.float32(0.05)), model.constant(np.uint8(128)))

    def rounded(x: str) -> str:
        as_bytes = model.node("QuantizeLinear", x, *scale)
        output: str = model.node("DequantizeLinear", as_bytes, *scale)
        return output

    result = check(model, rounded(sliced(model, rounded("x"), [1, 2], [8, 6], [2, 3])))
    assert kinds(result) == ["quantize", CROP]


# Networks.


def test_focus_of_yolov5() -> None:
    """Four strided slices, each as two nodes, joined along the channels."""
    model = OnnxModel(2, 3, 8, 10)
    parts = [
        sliced(model, sliced(model, "x", [row], [FAR], [2], 2), [column], [FAR], [3], 2)
        for column in (0, 1)
        for row in (0, 1)
    ]
    joined = model.node("Concat", *parts, axis=1)
    result = check(model, model.node("Conv", joined, model.weight(4, 12, 3, 3), pads=[1, 1, 1, 1]))
    assert kinds(result).count(SELECT) == 4
    assert kinds(result).count(CROP) == 3
    assert kinds(result)[-2:] == ["concat", "conv2d"]


def original_unet(m: OnnxModel) -> str:
    """The U-Net of 2015: valid convolutions, and centre crops of the contracting path."""

    def twice(x: str, inputs: int, outputs: int) -> str:
        for channels in (inputs, outputs):
            x = m.node("Relu", m.node("Conv", x, m.weight(outputs, channels, 3, 3)))
        return x

    x, widths, paths, sizes = "x", [4, 8, 16], [], []
    inputs, size = 1, m.shape[2]
    for width in widths[:-1]:
        x, size = twice(x, inputs, width), size - 4
        paths.append(x)
        sizes.append(size)
        x = m.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
        inputs, size = width, size // 2
    x, size = twice(x, inputs, widths[-1]), size - 4
    for width, path, whole in zip(widths[-2::-1], paths[::-1], sizes[::-1], strict=True):
        weight = m.weight(2 * width, width, 2, 2)
        x, size = m.node("ConvTranspose", x, weight, strides=[2, 2]), size * 2
        start = (whole - size) // 2
        path = sliced(m, path, [start], [start + size], [2])
        path = sliced(m, path, [start], [start + size], [3])
        x, size = twice(m.node("Concat", path, x, axis=1), 2 * width, width), size - 4
    output: str = m.node("Conv", x, m.weight(2, widths[0], 1, 1))
    return output


def test_the_original_unet() -> None:
    model = OnnxModel(1, 1, 60, 60)
    result = check(model, original_unet(model), tolerance=1e-4)
    assert kinds(result).count(CROP) == 2
    assert result.model.output_shape == (20, 20, 2)


# Export.


def two_crops() -> cnnx.Model:
    """Successive crops, which stay two, and one that removes nothing."""
    layers: list[cnnx.Layer] = [
        *(cnnx.Conv2d(4, 3), cnnx.Crop2d(((1, 0), (2, 3))), cnnx.Crop2d(1)),
        *(cnnx.ReLU(), cnnx.Crop2d(((0, 2), (0, 0)), name="cut"), cnnx.Conv2d(2, 1)),
    ]
    return cnnx.Model(layers, input_shape=(12, 15, 3))


@pytest.mark.parametrize("settings", [{}, {"opset": 15, "input": "float32"}])
def test_crops_come_back_with_the_same_bits(settings: dict[str, Any], tmp_path: Path) -> None:
    model = two_crops()
    cnnx.onnx.save(model, tmp_path / "model.onnx", **settings)
    back = cnnx.onnx.load(tmp_path / "model.onnx")
    assert [each[:3] for each in back._core.layers] == [each[:3] for each in model._core.layers]
    pixels = random_pixels(model)
    assert_same_bits(back(pixels), model(pixels))


def test_a_crop_that_removes_nothing_is_left_out(tmp_path: Path) -> None:
    model = cnnx.Model([cnnx.Crop2d(0), cnnx.Conv2d(2, 3)], input_shape=(8, 9, 3))
    cnnx.onnx.save(model, tmp_path / "model.onnx")
    back = cnnx.onnx.load(tmp_path / "model.onnx")
    assert [each.kind for each in back.layers] == ["conv2d"]
    assert_same_bits(back(random_pixels(model)), model(random_pixels(model)))


def test_crops_of_bytes_come_back_with_the_same_bits(tmp_path: Path) -> None:
    layers = [cnnx.Conv2d(4, 3), cnnx.ReLU(), cnnx.Crop2d(((1, 0), (2, 3))), cnnx.Conv2d(2, 3)]
    model = cnnx.Model(layers, input_shape=(12, 15, 3))
    quantized = cnnx.quantize(model, random_pixels(model, 8))
    assert [each.kind for each in quantized.layers] == [
        *("quantize", "conv2d", "relu", "quantize", "crop2d", "conv2d")
    ]
    cnnx.onnx.save(quantized, tmp_path / "model.onnx")
    back = cnnx.onnx.load(tmp_path / "model.onnx")
    assert [each[:3] for each in back._core.layers] == [each[:3] for each in quantized._core.layers]
    assert_same_bits(back(random_pixels(model)), quantized(random_pixels(model)))
