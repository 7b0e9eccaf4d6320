"""Focal, Dice, Tversky, sums of losses and ignored labels: against NumPy in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import cnnx
import numpy as np
import pytest
from checkpoint_runs import stopping_after
from cnnx.losses import BinaryCrossEntropy, CrossEntropy, Dice, Focal, Loss, Sum, Tversky
from numpy.typing import NDArray

HEIGHT, WIDTH, CHANNELS, CLASSES, COUNT = 5, 4, 3, 4, 6
IGNORED = 255
Array = NDArray[np.float64]
BatchLoss = Callable[[Array, Array, Array, Array], float]


def softmax(logits: Array) -> Array:
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def probabilities(logits: Array) -> Array:
    return softmax(logits) if logits.shape[-1] > 1 else 1 / (1 + np.exp(-logits))


# References: of logits and targets (N, positions, classes), whether positions count (N, positions),
# and weights of images.


def cross_entropy(class_weights: Array, smoothing: float = 0) -> BatchLoss:
    def loss(logits: Array, targets: Array, counts: Array, weights: Array) -> float:
        by_position = weights[:, None] * counts
        smoothed = (1 - smoothing) * targets + smoothing / targets.shape[-1]
        terms = -(smoothed * class_weights * np.log(softmax(logits))).sum(axis=-1)
        return float((by_position * terms).sum() / (by_position * (targets @ class_weights)).sum())

    return loss


def focal(class_weights: Array, gamma: float) -> BatchLoss:
    def loss(logits: Array, targets: Array, counts: Array, weights: Array) -> float:
        p = probabilities(logits)
        if p.shape[-1] == 1:
            p = np.concatenate([1 - p, p], axis=-1)
            targets = np.concatenate([1 - targets, targets], axis=-1)
        by_position = weights[:, None] * counts
        terms = -(targets * class_weights * (1 - p) ** gamma * np.log(p)).sum(axis=-1)
        return float((by_position * terms).sum() / (by_position * (targets @ class_weights)).sum())

    return loss


def tversky(class_weights: Array, alpha: float, beta: float, smooth: float) -> BatchLoss:
    def loss(logits: Array, targets: Array, counts: Array, weights: Array) -> float:
        p, t = probabilities(logits) * counts[..., None], targets * counts[..., None]
        tp, fp, fn = (p * t).sum(axis=1), (p - p * t).sum(axis=1), (t - p * t).sum(axis=1)
        index = (tp + smooth) / (tp + alpha * fp + beta * fn + smooth)
        by_image = (class_weights * (1 - index)).sum(axis=1) / class_weights.sum()
        return float((weights * by_image).sum() / weights.sum())

    return loss


def binary_cross_entropy(logits: Array, targets: Array, _: Array, weights: Array) -> float:
    terms = np.logaddexp(0, logits) - logits * targets
    return float((weights * terms.mean(axis=(1, 2))).sum() / weights.sum())


def added(first: BatchLoss, second: BatchLoss, weight: float) -> BatchLoss:
    return lambda *arrays: first(*arrays) + weight * second(*arrays)


def gradient(loss: BatchLoss, logits: Array, *rest: Array, step: float = 1e-5) -> Array:
    """Central differences; their error is about step squared."""
    result = np.zeros_like(logits)
    for place in np.ndindex(logits.shape):
        both = []
        for sign in (1, -1):
            moved = logits.copy()
            moved[place] += sign * step
            both.append(loss(moved, *rest))
        result[place] = (both[0] - both[1]) / (2 * step)
    return result


ONES, SOME = np.ones(CLASSES), np.array([1, 0.5, 2, 0])
EVEN = Dice(smooth=0.5)
CASES: dict[str, tuple[Loss, BatchLoss]] = {
    "cross_entropy": (
        CrossEntropy(class_weights=SOME.tolist(), label_smoothing=0.1),
        cross_entropy(SOME, 0.1),
    ),
    "focal": (Focal(), focal(ONES, 2)),
    "focal_weighted": (Focal(0.7, class_weights=SOME.tolist()), focal(SOME, 0.7)),
    "focal_zero": (Focal(0), focal(ONES, 0)),
    "dice": (Dice(), tversky(ONES, 0.5, 0.5, 0.5)),
    "dice_weighted": (Dice(class_weights=SOME.tolist(), smooth=3), tversky(SOME, 0.5, 0.5, 1.5)),
    "tversky": (Tversky(0.3, 0.7, smooth=0.1), tversky(ONES, 0.3, 0.7, 0.1)),
    "sum": (
        Sum([CrossEntropy(class_weights=SOME.tolist()), (Dice(), 0.3)]),
        added(cross_entropy(SOME), tversky(ONES, 0.5, 0.5, 0.5), 0.3),
    ),
}
BINARY_CASES: dict[str, tuple[Loss, BatchLoss]] = {
    "focal": (Focal(1.5), focal(np.ones(2), 1.5)),
    "focal_weighted": (
        Focal(class_weights=[0.25, 0.75]),
        focal(np.array([0.25, 0.75]), 2),
    ),
    "dice": (Dice(), tversky(np.ones(1), 0.5, 0.5, 0.5)),
    "tversky": (Tversky(0.2, 0.9), tversky(np.ones(1), 0.2, 0.9, 1)),
    "sum": (
        Sum([BinaryCrossEntropy(), (Dice(), 2)]),
        added(binary_cross_entropy, tversky(np.ones(1), 0.5, 0.5, 0.5), 2),
    ),
}


def with_ignored(loss: Loss) -> Loss:
    if isinstance(loss, Sum):
        return Sum([(with_ignored(each), by) for each, by in loss.terms])  # type: ignore[misc]
    return type(loss)(**{**vars(loss), "ignore_index": IGNORED})


def linear_model(outputs: int) -> cnnx.Model:
    """A linear model of each position, so that gradients of logits are those of its bias."""
    shape = (HEIGHT, WIDTH, CHANNELS)
    return cnnx.Model([cnnx.Conv2d(outputs, 1)], input_shape=shape, seed=3)


def bits_of(model: cnnx.Model) -> list[bytes]:
    return [array.tobytes() for array in model.parameters.values()]


def compare(
    loss: Loss,
    reference: BatchLoss,
    outputs: int,
    y: Any,
    targets: Array,
    counts: Array,
    image_weights: Array | None,
    shards: int,
) -> None:
    model = linear_model(outputs)
    x = np.random.default_rng(1).normal(0, 2, (COUNT, HEIGHT, WIDTH, CHANNELS)).astype(np.float32)
    trainer = cnnx.Trainer(model, loss=loss, shards=shards)
    found = trainer.compute_gradients(x, y, sample_weight=image_weights)
    weight = model.parameters["conv2d_1.weight"].astype(np.float64).reshape(CHANNELS, outputs)
    rows = x.astype(np.float64).reshape(COUNT, -1, CHANNELS)
    logits = rows @ weight + model.parameters["conv2d_1.bias"].astype(np.float64)
    by_image = np.ones(COUNT) if image_weights is None else image_weights
    rest = (targets.reshape(COUNT, -1, outputs), counts.reshape(COUNT, -1), by_image)
    assert found == pytest.approx(reference(logits, *rest), rel=3e-6)
    grad = gradient(reference, logits, *rest)
    expected = [np.einsum("npc,npk->ck", rows, grad).ravel(), grad.sum(axis=(0, 1))]
    np.testing.assert_allclose(trainer.gradients, np.concatenate(expected), atol=3e-6)
    if shards == 1:
        measured = trainer.evaluate(x, y, sample_weight=image_weights)
        assert measured["loss"] == pytest.approx(reference(logits, *rest), rel=3e-6)
        right = (
            logits.argmax(axis=-1) == rest[0].argmax(axis=-1)
            if outputs > 1
            else (logits[..., 0] > 0) == (rest[0][..., 0] > 0.5)
        )
        by_position = by_image[:, None] * rest[1]
        accuracy = (by_position * right).sum() / by_position.sum()
        assert measured["accuracy"] == pytest.approx(accuracy)


@pytest.mark.parametrize("shards", [1, 4])
@pytest.mark.parametrize("image_weights", [None, np.array([1, 0.5, 0, 2, 1, 3])])
@pytest.mark.parametrize("ignored", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_losses_of_labels(
    case: str, ignored: bool, image_weights: Array | None, shards: int
) -> None:
    loss, reference = CASES[case]
    random = np.random.default_rng(2)
    labels = random.integers(0, CLASSES, (COUNT, HEIGHT, WIDTH))
    labels[0] = 1  # without the other classes
    targets, counts, y = np.eye(CLASSES)[labels], np.ones(labels.shape), labels
    if ignored:
        counts = (random.random(labels.shape) > 0.3).astype(np.float64)
        counts[1] = 0
        y = np.where(counts > 0, labels, IGNORED)
        loss = with_ignored(loss)
    compare(loss, reference, CLASSES, y, targets, counts, image_weights, shards)


@pytest.mark.parametrize("case", ["cross_entropy", "dice", "tversky", "sum"])
def test_losses_of_soft_labels(case: str) -> None:
    targets = np.random.default_rng(3).dirichlet(np.ones(CLASSES), (COUNT, HEIGHT, WIDTH))
    y = targets.astype(np.float32)
    counts = np.ones((COUNT, HEIGHT, WIDTH))
    compare(*CASES[case], CLASSES, y, y.astype(np.float64), counts, None, 2)


@pytest.mark.parametrize("shards", [1, 4])
@pytest.mark.parametrize("image_weights", [None, np.array([1, 0.5, 0, 2, 1, 3])])
@pytest.mark.parametrize("case", BINARY_CASES)
def test_losses_of_a_single_output(case: str, image_weights: Array | None, shards: int) -> None:
    y = np.random.default_rng(4).random((COUNT, HEIGHT, WIDTH)).astype(np.float32).round(1)
    counts = np.ones((COUNT, HEIGHT, WIDTH))
    compare(*BINARY_CASES[case], 1, y, y.astype(np.float64), counts, image_weights, shards)


@pytest.mark.parametrize("scale", [1e-3, 1, 30, 1000])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
def test_focal_loss_is_accurate_at_certain_predictions(gamma: float, scale: float) -> None:
    """The probability of an image's label is nearly 0 or 1; the difference is what counts."""
    model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(3, bias=False)], input_shape=(1, 1, 1))
    logits = (scale * np.array([[0.3, -0.4, 0.1]])).astype(np.float32)
    model.parameters["dense_1.weight"] = logits
    x = np.ones((1, 1, 1, 1), np.float32)
    exact = logits.astype(np.float64).ravel()
    for label in range(3):
        others = [exact[j] - exact[label] for j in range(3) if j != label]
        log_rest_over_p = np.logaddexp(*others)  # log((1 - p) / p)
        log_p = -np.logaddexp(0, log_rest_over_p)
        expected = -math.exp(gamma * (log_rest_over_p + log_p)) * log_p
        found = cnnx.Trainer(model, loss=Focal(gamma)).evaluate(x, [label])["loss"]
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-30)


