"""Outputs of layers and gradients through the C interface have the bits of Python."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

import cnnx
import numpy as np
import pytest
from c_functions import INVALID_ARGUMENT, UINT8, CApi

C = CApi()
PIXELS = np.random.default_rng(1).integers(0, 256, (3, 8, 6, 2), np.uint8)
FACTORS = np.random.default_rng(2).standard_normal((3, 4)).astype(np.float32)


def network() -> cnnx.Model:
    layers = [
        *(cnnx.Conv2d(5, 3), cnnx.BatchNorm2d(), cnnx.ReLU(), cnnx.MaxPool2d(2)),
        *(cnnx.Flatten(), cnnx.Dense(4)),
    ]
    preprocessing = cnnx.Preprocessing(mean=0.4, std=0.3)
    return cnnx.Model(layers, input_shape=PIXELS.shape[1:], preprocessing=preprocessing)


@pytest.fixture
def handle() -> Iterator[ctypes.c_void_p]:
    with C.loaded(network()) as handle:
        yield handle


@pytest.mark.parametrize("layer", ["input", "conv2d_1", "batch_norm2d_1", "relu_1", "dense_1"])
def test_shapes_outputs_and_gradients(handle: ctypes.c_void_p, layer: str) -> None:
    model = network()
    outputs = {"input": PIXELS, **model.layer_outputs(PIXELS)}
    shape, axes = np.zeros(4, np.int64), ctypes.c_int64()
    C.ok(C.model_layer_shape(handle, layer, shape, 4, ctypes.byref(axes)))
    assert tuple(shape[: axes.value]) == outputs[layer].shape[1:]
    pixels, found = PIXELS.ctypes.data, np.zeros(outputs[layer].shape, np.float32)
    if layer != "input":
        C.ok(C.model_layer_output(handle, pixels, UINT8, 3, layer, found, found.size))
        np.testing.assert_array_equal(found, outputs[layer])
    C.ok(C.model_gradients(handle, pixels, UINT8, 3, FACTORS, layer, found, found.size))
    np.testing.assert_array_equal(found, model.gradients(PIXELS, FACTORS, of=layer))


def names(*layers: str) -> Any:
    """An array of texts."""
    return (ctypes.c_char_p * len(layers))(*map(str.encode, layers))


def test_the_outputs_of_several_layers_follow_each_other(handle: ctypes.c_void_p) -> None:
    layers = ("dense_1", "conv2d_1", "relu_1")
    outputs = network().layer_outputs(PIXELS)
    expected = np.concatenate([outputs[layer].ravel() for layer in layers])
    found = np.zeros(expected.size, np.float32)
    pixels = PIXELS.ctypes.data
    C.ok(C.model_layer_outputs(handle, pixels, UINT8, 3, names(*layers), 3, found, found.size))
    np.testing.assert_array_equal(found, expected)


def test_wrong_arguments_are_refused(handle: ctypes.c_void_p) -> None:
    pixels, room, axes = PIXELS.ctypes.data, np.full(20, 7, np.float32), ctypes.c_int64()
    shape = np.zeros(4, np.int64)
    unknown = 'layer is "relu_9", expected the name of a layer, or "input"$'
    for call, sentence in (
        (lambda: C.model_layer_shape(handle, "relu_9", shape, 4, ctypes.byref(axes)), unknown),
        (lambda: C.model_layer_output(handle, pixels, UINT8, 3, "relu_9", room, 20), unknown),
        (lambda: C.model_gradients(handle, pixels, UINT8, 3, FACTORS, "relu_9", room, 20), unknown),
        (
            lambda: C.model_layer_output(handle, pixels, UINT8, 3, "input", room, 20),
            'layer is "input", expected the name of a layer$',
        ),
        (
            lambda: C.model_layer_output(handle, pixels, UINT8, 3, "dense_1", room, 11),
            "output has room for 11, expected room for 12$",
        ),
        (
            lambda: C.model_layer_outputs(handle, pixels, UINT8, 3, names("relu_9"), 1, room, 20),
            unknown,
        ),
        (
            lambda: C.model_layer_outputs(handle, pixels, UINT8, 3, names("dense_1"), 0, room, 20),
            "layer_count is 0, expected at least 1$",
        ),
        (
            lambda: C.model_layer_outputs(
                handle, pixels, UINT8, 3, names("dense_1", "dense_1"), 2, room, 20
            ),
            "outputs has room for 20, expected room for 24$",
        ),
        (
            lambda: C.model_gradients(handle, pixels, UINT8, 3, FACTORS, "dense_1", room, 11),
            "gradients has room for 11, expected room for 12$",
        ),
    ):
        C.refused(call(), INVALID_ARGUMENT, sentence)
    assert (room == 7).all()
