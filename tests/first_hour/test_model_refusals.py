"""Models that a newcomer builds, and what is done to them: each is answered in one sentence."""

from __future__ import annotations

import re
from typing import Any

import cnnx
import numpy as np
from first_hour import Case, check, every

anything: Any = cnnx  # calls that type checkers would refuse

X, Y = cnnx.data.xo(8, size=16, seed=1)
MODEL: Any = cnnx.models.small((16, 16, 1))


def nested(count: int) -> cnnx.Layer:
    """Blocks within blocks."""
    layer: cnnx.Layer = cnnx.ReLU()
    for _ in range(count):
        layer = cnnx.Residual(layer, name="a")
    return layer


def frozen() -> cnnx.Model:
    model: cnnx.Model = MODEL.clone()
    for layer in model.layers:
        layer.trainable = False
    return model


def freeze_misspelt(layer: Any) -> None:
    layer.trainble = False


def write(array: Any) -> None:
    array[0] = 1


MODELS = [
    Case(
        "channels-first",
        lambda: cnnx.Model([cnnx.Flatten(), cnnx.Dense(2)], input_shape=(3, 32, 32)),
        cnnx.Warning,
        "Model: input_shape is (3, 32, 32), expected (height, width, channels), not channels "
        "first: input_shape=(32, 32, 3)",
    ),
    Case(
        "channels-first-grey",
        lambda: cnnx.Model([cnnx.Flatten(), cnnx.Dense(2)], input_shape=(1, 28, 28)),
        cnnx.Warning,
        "Model: input_shape is (1, 28, 28), expected (height, width, channels), not channels "
        "first: input_shape=(28, 28, 1)",
    ),
    Case(
        "channels-first-input",
        lambda: cnnx.Input((3, 480, 640)),
        cnnx.Warning,
        "Input: shape is (3, 480, 640), expected (height, width, channels), not channels first: "
        "shape=(480, 640, 3)",
    ),
    Case(
        "residual-arguments",
        lambda: anything.Residual(cnnx.Conv2d(8, 3), cnnx.BatchNorm2d()),
        TypeError,
        "Residual: got BatchNorm2d(momentum=0.1, epsilon=1e-05, affine=True) after body, expected "
        "nothing there; the layers of the body go in one list: Residual([Conv2d(...), "
        "BatchNorm2d(...)])",
    ),
    Case(
        "model-arguments",
        lambda: anything.Model(cnnx.Flatten(), cnnx.Dense(2)),
        TypeError,
        "Model: got Dense(out_features=2, bias=True, int8_weight=False) after layers, expected "
        "nothing there; the layers go in one list: Model([Flatten(...), Dense(...)], "
        "input_shape=...)",
    ),
    Case(
        "parallel-arguments",
        lambda: anything.Parallel(cnnx.ReLU(), cnnx.Tanh()),
        TypeError,
        "Parallel: got Tanh() after branches, expected nothing there; the branches go in one list: "
        "Parallel([ReLU(...), Tanh(...)])",
    ),
    Case(
        "classes-as-text",
        lambda: anything.models.small(classes="ab"),
        TypeError,
        "cnnx.models: classes is 'ab', expected a number or a list of names: classes=['a', 'b']",
    ),
    Case(
        "classes-as-boolean",
        lambda: anything.models.resnet20(classes=True),
        TypeError,
        "cnnx.models: classes is True, expected a number or a list of names",
    ),
    Case(
        "no-classes",
        lambda: anything.models.lenet5(classes=0),
        ValueError,
        "cnnx.models: classes is 0, expected at least one",
    ),
    Case(
        "size-of-one-number",
        lambda: anything.models.fast_cifar(32),
        TypeError,
        "fast_cifar: input_shape is 32, expected (height, width, channels)",
    ),
    Case("numpy-classes", lambda: anything.models.small(classes=np.int64(3)), None),
    Case(
        "nested-blocks",
        lambda: nested(900),
        ValueError,
        "Residual: holds blocks nested 41 deep, expected at most 40",
    ),
    Case(
        "too-large",
        lambda: cnnx.Model([cnnx.Flatten(), cnnx.Dense(2**24)], input_shape=(4096, 4096, 1)),
        MemoryError,
        re.compile(
            r"model: its parameters take 1125899973951488 bytes, dense_1\.weight alone "
            r"1125899906842624, expected at most the memory, \d+ bytes; a Dense after "
            r"Flatten is often the largest: pool before it"
        ),
    ),
    Case(
        "layer-itself",
        lambda: anything.Layer({}, None),
        TypeError,
        "Layer: is the base class of the layers, expected one of them: Conv2d(32, 3)",
    ),
    Case(
        "layer-of-ones-own",
        lambda: type("Swish", (cnnx.Layer,), {}),
        TypeError,
        "Swish: derives from Layer, whose kinds the compiled core has, expected "
        "cnnx.layers.Custom(forward, backward, output_shape), or a function that returns layers: "
        "def block(): return [Conv2d(16, 3), ReLU()]",
    ),
    Case(
        "trainble-layer",
        lambda: freeze_misspelt(cnnx.Dense(2)),
        AttributeError,
        "Dense: has no attribute trainble, expected trainable",
    ),
    Case(
        "trainble-model-layer",
        lambda: freeze_misspelt(MODEL.layers[0]),
        AttributeError,
        "ModelLayer: has no attribute trainble, expected trainable",
    ),
    Case(
        "another-model-for-a-trainer",
        lambda: setattr(cnnx.Trainer(MODEL.clone()), "model", MODEL),
        AttributeError,
        "Trainer: model cannot be assigned, expected a trainer of its own: cnnx.Trainer(model)",
    ),
    Case(
        "classes-of-a-model",
        lambda: setattr(MODEL, "classes", ["X", "O"]),
        AttributeError,
        "Model: classes cannot be assigned, expected cnnx.Model(model.layers, "
        "input_shape=model.input_shape, classes=[...])",
    ),
    Case(
        "name-of-a-built-layer",
        lambda: setattr(MODEL.layers[0], "name", "first"),
        AttributeError,
        "ModelLayer: name cannot be assigned, expected the name of a layer in cnnx.Model([...])",
    ),
    Case(
        "layer-of-a-list",
        lambda: write(MODEL.layers),
        TypeError,
        "'tuple' object does not support item assignment",
    ),
    Case(
        "misspelt-parameter",
        lambda: MODEL.parameters["conv2d_1.weigth"],
        KeyError,
        "'parameters: has no array conv2d_1.weigth, expected conv2d_1.weight'",
    ),
    Case(
        "frozen-model",
        lambda: cnnx.Trainer(frozen()).fit(X, Y, epochs=1),
        cnnx.Warning,
        "fit: no layer is trainable, expected one: model.layers[-1].trainable = True",
    ),
    Case(
        "relu-before-cross-entropy",
        lambda: cnnx.Trainer(
            cnnx.Model([cnnx.Flatten(), cnnx.Dense(2), cnnx.ReLU()], input_shape=(4, 4, 1))
        ),
        cnnx.Warning,
        "Trainer: the model ends in relu, but CrossEntropy expects raw outputs: leave the last "
        "layer out",
    ),
    Case(
        "write-to-a-copy",
        lambda: write(MODEL.parameters["conv2d_1.bias"]),
        ValueError,
        "assignment destination is read-only",
    ),
    Case(
        "write-to-a-copied-buffer",
        lambda: write(cnnx.models.resnet20().buffers["batch_norm2d_1.running_mean"]),
        ValueError,
        "assignment destination is read-only",
    ),
]


@every(MODELS)
def test_the_answer_is_one_sentence(case: Case) -> None:
    check(case)