def test_an_image_of_ignored_positions_costs_nothing() -> None:
    y = np.full((COUNT, HEIGHT, WIDTH), IGNORED)
    x = np.random.default_rng(0).random((COUNT, HEIGHT, WIDTH, CHANNELS), np.float32)
    for loss, _ in CASES.values():
        trainer = cnnx.Trainer(linear_model(CLASSES), loss=with_ignored(loss))
        assert trainer.compute_gradients(x, y) == 0
        assert not trainer.gradients.any()
        with pytest.raises(ValueError, match=r"^evaluate: every label is ignore_index"):
            trainer.evaluate(x, y)
        with pytest.raises(ValueError, match=r"^fit: every label is ignore_index"):
            trainer.fit(x, y, epochs=1)


def test_labels_of_classes_without_weight_cost_nothing() -> None:
    """Also if smoothing adds losses of the other classes."""
    x = np.random.default_rng(0).random((COUNT, HEIGHT, WIDTH, CHANNELS), np.float32)
    y = np.zeros((COUNT, HEIGHT, WIDTH), np.int64)
    smoothed = CrossEntropy(label_smoothing=0.1, class_weights=[0, *[1] * (CLASSES - 1)])
    trainer = cnnx.Trainer(linear_model(CLASSES), loss=smoothed)
    assert trainer.compute_gradients(x, y) == trainer.evaluate(x, y)["loss"] == 0
    assert not trainer.gradients.any()
    alone = cnnx.Trainer(linear_model(CLASSES), loss=Dice())
    both = cnnx.Trainer(linear_model(CLASSES), loss=Sum([smoothed, Dice()]))
    assert both.compute_gradients(x, y) == pytest.approx(alone.compute_gradients(x, y))
    np.testing.assert_array_equal(both.gradients, alone.gradients)


