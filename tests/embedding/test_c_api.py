"""The C interface, called through ctypes: models, predictions, errors. Training is in
test_c_api_training.py.
"""

from __future__ import annotations

import ctypes
import gc
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from c_functions import (
    FLOAT32,
    FORMAT_ERROR,
    INVALID_ARGUMENT,
    NOT_FINITE,
    STRUCTS,
    SYSTEM_ERROR,
    UINT8,
    CApi,
)
from cpp_build import run
from sanitizer import not_under_address_sanitizer

CLASSES = ["ant", "bée", "cat"]


@pytest.fixture(scope="module")
def model() -> cnnx.Model:
    return cnnx.Model(
        [
            cnnx.Conv2d(4, 3),
            cnnx.BatchNorm2d(),
            cnnx.ReLU(),
            cnnx.MaxPool2d(2),
            cnnx.Flatten(),
            cnnx.Dense(3),
        ],
        input_shape=(12, 10, 3),
        classes=CLASSES,
        preprocessing=cnnx.Preprocessing("crop", mean=(0.1, 0.2, 0.3), std=0.5),
        seed=5,
    )


@pytest.fixture(scope="module")
def path(model: cnnx.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("c_api") / "ünïcode.cnnx"
    model.save(path)
    return path


@pytest.fixture
def handle(c: CApi, path: Path) -> Iterator[ctypes.c_void_p]:
    handle = c.made(c.model_load, path)
    yield handle
    c.model_destroy(handle)


def image_of(pixels: np.ndarray[Any, Any], /, **changes: Any) -> Any:
    """A view of an image (height, width, channels) with any distance between rows."""
    height, width, channels = pixels.shape
    view = STRUCTS["cnnx_image"](
        pixels=pixels.ctypes.data,
        height=height,
        width=width,
        channels=channels,
        type={"u1": UINT8, "f4": FLOAT32}[pixels.dtype.str[1:]],
        row_stride=pixels.strides[0],
    )
    for name, value in changes.items():
        setattr(view, name, value)
    view.keep_alive = pixels
    return ctypes.byref(view)


# The library and the machine.


def test_version_isa_and_threads_are_reported(c: CApi) -> None:
    assert c.version().decode() == cnnx.__version__
    assert c.text(c.isa) == cnnx.isa()
    assert c.has_threads() == cnnx.has_threads()
    assert c.has_openmp() == cnnx.has_openmp()


@pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("nm") is None, reason="needs nm and an ELF library"
)
def test_the_library_exports_what_the_header_declares(c: CApi) -> None:
    listed = run(["nm", "--dynamic", "--defined-only", c.path])
    exported = [line.split()[-1].partition("@@") for line in listed.splitlines()]
    functions = {name: version for name, _, version in exported if name.startswith("cnnx_")}
    assert set(functions) == set(c.functions)
    # So two versions of cnnx in one process do not use each other's functions.
    assert set(functions.values()) == {f"CNNX_{cnnx.__version__.rpartition('.')[0]}"}


# Models.


def test_a_model_reports_its_shape_classes_and_layers(c: CApi, handle: ctypes.c_void_p) -> None:
    sizes = [ctypes.c_int64() for _ in range(3)]
    c.ok(c.model_input_shape(handle, *map(ctypes.byref, sizes)))
    assert [size.value for size in sizes] == [12, 10, 3]
    assert c.integer(c.model_output_count, handle) == 3
    assert c.integer(c.model_class_count, handle) == 3
    assert [c.text(c.model_class_name, handle, i) for i in range(3)] == CLASSES
    for index in (-1, 3):
        status = c.model_class_name(handle, index, ctypes.byref(ctypes.c_char_p()))
        c.refused(status, INVALID_ARGUMENT, f"index is {index}, expected 0 or more and less than 3")


def test_a_model_without_class_names(c: CApi, tmp_path: Path) -> None:
    cnnx.Model([cnnx.Conv2d(2, 3)], input_shape=(8, 8, 1)).save(tmp_path / "maps.cnnx")
    handle = c.made(c.model_load, tmp_path / "maps.cnnx")
    assert [c.text(c.model_class_name, handle, index) for index in range(2)] == ["0", "1"]
    shape, axes = np.zeros(3, np.int64), ctypes.c_int64()
    c.ok(c.model_output_shape(handle, None, 0, ctypes.byref(axes)))
    assert axes.value == 3
    c.ok(c.model_output_shape(handle, shape, 3, ctypes.byref(axes)))
    assert shape.tolist() == [6, 6, 2]
    assert c.integer(c.model_output_count, handle) == 72
    status = c.model_output_shape(handle, shape, 2, ctypes.byref(axes))
    c.refused(status, INVALID_ARGUMENT, "shape has room for 2, expected room for 3")
    c.model_destroy(handle)


