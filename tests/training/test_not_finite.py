"""A loss that is NaN or infinite ends a fit at its step, names the layer, and damages nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx.training.history import Progress

SIZE = 16
x, y = cnnx.data.xo(23, size=SIZE, seed=1)


def network() -> cnnx.Model:
    return cnnx.Model(
        [
            cnnx.Conv2d(4, 3),
            cnnx.BatchNorm2d(),
            cnnx.ReLU(),
            cnnx.MaxPool2d(2),
            cnnx.Dropout(0.2),
            cnnx.Flatten(),
            cnnx.Dense(8, name="inner"),
            cnnx.Dense(2, name="outer"),
        ],
        input_shape=(SIZE, SIZE, 1),
    )


def state(model: cnnx.Model) -> list[bytes]:
    return [array.tobytes() for array in (*model.parameters.values(), *model.buffers.values())]


def test_a_learning_rate_that_explodes_ends_in_one_sentence() -> None:
    trainer = cnnx.Trainer(network(), optimizer=cnnx.SGD(1e30))
    before: list[list[bytes]] = [state(trainer.model)]

    def look(progress: Progress) -> None:
        before.append(state(trainer.model))

    with pytest.raises(
        FloatingPointError,
        match=r"^fit: in step \d of epoch 1 the loss is (NaN|infinite), because the output of "
        r"(conv2d_1|batch_norm2d_1|inner|outer) is not finite; the model is as it was before this "
        "step, expected a finite loss: try a smaller learning rate$",
    ):
        trainer.fit(x, y, epochs=3, batch_size=8, progress=look)
    assert state(trainer.model) == before[-1]


@pytest.mark.parametrize("layer", ["conv2d_1", "batch_norm2d_1", "inner", "outer"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_the_layer_is_named_and_the_model_is_as_before(layer: str, value: float) -> None:
    trainer = cnnx.Trainer(network())
    trainer.fit(x, y, epochs=1)
    name = next(each for each in trainer.model.parameters if each.startswith(f"{layer}."))
    weights = trainer.model.parameters[name].copy()
    weights.flat[0] = value
    trainer.model.parameters[name] = weights
    before = state(trainer.model)
    with pytest.raises(FloatingPointError, match=f"in step 1 of epoch 1 .* output of {layer} is"):
        trainer.fit(x, y, epochs=1)
    assert state(trainer.model) == before
    assert len(trainer.history) == 1


@pytest.mark.parametrize(
    "augmentation",
    [None, cnnx.data.Augmentation(brightness=0.2), cnnx.data.Augmentation(contrast=0.2)],
    ids=repr,
)
def test_images_that_are_not_finite_are_named(augmentation: Any) -> None:
    images: Any = x.astype(np.float32)
    images[20, 3, 3] = np.nan
    trainer = cnnx.Trainer(network())
    with pytest.raises(
        FloatingPointError,
        match=r"in step 3 of epoch 1 the loss is NaN, because the images are not finite; the "
        "model is as it was before this step, expected finite images$",
    ):
        trainer.fit(images, y, epochs=1, batch_size=8, shuffle=False, augmentation=augmentation)


def test_an_infinite_loss_of_finite_outputs_is_reported() -> None:
    layers = [cnnx.Flatten(), cnnx.Dense(1)]
    trainer = cnnx.Trainer(cnnx.Model(layers, input_shape=(SIZE, SIZE, 1)), loss=cnnx.MSE())
    with pytest.raises(
        FloatingPointError, match="the loss is infinite, though every layer's output is finite; the"
    ):
        trainer.fit(x, np.full(len(x), 3e38, np.float32), epochs=1)


def test_steps_of_an_iterable_of_batches_are_counted() -> None:
    bad = np.full((2, SIZE, SIZE, 1), np.inf, np.float32)
    trainer = cnnx.Trainer(network())
    with pytest.raises(FloatingPointError, match=r"^fit: in step 2 of epoch 1 the loss is"):
        trainer.fit([(x, y), (bad, [0, 1])], epochs=1)


def test_a_custom_step_returns_its_loss(tmp_path: Path) -> None:
    trainer = cnnx.Trainer(network())
    bad = np.full((2, SIZE, SIZE, 1), np.nan, np.float32)
    assert np.isnan(trainer.compute_gradients(bad, [0, 1]))


def test_the_previous_checkpoint_stays_and_resumes(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    trainer = cnnx.Trainer(network())

    def explode(progress: Progress) -> None:
        if progress.epoch == 2:
            trainer.learning_rate = 1e30

    with pytest.raises(FloatingPointError, match="of epoch 2"):
        trainer.fit(x, y, epochs=4, batch_size=4, checkpoint=path, progress=explode)
    resumed = cnnx.Trainer.resume(path)
    assert resumed.learning_rate == cnnx.Adam().learning_rate
    assert len(resumed.fit(x, y)) == 4


def test_weights_that_the_last_step_broke_are_named() -> None:
    rules = [cnnx.ParameterRule("inner.weight", learning_rate_factor=1e10)]
    trainer = cnnx.Trainer(network(), optimizer=cnnx.SGD(1e38), rules=rules)
    with pytest.raises(
        FloatingPointError,
        match=r"^fit: after epoch 1 inner\.weight holds NaN or an infinite number, expected "
        "finite weights: try a smaller learning rate$",
    ):
        trainer.fit(x, y, epochs=1, batch_size=len(x))
    assert trainer.history.loss == []


def test_a_buffer_that_is_not_finite_is_named() -> None:
    trainer = cnnx.Trainer(network())
    trainer.model.layers[1].trainable = False  # it divides by the buffer's value, and stays 0
    trainer.model.buffers["batch_norm2d_1.running_variance"] = np.full(4, np.inf, np.float32)
    with pytest.raises(FloatingPointError, match=r"after epoch 1 batch_norm2d_1\.running_variance"):
        trainer.fit(x, y, epochs=1)


def test_a_validation_loss_that_is_not_finite_ends_the_fit() -> None:
    trainer = cnnx.Trainer(network())
    bad = np.full((2, SIZE, SIZE, 1), -3e38, np.float32)  # finite, with infinite sums
    with pytest.raises(
        FloatingPointError, match=r"^fit: after epoch 1 the validation loss is NaN,"
    ):
        trainer.fit(x, y, epochs=2, validation=(bad, [0, 1]))
    assert trainer.history.loss == []


def test_broken_weights_replace_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    cnnx.Trainer(network()).fit(x, y, epochs=1, checkpoint=path)
    before = path.read_bytes()
    trainer = cnnx.Trainer(network(), optimizer=cnnx.SGD(1e38))
    trainer.model.parameters["outer.bias"] = np.array([0, np.nan], np.float32)
    with pytest.raises(FloatingPointError, match=r"^fit: outer\.bias holds NaN"):
        trainer.fit(x, y, epochs=1, checkpoint=path)
    assert path.read_bytes() == before
