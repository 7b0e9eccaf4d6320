"""Predictions of a model trained with a regression loss: its outputs, and no probabilities."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx.cli.classifier import Classifier
from cnnx.cli.errors import UserError
from numpy.testing import assert_array_equal

SHAPE = (6, 5, 2)
x = np.random.default_rng(2).random((9, *SHAPE), dtype=np.float32)
LOSSES = [cnnx.MSE(), cnnx.L1(), cnnx.Huber(0.5)]


def build(*last: cnnx.Layer, classes: list[str] | None = None) -> cnnx.Model:
    layers = [cnnx.Conv2d(3, 3), cnnx.ReLU(), *last]
    return cnnx.Model(layers, input_shape=SHAPE, classes=classes)


def trained(model: cnnx.Model, loss: Any) -> cnnx.Model:
    cnnx.Trainer(model, loss=loss).step(x, np.zeros((len(x), *model.output_shape)))
    return model


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("outputs", [1, 4])
def test_predict_gives_the_outputs(loss: Any, outputs: int) -> None:
    model = trained(build(cnnx.Flatten(), cnnx.Dense(outputs)), loss)
    expected = model(x)[:, 0] if outputs == 1 else model(x)
    found = model.predict(x)
    assert found.dtype == np.float32
    assert_array_equal(found, expected)
    assert_array_equal(model.predict(x[3]), expected[3])
    assert np.shape(model.predict(x[3])) == expected.shape[1:]


def test_predict_gives_images() -> None:
    model = trained(build(), cnnx.MSE())
    assert_array_equal(model.predict(x), model(x))


def test_the_loss_is_remembered(tmp_path: Path) -> None:
    model = trained(build(cnnx.Flatten(), cnnx.Dense(4)), cnnx.L1())
    model.save(tmp_path / "model.cnnx")
    trainer = cnnx.Trainer(model, loss=cnnx.MSE(), averaging=cnnx.WeightAverage(0.9))
    trainer.fit(x, np.zeros((9, 4)), epochs=1, checkpoint=tmp_path / "run.ckpt")
    for again in (
        cnnx.load(tmp_path / "model.cnnx"),
        cnnx.load(tmp_path / "run.ckpt"),
        cnnx.Trainer.resume(tmp_path / "run.ckpt").model,
        trainer.averaged_model(),
        model.clone(),
        pickle.loads(pickle.dumps(model)),
    ):
        assert_array_equal(again.predict(x), again(x))
        with pytest.raises(
            ValueError, match=r"trained with a regression loss.*model\.predict\(x\)"
        ):
            again.predict_proba(x)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_classifiers_stay_classifiers(loss: Any) -> None:
    """Models with class names, or with a last layer of probabilities."""
    named = trained(build(cnnx.Flatten(), cnnx.Dense(3), classes=["a", "b", "c"]), loss)
    assert_array_equal(named.predict(x), np.array(["a", "b", "c"])[named(x).argmax(axis=1)])
    ends = trained(build(cnnx.Flatten(), cnnx.Dense(3), cnnx.Softmax()), loss)
    assert_array_equal(ends.predict(x), ends(x).argmax(axis=1))
    assert_array_equal(ends.predict_proba(x), ends(x))


def test_another_loss_makes_it_a_classifier() -> None:
    model = trained(build(cnnx.Flatten(), cnnx.Dense(3)), cnnx.MSE())
    cnnx.Trainer(model)
    assert_array_equal(model.predict(x), model(x).argmax(axis=1))
    cnnx.Trainer(model, loss=cnnx.BinaryCrossEntropy())
    assert_array_equal(model.predict(x), model(x) > 0)


def test_a_new_model_is_a_classifier() -> None:
    model = build(cnnx.Flatten(), cnnx.Dense(3))
    assert_array_equal(model.predict(x), model(x).argmax(axis=1))


def test_the_command_line_names_the_call_in_python(tmp_path: Path) -> None:
    for outputs in (1, 3):
        path = tmp_path / f"{outputs}.cnnx"
        trained(build(cnnx.Flatten(), cnnx.Dense(outputs)), cnnx.MSE()).save(path)
        with pytest.raises(UserError, match=r"predicts values.*cnnx\.load\(\.\.\.\)\.predict from"):
            Classifier(path).probabilities(x)


def test_the_task_of_a_model_can_be_set(tmp_path: Path) -> None:
    model = build(cnnx.Flatten(), cnnx.Dense(4))
    assert model.task == "classification"
    model.task = "regression"
    model.save(tmp_path / "values.cnnx")
    for each in (model, cnnx.load(tmp_path / "values.cnnx"), pickle.loads(pickle.dumps(model))):
        assert each.task == "regression"
        assert_array_equal(each.predict(x), model(x))
    model.task = "multi_label"
    assert_array_equal(model.predict(x), model(x) > 0)
    model.task = "classification"
    assert_array_equal(model.predict(x), model(x).argmax(axis=1))


@pytest.mark.parametrize(
    ("last", "tasks"),
    [
        ((), ["multi_label", "segmentation", "regression"]),
        ((cnnx.Softmax(),), ["segmentation", "regression"]),
        ((cnnx.Flatten(), cnnx.Dense(1)), ["classification", "regression"]),
        ((cnnx.Flatten(), cnnx.Dense(1), cnnx.Sigmoid()), ["classification", "regression"]),
        ((cnnx.Flatten(), cnnx.Dense(2), cnnx.Sigmoid()), ["multi_label", "regression"]),
        ((cnnx.Flatten(), cnnx.Dense(2), cnnx.Softmax()), ["classification", "regression"]),
    ],
)
def test_a_task_must_fit_the_outputs(last: tuple[cnnx.Layer, ...], tasks: list[Any]) -> None:
    model = build(*last)
    kind = model._core.probability_kind
    expected = {"sigmoid", "softmax"} if kind == "softmax" else {kind}
    for task in reversed(tasks):
        model.task = task
        assert model.task == task
        assert model._core.probability_kind in (expected if task != "regression" else {"none"})
        model.predict(x)
    others = {"classification", "multi_label", "segmentation", "multi_output"} - set(tasks)
    for other in sorted(others):
        with pytest.raises(ValueError, match=rf"^model: task is '{other}', expected '{tasks[0]}'"):
            model.task = other  # type: ignore[assignment]


def test_no_task_of_classes_or_of_several_outputs_is_set() -> None:
    with pytest.raises(ValueError, match=r"^model: task is 'regression', expected 'classif"):
        build(cnnx.Flatten(), cnnx.Dense(2), classes=["a", "b"]).task = "regression"
    image = cnnx.Input(SHAPE)
    outputs = {name: cnnx.Dense(2)(cnnx.Flatten()(image)) for name in ("a", "b")}
    model = cnnx.Model.from_graph(image, outputs)
    with pytest.raises(ValueError, match=r"^model: task is 'regression', expected none to be set"):
        model.task = "regression"
