"""Placement: where networks compute in integers, and that the core fuses their layers."""

from __future__ import annotations

import cnnx
import numpy as np
from cnnx.quantization import quantize_with_report

RNG = np.random.default_rng(3)
IMAGES = RNG.integers(0, 256, (32, 16, 16, 3), dtype=np.uint8)


def steps(model: cnnx.Model) -> list[list[str]]:
    """Layers that run as one, without their ordinals."""
    times = model._core.layer_times(IMAGES[:1], 1)
    return [[name.rpartition("_")[0] for name in names] for names, _ in times]


def quantized(output: cnnx.Symbol, image: cnnx.Input) -> cnnx.Model:
    return cnnx.quantize(cnnx.Model.from_graph(image, output), IMAGES)


def test_a_chain_is_fused() -> None:
    layers = [
        *(cnnx.Conv2d(8, 3, bias=False), cnnx.BatchNorm2d(), cnnx.ReLU6(), cnnx.MaxPool2d(2)),
        *(cnnx.Conv2d(8, 3, groups=8), cnnx.ReLU(), cnnx.Flatten(), cnnx.Dense(8), cnnx.Dense(3)),
        *(cnnx.Softmax(),),
    ]
    model = cnnx.quantize(cnnx.Model(layers, input_shape=(16, 16, 3)), IMAGES)
    assert steps(model) == [
        ["quantize"],
        ["conv2d", "relu6", "quantize"],
        ["max_pool2d"],
        ["conv2d", "relu", "quantize"],
        ["dense", "quantize"],
        ["dense"],
        ["softmax"],
    ]


def test_sums_of_residual_blocks_are_fused() -> None:
    image = cnnx.Input((16, 16, 3))
    stream = cnnx.ReLU()(cnnx.Conv2d(4, 3, padding=1)(image))
    for channels in (4, 8):
        inner = cnnx.ReLU()(cnnx.Conv2d(channels, 3, padding=1)(stream))
        maps = cnnx.Conv2d(channels, 3, padding=1)(inner)
        shortcut = stream if channels == 4 else cnnx.Conv2d(channels, 1)(stream)
        stream = cnnx.ReLU()(cnnx.Add()(maps, shortcut))
    model = quantized(cnnx.Dense(3)(cnnx.Flatten()(cnnx.GlobalAvgPool2d()(stream))), image)
    found = steps(model)
    assert found.count(["conv2d", "add", "relu", "quantize"]) == 2
    assert found.count(["conv2d", "relu", "quantize"]) == 3
    assert found.count(["conv2d", "quantize"]) == 1
    assert found[-2:] == [["global_avg_pool2d", "quantize"], ["dense"]]


def test_groups_compute_in_floats() -> None:
    layers = [cnnx.Conv2d(8, 3), cnnx.ReLU(), cnnx.Conv2d(8, 3, groups=2), cnnx.ReLU()]
    layers += [cnnx.Conv2d(4, 3), cnnx.Flatten(), cnnx.Dense(2)]
    report = quantize_with_report(cnnx.Model(layers, input_shape=(16, 16, 3)), IMAGES)
    assert report.int8_layers == ("conv2d_1", "conv2d_3", "dense_1")
    assert report.float_layers == ("conv2d_2",)
    assert 0 < report.int8_part < 1


def test_zero_point_and_range_after_a_relu() -> None:
    layers = [cnnx.Conv2d(8, 3), cnnx.ReLU(), cnnx.Conv2d(4, 3), cnnx.Conv2d(4, 3)]
    model = cnnx.Model([*layers, cnnx.Flatten(), cnnx.Dense(2)], input_shape=(16, 16, 3))
    ranges = quantize_with_report(model, IMAGES).ranges
    assert ranges["input"].zero_point == 0
    np.testing.assert_allclose(ranges["input"].scale, 1 / 255, rtol=1e-6)
    assert ranges["relu_1"].zero_point == 0
    assert ranges["conv2d_2"].zero_point > 0