def test_a_sum_over_batches_is_that_over_all_images() -> None:
    """Each term divides its sum once, by its own weights, which vary between batches."""
    random = np.random.default_rng(0)
    x = random.random((9, HEIGHT, WIDTH, CHANNELS), np.float32)
    y = np.repeat(np.arange(9) % CLASSES, HEIGHT * WIDTH).reshape(9, HEIGHT, WIDTH)
    y[random.random(y.shape) < 0.3] = IGNORED
    weights = tuple(np.linspace(0.1, 3, CLASSES))
    terms: list[Any] = [
        (CrossEntropy(class_weights=weights, ignore_index=IGNORED), 2.0),
        Focal(ignore_index=IGNORED),
    ]
    trainer = cnnx.Trainer(linear_model(CLASSES), loss=Sum(terms))
    batches = [(x[:2], y[:2]), (x[2:3], y[2:3]), (x[3:], y[3:])]
    assert trainer.evaluate(batches) == pytest.approx(trainer.evaluate(x, y), rel=1e-6)


@pytest.mark.parametrize("loss", [CrossEntropy(ignore_index=-100), Focal(ignore_index=-100)])
def test_an_ignored_label_of_an_image(loss: Loss) -> None:
    model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(3)], input_shape=(4, 4, 1))
    x = np.random.default_rng(0).random((4, 4, 4, 1), np.float32)
    trainer = cnnx.Trainer(model, loss=loss)
    few = trainer.compute_gradients(x[[0, 2]], [1, 2])
    gradients = trainer.gradients.copy()
    assert trainer.compute_gradients(x, [1, -100, 2, -100]) == few
    np.testing.assert_array_equal(trainer.gradients, gradients)
    assert trainer.evaluate(x, [1, -100, 2, -100]) == trainer.evaluate(x[[0, 2]], [1, 2])