def test_saved_and_cloned_models_are_the_same(
    c: CApi, handle: ctypes.c_void_p, path: Path, tmp_path: Path
) -> None:
    clone = c.made(c.model_clone, handle)
    c.ok(c.model_save(clone, tmp_path / "again.cnnx"))
    c.model_destroy(clone)
    assert (tmp_path / "again.cnnx").read_bytes() == path.read_bytes()


def test_a_model_for_images_of_another_size(c: CApi) -> None:
    layers = "conv2d out_channels=2 kernel_size=3\nglobal_avg_pool2d"
    handle = c.made(c.model_create, layers, 8, 8, 1, None, 0, None)
    wide = c.made(c.model_resized, handle, 5, 30)
    sizes = [ctypes.c_int64() for _ in range(3)]
    c.ok(c.model_input_shape(wide, *map(ctypes.byref, sizes)))
    assert [size.value for size in sizes] == [5, 30, 1]
    pixels, outputs = np.ones((1, 5, 30, 1), np.float32), np.zeros((2, 2), np.float32)
    c.ok(c.model_run(wide, pixels.ctypes.data, FLOAT32, 1, outputs[0], 2))
    c.ok(c.model_run(handle, np.ones((8, 8), np.float32).ctypes.data, FLOAT32, 1, outputs[1], 2))
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=1e-5)
    nothing = ctypes.c_void_p()
    status = c.model_resized(handle, 2, 30, ctypes.byref(nothing))
    c.refused(status, INVALID_ARGUMENT, "resized: layer conv2d_1: conv2d: ")
    assert nothing.value is None
    for each in (handle, wide):
        c.model_destroy(each)


# Predicting.


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("shape", [(12, 10, 3), (30, 17, 1), (9, 40, 4)])
def test_predictions_are_those_of_python(
    c: CApi,
    handle: ctypes.c_void_p,
    model: cnnx.Model,
    rng: np.random.Generator,
    shape: tuple[int, int, int],
    dtype: type,
) -> None:
    wide = rng.random((shape[0], shape[1] + 2, shape[2])).astype(np.float32)
    pixels = ((wide * 255).astype(dtype) if dtype is np.uint8 else wide)[:, :-2]
    prepared = np.zeros((12, 10, 3), dtype)
    where = prepared.ctypes.data
    c.ok(c.model_resize(handle, image_of(pixels), where, prepared.size))
    index, probabilities = ctypes.c_int64(-1), np.zeros(5, np.float32)
    probabilities[3:] = 7
    status = c.model_predict(handle, image_of(pixels), ctypes.byref(index), probabilities, 5)
    c.ok(status)
    expected = model.predict_proba(prepared)
    assert probabilities[:3].tobytes() == expected.tobytes()
    assert probabilities[3:].tolist() == [7, 7], "more was written than there is"
    assert CLASSES[index.value] == model.predict(prepared)
    c.ok(c.model_predict(handle, image_of(pixels), None, None, 0))
    without_gaps = image_of(np.ascontiguousarray(pixels), row_stride=0)
    again = np.zeros(3, np.float32)
    c.ok(c.model_predict(handle, without_gaps, None, again, 3))
    assert again.tobytes() == expected.tobytes()


def test_batches_are_those_of_python(
    c: CApi, handle: ctypes.c_void_p, model: cnnx.Model, rng: np.random.Generator
) -> None:
    bytes_ = rng.integers(0, 256, (7, 12, 10, 3), dtype=np.uint8)
    floats = rng.random((7, 12, 10, 3)).astype(np.float32)
    for pixels, kind in ((bytes_, UINT8), (floats, FLOAT32)):
        outputs = np.zeros((7, 3), np.float32)
        c.ok(c.model_run(handle, pixels.ctypes.data, kind, 7, outputs, outputs.size))
        assert outputs.tobytes() == model(pixels).tobytes()
        c.ok(c.model_probabilities(handle, pixels.ctypes.data, kind, 7, outputs, outputs.size))
        assert outputs.tobytes() == model.predict_proba(pixels).tobytes()
    c.ok(c.model_run(handle, None, UINT8, 0, None, 0))


