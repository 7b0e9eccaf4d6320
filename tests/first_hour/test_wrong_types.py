"""Arguments of wrong types that `python -m attack --only calls` found: errors name the argument."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import cnnx
import numpy as np
from first_hour import Case, check, every

anything: Any = cnnx  # calls that type checkers would refuse

X, Y = cnnx.data.xo(8, size=16, seed=1)
MODEL: Any = cnnx.models.small((16, 16, 1))
TRAINER: Any = cnnx.Trainer(MODEL)
ARRAY = np.ones((2, 3))
RAGGED: Any = [[1], [1, 2]]


def masked(array: Any) -> Any:
    """An array whose first value is masked."""
    return np.ma.array(array, mask=np.arange(array.size).reshape(array.shape) == 0)


def path(name: str, run: Callable[[Any], object], argument: str = "path") -> list[Case]:
    """A function of a path, called with numbers and with text that is no path."""
    return [
        Case(f"{name} {kind.__name__}", partial(run, value), kind, f"{name}: {argument} is {rest}")
        for kind, value, rest in (
            (TypeError, 3, "3, expected a path"),
            (
                ValueError,
                "\ud800",
                r"'\ud800', expected a path that the file system can encode",
            ),
        )
    ]


PATHS = [
    *path("load", cnnx.load),
    *path("save", MODEL.save),
    *path("resume", cnnx.Trainer.resume),
    *path("fit", lambda value: TRAINER.fit(X, Y, epochs=1, checkpoint=value), "checkpoint"),
    *path("open_source", cnnx.data.open_source),
    *path("load_folder", cnnx.data.load_folder),
    *path("load_idx", cnnx.data.load_idx, "folder"),
    *path("read_idx", cnnx.data.read_idx),
    *path("read_image", lambda value: cnnx.data.read_image(value, (8, 8, 3))),
    *path("BestModel", cnnx.callbacks.BestModel),
    *path("CSVLog", cnnx.callbacks.CSVLog),
]
SHOWN = "an array of shape (2, 3)"
OTHERS = [
    Case(
        "lr_find of a path",
        lambda: cnnx.lr_find(TRAINER, "\ud800"),
        ValueError,
        r"lr_find: x is '\ud800', expected a path that the file system can encode",
    ),
    Case(
        "augmentation",
        lambda: anything.data.Augmentation(border=ARRAY),
        ValueError,
        f'Augmentation: border is {SHOWN}, expected one of "zero", "reflect"',
    ),
    Case(
        "apply",
        lambda: anything.data.Augmentation().apply(X, preprocessing=0.5),
        TypeError,
        "apply: preprocessing is 0.5, expected a cnnx.Preprocessing",
    ),
    Case(
        "preprocessing",
        lambda: anything.Preprocessing(resize=ARRAY),
        ValueError,
        f'Preprocessing: resize is {SHOWN}, expected "stretch", "fit" or "crop"',
    ),
    Case(
        "read_image resize",
        lambda: anything.data.read_image("missing", (8, 8, 3), resize=ARRAY),
        ValueError,
        f'read_image: resize is {SHOWN}, expected "stretch", "fit" or "crop"',
    ),
    Case(
        "decoding",
        lambda: anything.data.load("missing", decoding=3),
        TypeError,
        "load: decoding is 3, expected a cnnx.data.Decoding",
    ),
    Case(
        "path of a source",
        lambda: anything.data.load(""),
        ValueError,
        "load: path is empty, expected a path",
    ),
    Case(
        "classes of a source",
        lambda: anything.data.open_source("missing", classes=1.5),
        TypeError,
        "open_source: classes is 1.5, expected names or their number",
    ),
    Case(
        "classes of a model",
        lambda: anything.Model([cnnx.Flatten()], input_shape=(2, 2, 1), classes=np.array(3)),
        TypeError,
        "Model: classes is an array of shape (), expected a list of names",
    ),
    Case(
        "set of IDX files",
        lambda: anything.data.IdxSet("missing", 3),
        ValueError,
        "IdxSet: set_name is 3, expected 'train' or 't10k'",
    ),
    Case(
        "fast_cifar",
        lambda: anything.models.fast_cifar(3),
        TypeError,
        "fast_cifar: input_shape is 3, expected (height, width, channels)",
    ),
    Case(
        "whiten",
        lambda: anything.models.fast_cifar((8, 8, 3), images=3),
        TypeError,
        "whiten: images is 3, expected an array of uint8",
    ),
    Case(
        "watch",
        lambda: anything.callbacks.EarlyStopping(watch=ARRAY),
        ValueError,
        re.compile(rf"EarlyStopping: watch is {re.escape(SHOWN)}, expected one of 'loss', .*"),
    ),
    Case(
        "restore_best",
        lambda: anything.callbacks.EarlyStopping(restore_best=ARRAY),
        TypeError,
        f"EarlyStopping: restore_best is {SHOWN}, expected True or False",
    ),
    Case(
        "averaged",
        lambda: TRAINER.evaluate(X, Y, averaged="no"),
        TypeError,
        "evaluate: averaged is 'no', expected True or False",
    ),
    Case(
        "count_include_pad",
        lambda: anything.ops.avg_pool2d(np.ones((1, 2, 2, 1)), 2, count_include_pad="no"),
        TypeError,
        "avg_pool2d: count_include_pad is 'no', expected True or False",
    ),
    Case(
        "fill",
        lambda: cnnx.explain.occlusion(MODEL, X[0], fill=np.inf),
        ValueError,
        "occlusion: fill holds NaN or infinity, expected finite pixels",
    ),
    Case(
        "fill in bytes",
        lambda: cnnx.explain.occlusion(MODEL, X[0], fill=[200]),
        ValueError,
        "occlusion: fill holds values up to 200, expected pixels from 0 to 1: fill / 255",
    ),
    Case(
        "baseline in bytes",
        lambda: cnnx.explain.integrated_gradients(MODEL, X[0], baseline=X[1]),
        ValueError,
        re.compile(r"integrated_gradients: baseline holds values up to \d+, .*: baseline / 255"),
    ),
    Case(
        "images of NaN to explain",
        lambda: cnnx.explain.saliency(MODEL, np.full((16, 16, 1), np.nan)),
        ValueError,
        "saliency: x holds NaN or infinity, expected finite images",
    ),
    Case(
        "images of NaN to evaluate",
        lambda: TRAINER.evaluate(np.where(X > 100, np.nan, 0.5), Y),
        ValueError,
        "evaluate: x holds NaN or infinity, expected finite images",
    ),
    *(
        Case(f"data set of {name}", run, error, f"Dataset: {sentence}")
        for name, run, error, sentence in (
            (
                "few labels",
                lambda: cnnx.data.Dataset(X, Y[:3], ("X", "O")),
                ValueError,
                "x holds 8 images, but y 3, expected one for each image",
            ),
            (
                "few names",
                lambda: cnnx.data.Dataset(X, Y, ("X", "O"), names=("a.png",)),
                ValueError,
                "x holds 8 images, but names 1, expected one for each image",
            ),
            (
                "no images",
                lambda: anything.data.Dataset(0.5, Y, 2),
                TypeError,
                "x is 0.5, expected an array of NumPy",
            ),
            (
                "one name for all",
                lambda: anything.data.Dataset(X, Y, 2, names="a.png"),
                TypeError,
                "names is 'a.png', expected names of files",
            ),
            (
                "halves",
                lambda: anything.data.Dataset(X, Y + 0.5, 3),
                TypeError,
                "y has dtype float64, expected labels or masks: integers",
            ),
            (
                "letters",
                lambda: anything.data.Dataset(X, Y, "XO"),
                TypeError,
                "classes is 'XO', expected names or their number",
            ),
            (
                "one name twice",
                lambda: cnnx.data.Dataset(X, Y, ("X", "X")),
                ValueError,
                "classes is ('X', 'X'), expected different names",
            ),
            (
                "no class",
                lambda: cnnx.data.Dataset(X, Y, 0),
                ValueError,
                "classes is 0, expected an integer >= 1",
            ),
        )
    ),
    *(
        Case(
            f"progress of {name}",
            run,
            TypeError,
            re.compile(rf"{name}: progress takes \(.*\), expected two numbers of steps"),
        )
        for name, run in (
            (
                "check_training",
                lambda: anything.doctor.check_training(MODEL, X, Y, progress=lambda _: None),
            ),
            (
                "suspect_labels",
                lambda: anything.doctor.suspect_labels(X, Y, progress=lambda: None),
            ),
        )
    ),
    Case(
        "maps of no images",
        lambda: cnnx.explain.feature_maps(MODEL, X[:0]),
        ValueError,
        "feature_maps: x holds no images, expected at least one",
    ),
    Case(
        "maps of NaN",
        lambda: cnnx.explain.feature_maps(MODEL, np.full((16, 16, 1), np.nan)),
        ValueError,
        re.compile(r"feature_maps: the output of \w+ holds NaN or infinity, expected finite .*"),
    ),
    *(
        Case(f"empty path, {name}", run, ValueError, f"{name}: x is '', expected a path")
        for name, run in (
            ("fit", lambda: TRAINER.fit("", epochs=1)),
            ("calibrate", lambda: cnnx.evaluation.calibrate(MODEL, "")),
        )
    ),
    Case(
        "label of lr_find",
        lambda: cnnx.lr_find(TRAINER, X, np.r_[Y[:6], 9, Y[7:]]),
        ValueError,
        "lr_find: y has label 9 at position 6, expected 0 to 1",
    ),
    Case(
        "method",
        lambda: setattr(MODEL, "predict", 3),
        AttributeError,
        "Model: predict cannot be assigned",
    ),
    *(
        Case(
            f"masked array, {name}",
            run,
            ValueError,
            f"{name} is a masked array in which 1 of {size} values are masked, expected all "
            f"values: {name.split()[1]}.filled(...)",
        )
        for name, size, run in (
            ("model: x", "2,048", lambda: MODEL(masked(X))),
            ("fit: x", "2,048", lambda: TRAINER.fit(masked(X), Y, epochs=1)),
            ("fit: y", "8", lambda: TRAINER.fit(X, masked(Y), epochs=1)),
            ("evaluate: y", "8", lambda: TRAINER.evaluate(X, masked(Y))),
            ("dense: x", "3", lambda: cnnx.ops.dense(masked(ARRAY[:1]), [[1], [1], [1]])),
        )
    ),
    *(
        Case(
            f"no array, {name}",
            run,
            TypeError,
            f"{name} is None, expected an array of {expected}",
        )
        for name, expected, run in (
            (
                "predict: x",
                "images, the path of an image file, an image of Pillow, or a list of these",
                lambda: MODEL.predict(None),
            ),
            ("dense: x", "real numbers", lambda: anything.ops.dense(None, [[1], [1], [1]])),
        )
    ),
    *(
        Case(
            f"lists of different lengths, {name}",
            run,
            ValueError,
            re.compile(rf"{name} is not a rectangular array \(.*\)"),
        )
        for name, run in (
            ("step: y", lambda: TRAINER.step(X[:2], RAGGED)),
            (
                "confusion_matrix: labels",
                lambda: cnnx.metrics.confusion_matrix(RAGGED, [0, 1], classes=2),
            ),
        )
    ),
]


@every(PATHS, OTHERS)
def test_the_error_names_the_argument(case: Case) -> None:
    check(case)
