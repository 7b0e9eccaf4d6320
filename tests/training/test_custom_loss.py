"""Losses that are functions of the user's own."""

from __future__ import annotations

from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx.losses import Custom
from numpy.typing import NDArray

SHAPE, CLASSES, COUNT = (8, 8, 2), 4, 12


def squared(outputs: Any, targets: Any) -> tuple[float, Any]:
    distance = outputs - targets
    return (distance**2).mean(), 2 * distance / distance.size


def cross_entropy(outputs: Any, targets: Any) -> tuple[float, Any]:
    """Of the last axis, with a label for each row."""
    shifted = outputs - outputs.max(axis=-1, keepdims=True)
    exponentials = np.exp(shifted)
    sums = exponentials.sum(axis=-1, keepdims=True)
    own = targets[..., np.newaxis]
    loss = (np.log(sums) - np.take_along_axis(shifted, own, axis=-1)).mean()
    gradient = exponentials / sums
    np.put_along_axis(gradient, own, np.take_along_axis(gradient, own, axis=-1) - 1, axis=-1)
    return loss, gradient / targets.size


def model(*, per_position: bool = False, normalised: bool = False) -> cnnx.Model:
    layers: list[Any] = [cnnx.Conv2d(6, 3, padding="same")]
    layers += [cnnx.BatchNorm2d(), cnnx.ReLU()] if normalised else [cnnx.ReLU()]
    end = [cnnx.Conv2d(CLASSES, 1)] if per_position else [cnnx.Flatten(), cnnx.Dense(CLASSES)]
    return cnnx.Model([*layers, *end], input_shape=SHAPE, seed=4)


def images() -> NDArray[np.float32]:
    return np.random.default_rng(0).random((COUNT, *SHAPE), np.float32)


def labels(*shape: int) -> NDArray[np.int64]:
    return np.random.default_rng(1).integers(0, CLASSES, (COUNT, *shape))


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("per_position", [False, True])
def test_it_trains_as_the_built_in_loss(per_position: bool, shards: int) -> None:
    y = labels(8, 8) if per_position else labels()
    losses = []
    models = []
    for loss in (cnnx.CrossEntropy(), Custom(cross_entropy, logits=True)):
        models.append(model(per_position=per_position))
        trainer = cnnx.Trainer(models[-1], loss=loss, shards=shards)
        losses.append(trainer.fit(images(), y, epochs=3, batch_size=5).loss)
        losses[-1].append(trainer.evaluate(images(), y)["loss"])
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    for name, array in models[0].parameters.items():
        np.testing.assert_allclose(models[1].parameters[name], array, atol=1e-4)
    assert models[1].task == ("segmentation" if per_position else "classification")


def test_values_are_compared_in_the_shape_of_the_outputs() -> None:
    y = np.random.default_rng(2).random((COUNT, CLASSES)).astype(np.float32)
    found = []
    for loss in (cnnx.MSE(), Custom(squared)):
        trainer = cnnx.Trainer(model(), loss=loss)
        found.append((trainer.compute_gradients(images(), y), trainer.gradients.copy()))
        assert trainer.model.task == "regression"
    assert found[1][0] == pytest.approx(found[0][0], rel=1e-6)
    np.testing.assert_allclose(found[1][1], found[0][1], atol=1e-7)


def test_targets_of_another_shape() -> None:
    def weighted(outputs: Any, targets: Any) -> tuple[float, Any]:
        assert targets.shape == (len(outputs), 2, CLASSES)
        distance = (outputs - targets[:, 0]) * targets[:, 1]
        return (distance**2).mean(), 2 * distance * targets[:, 1] / distance.size

    y = np.random.default_rng(3).random((COUNT, 2, CLASSES))
    trainer = cnnx.Trainer(model(), loss=Custom(weighted, target_shape=(2, CLASSES)))
    losses = trainer.fit(images(), y, epochs=4, batch_size=5).loss
    assert losses[-1] < losses[0]
    with pytest.raises(ValueError, match=r"y has shape \(12, 2\), expected .*\(12, 2, 4\)"):
        trainer.step(images(), y[..., 0])


@pytest.mark.parametrize("factor", [0.0, -1.0, 0.5, COUNT * CLASSES])
def test_a_wrong_gradient_is_refused_at_the_first_step(factor: float) -> None:
    def wrong(outputs: Any, targets: Any) -> tuple[float, Any]:
        loss, gradient = squared(outputs, targets)
        return loss, factor * gradient

    trainer = cnnx.Trainer(model(), loss=Custom(wrong))
    y = np.ones((COUNT, CLASSES), np.float32)
    with pytest.raises(ValueError, match="the gradient of wrong is wrong"):
        trainer.step(images(), y)


