"""Metrics of a class for each position: against counts of single positions."""

from __future__ import annotations

import json
import math
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx.evaluation import SegmentationEvaluation, evaluate_segmentation
from numpy.typing import NDArray

SHAPE, CLASSES = (6, 5, 3), 4


def model_and_images(outputs: int = CLASSES) -> tuple[cnnx.Model, NDArray[np.float32]]:
    model = cnnx.Model([cnnx.Conv2d(outputs, 1)], input_shape=SHAPE, seed=2)
    return model, np.random.default_rng(0).random((7, *SHAPE), np.float32)


def test_metrics_are_those_of_single_positions() -> None:
    model, x = model_and_images()
    y = np.random.default_rng(1).integers(0, CLASSES - 1, (7, *SHAPE[:2]))
    y[np.random.default_rng(2).random(y.shape) < 0.2] = 255
    found = evaluate_segmentation(model, x, y, ignore_index=255)
    predicted = np.asarray(model.predict(x))
    counted = y != 255
    assert found.count == 7
    assert found.positions == counted.sum()
    assert found.pixel_accuracy == (predicted == y)[counted].mean()
    for label, each in enumerate(found.per_class):
        true, guess = (y == label) & counted, (predicted == label) & counted
        assert each.count == true.sum()
        union = (true | guess).sum()
        if union == 0:
            assert math.isnan(each.iou)
            continue
        assert each.iou == pytest.approx((true & guess).sum() / union)
        assert each.dice == pytest.approx(2 * (true & guess).sum() / (true.sum() + guess.sum()))
    defined = [each.iou for each in found.per_class if not math.isnan(each.iou)]
    assert found.mean_iou == pytest.approx(np.mean(defined))
    assert found.mean_iou == pytest.approx(np.mean(defined))
    json.dumps(found.to_dict(), allow_nan=False)
    assert f"{found.mean_iou:.4f}" in str(found)


def test_batches_and_an_array_are_counted_alike(monkeypatch: Any) -> None:
    model, x = model_and_images()
    y = np.random.default_rng(1).integers(0, CLASSES, (7, *SHAPE[:2]))
    whole = evaluate_segmentation(model, x, y)
    monkeypatch.setattr("cnnx.evaluation.segmentation._POSITIONS_AT_ONCE", 60)
    assert evaluate_segmentation(model, x, y).to_dict() == whole.to_dict()
    batches = evaluate_segmentation(model, [(x[:3], y[:3]), (x[3:], y[3:])])
    assert batches.to_dict() == whole.to_dict()


def test_a_single_output_tells_two_classes_apart() -> None:
    model, x = model_and_images(1)
    y = np.random.default_rng(1).integers(0, 2, (7, *SHAPE[:2]))
    trainer = cnnx.Trainer(model, loss=cnnx.BinaryCrossEntropy())
    trainer.step(x, y)
    predicted = np.asarray(model.predict(x))
    assert model.task == "segmentation"
    assert predicted.shape == y.shape
    np.testing.assert_array_equal(predicted, model.predict_proba(x)[..., 0] > 0.5)
    found = evaluate_segmentation(model, x, y)
    assert found.pixel_accuracy == (predicted == y).mean()
    assert found.pixel_accuracy == pytest.approx(trainer.evaluate(x, y)["accuracy"])


def test_a_perfect_prediction_has_overlap_one() -> None:
    found = SegmentationEvaluation(np.diag([3, 0, 5]), ["a", "b", "c"])
    assert found.mean_iou == found.mean_dice == found.pixel_accuracy == 1
    assert math.isnan(found.per_class[1].iou)


@pytest.mark.parametrize(
    ("layers", "loss", "task"),
    [
        ([cnnx.Flatten(), cnnx.Dense(3)], cnnx.CrossEntropy(), "classification"),
        ([cnnx.Flatten(), cnnx.Dense(1)], cnnx.BinaryCrossEntropy(), "classification"),
        ([cnnx.Flatten(), cnnx.Dense(3)], cnnx.BinaryCrossEntropy(), "multi_label"),
        ([cnnx.Flatten(), cnnx.Dense(3)], cnnx.MSE(), "regression"),
        ([cnnx.Conv2d(3, 1)], cnnx.CrossEntropy(), "segmentation"),
        ([cnnx.Conv2d(3, 1)], cnnx.BinaryCrossEntropy(), "multi_label"),
        ([cnnx.Conv2d(1, 1)], cnnx.losses.Dice(), "segmentation"),
        ([cnnx.Conv2d(1, 1)], cnnx.L1(), "regression"),
    ],
)
def test_the_task_travels_in_the_file(
    layers: list[cnnx.Layer], loss: Any, task: str, tmp_path: Any
) -> None:
    model = cnnx.Model(layers, input_shape=SHAPE)
    cnnx.Trainer(model, loss=loss)
    model.save(tmp_path / "model.cnnx")
    assert cnnx.load(tmp_path / "model.cnnx").task == model.task == task


def test_each_evaluation_names_the_one_for_another_task() -> None:
    model, x = model_and_images()
    y = np.zeros((7, *SHAPE[:2]), int)
    with pytest.raises(ValueError, match=r"evaluate: .* cnnx\.evaluation\.evaluate_segmentation"):
        cnnx.evaluation.evaluate(model, x, y)
    with pytest.raises(ValueError, match="task of the model is segmentation"):
        cnnx.evaluation.evaluate_regression(model, x, y)
    cnnx.Trainer(model, loss=cnnx.MSE())
    with pytest.raises(ValueError, match=r"evaluate: .* cnnx\.evaluation\.evaluate_regression"):
        cnnx.evaluation.evaluate(model, x, y)
    with pytest.raises(ValueError, match="task of the model is regression"):
        evaluate_segmentation(model, x, y)


@pytest.mark.parametrize("ignore_index", ["a", 1.5, np.array([1, 2])], ids=str)
def test_an_ignored_label_is_an_integer(ignore_index: Any) -> None:
    model, x = model_and_images()
    masks = np.zeros((7, *SHAPE[:2]), int)
    with pytest.raises(TypeError, match=r"^evaluate_segmentation: ignore_index is .*an integer$"):
        evaluate_segmentation(model, x, masks, ignore_index=ignore_index)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[1.5]], "dtype float64"),
        ([[1, 2]], r"shape \(1, 2\)"),
        ([[-1]], "has -1"),
    ],
)
def test_a_wrong_matrix_is_refused(matrix: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        SegmentationEvaluation(matrix)


def test_labels_that_are_all_ignored_are_refused() -> None:
    model = cnnx.Model([cnnx.Conv2d(2, 3, padding="same")], input_shape=(8, 8, 1))
    x, masks = np.zeros((2, 8, 8, 1), np.uint8), np.full((2, 8, 8), 255)
    with pytest.raises(ValueError, match=r"every label in y is ignore_index, 255, expected others"):
        evaluate_segmentation(model, x, masks, ignore_index=255)
    masks[1, 0, 0] = 0
    assert evaluate_segmentation(model, x, masks, ignore_index=255).positions == 1


def test_weights_are_refused() -> None:
    model = cnnx.Model([cnnx.Conv2d(2, 3, padding="same")], input_shape=(8, 8, 1))
    x, masks = np.zeros((2, 8, 8, 1), np.uint8), np.zeros((2, 8, 8), int)
    for given, what in (((x, masks, [1, 2]), "x"), ([(x, masks, [1, 2])], "a batch")):
        sentence = rf"evaluate_segmentation: {what} has sample_weight, expected \(x, y\): every im"
        with pytest.raises(ValueError, match=sentence):
            evaluate_segmentation(model, given)
