"""Sample weights in a trainer: losses, gradients, means and metrics."""

from __future__ import annotations

from typing import Any

import cnnx
import numpy as np
import numpy.typing as npt
import pytest
import reference
from cnnx.data import Augmentation
from comparison import numerical_gradient

pytestmark = pytest.mark.parity

Array = npt.NDArray[Any]

SHAPE = (4, 4, 1)
CLASS_WEIGHTS = [0.5, 2.0, 1.0]
LOSSES = {
    "cross_entropy": cnnx.CrossEntropy(),
    "smoothing": cnnx.CrossEntropy(label_smoothing=0.1),
    "class_weights": cnnx.CrossEntropy(class_weights=CLASS_WEIGHTS, label_smoothing=0.1),
    "soft_labels": cnnx.CrossEntropy(class_weights=CLASS_WEIGHTS),
    "binary_cross_entropy": cnnx.BinaryCrossEntropy(),
    "mse": cnnx.MSE(),
    "l1": cnnx.L1(),
    "huber": cnnx.Huber(0.5),
}
every_loss = pytest.mark.parametrize("name", LOSSES)


def make_trainer(loss: Any, rate: float = 0.1) -> cnnx.Trainer:
    layers = [cnnx.Flatten(), cnnx.Dense(3)]
    model = cnnx.Model(layers, input_shape=SHAPE, seed=4)
    return cnnx.Trainer(model, optimizer=cnnx.SGD(rate), loss=loss, seed=2)


def batch(name: str, count: int) -> tuple[Array, Array, Array]:
    """Images, targets and weights, one of them 0."""
    rng = np.random.default_rng(7)
    x = rng.random((count, *SHAPE), dtype=np.float32)
    weights = rng.gamma(1.0, size=count).astype(np.float32)
    weights[1] = 0
    if name == "soft_labels":
        y = rng.random((count, 3), dtype=np.float32)
        return x, y / y.sum(axis=1, keepdims=True), weights
    if isinstance(LOSSES[name], cnnx.CrossEntropy):
        return x, rng.integers(0, 3, count), weights
    if name == "binary_cross_entropy":
        return x, rng.integers(0, 2, (count, 3)), weights
    return x, rng.standard_normal((count, 3)).astype(np.float32), weights


def bits(trainer: cnnx.Trainer) -> list[bytes]:
    metrics = {name: each for name, each in vars(trainer.history).items() if name != "seconds"}
    history = [np.array(each).tobytes() for each in metrics.values()]
    return [array.tobytes() for array in trainer.model.parameters.values()] + history


def class_weight(loss: Any, y: Array) -> Any:
    """The weight of a row's class."""
    if not isinstance(loss, cnnx.CrossEntropy) or loss.class_weights is None:
        return 1.0
    weights = np.array(CLASS_WEIGHTS)
    return y @ weights if y.ndim == 1 else weights[y]


def reference_loss(loss: Any, outputs: Array, y: Array, w: Array) -> tuple[float, Array]:
    """The weighted mean of the losses of single rows, and its gradient."""
    total, summed, gradient = 0.0, 0.0, np.zeros(outputs.shape)
    settings = {name: value for name, value in loss.settings.items() if name != "ignore_index"}
    for row, weight in enumerate(w.astype(np.float64)):
        one, target = outputs[row : row + 1], y[row : row + 1]
        product = weight * float(class_weight(loss, y[row]))
        value = getattr(reference, loss.kind)(one, target, **settings)
        backward = getattr(reference, f"{loss.kind}_backward")(one, target, **settings)
        summed += product * value
        gradient[row] = product * backward[0]
        total += product
    return summed / total, gradient / total


