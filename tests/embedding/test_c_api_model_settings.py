"""Settings of a model, its layers and their times through the C interface are those of Python."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from typing import Any

import cnnx
import numpy as np
import pytest
from c_functions import INVALID_ARGUMENT, STRUCTS, UINT8, CApi

C = CApi()
PIXELS = np.random.default_rng(1).integers(0, 256, (3, 8, 6, 3), np.uint8)


def network() -> cnnx.Model:
    layers = [
        *(cnnx.Conv2d(5, 3), cnnx.BatchNorm2d(), cnnx.ReLU(), cnnx.MaxPool2d(2)),
        *(cnnx.Flatten(), cnnx.Dense(4)),
    ]
    preprocessing = cnnx.Preprocessing("crop", mean=0.25, std=[0.5, 0.25, 0.125])
    return cnnx.Model(layers, input_shape=PIXELS.shape[1:], preprocessing=preprocessing)


@pytest.fixture
def handle() -> Iterator[ctypes.c_void_p]:
    with C.loaded(network()) as handle:
        yield handle


def text(function: Callable[..., int], handle: ctypes.c_void_p) -> str:
    found = ctypes.c_char_p()
    C.ok(function(handle, ctypes.byref(found)))
    return (found.value or b"").decode()


def test_preprocessing(handle: ctypes.c_void_p) -> None:
    resize, mean, std = ctypes.c_char_p(), np.zeros(3, np.float32), np.zeros(3, np.float32)
    C.ok(C.model_preprocessing(handle, ctypes.byref(resize), mean, std, 3))
    assert resize.value == b"crop"
    np.testing.assert_array_equal(mean, np.float32([0.25, 0.25, 0.25]))
    np.testing.assert_array_equal(std, np.float32([0.5, 0.25, 0.125]))
    status = C.model_preprocessing(handle, None, mean, None, 2)
    C.refused(status, INVALID_ARGUMENT, "mean has room for 2, expected room for 3$")


def test_probabilities(handle: ctypes.c_void_p) -> None:
    model = network()
    assert text(C.model_probability_kind, handle) == "softmax"
    C.ok(C.model_set_temperature(handle, 2.0))
    found = ctypes.c_float()
    C.ok(C.model_temperature(handle, ctypes.byref(found)))
    assert found.value == 2.0
    model.temperature = 2.0
    outputs = model(PIXELS)
    C.ok(C.model_outputs_to_probabilities(handle, outputs, 3))
    np.testing.assert_array_equal(outputs, model.predict_proba(PIXELS))
    C.ok(C.model_set_temperature(handle, 1.0))
    C.ok(C.model_set_probability_kind(handle, "none"))
    assert text(C.model_probability_kind, handle) == "none"
    status = C.model_set_probability_kind(handle, "logits")
    sentence = 'kind is "logits", expected softmax, sigmoid, outputs or none$'
    C.refused(status, INVALID_ARGUMENT, sentence)


def test_layers(handle: ctypes.c_void_p) -> None:
    count = ctypes.c_int64()
    C.ok(C.model_layer_count(handle, ctypes.byref(count)))
    found = []
    for index in range(count.value):
        name, kind, parameters = ctypes.c_char_p(), ctypes.c_char_p(), ctypes.c_int64()
        pointers = (ctypes.byref(each) for each in (name, kind, parameters))
        C.ok(C.model_layer_info(handle, index, *pointers))
        found.append((name.value, kind.value, parameters.value))
    assert found[:3] == [
        (b"conv2d_1", b"conv2d", 5 * 3 * 3 * 3 + 5),
        (b"batch_norm2d_1", b"batch_norm2d", 10),
        (b"relu_1", b"relu", 0),
    ]
    assert len(found) == 6
    status = C.model_layer_info(handle, 6, None, None, None)
    C.refused(status, INVALID_ARGUMENT, "index is 6, expected 0 or more and less than 6$")


def test_the_times_of_layers_are_at_the_first_of_those_that_run_as_one(
    handle: ctypes.c_void_p,
) -> None:
    seconds = np.full(6, -1.0)
    C.ok(C.model_layer_times(handle, PIXELS.ctypes.data, UINT8, 3, 20, seconds, 6))
    took = dict(zip([layer.name for layer in network().layers], seconds, strict=True))
    assert took["conv2d_1"] > 0
    assert took["dense_1"] > 0
    assert took["batch_norm2d_1"] == took["relu_1"] == took["flatten_1"] == 0


def test_the_profile_of_train_steps(handle: ctypes.c_void_p) -> None:
    labels = np.array([0, 1, 2])
    samples = STRUCTS["cnnx_samples"](
        pixels=PIXELS.ctypes.data, count=3, type=UINT8, labels=labels.ctypes.data
    )
    trainer = C.made(C.trainer_create, handle, None, None, None)
    C.ok(C.trainer_start_profile(trainer))
    for _ in range(4):
        C.ok(C.trainer_step(trainer, ctypes.byref(samples), None))
    profile = STRUCTS["cnnx_profile"]()
    C.ok(C.trainer_profile(trainer, ctypes.byref(profile)))
    assert profile.steps == 4
    parts: dict[str, tuple[float, float]] = {}
    for index in range(profile.part_count):
        layers, forward, backward = ctypes.c_char_p(), ctypes.c_double(), ctypes.c_double()
        pointers: list[Any] = [ctypes.byref(each) for each in (layers, forward, backward)]
        C.ok(C.trainer_profile_part(trainer, index, *pointers))
        parts[(layers.value or b"").decode()] = forward.value, backward.value
    assert [name for name in parts if "conv2d_1" in name.split(",")]
    spent = profile.loss + profile.update + sum(map(sum, parts.values()))
    assert 0 < spent <= profile.seconds
    C.trainer_destroy(trainer)


def test_another_phase_of_training(handle: ctypes.c_void_p) -> None:
    labels = np.array([0, 1, 2])
    samples = STRUCTS["cnnx_samples"](
        pixels=PIXELS.ctypes.data, count=3, type=UINT8, labels=labels.ctypes.data
    )
    trainer = C.made(C.trainer_create, handle, "sgd learning_rate=0.5", None, "cosine_decay")
    C.ok(C.trainer_begin_schedule(trainer, 1, 2))
    rate = ctypes.c_double()
    for expected in (0.5, 0.25):
        C.ok(C.trainer_step(trainer, ctypes.byref(samples), None))
        C.ok(C.trainer_last_learning_rate(trainer, ctypes.byref(rate)))
        assert rate.value == pytest.approx(expected)
    C.ok(C.trainer_extend_schedule(trainer, 2))
    C.ok(C.trainer_reset_optimizer(trainer))
    C.ok(C.trainer_step(trainer, ctypes.byref(samples), None))
    C.ok(C.trainer_last_learning_rate(trainer, ctypes.byref(rate)))
    assert 0 < rate.value < 0.5
    C.trainer_destroy(trainer)


def test_instruction_sets() -> None:
    name, native = ctypes.c_char_p(), ctypes.c_int32()
    C.ok(C.integer_isa(ctypes.byref(name)))
    C.ok(C.has_native_bfloat16(ctypes.byref(native)))
    assert (name.value or b"").decode() == cnnx.integer_isa()
    assert bool(native.value) == cnnx.has_native_bfloat16()


def test_a_warm_up_changes_nothing(handle: ctypes.c_void_p) -> None:
    C.ok(C.model_warm_up(handle, 3))
    outputs = np.zeros((3, 4), np.float32)
    C.ok(C.model_run(handle, PIXELS.ctypes.data, UINT8, 3, outputs, 12))
    np.testing.assert_array_equal(outputs, network()(PIXELS))
    status = C.model_warm_up(handle, 0)
    C.refused(status, INVALID_ARGUMENT, "warm_up: count is 0, expected 1 to ")


def test_blue_may_be_stored_first(handle: ctypes.c_void_p) -> None:
    swapped, bgr = np.ascontiguousarray(PIXELS[0, :, :, ::-1]), 256
    image = STRUCTS["cnnx_image"](
        pixels=swapped.ctypes.data, height=8, width=6, channels=3, type=UINT8 + bgr
    )
    found = np.zeros((8, 6, 3), np.uint8)
    C.ok(C.model_resize(handle, ctypes.byref(image), found.ctypes.data, found.size))
    np.testing.assert_array_equal(found, PIXELS[0])
    image.type = 2 + bgr
    status = C.model_resize(handle, ctypes.byref(image), found.ctypes.data, found.size)
    C.refused(status, INVALID_ARGUMENT, "type is 258, expected CNNX_UINT8 or CNNX_FLOAT32$")
