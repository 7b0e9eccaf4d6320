"""The inputs and outputs of a model with several, through the C interface: those of Python."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from c_functions import FLOAT32, INVALID_ARGUMENT, STRUCTS, CApi
from small_models import two_inputs_and_outputs

C = CApi()
LAYERS = "flatten\n dense out_features=5"


@pytest.fixture
def handle() -> Iterator[ctypes.c_void_p]:
    with C.loaded(two_inputs_and_outputs()) as handle:
        yield handle


@pytest.fixture
def flat() -> Iterator[ctypes.c_void_p]:
    """A model with one output of five numbers."""
    handle = C.made(C.model_create, LAYERS, 2, 2, 1, None, 0, None)
    yield handle
    C.model_destroy(handle)


def heads_of(handle: ctypes.c_void_p) -> list[tuple[bytes | None, bytes | None, int, list[int]]]:
    found = []
    for index in range(C.integer(C.model_head_count, handle)):
        name, kind, offset = ctypes.c_char_p(), ctypes.c_char_p(), ctypes.c_int64()
        pointers = (ctypes.byref(each) for each in (name, kind, offset))
        C.ok(C.model_head(handle, index, *pointers))
        shape, axes = np.zeros(3, np.int64), ctypes.c_int64()
        C.ok(C.model_head_shape(handle, index, shape, 3, ctypes.byref(axes)))
        found.append((name.value, kind.value, offset.value, shape[: axes.value].tolist()))
    return found


def heads(*each: tuple[bytes | None, bytes | None, list[int]]) -> Any:
    """Heads for cnnx_model_set_heads."""
    shapes = [(ctypes.c_int64 * len(shape))(*shape) for _, _, shape in each]
    array = (STRUCTS["cnnx_head"] * len(each))()
    for head, (name, kind, _), shape in zip(array, each, shapes, strict=True):
        head.name, head.kind, head.axes = name, kind, len(shape)
        head.shape = ctypes.addressof(shape)
    array.shapes = shapes  # they live as long as their addresses
    return array


def test_inputs(handle: ctypes.c_void_p) -> None:
    found = {}
    for index in range(C.integer(C.model_input_part_count, handle)):
        name, numbers = ctypes.c_char_p(), [ctypes.c_int64() for _ in range(4)]
        pointers = (ctypes.byref(each) for each in (name, *numbers))
        C.ok(C.model_input_part(handle, index, *pointers))
        found[name.value] = [each.value for each in numbers]
    assert found == {b"image": [0, 4, 3, 3], b"depth": [36, 2, 2, 1]}
    status = C.model_input_part(handle, 2, *[None] * 5)
    C.refused(status, INVALID_ARGUMENT, "index is 2, expected 0 or more and less than 2$")


def test_outputs_are_the_ranges_that_offsets_and_shapes_tell(handle: ctypes.c_void_p) -> None:
    assert heads_of(handle) == [(b"class", b"softmax", 0, [2]), (b"count", b"none", 2, [1])]
    model = two_inputs_and_outputs()
    random = np.random.default_rng(0)
    x = {name: random.random((2, *shape), np.float32) for name, shape in model.inputs.items()}
    pixels = np.concatenate([each.reshape(2, -1) for each in x.values()], axis=1)
    outputs = np.zeros((2, 3), np.float32)
    C.ok(C.model_run(handle, pixels.ctypes.data, FLOAT32, 2, outputs, outputs.size))
    expected = model(x)
    np.testing.assert_array_equal(outputs[:, :2], expected["class"])
    np.testing.assert_array_equal(outputs[:, 2:], expected["count"])
    status = C.model_head(handle, 2, None, None, None)
    C.refused(status, INVALID_ARGUMENT, "index is 2, expected 0 or more and less than 2$")


def test_a_model_with_one_of_each_has_none(flat: ctypes.c_void_p) -> None:
    assert C.integer(C.model_input_part_count, flat) == 0
    assert heads_of(flat) == []


def test_heads_are_set_saved_and_removed(flat: ctypes.c_void_p) -> None:
    C.ok(
        C.model_set_heads(flat, heads((b"side", b"softmax", [1, 2, 2]), (b"age", b"none", [1])), 2)
    )
    expected = [(b"side", b"softmax", 0, [1, 2, 2]), (b"age", b"none", 4, [1])]
    assert heads_of(flat) == expected
    clone = C.made(C.model_clone, flat)
    assert heads_of(clone) == expected
    C.model_destroy(clone)
    C.ok(C.model_set_heads(flat, None, 0))
    assert heads_of(flat) == []


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([(b"a", b"none", [4])], r"heads has 4 numbers, but the output has shape \(5,\)$"),
        ([(b"a", b"none", [2]), (b"a", b"none", [3])], 'heads has "a" of shape'),
        ([(b"a", b"logits", [5])], 'kind is "logits", expected softmax, sigmoid, outputs or none$'),
        ([(None, b"none", [5])], "name of a head is a null pointer$"),
        ([(b"a", None, [5])], "kind is a null pointer$"),
        ([(b"a", b"none", [1, 5])], r"axes is 2, expected 1 \(numbers\) or 3"),
    ],
)
def test_wrong_heads(flat: ctypes.c_void_p, given: Any, sentence: str) -> None:
    C.refused(C.model_set_heads(flat, heads(*given), len(given)), INVALID_ARGUMENT, sentence)


def test_wrong_numbers_of_heads(flat: ctypes.c_void_p) -> None:
    status = C.model_set_heads(flat, None, -1)
    C.refused(status, INVALID_ARGUMENT, "count is -1, expected 0 or more$")
    status = C.model_set_heads(flat, heads((b"a", b"none", [5])), 1)
    C.ok(status)