@pytest.mark.parametrize("case", CASES)
def test_the_bits_depend_on_no_thread(case: str) -> None:
    loss = with_ignored(CASES[case][0])
    random = np.random.default_rng(5)
    shape = (33, 29, CHANNELS)
    x = random.random((7, *shape), np.float32)
    y = random.integers(0, CLASSES, (7, *shape[:2]))
    y[random.random(y.shape) < 0.2] = IGNORED
    found = []
    for threads in (1, 2, 5):
        with cnnx.use_threads(threads):
            model = cnnx.Model([cnnx.Conv2d(CLASSES, 3)], input_shape=(35, 31, CHANNELS), seed=1)
            padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
            trainer = cnnx.Trainer(model, loss=loss)
            losses = [trainer.step(padded, y) for _ in range(3)]
            found.append((losses, trainer.evaluate(padded, y), bits_of(model)))
    assert found[0] == found[1] == found[2]


def test_refused_settings_and_models() -> None:
    for make, message in (
        (lambda: Focal(-1), "Focal: gamma is -1"),
        (lambda: Dice(smooth=-1), "Dice: smooth is -1"),
        (lambda: Tversky(0.5, float("nan")), "Tversky: beta is nan"),
        (lambda: CrossEntropy(ignore_index=1.5), "CrossEntropy: ignore_index is 1.5"),  # type: ignore[arg-type]
        (lambda: Sum([]), "Sum: terms is empty"),
        (lambda: Sum([Dice]), "Sum: a term is .*Dice"),  # type: ignore[list-item]
        (lambda: Sum([(Dice(), 0)]), "Sum: weight is 0"),
        (lambda: Sum([Sum([Dice()])]), "Sum: a term is a Sum itself"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            make()
    per_image = cnnx.Model([cnnx.Flatten(), cnnx.Dense(3)], input_shape=(4, 4, 1))
    per_position = cnnx.Model([cnnx.Conv2d(3, 1)], input_shape=(4, 4, 1))
    single = cnnx.Model([cnnx.Conv2d(1, 1)], input_shape=(4, 4, 1))
    for model, loss, message in (
        (per_image, Dice(), "dice compares positions, but the model's output has shape \\(3,\\)"),
        (per_position, Dice(class_weights=[0, 0, 0]), "dice: class_weights has only zeros"),
        (per_position, Focal(class_weights=[0, 0, 0]), "focal: class_weights has only zeros"),
        (per_position, Focal(class_weights=[1]), "class_weights has 1 numbers"),
        (single, Dice(ignore_index=255), "dice has ignore_index, but the model has a single"),
        (per_position, Sum([CrossEntropy(), cnnx.MSE()]), "take different targets"),
        (per_position, Sum([CrossEntropy(), Dice(ignore_index=0)]), "ignore different labels"),
    ):
        with pytest.raises(ValueError, match=message):
            cnnx.Trainer(model, loss=loss)
    trainer = cnnx.Trainer(per_position, loss=Focal())
    x = np.zeros((1, 4, 4, 1), np.float32)
    with pytest.raises(ValueError, match=r"label 255 at position \(0, 0, 0\).*ignore_index=255"):
        trainer.step(x, np.where(np.eye(4, dtype=bool)[np.newaxis], 255, 1))
    with pytest.raises(ValueError, match=r"label 255 .*; for black and white masks: y // 255$"):
        trainer.step(x, np.eye(4, dtype=np.uint8)[np.newaxis] * 255)
    with pytest.raises(ValueError, match="focal takes labels, one per position"):
        trainer.step(x, np.full((1, 4, 4, 3), 1 / 3, np.float32))


def test_a_run_with_a_sum_resumes(tmp_path: Any) -> None:
    loss = Sum([CrossEntropy(ignore_index=IGNORED), (Dice(ignore_index=IGNORED), 0.5)])
    x = np.random.default_rng(0).random((12, HEIGHT, WIDTH, CHANNELS), np.float32)
    y = np.random.default_rng(1).integers(0, CLASSES, (12, HEIGHT, WIDTH))
    y[:, 0] = IGNORED
    whole = linear_model(CLASSES)
    history = cnnx.Trainer(whole, loss=loss).fit(x, y, epochs=3, batch_size=5)
    path = tmp_path / "run.ckpt"
    stopped = cnnx.Trainer(linear_model(CLASSES), loss=loss)
    settings: Any = {"epochs": 3, "batch_size": 5, "checkpoint": path, "checkpoint_every": 1}
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(x, y, progress=stopping_after(4), **settings)
    resumed = cnnx.Trainer.resume(path)
    assert resumed.fit(x, y).loss == history.loss
    assert bits_of(resumed.model) == bits_of(whole)
