"""Every function of the C interface reports every null pointer with a sentence and never crashes.

The functions and pointers are read from the header, so the tests cover all of them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from c_functions import CALLBACKS, INVALID_ARGUMENT, STRUCTS, UINT8, CApi, Function
from small_models import two_inputs_and_outputs

C = CApi()

LAYERS = "batch_norm2d\nflatten\ndense out_features=2"
PIXELS = np.zeros((2, 4, 4, 1), np.uint8)
LABELS = np.zeros(2, np.int64)
FLOATS = np.zeros(32, np.float32)
WEIGHTS = np.array([1, 2], np.float32)
INTEGERS = np.zeros(8, np.int64)
SECONDS = np.zeros(32, np.float64)
IMAGE = STRUCTS["cnnx_image"](pixels=PIXELS.ctypes.data, height=4, width=4, channels=1)
SAMPLES = STRUCTS["cnnx_samples"](
    pixels=PIXELS.ctypes.data, count=2, type=UINT8, labels=LABELS.ctypes.data
)

NAMES = (ctypes.c_char_p * 1)(b"flatten_1")
HEAD_SHAPE = np.array([3], np.int64)
HEAD = STRUCTS["cnnx_head"](name=b"a", kind=b"none", shape=HEAD_SHAPE.ctypes.data, axes=1)
RESUME = CALLBACKS["cnnx_epoch_callback"](lambda *_: 1)


@dataclass
class World:
    """A handle of every kind, and a folder."""

    model: ctypes.c_void_p
    trainer: ctypes.c_void_p
    epoch: ctypes.c_void_p
    checkpoint: ctypes.c_void_p
    restored: ctypes.c_void_p  # a trainer of the checkpoint's model
    parted: ctypes.c_void_p  # a model with two inputs and two outputs
    folder: Path
    content: bytes  # of a model's file


def a_handle() -> Any:
    return ctypes.byref(ctypes.c_void_p())


def a_text() -> Any:
    return ctypes.byref(ctypes.c_char_p())


def a_double() -> Any:
    return ctypes.byref(ctypes.c_double())


def a_number() -> Any:
    return ctypes.byref(ctypes.c_int64())


def a_small_number() -> Any:
    return ctypes.byref(ctypes.c_int32())


def scheduled(trainer: ctypes.c_void_p) -> ctypes.c_void_p:
    """The trainer, whose schedule has begun."""
    C.ok(C.trainer_begin_schedule(trainer, 1, 1))
    return trainer


def noted(model: ctypes.c_void_p) -> ctypes.c_void_p:
    """The model, which has a text."""
    C.ok(C.model_set_metadata(model, "author", "Ada"))
    return model


def profiled(trainer: ctypes.c_void_p) -> ctypes.c_void_p:
    """The trainer, which has measured a step."""
    C.ok(C.trainer_start_profile(trainer))
    C.ok(C.trainer_step(trainer, ctypes.byref(SAMPLES), None))
    return trainer


@CALLBACKS["cnnx_run_tasks"]  # type: ignore[untyped-decorator]
def run_tasks(pool: int, count: int, task: Callable[[int, int], None], context: int) -> None:
    for index in range(count):
        task(context, index)


# Arguments that every function accepts, and the names of those that may be NULL.
Arguments = Callable[[World], list[Any]]
CALLS: dict[str, tuple[Arguments, set[str]]] = {
    "isa": (lambda w: [a_text()], set()),
    "integer_isa": (lambda w: [a_text()], set()),
    "has_native_bfloat16": (lambda w: [a_small_number()], set()),
    "get_num_threads": (lambda w: [a_small_number()], set()),
    "use_thread_pool": (lambda w: [1, run_tasks, ctypes.c_void_p(1)], {"pool"}),
    "model_create": (
        lambda w: [LAYERS, 4, 4, 1, None, 0, "seed=1", a_handle()],
        {"classes", "options"},
    ),
    "model_load": (lambda w: [w.folder / "model.cnnx", a_handle()], set()),
    "model_from_bytes": (lambda w: [ctypes.c_char_p(w.content), len(w.content), a_handle()], set()),
    "model_save": (lambda w: [w.model, w.folder / "again.cnnx"], set()),
    "model_to_bytes": (
        lambda w: [w.model, ctypes.create_string_buffer(9999), 9999, a_number()],
        set(),
    ),
    "model_clone": (lambda w: [w.model, a_handle()], set()),
    "model_resized": (lambda w: [w.model, 4, 4, a_handle()], set()),
    "model_memory_bytes": (lambda w: [w.model, 1, a_number()], set()),
    "model_warm_up": (lambda w: [w.model, 1], set()),
    "model_release": (lambda w: [w.model], set()),
    "model_compute_dtype": (lambda w: [w.model, a_text()], set()),
    "model_set_compute_dtype": (lambda w: [w.model, "float32"], set()),
    "model_metadata_count": (lambda w: [w.model, a_number()], set()),
    "model_metadata": (lambda w: [noted(w.model), 0, a_text(), a_text()], set()),
    "model_set_metadata": (lambda w: [w.model, "licence", "CC0"], {"text"}),
    "model_input_shape": (lambda w: [w.model, a_number(), a_number(), a_number()], set()),
    "model_output_count": (lambda w: [w.model, a_number()], set()),
    "model_output_shape": (lambda w: [w.model, INTEGERS, 8, a_number()], set()),
    "model_class_count": (lambda w: [w.model, a_number()], set()),
    "model_class_name": (lambda w: [w.model, 0, a_text()], set()),
    "model_preprocessing": (
        lambda w: [w.model, a_text(), FLOATS, FLOATS, 32],
        {"resize", "mean", "std"},
    ),
    "model_probability_kind": (lambda w: [w.model, a_text()], set()),
    "model_set_probability_kind": (lambda w: [w.model, "softmax"], set()),
    "model_temperature": (lambda w: [w.model, ctypes.byref(ctypes.c_float())], set()),
    "model_set_temperature": (lambda w: [w.model, 1.0], set()),
    "model_input_part_count": (lambda w: [w.parted, a_number()], set()),
    "model_input_part": (
        lambda w: [w.parted, 0, a_text(), *(a_number() for _ in range(4))],
        {"name", "offset", "height", "width", "channels"},
    ),
    "model_head_count": (lambda w: [w.parted, a_number()], set()),
    "model_head": (
        lambda w: [w.parted, 0, a_text(), a_text(), a_number()],
        {"name", "kind", "offset"},
    ),
    "model_head_shape": (lambda w: [w.parted, 0, INTEGERS, 8, a_number()], set()),
    "model_set_heads": (lambda w: [w.parted, ctypes.byref(HEAD), 1], set()),
    "model_predict": (
        lambda w: [w.model, ctypes.byref(IMAGE), a_number(), FLOATS, 32],
        {"index", "probabilities"},
    ),
    "model_resize": (
        lambda w: [w.model, ctypes.byref(IMAGE), FLOATS.ctypes.data, 32],
        set(),
    ),
    "model_run": (lambda w: [w.model, PIXELS.ctypes.data, UINT8, 2, FLOATS, 32], set()),
    "model_probabilities": (
        lambda w: [w.model, PIXELS.ctypes.data, UINT8, 2, FLOATS, 32],
        set(),
    ),
    "model_outputs_to_probabilities": (lambda w: [w.model, FLOATS, 2], set()),
    "model_layer_count": (lambda w: [w.model, a_number()], set()),
    "model_layer_info": (
        lambda w: [w.model, 0, a_text(), a_text(), a_number()],
        {"name", "kind", "parameter_count"},
    ),
    "model_layer_times": (
        lambda w: [w.model, PIXELS.ctypes.data, UINT8, 2, 1, SECONDS, 32],
        set(),
    ),
    "model_layer_shape": (lambda w: [w.model, "flatten_1", INTEGERS, 8, a_number()], set()),
    "model_layer_output": (
        lambda w: [w.model, PIXELS.ctypes.data, UINT8, 2, "flatten_1", FLOATS, 32],
        set(),
    ),
    "model_layer_outputs": (
        lambda w: [w.model, PIXELS.ctypes.data, UINT8, 2, NAMES, 1, FLOATS, 32],
        set(),
    ),
    "model_gradients": (
        lambda w: [w.model, PIXELS.ctypes.data, UINT8, 2, WEIGHTS, "flatten_1", FLOATS, 32],
        set(),
    ),
    "model_parameter_count": (lambda w: [w.model, a_number()], set()),
    "model_buffer_count": (lambda w: [w.model, a_number()], set()),
    "model_parameter_name": (lambda w: [w.model, 0, a_text()], set()),
    "model_buffer_name": (lambda w: [w.model, 0, a_text()], set()),
    "model_array_shape": (lambda w: [w.model, "dense_1.bias", INTEGERS, 8, a_number()], set()),
    "model_get_array": (lambda w: [w.model, "dense_1.bias", FLOATS, 2], set()),
    "model_set_array": (lambda w: [w.model, "dense_1.bias", FLOATS, 2], set()),
    "model_set_trainable": (lambda w: [w.model, "dense_1", 1], set()),
    "trainer_create": (
        lambda w: [w.model, "sgd", "cross_entropy", "seed=1", a_handle()],
        {"optimizer", "loss", "options"},
    ),
    "trainer_memory_bytes": (lambda w: [w.trainer, 1, a_number()], set()),
    "trainer_release": (lambda w: [w.trainer], set()),
    "trainer_step": (lambda w: [w.trainer, ctypes.byref(SAMPLES), a_double()], {"loss"}),
    "trainer_compute_gradients": (
        lambda w: [w.trainer, ctypes.byref(SAMPLES), 0, a_double()],
        {"loss"},
    ),
    "trainer_step_weighted": (
        lambda w: [w.trainer, ctypes.byref(SAMPLES), WEIGHTS, a_double()],
        {"weights", "loss"},
    ),
    "trainer_compute_gradients_weighted": (
        lambda w: [w.trainer, ctypes.byref(SAMPLES), WEIGHTS, 0, a_double()],
        {"weights", "loss"},
    ),
    "trainer_gradients": (
        lambda w: [w.trainer, ctypes.byref(ctypes.POINTER(ctypes.c_float)()), a_number()],
        set(),
    ),
    "trainer_apply_gradients": (lambda w: [w.trainer], set()),
    "trainer_evaluate": (
        lambda w: [w.trainer, ctypes.byref(SAMPLES), 1, a_double(), a_double()],
        {"loss", "accuracy"},
    ),
    "trainer_evaluate_weighted": (
        lambda w: [w.trainer, ctypes.byref(SAMPLES), WEIGHTS, 1, a_double(), a_double()],
        {"weights", "loss", "accuracy"},
    ),
    "trainer_averaged_model": (lambda w: [w.trainer, a_handle()], set()),
    "trainer_check_finite": (lambda w: [w.trainer], set()),
    "trainer_get_learning_rate": (lambda w: [w.trainer, a_double()], set()),
    "trainer_set_learning_rate": (lambda w: [w.trainer, 0.1], set()),
    "trainer_last_learning_rate": (lambda w: [w.trainer, a_double()], set()),
    "trainer_reset_optimizer": (lambda w: [w.trainer], set()),
    "trainer_extend_schedule": (lambda w: [scheduled(w.trainer), 2], set()),
    "trainer_start_profile": (lambda w: [w.trainer], set()),
    "trainer_profile": (lambda w: [w.trainer, ctypes.byref(STRUCTS["cnnx_profile"]())], set()),
    "trainer_profile_part": (
        lambda w: [profiled(w.trainer), 0, a_text(), a_double(), a_double()],
        {"layers", "forward", "backward"},
    ),
    "trainer_begin_schedule": (lambda w: [w.trainer, 1, 1], set()),
    "trainer_observe": (lambda w: [w.trainer, 0.5], set()),
    "trainer_split_order": (lambda w: [w.trainer, 8, INTEGERS, 8], set()),
    "trainer_begin_epoch": (
        lambda w: [w.trainer, ctypes.byref(SAMPLES), "batch_size=1", a_handle()],
        {"options"},
    ),
    "trainer_fit": (
        lambda w: [w.trainer, ctypes.byref(SAMPLES), 1, "batch_size=1", RESUME, None],
        {"options", "context"},
    ),
    "trainer_begin_epoch_weighted": (
        lambda w: [w.trainer, ctypes.byref(SAMPLES), WEIGHTS, "batch_size=1", a_handle()],
        {"weights", "options"},
    ),
    "trainer_fit_weighted": (
        lambda w: [w.trainer, ctypes.byref(SAMPLES), WEIGHTS, 1, "batch_size=1", RESUME, None],
        {"weights", "options", "context"},
    ),
    "epoch_advance": (lambda w: [w.epoch, a_small_number()], set()),
    "trainer_continue_epoch": (
        lambda w: [w.trainer, ctypes.byref(SAMPLES), "batch_size=1", w.checkpoint, a_handle()],
        {"options"},
    ),
    "trainer_continue_epoch_weighted": (
        lambda w: [
            *(w.trainer, ctypes.byref(SAMPLES), WEIGHTS),
            *("batch_size=1", w.checkpoint, a_handle()),
        ],
        {"weights", "options"},
    ),
    "epoch_number": (lambda w: [w.epoch, ctypes.byref(ctypes.c_uint64())], set()),
    "epoch_step_count": (lambda w: [w.epoch, a_number(), a_number()], {"done", "all"}),
    "epoch_metrics": (lambda w: [w.epoch, a_double(), a_double()], {"loss", "accuracy"}),
    "epoch_weights": (
        lambda w: [w.epoch, a_double(), a_double()],
        {"of_loss", "of_accuracy"},
    ),
    "trainer_save_checkpoint": (
        lambda w: [w.trainer, w.epoch, w.folder / "b.ckpt", "text"],
        {"epoch", "metadata"},
    ),
    "checkpoint_load": (lambda w: [w.folder / "run.ckpt", a_handle()], set()),
    "checkpoint_model": (lambda w: [w.checkpoint, a_handle()], set()),
    "checkpoint_metadata": (lambda w: [w.checkpoint, a_text()], set()),
    "trainer_restore": (lambda w: [w.restored, w.checkpoint], set()),
    "draw_xo": (lambda w: [1, 16, 0, np.zeros(256, np.uint8), INTEGERS], set()),
    "draw_shapes": (
        lambda w: [1, 32, 32, 0, np.zeros(3072, np.uint8), np.zeros(1024, np.uint8)],
        set(),
    ),
    "draw_single_shapes": (
        lambda w: [1, 32, 32, 0, np.zeros(3072, np.uint8), INTEGERS, np.zeros(4, np.float32)],
        set(),
    ),
}
FALLIBLE = {name[5:]: each for name, each in C.functions.items() if each.returns_status}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("null")
    model = C.made(C.model_create, LAYERS, 4, 4, 1, None, 0, None)
    C.ok(C.model_save(model, folder / "model.cnnx"))
    trainer = C.made(C.trainer_create, model, None, None, "averaging")
    epoch = C.made(C.trainer_begin_epoch, trainer, ctypes.byref(SAMPLES), None)
    C.ok(C.trainer_save_checkpoint(trainer, epoch, folder / "run.ckpt", None))
    checkpoint = C.made(C.checkpoint_load, folder / "run.ckpt")
    copy = C.made(C.checkpoint_model, checkpoint)
    restored = C.made(C.trainer_create, copy, None, None, "averaging")
    C.model_destroy(copy)
    content = (folder / "model.cnnx").read_bytes()
    with C.loaded(two_inputs_and_outputs()) as parted:
        yield World(model, trainer, epoch, checkpoint, restored, parted, folder, content)
    C.ok(C.use_threads(0))
    C.model_destroy(model)
    C.epoch_destroy(epoch)
    C.checkpoint_destroy(checkpoint)
    C.trainer_destroy(restored)
    C.trainer_destroy(trainer)


def test_the_table_holds_every_function_with_a_pointer() -> None:
    assert {name for name, each in FALLIBLE.items() if each.pointers} == set(CALLS)


def calls() -> Iterator[Any]:
    for name in CALLS:
        for pointer in (*FALLIBLE[name].pointers, None):
            yield pytest.param(name, pointer, id=f"{name}-{pointer}")


def destroy(function: Function, arguments: list[Any]) -> None:
    """The result that a successful call returns through its last argument."""
    handle = getattr(arguments[-1], "_obj", None)
    if isinstance(handle, ctypes.c_void_p):
        kind = function.parameters[-1].replace("clone", "model")
        getattr(C, f"{kind}_destroy")(handle)


@pytest.mark.parametrize(("name", "pointer"), list(calls()))
def test_a_null_pointer(world: World, name: str, pointer: str | None) -> None:
    """The same call without null pointers succeeds."""
    make, may_be_null = CALLS[name]
    function, arguments = FALLIBLE[name], make(world)
    if pointer is not None:
        arguments[function.parameters.index(pointer)] = None
    status = function(*arguments)
    if pointer is None or pointer in may_be_null:
        C.ok(status)
        destroy(function, arguments)
    else:
        C.refused(status, INVALID_ARGUMENT, f"^cnnx_{name}: {pointer} is a null pointer$")
