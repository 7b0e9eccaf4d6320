"""Shards of a batch: added in one fixed order, and remembered by a run."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import cnnx
import numpy as np
import pytest
from cnnx import layers
from cnnx.arguments import FloatArray

GROUP = 8  # shards that are added before their sum is


def data(rows: int, seed: int = 0) -> tuple[FloatArray, Any]:
    random = np.random.default_rng(seed)
    x = random.standard_normal((rows, 8, 8, 3)).astype(np.float32)
    return x, random.integers(0, 4, rows)


def network(*more: layers.Layer, seed: int = 3) -> cnnx.Model:
    return cnnx.Model(
        [layers.Conv2d(5, 3), layers.ReLU(), *more, layers.Flatten(), layers.Dense(4)],
        input_shape=(8, 8, 3),
        seed=seed,
    )


def parts(rows: int, shards: int) -> list[slice]:
    """The rows of every shard that has some."""
    bounds = [rows * shard // shards for shard in range(shards + 1)]
    return [slice(a, b) for a, b in pairwise(bounds) if a < b]


def in_groups(rows: int, shards: int, arrays: list[FloatArray]) -> FloatArray:
    """The arrays of all shards, added in the documented order in float32."""
    groups: dict[int, FloatArray] = {}
    numbers = [s for s in range(shards) if rows * s // shards < rows * (s + 1) // shards]
    for number, array in zip(numbers, arrays, strict=True):
        group = number // GROUP
        groups[group] = groups[group] + array if group in groups else array.copy()
    total, *others = groups.values()
    for other in others:
        total = total + other
    return total


@pytest.mark.parametrize("shards", [2, 3, 8, 9, 17, 24])
@pytest.mark.parametrize("rows", [1, 7, 40])
def test_gradients_are_the_sum_of_shards_in_order(shards: int, rows: int) -> None:
    x, y = data(rows)
    trainer = cnnx.Trainer(network(), shards=shards)
    loss = trainer.compute_gradients(x, y)
    one = cnnx.Trainer(network())
    losses, gradients = [], []
    for part in parts(rows, shards):
        losses.append(one.compute_gradients(x[part], y[part], divisor=rows))
        gradients.append(one.gradients.copy())
    np.testing.assert_array_equal(trainer.gradients, in_groups(rows, shards, gradients))
    assert loss == pytest.approx(sum(losses), rel=1e-12)


def test_one_shard_is_the_whole_batch() -> None:
    x, y = data(20)
    gradients = []
    for settings in ({}, {"shards": 1}):
        trainer = cnnx.Trainer(network(layers.BatchNorm2d()), **settings)
        trainer.compute_gradients(x, y)
        gradients.append(trainer.gradients.tobytes())
    assert gradients[0] == gradients[1]


@pytest.mark.parametrize("shards", [2, 3, 12])
def test_running_statistics_are_the_mean_over_shards(shards: int) -> None:
    x, y = data(25)
    model = network(layers.BatchNorm2d())
    before = {name: array.copy() for name, array in model.buffers.items()}
    cnnx.Trainer(model, shards=shards).compute_gradients(x, y)
    each: dict[str, list[FloatArray]] = {name: [] for name in before}
    for part in parts(25, shards):
        alone = network(layers.BatchNorm2d())
        cnnx.Trainer(alone).compute_gradients(x[part], y[part])
        share = (part.stop - part.start) / 25
        for name, array in alone.buffers.items():
            change = array.astype(np.float64) - before[name]
            each[name].append((share * change).astype(np.float32))
    for name, array in model.buffers.items():
        assert not np.array_equal(array, before[name])
        np.testing.assert_array_equal(array, before[name] + in_groups(25, shards, each[name]))


def test_frozen_statistics_stay() -> None:
    x, y = data(24)
    model = network(layers.BatchNorm2d())
    cnnx.Trainer(model).step(x, y)
    model.layers[2].trainable = False
    before = {name: array.tobytes() for name, array in model.buffers.items()}
    cnnx.Trainer(model, shards=3).step(x, y)
    assert {name: array.tobytes() for name, array in model.buffers.items()} == before


def test_shards_draw_different_dropout() -> None:
    x, y = data(1)
    both, labels = np.concatenate([x, x]), np.concatenate([y, y])
    trainer = cnnx.Trainer(network(layers.Dropout(0.5)), shards=2)
    trainer.compute_gradients(both, labels, divisor=1)
    twice = trainer.gradients.copy()
    first = cnnx.Trainer(network(layers.Dropout(0.5)))
    first.compute_gradients(x, y, divisor=1)
    assert not np.allclose(twice, 2 * first.gradients)
    first_of_both = first.gradients.copy()
    first.compute_gradients(x, y, divisor=1)  # its second, with the numbers of the second shard
    np.testing.assert_array_equal(twice, first_of_both + first.gradients)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("mixup", [0.0, 0.4])
def test_a_fit_minimises_the_loss_of_the_whole_batch(weighted: bool, mixup: float) -> None:
    """Without batch norm and dropout, shards change nothing but rounding."""
    x, y = data(53)
    weights = np.random.default_rng(5).uniform(0, 2, 53).astype(np.float32) if weighted else None
    found = []
    for shards in (1, 4):
        model = network()
        trainer = cnnx.Trainer(
            model,
            optimizer=cnnx.SGD(0.05, momentum=0.9),
            loss=cnnx.CrossEntropy(class_weights=[1, 2, 0.5, 3] if weighted else None),
            shards=shards,
        )
        augmentation = cnnx.data.Augmentation(shift=2, flip="random", mixup=mixup)
        history = trainer.fit(
            x, y, sample_weight=weights, epochs=2, batch_size=16, augmentation=augmentation
        )
        found.append((history.loss, np.concatenate([p.ravel() for p in model.parameters.values()])))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-4)
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-3, atol=1e-4)


def run(shards: int, **settings: Any) -> cnnx.Trainer:
    model = network(layers.BatchNorm2d(), layers.Dropout(0.3))
    trainer = cnnx.Trainer(model, shards=shards)
    x, y = data(45)
    augmentation = cnnx.data.Augmentation(shift=1, mixup=0.2)
    trainer.fit(x, y, epochs=3, batch_size=16, augmentation=augmentation, **settings)
    return trainer


def bytes_of(trainer: cnnx.Trainer) -> bytes:
    arrays = [*trainer.model.parameters.values(), *trainer.model.buffers.values()]
    return b"".join(array.tobytes() for array in arrays) + repr(trainer.history.loss).encode()


def test_a_checkpoint_remembers_the_shards(tmp_path: Path) -> None:
    whole = run(5)

    class Stop(cnnx.callbacks.Callback):
        def on_step_end(self, trainer: cnnx.Trainer, progress: Any) -> None:
            if (progress.epoch, progress.step) == (2, 2):
                raise KeyboardInterrupt

    path = tmp_path / "run.ckpt"
    with pytest.raises(KeyboardInterrupt):
        run(5, callbacks=[Stop()], checkpoint=path)
    resumed = cnnx.Trainer.resume(path)
    resumed.fit(*data(45))
    assert bytes_of(resumed) == bytes_of(whole)
    assert bytes_of(run(4)) != bytes_of(whole)


def test_gradients_of_a_large_model_are_kept() -> None:
    model = cnnx.Model(
        [layers.Flatten(), layers.Dense(22000), layers.Dense(4)], input_shape=(8, 8, 3)
    )
    x, y = data(4)
    trainer = cnnx.Trainer(model, shards=2)
    trainer.step(x, y)
    assert np.any(trainer.gradients != 0)


def test_a_loss_that_is_not_finite_restores_the_model() -> None:
    model = network(layers.BatchNorm2d())
    trainer = cnnx.Trainer(model, shards=4)
    x, y = data(16)
    trainer.step(x, y)
    before = bytes_of(trainer)
    x[9] = np.nan
    with pytest.raises(FloatingPointError, match="because the images are not finite"):
        trainer.step(x, y)
    assert bytes_of(trainer) == before


@pytest.mark.parametrize("shards", [0, -1, 1.5, "8", True, None, 2**17])
def test_shards_are_a_small_positive_number(shards: Any) -> None:
    with pytest.raises(ValueError, match=r"Trainer: shards is .*, expected an integer from 1"):
        cnnx.Trainer(network(), shards=shards)


def test_a_batch_has_an_image_for_each_shard() -> None:
    trainer = cnnx.Trainer(network(), shards=9)
    with pytest.raises(ValueError, match="batch_size is 8, expected at least one image for each"):
        trainer.fit(*data(40), epochs=1, batch_size=8)


def test_batches_of_an_iterable_may_have_any_size() -> None:
    x, y = data(70)
    trainer = cnnx.Trainer(network(), shards=66)
    history = trainer.fit([(x[:67], y[:67]), (x[67:], y[67:])], epochs=1)
    assert np.isfinite(history.loss).all()


def large_network() -> cnnx.Model:
    """More than four million parameters, and a first convolution that is computed again."""
    return cnnx.Model(
        [
            layers.Conv2d(48, 5, stride=2, padding=2, bias=False),
            *(layers.BatchNorm2d(), layers.ReLU(), layers.MaxPool2d(3, stride=2, padding=1)),
            layers.Conv2d(96, 3, padding=1, bias=False),
            *(layers.BatchNorm2d(), layers.ReLU(), layers.Flatten(), layers.Dense(180)),
            layers.Dense(4),
        ],
        input_shape=(64, 64, 3),
        seed=1,
    )


def test_arrays_that_are_computed_again_change_no_bits() -> None:
    random = np.random.default_rng(2)
    x, y = random.standard_normal((6, 64, 64, 3)).astype(np.float32), random.integers(0, 4, 6)
    model = large_network()
    assert sum(array.size for array in model.parameters.values()) > 4_000_000
    trainer = cnnx.Trainer(model, shards=2)
    trainer.compute_gradients(x, y)
    halves = cnnx.Trainer(large_network())
    expected = np.zeros_like(trainer.gradients)
    for part in parts(6, 2):
        halves.compute_gradients(x[part], y[part], divisor=6)
        expected += halves.gradients
    np.testing.assert_array_equal(trainer.gradients, expected)


LOSSES = {
    "labels": (cnnx.CrossEntropy(label_smoothing=0.1, class_weights=[1, 2, 0.5, 3]), (4,)),
    "soft labels": (cnnx.CrossEntropy(), (4,)),
    "several labels": (cnnx.BinaryCrossEntropy(), (4,)),
    "regression": (cnnx.Huber(0.5), (4,)),
    "pixels": (cnnx.MSE(), (6, 6, 5)),
}


def targets_of(name: str, rows: int) -> Any:
    random = np.random.default_rng(7)
    shape = (rows, *LOSSES[name][1])
    if name == "labels":
        return random.integers(0, 4, rows)
    if name == "several labels":
        return random.integers(0, 2, shape)
    values = random.random(shape, dtype=np.float32)
    return values / values.sum(axis=1, keepdims=True) if name == "soft labels" else values


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("weighted", [False, True])
def test_every_loss_is_that_of_the_whole_batch(name: str, weighted: bool) -> None:
    x, _ = data(10)
    y, found = targets_of(name, 10), []
    weights = np.array([0, 0, 0, 1, 2, 0, 1, 3, 0, 0]) if weighted else None  # shard 0 has zeros
    for shards in (1, 4):
        model = network()
        if name == "pixels":
            model = cnnx.Model(list(model.layers)[:2], input_shape=(8, 8, 3), seed=3)
        trainer = cnnx.Trainer(model, loss=LOSSES[name][0], shards=shards)
        loss = trainer.compute_gradients(x, y, sample_weight=weights)
        found.append(np.append(trainer.gradients, loss))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "settings",
    [
        {"clip_norm": 0.1},
        {"optimizer": cnnx.Muon(0.01)},
        {"recompute": True},
        {"averaging": cnnx.WeightAverage(0.5)},
    ],
)
def test_other_settings_apply_to_the_sum(settings: dict[str, Any]) -> None:
    x, y = data(12)
    found = []
    for shards in (1, 3):
        model = network()
        trainer = cnnx.Trainer(model, **{"optimizer": cnnx.SGD(0.1), **settings}, shards=shards)
        for step in range(4):
            model.layers[0].trainable = step not in (1, 2)
            trainer.step(x, y)
        if "averaging" in settings:
            model = trainer.averaged_model()
        found.append(np.concatenate([array.ravel() for array in model.parameters.values()]))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-3, atol=1e-5)


def test_profiles_count_steps_and_copies_keep_the_shards() -> None:
    x, y = data(12)
    trainer = cnnx.Trainer(network(), shards=4)
    trainer.start_profile()
    trainer.step(x, y)
    trainer.release()
    trainer.step(x, y)
    profile = trainer.profile()
    assert profile.steps == 2
    assert all(each.forward > 0 for each in profile.layers)
    copy = trainer._copy()
    copy.compute_gradients(x, y)
    trainer.compute_gradients(x, y)
    np.testing.assert_array_equal(copy.gradients, trainer.gradients)