def test_eight_threads_predict_with_one_model(
    c: CApi, handle: ctypes.c_void_p, model: cnnx.Model, rng: np.random.Generator
) -> None:
    pixels = rng.integers(0, 256, (8, 12, 10, 3), dtype=np.uint8)
    expected = model.predict_proba(pixels)
    predictions = np.zeros((8, 3), np.float32)

    def predict(number: int) -> None:
        for _ in range(20):
            c.ok(c.model_predict(handle, image_of(pixels[number]), None, predictions[number], 3))

    threads = [threading.Thread(target=predict, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert predictions.tobytes() == expected.tobytes()


# Parameters and buffers.


def test_arrays_by_name(c: CApi, handle: ctypes.c_void_p, model: cnnx.Model) -> None:
    for kind, ours in (("parameter", model.parameters), ("buffer", model.buffers)):
        count = c.integer(getattr(c, f"model_{kind}_count"), handle)
        name_of = getattr(c, f"model_{kind}_name")
        assert [c.text(name_of, handle, i) for i in range(count)] == list(ours)
        status = name_of(handle, count, ctypes.byref(ctypes.c_char_p()))
        c.refused(status, INVALID_ARGUMENT, f"index is {count}, ")
        for name, values in ours.items():
            axes, shape = ctypes.c_int64(), np.zeros(8, np.int64)
            c.ok(c.model_array_shape(handle, name, shape, 8, ctypes.byref(axes)))
            assert tuple(shape[: axes.value]) == values.shape
            got = np.zeros(values.size, np.float32)
            c.ok(c.model_get_array(handle, name, got, got.size))
            assert got.tobytes() == values.tobytes()
            changed = got + np.float32(1)
            c.ok(c.model_set_array(handle, name, changed, changed.size))
            c.ok(c.model_get_array(handle, name, got, got.size))
            assert got.tobytes() == changed.tobytes()


def test_a_changed_parameter_changes_the_prediction(
    c: CApi, handle: ctypes.c_void_p, rng: np.random.Generator
) -> None:
    pixels = rng.random((1, 12, 10, 3)).astype(np.float32)
    before, after = np.zeros((2, 3), np.float32)
    c.ok(c.model_run(handle, pixels.ctypes.data, FLOAT32, 1, before, 3))
    bias = np.array([1, 2, 3], np.float32)
    c.ok(c.model_set_array(handle, "dense_1.bias", bias, 3))
    c.ok(c.model_run(handle, pixels.ctypes.data, FLOAT32, 1, after, 3))
    np.testing.assert_allclose(after - before, bias, rtol=1e-5)


# Errors.


def test_each_kind_of_error_has_its_status(c: CApi, tmp_path: Path) -> None:
    handle = ctypes.c_void_p()
    (tmp_path / "wrong.cnnx").write_text("no model at all")
    status = c.model_load(tmp_path / "wrong.cnnx", ctypes.byref(handle))
    c.refused(status, FORMAT_ERROR, "wrong.cnnx: ")
    assert c.error_number() == 0
    status = c.model_load(tmp_path / "none.cnnx", ctypes.byref(handle))
    c.refused(status, SYSTEM_ERROR, "cannot read .*none.cnnx")
    with pytest.raises(FileNotFoundError) as missing:
        (tmp_path / "none.cnnx").read_bytes()
    assert c.error_number() == missing.value.errno
    assert handle.value is None


def test_each_thread_has_its_own_message(c: CApi, tmp_path: Path) -> None:
    c.refused(c.set_num_threads(0), INVALID_ARGUMENT, "count is 0")
    said = []

    def elsewhere() -> None:
        said.append(c.message())
        c.set_num_threads(-1)
        said.append(c.message())

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert said[0] == ""
    assert "count is -1" in said[1]
    assert "count is 0" in c.message()


def test_a_call_that_succeeds_leaves_the_message(c: CApi) -> None:
    c.refused(c.set_num_threads(0), INVALID_ARGUMENT, "count is 0")
    c.text(c.isa)
    assert "count is 0" in c.message()


def test_wrong_images_are_refused(c: CApi, handle: ctypes.c_void_p) -> None:
    pixels = np.zeros((12, 10, 3), np.uint8)
    buffer = np.zeros(3, np.float32)
    for changes, sentence in (
        ({"pixels": None}, "pixels are a null pointer"),
        ({"height": 0}, "height is 0, expected 1 to"),
        ({"width": -1}, "width is -1, expected 1 to"),
        ({"channels": 5}, "5 channels"),
        ({"type": 2}, "type is 2, expected CNNX_UINT8 or CNNX_FLOAT32"),
        ({"type": 258}, "type is 258, expected CNNX_UINT8 or CNNX_FLOAT32"),
        ({"row_stride": 29}, "row_stride is 29"),
    ):
        image = image_of(pixels, **changes)
        c.refused(c.model_predict(handle, image, None, buffer, 3), INVALID_ARGUMENT, sentence)
        status = c.model_resize(handle, image, pixels.ctypes.data, pixels.size)
        c.refused(status, INVALID_ARGUMENT, sentence)


def test_predictions_that_are_not_numbers_are_refused(c: CApi, handle: ctypes.c_void_p) -> None:
    pixels = np.full((12, 10, 3), np.nan, np.float32)
    buffer = np.zeros(3, np.float32)
    status = c.model_predict(handle, image_of(pixels), None, buffer, 3)
    c.refused(status, INVALID_ARGUMENT, "^predict: an image holds NaN or infinity")
    c.ok(c.model_set_array(handle, "dense_1.bias", np.full(3, np.nan, np.float32), 3))
    status = c.model_predict(handle, image_of(np.zeros_like(pixels)), None, buffer, 3)
    c.refused(status, NOT_FINITE, "^predict: the model's outputs are NaN for finite")


def test_too_little_room_is_refused(c: CApi, handle: ctypes.c_void_p) -> None:
    pixels = np.zeros((2, 12, 10, 3), np.uint8)
    where = pixels.ctypes.data
    buffer = np.full(6, 7, np.float32)
    status = c.model_predict(handle, image_of(pixels[0]), None, buffer, 2)
    c.refused(status, INVALID_ARGUMENT, "^cnnx_model_predict: probabilities has room for 2, .* 3$")
    status = c.model_run(handle, where, UINT8, 2, buffer, 5)
    c.refused(status, INVALID_ARGUMENT, "^cnnx_model_run: outputs has room for 5, .* 6$")
    status = c.model_probabilities(handle, where, UINT8, 2, buffer, 5)
    c.refused(status, INVALID_ARGUMENT, "probabilities has room for 5, .* 6$")
    status = c.model_resize(handle, image_of(pixels[0]), where, 359)
    c.refused(status, INVALID_ARGUMENT, "pixels has room for 359, .* 360$")
    assert (buffer == 7).all()


def test_wrong_counts_and_names_are_refused(c: CApi, handle: ctypes.c_void_p) -> None:
    pixels, buffer = np.zeros(720, np.uint8), np.zeros(6, np.float32)
    where = pixels.ctypes.data
    for count, sentence in ((-1, "count is -1, expected 0 or more"), (1 << 62, "fewer images")):
        c.refused(c.model_run(handle, where, UINT8, count, buffer, 6), INVALID_ARGUMENT, sentence)
    c.refused(c.model_run(handle, where, 7, 1, buffer, 6), INVALID_ARGUMENT, "type is 7")
    for name, count, sentence in (
        ("dense_2.bias", 3, 'no parameter and no buffer named "dense_2.bias"'),
        ("dense_1.bias", 2, r"count is 2, but dense_1.bias has shape \(3,\), expected 3"),
        (b"\xff", 3, "name is not UTF-8 from byte 0 on"),
    ):
        for function in (c.model_get_array, c.model_set_array):
            c.refused(function(handle, name, buffer, count), INVALID_ARGUMENT, sentence)


def test_nothing_is_destroyed_twice_by_null(c: CApi) -> None:
    for name, function in c.functions.items():
        if name.endswith("_destroy"):
            function(None)
    gc.collect()


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process as Linux does")
def test_too_little_memory_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process without the 4 GB that a layer's weights need."""
    not_under_address_sanitizer("a process reserves terabytes")
    program = tmp_path / "program.py"
    program.write_text(
        "import ctypes, resource\n"
        "from c_functions import OUT_OF_MEMORY, CApi\n"
        "c, handle = CApi(), ctypes.c_void_p()\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + (16 << 20),) * 2)\n"
        "layers = 'flatten\\ndense out_features=1000000'\n"
        "status = c.model_create(layers, 32, 32, 1, None, 0, None, ctypes.byref(handle))\n"
        "c.refused(status, OUT_OF_MEMORY, '^model: its parameters take .* dense_1.weight alone')\n"
        "assert handle.value is None\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "support"))
    run([sys.executable, program])
