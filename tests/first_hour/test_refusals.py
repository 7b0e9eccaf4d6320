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
    refused_floats("apply", lambda: cnnx.data.Augmentation().apply(FLOATS)),
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
        "twelve-bits-in-uint16",
        lambda: MODEL.predict(X.astype(np.uint16) * 16),
        ValueError,
        "predict: x holds integers from 0 to 4080, expected pixels from 0 to 255, or floats from 0 "
        "to 1: x / 4095",
    ),
    Case(
        "negative-integers",
        lambda: MODEL(X.astype(np.int16) - 128),
        ValueError,
        "model: x holds integers from -128 to 127, expected pixels from 0 to 255, or floats from 0 "
        "to 1: (x + 128) / 255",
    ),
    Case(
        "nan-images",
        lambda: MODEL.predict(HOLED),
        ValueError,
        "predict: x holds NaN or infinity, expected finite images",
    ),
    Case(
        "file-beside-an-array",
        lambda: MODEL.predict(["cat.jpg", X[0]]),
        TypeError,
        "predict: x holds 'cat.jpg' beside an array of shape (16, 16, 1), expected files and "
        "images of Pillow alone, or arrays alone",
    ),
    Case(
        "progress-bar",
        lambda: trainer().fit(X, Y, epochs=1, progress=True),
        TypeError,
        "fit: progress is True, expected a function of one cnnx.Progress, such as print",
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
        "shuffle",
        lambda: trainer().fit(X, Y, epochs=1, shuffle=0),
        TypeError,
        "fit: shuffle is 0, expected True or False",
    ),
    Case(
        "restore-best",
        lambda: anything.callbacks.EarlyStopping(restore_best="no"),
        TypeError,
        "EarlyStopping: restore_best is 'no', expected True or False",
    ),
    Case(
        "mean-of-none",
        lambda: anything.Preprocessing(mean=None),
        TypeError,
        "Preprocessing: mean is None, expected a number or one number per channel",
    ),
    Case(
        "patience",
        lambda: anything.callbacks.EarlyStopping(patience=np.zeros((40, 2))),
        ValueError,
        "EarlyStopping: patience is an array of shape (40, 2), expected an integer >= 0",
    ),
]


@every(IMAGES, SETTINGS)
def test_the_answer_is_one_sentence(case: Case) -> None:
    check(case)
