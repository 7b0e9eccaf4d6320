"""Unknown attributes, often those of another library, are answered with the name that works."""

from __future__ import annotations

from typing import Any

import cnnx
from first_hour import Case, check, every

MODEL = cnnx.models.small((16, 16, 1))
TRAINER = cnnx.Trainer(MODEL)


def attribute(owner: Any, name: str, sentence: str) -> Case:
    return Case(name, lambda: getattr(owner, name), AttributeError, sentence)


def missing(name: str, expected: str) -> Case:
    sentence = f"module 'cnnx' has no attribute {name!r}, expected {expected}"
    return attribute(cnnx, name, sentence)


ATTRIBUTES = [
    missing("Conv2D", "cnnx.Conv2d"),
    missing("Linear", "cnnx.Dense"),
    missing("Sequential", "cnnx.Model([...], input_shape=...)"),
    missing("MaxPooling2D", "cnnx.MaxPool2d"),
    missing("BatchNormalization", "cnnx.BatchNorm2d"),
    missing("RMSNormalization", "cnnx.RMSNorm"),
    missing("UnitNormalization", "cnnx.L2Norm"),
    missing("CrossEntropyLoss", "cnnx.CrossEntropy"),
    missing("EarlyStopping", "cnnx.callbacks.EarlyStopping"),
    missing("Augmentation", "cnnx.data.Augmentation"),
    missing("resnet18", "cnnx.models.resnet18"),
    missing("load_model", "cnnx.load"),
    missing("load_onnx", "cnnx.onnx.load"),
    missing("save", "model.save(path)"),
    missing("device", "nothing: cnnx runs on the CPU"),
    missing("ImageFolder", "cnnx.data.load(folder), with a folder for each class"),
    missing("NLLLoss", "cnnx.CrossEntropy, which takes outputs before the softmax"),
    missing("manual_seed", "Model(..., seed=1) and Trainer(..., seed=1)"),
    missing("Relu", "cnnx.ReLU"),
    missing("Traner", "cnnx.Trainer"),
    attribute(
        MODEL,
        "fit",
        "Model: has no attribute fit, expected cnnx.Trainer(model).fit(x, y, epochs=10)",
    ),
    attribute(
        MODEL,
        "compile",
        "Model: has no attribute compile, expected cnnx.Trainer(model, optimizer=cnnx.Adam(), "
        "loss=cnnx.CrossEntropy())",
    ),
    attribute(
        MODEL,
        "evaluate",
        "Model: has no attribute evaluate, expected cnnx.Trainer(model).evaluate(x, y)",
    ),
    attribute(MODEL, "state_dict", "Model: has no attribute state_dict, expected model.parameters"),
    attribute(
        MODEL, "to_onnx", "Model: has no attribute to_onnx, expected cnnx.onnx.save(model, path)"
    ),
    attribute(
        MODEL, "quantize", "Model: has no attribute quantize, expected cnnx.quantize(model, x)"
    ),
    attribute(MODEL, "copy", "Model: has no attribute copy, expected clone"),
    attribute(
        MODEL, "predict_classes", "Model: has no attribute predict_classes, expected predict"
    ),
    attribute(MODEL, "sumary", "Model: has no attribute sumary, expected summary"),
    attribute(
        TRAINER, "predict", "Trainer: has no attribute predict, expected trainer.model.predict(x)"
    ),
    attribute(
        TRAINER,
        "load",
        "Trainer: has no attribute load, expected cnnx.load(path) for a model; "
        "fit(..., checkpoint=path) resumes by itself",
    ),
    attribute(
        cnnx.History(),
        "history",
        "History: has no attribute history, expected history.loss, history.accuracy and so on",
    ),
    attribute(
        cnnx.History(), "val_loss", "History: has no attribute val_loss, expected validation_loss"
    ),
    attribute(cnnx.Adam(), "lr", "Adam: has no attribute lr, expected learning_rate"),
    attribute(cnnx.SGD(0.1), "step", "SGD: has no attribute step, expected trainer.step(x, y)"),
    attribute(
        cnnx.Conv2d(8, 3),
        "weight",
        "Conv2d: has no attribute weight, expected model.parameters, once a model is built",
    ),
    attribute(
        MODEL.layers[0],
        "weight",
        'ModelLayer: has no attribute weight, expected model.parameters[layer.name + ".weight"]',
    ),
    Case(
        "trainer.lr",
        lambda: setattr(TRAINER, "lr", 0.1),
        AttributeError,
        "Trainer: has no attribute lr, expected learning_rate",
    ),
    Case(
        "model.class_names",
        lambda: setattr(MODEL, "clases", ["X", "O"]),
        AttributeError,
        "Model: has no attribute clases, expected classes",
    ),
]


@every(ATTRIBUTES)
def test_the_answer_has_the_right_name(case: Case) -> None:
    check(case)
