"""A quantized model that the C interface builds from a text predicts the bits of Python."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import cnnx
import numpy as np
import numpy.typing as npt
import pytest
from c_functions import INVALID_ARGUMENT, UINT8, CApi
from comparison import assert_same_bits
from quantized_networks import plain

C = CApi()
WEIGHT, SCALE = "conv2d_1.weight", "conv2d_1.weight_scale"


def text_of(model: cnnx.Model) -> str:
    """The layers as the C interface reads them; settings that have their defaults are left out."""
    needed = ("out_channels", "out_features", "kernel_size", "padding", "groups", "int8_weight")
    lines = []
    for kind, settings, *_ in model._core.layers:
        given = {
            name: settings[name] for name in (*needed, "scale", "zero_point") if name in settings
        }
        lines.append(" ".join([kind, *(f"{name}={written(given[name])}" for name in given)]))
    return "\n".join(lines)


def written(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else repr(value)


@pytest.fixture
def built() -> Iterator[tuple[ctypes.c_void_p, cnnx.Model]]:
    """The model in C, with the arrays of the one in Python: scales before weights."""
    model = plain()
    names = (ctypes.c_char_p * 5)(*(name.encode() for name in model.classes or []))
    handle = C.made(C.model_create, text_of(model), *model.input_shape, names, 5, None)
    for arrays in (model.buffers, model.parameters):
        for name, array in arrays.items():
            C.ok(C.model_set_array(handle, name, np.ascontiguousarray(array), array.size))
    yield handle, model
    C.model_destroy(handle)


Built = tuple[ctypes.c_void_p, cnnx.Model]


def array(handle: ctypes.c_void_p, name: str, size: int) -> npt.NDArray[np.float32]:
    values = np.zeros(size, np.float32)
    C.ok(C.model_get_array(handle, name, values, size))
    return values


def test_predictions_have_the_bits_of_python(built: Built) -> None:
    handle, model = built
    pixels = np.random.default_rng(1).integers(0, 256, (9, *model.input_shape), np.uint8)
    found = np.zeros((9, 5), np.float32)
    C.ok(C.model_probabilities(handle, pixels.ctypes.data, UINT8, 9, found, found.size))
    assert_same_bits(found, model.predict_proba(pixels))


def test_weights_beside_the_whole_numbers_are_refused(built: Built) -> None:
    handle, model = built
    weight = model.parameters[WEIGHT] + np.float32(0.4) * model.buffers[SCALE]
    status = C.model_set_array(handle, WEIGHT, np.ascontiguousarray(weight), weight.size)
    sentence = rf"{WEIGHT} holds .*, expected whole numbers from -128 to 127 times {SCALE}, here"
    C.refused(status, INVALID_ARGUMENT, sentence)
    assert_same_bits(array(handle, WEIGHT, weight.size), model.parameters[WEIGHT].ravel())


def test_another_scale_keeps_the_whole_numbers(built: Built) -> None:
    handle, model = built
    weight = model.parameters[WEIGHT]
    C.ok(C.model_set_array(handle, SCALE, 2 * model.buffers[SCALE], 16))
    assert_same_bits(array(handle, WEIGHT, weight.size), (2 * weight).ravel())
    zeros = np.zeros(16, np.float32)
    sentence = f"{SCALE} holds 0.000000, expected finite numbers above 0"
    C.refused(C.model_set_array(handle, SCALE, zeros, 16), INVALID_ARGUMENT, sentence)


def test_training_is_refused(built: Built) -> None:
    trainer = ctypes.c_void_p()
    status = C.trainer_create(built[0], None, None, None, ctypes.byref(trainer))
    C.refused(status, INVALID_ARGUMENT, f"{WEIGHT} is int8, expected a model with float32 weights")
    assert not trainer.value
