"""Models that the C interface builds from a text: equal to Python's to the byte, and refusals."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cnnx
import layer_kinds
import pytest
from c_functions import INVALID_ARGUMENT, CApi
from c_training import Training, names, network


def test_a_text_builds_what_python_builds(training: Training, tmp_path: Path) -> None:
    network().save(tmp_path / "python.cnnx")
    training.c.ok(training.c.model_save(training.model(), tmp_path / "c.cnnx"))
    assert (tmp_path / "c.cnnx").read_bytes() == (tmp_path / "python.cnnx").read_bytes()


def text_of(value: Any) -> str:
    """A setting's value as a line of text has it."""
    if isinstance(value, tuple | list):
        return ",".join(text_of(each) for each in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def assert_same_file(c: CApi, text: str, model: cnnx.Model, folder: Path) -> None:
    model.save(folder / "python.cnnx")
    handle = c.made(c.model_create, text, *model.input_shape, None, 0, None)
    c.ok(c.model_save(handle, folder / "c.cnnx"))
    c.model_destroy(handle)
    assert (folder / "c.cnnx").read_bytes() == (folder / "python.cnnx").read_bytes()


@pytest.mark.parametrize("changed", [False, True])
@pytest.mark.parametrize("kind", layer_kinds.KINDS)
def test_every_kind_of_layer_can_be_written(
    c: CApi, kind: str, changed: bool, tmp_path: Path
) -> None:
    model = layer_kinds.model(kind, seed=0, changed=changed)
    values = layer_kinds.arguments(kind, changed=changed)
    *before, (_, _, _, inputs, _) = model._core.layers
    lines = [line_of(other, settings) for other, settings, *_ in before]
    lines.append(line_of(kind, {**values, "inputs": inputs}))
    assert_same_file(c, "\n".join(lines), model, tmp_path)


def line_of(kind: str, values: Mapping[str, Any]) -> str:
    return " ".join([kind, *(f"{name}={text_of(value)}" for name, value in values.items())])


FORMS: dict[str, cnnx.Layer] = {
    "conv2d out_channels=4 kernel_size=3": cnnx.Conv2d(4, 3),
    "conv2d out_channels=4 kernel_size=3 padding=valid groups=4": cnnx.Conv2d(
        4, 3, padding="valid", groups=4
    ),
    "conv2d out_channels=4 kernel_size=3 padding=same": cnnx.Conv2d(4, 3, padding="same"),
    "max_pool2d kernel_size=2,3": cnnx.MaxPool2d((2, 3)),
    "max_pool2d kernel_size=3 stride=2 padding=1,0": cnnx.MaxPool2d(3, stride=2, padding=(1, 0)),
    "batch_norm2d epsilon=1e-3": cnnx.BatchNorm2d(epsilon=1e-3),
    "zero_pad2d padding=2": cnnx.ZeroPad2d(2),
}


@pytest.mark.parametrize("line", FORMS)
def test_settings_may_be_written_in_short(c: CApi, line: str, tmp_path: Path) -> None:
    assert_same_file(c, line, cnnx.Model([FORMS[line]], input_shape=(8, 9, 4)), tmp_path)


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        ("", "expected"),
        ("relu\n\ncirclet", "layers, line 3: circlet: there is no layer of this kind$"),
        ("out_channels=3", "layers, line 1: expected the kind of a layer first, such as conv2d$"),
        ("conv2d out_channels=3", "line 1: conv2d: kernel_size is missing$"),
        ("zero_pad2d", "line 1: zero_pad2d: padding is missing$"),
        ("conv2d out_channels=3 kernel=3", "line 1: conv2d: there is no setting named kernel$"),
        ("relu slope=3", "line 1: relu: there is no setting named slope$"),
        ("dense out_features=3 out_features=4", "out_features is given twice$"),
        ("dense out_features", '"out_features" is no setting, expected name=value$'),
        ("dense out_features=", '"out_features=" is no setting, expected name=value$'),
        ("dense =3", '"=3" is no setting, expected name=value$'),
        ("dense out_features=3.5", 'out_features is "3.5", expected an integer$'),
        ("dense out_features=99999999999999999999", "expected an integer$"),
        ("dense out_features=3 bias=yes", 'bias is "yes", expected true or false$'),
        ("dropout rate=half", 'rate is "half", expected a number$'),
        ("dropout rate=0,5", 'rate is "0,5", expected a number$'),
        ("dropout rate=nan", "rate is"),
        ("dropout rate=1e999", 'rate is "1e999", expected a number$'),
        ("max_pool2d kernel_size=2,", 'kernel_size is "", expected an integer$'),
        ("max_pool2d kernel_size=1,2,3", 'is "1,2,3", expected one integer, or two: height,width$'),
        ("max_pool2d kernel_size=2 padding=1,2,3", 'padding is "1,2,3", expected same, valid, or'),
        ("max_pool2d kernel_size=0", "kernel_size is"),
        ("max_pool2d kernel_size=2 padding=wide", "padding is"),
        ("relu name=a\nrelu name=a", "a"),
        ("relu inputs=elsewhere", "elsewhere"),
        (b"relu name=\xff", "layers is not UTF-8 from byte 10 on"),
        ("conv2d out_channels=1 kernel_size=40", "conv2d"),
    ],
)
def test_wrong_layers_are_refused(c: CApi, layers: str, sentence: str) -> None:
    handle = ctypes.c_void_p()
    status = c.model_create(layers, 32, 32, 1, None, 0, None, ctypes.byref(handle))
    c.refused(status, INVALID_ARGUMENT, sentence)
    assert handle.value is None


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("fit", "options: fit: is no setting, expected name=value$"),
        ("resize=shrink", 'resize is "shrink", expected stretch or fit or crop$'),
        ("seed=-1", r'seed is "-1", expected an integer from 0 to 2\^64 - 1$'),
        ("mean=0.5,wide", 'mean is "wide", expected a number$'),
        ("mean=1,2,3", "mean"),
        ("speed=3", "options: there is no setting named speed$"),
    ],
)
def test_wrong_options_of_a_model_are_refused(c: CApi, options: str, sentence: str) -> None:
    handle = ctypes.c_void_p()
    status = c.model_create("flatten", 8, 8, 1, None, 0, options, ctypes.byref(handle))
    c.refused(status, INVALID_ARGUMENT, sentence)


def test_wrong_classes_are_refused(c: CApi) -> None:
    handle = ctypes.c_void_p()
    for classes, count, sentence in (
        (names("a"), 1, "classes has 1 names"),
        (names("a", "a"), 2, "differ"),
        (None, 2, "classes is a null pointer"),
        ((ctypes.c_char_p * 2)(b"a", None), 2, "a class name is a null pointer"),
        (None, -1, "class_count is -1, expected 0 or more"),
    ):
        layers = "flatten\ndense out_features=2"
        status = c.model_create(layers, 8, 8, 1, classes, count, None, ctypes.byref(handle))
        c.refused(status, INVALID_ARGUMENT, sentence)