@every_loss
def test_losses_and_gradients_are_those_of_the_reference(name: str) -> None:
    loss = LOSSES[name]
    x, y, w = batch(name, 23)
    trainer = make_trainer(loss)
    outputs = trainer.model(x).astype(np.float64)
    expected, gradient = reference_loss(loss, outputs, y, w)
    assert trainer.compute_gradients(x, y, sample_weight=w) == pytest.approx(expected, rel=1e-6)
    flat = x.reshape(len(x), -1).astype(np.float64)
    own = np.concatenate([(flat.T @ gradient).ravel(), gradient.sum(axis=0)])
    np.testing.assert_allclose(trainer.gradients, own, rtol=1e-5, atol=1e-6)
    assert trainer.evaluate(x, y, sample_weight=w)["loss"] == pytest.approx(expected, rel=1e-6)
    assert make_trainer(loss).step(x, y, sample_weight=w) == pytest.approx(expected, rel=1e-6)


@every_loss
def test_the_reference_by_finite_differences(name: str) -> None:
    loss = LOSSES[name]
    _, y, w = batch(name, 5)
    outputs = np.random.default_rng(1).standard_normal((5, 3))
    _, gradient = reference_loss(loss, outputs, y, w)
    found = numerical_gradient(lambda z: reference_loss(loss, z, y, w)[0], outputs)
    np.testing.assert_allclose(gradient, found, rtol=1e-6, atol=1e-8)


@every_loss
def test_weights_of_one_change_no_bit(name: str) -> None:
    x, y, _ = batch(name, 50)
    ones = np.ones(50)
    trainers = [make_trainer(LOSSES[name]) for _ in range(2)]
    for trainer, weights in zip(trainers, (None, ones), strict=True):
        trainer.step(x, y, sample_weight=weights)
        held_out = (x[:9], y[:9]) if weights is None else (x[:9], y[:9], ones[:9])
        settings: dict[str, Any] = {"epochs": 2, "batch_size": 8, "validation": held_out}
        settings["augmentation"] = Augmentation(mixup=0.5)
        trainer.fit(x, y, sample_weight=weights, **settings)
    assert bits(trainers[0]) == bits(trainers[1])
    plain, weighted = trainers[0].evaluate(x, y), trainers[1].evaluate(x, y, sample_weight=ones)
    np.testing.assert_equal(plain, weighted)


@every_loss
def test_a_weight_is_a_repetition(name: str) -> None:
    """A row of weight 2 counts as two rows, a row of weight 0 as none."""
    x, y, _ = batch(name, 11)
    w = np.arange(11) % 3
    rows = np.repeat(np.arange(11), w)
    trainers = [make_trainer(LOSSES[name]) for _ in range(2)]
    first = trainers[0].step(x, y, sample_weight=w)
    assert first == pytest.approx(trainers[1].step(x[rows], y[rows]), rel=1e-6)
    weighted, repeated = (trainer.gradients for trainer in trainers)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-5, atol=1e-6)
    found, expected = (
        trainers[0].evaluate(x, y, sample_weight=w),
        trainers[0].evaluate(x[rows], y[rows]),
    )
    assert found == pytest.approx(expected, rel=1e-6, nan_ok=True)


@every_loss
def test_every_mean_is_the_weighted_one(name: str) -> None:
    """An evaluation, and epochs of ragged batches from arrays and from an iterable."""
    x, y, w = batch(name, 23)
    expected = make_trainer(LOSSES[name]).evaluate(x, y, sample_weight=w)
    batches = [(x[:7], y[:7], w[:7]), [x[7:], y[7:], w[7:]]]
    whole: list[Any] = [(x, y, w), batches]
    for data in whole:
        found = make_trainer(LOSSES[name]).evaluate(data)
        assert found == pytest.approx(expected, rel=1e-12, nan_ok=True)
        settings = {"batch_size": 5} if data is not batches else {}
        history = make_trainer(LOSSES[name], 0.0).fit(data, epochs=1, validation=data, **settings)
        trained = {"loss": history.loss[0], "accuracy": history.accuracy[0]}
        wanted = {name: expected[name] for name in trained}
        assert trained == pytest.approx(wanted, rel=1e-6, nan_ok=True)
        validated = {name: history[f"validation_{name}"][0] for name in expected}
        assert validated == pytest.approx(expected, rel=1e-6, nan_ok=True)


