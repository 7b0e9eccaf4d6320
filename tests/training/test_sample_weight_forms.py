"""Sample weights in every form of data, in resumed runs and refused; balanced class weights."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import numpy.typing as npt
import pytest
from cnnx.data import Dataset
from damaged_metadata import metadata_of, replaced, write_damaged

Array = npt.NDArray[Any]

SHAPE = (4, 4, 1)


def make_trainer(rate: float = 0.1) -> cnnx.Trainer:
    model = cnnx.Model([cnnx.Flatten(), cnnx.Dense(3)], input_shape=SHAPE, seed=4)
    return cnnx.Trainer(model, optimizer=cnnx.SGD(rate), seed=2)


def batch(count: int) -> tuple[Array, Array, Array]:
    """Images, labels and weights."""
    rng = np.random.default_rng(5)
    x = rng.random((count, *SHAPE), dtype=np.float32)
    return x, rng.integers(0, 3, count), rng.gamma(1.0, size=count)


def results(trainer: cnnx.Trainer) -> list[Any]:
    """Bits of the weights, and the metrics."""
    history = [each for name, each in vars(trainer.history).items() if name != "seconds"]
    return [array.tobytes() for array in trainer.model.parameters.values()] + repr(history).split()


# Forms of data.


def test_a_data_set_takes_an_array_of_its_length(tmp_path: Path) -> None:
    x, y = cnnx.data.xo(30, size=16, seed=1)
    w = np.linspace(0, 1, 30)
    classes = ("X", "O")
    np.savez(tmp_path / "xo.npz", x=x, y=y)
    held_out = Dataset(x[:5], y[:5], classes)
    found = []
    for data in (x, Dataset(x, y, classes), tmp_path / "xo.npz"):
        layers = [cnnx.Flatten(), cnnx.Dense(2)]
        trainer = cnnx.Trainer(cnnx.Model(layers, input_shape=(16, 16, 1)))
        targets = y if data is x else None
        trainer.fit(data, targets, sample_weight=w, epochs=1, validation=held_out)
        found.append((results(trainer), trainer.evaluate(data, targets, sample_weight=w)))
    assert found[0] == found[1] == found[2]
    with pytest.raises(ValueError, match=r"^fit: sample_weight has shape \(29,\), expected one nu"):
        trainer.fit(Dataset(x, y, classes), sample_weight=w[1:], epochs=1)


def test_a_fraction_is_held_out_with_its_weights() -> None:
    x, y, w = batch(60)
    trainer = make_trainer(0.0)
    history = trainer.fit(x, y, sample_weight=w, epochs=1, validation=0.5)
    every = trainer.evaluate(x, y, sample_weight=w)["loss"]
    assert min(history.loss[0], history.validation_loss[0]) < every
    assert every < max(history.loss[0], history.validation_loss[0])
    with pytest.raises(ValueError, match="leaves only zeros of sample_weight on one side"):
        trainer.fit(x, y, sample_weight=np.arange(60) == 7, epochs=1, validation=0.5)


def test_one_image_takes_one_number() -> None:
    x, y, _ = batch(1)
    trainer = make_trainer(0.0)
    assert trainer.step(x[0], y[0], sample_weight=0.5) == trainer.step(x, y)


def test_a_learning_rate_range_uses_them() -> None:
    x, y, w = batch(32)
    rates = {"lowest": 1e-3, "highest": 1.0, "steps": 10}
    plain = cnnx.lr_find(make_trainer(), x, y, **rates)
    weighted = cnnx.lr_find(make_trainer(), (x, y, w), **rates)
    batches = [(x, y, w)]
    same = cnnx.lr_find(make_trainer(), batches, **rates)
    assert weighted.losses == pytest.approx(same.losses, rel=1e-6)
    assert weighted.losses != plain.losses


def test_an_iterable_with_weights_resumes_at_its_position(tmp_path: Path) -> None:
    x, y, w = batch(30)
    batches = [(x[i : i + 7], y[i : i + 7], w[i : i + 7]) for i in range(0, 30, 7)]
    path = tmp_path / "run.ckpt"
    whole = make_trainer()
    whole.fit(batches, epochs=2)

    def interrupt(progress: Any) -> None:
        if progress.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_trainer().fit(batches, epochs=2, checkpoint=path, progress=interrupt)
    resumed = cnnx.Trainer.resume(path)
    resumed.fit(batches)
    assert results(resumed) == results(whole)


def test_a_run_resumes_with_its_own_weights(tmp_path: Path) -> None:
    x, y, w = batch(30)

    def begun(path: Path, validation: Any = None, **settings: Any) -> Path:
        trainer = make_trainer()
        stop = lambda progress: trainer.stop()  # noqa: E731
        trainer.fit(
            x, y, epochs=2, checkpoint=path, progress=stop, validation=validation, **settings
        )
        return path

    weighted, plain = (
        begun(tmp_path / "weighted.ckpt", sample_weight=w),
        begun(tmp_path / "plain.ckpt"),
    )
    held_out = begun(tmp_path / "held_out.ckpt", (x, y, w))
    for path, arguments, sentence in (
        (weighted, {}, "x has no sample_weight, expected that which the run was started with"),
        (weighted, {"sample_weight": w + 1}, "x has another sample_weight, expected the numbers"),
        (plain, {"sample_weight": w}, "x has another sample_weight, expected none, as the run was"),
        (held_out, {"validation": (x, y)}, "validation has no sample_weight, expected that which"),
    ):
        with pytest.raises(ValueError, match=f"^fit: {sentence}"):
            cnnx.Trainer.resume(path, epochs=3).fit(x, y, **arguments)


@pytest.mark.parametrize(
    ("place", "wrong", "sentence"),
    [
        (
            ("data", 0, "sample_weight"),
            -1,
            r"run\.data\.0\.sample_weight is -1, expected an integer",
        ),
        (("position", 1), [0.5, 9.0, -1.0, 9.0], r"run\.position\.1 is \[0\.5, 9\.0, -1\.0, 9\.0"),
        (
            ("position", 1),
            [0.5, 9.0, 4.0, math.inf],
            r"run\.position\.1 is \[0\.5, 9\.0, 4\.0, inf",
        ),
    ],
)
def test_damaged_weights_in_a_checkpoint_are_refused(
    place: tuple[Any, ...], wrong: Any, sentence: str, tmp_path: Path
) -> None:
    x, y, w = batch(30)
    path = tmp_path / "run.ckpt"
    trainer = make_trainer()
    stop = lambda progress: trainer.stop()  # noqa: E731
    trainer.fit(x, y, sample_weight=w, epochs=2, batch_size=9, checkpoint=path, progress=stop)
    damaged = replaced(metadata_of(path), ("run", *place), wrong)
    write_damaged(path, tmp_path / "wrong.ckpt", damaged)
    with pytest.raises(cnnx.FormatError, match=sentence):
        cnnx.Trainer.resume(tmp_path / "wrong.ckpt")


# Refusals.


@pytest.mark.parametrize("method", ["step", "compute_gradients", "evaluate", "fit"])
@pytest.mark.parametrize(
    ("weights", "error", "sentence"),
    [
        ([1, 2, 3], ValueError, r"has shape \(3,\), expected one number per image, \(4,\)"),
        (1.0, ValueError, r"has shape \(\), expected one number per image, \(4,\)"),
        ([[1], [1], [1], [1]], ValueError, r"has shape \(4, 1\), expected one number per image"),
        ([1, 1, -1, 1], ValueError, "has -1 at position 2, expected numbers >= 0 that are finite"),
        (
            [1, np.nan, 1, 1],
            ValueError,
            "has nan at position 1, expected numbers >= 0 that are finite",
        ),
        ([1e300, 1, 1, 1], ValueError, r"has 1e\+300 at position 0, expected numbers >= 0 that"),
        (["a", "b", "c", "d"], TypeError, "has dtype <U1, expected real numbers"),
    ],
)
def test_wrong_weights_are_refused(
    method: str, weights: Any, error: type[Exception], sentence: str
) -> None:
    x, y, _ = batch(4)
    settings = {"epochs": 1} if method == "fit" else {}
    with pytest.raises(error, match=f"^{method}: sample_weight {sentence}"):
        getattr(make_trainer(), method)(x, y, sample_weight=weights, **settings)


def test_weights_that_cannot_count_are_refused() -> None:
    x, y, w = batch(4)
    trainer = make_trainer()
    zeros = np.zeros(4)
    only = "sample_weight holds only zeros, expected at least one number above 0"
    for data in ((x, y, zeros), [(x, y, zeros)]):
        with pytest.raises(ValueError, match=f"^evaluate: {only}"):
            trainer.evaluate(data)
    with pytest.raises(ValueError, match=f"^fit: {only}"):
        trainer.fit(x, y, sample_weight=zeros, epochs=1)
    with pytest.raises(ValueError, match=f"^fit: validation: {only}"):
        trainer.fit(x, y, epochs=1, validation=(x, y, zeros))
    for data, form in (
        ((x, y, w), r"\(x, y, sample_weight\)"),
        ([(x, y)], "an iterable of batches, which are"),
    ):
        with pytest.raises(
            ValueError, match=f"^fit: sample_weight is .*, expected none with {form}"
        ):
            trainer.fit(data, sample_weight=w, epochs=1)
    with pytest.raises(TypeError, match=r"a batch is .*, expected \(x, y\) or \(x, y, sample_weig"):
        trainer.fit([(x, y, w, w)], epochs=1)


# Balanced classes.


def test_balanced_classes_count_the_same() -> None:
    y = np.array([0, 0, 0, 1, 2, 2])
    loss = cnnx.CrossEntropy.balanced(y, label_smoothing=0.1)
    assert loss.class_weights == pytest.approx([2 / 3, 2, 1])
    assert loss.label_smoothing == 0.1
    names = np.array(["cat", "cat", "cat", "dog", "owl", "owl"])
    model = cnnx.Model(
        [cnnx.Flatten(), cnnx.Dense(3)], input_shape=SHAPE, classes=["owl", "dog", "cat"]
    )
    by_name = cnnx.CrossEntropy.balanced(names)
    trainer = cnnx.Trainer(model, loss=by_name)
    assert trainer._recipe.loss.class_weights == pytest.approx([1, 2, 2 / 3])  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("y", "error", "sentence"),
    [
        ([], ValueError, r"y has shape \(0,\), expected labels \(N,\) or .*, at least one"),
        ([[0, 1]], ValueError, r"y has shape \(1, 2\), expected labels \(N,\) or .*, at least one"),
        ([0, 2], ValueError, "y has no label 1, expected one of every class from 0 to 2"),
        ([0, -1], ValueError, "y has label -1, expected indices >= 0"),
        ([0.5, 1], TypeError, "y has dtype float64, expected integers or class names"),
    ],
)
def test_labels_that_cannot_be_balanced_are_refused(
    y: Any, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=rf"^CrossEntropy\.balanced: {sentence}"):
        cnnx.CrossEntropy.balanced(y)
    with pytest.raises(TypeError, match=r"expected a list of numbers: CrossEntropy\.balanced\(y\)"):
        cnnx.CrossEntropy(class_weights="balanced")  # type: ignore[arg-type]
