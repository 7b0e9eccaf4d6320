"""Values that a newcomer passes: each is answered in one sentence that ends with the remedy."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import cnnx
import numpy as np
from first_hour import Case, check, every

anything: Any = cnnx  # calls that type checkers would refuse

X, Y = cnnx.data.xo(8, size=16, seed=1)
FLOATS = X.astype(np.float32)  # 0 to 255
SMOOTH = FLOATS * np.float32(0.7)  # resized images are no whole numbers
DEEP = (X.astype(np.uint16) * 257).astype(np.uint16)
HOLED = np.where(X > 100, np.float32(np.nan), FLOATS / 255)
MODEL: Any = cnnx.models.small((16, 16, 1))


def trainer(**settings: Any) -> Any:
    return cnnx.Trainer(MODEL.clone(), **settings)


def normalised(**settings: Any) -> cnnx.Model:
    how = cnnx.Preprocessing(**settings)
    layers = [cnnx.Flatten(), cnnx.Dense(2)]
    return cnnx.Model(layers, input_shape=(16, 16, 1), preprocessing=how)


def nested(count: int) -> cnnx.Layer:
    """Blocks within blocks."""
    layer: cnnx.Layer = cnnx.ReLU()
    for _ in range(count):
        layer = cnnx.Residual(layer, name="a")
    return layer


def freeze_misspelt(layer: Any) -> None:
    layer.trainble = False


def write(array: Any) -> None:
    array[0] = 1


def refused_floats(function: str, run: Callable[[], object]) -> Case:
    sentence = "x holds floats from 0 to 255, expected 0 to 1: x / 255, or uint8 pixels"
    return Case(f"floats-{function}", run, ValueError, f"{function}: {sentence}")


IMAGES = [
    refused_floats("fit", lambda: trainer().fit(FLOATS, Y, epochs=1)),
    refused_floats("step", lambda: trainer().step(FLOATS, Y)),
    refused_floats("compute_gradients", lambda: trainer().compute_gradients(FLOATS, Y)),
    refused_floats("evaluate", lambda: trainer().evaluate(FLOATS, Y)),
    refused_floats("model", lambda: MODEL(FLOATS)),
    refused_floats("predict", lambda: MODEL.predict(FLOATS)),
    refused_floats("predict_proba", lambda: MODEL.predict_proba(FLOATS)),
    refused_floats("layer_outputs", lambda: MODEL.layer_outputs(FLOATS)),
    refused_floats(
        "fit: validation", lambda: trainer().fit(X, Y, epochs=1, validation=(FLOATS, Y))
    ),
    Case(
        "float64",
        lambda: MODEL.predict(X.astype(np.float64)),
        ValueError,
        "predict: x holds floats from 0 to 255, expected 0 to 1: x / 255, or uint8 pixels",
    ),
    Case(
        "one-image",
        lambda: MODEL.predict(FLOATS[0]),
        ValueError,
        re.compile(
            r"predict: x holds floats from \d+ to \d+, expected 0 to 1: x / 255, or uint8 pixels"
        ),
    ),
    Case(
        "smooth-floats",
        lambda: trainer().fit(SMOOTH, Y, epochs=1),
        cnnx.Warning,
        "fit: x holds floats from 0 to 178.5, expected about 0 to 1: x / 255, or a model with "
        "preprocessing=cnnx.Preprocessing(mean=..., std=...)",
    ),
    Case(
        "caffe-style",
        lambda: MODEL.predict(FLOATS - 128),
        cnnx.Warning,
        "predict: x holds floats from -128 to 127, expected about 0 to 1: x / 255, or a model with "
        "preprocessing=cnnx.Preprocessing(mean=..., std=...)",
    ),
    Case(
        "uint16",
        lambda: trainer().fit(DEEP, Y, epochs=1),
        ValueError,
        "fit: x holds integers from 0 to 65535, expected pixels from 0 to 255, or floats from 0 to "
        "1: x / 65535",
    ),
    Case(
        "twelve-bits",
        lambda: MODEL.predict(X.astype(np.int32) * 16),
        ValueError,
        "predict: x holds integers from 0 to 4080, expected pixels from 0 to 255, or floats from 0 "
        "to 1: x / 4080",
    ),
    Case(
        "negative-integers",
        lambda: MODEL(X.astype(np.int16) - 128),
        ValueError,
        "model: x holds integers from -128 to 127, expected pixels from 0 to 255, or floats from 0 "
        "to 1: x / 127",
    ),
    Case(
        "nan-images",
        lambda: MODEL.predict(HOLED),
        ValueError,
        "predict: x holds NaN or infinity, expected finite images",
    ),
    Case(
        "path-of-an-image",
        lambda: MODEL.predict("cat.jpg"),
        TypeError,
        "predict: x is 'cat.jpg', expected an array: cnnx.data.read_image('cat.jpg', (16, 16, 1))",
    ),
    Case(
        "progress-bar",
        lambda: trainer().fit(X, Y, epochs=1, progress=True),
        TypeError,
        "fit: progress is True, expected a function: progress=print",
    ),
    Case(
        "mean-of-bytes",
        lambda: normalised(mean=127.5, std=64.0).predict(X),
        cnnx.Warning,
        "predict: x holds integers, which are divided by 255 before mean and std apply, expected "
        "both in units of 0 to 1: cnnx.Preprocessing(mean=mean / 255, std=std / 255)",
    ),
    Case(
        "no-epochs",
        lambda: trainer().fit(X, Y),
        ValueError,
        "fit: epochs is missing, and there is no unfinished run to resume: fit(x, y, epochs=10)",
    ),
    Case(
        "single-samples",
        lambda: trainer().fit(list(zip(X, Y, strict=True)), epochs=1),
        ValueError,
        "fit: a batch is one image of shape (16, 16, 1) with its label, expected batches of "
        "images, or all images in one array: fit(x, y, epochs=10)",
    ),
    Case(
        "single-samples-without-channels",
        lambda: trainer().fit([(X[0, ..., 0], 1)], epochs=1),
        ValueError,
        "fit: a batch is one image of shape (16, 16) with its label, expected batches of images, "
        "or all images in one array: fit(x, y, epochs=10)",
    ),
]

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
        "Model: got Dense(out_features=2, bias=True) after layers, expected nothing there; the "
        "layers go in one list: Model([Flatten(...), Dense(...)], input_shape=...)",
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
        "Input: shape is 32, expected (height, width, channels)",
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
        "Swish: derives from Layer, whose kinds the compiled core has, expected a function that "
        "returns layers: def block(): return [Conv2d(16, 3), ReLU()]",
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


def weights(given: Any) -> Callable[[], object]:
    return lambda: trainer(loss=cnnx.CrossEntropy(class_weights=given))


SETTINGS = [
    Case(
        "class-weights-from-one",
        weights({1: 1.0, 2: 2.0}),
        ValueError,
        "CrossEntropy: class_weights has the keys 1, 2, expected 0 to 1, one per class, or the "
        "names of all classes",
    ),
    Case("class-weights-by-name", weights({"O": 3.0, "X": 1.0}), None),
    Case(
        "class-weights-of-another-name",
        weights({"O": 3.0, "x": 1.0}),
        ValueError,
        "Trainer: class_weights has the keys O, x, expected the model's classes X, O",
    ),
    Case(
        "class-weights-of-one-class",
        weights({"O": 3.0}),
        ValueError,
        "Trainer: class_weights has the keys O, expected the model's classes X, O",
    ),
    Case(
        "threads",
        lambda: anything.set_num_threads(1.5),
        TypeError,
        "set_num_threads: count is 1.5, expected an integer",
    ),
    Case(
        "many-threads",
        lambda: anything.set_num_threads(2**40),
        ValueError,
        "set_num_threads: count is 1099511627776, expected 1 to 1024",
    ),
    Case(
        "xo",
        lambda: anything.data.xo(1.5),
        TypeError,
        "xo: count is 1.5, expected an integer",
    ),
    Case(
        "xo-seed",
        lambda: anything.data.xo(8, seed=-1),
        ValueError,
        "xo: seed is -1, expected an integer >= 0",
    ),
    Case(
        "learning-rates",
        lambda: anything.Adam(np.zeros(3)),
        TypeError,
        "Adam: learning_rate is an array of shape (3,), expected a number",
    ),
    Case(
        "epochs",
        lambda: trainer().fit(X, Y, epochs=np.zeros(2)),
        ValueError,
        "fit: epochs is an array of shape (2,), expected an integer >= 0",
    ),
    Case(
        "channels",
        lambda: anything.Conv2d(np.ones((2, 30)), 3),
        TypeError,
        "Conv2d: out_channels is an array of shape (2, 30), expected an integer",
    ),
    Case(
        "patience",
        lambda: anything.callbacks.EarlyStopping(patience=np.zeros((40, 2))),
        ValueError,
        "EarlyStopping: patience is an array of shape (40, 2), expected an integer >= 0",
    ),
]


@every(IMAGES, MODELS, SETTINGS)
def test_the_answer_is_one_sentence(case: Case) -> None:
    check(case)