def test_accuracy_is_weighted_as_in_scikit_learn() -> None:
    x, y, w = batch("class_weights", 40)
    trainer = make_trainer(LOSSES["class_weights"])
    correct = trainer.model(x).argmax(axis=1) == y
    expected = np.average(correct, weights=w)  # class weights do not enter it
    assert trainer.evaluate(x, y, sample_weight=w)["accuracy"] == pytest.approx(expected)
    x, y, w = batch("binary_cross_entropy", 40)
    trainer = make_trainer(cnnx.BinaryCrossEntropy())
    correct = (trainer.model(x) > 0) == y
    expected = np.average(correct.mean(axis=1), weights=w)
    assert trainer.evaluate(x, y, sample_weight=w)["accuracy"] == pytest.approx(expected)


@every_loss
def test_parts_with_the_whole_batchs_divisor_add_up(name: str) -> None:
    x, y, w = batch(name, 8)
    loss = LOSSES[name]
    trainer = make_trainer(loss)
    total = sum(float(v) * float(class_weight(loss, t)) for v, t in zip(w, y, strict=True))
    whole = trainer.compute_gradients(x, y, sample_weight=w)
    gradients = trainer.gradients.copy()
    parts = []
    for rows in (slice(0, 5), slice(5, 8)):
        part = {"sample_weight": w[rows], "divisor": total}
        parts.append(trainer.compute_gradients(x[rows], y[rows], **part))
        gradients -= trainer.gradients
    assert sum(parts) == pytest.approx(whole, rel=1e-6)
    np.testing.assert_allclose(gradients, 0, atol=1e-6)


@pytest.mark.parametrize("scale", [2.0**-120, 2.0**120])
def test_only_ratios_matter(scale: float) -> None:
    """Even of weights whose sum or quotients are beyond the range of float32."""
    x, y, w = batch("class_weights", 30)
    w = np.clip(w, 0.25, 4)
    trainers = [make_trainer(LOSSES["class_weights"]) for _ in range(2)]
    for trainer, weights in zip(trainers, (w, w * scale), strict=True):
        trainer.fit(x, y, sample_weight=weights, epochs=2, batch_size=8)
    assert bits(trainers[0]) == bits(trainers[1])


def test_a_batch_of_zeros_updates_nothing() -> None:
    x, y, _ = batch("cross_entropy", 4)
    trainer = make_trainer(cnnx.CrossEntropy())
    before = bits(trainer)
    assert trainer.step(x, y, sample_weight=[0, 0, 0, 0]) == 0
    assert not trainer.gradients.any()
    assert bits(trainer) == before
    history = trainer.fit(x, y, sample_weight=[0, 0, 1, 0], epochs=2, batch_size=1)
    assert history.loss[0] > history.loss[1] > 0
    batches = [(x[:2], y[:2], np.zeros(2)), (x[2:], y[2:], np.ones(2))]
    other = make_trainer(cnnx.CrossEntropy())
    assert other.fit(batches, epochs=1).loss[0] == pytest.approx(
        make_trainer(cnnx.CrossEntropy()).evaluate(x[2:], y[2:])["loss"], rel=1e-6
    )


def test_mixup_counts_targets_by_their_weights() -> None:
    """The labels of images of weight 0 have no effect, wherever mixup blends them in."""
    x, y, _ = batch("cross_entropy", 64)
    w = np.arange(64) % 2
    others = np.where(w == 0, (y + 1) % 3, y)
    trainers = [make_trainer(cnnx.CrossEntropy()) for _ in range(3)]
    mixup = Augmentation(mixup=0.8)
    for trainer, labels, weights in zip(trainers, (y, others, others), (w, w, w + 1), strict=True):
        trainer.fit(x, labels, sample_weight=weights, epochs=2, batch_size=16, augmentation=mixup)
    parameters = [bits(trainer)[:2] for trainer in trainers]
    assert parameters[0] == parameters[1] != parameters[2]
