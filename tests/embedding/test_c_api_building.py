"""Models that the C interface builds from a text: equal to Python's to the byte, and refusals."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import cnnx
import pytest
from c_functions import INVALID_ARGUMENT, CApi
from c_training import Training, names, network


def test_a_text_builds_what_python_builds(training: Training, tmp_path: Path) -> None:
    network().save(tmp_path / "python.cnnx")
    training.c.ok(training.c.model_save(training.model(), tmp_path / "c.cnnx"))
    assert (tmp_path / "c.cnnx").read_bytes() == (tmp_path / "python.cnnx").read_bytes()


KINDS: dict[str, Any] = {
    "conv2d out_channels=4 kernel_size=3": cnnx.Conv2d(4, 3),
    "conv2d out_channels=4 kernel_size=3,2 stride=2,1 padding=1,2,0,3 dilation=1,2 bias=false": (
        cnnx.Conv2d(4, (3, 2), stride=(2, 1), padding=((1, 2), (0, 3)), dilation=(1, 2), bias=False)
    ),
    "conv2d out_channels=4 kernel_size=3 padding=valid groups=4": cnnx.Conv2d(
        4, 3, padding="valid", groups=4
    ),
    "conv_transpose2d out_channels=4 kernel_size=2 stride=2 output_padding=1": (
        cnnx.ConvTranspose2d(4, 2, stride=2, output_padding=1)
    ),
    "flatten\ndense out_features=4 bias=false": [cnnx.Flatten(), cnnx.Dense(4, bias=False)],
    "max_pool2d kernel_size=2,3": cnnx.MaxPool2d((2, 3)),
    "max_pool2d kernel_size=3 stride=2 padding=1,0": cnnx.MaxPool2d(3, stride=2, padding=(1, 0)),
    "avg_pool2d kernel_size=2 padding=1 count_include_pad=false": cnnx.AvgPool2d(
        2, padding=1, count_include_pad=False
    ),
    "adaptive_avg_pool2d output_size=2,3": cnnx.AdaptiveAvgPool2d((2, 3)),
    "global_avg_pool2d": cnnx.GlobalAvgPool2d(),
    "batch_norm2d epsilon=1e-3 affine=false": cnnx.BatchNorm2d(epsilon=1e-3, affine=False),
    "group_norm groups=2 epsilon=0.01": cnnx.GroupNorm(2, epsilon=0.01),
    "layer_norm": cnnx.LayerNorm(),
    "dropout": cnnx.Dropout(),
    "relu": cnnx.ReLU(),
    "relu6": cnnx.ReLU6(),
    "leaky_relu": cnnx.LeakyReLU(),
    "prelu initial=0.1": cnnx.PReLU(0.1),
    "sigmoid": cnnx.Sigmoid(),
    "tanh": cnnx.Tanh(),
    "gelu": cnnx.GELU(),
    "silu": cnnx.SiLU(),
    "hard_swish": cnnx.HardSwish(),
    "softmax": cnnx.Softmax(),
    "flatten": cnnx.Flatten(),
    "zero_pad2d padding=1,2": cnnx.ZeroPad2d((1, 2)),
    "upsample2d scale_factor=2,1 mode=bilinear": cnnx.Upsample2d((2, 1), mode="bilinear"),
    "add inputs=input,input": cnnx.Add(),
    "multiply inputs=input,input": cnnx.Multiply(),
    "concat inputs=input,input": cnnx.Concat(),
}


@pytest.mark.parametrize("line", KINDS)
def test_every_kind_of_layer_can_be_written(c: CApi, line: str, tmp_path: Path) -> None:
    layer = KINDS[line]
    if "inputs=" in line:
        image = cnnx.Input((8, 9, 4))
        model = cnnx.Model.from_graph(image, layer(image, image))
    else:
        layers = layer if isinstance(layer, list) else [layer]
        model = cnnx.Model(layers, input_shape=(8, 9, 4))
    model.save(tmp_path / "python.cnnx")
    handle = c.made(c.model_create, line, 8, 9, 4, None, 0, None)
    c.ok(c.model_save(handle, tmp_path / "c.cnnx"))
    c.model_destroy(handle)
    assert (tmp_path / "c.cnnx").read_bytes() == (tmp_path / "python.cnnx").read_bytes()


def test_no_kind_of_layer_is_forgotten() -> None:
    written = {line.splitlines()[-1].split()[0] for line in KINDS}
    layers = [value for value in vars(cnnx).values() if isinstance(value, type)]
    kinds = {each.kind for each in layers if issubclass(each, cnnx.Layer) and hasattr(each, "kind")}
    assert len(kinds) > 20
    assert kinds - {"residual", "parallel"} == written


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        ("", "expected"),
        ("relu\n\ncirclet", "layers, line 3: circlet: there is no layer of this kind$"),
        ("out_channels=3", "layers, line 1: expected the kind of a layer first, such as conv2d$"),
        ("conv2d out_channels=3", "line 1: conv2d: kernel_size is missing$"),
        ("zero_pad2d", "line 1: zero_pad2d: padding is missing$"),
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
