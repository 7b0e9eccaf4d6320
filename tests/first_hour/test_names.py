"""Names that a newcomer brings from other libraries or misspells: the answer has the right one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import cnnx
import pytest
from first_hour import Case, check, every

anything: Any = cnnx  # calls that type checkers would refuse

X, Y = cnnx.data.xo(8, size=16, seed=1)
MODEL: Any = cnnx.models.small((16, 16, 1))
TRAINER: Any = cnnx.Trainer(MODEL)


def keyword(run: Callable[[], object], sentence: str) -> Case:
    return Case(sentence.split(",")[0], run, TypeError, sentence)


KEYWORDS = [
    keyword(lambda: anything.Adam(lr=0.1), "Adam: has no argument lr, expected learning_rate=0.1"),
    keyword(
        lambda: anything.SGD(0.1, decay=1e-4),
        "SGD: has no argument decay, expected weight_decay=0.0001",
    ),
    keyword(
        lambda: anything.BinaryCrossEntropy(pos_weight=[1]),
        "BinaryCrossEntropy: has no argument pos_weight, expected none",
    ),
    keyword(lambda: anything.RMSprop(rho=0.9), "RMSprop: has no argument rho, expected alpha=0.9"),
    keyword(lambda: anything.AdamW(eps=1e-6), "AdamW: has no argument eps, expected epsilon=1e-06"),
    keyword(
        lambda: anything.Conv2d(8, 3, strides=2),
        "Conv2d: has no argument strides, expected stride=2",
    ),
    keyword(
        lambda: anything.Conv2d(filters=8, kernel_size=3),
        "Conv2d: has no argument filters, expected out_channels=8",
    ),
    keyword(
        lambda: anything.Conv2d(8, 3, activation="relu"),
        "Conv2d: has no argument activation, expected a layer of its own after it, such as ReLU()",
    ),
    keyword(
        lambda: anything.Conv2d(8, 3, use_bias=False),
        "Conv2d: has no argument use_bias, expected bias=False",
    ),
    keyword(
        lambda: anything.Conv2d(8, 3, in_channels=3),
        "Conv2d: has no argument in_channels, expected nothing: the model infers in_channels",
    ),
    keyword(
        lambda: anything.Dense(units=10), "Dense: has no argument units, expected out_features=10"
    ),
    keyword(lambda: anything.Dropout(p=0.5), "Dropout: has no argument p, expected rate=0.5"),
    keyword(
        lambda: anything.MaxPool2d(pool_size=2),
        "MaxPool2d: has no argument pool_size, expected kernel_size=2",
    ),
    keyword(
        lambda: anything.LeakyReLU(alpha=0.1),
        "LeakyReLU: has no argument alpha, expected negative_slope=0.1",
    ),
    keyword(
        lambda: anything.ReLU(inplace=True),
        "ReLU: has no argument inplace, expected nothing: activations run in place by themselves",
    ),
    keyword(
        lambda: anything.GroupNorm(num_groups=4),
        "GroupNorm: has no argument num_groups, expected groups=4",
    ),
    keyword(
        lambda: anything.RMSNorm(elementwise_affine=False),
        "RMSNorm: has no argument elementwise_affine, expected affine=False",
    ),
    keyword(
        lambda: TRAINER.fit(X, Y, validation_split=0.1),
        "fit: has no argument validation_split, expected validation=0.1",
    ),
    keyword(
        lambda: TRAINER.fit(X, Y, validation_data=(X, Y)),
        "fit: has no argument validation_data, expected validation=(x, y)",
    ),
    keyword(
        lambda: TRAINER.fit(X, Y, num_workers=2),
        "fit: has no argument num_workers, expected nothing: all threads prepare batches: "
        "cnnx.set_num_threads(n)",
    ),
    keyword(
        lambda: TRAINER.fit(X, Y, class_weight={0: 1.0, 1: 2.0}),
        "fit: has no argument class_weight, expected Trainer(model, "
        "loss=cnnx.CrossEntropy(class_weights=...)), or CrossEntropy.balanced(y)",
    ),
    keyword(
        lambda: TRAINER.fit(X, Y, weights=[1.0]),
        "fit: has no argument weights, expected sample_weight=...",
    ),
    keyword(
        lambda: anything.Trainer(MODEL, sample_weight=[1.0]),
        "Trainer: has no argument sample_weight, expected Trainer(model).fit(x, y, "
        "sample_weight=...)",
    ),
    keyword(lambda: TRAINER.fit(X, Y, epoch=3), "fit: has no argument epoch, expected epochs=3"),
    keyword(
        lambda: TRAINER.evaluate(X, Y, verbose=0),
        "evaluate: has no argument verbose, expected nothing: only fit reports progress",
    ),
    keyword(
        lambda: MODEL.predict(X, batch_size=32),
        "predict: has no argument batch_size, expected nothing: cnnx splits large batches",
    ),
    keyword(
        lambda: anything.Model([cnnx.Flatten()], input_shap=(4, 4, 1)),
        "Model: has no argument input_shap, expected input_shape=...",
    ),
    keyword(
        lambda: anything.Trainer(MODEL, optimzer=cnnx.Adam()),
        "Trainer: has no argument optimzer, expected optimizer=...",
    ),
    keyword(
        lambda: anything.callbacks.EarlyStopping(monitor="loss"),
        "EarlyStopping: has no argument monitor, expected watch='loss'",
    ),
    keyword(
        lambda: anything.callbacks.EarlyStopping(monitor="val_loss"),
        "EarlyStopping: has no argument monitor, expected watch='validation_loss'",
    ),
    keyword(
        lambda: anything.Adam(beta1=0.9),
        "Adam: has no argument beta1, expected betas=(0.9, 0.999)",
    ),
    keyword(
        lambda: anything.Conv2d(8, 3, padding_mode="reflect"),
        "Conv2d: has no argument padding_mode, expected a layer of its own before it, such as "
        "Pad2d(1, mode='reflect')",
    ),
    keyword(
        lambda: anything.data.load("pets", size=32),
        "load: has no argument size, expected input_shape=(height, width, channels)",
    ),
    keyword(
        lambda: anything.callbacks.EarlyStopping(min_delta=0.01),
        "EarlyStopping: has no argument min_delta, expected least=0.01",
    ),
    keyword(
        lambda: anything.StepDecay(gamma=0.5),
        "StepDecay: has no argument gamma, expected factor=0.5",
    ),
    keyword(
        lambda: anything.models.resnet20(num_classes=7),
        "resnet20: has no argument num_classes, expected classes=7",
    ),
    keyword(
        lambda: anything.data.Augmentation(rotation=10),
        "Augmentation: has no argument rotation, expected rotate=10",
    ),
    keyword(
        lambda: anything.data.xo(8, random_state=1),
        "xo: has no argument random_state, expected seed=1",
    ),
]

ARGUMENTS = [
    Case(
        "Dense()",
        lambda: anything.Dense(),
        TypeError,
        "Dense: out_features is missing, expected Dense(10)",
    ),
    Case(
        "Trainer()",
        lambda: anything.Trainer(),
        TypeError,
        "Trainer: model is missing, expected Trainer(model)",
    ),
    Case(
        "Layer()",
        lambda: anything.Layer(),
        TypeError,
        "Layer: settings is missing, expected a layer such as Conv2d(32, 3)",
    ),
    Case(
        "Adam positional",
        lambda: anything.Adam(0.1, 0.9),
        TypeError,
        "Adam: got 0.9 after learning_rate, expected nothing there; the rest go by name: betas=, "
        "epsilon=",
    ),
    Case(
        "BatchNorm2d positional",
        lambda: anything.BatchNorm2d(64),
        TypeError,
        "BatchNorm2d: got 64, expected nothing there; the model infers the channels",
    ),
    Case(
        "fit positional",
        lambda: TRAINER.fit(X, Y, 10),
        TypeError,
        "fit: got 10 after x and y, expected nothing there; the rest go by name: fit(x, y, "
        "epochs=10, batch_size=64)",
    ),
    Case(
        "convolution positional",
        lambda: anything.ops.conv2d(X, X, None, 2),
        TypeError,
        "conv2d: got 2 after x, weight and bias, expected nothing there; the rest go by name: "
        "conv2d(x, weight, bias, stride=2)",
    ),
    Case(
        "optimizer text",
        lambda: anything.Trainer(MODEL, optimizer="adam"),
        TypeError,
        "Trainer: optimizer is 'adam', expected SGD, Adam, AdamW, RMSprop or Muon: "
        "optimizer=cnnx.Adam()",
    ),
    Case(
        "optimizer class",
        lambda: anything.Trainer(MODEL, optimizer=cnnx.AdamW),
        TypeError,
        "Trainer: optimizer is <class 'cnnx.training.optimizers.AdamW'>, expected SGD, Adam, "
        "AdamW, RMSprop or Muon: optimizer=cnnx.AdamW()",
    ),
    Case(
        "loss text",
        lambda: anything.Trainer(MODEL, loss="sparse_categorical_crossentropy"),
        TypeError,
        "Trainer: loss is 'sparse_categorical_crossentropy', expected CrossEntropy, "
        "BinaryCrossEntropy, MSE, L1, Huber or another of cnnx.losses: loss=cnnx.CrossEntropy()",
    ),
    Case(
        "schedule text",
        lambda: anything.Trainer(MODEL, schedule="cosine"),
        TypeError,
        "Trainer: schedule is 'cosine', expected one such as CosineDecay, or None: "
        "schedule=cnnx.CosineDecay()",
    ),
]


METHODS = [
    keyword(
        lambda: MODEL.with_preprocessing(mean=0.5),
        "with_preprocessing: has no argument mean, expected one of preprocessing",
    ),
    keyword(
        lambda: anything.Input(32, 32, 1),
        "Input: got 32, 1 after shape, expected nothing there; the shape is one tuple: "
        "Input((height, width, channels))",
    ),
    keyword(
        lambda: anything.Trainer.resume("run.ckpt", 5),
        "resume: got 5 after path, expected nothing there; the rest go by name: "
        "resume(path, epochs=5)",
    ),
    keyword(
        lambda: anything.Residual([cnnx.ReLU()], [cnnx.ReLU()]),
        "Residual: got [ReLU()] after body, expected nothing there; the rest go by name: "
        "Residual(body, shortcut=...)",
    ),
    keyword(
        lambda: anything.Model([cnnx.ReLU()], (8, 8, 1), ["X", "O"]),
        "Model: got (8, 8, 1), ['X', 'O'] after layers, expected nothing there; the rest go by "
        "name: Model(layers, input_shape=(8, 8, 1), classes=...)",
    ),
    keyword(
        lambda: anything.data.Decoding(True),
        "Decoding: got True, expected nothing there; the rest go by name: "
        "Decoding(skip_unreadable=True)",
    ),
    keyword(
        lambda: TRAINER.step(X, Y, weight=Y),
        "step: has no argument weight, expected sample_weight=...",
    ),
]
OWNERS = (
    cnnx.Model,
    cnnx.Trainer,
    cnnx.CrossEntropy,
    cnnx.data.Augmentation,
    cnnx.data.Dataset,
    cnnx.evaluation.Comparison,
    cnnx.evaluation.Evaluation,
    cnnx.evaluation.SegmentationEvaluation,
    cnnx.evaluation.ThresholdCurve,
)
INTERNAL = {"for_classes", "for_output", "takes_classes"}  # of a loss, called by a trainer


@pytest.mark.parametrize("owner", OWNERS)
def test_every_method_with_arguments_answers_in_one_sentence(owner: type) -> None:
    for name in dir(owner):
        method = inspect.getattr_static(owner, name)
        function = getattr(method, "__func__", method)
        if name.startswith("_") or name in INTERNAL or not inspect.isfunction(function):
            continue
        if len(inspect.signature(function).parameters) > 1:
            assert hasattr(function, "__wrapped__"), f"{name} lacks checked_call"


@every(KEYWORDS, METHODS, ARGUMENTS)
def test_the_answer_has_the_right_name(case: Case) -> None:
    check(case)


# A newcomer's script, line by line: each line is answered with the spelling that works.
SCRIPT = (
    ("model = cnnx.Sequential([])", "cnnx.Model([...], input_shape=...)"),
    ("cnnx.Conv2D(32, 3)", "cnnx.Conv2d"),
    ("cnnx.Conv2d(filters=32, kernel_size=3)", "out_channels=32"),
    ("cnnx.Conv2d(32, 3, strides=2)", "stride=2"),
    ("cnnx.Conv2d(32, 3, activation='relu')", "ReLU()"),
    ("cnnx.MaxPooling2D(2)", "cnnx.MaxPool2d"),
    ("cnnx.Dense(units=10)", "out_features=10"),
    ("model.compile(optimizer='adam', loss='mse')", "cnnx.Trainer(model, optimizer=cnnx.Adam()"),
    ("cnnx.Trainer(model, optimizer='adam')", "optimizer=cnnx.Adam()"),
    ("cnnx.Trainer(model, loss='categorical_crossentropy')", "loss=cnnx.CrossEntropy()"),
    ("cnnx.Trainer(model, loss='ce')", "loss=cnnx.CrossEntropy()"),
    ("model.fit(x, y, epochs=3)", "cnnx.Trainer(model).fit(x, y, epochs=10)"),
    ("cnnx.Trainer(model).fit(x, y, epochs=3, validation_split=0.1)", "validation=0.1"),
)


@pytest.mark.parametrize(("line", "spelling"), SCRIPT, ids=[line for line, _ in SCRIPT])
def test_a_script_of_another_library_is_answered_line_by_line(line: str, spelling: str) -> None:
    names = {"cnnx": cnnx, "model": MODEL, "x": X, "y": Y}
    with pytest.raises((AttributeError, TypeError)) as caught:
        exec(line, names)
    assert spelling in str(caught.value)
    assert "\n" not in str(caught.value)
