"""Cross-entropy with a label for each position of an image: against NumPy in float64."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from numpy.typing import NDArray

HEIGHT, WIDTH, CHANNELS, CLASSES, COUNT = 5, 4, 3, 4, 6
Array = NDArray[np.float64]


def make_model(**settings: Any) -> cnnx.Model:
    """A linear classifier of each position, whose gradient is a short formula."""
    shape = (HEIGHT, WIDTH, CHANNELS)
    return cnnx.Model([cnnx.Conv2d(CLASSES, 1)], input_shape=shape, **settings)


def samples(seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    random = np.random.default_rng(seed)
    x = random.random((COUNT, HEIGHT, WIDTH, CHANNELS), np.float32)
    return x, random.integers(0, CLASSES, (COUNT, HEIGHT, WIDTH))


def reference(
    model: cnnx.Model,
    x: NDArray[np.float32],
    targets: Array,
    class_weights: Array | None,
    smoothing: float,
    image_weights: Array | None,
) -> tuple[float, Array]:
    """The loss and its gradients with respect to the weight and the bias."""
    weight = model.parameters["conv2d_1.weight"].astype(np.float64).reshape(CHANNELS, CLASSES)
    bias = model.parameters["conv2d_1.bias"].astype(np.float64)
    rows = x.astype(np.float64).reshape(-1, CHANNELS)
    logits = rows @ weight + bias
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_softmax = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    by_class = np.ones(CLASSES) if class_weights is None else class_weights
    by_image = np.ones(len(x)) if image_weights is None else image_weights
    by_row = np.repeat(by_image, HEIGHT * WIDTH)
    flat = targets.reshape(-1, CLASSES)
    divisor = (by_row * (flat @ by_class)).sum()
    smoothed = ((1 - smoothing) * flat + smoothing / CLASSES) * by_class * by_row[:, None]
    loss = -(smoothed * log_softmax).sum() / divisor
    grad = (smoothed.sum(axis=1, keepdims=True) * np.exp(log_softmax) - smoothed) / divisor
    return float(loss), np.concatenate([(rows.T @ grad).ravel(), grad.sum(axis=0)])


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("class_weights", [None, np.array([1, 0.5, 2, 0])])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("image_weights", [None, np.array([1, 0.5, 0, 2, 1, 3])])
@pytest.mark.parametrize("shards", [1, 4])
def test_loss_gradients_and_accuracy(
    soft: bool,
    class_weights: Array | None,
    smoothing: float,
    image_weights: Array | None,
    shards: int,
) -> None:
    model = make_model()
    x, labels = samples()
    targets = np.eye(CLASSES)[labels]
    y: Any = labels
    if soft:
        targets = np.random.default_rng(1).dirichlet(np.ones(CLASSES), labels.shape)
        y = targets.astype(np.float32)
    own = None if class_weights is None else class_weights.tolist()
    loss = cnnx.CrossEntropy(class_weights=own, label_smoothing=smoothing)
    trainer = cnnx.Trainer(model, loss=loss, shards=shards)
    expected, gradients = reference(model, x, targets, class_weights, smoothing, image_weights)
    found = trainer.compute_gradients(x, y, sample_weight=image_weights)
    assert found == pytest.approx(expected, rel=2e-6)
    np.testing.assert_allclose(trainer.gradients[: len(gradients)], gradients, atol=2e-6)
    measured = trainer.evaluate(x, y, sample_weight=image_weights)
    assert measured["loss"] == pytest.approx(expected, rel=2e-6)
    is_right = model.predict(x) == targets.argmax(axis=-1)
    weights = np.ones(COUNT) if image_weights is None else image_weights
    share = (weights * is_right.mean(axis=(1, 2))).sum() / weights.sum()
    assert measured["accuracy"] == pytest.approx(share)


@pytest.mark.parametrize("class_weights", [None, [1, 0.5, 2, 3]])
def test_batches_add_up(class_weights: list[float] | None) -> None:
    """The metrics of an iterable of batches are those of all its images."""
    x, y = samples()
    trainer = cnnx.Trainer(make_model(), loss=cnnx.CrossEntropy(class_weights=class_weights))
    whole = trainer.evaluate(x, y)
    parts = trainer.evaluate([(x[:2], y[:2]), (x[2:], y[2:])])
    assert parts == pytest.approx(whole)


def test_predictions_are_of_positions() -> None:
    model = make_model(classes=["sky", "tree", "road", "car"])
    x, _ = samples()
    outputs = model(x)
    exponentials = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
    expected = exponentials / exponentials.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(x), expected, rtol=1e-5)
    names = np.array(model.classes)[outputs.argmax(axis=-1)]
    np.testing.assert_array_equal(model.predict(x), names)
    np.testing.assert_array_equal(model.predict(x[0]), names[0])


def network() -> cnnx.Model:
    layers = [
        cnnx.Conv2d(8, 3, padding="same"),
        cnnx.BatchNorm2d(),
        cnnx.ReLU(),
        cnnx.Conv2d(2, 3, padding="same"),
    ]
    return cnnx.Model(layers, input_shape=(12, 12, 1), seed=3)


def squares() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Bright squares on noise, labelled 1."""
    random = np.random.default_rng(5)
    x = random.integers(0, 120, (60, 12, 12, 1), np.uint8)
    y = np.zeros((60, 12, 12), np.int64)
    for image, mask in zip(x, y, strict=True):
        top, left = random.integers(0, 8, 2)
        image[top : top + 4, left : left + 4] += 120
        mask[top : top + 4, left : left + 4] = 1
    return x, y


