"""Forms of labelled images: fit, its validation and evaluate measure the same images in each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx.data import Dataset

SIZE = 16
CLASSES = ("X", "O")
x, y = cnnx.data.xo(41, size=SIZE, seed=3)
SOFT = np.random.default_rng(5).dirichlet([1.0, 1.0], len(y))
# Loss -> targets.
LOSSES: dict[Any, Any] = {
    cnnx.CrossEntropy(): y,
    cnnx.CrossEntropy(label_smoothing=0.1, class_weights=(0.3, 2.1)): y,
    cnnx.CrossEntropy(class_weights=(0.1, 0.7)): SOFT,
    cnnx.CrossEntropy(class_weights=(0.0, 1.0)): y,
    cnnx.BinaryCrossEntropy(): np.eye(2)[y],
    cnnx.Huber(0.3): SOFT,
}


def build() -> cnnx.Model:
    layers = [cnnx.Conv2d(4, 5, stride=2), cnnx.ReLU(), cnnx.Flatten(), cnnx.Dense(2)]
    return cnnx.Model(layers, input_shape=(SIZE, SIZE, 1), classes=CLASSES)


def begin(**settings: Any) -> cnnx.Trainer:
    return cnnx.Trainer(build(), **settings)


class Batches:
    """An iterable of uneven batches, without a length."""

    def __init__(self, x: Any, y: Any, cuts: tuple[int, ...] = (1, 9, 10, 30)) -> None:
        self.parts = list(zip(np.split(x, cuts), np.split(y, cuts), strict=True))

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return iter(self.parts)


def close(found: dict[str, float], expected: dict[str, float]) -> None:
    assert found == {
        name: pytest.approx(value, rel=1e-14, abs=0, nan_ok=True)
        for name, value in expected.items()
    }


def dataset(first: int, last: int, **sets: Dataset) -> Dataset:
    return Dataset(x[first:last], y[first:last], CLASSES, **sets)


def folders(path: Path, *names: str) -> Path:
    """A folder of these sets, each with images of its own."""
    image = pytest.importorskip("PIL.Image", reason="needs Pillow: install the extra cli")
    for part, name in enumerate(names):
        for row in range(5 * part, 5 * part + 5):
            file = path / name / CLASSES[y[row]] / f"{row:02}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            image.fromarray(x[row, ..., 0]).save(file)
    return path


# Evaluation of batches.


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("averaged", [False, True])
def test_batches_have_the_metrics_of_the_whole_array(loss: Any, averaged: bool) -> None:
    targets = LOSSES[loss]
    trainer = begin(loss=loss, averaging=cnnx.WeightAverage(0.5))
    trainer.fit(x, targets, epochs=2, batch_size=8)
    expected = trainer.evaluate(x, targets, averaged=averaged)
    whole = Batches(x, targets)
    for batches in (whole, iter(whole), [[*batch] for batch in whole], [(x, targets)]):
        close(trainer.evaluate(batches, averaged=averaged), expected)
    other = trainer.evaluate(x, targets, averaged=not averaged)
    assert other["loss"] != expected["loss"]


def test_a_loss_is_a_mean_over_images_and_not_over_batches() -> None:
    trainer = begin()
    parts = [trainer.evaluate(*batch)["loss"] for batch in Batches(x, y)]
    assert trainer.evaluate(Batches(x, y))["loss"] != pytest.approx(np.mean(parts), rel=1e-3)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_validation_in_batches_has_the_metrics_of_the_whole_array(loss: Any) -> None:
    targets = LOSSES[loss]
    histories = []
    for validation in ((x, targets), [x, targets], Batches(x, targets), list(Batches(x, targets))):
        trainer = begin(loss=loss)
        histories.append(trainer.fit(x[:20], targets[:20], epochs=2, validation=validation))
    for history in histories[1:]:
        assert history.loss == histories[0].loss
        close({"loss": history.validation_loss[-1]}, {"loss": histories[0].validation_loss[-1]})
        assert history.validation_accuracy == pytest.approx(
            histories[0].validation_accuracy, rel=1e-14, abs=0, nan_ok=True
        )


def test_two_batches_of_two_labels_are_no_pair_of_arrays() -> None:
    batches = [(x[:2], y[:2]), (x[2:4], y[2:4])]
    trainer = begin()
    close(trainer.evaluate(batches), trainer.evaluate(x[:4], y[:4]))
    close(trainer.evaluate((x[:2], y[:2])), trainer.evaluate(x[:2], y[:2]))
    close(trainer.evaluate((list(x[:2]), list(y[:2]))), trainer.evaluate(x[:2], y[:2]))
    close(trainer.evaluate([list(x[:2]), ["X", "O"]]), trainer.evaluate(x[:2], [0, 1]))


# Sets of a Dataset and of a folder.


def test_evaluate_prefers_the_held_out_sets() -> None:
    trainer = begin()
    validation, test = dataset(5, 10), dataset(10, 15)
    for data, first in (
        (dataset(0, 5), 0),
        (dataset(0, 5, validation=validation), 5),
        (dataset(0, 5, validation=validation, test=test), 10),
        (dataset(0, 5, test=test), 10),
    ):
        rows = slice(first, first + 5)
        assert trainer.evaluate(data) == trainer.evaluate(x[rows], y[rows])


@pytest.mark.parametrize(
    "names", [("train", "validation"), ("train", "val", "test"), ("train", "test")]
)
def test_evaluate_prefers_the_held_out_folders(names: tuple[str, ...], tmp_path: Path) -> None:
    folders(tmp_path, *names)
    trainer = begin()
    rows = slice(5 * len(names) - 5, 5 * len(names))
    close(trainer.evaluate(tmp_path), trainer.evaluate(x[rows], y[rows]))
    close(trainer.evaluate(str(tmp_path / names[-1])), trainer.evaluate(x[rows], y[rows]))


def test_validation_of_a_folder_is_its_validation_set(tmp_path: Path) -> None:
    folders(tmp_path, "train", "validation", "test")
    trainer = begin(optimizer=cnnx.SGD(0.0))
    for path in (tmp_path, tmp_path / "validation"):
        history = trainer.fit(x[:5], y[:5], epochs=1, validation=path)
        close(
            {"loss": history.validation_loss[-1]},
            {"loss": trainer.evaluate(x[5:10], y[5:10])["loss"]},
        )
    with pytest.raises(ValueError, match=r"such as validation=cnnx\.data\.load\('.*/test'\)\.test"):
        trainer.fit(x, y, epochs=1, validation=folders(tmp_path / "test", "train", "test"))


def test_other_classes_are_refused() -> None:
    other = Dataset(x, y, ("O", "X"))
    trainer = begin()
    for call, name in (
        (lambda: trainer.evaluate(other), "evaluate"),
        (lambda: trainer.fit(x, y, epochs=1, validation=other), "fit: validation"),
        (lambda: trainer.fit(dataset(0, 5, validation=other), epochs=1), "fit: validation"),
        (lambda: trainer.fit(other, epochs=1), "fit"),
    ):
        with pytest.raises(
            ValueError, match=f"^{name}: the data set has the classes O, X, expected"
        ):
            call()


# Resumed runs.


def interrupted(path: Path, **settings: Any) -> None:
    def press(progress: Any) -> None:
        if progress.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        begin().fit(x, y, epochs=3, checkpoint=path, progress=press, **settings)


def test_a_run_with_validation_in_batches_resumes_with_batches(tmp_path: Path) -> None:
    path, batches = tmp_path / "run.ckpt", Batches(x, y)
    interrupted(path, validation=batches)
    for other, given in (
        (None, "holds no arrays"),
        ((x, y), "holds arrays, expected batches, with"),
    ):
        with pytest.raises(ValueError, match=f"fit: validation .*{given}"):
            cnnx.Trainer.resume(path).fit(x, y, validation=other)
    whole = begin().fit(x, y, epochs=3, validation=batches)
    history = cnnx.Trainer.resume(path).fit(x, y, validation=batches)
    assert history.validation_loss == whole.validation_loss
    assert history.loss == whole.loss


def test_a_run_with_validation_arrays_does_not_resume_with_batches(tmp_path: Path) -> None:
    interrupted(tmp_path / "run.ckpt", validation=(x, y))
    with pytest.raises(ValueError, match="validation holds batches, expected arrays, with"):
        cnnx.Trainer.resume(tmp_path / "run.ckpt").fit(x, y, validation=Batches(x, y))


def test_classes_of_single_images_leave_none_for_validation() -> None:
    layers = [cnnx.Flatten(), cnnx.Dense(20)]
    trainer = cnnx.Trainer(cnnx.Model(layers, input_shape=(8, 8, 1)))
    images = np.zeros((20, 8, 8), np.float32)
    sentence = r"fit: validation is 0\.1, but every class has a single image, .* expected more"
    with (
        pytest.warns(cnnx.Warning, match="single image"),
        pytest.raises(ValueError, match=sentence),
    ):
        trainer.fit(images, np.arange(20), epochs=1, validation=0.1)
