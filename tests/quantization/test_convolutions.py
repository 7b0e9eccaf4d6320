"""Convolutions and dense layers with int8 weights, which inference runs on arrays of bytes."""

from __future__ import annotations

import cnnx
import numpy as np
import pytest
from quantized_cases import cases
from quantized_convolutions import CONVOLUTION_CASES

every_kind = pytest.mark.parametrize("kind", CONVOLUTION_CASES)
COUNT = 60


@every_kind
def test_outputs_are_those_of_integer_arithmetic(kind: str) -> None:
    for case in cases(kind, COUNT):
        case.check_bits()


@every_kind
def test_following_layers_are_fused(kind: str) -> None:
    for case in cases(kind, 10):
        case.check_steps()


@every_kind
def test_outputs_are_those_in_floats_within_one_step(kind: str) -> None:
    for case in cases(kind, COUNT):
        case.check_floats()


@pytest.mark.parametrize(("groups", "channels"), [(1, 64), (64, 64), (1, 40), (40, 40)])
def test_outputs_beyond_int32_are_limited_to_bytes(groups: int, channels: int) -> None:
    settings = {"int8_weight": True, "padding": 1, "groups": groups}
    layers = [
        cnnx.Quantize(1 / 200, 0),
        cnnx.Conv2d(channels, 3, **settings),
        cnnx.Quantize(1.0, 100),
    ]
    model = cnnx.Model(layers, input_shape=(4, 4, channels))
    signs = np.where(np.arange(channels) % 2, -1, 1)
    model.buffers["conv2d_1.weight_scale"] = np.full(channels, 1e9, np.float32)
    weights = np.broadcast_to(100e9 * signs, (3, 3, channels // groups, channels))
    model.parameters["conv2d_1.weight"] = weights.astype(np.float32)
    output = model(np.ones((1, 4, 4, channels), np.float32))
    np.testing.assert_array_equal(
        output, np.broadcast_to(np.where(signs > 0, 155, -100), output.shape)
    )


@pytest.mark.parametrize("channels", [16, 24, 64])
def test_addends_beyond_int32_are_limited_to_bytes(channels: int) -> None:
    image = cnnx.Input((4, 4, 3))
    read = cnnx.Quantize(1 / 200, 0)(image)
    products = [cnnx.Conv2d(channels, 1, int8_weight=True)(read) for _ in range(2)]
    addend = cnnx.Quantize(3e7, 100)(products[0])
    output = cnnx.Quantize(1.0, 100)(cnnx.Add()(addend, products[1]))
    model = cnnx.Model.from_graph(image, output)
    signs = np.where(np.arange(channels) % 2, -1, 1)
    for number, scale in enumerate([1e8, 0.01], 1):
        model.buffers[f"conv2d_{number}.weight_scale"] = np.full(channels, scale, np.float32)
        weights = np.broadcast_to(scale * 100 * signs, (1, 1, 3, channels))
        model.parameters[f"conv2d_{number}.weight"] = weights.astype(np.float32)
    found = model(np.ones((1, 4, 4, 3), np.float32))
    np.testing.assert_array_equal(
        found, np.broadcast_to(np.where(signs > 0, 155, -100), found.shape)
    )