def test_a_network_learns_to_find_squares() -> None:
    x, y = squares()
    trainer = cnnx.Trainer(network(), optimizer=cnnx.Adam(0.02))
    history = trainer.fit(x[:48], y[:48], epochs=10, batch_size=8, validation=(x[48:], y[48:]))
    assert history.validation_accuracy[-1] > 0.98
    measured = trainer.evaluate(x[48:], y[48:])
    assert measured["accuracy"] == history.validation_accuracy[-1]
    assert history.accuracy[-1] == pytest.approx(trainer.evaluate(x, y)["accuracy"], abs=0.03)


def test_a_part_is_held_out() -> None:
    x, y = squares()
    history = cnnx.Trainer(network()).fit(x, y, epochs=1, validation=0.25)
    assert len(history.validation_accuracy) == 1


def trained(threads: int, epochs: int, checkpoint: Path) -> bytes:
    model = network()
    with cnnx.use_threads(threads):
        trainer = cnnx.Trainer(model, optimizer=cnnx.Adam(0.01))
        trainer.fit(*squares(), epochs=epochs, batch_size=16, checkpoint=checkpoint)
    return model._core.to_bytes()


def test_bits_do_not_depend_on_threads_and_interruptions(tmp_path: Path) -> None:
    expected = trained(1, 4, tmp_path / "one.ckpt")
    assert trained(2, 4, tmp_path / "two.ckpt") == expected
    trained(2, 2, tmp_path / "half.ckpt")
    resumed = cnnx.Trainer.resume(tmp_path / "half.ckpt")
    resumed.fit(*squares(), epochs=2, batch_size=16, checkpoint=tmp_path / "half.ckpt")
    assert resumed.model._core.to_bytes() == expected


SHAPE = (COUNT, HEIGHT, WIDTH)


@pytest.mark.parametrize(
    ("y", "error", "sentence"),
    [
        (np.zeros(COUNT, int), ValueError, r"has shape \(6,\), expected a label for each position"),
        (np.zeros((COUNT, WIDTH, HEIGHT), int), ValueError, r"position of the output, \(6, 5, 4\)"),
        (np.full(SHAPE, 4), ValueError, r"has label 4 at position \(0, 0, 0\), expected 0 to 3"),
        (np.full(SHAPE, -1), ValueError, r"has label -1 at position \(0, 0, 0\)"),
        (np.zeros(SHAPE), TypeError, "has dtype float64, expected integers"),
        (np.full((*SHAPE, CLASSES), 0.5), ValueError, r"add up to 2 at position \(0, 0, 0\)"),
    ],
)
def test_wrong_labels_are_refused(y: Any, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=f"^fit: y has .*{sentence.removeprefix('has ')}"):
        cnnx.Trainer(make_model()).fit(samples()[0], y, epochs=1)


def test_one_class_is_refused() -> None:
    model = cnnx.Model([cnnx.Conv2d(1, 1)], input_shape=(4, 4, 1))
    with pytest.raises(ValueError, match="end it with Conv2d of at least 2 channels"):
        cnnx.Trainer(model)