def test_a_loss_with_kinks_passes_the_check() -> None:
    def absolute(outputs: Any, targets: Any) -> tuple[float, Any]:
        distance = outputs - targets
        return np.abs(distance).mean(), np.sign(distance) / distance.size

    for seed in range(20):
        y = np.random.default_rng(seed).normal(0, 0.01, (COUNT, CLASSES)).astype(np.float32)
        cnnx.Trainer(model(), loss=Custom(absolute)).step(images(), y)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (1.0, r"returned 1.0, expected \(loss, gradient\)"),
        ((np.zeros(3), np.zeros((COUNT, CLASSES))), "the loss of function is .*expected one"),
        ((0.0, np.zeros(3)), r"gradient of function has shape \(3,\)"),
        ((0.0, None), "gradient of function is None of dtype object, expected an array"),
        (
            (0.0, np.zeros((COUNT, CLASSES), complex)),
            "gradient of function is .* of dtype complex128, expected an array of numbers",
        ),
        ((1.0, np.full((COUNT, CLASSES), np.nan)), "gradient of function holds NaN or infinity"),
    ],
)
def test_wrong_results_are_refused(result: Any, message: str) -> None:
    def function(outputs: Any, targets: Any) -> Any:
        return result

    trainer = cnnx.Trainer(model(), loss=Custom(function))
    with pytest.raises((TypeError, ValueError), match=message):
        trainer.step(images(), np.ones((COUNT, CLASSES), np.float32))


def test_a_gradient_may_be_a_list() -> None:
    def mean_square(outputs: Any, targets: Any) -> Any:
        difference = outputs - targets
        return np.square(difference).mean(), (2 * difference / difference.size).tolist()

    y = np.ones((COUNT, CLASSES), np.float32)
    listed = cnnx.Trainer(model(), loss=Custom(mean_square))
    assert listed.step(images(), y) == pytest.approx(
        cnnx.Trainer(model(), loss=cnnx.MSE()).step(images(), y)
    )


def test_an_error_inside_leaves_the_model_unchanged() -> None:
    calls = []

    def failing(outputs: Any, targets: Any) -> tuple[float, Any]:
        calls.append(1)
        if len(calls) > 20:
            raise RuntimeError("no more")
        return squared(outputs, targets)

    normalised = model(normalised=True)
    trainer = cnnx.Trainer(normalised, loss=Custom(failing))
    y = np.ones((COUNT, CLASSES), np.float32)
    trainer.step(images(), y)
    calls[:] = [1] * 20
    arrays = (*normalised.parameters.values(), *normalised.buffers.values())
    before = [each.copy() for each in arrays]
    with pytest.raises(RuntimeError, match="no more"):
        trainer.step(images(), y)
    after = (*normalised.parameters.values(), *normalised.buffers.values())
    for kept, array in zip(before, after, strict=True):
        np.testing.assert_array_equal(array, kept)
    calls.clear()
    assert np.isfinite(trainer.step(images(), y))


def test_what_is_not_possible_is_refused(tmp_path: Any) -> None:
    y = np.ones((COUNT, CLASSES), np.float32)
    trainer = cnnx.Trainer(model(), loss=Custom(squared))
    with pytest.raises(ValueError, match="a file cannot hold the function"):
        trainer.fit(images(), y, epochs=1, checkpoint=tmp_path / "run.ckpt")
    with pytest.raises(ValueError, match="custom returns the mean of a batch"):
        trainer.step(images(), y, sample_weight=np.ones(COUNT))
    mixup = cnnx.data.Augmentation(mixup=0.2)
    with pytest.raises(ValueError, match="mixup blends targets, which custom does not take"):
        trainer.fit(images(), y, epochs=1, augmentation=mixup)
    with pytest.raises(TypeError, match="Custom: function is 3"):
        Custom(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="Custom: target_shape is"):
        Custom(squared, target_shape=(0,))
    with pytest.raises(ValueError, match="Sum: a term is Custom"):
        cnnx.losses.Sum([cnnx.MSE(), Custom(squared)])


def test_the_arrays_may_be_kept_and_changed() -> None:
    kept = []

    def changing(outputs: Any, targets: Any) -> tuple[float, Any]:
        result = squared(outputs, targets)
        kept.append(outputs)
        outputs[:] = 7
        targets[:] = 7
        return result

    y = np.ones((COUNT, CLASSES), np.float32)
    plain = cnnx.Trainer(model(), loss=Custom(squared))
    trainer = cnnx.Trainer(model(), loss=Custom(changing))
    for _ in range(3):
        assert trainer.step(images(), y) == plain.step(images(), y)
    assert (y == 1).all()
    assert all((each == 7).all() for each in kept)


def test_a_function_that_uses_its_trainer_is_refused() -> None:
    """It would wait for its own thread."""

    def using(outputs: Any, targets: Any) -> tuple[float, Any]:
        trainer.model(images())
        return squared(outputs, targets)

    trainer = cnnx.Trainer(model(), loss=Custom(using))
    with pytest.raises(ValueError, match=r"^model: a function that it calls uses it"):
        trainer.step(images(), np.ones((COUNT, CLASSES), np.float32))
