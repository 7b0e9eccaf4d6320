"""fit on a Dataset and on an iterable of batches; the stratified split."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx.data import Augmentation, Dataset
from cnnx.data.split import split

SIZE = 16


def build(classes: list[str] | None = None) -> cnnx.Model:
    layers = [cnnx.Conv2d(4, 5, stride=2), cnnx.ReLU(), cnnx.Flatten(), cnnx.Dense(2)]
    return cnnx.Model(layers, input_shape=(SIZE, SIZE, 1), classes=classes)


def bits(model: cnnx.Model) -> list[bytes]:
    return [array.tobytes() for array in model.parameters.values()]


@pytest.fixture(scope="module")
def samples() -> tuple[Any, Any]:
    return cnnx.data.xo(23, size=SIZE, seed=1)


class Batches:
    """An iterable of the same batches each time, without a length."""

    def __init__(self, x: Any, y: Any, size: int = 8) -> None:
        self.parts = [(x[i : i + size], y[i : i + size]) for i in range(0, len(x), size)]

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return iter(self.parts)


# Batches.


@pytest.mark.parametrize("augmentation", [None, Augmentation(crop_padding=2, rotate=20)])
@pytest.mark.parametrize("loss", [cnnx.CrossEntropy(), cnnx.MSE()], ids=repr)
def test_batches_are_parts_of_an_array(
    loss: Any, augmentation: Augmentation | None, samples: tuple[Any, Any]
) -> None:
    x, y = samples
    if isinstance(loss, cnnx.MSE):
        y = np.eye(2)[y]
    held = (x[:5], y[:5])
    whole, parts = (cnnx.Trainer(build(), loss=loss, seed=4) for _ in range(2))
    expected = whole.fit(
        *(x, y), epochs=3, batch_size=8, shuffle=False, augmentation=augmentation, validation=held
    )
    found = parts.fit(Batches(x, y), epochs=3, augmentation=augmentation, validation=held)
    assert bits(parts.model) == bits(whole.model)
    np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-12)
    np.testing.assert_allclose(found.accuracy, expected.accuracy, rtol=1e-12)
    assert found.validation_loss == expected.validation_loss


def test_a_generator_lasts_one_epoch(samples: tuple[Any, Any]) -> None:
    x, y = samples
    trainer, other = cnnx.Trainer(build()), cnnx.Trainer(build())
    trainer.fit(((x[i : i + 8], y[i : i + 8]) for i in range(0, 23, 8)), epochs=1)
    other.fit(Batches(x, y).parts, epochs=1)
    assert bits(trainer.model) == bits(other.model)
    with pytest.raises(
        ValueError, match="fit: x is an iterator, which can be used once, but epochs is 2"
    ):
        trainer.fit(iter(Batches(x, y)), epochs=2)


def test_a_resumed_epoch_needs_a_new_generator(samples: tuple[Any, Any]) -> None:
    x, y = samples

    def generator() -> Iterator[tuple[Any, Any]]:
        yield from Batches(x, y).parts

    def interrupt(progress: cnnx.Progress) -> None:
        if progress.step == 1:
            raise KeyboardInterrupt

    whole, trainer, used = cnnx.Trainer(build()), cnnx.Trainer(build()), generator()
    whole.fit(generator(), epochs=1)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(used, epochs=1, progress=interrupt)
    with pytest.raises(ValueError, match="a generator that has begun, expected a new one: a res"):
        trainer.fit(used)
    trainer.fit(generator())
    assert bits(trainer.model) == bits(whole.model)


def test_progress_knows_the_steps_where_there_is_a_length(samples: tuple[Any, Any]) -> None:
    steps: list[tuple[int, int]] = []
    trainer = cnnx.Trainer(build())
    for batches in (Batches(*samples), Batches(*samples).parts):
        trainer.fit(batches, epochs=1, progress=lambda p: steps.append((p.step, p.steps)))
    assert steps == [(1, 0), (2, 0), (3, 0), (3, 0), (1, 3), (2, 3), (3, 3), (3, 3)]


def test_a_schedule_needs_a_length(samples: tuple[Any, Any]) -> None:
    whole, parts = (
        cnnx.Trainer(build(), optimizer=cnnx.SGD(0.1), schedule=cnnx.CosineDecay())
        for _ in range(2)
    )
    whole.fit(*samples, epochs=2, batch_size=8, shuffle=False)
    with pytest.raises(ValueError, match=r"fit: x is .* without len\(\), which the schedule needs"):
        parts.fit(Batches(*samples), epochs=2)
    parts.fit(Batches(*samples).parts, epochs=2)
    assert bits(parts.model) == bits(whole.model)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"x": 3},
            TypeError,
            "x is 3 without y, expected labels too, a Dataset, a path or an iterable",
        ),
        ({"x": np.zeros((2, SIZE, SIZE, 1))}, TypeError, "x is an array of shape .* without y"),
        ({"x": []}, ValueError, r"x gave no batches, expected at least one \(x, y\)"),
        ({"x": [3]}, TypeError, r"a batch is 3, expected \(x, y\)"),
        ({"x": [(np.zeros((0, SIZE, SIZE, 1)), [])]}, ValueError, "there are no images"),
        (
            {"x": [], "batch_size": 8},
            ValueError,
            "batch_size is 8, expected none with an iterable of batches",
        ),
        (
            {"x": [], "shuffle": True},
            ValueError,
            "shuffle is True, expected none with an iterable of batches",
        ),
        ({"x": [], "validation": 0.1}, ValueError, r"validation is 0.1, expected \(x, y\) with"),
    ],
    ids=str,
)
def test_refusals(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^fit: {message}"):
        cnnx.Trainer(build()).fit(**arguments, epochs=1)


# Data sets.


def test_a_data_set_includes_its_validation_set(samples: tuple[Any, Any]) -> None:
    x, y = samples
    dataset = Dataset(x[5:], y[5:], ("X", "O"), validation=Dataset(x[:5], y[:5], ("X", "O")))
    whole, given = (cnnx.Trainer(build(["X", "O"])) for _ in range(2))
    expected = whole.fit(x[5:], y[5:], epochs=2, validation=(x[:5], y[:5]))
    found = given.fit(dataset, epochs=2)
    assert bits(given.model) == bits(whole.model)
    assert found.validation_loss == expected.validation_loss
    held_out = given.fit(dataset, epochs=1, validation=(x, y))
    assert held_out.validation_loss[-1] == given.evaluate(x, y)["loss"]
    with pytest.raises(ValueError, match="fit: the data set has the classes X, O, expected the mo"):
        cnnx.Trainer(build(["O", "X"])).fit(dataset, epochs=1)
    listed: Any = Dataset(x, y, ["X", "O"])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="fit: the data set has the classes X, O, expected the mo"):
        cnnx.Trainer(build(["O", "X"])).fit(listed, epochs=1)


# The split.


@pytest.mark.parametrize("fraction", [0.01, 0.1, 1 / 3, 0.5, 0.9])
@pytest.mark.parametrize("classes", [1, 2, 7])
def test_the_split_is_stratified(fraction: float, classes: int) -> None:
    rng = np.random.default_rng(0)
    labels = rng.choice(classes, 1000, p=rng.dirichlet(np.full(classes, 3)))
    order = rng.permutation(1000).tolist()
    held_out, rest = split(order, fraction, labels)
    assert len(held_out) == round(1000 * fraction)
    assert sorted(held_out + rest) == list(range(1000))
    places = {row: place for place, row in enumerate(order)}
    for rows in (held_out, rest):
        assert rows == sorted(rows, key=places.__getitem__)
    sizes = np.bincount(labels, minlength=classes)
    counts = np.bincount(labels[held_out], minlength=classes)
    assert (abs(counts - fraction * sizes) < 1).all()
    assert (counts < sizes).all()


def test_a_class_keeps_its_only_image() -> None:
    labels = np.array([0, 1, 1, 1, 1, 3])
    for order in (list(range(6)), [5, 4, 3, 2, 1, 0]):
        held_out, _ = split(order, 0.5, labels)
        assert labels[held_out].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("sizes", "fraction", "expected"),
    [
        ([1] * 50 + [50], 0.5, [0] * 50 + [49]),  # no more, since every class keeps an image
        ([1] * 100 + [1000, 10], 0.5, [0] * 100 + [549, 6]),
        ([2, 2, 96], 0.9, [1, 1, 88]),
        ([3, 3, 3, 3], 0.75, [2, 2, 2, 2]),
    ],
)
def test_larger_classes_give_more_than_small_ones_can(
    sizes: list[int], fraction: float, expected: list[int]
) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    held_out, _ = split(range(len(labels)), fraction, labels)
    assert np.bincount(labels[held_out], minlength=len(sizes)).tolist() == expected


def test_fit_splits_by_class_with_labels_and_at_random_without(samples: tuple[Any, Any]) -> None:
    x, y = samples
    loss = cnnx.Trainer(build(), optimizer=cnnx.SGD(0.0)).fit(x, y, epochs=1, validation=0.5)
    trainer = cnnx.Trainer(build(), optimizer=cnnx.SGD(0.0))
    held_out, rest = split(trainer._core.split_order(len(x)), 0.5, y)
    assert loss.validation_loss[0] == trainer.evaluate(x[held_out], y[held_out])["loss"]
    assert loss.loss[0] == pytest.approx(trainer.evaluate(x[rest], y[rest])["loss"], rel=1e-6)
    assert split([4, 2, 0, 1, 3], 0.4) == ([4, 2], [0, 1, 3])


@pytest.mark.parametrize("ignored", [-1, 255, 2**40])
def test_ignored_labels_are_split_too(ignored: int, samples: tuple[Any, Any]) -> None:
    x, y = samples
    labels = np.where(np.arange(len(y)) < 4, ignored, y)
    trainer = cnnx.Trainer(build(), loss=cnnx.CrossEntropy(ignore_index=ignored))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = trainer.fit(x, labels, epochs=1, validation=0.3)
    assert np.isfinite(history.validation_loss[0])


def test_a_fraction_in_float32_resumes_with_its_split(
    samples: tuple[Any, Any], tmp_path: Path
) -> None:
    fraction = np.float32(1.5 / 23)  # 2 of 23 images in float32 arithmetic, 1 in double
    x, y = samples

    def interrupt(progress: cnnx.Progress) -> None:
        raise KeyboardInterrupt

    whole, trainer = cnnx.Trainer(build()), cnnx.Trainer(build())
    whole.fit(x, y, epochs=2, validation=fraction)
    path = tmp_path / "run.ckpt"
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(x, y, epochs=2, validation=fraction, checkpoint=path, progress=interrupt)
    resumed = cnnx.Trainer.resume(path)
    resumed.fit(x, y)
    assert bits(resumed.model) == bits(whole.model)
